//! The pushing side of the API: objects and manifests.

use super::App;
use super::answer::{Answer, Refusal, blocking, run_blocking};
use super::auth::Asker;
use super::catalogue::{Scope, Who};
use super::extract::{at_most, check_is_json, read_json};
use super::room::{LARGEST_BODY, length_of, whole};
use super::stream::{self, Range};
use crate::model::{AttemptId, Error, ErrorKind, Hash, Result, limits};
use crate::remote::{Manifest, Object, PAGE_RUNS, PART_BYTES, Receipt, RunHead, SizedHash, read_frames};
use axum::Json;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::TryStreamExt;
use serde::{Deserialize, Serialize};
use std::io::Read;
use std::sync::Arc;
use tokio_util::io::{StreamReader, SyncIoBridge};
use utoipa::ToSchema;

type Shared = State<Arc<App>>;

/// Most names that are asked for at once, and the bytes that they take.
const NAMES: usize = 100_000;
const NAMES_BYTES: u64 = 8 << 20;

/// Largest body of manifests.
const MANIFESTS_BYTES: u64 = limits::MANIFEST_BYTES as u64 + (1 << 20);

/// What tells this remote from every other.
#[derive(Serialize, ToSchema)]
pub(super) struct Identity {
    /// What it chose for itself when it was made.
    id: AttemptId,
}

/// `GET /remote`: what tells this remote from every other.
pub(super) async fn identity(State(app): Shared, _: Asker) -> Answer<Json<Identity>> {
    blocking(move || Ok(Identity { id: app.objects.identity()? })).await
}

/// `POST /objects/missing`: which of these are not here?
pub(super) async fn missing(State(app): Shared, who: Asker, request: Request) -> Answer<Json<Vec<Object>>> {
    who.may_at_all(Scope::Write)?;
    check_is_json(request.headers())?;
    let (body, _room) = whole(&app, &who, request, NAMES_BYTES).await?;
    let objects: Vec<Object> = read_json(&body)?;
    at_most("names", objects.len(), NAMES)?;
    blocking(move || app.missing_of(&who, &objects)).await
}

/// `PUT /segments/{hash}`: a zstd frame with the segment in it.
pub(super) async fn put_segment(
    State(app): Shared,
    who: Asker,
    Path(hash): Path<String>,
    request: Request,
) -> Answer<StatusCode> {
    who.may_at_all(Scope::Write)?;
    put(app, who, Object::Segment(parse(&hash)?), request).await
}

/// Where a part of a blob belongs.
#[derive(Deserialize)]
pub(super) struct Part {
    offset: Option<u64>,
    size: Option<u64>,
}

/// `PUT /blobs/{hash}`: the bytes of a blob; with `?offset=…&size=…` a part of it.
pub(super) async fn put_blob(
    State(app): Shared,
    who: Asker,
    Path(hash): Path<String>,
    Query(part): Query<Part>,
    request: Request,
) -> Answer<StatusCode> {
    who.may_at_all(Scope::Write)?;
    let sha256 = parse(&hash)?;
    let (offset, size) = match (part.offset, part.size) {
        (None, None) => return put(app, who, Object::Blob(sha256), request).await,
        (Some(offset), Some(size)) => (offset, size),
        _ => return Err(Error::usage("A part has `offset` and `size`").into()),
    };
    let (bytes, _room) = whole(&app, &who, request, PART_BYTES).await?;
    run_blocking(move || {
        app.check_takes()?;
        app.put_part(&who, SizedHash { sha256, size }, offset, bytes.into())
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The length of a blob.
#[derive(Deserialize)]
pub(super) struct Size {
    size: u64,
}

/// How much of a blob is here.
#[derive(Serialize, ToSchema)]
pub(super) struct Held {
    /// In bytes, from its beginning.
    held: u64,
}

/// `GET /blobs/{hash}/held?size=…`: how much of a large blob is here.
pub(super) async fn held(
    State(app): Shared,
    who: Asker,
    Path(hash): Path<String>,
    Query(Size { size }): Query<Size>,
) -> Answer<Json<Held>> {
    who.may_at_all(Scope::Write)?;
    let sha256 = parse(&hash)?;
    blocking(move || Ok(Held { held: app.held_for(&who, SizedHash { sha256, size })? })).await
}

/// `POST /objects`: many small objects, each in a frame.
pub(super) async fn put_many(State(app): Shared, who: Asker, request: Request) -> Answer<StatusCode> {
    who.may_at_all(Scope::Write)?;
    let (body, _room) = whole(&app, &who, request, LARGEST_BODY).await?;
    run_blocking(move || {
        app.check_takes()?;
        read_frames(&mut &body[..], |objects| {
            let names: Vec<Object> = objects.iter().map(|(object, _)| *object).collect();
            app.objects.put_all(objects)?;
            app.catalogue.prove(&who, &names, app.clock.now())
        })
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /segments/{hash}`.
pub(super) async fn get_segment(
    State(app): Shared,
    who: Asker,
    Path(hash): Path<String>,
    headers: HeaderMap,
) -> Answer<Response> {
    get(app, who, Object::Segment(parse(&hash)?), &headers).await
}

/// `GET /blobs/{hash}`.
pub(super) async fn get_blob(
    State(app): Shared,
    who: Asker,
    Path(hash): Path<String>,
    headers: HeaderMap,
) -> Answer<Response> {
    get(app, who, Object::Blob(parse(&hash)?), &headers).await
}

/// `POST /manifests`: makes a run visible; the answer is the receipt.
pub(super) async fn commit(State(app): Shared, who: Asker, request: Request) -> Answer<Json<Receipt>> {
    who.may_at_all(Scope::Write)?;
    let (body, _room) = whole(&app, &who, request, MANIFESTS_BYTES).await?;
    blocking(move || {
        let manifest = Manifest::parse(&body)?;
        let mut done = app.commit(&who, &[manifest])?;
        done.pop().unwrap_or_else(|| Err(Error::damaged("A commit came to nothing")))
    })
    .await
}

/// How one of several commits went.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum Committed {
    /// What is held now.
    Done {
        /// The proof.
        receipt: Receipt,
    },
    /// What an answer of its own would have said.
    Refused {
        /// In words.
        error: String,
        /// What to do.
        #[serde(skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
        /// The status.
        status: u16,
    },
}

/// `POST /manifests/batch`: makes many runs visible, each by itself.
pub(super) async fn commit_many(
    State(app): Shared,
    who: Asker,
    request: Request,
) -> Answer<Json<Vec<Committed>>> {
    who.may_at_all(Scope::Write)?;
    let (body, _room) = whole(&app, &who, request, MANIFESTS_BYTES).await?;
    blocking(move || {
        let given: Vec<&serde_json::value::RawValue> = serde_json::from_slice(&body)
            .map_err(|e| Error::usage("The body is no JSON array of manifests").with_source(e))?;
        let parsed: Vec<Result<Manifest>> =
            given.iter().map(|one| Manifest::parse(one.get().as_bytes())).collect();
        let sound: Vec<Manifest> = parsed.iter().filter_map(|one| one.as_ref().ok().cloned()).collect();
        let mut done = app.commit(&who, &sound)?.into_iter();
        let nothing = || Err(Error::damaged("A commit came to nothing"));
        Ok(parsed
            .into_iter()
            .map(|one| committed(one.and_then(|_| done.next().unwrap_or_else(nothing))))
            .collect())
    })
    .await
}

fn committed(done: Result<Receipt>) -> Committed {
    done.map_or_else(
        |error| {
            let refusal = Refusal::from(error);
            let hint = refusal.error.hint().map(str::to_owned);
            Committed::Refused { status: refusal.status().as_u16(), error: refusal.message(), hint }
        },
        |receipt| Committed::Done { receipt },
    )
}

/// After which run a page begins.
#[derive(Deserialize)]
pub(super) struct After {
    after: Option<String>,
}

/// `GET /manifests?after=…`: the runs at a glance, a page ordered by key.
pub(super) async fn heads(
    State(app): Shared,
    who: Asker,
    Query(After { after }): Query<After>,
) -> Answer<Json<Vec<RunHead>>> {
    let mut after = after.as_deref().map(parse).transpose()?;
    blocking(move || {
        loop {
            let mut heads = app.catalogue.heads(after, PAGE_RUNS)?;
            let Some(last) = heads.last() else { return Ok(heads) };
            after = Some(last.key);
            heads.retain(|head| who.may(Scope::Read, &head.run.entity, &head.run.project).is_ok());
            // An empty page says that it is the last.
            if !heads.is_empty() {
                return Ok(heads);
            }
        }
    })
    .await
}

/// `GET /manifests/{key}`.
pub(super) async fn manifest(
    State(app): Shared,
    who: Asker,
    Path(key): Path<String>,
) -> Answer<impl IntoResponse> {
    let key = parse(&key)?;
    let json = run_blocking(move || {
        let none = || Error::new(ErrorKind::NotFound, format!("There is no run {key}"));
        let manifest = app.objects.manifest_of(key)?.ok_or_else(none)?;
        who.may(Scope::Read, &manifest.run.entity, &manifest.run.project).map_err(|_| none())?;
        app.catalogue.check_not_removed(&manifest.run)?;
        manifest.to_json()
    })
    .await?;
    Ok(([("content-type", "application/json")], json))
}

pub(super) fn parse(hash: &str) -> Result<Hash> {
    Hash::parse(hash)
        .ok_or_else(|| Error::usage(format!("`{}` is no hash of 64 hexadecimal digits", hash.escape_debug())))
}

async fn put(app: Arc<App>, who: Asker, object: Object, request: Request) -> Answer<StatusCode> {
    let most = match object {
        Object::Segment(_) => limits::SEGMENT_BYTES as u64,
        Object::Blob(_) => PART_BYTES,
    };
    let fits = length_of(&request).is_some_and(|length| length <= most);
    if fits || matches!(object, Object::Segment(_)) {
        let (bytes, _room) = whole(&app, &who, request, most).await?;
        run_blocking(move || app.take(&who, object, Box::new(std::io::Cursor::new(bytes)))).await?;
    } else {
        // A thread waits for all of it, so there are few of these.
        let _room = app.room.take(&who.account, PART_BYTES).await;
        let pieces = request.into_body().into_data_stream().map_err(std::io::Error::other);
        let sent = SyncIoBridge::new(StreamReader::new(Box::pin(pieces)));
        run_blocking(move || app.take(&who, object, Box::new(sent))).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

impl App {
    fn take(&self, who: &Asker, object: Object, bytes: Box<dyn Read + Send>) -> Result<()> {
        self.check_takes()?;
        self.objects.put(object, 0, bytes)?;
        self.catalogue.prove(who, &[object], self.clock.now())
    }
}

async fn get(app: Arc<App>, who: Asker, object: Object, headers: &HeaderMap) -> Answer<Response> {
    let range = Range::of(headers);
    let find = Arc::clone(&app);
    let size = run_blocking(move || {
        let size = find.catalogue.size_for(&who, object)?;
        size.map_or_else(|| Err(find.why_not(&who, object)?), Ok)
    })
    .await?;
    match object {
        Object::Blob(_) => stream::blob(app, object, size, range).await,
        Object::Segment(_) => stream::segment(app, object, range).await,
    }
}

impl App {
    /// Says why an object is not here for somebody.
    ///
    /// # Errors
    /// The catalogue cannot be used.
    pub(super) fn why_not(&self, who: &Who, object: Object) -> Result<Error> {
        if matches!(object, Object::Blob(_)) && self.catalogue.is_left_out(who, object.hash())? {
            let message = format!("The {object} was left out when its run was pushed");
            return Ok(Error::new(ErrorKind::NotFound, message).with_hint(
                "`danlu sync` from where the run is, without `--exclude`, `--include` and `--max-size`, sends it",
            ));
        }
        Ok(Error::new(ErrorKind::NotFound, format!("There is no {object} in a run that you may see")))
    }
}

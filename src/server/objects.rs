//! The pushing side of the API: objects and manifests.

use super::App;
use super::answer::{Answer, Refusal, blocking, run_blocking};
use super::auth::Asker;
use super::catalogue::{Scope, Who};
use super::stream::{self, Range};
use crate::model::{AttemptId, Error, ErrorKind, Hash, Result};
use crate::remote::{Manifest, Object, PAGE_RUNS, PART_BYTES, Receipt, RunHead, SizedHash, read_frames};
use axum::Json;
use axum::body::{Bytes, to_bytes};
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
pub(super) async fn missing(
    State(app): Shared,
    who: Asker,
    Json(objects): Json<Vec<Object>>,
) -> Answer<Json<Vec<Object>>> {
    who.may_at_all(Scope::Write)?;
    blocking(move || app.objects.missing(&objects)).await
}

/// `PUT /segments/{hash}`: a zstd frame with the segment in it.
pub(super) async fn put_segment(
    State(app): Shared,
    who: Asker,
    Path(hash): Path<String>,
    request: Request,
) -> Answer<StatusCode> {
    who.may_at_all(Scope::Write)?;
    put(app, Object::Segment(parse(&hash)?), request).await
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
        (None, None) => return put(app, Object::Blob(sha256), request).await,
        (Some(offset), Some(size)) => (offset, size),
        _ => return Err(Error::usage("A part has `offset` and `size`").into()),
    };
    let _room = app.room.take(PART_BYTES).await;
    let bytes = whole(request, PART_BYTES).await?;
    run_blocking(move || app.objects.put_part(SizedHash { sha256, size }, offset, bytes.into())).await?;
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
    blocking(move || Ok(Held { held: app.objects.held(SizedHash { sha256, size })? })).await
}

/// `POST /objects`: many small objects, each in a frame.
pub(super) async fn put_many(State(app): Shared, who: Asker, request: Request) -> Answer<StatusCode> {
    who.may_at_all(Scope::Write)?;
    let _room = app.room.take(PART_BYTES).await;
    let mut sent = Sent::new(request);
    run_blocking(move || {
        read_frames(&mut sent, |objects| app.objects.put_all(objects)).inspect_err(|_| sent.drain())
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
pub(super) async fn commit(State(app): Shared, who: Asker, body: Bytes) -> Answer<Json<Receipt>> {
    who.may_at_all(Scope::Write)?;
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
pub(super) async fn commit_many(State(app): Shared, who: Asker, body: Bytes) -> Answer<Json<Vec<Committed>>> {
    who.may_at_all(Scope::Write)?;
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
        who.may(Scope::Read, &manifest.run.entity, &manifest.run.project)?;
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

async fn put(app: Arc<App>, object: Object, request: Request) -> Answer<StatusCode> {
    let sent = Sent::new(request);
    let (refused, reader) = (sent.clone(), Box::new(sent));
    run_blocking(move || app.objects.put(object, 0, reader).inspect_err(|_| refused.clone().drain())).await?;
    Ok(StatusCode::NO_CONTENT)
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

/// Reads a body that is to be in memory as a whole.
async fn whole(request: Request, most: u64) -> Answer<Bytes> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    to_bytes(request.into_body(), most).await.map_err(|e| {
        let error =
            Error::new(ErrorKind::Limit, format!("The body cannot be read, or has more than {most} bytes"));
        Refusal::from(error.with_source(e))
    })
}

/// What is read at most of an object that is refused already.
const DRAIN_BYTES: u64 = 4 << 30;

type Bridge =
    SyncIoBridge<StreamReader<futures_util::stream::BoxStream<'static, std::io::Result<Bytes>>, Bytes>>;

/// The body of a request, of which there may be a rest.
#[derive(Clone)]
struct Sent(Arc<std::sync::Mutex<Bridge>>);

impl Sent {
    fn new(request: Request) -> Self {
        let parts = request.into_body().into_data_stream().map_err(std::io::Error::other);
        Self(Arc::new(std::sync::Mutex::new(SyncIoBridge::new(StreamReader::new(Box::pin(parts) as _)))))
    }

    /// Reads the rest. A client that is still sending would see a broken connection instead of the reason.
    fn drain(&mut self) {
        std::io::copy(&mut self.take(DRAIN_BYTES), &mut std::io::sink()).ok();
    }
}

impl Read for Sent {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).read(buffer)
    }
}

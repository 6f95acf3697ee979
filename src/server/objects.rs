//! The pushing side of the API: objects and manifests.

use super::App;
use super::answer::{Answer, blocking, run_blocking};
use crate::model::{Error, ErrorKind, Hash};
use crate::remote::{Manifest, Object, Receipt, Remote};
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use futures_util::TryStreamExt;
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};
use tokio_util::io::{ReaderStream, StreamReader, SyncIoBridge};

type Shared = State<Arc<App>>;

/// `GET /remote`: what tells this remote from every other.
pub(super) async fn identity(State(app): Shared) -> Answer<Json<serde_json::Value>> {
    blocking(move || Ok(serde_json::json!({"id": app.objects.identity()?}))).await
}

/// `POST /objects/missing`: which of these are not here?
pub(super) async fn missing(
    State(app): Shared,
    Json(objects): Json<Vec<Object>>,
) -> Answer<Json<Vec<Object>>> {
    blocking(move || app.objects.missing(&objects)).await
}

/// `PUT /segments/{hash}`: a zstd frame with the segment in it.
pub(super) async fn put_segment(
    State(app): Shared,
    Path(hash): Path<String>,
    request: Request,
) -> Answer<StatusCode> {
    put(app, Object::Segment(parse(&hash)?), request).await
}

/// `PUT /blobs/{hash}`: the bytes of a blob.
pub(super) async fn put_blob(
    State(app): Shared,
    Path(hash): Path<String>,
    request: Request,
) -> Answer<StatusCode> {
    put(app, Object::Blob(parse(&hash)?), request).await
}

/// `GET /segments/{hash}`.
pub(super) async fn get_segment(State(app): Shared, Path(hash): Path<String>) -> Answer<impl IntoResponse> {
    get(app, Object::Segment(parse(&hash)?)).await
}

/// `GET /blobs/{hash}`.
pub(super) async fn get_blob(State(app): Shared, Path(hash): Path<String>) -> Answer<impl IntoResponse> {
    get(app, Object::Blob(parse(&hash)?)).await
}

/// `POST /manifests`: makes a run visible; the answer is the receipt.
pub(super) async fn commit(State(app): Shared, body: Bytes) -> Answer<Json<Receipt>> {
    blocking(move || app.commit(&Manifest::parse(&body)?)).await
}

/// `GET /manifests/{key}`.
pub(super) async fn manifest(State(app): Shared, Path(key): Path<String>) -> Answer<impl IntoResponse> {
    let key = parse(&key)?;
    let found = run_blocking(move || app.objects.manifest_of(key)).await?;
    let manifest = found.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("There is no run {key}")))?;
    Ok(([("content-type", "application/json")], manifest.to_json()?))
}

pub(super) fn parse(hash: &str) -> crate::Result<Hash> {
    Hash::parse(hash)
        .ok_or_else(|| Error::usage(format!("`{}` is no hash of 64 hexadecimal digits", hash.escape_debug())))
}

async fn put(app: Arc<App>, object: Object, request: Request) -> Answer<StatusCode> {
    let parts = request.into_body().into_data_stream().map_err(std::io::Error::other);
    let sent = Sent(Arc::new(Mutex::new(SyncIoBridge::new(StreamReader::new(parts)))));
    run_blocking(move || {
        app.objects.put(object, 0, Box::new(sent.clone())).inspect_err(|_| {
            // A client that is still sending would see a broken connection instead of the reason.
            std::io::copy(&mut sent.take(DRAIN_BYTES), &mut std::io::sink()).ok();
        })
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What is read at most of an object that is refused already.
const DRAIN_BYTES: u64 = 4 << 30;

/// The body of a request, of which there may be a rest.
struct Sent<R>(Arc<Mutex<R>>);

impl<R> Clone for Sent<R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<R: Read> Read for Sent<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).read(buffer)
    }
}

/// Streams an object.
pub(super) async fn get(app: Arc<App>, object: Object) -> Answer<Body> {
    let path = app.objects.path_of(object);
    let file = tokio::fs::File::open(&path)
        .await
        .map_err(|_| Error::new(ErrorKind::NotFound, format!("There is no {object}")))?;
    Ok(Body::from_stream(ReaderStream::with_capacity(file, 1 << 18)))
}

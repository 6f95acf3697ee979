//! How the server answers: JSON, errors as one object, the same headers on everything.

use crate::model::{Error, ErrorKind, Result};
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

/// What a handler returns.
pub(super) type Answer<T> = std::result::Result<T, Refusal>;

/// An error on its way to the client.
pub(super) struct Refusal(pub(super) Error);

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        if self.0.is_out_of_room() {
            let body = json!({"error": format!("the server's disk is full: {}", self.0)});
            return (StatusCode::INSUFFICIENT_STORAGE, Json(body)).into_response();
        }
        let status = match self.0.kind() {
            ErrorKind::Usage | ErrorKind::Damaged | ErrorKind::Version => StatusCode::BAD_REQUEST,
            ErrorKind::Denied => StatusCode::UNAUTHORIZED,
            ErrorKind::Forbidden => StatusCode::FORBIDDEN,
            ErrorKind::Gone => StatusCode::GONE,
            ErrorKind::NotFound => StatusCode::NOT_FOUND,
            ErrorKind::Conflict => StatusCode::CONFLICT,
            ErrorKind::Gone => StatusCode::GONE,
            ErrorKind::Limit => StatusCode::PAYLOAD_TOO_LARGE,
            ErrorKind::Busy | ErrorKind::Unreachable => StatusCode::SERVICE_UNAVAILABLE,
            ErrorKind::Io => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let body = match self.0.hint() {
            Some(hint) => json!({"error": self.0.to_string(), "hint": hint}),
            None => json!({"error": self.0.to_string()}),
        };
        (status, Json(body)).into_response()
    }
}

/// Runs work that waits for disks on a thread where it may, and answers with its result as JSON.
pub(super) async fn blocking<T: Serialize + Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Answer<Json<T>> {
    run_blocking(work).await.map(Json)
}

/// Runs work that waits for disks on a thread where it may.
pub(super) async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Answer<T> {
    let broke = |e| Error::new(ErrorKind::Io, "The server broke down in this request").with_source(e);
    Ok(tokio::task::spawn_blocking(work).await.map_err(broke)??)
}

/// Answers for an address that there is not.
pub(super) async fn no_route() -> Refusal {
    Refusal(Error::new(ErrorKind::NotFound, "There is nothing at this address"))
}

/// Adds what every response carries.
pub(super) async fn with_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert("danlu-version", HeaderValue::from_static(crate::VERSION));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

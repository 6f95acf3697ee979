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
pub(super) struct Refusal {
    pub(super) error: Error,
    status: Option<StatusCode>,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { error, status: None }
    }
}

impl Refusal {
    /// An error with a status that no kind of error has.
    pub(super) fn with(status: StatusCode, error: Error) -> Self {
        Self { error, status: Some(status) }
    }

    /// Returns the status that says this.
    pub(super) fn status(&self) -> StatusCode {
        if self.error.is_out_of_room() {
            return StatusCode::INSUFFICIENT_STORAGE;
        }
        self.status.unwrap_or(match self.error.kind() {
            ErrorKind::Usage | ErrorKind::Damaged | ErrorKind::Version => StatusCode::BAD_REQUEST,
            ErrorKind::Denied => StatusCode::UNAUTHORIZED,
            ErrorKind::Forbidden => StatusCode::FORBIDDEN,
            ErrorKind::NotFound => StatusCode::NOT_FOUND,
            ErrorKind::Conflict => StatusCode::CONFLICT,
            ErrorKind::Gone => StatusCode::GONE,
            ErrorKind::Limit => StatusCode::PAYLOAD_TOO_LARGE,
            ErrorKind::Busy | ErrorKind::Unreachable => StatusCode::SERVICE_UNAVAILABLE,
            ErrorKind::Io => StatusCode::INTERNAL_SERVER_ERROR,
        })
    }

    /// Returns what it says.
    pub(super) fn message(&self) -> String {
        if self.error.is_out_of_room() {
            return format!("the server's disk is full: {}", self.error);
        }
        self.error.to_string()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = self.status();
        if status.is_server_error() {
            tracing::error!(target: "danlu::server", error = %self.error, "a request failed");
        }
        let body = match self.error.hint() {
            Some(hint) => json!({"error": self.message(), "hint": hint}),
            None => json!({"error": self.message()}),
        };
        let mut response = (status, Json(body)).into_response();
        if let Some(wait) = self.error.retry_after() {
            response.headers_mut().insert(header::RETRY_AFTER, wait.as_secs().max(1).into());
        }
        response
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
    Refusal::from(Error::new(ErrorKind::NotFound, "There is nothing at this address"))
}

/// Adds what every response carries, and lets refusals of the framework be like ours.
pub(super) async fn with_headers(response: Response) -> Response {
    let mut response = as_ours(response).await;
    let headers = response.headers_mut();
    headers.insert("danlu-version", HeaderValue::from_static(crate::VERSION));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// What is read of a text that the framework refuses with.
const REFUSAL_BYTES: usize = 64 << 10;

async fn as_ours(response: Response) -> Response {
    let status = response.status();
    let refused = status.is_client_error() || status.is_server_error();
    let kind = response.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    if !refused || kind.is_some_and(|kind| !kind.starts_with(b"text/plain")) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let said = axum::body::to_bytes(body, REFUSAL_BYTES).await.unwrap_or_default();
    let said = String::from_utf8_lossy(&said).into_owned();
    let said = if said.is_empty() { status.canonical_reason().unwrap_or("refused").to_owned() } else { said };
    parts.headers.remove(header::CONTENT_TYPE);
    parts.headers.remove(header::CONTENT_LENGTH);
    (status, parts.headers, Json(json!({"error": said}))).into_response()
}

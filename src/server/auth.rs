//! Who may: API keys, in a header or in the page's cookie.

use super::App;
use super::answer::{Refusal, run_blocking};
use crate::model::{Error, ErrorKind};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;
use std::sync::Arc;

/// The name of the page's cookie.
pub(super) const COOKIE: &str = "danlu_key";

/// Lets a request through that carries a known key.
pub(super) async fn require_key(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let refused = |why: &str| Refusal(Error::new(ErrorKind::Denied, why));
    let key = key_of(request.headers()).ok_or_else(|| refused("An API key is needed"))?;
    if run_blocking(move || app.catalogue.knows_key(&key)).await? {
        Ok(next.run(request).await)
    } else {
        Err(refused("The API key is not known"))
    }
}

fn key_of(headers: &HeaderMap) -> Option<String> {
    if let Some(authorization) = headers.get(header::AUTHORIZATION) {
        let (scheme, key) = authorization.to_str().ok()?.split_once(' ')?;
        return scheme.eq_ignore_ascii_case("bearer").then(|| key.trim().to_owned());
    }
    let cookies = headers.get(header::COOKIE)?.to_str().ok()?;
    cookies
        .split(';')
        .find_map(|cookie| cookie.trim().strip_prefix(COOKIE)?.strip_prefix('=').map(str::to_owned))
}

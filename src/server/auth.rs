//! Who asks: API keys, in a header or in the page's cookie.

use super::App;
use super::answer::{Refusal, run_blocking};
use super::catalogue::{Catalogue, NewKey, Scope, Who};
use super::rates::too_many;
use crate::model::{Error, ErrorKind, Result};
use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

/// The name of the page's cookie.
pub(super) const COOKIE: &str = "danlu_key";

/// Makes the first account with a key that may everything, where there is none; the key is kept nowhere.
pub(super) fn first_key(catalogue: &Catalogue, now: i64) -> Result<Option<String>> {
    if !catalogue.has_no_account()? {
        return Ok(None);
    }
    catalogue.add_account("admin", true, now)?;
    let new = NewKey {
        account: "admin".to_owned(),
        name: "first".to_owned(),
        scope: Scope::Admin,
        team: None,
        project: None,
        expires: None,
    };
    catalogue.add_key(&new, now).map(Some)
}

/// Lets a request through that carries a good key, with who it is.
pub(super) async fn require_key(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> std::result::Result<Response, Refusal> {
    let who = find(&app, peer, key_of(request.headers())).await?;
    if let Some(Known(known)) = request.extensions().get() {
        known.set(Arc::clone(&who)).ok();
    }
    if let Err(wait) = app.rates.key(&who.key) {
        app.metrics.limited.inc();
        return Err(Refusal::with(StatusCode::TOO_MANY_REQUESTS, too_many(wait)));
    }
    app.note_use(&who);
    request.extensions_mut().insert(Asker(who));
    Ok(next.run(request).await)
}

/// Finds who has a key. Whoever guesses is slowed down.
pub(super) async fn find(
    app: &Arc<App>,
    peer: SocketAddr,
    key: Option<String>,
) -> std::result::Result<Arc<Who>, Refusal> {
    let asked = Arc::clone(app);
    let found = match key {
        Some(key) => run_blocking(move || asked.catalogue.who(&key, asked.clock.now())).await,
        None => Err(Error::new(ErrorKind::Denied, "An API key is needed").into()),
    };
    let refused = match found {
        Ok(who) => return Ok(Arc::new(who)),
        Err(refused) => refused,
    };
    if refused.error.kind() != ErrorKind::Denied {
        return Err(refused);
    }
    app.metrics.refused.inc();
    match app.rates.refused(peer.ip()) {
        Ok(()) => Err(refused),
        Err(wait) => {
            app.metrics.limited.inc();
            Err(Refusal::with(StatusCode::TOO_MANY_REQUESTS, too_many(wait)))
        }
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

/// Where a request notes who it is from, for the log.
#[derive(Clone)]
pub(super) struct Known(pub(super) Arc<OnceLock<Arc<Who>>>);

/// Who asks, as a parameter of a handler.
#[derive(Debug, Clone)]
pub(super) struct Asker(Arc<Who>);

impl Asker {
    pub(super) fn new(who: Who) -> Self {
        Self(Arc::new(who))
    }
}

impl Deref for Asker {
    type Target = Who;
    fn deref(&self) -> &Who {
        &self.0
    }
}

impl FromRequestParts<Arc<App>> for Asker {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> std::result::Result<Self, Refusal> {
        let asker = parts.extensions.get::<Self>().cloned();
        asker.ok_or_else(|| Error::new(ErrorKind::Denied, "An API key is needed").into())
    }
}

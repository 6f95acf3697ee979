//! The page, and signing in to it.

use super::App;
use super::answer::{Answer, Refusal, run_blocking};
use super::auth::COOKIE;
use crate::model::{AttemptId, Error, ErrorKind};
use axum::Json;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

const PAGE: &str = include_str!("page.html");

/// A key, in an address or a body.
#[derive(Deserialize)]
pub(super) struct KeyIn {
    key: Option<String>,
}

/// `GET /`: the page. With `?key=…` it keeps the key in a cookie and leads to the page without it.
pub(super) async fn page(State(app): State<Arc<App>>, Query(query): Query<KeyIn>) -> Answer<Response> {
    if let Some(key) = query.key {
        return Ok(match sign_in(app, key).await {
            Ok(cookie) => ([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response(),
            Err(_) => Redirect::to("/").into_response(),
        });
    }
    let nonce = AttemptId::random()?.to_string();
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; \
         img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let html = Html(PAGE.replace("__NONCE__", &nonce));
    Ok(([(header::CONTENT_SECURITY_POLICY, policy)], html).into_response())
}

/// `POST /login`: keeps the key in a cookie.
pub(super) async fn login(State(app): State<Arc<App>>, Json(body): Json<KeyIn>) -> Answer<impl IntoResponse> {
    let cookie = sign_in(app, body.key.unwrap_or_default()).await?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]))
}

async fn sign_in(app: Arc<App>, key: String) -> Answer<String> {
    let plain = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let asked = key.clone();
    if plain && run_blocking(move || app.catalogue.who(&asked, app.clock.now())).await.is_ok() {
        Ok(format!("{COOKIE}={key}; HttpOnly; SameSite=Strict; Path=/; Max-Age=31536000"))
    } else {
        Err(Refusal(Error::new(ErrorKind::Denied, "The API key is not known")))
    }
}

/// `GET /healthz`.
pub(super) async fn health() -> Json<serde_json::Value> {
    Json(json!({"status": "ok", "version": crate::VERSION}))
}

//! The page, and signing in to it.

use super::App;
use super::answer::Answer;
use super::auth::{COOKIE, find};
use crate::model::AttemptId;
use axum::Json;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;
use std::net::SocketAddr;
use std::sync::Arc;
use utoipa::ToSchema;

const PAGE: &str = include_str!("page.html");

/// A key, in an address or a body.
#[derive(Deserialize, ToSchema)]
pub(super) struct KeyIn {
    /// The key.
    key: Option<String>,
}

/// `GET /`: the page. With `?key=…` it keeps the key in a cookie and leads to the page without it, or says that the key is wrong.
pub(super) async fn page(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Query(query): Query<KeyIn>,
) -> Answer<Response> {
    let (mut status, mut wrong) = (StatusCode::OK, "");
    if let Some(key) = query.key {
        match sign_in(app, peer, key).await {
            Ok(cookie) => return Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response()),
            Err(refused) => status = refused.status(),
        }
        wrong = match status {
            StatusCode::UNAUTHORIZED => "The server does not know this key.",
            StatusCode::TOO_MANY_REQUESTS => "Too many wrong keys came from here. Try again later.",
            _ => "The server cannot look for the key now. Try again later.",
        };
    }
    let nonce = AttemptId::random()?.to_string();
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; \
         img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let html = Html(PAGE.replace("__NONCE__", &nonce).replace("__WRONG__", wrong));
    Ok((status, [(header::CONTENT_SECURITY_POLICY, policy)], html).into_response())
}

/// `POST /login`: keeps the key in a cookie.
pub(super) async fn login(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Json(body): Json<KeyIn>,
) -> Answer<impl IntoResponse> {
    let cookie = sign_in(app, peer, body.key.unwrap_or_default()).await?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]))
}

async fn sign_in(app: Arc<App>, peer: SocketAddr, key: String) -> Answer<String> {
    find(&app, peer, Some(key.clone())).await?;
    let secure = if app.tls { "; Secure" } else { "" };
    Ok(format!("{COOKIE}={key}; HttpOnly; SameSite=Strict; Path=/; Max-Age=31536000{secure}"))
}

//! Every request is counted and logged: an id, who, what came of it, how long it took. Never a key, and no address beyond
//! its declared form.

use super::App;
use super::auth::Known;
use super::bodies::{Incoming, Outgoing, Progress};
use super::metrics::{Answered, Route};
use axum::body::Body;
use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

/// Counts requests, so that each has an id of its own in this process.
static REQUESTS: AtomicU64 = AtomicU64::new(0);

/// Watches a request from its head to the last byte of the answer.
pub(super) async fn watch(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let begun = Instant::now();
    let id = format!("{}-{:x}", app.process, REQUESTS.fetch_add(1, Ordering::Relaxed));
    let route = Route {
        method: method_of(&request),
        route: request.extensions().get::<MatchedPath>().map_or("none", |path| path.as_str()).to_owned(),
    };
    let progress = Arc::new(Progress::default());
    let known = Known(Arc::new(OnceLock::new()));
    let (mut parts, body) = request.into_parts();
    parts.extensions.insert(known.clone());
    let body = Incoming::new(body, Arc::clone(&progress), app.limits.progress);
    app.metrics.under_way.inc();
    let mut response = next.run(Request::from_parts(parts, Body::new(body))).await;
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", id);
    }
    if !response.status().is_success() && progress.broke.load(Ordering::Relaxed) {
        // Whatever the handler made of half a body: the client may try again.
        *response.status_mut() = StatusCode::REQUEST_TIMEOUT;
    }
    let status = response.status();
    let done = move |sent: u64| {
        app.metrics.under_way.dec();
        let read = progress.read.load(Ordering::Relaxed);
        app.metrics.bytes_in.inc_by(read);
        app.metrics.bytes_out.inc_by(sent);
        app.metrics.duration.get_or_create(&route).observe(begun.elapsed().as_secs_f64());
        log(&id, peer, &route, status, begun, (read, sent), &known);
        let answered = Answered { method: route.method, route: route.route, status: status.as_u16() };
        app.metrics.requests.get_or_create(&answered).inc();
    };
    response.map(|body| Body::new(Outgoing::new(body, done)))
}

/// A method that nobody knows is not counted by its name: there may be many.
fn method_of(request: &Request) -> String {
    let method = request.method().as_str();
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    known.into_iter().find(|known| *known == method).unwrap_or("other").to_owned()
}

fn log(
    id: &str,
    peer: SocketAddr,
    route: &Route,
    status: StatusCode,
    begun: Instant,
    (read, sent): (u64, u64),
    known: &Known,
) {
    let (account, key) = known.0.get().map_or(("", ""), |who| (&who.account, &who.key));
    let (method, route, status) = (&route.method, &route.route, status.as_u16());
    let milliseconds = begun.elapsed().as_secs_f64() * 1e3;
    if status >= 500 {
        tracing::error!(target: "danlu::http", id, %peer, method, route, status, milliseconds, read, sent, account, key);
    } else if status >= 400 {
        tracing::warn!(target: "danlu::http", id, %peer, method, route, status, milliseconds, read, sent, account, key);
    } else {
        tracing::info!(target: "danlu::http", id, %peer, method, route, status, milliseconds, read, sent, account, key);
    }
}

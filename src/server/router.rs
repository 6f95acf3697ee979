//! Which address means what.

use super::{App, access, answer, auth, gate, health, objects, openapi, page, people};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn_with_state, map_response};
use axum::routing::{delete, get, post, put};
use std::sync::Arc;

/// Largest body of JSON where no other is said.
const JSON_BYTES: usize = 1 << 20;

pub(super) fn router(app: Arc<App>) -> Router {
    let guarded = openapi::routes()
        .merge(pushing())
        .merge(managing())
        .fallback(answer::no_route)
        .layer(DefaultBodyLimit::max(JSON_BYTES))
        .layer(from_fn_with_state(Arc::clone(&app), auth::require_key));
    Router::new()
        .nest("/api/v1", guarded)
        .route("/", get(page::page))
        .route("/login", post(page::login))
        .route("/healthz", get(health::health))
        .route("/metrics", get(health::metrics))
        .fallback(answer::no_route)
        .layer(from_fn_with_state(Arc::clone(&app), gate::let_in))
        .layer(map_response(answer::with_headers))
        .layer(from_fn_with_state(Arc::clone(&app), access::watch))
        .with_state(app)
}

fn pushing() -> Router<Arc<App>> {
    Router::new()
        .route("/remote", get(objects::identity))
        .route("/objects", post(objects::put_many))
        .route("/objects/missing", post(objects::missing))
        .route("/segments/{hash}", put(objects::put_segment).get(objects::get_segment))
        .route("/blobs/{hash}", put(objects::put_blob).get(objects::get_blob))
        .route("/blobs/{hash}/held", get(objects::held))
        .route("/manifests", post(objects::commit).get(objects::heads))
        .route("/manifests/batch", post(objects::commit_many))
        .route("/manifests/{key}", get(objects::manifest))
}

fn managing() -> Router<Arc<App>> {
    Router::new()
        .route("/me", get(people::me))
        .route("/accounts", get(people::accounts).post(people::add_account))
        .route("/accounts/{name}", delete(people::remove_account))
        .route("/teams", get(people::teams).post(people::add_team))
        .route("/teams/{team}", delete(people::remove_team))
        .route("/teams/{team}/members", get(people::members))
        .route("/teams/{team}/members/{account}", put(people::set_member).delete(people::remove_member))
        .route("/keys", get(people::keys).post(people::add_key))
        .route("/keys/{id}", delete(people::revoke_key))
        .route("/keys/{id}/rotate", post(people::rotate_key))
        .route("/stats", get(people::stats))
        .route("/gc", post(people::gc))
}

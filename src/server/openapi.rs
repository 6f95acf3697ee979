//! The description of the API, in OpenAPI 3.1.

mod others;

use super::App;
use super::described::{Refused, Run};
use super::{artifacts, charts, edit, events, files, history, list, run, sql};
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use std::sync::Arc;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "danlu",
        description = "Runs of machine-learning training: pushed by `danlu sync`, read by people and programs.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    components(schemas(Refused, Run)),
    modifiers(&Keys),
    security(("key" = []), ("cookie" = []))
)]
struct Described;

/// Files have a path of several segments, which OpenAPI and axum write differently.
#[derive(OpenApi)]
#[openapi(paths(files::file))]
struct Files;

/// How a key is sent.
struct Keys;

impl Modify for Keys {
    fn modify(&self, all: &mut utoipa::openapi::OpenApi) {
        let Some(components) = &mut all.components else { return };
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("dk_…").build();
        components.add_security_scheme("key", SecurityScheme::Http(bearer));
        let cookie = ApiKey::Cookie(ApiKeyValue::new(super::auth::COOKIE));
        components.add_security_scheme("cookie", SecurityScheme::ApiKey(cookie));
    }
}

/// The routes that this module describes beside their handlers, without the `/api/v1` in front.
fn described() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list::projects))
        .routes(routes!(list::list))
        .routes(routes!(run::one, edit::edit, edit::remove))
        .routes(routes!(edit::restore))
        .routes(routes!(edit::comments, edit::comment))
        .routes(routes!(edit::remove_comment))
        .routes(routes!(run::metrics))
        .routes(routes!(run::alerts))
        .routes(routes!(run::console))
        .routes(routes!(run::system))
        .routes(routes!(history::history))
        .routes(routes!(charts::envelope))
        .routes(routes!(charts::envelopes))
        .routes(routes!(files::files))
        .routes(routes!(artifacts::of_run))
        .routes(routes!(artifacts::artifacts))
        .routes(routes!(artifacts::lineage))
        .route("/runs/{key}/files/{*path}", axum::routing::get(files::file))
        .routes(routes!(sql::sql))
        .routes(routes!(events::events))
        .routes(routes!(document))
}

/// Returns the routes of the reading and editing side.
pub(super) fn routes() -> axum::Router<Arc<App>> {
    described().into()
}

/// Returns this description.
#[utoipa::path(get, path = "/openapi.json", tag = "description", responses((status = 200, description = "OpenAPI 3.1", body = Object)))]
pub(super) async fn document(State(app): State<Arc<App>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], app.document.get_or_init(write).clone())
}

/// Writes the description of all routes.
fn write() -> String {
    let mut all = Described::openapi();
    all.info.version = crate::VERSION.to_owned();
    let (_, own) = OpenApiRouter::<Arc<App>>::new().nest("/api/v1", described()).split_for_parts();
    all.merge(own);
    let mut all = all.nest("/api/v1", Files::openapi());
    others::describe(&mut all);
    all.to_json().unwrap_or_default()
}

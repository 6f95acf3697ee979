//! The description of the API, in OpenAPI 3.1.

mod others;

use super::App;
use super::{artifacts, charts, edit, events, files, history, list, run, sql};
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::Arc;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{IntoParams, IntoResponses, Modify, OpenApi, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What every refusal looks like.
#[derive(Serialize, ToSchema)]
pub(super) struct Refused {
    /// What failed, on which object, and why.
    error: String,
    /// What to do about it, where there is something.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    hint: Option<String>,
}

/// The refusals that any address may answer with.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "says what the answers are; they are made of errors")]
pub(super) enum Errors {
    /// The request cannot be.
    #[response(status = 400)]
    Wrong(Refused),
    /// The key is missing, unknown, expired or revoked.
    #[response(status = 401)]
    Denied(Refused),
    /// The key may not do this.
    #[response(status = 403)]
    Forbidden(Refused),
    /// It is not there, or the key may not see it.
    #[response(status = 404)]
    Missing(Refused),
    /// It was removed.
    #[response(status = 410)]
    Gone(Refused),
    /// It is more than there may be.
    #[response(status = 413)]
    TooMuch(Refused),
    /// Too many requests; `retry-after` says when to come again.
    #[response(status = 429)]
    TooOften(Refused),
    /// The server cannot do it now.
    #[response(status = 503)]
    Busy(Refused),
}

/// The name of a run in an address.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "says what the path has")]
pub(super) struct RunKey {
    /// The key of the run, 64 hexadecimal digits; or `entity/project/id`, encoded as one segment, with `~` for no entity.
    key: String,
}

/// A run: at a glance in lists, with all but its rows where it is asked for alone.
#[derive(Serialize, ToSchema)]
pub(super) struct Run {
    /// Its key: the name of the run in addresses.
    key: String,
    /// The run id.
    id: Option<String>,
    /// The team or user; may be empty.
    entity: Option<String>,
    /// The project.
    project: Option<String>,
    /// The display name; may be empty.
    name: Option<String>,
    /// `running`, `finished`, `failed` or `crashed`.
    state: Option<String>,
    /// Whether more of it may come in.
    open: Option<bool>,
    /// The exit code, if it ended in order.
    exit_code: Option<i64>,
    /// When it began, in seconds since 1970-01-01 UTC.
    started: Option<f64>,
    /// When it ended.
    ended: Option<f64>,
    /// The machine that began it.
    host: Option<String>,
    /// How many records it has.
    records: Option<i64>,
    /// The step of the last history row.
    last_step: Option<i64>,
    /// How many records and values it lost.
    lost: Option<i64>,
    /// The length of its segments and files.
    bytes: Option<i64>,
    /// The digest of what the server holds of it.
    digest: Option<String>,
    /// The group of runs that it belongs to.
    group: Option<String>,
    /// What it does within the group.
    job_type: Option<String>,
    /// Notes in prose.
    notes: Option<String>,
    /// Tags.
    tags: Option<Vec<String>>,
    /// Whether it is put away.
    archived: Option<bool>,
    /// When the server changed what it knows of it, in seconds since 1970-01-01 UTC.
    updated: Option<f64>,
    /// The config.
    config: Option<Map<String, Value>>,
    /// The summary.
    summary: Option<Map<String, Value>>,
    /// Who wrote it and when, how its metrics are defined, and the step and time of its last row.
    #[schema(value_type = Option<Object>)]
    past: Option<Value>,
    /// The keys of the history. Only of a run that is asked for alone, as the next two.
    keys: Option<Vec<crate::query::KeyInfo>>,
    /// The newest version of each file.
    files: Option<Vec<crate::query::FileInfo>>,
    /// What is missing of it, as it says itself.
    #[schema(value_type = Option<Vec<Object>>)]
    losses: Option<Vec<Value>>,
}

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

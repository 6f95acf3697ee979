//! One run: everything but its rows, and what it said beside them.

use super::App;
use super::answer::{Answer, blocking};
use super::auth::Asker;
use super::catalogue::Scope;
use super::described::{Errors, Run};
use super::extract::{Path, Query, at_most, names};
use crate::model::{Error, Result};
use crate::query::{self, Alert, Definition, Line, Samples};
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// Most lines and samples at once.
const MOST: usize = 10_000;

/// Shows a run with its config, summary, keys and files.
#[utoipa::path(get, path = "/runs/{key}", tag = "runs", params(super::described::RunKey),
    responses((status = 200, body = Run), Errors))]
pub(super) async fn one(
    State(app): State<Arc<App>>,
    who: Asker,
    Path(key): Path<String>,
) -> Answer<Json<Value>> {
    blocking(move || {
        let listed = app.target(&who, &key, Scope::Read)?;
        app.shown(&listed)
    })
    .await
}

impl App {
    /// Returns a run with all that is known of it.
    pub(super) fn shown(&self, listed: &super::catalogue::Listed) -> Result<Value> {
        let details = self.details(listed)?;
        let broken = |e| Error::damaged("Cannot show a run").with_source(e);
        let mut shown = listed.to_json(self.clock.now())?;
        let Some(object) = shown.as_object_mut() else { return Ok(shown) };
        // The catalogue keeps no more of them than lists need.
        object.insert("config".to_owned(), details.config);
        object.insert("summary".to_owned(), details.summary);
        object.insert("keys".to_owned(), serde_json::to_value(&details.keys).map_err(broken)?);
        object.insert("files".to_owned(), serde_json::to_value(&details.files).map_err(broken)?);
        object.insert("losses".to_owned(), serde_json::to_value(&details.losses).map_err(broken)?);
        Ok(shown)
    }
}

/// Lists the definitions of metrics.
#[utoipa::path(get, path = "/runs/{key}/metrics", tag = "runs", params(super::described::RunKey),
    responses((status = 200, body = Vec<Definition>), Errors))]
pub(super) async fn metrics(
    State(app): State<Arc<App>>,
    who: Asker,
    Path(key): Path<String>,
) -> Answer<Json<Vec<Definition>>> {
    blocking(move || query::definitions(&app.open_run(&app.target(&who, &key, Scope::Read)?)?)).await
}

/// Lists the alerts, oldest first.
#[utoipa::path(get, path = "/runs/{key}/alerts", tag = "runs", params(super::described::RunKey),
    responses((status = 200, body = Vec<Alert>), Errors))]
pub(super) async fn alerts(
    State(app): State<Arc<App>>,
    who: Asker,
    Path(key): Path<String>,
) -> Answer<Json<Vec<Alert>>> {
    blocking(move || query::alerts(&app.info(&app.target(&who, &key, Scope::Read)?)?)).await
}

/// Which lines to read.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ConsoleIn {
    /// What `next` of the page before says.
    from: Option<i64>,
    /// At most so many lines, up to 10000; 1000 by default.
    limit: Option<usize>,
}

/// A page of printed lines.
#[derive(Serialize, ToSchema)]
pub(super) struct ConsoleOut {
    /// The lines, as they were printed.
    lines: Vec<Line>,
    /// What to ask for the next page with; null on the last.
    next: Option<i64>,
}

/// Reads what the run printed.
#[utoipa::path(get, path = "/runs/{key}/console", tag = "runs", params(super::described::RunKey, ConsoleIn),
    responses((status = 200, body = ConsoleOut), Errors))]
pub(super) async fn console(
    State(app): State<Arc<App>>,
    who: Asker,
    Path(key): Path<String>,
    Query(wanted): Query<ConsoleIn>,
) -> Answer<Json<ConsoleOut>> {
    blocking(move || {
        let limit = wanted.limit.unwrap_or(1000);
        at_most("lines", limit, MOST)?;
        let run = app.open_run(&app.target(&who, &key, Scope::Read)?)?;
        let (lines, next) = query::console(&run, wanted.from.unwrap_or(0), limit)?;
        Ok(ConsoleOut { lines, next })
    })
    .await
}

/// Which samples to read.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SystemIn {
    /// What was sampled, with commas in between; everything without it.
    keys: Option<String>,
    /// At most so many samples of each, spread evenly, up to 10000; 1000 by default.
    limit: Option<usize>,
}

/// Reads samples of the machine: processors, memory, cards.
#[utoipa::path(get, path = "/runs/{key}/system", tag = "runs", params(super::described::RunKey, SystemIn),
    responses((status = 200, body = Vec<Samples>), Errors))]
pub(super) async fn system(
    State(app): State<Arc<App>>,
    who: Asker,
    Path(key): Path<String>,
    Query(wanted): Query<SystemIn>,
) -> Answer<Json<Vec<Samples>>> {
    blocking(move || {
        let limit = wanted.limit.unwrap_or(1000);
        at_most("samples", limit, MOST)?;
        let run = app.open_run(&app.target(&who, &key, Scope::Read)?)?;
        let keys = wanted.keys.as_deref().map_or_else(|| query::system_keys(&run), |keys| Ok(names(keys)))?;
        at_most("samples", keys.len().saturating_mul(limit), 100 * MOST)?;
        keys.iter().filter_map(|key| query::samples(&run, key, limit).transpose()).collect()
    })
    .await
}

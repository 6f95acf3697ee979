//! What charts are drawn from: envelopes, of one key or of many runs and keys at once.

use super::App;
use super::answer::{Answer, blocking};
use super::auth::Asker;
use super::catalogue::Scope;
use super::extract::{Json as JsonIn, Path, Query, at_most};
use super::openapi::Errors;
use crate::model::{Error, Result};
use crate::query::{self, Axis, Column};
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// Most lines of one request, each of a run and a key.
const LINES: usize = 2000;

/// Most columns of one request.
const COLUMNS: usize = 1 << 19;

/// What chart is asked for.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ChartIn {
    /// The key.
    key: String,
    /// What it lies over: `_step` (the default), `_timestamp`, or another key.
    x: Option<String>,
    /// Where on that axis it begins; with `to`, or everywhere.
    from: Option<f64>,
    /// Where it ends.
    to: Option<f64>,
    /// At most so many columns, up to 32768; 2000 by default.
    columns: Option<usize>,
}

/// Reads what one key is drawn from.
#[utoipa::path(get, path = "/runs/{key}/envelope", tag = "history", params(super::openapi::RunKey, ChartIn),
    responses((status = 200, body = Vec<Column>), Errors))]
pub(super) async fn envelope(
    State(app): State<Arc<App>>,
    who: Asker,
    Path(key): Path<String>,
    Query(chart): Query<ChartIn>,
) -> Answer<Json<Vec<Column>>> {
    let axis = chart.x.unwrap_or_else(|| "_step".to_owned());
    let range = range(chart.from, chart.to)?;
    let columns = chart.columns.unwrap_or(2000);
    blocking(move || {
        let run = app.open_run(&app.target(&who, &key, Scope::Read)?)?;
        query::envelope(&[run], &chart.key, Axis::named(&axis), range, columns)
    })
    .await
}

fn range(from: Option<f64>, to: Option<f64>) -> Result<Option<(f64, f64)>> {
    match (from, to) {
        (None, None) => Ok(None),
        (Some(from), Some(to)) => Ok(Some((from, to))),
        _ => Err(Error::usage("A chart has `from` and `to`, or neither of them")),
    }
}

/// What charts are asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChartsIn {
    /// The keys of the runs, or `entity/project/id`.
    runs: Vec<String>,
    /// The keys of the history.
    keys: Vec<String>,
    /// What they lie over: `_step` (the default), `_timestamp`, or another key.
    x: Option<String>,
    /// Where on that axis they begin; with `to`, or everywhere.
    from: Option<f64>,
    /// Where they end.
    to: Option<f64>,
    /// At most so many columns of each, up to 32768; 2000 by default.
    columns: Option<usize>,
}

/// The lines of charts.
#[derive(Serialize, ToSchema)]
pub(super) struct ChartsOut {
    /// One for each run and key of which there is something, in the order of the request.
    charts: Vec<ChartOut>,
}

/// A line.
#[derive(Serialize, ToSchema)]
pub(super) struct ChartOut {
    /// The run, as the request named it.
    run: String,
    /// The key of the history.
    key: String,
    /// Its columns.
    columns: Vec<Column>,
}

/// Reads what many runs and keys are drawn from.
///
/// All runs must be there. At most 2000 lines, and 524288 columns in all.
#[utoipa::path(post, path = "/envelopes", tag = "history", request_body = ChartsIn,
    responses((status = 200, body = ChartsOut), Errors))]
pub(super) async fn envelopes(
    State(app): State<Arc<App>>,
    who: Asker,
    JsonIn(wanted): JsonIn<ChartsIn>,
) -> Answer<Json<ChartsOut>> {
    let columns = wanted.columns.unwrap_or(2000);
    let lines = wanted.runs.len().saturating_mul(wanted.keys.len());
    at_most("lines of charts", lines, LINES)?;
    at_most("columns of charts", lines.saturating_mul(columns), COLUMNS)?;
    range(wanted.from, wanted.to)?;
    blocking(move || {
        // Opening run files and reading them is spread over the processors.
        let threads =
            std::thread::available_parallelism().map_or(1, usize::from).min(wanted.runs.len()).max(1);
        let part = wanted.runs.len().div_ceil(threads).max(1);
        let done = std::thread::scope(|scope| {
            let parts =
                wanted.runs.chunks(part).map(|runs| scope.spawn(|| lines_of(&app, &who, &wanted, runs)));
            let parts: Vec<_> = parts.collect();
            let broke = || Error::new(crate::ErrorKind::Io, "A thread of the server broke down");
            parts.into_iter().map(|part| part.join().map_err(|_| broke())?).collect::<Result<Vec<_>>>()
        })?;
        Ok(ChartsOut { charts: done.into_iter().flatten().collect() })
    })
    .await
}

fn lines_of(app: &App, who: &Asker, wanted: &ChartsIn, runs: &[String]) -> Result<Vec<ChartOut>> {
    let range = range(wanted.from, wanted.to)?;
    let axis = wanted.x.as_deref().unwrap_or("_step");
    let mut charts = Vec::new();
    for run in runs {
        let files = [app.open_run(&app.target(who, run, Scope::Read)?)?];
        for key in &wanted.keys {
            let columns =
                query::envelope(&files, key, Axis::named(axis), range, wanted.columns.unwrap_or(2000))?;
            if !columns.is_empty() {
                charts.push(ChartOut { run: run.clone(), key: key.clone(), columns });
            }
        }
    }
    Ok(charts)
}

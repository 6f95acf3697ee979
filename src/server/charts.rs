//! What charts are drawn from: envelopes, of one key or of many runs and keys at once.

use super::App;
use super::answer::{Answer, blocking, run_blocking};
use super::auth::Asker;
use super::catalogue::Scope;
use super::described::Errors;
use super::extract::{Json as JsonIn, Path, Query, at_most};
use crate::model::{Error, ErrorKind, Hash, Result};
use crate::query::{self, Axis, Column, Trace};
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::sync::Arc;
use std::thread;
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
#[utoipa::path(get, path = "/runs/{key}/envelope", tag = "history", params(super::described::RunKey, ChartIn),
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
        let run = app.target(&who, &key, Scope::Read)?;
        app.line((run.key, run.digest), &chart.key, &axis, range, columns)
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
#[derive(ToSchema)]
#[expect(dead_code, reason = "says what the answer is; it is written line by line")]
pub(super) struct ChartsOut {
    /// One for each run and key of which there is something, in the order of the request.
    charts: Vec<ChartOut<'static>>,
}

/// A line.
#[derive(Serialize, ToSchema)]
pub(super) struct ChartOut<'a> {
    /// The run, as the request named it.
    run: &'a str,
    /// The key of the history.
    key: &'a str,
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
) -> Answer<impl IntoResponse> {
    let columns = wanted.columns.unwrap_or(2000);
    let lines = wanted.runs.len().saturating_mul(wanted.keys.len());
    at_most("lines of charts", lines, LINES)?;
    at_most("columns of charts", lines.saturating_mul(columns), COLUMNS)?;
    range(wanted.from, wanted.to)?;
    let parts = run_blocking(move || {
        let runs: Vec<_> = wanted.runs.iter().zip(app.targets(&who, &wanted.runs)?).collect();
        // Reading and writing is spread over the processors.
        let threads = thread::available_parallelism().map_or(1, usize::from).min(runs.len()).max(1);
        let part = runs.len().div_ceil(threads).max(1);
        thread::scope(|scope| {
            let parts = runs.chunks(part).map(|runs| scope.spawn(|| app.lines(&wanted, runs)));
            let parts: Vec<_> = parts.collect();
            let broke = || Error::new(ErrorKind::Io, "A thread of the server broke down");
            parts.into_iter().map(|part| part.join().map_err(|_| broke())?).collect::<Result<Vec<_>>>()
        })
    })
    .await?;
    let lines: Vec<Vec<u8>> = parts.into_iter().flatten().collect();
    let between = |n| if n == 0 { "{\"charts\":[" } else { "," };
    let pieces = lines.into_iter().enumerate().flat_map(move |(n, line)| [between(n).into(), line]);
    let pieces: Vec<Vec<u8>> = pieces.collect();
    let pieces = if pieces.is_empty() { vec![between(0).into()] } else { pieces };
    let pieces = pieces.into_iter().chain([b"]}".to_vec()]).map(Ok::<_, Infallible>);
    Ok(([(header::CONTENT_TYPE, "application/json")], Body::from_stream(futures_util::stream::iter(pieces))))
}

/// A run: its key, and the digest of what is read of it.
type Stand = (Hash, Hash);

impl App {
    /// Writes lines of some runs as JSON.
    fn lines(&self, wanted: &ChartsIn, runs: &[(&String, Stand)]) -> Result<Vec<Vec<u8>>> {
        let range = range(wanted.from, wanted.to)?;
        let axis = wanted.x.as_deref().unwrap_or("_step");
        let mut lines = Vec::new();
        for (run, stand) in runs {
            for key in &wanted.keys {
                let columns = self.line(*stand, key, axis, range, wanted.columns.unwrap_or(2000))?;
                if !columns.is_empty() {
                    let line = serde_json::to_vec(&ChartOut { run, key, columns });
                    lines.push(line.map_err(|e| Error::damaged("A chart cannot be written").with_source(e))?);
                }
            }
        }
        Ok(lines)
    }

    /// Reads what a line is drawn from, out of memory if it was drawn before.
    fn line(
        &self,
        (run, digest): Stand,
        key: &str,
        axis: &str,
        range: Option<(f64, f64)>,
        columns: usize,
    ) -> Result<Vec<Column>> {
        let name = (run, digest, key.to_owned(), axis.to_owned());
        if let Some(trace) = self.traces.get(&name).filter(|trace| trace.is_for(columns)) {
            return trace.envelope(range, columns);
        }
        self.reading(run, digest, |file| match Trace::read_for(&[file], key, Axis::named(axis), columns)? {
            Some(trace) => self.traces.put(name, trace).envelope(range, columns),
            None => query::envelope(&[file], key, Axis::named(axis), range, columns),
        })
    }
}

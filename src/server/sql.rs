//! SQL over runs: read-only, and bounded.

use super::App;
use super::answer::{Answer, run_blocking};
use super::auth::Asker;
use super::catalogue::Scope;
use super::described::Errors;
use super::extract::{Json as JsonIn, at_most};
use super::index::{Listing, Wanted};
use crate::model::{Error, ErrorKind, Result};
use crate::query::{self, Filter, Order, RunInfo, SqlLimits};
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use utoipa::ToSchema;

/// Most runs that are asked at once.
const RUNS: usize = 1000;

/// Most rows of an answer.
const ROWS: usize = 100_000;

/// Most bytes of an answer.
const BYTES: usize = 16 << 20;

/// How much memory SQLite may have more than when a query began, for whatever is done meanwhile.
const MEMORY: i64 = 64 << 20;

/// How much memory SQLite may have at all: the catalogue and run files take little beside queries.
pub(super) const HEAP: i64 = 256 << 20;

/// Queries that are answered at once.
pub(super) const AT_ONCE: usize = 2;

/// A query.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SqlIn {
    /// The keys of the runs, or `entity/project/id`. Over one run, the query sees the tables and views of its file.
    runs: Option<Vec<String>>,
    /// In place of runs: those that this holds for.
    filter: Option<String>,
    /// With a filter: of this entity.
    entity: Option<String>,
    /// With a filter: of this project.
    project: Option<String>,
    /// The query.
    query: String,
    /// At most so many rows, up to 100000; 1000 by default.
    limit: Option<usize>,
}

/// An answer.
#[derive(Serialize, ToSchema)]
pub(super) struct SqlOut {
    /// The names of the columns.
    columns: Vec<String>,
    /// The rows. Bytes are hexadecimal digits.
    #[schema(value_type = Vec<Vec<Value>>)]
    rows: Vec<Vec<Value>>,
    /// Whether there were more.
    truncated: bool,
}

/// Answers a query, as `danlu sql` does.
///
/// Over several runs it sees `runs`, `history`, `config`, `summary` and `files`, each with a column `run`. It takes ten
/// seconds and 64 MiB of memory at most, and answers 16 MiB at most.
#[utoipa::path(post, path = "/sql", tag = "sql", request_body = SqlIn, responses((status = 200, body = SqlOut), Errors))]
pub(super) async fn sql(
    State(app): State<Arc<App>>,
    who: Asker,
    JsonIn(wanted): JsonIn<SqlIn>,
) -> Answer<Json<SqlOut>> {
    let rows = wanted.limit.unwrap_or(1000);
    at_most("rows", rows, ROWS)?;
    let turn = Arc::clone(&app.queries).try_acquire_owned().map_err(|_| {
        Error::new(ErrorKind::Busy, "Other queries are under way").with_hint("ask again in a moment")
    })?;
    let asking = Asking::default();
    let (over, late, most) = (Arc::clone(&asking.over), Arc::clone(&asking.over), app.limits.query);
    let clock = tokio::spawn(async move {
        tokio::time::sleep(most).await;
        late.store(true, Ordering::Relaxed);
    });
    let answer = run_blocking(move || {
        // The turn is over when the query is, and not when whoever asked has left.
        let _turn = turn;
        let is_over = Arc::new(move || over.load(Ordering::Relaxed));
        let mut runs = runs_of(&app, &who, &wanted)?;
        let one = wanted.runs.is_some() && runs.len() == 1;
        if !one {
            // Where the server keeps its files is nobody's business.
            runs.iter_mut().for_each(|run| run.path = PathBuf::new());
        }
        let limits = SqlLimits { rows, bytes: BYTES, memory: MEMORY, is_over };
        let (answer, truncated) = query::bounded_sql(runs, one, &wanted.query, limits)?;
        let rows = answer.rows.iter().map(|row| row.iter().map(query::sql_json).collect()).collect();
        Ok(SqlOut { columns: answer.columns, rows, truncated })
    })
    .await;
    drop(asking);
    clock.abort();
    answer.map(Json)
}

/// Somebody who waits for an answer: is dropped when they leave.
#[derive(Default)]
struct Asking {
    /// Whether they have left, or have waited as long as a query may take.
    over: Arc<AtomicBool>,
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

fn runs_of(app: &App, who: &Asker, wanted: &SqlIn) -> Result<Vec<RunInfo>> {
    match (&wanted.runs, &wanted.filter) {
        (Some(runs), None) => {
            at_most("runs", runs.len(), RUNS)?;
            if runs.is_empty() {
                return Err(Error::usage("No runs are named").with_hint("give `runs` or a `filter`"));
            }
            let mut seen = HashSet::new();
            let listed = runs.iter().map(|run| app.target(who, run, Scope::Read));
            let listed = listed.filter(|run| run.as_ref().map_or(true, |run| seen.insert(run.key)));
            listed.map(|run| app.info(&run?)).collect()
        }
        (None, Some(filter)) => {
            let filter = Filter::parse(filter)?;
            let list = Wanted {
                who,
                entity: wanted.entity.as_deref(),
                project: wanted.project.as_deref(),
                filter: Some(&filter),
                order: &Order::parse("started,id")?,
                archived: None,
                after: None,
                limit: RUNS,
            };
            let page = app.index.list(&app.catalogue, &list, &[], app.clock.now())?;
            at_most("runs", page.total, RUNS)?;
            let mut runs = Vec::new();
            for Listing { key, .. } in page.runs {
                // One that is gone since is left out.
                if let Some(listed) = app.catalogue.run(key)? {
                    runs.push(app.info(&listed)?);
                }
            }
            Ok(runs)
        }
        _ => Err(Error::usage(
            "A query is asked of `runs`, or of those that a `filter` holds for: give one of them",
        )),
    }
}

//! The history of a run: one key as columns, or rows by pages.

use super::App;
use super::answer::{Answer, blocking};
use super::auth::Asker;
use super::catalogue::Scope;
use super::described::Errors;
use super::extract::{Path, Query, at_most, names};
use crate::model::{Error, ErrorKind, Result};
use crate::query::{self, RowsWanted, Series};
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// Most rows on a page.
const ROWS: usize = 10_000;

/// Most bytes of texts among all values of a key.
const TEXT_BYTES: u64 = 16 << 20;

/// Most keys that are named.
const KEYS: usize = 1000;

/// Which part of the history to read.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct HistoryIn {
    /// One key, of which all values come as columns; without any of the other parameters.
    key: Option<String>,
    /// Keys with commas in between, of which rows come; all keys without it. `\` stands before a comma in a name.
    keys: Option<String>,
    /// The first step.
    from: Option<i64>,
    /// The last step.
    to: Option<i64>,
    /// At most so many rows, up to 10000, and about 16 MiB of them; 1000 by default.
    limit: Option<usize>,
    /// What `next` of the page before says.
    cursor: Option<i64>,
}

/// All values of a key, or a page of rows.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum HistoryOut {
    /// All values of a key.
    Key {
        /// The key.
        key: String,
        /// Its values.
        #[serde(flatten)]
        series: Series,
    },
    /// A page of rows.
    Rows {
        /// Each with `_step`, `_timestamp`, `_rank` if the writer has one, and what was logged. A row lacks the keys that were not
        /// logged in it.
        #[schema(value_type = Vec<Object>)]
        rows: Vec<Map<String, Value>>,
        /// What to ask for the next page with; null on the last.
        next: Option<i64>,
    },
}

/// Reads the history.
///
/// Rows come as they were logged. Those that follow each other at one step are one; what was logged later at an earlier step is
/// a row by itself.
#[utoipa::path(get, path = "/runs/{key}/history", tag = "history", params(super::described::RunKey, HistoryIn),
    responses((status = 200, body = HistoryOut), Errors))]
pub(super) async fn history(
    State(app): State<Arc<App>>,
    who: Asker,
    Path(key): Path<String>,
    Query(wanted): Query<HistoryIn>,
) -> Answer<Json<HistoryOut>> {
    blocking(move || {
        let run = app.target(&who, &key, Scope::Read)?;
        app.reading(run.key, run.digest, |run| read(run, wanted))
    })
    .await
}

fn read(run: &rusqlite::Connection, wanted: HistoryIn) -> Result<HistoryOut> {
    if let Some(key) = wanted.key {
        let others = [wanted.from, wanted.to, wanted.cursor].iter().any(Option::is_some);
        if others || wanted.keys.is_some() || wanted.limit.is_some() {
            return Err(Error::usage("`key` stands alone: all of its values come")
                .with_hint("`keys` reads rows by pages"));
        }
        let series = query::bounded_series(run, &key, TEXT_BYTES).map_err(|e| {
            if e.kind() == ErrorKind::Limit { e.with_hint("`keys` reads rows by pages") } else { e }
        })?;
        return Ok(HistoryOut::Key { series, key });
    }
    rows(run, &wanted)
}

fn rows(run: &rusqlite::Connection, wanted: &HistoryIn) -> Result<HistoryOut> {
    let keys = wanted.keys.as_deref().map(names).unwrap_or_default();
    let limit = wanted.limit.unwrap_or(1000);
    at_most("rows", limit, ROWS)?;
    at_most("keys", keys.len(), KEYS)?;
    let steps = (wanted.from, wanted.to);
    let page = query::rows(run, &RowsWanted { keys, steps, limit, after: wanted.cursor.unwrap_or(0) })?;
    let row = |row: query::Row| {
        let mut shown = Map::new();
        shown.insert("_step".to_owned(), row.step.into());
        shown.insert("_timestamp".to_owned(), row.time.into());
        if let Some(rank) = row.rank {
            shown.insert("_rank".to_owned(), rank.into());
        }
        shown.extend(row.values.into_iter().map(|(key, value)| (key, value.to_json())));
        shown
    };
    Ok(HistoryOut::Rows { rows: page.rows.into_iter().map(row).collect(), next: page.next })
}

//! Rows of the history, a page at a time.

use crate::model::{Error, ErrorKind, Result, Value};
use crate::store;
use crate::store::points::{keys_of, snapshot};
use rusqlite::Connection;
use std::collections::BTreeMap;

/// Most values that a page has.
const PAGE_VALUES: usize = 1 << 20;

/// Most bytes of a page as JSON, about. One row goes over it if it alone is more, and no row may be of more than `ROW_BYTES`.
const PAGE_BYTES: usize = 16 << 20;
const ROW_BYTES: usize = 64 << 20;

/// Values of each key that are read at once of a step that goes on and on.
const STRETCH: usize = 4096;

/// Which rows to read.
#[derive(Debug, Clone, Default)]
pub struct RowsWanted {
    /// The keys; all of the history if there are none.
    pub keys: Vec<String>,
    /// The first and the last step that counts.
    pub steps: (Option<i64>, Option<i64>),
    /// Most rows.
    pub limit: usize,
    /// What [`Rows::next`] said.
    pub after: i64,
}

/// A page of rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows {
    /// The rows, in the order in which they were logged.
    pub rows: Vec<Row>,
    /// Where the next page begins; `None` if this is the last.
    pub next: Option<i64>,
}

/// What was logged at a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The step.
    pub step: i64,
    /// When, in seconds since 1970-01-01 UTC.
    pub time: f64,
    /// Which of several writers logged it.
    pub rank: Option<u32>,
    /// The values by key.
    pub values: Vec<(String, Value)>,
}

/// A value on its way into a row.
struct Found {
    step: i64,
    time: f64,
    key: usize,
    value: Value,
}

/// Reads a page of rows. Rows that follow each other at one step are one, of which the last values count; what was logged later at
/// an earlier step is a row by itself.
///
/// # Errors
/// The file is damaged, or one row is too large.
pub fn rows(connection: &Connection, wanted: &RowsWanted) -> Result<Rows> {
    let _snapshot = snapshot(connection)?;
    let keys = if wanted.keys.is_empty() { all_keys(connection)? } else { wanted.keys.clone() };
    let most = (PAGE_VALUES / keys.len().max(1)).max(1);
    let limit = wanted.limit.clamp(1, most);
    // So many values of each key are sure to have those of the first rows. A row more shows where the last step ends.
    let (mut page, mut goes_on) = part(connection, &keys, wanted, (limit, limit.saturating_add(1)))?;
    // A step of very many rows is read on until it ends.
    while let Some(after) = page.next.filter(|_| goes_on) {
        let wanted = RowsWanted { after, ..wanted.clone() };
        let (more, further) = part(connection, &keys, &wanted, (1, most.clamp(2, STRETCH)))?;
        let next = more.rows.into_iter().next();
        goes_on = false;
        if let Some(row) = page.rows.last().filter(|row| row.weight() > ROW_BYTES) {
            let message =
                format!("What was logged at step {} is more than {} MiB", row.step, ROW_BYTES >> 20);
            return Err(Error::new(ErrorKind::Limit, message).with_hint("ask for some of its keys at a time"));
        }
        match (page.rows.last_mut(), next) {
            (Some(known), Some(row)) if (known.step, known.rank) == (row.step, row.rank) => {
                known.take(row.time, row.values);
                (page.next, goes_on) = (more.next, further);
            }
            (_, Some(_)) => {}
            (_, None) => page.next = None,
        }
    }
    Ok(page)
}

/// Reads rows, at most so many, out of so many values of each key. Says also whether the last may go on behind them.
fn part(
    connection: &Connection,
    keys: &[String],
    wanted: &RowsWanted,
    (limit, most): (usize, usize),
) -> Result<(Rows, bool)> {
    let mut by_row: BTreeMap<i64, Vec<Found>> = BTreeMap::new();
    // Behind the last value of a key of which there are more, rows may lack it.
    let mut whole_until = i64::MAX;
    let mut bytes = 0;
    for (n, name) in keys.iter().enumerate() {
        let (mut found, mut full) = (0, false);
        for id in keys_of(connection, name)? {
            let last = points_after(connection, id, wanted, (whole_until, most - found), |row, point| {
                found += 1;
                bytes += weight(name, &point.value);
                by_row.entry(row).or_default().push(Found { key: n, ..point });
                full = bytes > PAGE_BYTES;
                !full
            })?;
            if found >= most || full {
                whole_until = whole_until.min(last.unwrap_or(i64::MAX));
                break;
            }
        }
        if full {
            // What is behind is read again, for the next page.
            let behind = by_row.split_off(&whole_until.saturating_add(1));
            let found = behind.into_values().flatten();
            bytes -= found.map(|found| weight(&keys[found.key], &found.value)).sum::<usize>();
        }
    }
    page(connection, keys, by_row, (limit, whole_until))
}

fn page(
    connection: &Connection,
    keys: &[String],
    by_row: BTreeMap<i64, Vec<Found>>,
    (limit, whole_until): (usize, i64),
) -> Result<(Rows, bool)> {
    let ranks: BTreeMap<i64, Option<u32>> =
        store::attempts(connection)?.iter().map(|attempt| attempt.base).zip(ranks(connection)?).collect();
    let mut page = Rows::default();
    // The last row that was taken in, and the last before the step that is under way.
    let (mut last, mut before) = (None, None);
    for (row, found) in by_row {
        let Some(Found { step, time, .. }) = found.first() else { continue };
        let (step, time) = (*step, *time);
        let rank = ranks.range(..=row).next_back().and_then(|(_, rank)| *rank);
        let goes_on = page.rows.last().is_some_and(|known| (known.step, known.rank) == (step, rank));
        if row > whole_until {
            break;
        }
        if !goes_on && page.rows.len() == limit {
            page.next = last;
            return Ok((page, false));
        }
        if !goes_on {
            before = last;
            page.rows.push(Row { step, time, rank, values: Vec::new() });
        }
        last = Some(row);
        if let Some(into) = page.rows.last_mut() {
            into.take(time, found.into_iter().map(|found| (keys[found.key].clone(), found.value)));
        }
    }
    if whole_until == i64::MAX {
        return Ok((page, false));
    }
    // The last step may go on in what was not read.
    if before.is_some() {
        page.rows.pop();
    }
    page.next = before.or(last);
    Ok((page, before.is_none()))
}

/// Returns about how many bytes of JSON a value in a row is.
fn weight(key: &str, value: &Value) -> usize {
    key.len() + 24 + usize::try_from(value.weight()).unwrap_or(usize::MAX)
}

impl Row {
    fn weight(&self) -> usize {
        self.values.iter().map(|(key, value)| weight(key, value)).sum()
    }

    fn take(&mut self, time: f64, values: impl IntoIterator<Item = (String, Value)>) {
        self.time = time;
        for (key, value) in values {
            match self.values.iter_mut().find(|(name, _)| *name == key) {
                Some((_, known)) => *known = value,
                None => self.values.push((key, value)),
            }
        }
    }
}

/// Returns the ranks of the attempts, in order.
fn ranks(connection: &Connection) -> Result<Vec<Option<u32>>> {
    let mut statement = connection.prepare_cached("SELECT rank FROM attempt ORDER BY id")?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn all_keys(connection: &Connection) -> Result<Vec<String>> {
    let sql = "SELECT name FROM key WHERE system = 0 AND id > ? GROUP BY name ORDER BY min(id)";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([store::counts_from(connection)?], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Hands on the points of a key behind a row and up to another, at most so many, until `sink` has enough. Returns the row of the
/// last.
fn points_after(
    connection: &Connection,
    key: i64,
    wanted: &RowsWanted,
    (until, most): (i64, usize),
    mut sink: impl FnMut(i64, Found) -> bool,
) -> Result<Option<i64>> {
    let mut extents =
        connection.prepare_cached("SELECT first, last FROM extent WHERE key = ? ORDER BY first")?;
    let extents = extents
        .query_map([key], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let mut row_of = connection.prepare_cached("SELECT row FROM point WHERE id = ?")?;
    let mut before =
        |point: i64| row_of.query_row([point], |row| row.get::<_, i64>(0)).map(|row| row <= wanted.after);
    // Rows ascend with points.
    let (mut low, mut high) = (0, extents.len());
    while low < high {
        let middle = low.midpoint(high);
        if before(extents[middle].1)? { low = middle + 1 } else { high = middle }
    }
    let (from, to) = (wanted.steps.0.unwrap_or(i64::MIN), wanted.steps.1.unwrap_or(i64::MAX));
    let mut points = connection.prepare_cached(
        "SELECT p.row, r.step, r.time / 1e6, p.value FROM point AS p CROSS JOIN row AS r ON r.id = p.row
         WHERE p.id BETWEEN ? AND ? AND p.row BETWEEN ? AND ? AND r.step BETWEEN ? AND ? ORDER BY p.id LIMIT ?",
    )?;
    let (mut left, mut last) = (most, None);
    for (first, end) in &extents[low..] {
        let after = wanted.after.saturating_add(1);
        let mut rows =
            points.query((first, end, after, until, from, to, i64::try_from(left).unwrap_or(i64::MAX)))?;
        while let Some(row) = rows.next()? {
            let place = row.get(0)?;
            (left, last) = (left.saturating_sub(1), Some(place));
            if !sink(place, Found { step: row.get(1)?, time: row.get(2)?, key: 0, value: row.get(3)? }) {
                return Ok(last);
            }
        }
        if left == 0 {
            break;
        }
    }
    Ok(last)
}

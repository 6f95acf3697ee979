//! The points of a key, in order, each with the row that it is of.

use super::bulk::{self, Cell};
use crate::model::{Error, Result, Value};
use rusqlite::{Connection, OptionalExtension, Transaction};
use std::ops::Range;

/// A point with the row that it is of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Point<'a> {
    pub(crate) id: i64,
    pub(crate) row: i64,
    pub(crate) step: Option<i64>,
    pub(crate) time: i64,
    pub(crate) value: &'a Value,
}

/// Points that are read at once.
const BLOCK: u64 = 1024;

/// Lists the ids of a key of the history, one for each attempt that counts and used it.
pub(crate) fn keys_of(connection: &Connection, name: &str) -> Result<Vec<i64>> {
    let mut statement = connection
        .prepare_cached("SELECT id FROM key WHERE name = ? AND system = 0 AND id > ? ORDER BY id")?;
    let rows = statement.query_map((name, super::counts_from(connection)?), |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Hands on the points of a key that has `count` of them, from one ordinal to before another.
///
/// # Errors
/// The file is damaged.
pub(crate) fn for_each_point(
    connection: &Connection,
    key: i64,
    count: u64,
    ordinals: Range<u64>,
    mut sink: impl FnMut(Point<'_>),
) -> Result<()> {
    let (mut from, end) = (ordinals.start, ordinals.end.min(count));
    if from >= end {
        return Ok(());
    }
    let _snapshot = snapshot(connection)?;
    let mut first = extent_at(connection, key, from)?;
    while from < end {
        let until = end.min(from + BLOCK);
        let last = extent_after(connection, key, first, until - 1)?;
        hand_on(connection, key, (first, last), from..until, &mut sink)?;
        (from, first) = (until, last);
    }
    Ok(())
}

/// Lets all statements read the same state, unless a transaction does already. It also spares each taking the locks.
pub(crate) fn snapshot(connection: &Connection) -> Result<Option<Transaction<'_>>> {
    Ok(if connection.is_autocommit() { Some(connection.unchecked_transaction()?) } else { None })
}

/// Hands on points by ordinals out of the extents that have them, the first and the last of which are known.
fn hand_on(
    connection: &Connection,
    key: i64,
    (first, last): (i64, i64),
    ordinals: Range<u64>,
    sink: &mut impl FnMut(Point<'_>),
) -> Result<()> {
    let sql = "SELECT danlu_gather(p.id, p.row, r.step, r.time, p.value)
         FROM extent AS e
         CROSS JOIN point AS p ON p.id BETWEEN e.first + max(0, ?2 - e.before) AND min(e.last, e.first + ?3 - e.before - 1)
         LEFT JOIN row AS r ON r.id = p.row
         WHERE e.key = +?1 AND e.first BETWEEN +?4 AND +?5";
    let params = (key, ordinals.start.cast_signed(), ordinals.end.cast_signed(), first, last);
    let (mut found, mut before) = (0, i64::MIN);
    bulk::for_each(connection, sql, params, |[id, row, step, time, value]| {
        let (id, row) = (id.int("The id of a point")?, row.int("The row of a point")?);
        if time == Cell::Null {
            return Err(Error::damaged(format!("A point belongs to row {row}, which is not there")));
        }
        if row <= before {
            return Err(Error::damaged(format!("Point {id} is of a row before that of the one before it")));
        }
        (found, before) = (found + 1, row);
        let step = if step == Cell::Null { None } else { Some(step.int("A step")?) };
        let value = &value_of(connection, id, value)?;
        sink(Point { id, row, step, time: time.int("A time")?, value });
        Ok(())
    })?;
    if found != ordinals.end - ordinals.start {
        let Range { start, end } = ordinals;
        return Err(Error::damaged(format!(
            "Of the points {start} to {} of a key, {found} are there",
            end - 1
        )));
    }
    Ok(())
}

/// Returns the value of a point that was gathered.
pub(super) fn value_of(connection: &Connection, id: i64, gathered: Cell) -> Result<Value> {
    Ok(match gathered {
        Cell::Null => Value::Float(f64::NAN),
        Cell::Int(int) => Value::Int(int),
        Cell::Real(float) => Value::Float(float),
        Cell::Other => connection
            .prepare_cached("SELECT value FROM point WHERE id = ?")?
            .query_row([id], |row| row.get(0))?,
    })
}

/// Finds the extent of a key that has the point of this ordinal, from another one on.
fn extent_after(connection: &Connection, key: i64, from: i64, ordinal: u64) -> Result<i64> {
    // With a bare `?`, SQLite would plan anew for some of the numbers.
    let sql = "SELECT first, before + last - first FROM extent WHERE key = +? AND first >= +? ORDER BY first";
    let mut statement = connection.prepare_cached(sql)?;
    let mut extents = statement.query((key, from))?;
    while let Some(extent) = extents.next()? {
        if extent.get::<_, i64>(1)? >= ordinal.cast_signed() {
            return Ok(extent.get(0)?);
        }
    }
    Err(Error::damaged(format!("There is no point {ordinal} of a key")))
}

/// Finds the extent of a key that has the point of this ordinal, by halving: extents of a key ascend in both.
fn extent_at(connection: &Connection, key: i64, ordinal: u64) -> Result<i64> {
    let ordinal = ordinal.cast_signed();
    let mut at_or_after = connection.prepare_cached(
        "SELECT first, before FROM extent WHERE key = +? AND first >= +? ORDER BY first LIMIT 1",
    )?;
    let mut last = connection
        .prepare_cached("SELECT first, before FROM extent WHERE key = ? ORDER BY first DESC LIMIT 1")?;
    let pair = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
    let Some((newest, before)) = last.query_row([key], pair).optional()? else { return Ok(0) };
    if before <= ordinal {
        return Ok(newest);
    }
    let (mut low, mut high) = (0, newest);
    // The extent starts at `low` or after, and before `high`.
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        match at_or_after.query_row([key, middle], pair).optional()? {
            Some((first, before)) if before <= ordinal => low = first,
            _ => high = middle,
        }
    }
    Ok(low)
}

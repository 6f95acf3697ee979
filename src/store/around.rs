//! Reading around what cannot be read.

use super::SEQ_BITS;
use super::slots::{FILLS, Slots, TABLES};
use crate::model::{AttemptId, Record, Result, Value};
use rusqlite::Connection;
use std::collections::BTreeMap;

/// How many numbers are read at once.
const WINDOW: i64 = 256;

/// How far apart it is tried at most, where nothing can be read, whether something can be.
const STRIDE: i64 = 16;

/// Reads what can be read of a range. `read` reads from one number to another in order, and returns the number after the last
/// that it got.
fn read_around((first, last): (i64, i64), mut read: impl FnMut(i64, i64) -> i64) {
    let (mut from, mut stride, mut untried) = (first, 1, first);
    while from <= last {
        let got = read(from, last.min(from + WINDOW - 1));
        if got > from {
            for one in untried..from {
                read(one, one);
            }
            (from, stride, untried) = (got, 1, got);
        } else {
            untried = from + 1;
            from += stride;
            stride = STRIDE.min(2 * stride);
        }
    }
    for one in untried..=last {
        read(one, one);
    }
}

/// Reads what can be read of the records of a range, rows without their values.
pub(super) fn records(connection: &Connection, base: i64, first: u64, last: u64) -> BTreeMap<u64, Record> {
    let mut found = BTreeMap::new();
    for fill in FILLS {
        read_around((first.cast_signed(), last.cast_signed()), |from, until| {
            let mut slots = Slots::new(base, from.cast_unsigned(), until.cast_unsigned());
            let through = fill(&mut slots, connection).is_ok();
            let mut next = from;
            for (seq, record) in (from..).zip(slots.records) {
                if let Some(record) = record {
                    found.entry(seq.cast_unsigned()).or_insert(record);
                    next = seq + 1;
                }
            }
            if through { until + 1 } else { next }
        });
    }
    found
}

/// A value as it is stored: its key and its row, both as ids, and itself.
pub(super) type Point = (i64, i64, Value);

/// Hands on what can be read of the points of a range of ids, of any attempt, and returns how many there were.
pub(super) fn points(connection: &Connection, range: (i64, i64), mut sink: impl FnMut(Point)) -> u64 {
    let mut found = 0;
    read_around(range, |from, until| {
        let mut next = from;
        let mut read = || -> Result<()> {
            let mut statement = connection.prepare_cached(
                "SELECT p.id, e.key, p.row, p.value
                 FROM point AS p CROSS JOIN extent AS e ON e.first = (SELECT max(first) FROM extent WHERE first <= p.id)
                 WHERE p.id BETWEEN ? AND ? AND p.id <= e.last",
            )?;
            let mut rows = statement.query([from, until])?;
            while let Some(row) = rows.next()? {
                sink((row.get(1)?, row.get(2)?, row.get(3)?));
                found += 1;
                next = row.get::<_, i64>(0)? + 1;
            }
            Ok(())
        };
        if read().is_ok() { until + 1 } else { next }
    });
    found
}

/// Lists the attempts that can be read: for each the id before its first record, and its name.
pub(super) fn attempts(connection: &Connection) -> Vec<(i64, AttemptId)> {
    let mut ids = Vec::new();
    each_id(connection, "attempt", (0, i64::MAX), |id| ids.push(id));
    let name = |id: i64| {
        connection
            .query_row("SELECT attempt FROM attempt WHERE id = ?", [id], |row| row.get(0).map(AttemptId))
    };
    ids.into_iter().filter_map(|id| Some((id - 1, name(id).ok()?))).collect()
}

/// Returns the last number of a record of the attempt at `base` that can be read, and whether no later one can be missing.
pub(super) fn last_seq(connection: &Connection, base: i64) -> (u64, bool) {
    let (mut last, mut is_end) = (base, true);
    for table in TABLES {
        let (of_table, through) = last_id(connection, table, (base, base + (1 << SEQ_BITS)));
        last = last.max(of_table);
        // Segments end with records that are in the other tables too.
        is_end &= through || table == "segment";
    }
    ((last - base).min(most(connection)).cast_unsigned(), is_end)
}

/// Returns the last id of a point that can be read, and whether no later one can be missing.
pub(super) fn last_point(connection: &Connection) -> (i64, bool) {
    let (last, is_end) = last_id(connection, "point", (0, i64::MAX));
    (last.min(most(connection)), is_end)
}

/// Returns how many rows the pages have room for at most: a larger number was not written by us.
pub(super) fn most(connection: &Connection) -> i64 {
    let pragma =
        |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap_or(0);
    pragma("page_count").saturating_mul(pragma("page_size"))
}

/// Returns the last id between two others that can be read, the first of them if there is none.
fn last_id(connection: &Connection, table: &str, (after, before): (i64, i64)) -> (i64, bool) {
    let sql = format!("SELECT coalesce(max(id), ?1) FROM {table} WHERE id > ?1 AND id < ?2");
    let max = connection.query_row(&sql, [after, before], |row| row.get(0));
    max.map_or_else(
        |_| {
            let mut last = after;
            each_id(connection, table, (after, before), |id| last = id);
            (last, false)
        },
        |last| (last, true),
    )
}

/// Hands on the ids between two others. Where they cannot be read, it looks further and further ahead.
fn each_id(connection: &Connection, table: &str, (mut after, before): (i64, i64), mut sink: impl FnMut(i64)) {
    let sql = format!("SELECT id FROM {table} WHERE id > ? AND id < ? ORDER BY id");
    let mut stride = 1i64;
    while after < before {
        let from = after;
        let mut read = || -> Result<()> {
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = statement.query([after, before])?;
            while let Some(row) = rows.next()? {
                after = row.get(0)?;
                sink(after);
            }
            Ok(())
        };
        if read().is_ok() {
            return;
        }
        stride = if after > from { 1 } else { stride.saturating_mul(2) };
        after = if after > from { after } else { after.saturating_add(stride) };
    }
}

//! How a run stands: what somebody needs who goes on with it.

use crate::model::{EventKind, Result, Value};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

/// Reads the config as it stands.
///
/// # Errors
/// The file is damaged.
pub fn config(connection: &Connection) -> Result<Vec<(String, Value)>> {
    pairs(connection, "SELECT key, value FROM config")
}

/// Reads the summary as it stands.
///
/// # Errors
/// The file is damaged.
pub fn summary(connection: &Connection) -> Result<Vec<(String, Value)>> {
    pairs(connection, "SELECT key, value FROM summary")
}

/// Reads the definitions of metrics as they stand: names and what the newest event of each has as data.
///
/// # Errors
/// The file is damaged.
pub fn metrics(connection: &Connection) -> Result<Vec<(String, String)>> {
    let mut statement = connection.prepare_cached("SELECT name, data FROM metrics")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn pairs(connection: &Connection, query: &str) -> Result<Vec<(String, Value)>> {
    let mut statement = connection.prepare_cached(query)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Returns the id before the first record that counts: a run that was rewound counts from there.
///
/// # Errors
/// The file is damaged.
pub fn counts_from(connection: &Connection) -> Result<i64> {
    let sql = "SELECT coalesce(max(id) - 1, 0) FROM attempt WHERE origin = 'rewind'";
    Ok(connection.query_row(sql, [], |row| row.get(0))?)
}

/// Returns the highest step of the last rows of the history that count, or `None` while there are none. Values that took
/// longer come after rows of higher steps, and no more of them wait than rows are looked at.
///
/// # Errors
/// The file is damaged.
pub fn last_step(connection: &Connection) -> Result<Option<i64>> {
    let sql = "SELECT max(step) FROM (SELECT step FROM row WHERE id > ? ORDER BY id DESC LIMIT 8192)";
    Ok(connection.query_row(sql, [counts_from(connection)?], |row| row.get(0))?)
}

/// Returns the step after the largest of the history that counts. Reads every row.
///
/// # Errors
/// The file is damaged.
pub fn next_step(connection: &Connection) -> Result<i64> {
    let largest: Option<i64> = connection.query_row(
        "SELECT max(step) FROM row WHERE id > ?",
        [counts_from(connection)?],
        |row| row.get(0),
    )?;
    Ok(largest.map_or(0, |step| step.saturating_add(1)))
}

/// Returns the tags as they stand: those of the last start, and what was changed since.
///
/// # Errors
/// The file is damaged.
pub fn tags(connection: &Connection) -> Result<Vec<String>> {
    let mut tags = super::start_of(connection)?.tags;
    let sql =
        "SELECT name, text FROM event WHERE kind = 'tag' AND id > (SELECT max(id) FROM attempt) ORDER BY id";
    let mut statement = connection.prepare_cached(sql)?;
    for change in statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))? {
        let (tag, how) = change?;
        tags.retain(|known| *known != tag);
        if how == "add" {
            tags.push(tag);
        }
    }
    Ok(tags)
}

/// Something that is missing of a run, as the run itself says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// How many records and values, at least.
    pub records: u64,
    /// Why, and how sure that number is.
    pub why: String,
}

/// Lists what a run says is missing of it.
///
/// # Errors
/// The file is damaged.
pub fn losses(connection: &Connection) -> Result<Vec<Lost>> {
    let mut statement = connection.prepare("SELECT data, text FROM event WHERE kind = ? ORDER BY id")?;
    let losses = statement.query_map([EventKind::Lost.name()], |row| {
        let data: serde_json::Value = serde_json::from_str(&row.get::<_, String>(0)?).unwrap_or_default();
        Ok(Lost { records: data["records"].as_u64().unwrap_or(0), why: row.get(1)? })
    })?;
    Ok(losses.collect::<rusqlite::Result<_>>()?)
}

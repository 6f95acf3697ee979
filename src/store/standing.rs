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

/// Reads the summary as [`summary`] does, with values of so many bytes together. In place of those that there is no room for, it has
/// texts that say how long they are. Unlike the view, it does not sort values.
///
/// # Errors
/// The file is damaged.
pub fn summary_within(connection: &Connection, most: u64) -> Result<Vec<(String, Value)>> {
    let mut places = connection.prepare_cached(
        "SELECT key, is_point, place FROM (
             SELECT key, is_point, place, removed, max(id) FROM (
                 SELECT k.name AS key, 1 AS is_point, p.id AS place,
                     k.name IN (SELECT name FROM metrics WHERE instr(data, '\"summary\":[\"') > 0) AS removed, p.row AS id
                 FROM key AS k CROSS JOIN point AS p
                     ON p.id = (SELECT e.last FROM extent AS e WHERE e.key = k.id ORDER BY e.first DESC LIMIT 1)
                 WHERE k.system = 0
                 UNION ALL
                 SELECT key, 0, id, removed, id FROM setting WHERE scope = 'summary')
             WHERE id >= (SELECT coalesce(max(id), 0) FROM attempt WHERE origin = 'rewind')
             GROUP BY key)
         WHERE removed = 0",
    )?;
    let value = |table: &str| {
        connection.prepare_cached(&format!(
            "SELECT octet_length(value), CASE WHEN coalesce(octet_length(value), 0) <= ?2 THEN value
             ELSE '\"… of ' || octet_length(value) || ' bytes\"' END FROM {table} WHERE id = ?1"
        ))
    };
    let mut values = [value("setting")?, value("point")?];
    let mut left = most;
    let mut summary = Vec::new();
    let mut rows = places.query([])?;
    while let Some(row) = rows.next()? {
        let (is_point, place): (bool, i64) = (row.get(1)?, row.get(2)?);
        let room = i64::try_from(left).unwrap_or(i64::MAX);
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, Option<i64>>(0)?.unwrap_or(0), row.get(1)?));
        let (bytes, value) = values[usize::from(is_point)].query_row((place, room), read)?;
        left = left.checked_sub(bytes.cast_unsigned()).unwrap_or(left);
        summary.push((row.get(0)?, value));
    }
    Ok(summary)
}

/// Returns how many bytes what was set in config and summary has, as it stands, and with all that it was before.
///
/// # Errors
/// The file is damaged.
pub fn settings_bytes(connection: &Connection) -> Result<(u64, u64)> {
    let sql = "SELECT coalesce(sum(octet_length(value)) FILTER (
                   WHERE id IN (SELECT max(id) FROM setting GROUP BY scope, key)), 0),
               coalesce(sum(octet_length(value)), 0) FROM setting";
    let bytes = |row: &rusqlite::Row<'_>, n| row.get::<_, i64>(n).map(i64::cast_unsigned);
    Ok(connection.query_row(sql, [], |row| Ok((bytes(row, 0)?, bytes(row, 1)?)))?)
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

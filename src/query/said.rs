//! What a run said beside its history: printed lines, samples of the machine, definitions of metrics.

use crate::model::Result;
use crate::store;
use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;

/// A printed line.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Line {
    /// When, in seconds since 1970-01-01 UTC.
    pub time: f64,
    /// `stdout` or `stderr`.
    pub stream: String,
    /// What was printed.
    pub text: String,
}

/// Most bytes of lines that are read at once, about.
const CONSOLE_BYTES: usize = 8 << 20;

/// Reads printed lines behind a place, which is 0 at first, and says where to go on if there are more.
///
/// # Errors
/// The file is damaged.
pub fn console(connection: &Connection, after: i64, limit: usize) -> Result<(Vec<Line>, Option<i64>)> {
    let mut statement = connection.prepare_cached(
        "SELECT id, time / 1e6, kind, text FROM event WHERE kind IN ('stdout', 'stderr') AND id > ? ORDER BY id LIMIT ?",
    )?;
    let mut rows = statement.query((after, i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1)))?;
    let (mut lines, mut bytes, mut last): (Vec<Line>, _, _) = (Vec::new(), 0, after);
    while let Some(row) = rows.next()? {
        if lines.len() >= limit || bytes >= CONSOLE_BYTES {
            return Ok((lines, Some(last)));
        }
        last = row.get(0)?;
        let line = Line { time: row.get(1)?, stream: row.get(2)?, text: row.get(3)? };
        bytes += line.text.len();
        lines.push(line);
    }
    Ok((lines, None))
}

/// Samples of something of the machine, as columns of the same length.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Samples {
    /// What was sampled.
    pub key: String,
    /// How many samples there are in all; of more than were asked for, every second, third and so on is here.
    pub count: u64,
    /// Times in seconds since 1970-01-01 UTC.
    pub time: Vec<f64>,
    /// Values.
    #[cfg_attr(feature = "server", schema(value_type = Vec<serde_json::Value>))]
    pub value: Vec<serde_json::Value>,
}

/// Lists what was sampled of the machine.
///
/// # Errors
/// The file is damaged.
pub fn system_keys(connection: &Connection) -> Result<Vec<String>> {
    let sql = "SELECT name FROM key WHERE system = 1 GROUP BY name ORDER BY name";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Reads samples of the machine, evenly spread over all that there are, at most so many.
///
/// # Errors
/// The file is damaged.
pub fn samples(connection: &Connection, key: &str, most: usize) -> Result<Option<Samples>> {
    let sql = "SELECT sum(e.last - e.first + 1) FROM key AS k CROSS JOIN extent AS e ON e.key = k.id
               WHERE k.system = 1 AND k.name = ? HAVING count(*) > 0";
    let count: Option<i64> = connection.prepare_cached(sql)?.query_row([key], |row| row.get(0)).optional()?;
    let Some(count) = count.map(i64::cast_unsigned) else { return Ok(None) };
    let every = count.div_ceil(most.max(1) as u64).max(1);
    let mut samples = Samples { key: key.to_owned(), count, time: Vec::new(), value: Vec::new() };
    let mut statement = connection.prepare_cached(
        "SELECT r.time / 1e6, p.value FROM key AS k CROSS JOIN extent AS e ON e.key = k.id
         CROSS JOIN point AS p ON p.id BETWEEN e.first AND e.last CROSS JOIN row AS r ON r.id = p.row
         WHERE k.system = 1 AND k.name = ?1 AND (e.before + p.id - e.first) % ?2 = 0 ORDER BY k.id, p.id",
    )?;
    let mut rows = statement.query((key, every.cast_signed()))?;
    while let Some(row) = rows.next()? {
        samples.time.push(row.get(0)?);
        samples.value.push(row.get::<_, crate::Value>(1)?.to_json());
    }
    Ok(Some(samples))
}

/// How a metric is defined.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Definition {
    /// The metric, or the beginning of names and `*`.
    pub name: String,
    /// What it lies over, whether it is hidden, what its summary is, its goal.
    #[cfg_attr(feature = "server", schema(value_type = Object))]
    pub definition: serde_json::Value,
}

/// Lists the definitions of metrics.
///
/// # Errors
/// The file is damaged.
pub fn definitions(connection: &Connection) -> Result<Vec<Definition>> {
    let found = store::metrics(connection)?.into_iter();
    Ok(found
        .map(|(name, data)| Definition { name, definition: serde_json::from_str(&data).unwrap_or_default() })
        .collect())
}

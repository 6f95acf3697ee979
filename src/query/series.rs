//! The values of a run: config, summary, and one key of the history.

use crate::model::{Result, Value};
use crate::store;
use rusqlite::Connection;
use serde::{Serialize, Serializer};

/// The values of one key in the order in which they were logged, as columns of the same length.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Series {
    /// Steps.
    pub step: Vec<Option<i64>>,
    /// Times, in seconds since 1970-01-01 UTC.
    pub time: Vec<f64>,
    /// Values, which are serialized as [`Value::to_json`] gives them.
    #[serde(serialize_with = "as_json")]
    pub value: Vec<Value>,
}

/// Reads the values of a key; none if the run has no such key.
///
/// # Errors
/// The file is damaged.
pub fn series(connection: &Connection, key: &str) -> Result<Series> {
    let mut statement = connection.prepare_cached("SELECT step, time, value FROM history WHERE key = ?")?;
    let mut rows = statement.query([key])?;
    let mut series = Series::default();
    while let Some(row) = rows.next()? {
        series.step.push(row.get(0)?);
        series.time.push(row.get(1)?);
        series.value.push(row.get(2)?);
    }
    Ok(series)
}

fn as_json<S: Serializer>(values: &[Value], serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_seq(values.iter().map(Value::to_json))
}

/// Reads the config.
///
/// # Errors
/// The file is damaged.
pub fn config(connection: &Connection) -> Result<serde_json::Map<String, serde_json::Value>> {
    Ok(object(store::config(connection)?))
}

/// Reads the summary.
///
/// # Errors
/// The file is damaged.
pub fn summary(connection: &Connection) -> Result<serde_json::Map<String, serde_json::Value>> {
    Ok(object(store::summary(connection)?))
}

fn object(pairs: Vec<(String, Value)>) -> serde_json::Map<String, serde_json::Value> {
    pairs.into_iter().map(|(key, value)| (key, value.to_json())).collect()
}

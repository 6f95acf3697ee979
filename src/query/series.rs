//! The values of a run: config, summary, and one key of the history.

use crate::model::{Error, ErrorKind, Result, Value};
use crate::store::points::{for_each_point, keys_of, snapshot};
use crate::store::{self, envelope};
use rusqlite::Connection;
use serde::{Serialize, Serializer};

/// The values of one key in the order in which they were logged, as columns of the same length.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Series {
    /// Steps.
    pub step: Vec<Option<i64>>,
    /// Times, in seconds since 1970-01-01 UTC.
    pub time: Vec<f64>,
    /// Which of several writers logged each; empty if none of them has a rank.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rank: Vec<Option<u32>>,
    /// Values, which are serialized as [`Value::to_json`] gives them.
    #[serde(serialize_with = "as_json")]
    #[cfg_attr(feature = "server", schema(value_type = Vec<serde_json::Value>))]
    pub value: Vec<Value>,
}

impl Series {
    fn reserve(&mut self, points: u64) {
        // What a damaged file says is not believed beyond reason.
        let points = usize::try_from(points.min(1 << 24)).unwrap_or(0);
        self.step.reserve(points);
        self.time.reserve(points);
        self.value.reserve(points);
    }
}

/// Reads the values of a key; none if the run has no such key.
///
/// # Errors
/// The file is damaged.
pub fn series(connection: &Connection, key: &str) -> Result<Series> {
    bounded_series(connection, key, u64::MAX)
}

/// Reads the values of a key as [`series`] does, if those that are no numbers are of no more than so many bytes.
///
/// # Errors
/// They are more, or the file is damaged.
pub fn bounded_series(connection: &Connection, key: &str, most: u64) -> Result<Series> {
    let mut left = Some(most);
    let _snapshot = snapshot(connection)?;
    let mut series = Series::default();
    for key in keys_of(connection, key)? {
        let before = series.step.len();
        let points = envelope::standing(connection, key)?.points;
        series.reserve(points);
        for_each_point(connection, key, points, 0..points, |point| {
            series.step.push(point.step);
            #[expect(clippy::cast_precision_loss, reason = "seconds are floats")]
            series.time.push(point.time as f64 / 1e6);
            if let Value::Json(text) = point.value {
                left = left.and_then(|left| left.checked_sub(text.len() as u64));
            }
            series.value.extend(left.map(|_| point.value.clone()));
        })?;
        if left.is_none() {
            let message = format!("The values of the key are more than {} MiB", most >> 20);
            return Err(Error::new(ErrorKind::Limit, message));
        }
        let rank = rank_of(connection, key)?;
        if rank.is_some() || !series.rank.is_empty() {
            series.rank.resize(before, None);
            series.rank.resize(series.step.len(), rank);
        }
    }
    Ok(series)
}

/// Returns the rank of the attempt that used a key.
fn rank_of(connection: &Connection, key: i64) -> Result<Option<u32>> {
    let sql = "SELECT rank FROM attempt WHERE id = (? >> 40 << 40) + 1";
    Ok(connection.prepare_cached(sql)?.query_row([key], |row| row.get(0))?)
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

pub(super) fn summary_within(
    connection: &Connection,
    bytes: u64,
) -> Result<serde_json::Map<String, serde_json::Value>> {
    Ok(object(store::summary_within(connection, bytes)?))
}

fn object(pairs: Vec<(String, Value)>) -> serde_json::Map<String, serde_json::Value> {
    pairs.into_iter().map(|(key, value)| (key, value.to_json())).collect()
}

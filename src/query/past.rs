//! How a run came to be: the processes that wrote it, and how its metrics are defined. With that a reader who has no file
//! knows what follows from it, such as how long the run took without the breaks.

use crate::model::Result;
use crate::store;
use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};

/// A process that wrote a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Writer {
    /// When it began, in seconds since 1970-01-01 UTC.
    pub began: f64,
    /// When it was last heard of, likewise.
    pub last: f64,
    /// The machine.
    pub host: String,
    /// The process.
    pub pid: i64,
    /// The version of danlu.
    pub danlu: String,
    /// What it said about itself, a JSON object.
    pub info: serde_json::Value,
    /// Which of several writers it is.
    pub rank: Option<u32>,
}

/// What a run has gone through.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Past {
    /// Who wrote it, in order.
    pub writers: Vec<Writer>,
    /// How metrics are defined, by name, a JSON object.
    pub metrics: serde_json::Map<String, serde_json::Value>,
    /// The step and the time of its last row.
    pub last_row: Option<(i64, f64)>,
    /// Whether it says anything of artifacts.
    pub artifacts: bool,
}

/// Ids of the records of an attempt begin at a multiple of this.
const ATTEMPT: i64 = 1 << 40;

/// Reads it.
///
/// # Errors
/// The file is damaged.
pub fn past(connection: &Connection) -> Result<Past> {
    let mut statement = connection.prepare_cached(
        "SELECT a.time / 1e6, a.host, a.pid, a.danlu, a.info, a.rank,
             max(a.time,
                 coalesce((SELECT time FROM row WHERE id BETWEEN a.id AND a.id + ?1 ORDER BY id DESC LIMIT 1), 0),
                 coalesce((SELECT time FROM event WHERE id BETWEEN a.id AND a.id + ?1 ORDER BY id DESC LIMIT 1), 0))
                 / 1e6
         FROM attempt AS a ORDER BY a.id",
    )?;
    let writers = statement.query_map([ATTEMPT - 2], |row| {
        Ok(Writer {
            began: row.get(0)?,
            host: row.get(1)?,
            pid: row.get(2)?,
            danlu: row.get(3)?,
            info: serde_json::from_str(&row.get::<_, String>(4)?).unwrap_or_default(),
            rank: row.get(5)?,
            last: row.get(6)?,
        })
    })?;
    let last_row = connection
        .query_row(
            "SELECT step, time / 1e6 FROM row WHERE step IS NOT NULL ORDER BY id DESC LIMIT 1",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    let artifacts = "SELECT EXISTS (SELECT 1 FROM event WHERE kind = 'artifact')";
    let metric = |(name, data): (String, String)| (name, serde_json::from_str(&data).unwrap_or_default());
    Ok(Past {
        writers: writers.collect::<rusqlite::Result<_>>()?,
        metrics: store::metrics(connection)?.into_iter().map(metric).collect(),
        last_row,
        artifacts: connection.query_row(artifacts, [], |row| row.get(0))?,
    })
}

impl Past {
    /// Adds what another file of the run says.
    pub(super) fn join(&mut self, newer: Self) {
        self.writers.extend(newer.writers);
        self.writers.sort_by(|a, b| a.began.total_cmp(&b.began));
        self.metrics.extend(newer.metrics);
        self.artifacts |= newer.artifacts;
        if newer.last_row.is_some_and(|newer| self.last_row.is_none_or(|ours| ours <= newer)) {
            self.last_row = newer.last_row;
        }
    }
}

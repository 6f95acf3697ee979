//! The alerts of a run.

use super::RunInfo;
use crate::model::{Hash, Result};
use crate::store;
use serde::{Deserialize, Serialize};

/// Something that a run wanted a person to know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Alert {
    /// What tells it from others, wherever the run is copied to.
    pub id: String,
    /// The run.
    pub run: String,
    /// Its project.
    pub project: String,
    /// When, in seconds since 1970-01-01 UTC.
    pub time: f64,
    /// `INFO`, `WARN` or `ERROR`.
    pub level: String,
    /// In short.
    pub title: String,
    /// In full.
    pub text: String,
}

/// What an alert says of itself.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Data {
    level: String,
    id: String,
}

/// Lists the alerts of a run, the oldest first.
///
/// # Errors
/// A run file cannot be read.
pub fn alerts(run: &RunInfo) -> Result<Vec<Alert>> {
    let mut found = Vec::new();
    for part in &run.parts {
        let connection = store::open(part)?;
        let mut statement = connection.prepare("SELECT time, title, text, data FROM alerts")?;
        let rows = statement.query_map([], |row| {
            let data: String = row.get(3)?;
            Ok((row.get::<_, f64>(0)?, row.get(1)?, row.get(2)?, data))
        })?;
        for row in rows {
            let (time, title, text, data): (f64, String, String, String) = row?;
            let data: Data = serde_json::from_str(&data).unwrap_or_default();
            let id = if data.id.is_empty() {
                Hash::of(format!("{}\0{}\0{time}\0{title}", run.project, run.id).as_bytes()).to_string()
            } else {
                data.id
            };
            let level = if data.level.is_empty() { "INFO".to_owned() } else { data.level };
            let (run, project) = (run.id.clone(), run.project.clone());
            found.push(Alert { id, run, project, time, level, title, text });
        }
    }
    found.sort_by(|a, b| a.time.total_cmp(&b.time));
    Ok(found)
}

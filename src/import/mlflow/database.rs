//! The database: `mlflow.db`.

use super::metrics::{Point, Rows};
use super::run::{About, Read, RunStatus, Stage};
use crate::import::database::{has, int, open, text};
use crate::import::ledger::Ledger;
use crate::model::Result;
use rusqlite::Connection;
use std::path::{Path, PathBuf};

/// Says whether a database is one of MLflow.
pub(in crate::import) fn is_database(connection: &Connection) -> bool {
    has(connection, "experiments", &["experiment_id", "name", "lifecycle_stage"])
        && has(connection, "runs", &["run_uuid", "experiment_id", "lifecycle_stage", "status"])
        && has(connection, "metrics", &["key", "value", "timestamp", "run_uuid", "step"])
}

/// Lists the runs of a database.
pub(super) fn runs(path: &Path) -> Result<Vec<About>> {
    let connection = open(path)?;
    let sql = "SELECT r.run_uuid, coalesce(e.name, '') AS name,
            r.lifecycle_stage = 'deleted' OR coalesce(e.lifecycle_stage = 'deleted', 0) AS deleted
        FROM runs AS r LEFT JOIN experiments AS e ON e.experiment_id = r.experiment_id ORDER BY r.start_time, r.run_uuid";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let stage = if int(row, "deleted")? == Some(1) { Stage::Deleted } else { Stage::Active };
        found.push(About { id: text(row, "run_uuid")?, experiment: text(row, "name")?, stage });
    }
    Ok(found)
}

/// Reads a run.
pub(super) fn read(path: &Path, id: &str, ledger: &mut Ledger<'_>, rows: &mut Rows<'_>) -> Result<Read> {
    let connection = open(path)?;
    // One state of the database, whoever writes meanwhile.
    let connection = connection.unchecked_transaction()?;
    let mut read = Read::default();
    let mut statement = connection.prepare("SELECT * FROM runs WHERE run_uuid = ?")?;
    let mut found = statement.query([id])?;
    if let Some(row) = found.next()? {
        read.name = text(row, "name")?;
        read.user = text(row, "user_id")?;
        read.status = RunStatus::parse(&text(row, "status")?);
        read.start = int(row, "start_time")?.map(|ms| ms.saturating_mul(1000));
        read.end = int(row, "end_time")?.map(|ms| ms.saturating_mul(1000));
        let uri = text(row, "artifact_uri")?;
        read.artifacts = beside(path, &uri);
        let local = uri.strip_prefix("file://").unwrap_or(&uri);
        if read.artifacts.is_none() && (local.contains("://") || Path::new(local).is_dir()) {
            read.left_out.push(format!("the artifacts: they are at {uri}, not beside the database"));
        }
    }
    for kind in ["params", "tags"] {
        add_texts(&connection, kind, id, &mut read)?;
    }
    let is_nan = if has(&connection, "metrics", &["is_nan"]) { "is_nan" } else { "0" };
    let sql = format!(
        "SELECT key, value, timestamp, step, {is_nan} AS is_nan FROM metrics WHERE run_uuid = ? ORDER BY rowid"
    );
    let mut statement = connection.prepare(&sql)?;
    let mut found = statement.query([id])?;
    while let Some(row) = found.next()? {
        let name = text(row, "key")?;
        let is_nan = int(row, "is_nan")? == Some(1);
        let value = if is_nan { f64::NAN } else { row.get("value").unwrap_or(f64::NAN) };
        let (ms, step) = (int(row, "timestamp")?.unwrap_or(0), int(row, "step")?.unwrap_or(0));
        let is_new =
            ledger.pass("metrics", format!("{name} {ms} {step} {:016x}", value.to_bits()).as_bytes());
        let key = rows.key(&name);
        rows.add(key, Point { time: ms.saturating_mul(1000), step, value }, is_new)?;
    }
    Ok(read)
}

fn add_texts(connection: &Connection, kind: &str, id: &str, read: &mut Read) -> Result<()> {
    if !has(connection, kind, &["key", "value", "run_uuid"]) {
        return Ok(());
    }
    let mut statement = connection.prepare(&format!("SELECT key, value FROM {kind} WHERE run_uuid = ?"))?;
    let mut rows = statement.query([id])?;
    while let Some(row) = rows.next()? {
        read.text(kind, text(row, "key")?, text(row, "value")?);
    }
    Ok(())
}

/// Returns the directory of the artifacts, if it lies below that of the database: a database may name any place.
fn beside(path: &Path, uri: &str) -> Option<PathBuf> {
    let local = uri.strip_prefix("file://").unwrap_or(uri);
    let root = path.parent()?.canonicalize().ok()?;
    let directory = root.join(local).canonicalize().ok()?;
    (!uri.is_empty() && directory.starts_with(&root) && directory != root && directory.is_dir())
        .then_some(directory)
}

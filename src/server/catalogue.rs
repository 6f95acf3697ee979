//! What the server knows in one small database: keys, and every run at a glance.

use crate::model::{AttemptId, Error, Hash, Result};
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS api_key (
    sha256  BLOB PRIMARY KEY,   -- of the key: the key itself is not kept
    name    TEXT NOT NULL,
    created INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS run (
    key     BLOB PRIMARY KEY,   -- hash of (entity, project, id)
    entity  TEXT NOT NULL,
    project TEXT NOT NULL,
    started REAL NOT NULL,
    updated INTEGER NOT NULL,
    info    TEXT NOT NULL       -- the run as the list shows it, as JSON
) STRICT;
CREATE INDEX IF NOT EXISTS run_project ON run (entity, project, started);
";

/// A project at a glance.
#[derive(Debug, Serialize)]
pub(super) struct Project {
    entity: String,
    project: String,
    runs: i64,
    updated: f64,
}

/// The database.
pub(super) struct Catalogue {
    connection: Mutex<Connection>,
}

impl Catalogue {
    /// Opens or makes it. A new one comes with a key, which is returned and kept nowhere.
    pub(super) fn open(path: &Path, now: i64) -> Result<(Self, Option<String>)> {
        let connection =
            Connection::open(path).map_err(|e| Error::from(e).in_context(format!("`{}`", path.display())))?;
        connection.busy_timeout(Duration::from_secs(20))?;
        connection.execute_batch(SCHEMA)?;
        let catalogue = Self { connection: Mutex::new(connection) };
        let known: i64 = catalogue.lock().query_row("SELECT count(*) FROM api_key", [], |row| row.get(0))?;
        let new_key = if known == 0 { Some(catalogue.make_key("first", now)?) } else { None };
        Ok((catalogue, new_key))
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn make_key(&self, name: &str, now: i64) -> Result<String> {
        let key = format!("dk_{}{}", AttemptId::random()?, AttemptId::random()?);
        let hash = Hash::of(key.as_bytes());
        self.lock().execute("INSERT INTO api_key VALUES (?, ?, ?)", params![hash.0, name, now])?;
        Ok(key)
    }

    /// Says whether a key is one of ours. The look-up is by hash, so its time says nothing about the key.
    pub(super) fn knows_key(&self, key: &str) -> Result<bool> {
        let hash = Hash::of(key.as_bytes());
        let sql = "SELECT 1 FROM api_key WHERE sha256 = ?";
        Ok(self.lock().query_row(sql, [hash.0], |_| Ok(())).optional()?.is_some())
    }

    /// Writes down how a run looks now.
    pub(super) fn put_run(&self, key: Hash, run: &crate::query::RunInfo, info: &str, now: i64) -> Result<()> {
        self.lock().execute(
            "INSERT OR REPLACE INTO run VALUES (?, ?, ?, ?, ?, ?)",
            params![key.0, run.entity, run.project, run.started, now, info],
        )?;
        Ok(())
    }

    /// Lists the projects.
    pub(super) fn projects(&self) -> Result<Vec<Project>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT entity, project, count(*), max(updated) / 1e6 FROM run GROUP BY entity, project ORDER BY entity, project",
        )?;
        let rows = statement.query_map([], |row| {
            Ok(Project { entity: row.get(0)?, project: row.get(1)?, runs: row.get(2)?, updated: row.get(3)? })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Lists runs, newest first, of one entity and project or of all.
    pub(super) fn runs(&self, entity: Option<&str>, project: Option<&str>) -> Result<Vec<serde_json::Value>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT info FROM run WHERE (?1 IS NULL OR entity = ?1) AND (?2 IS NULL OR project = ?2) ORDER BY started DESC",
        )?;
        let rows = statement.query_map([entity, project], |row| row.get::<_, String>(0))?;
        rows.map(|info| {
            serde_json::from_str(&info?)
                .map_err(|e| Error::damaged("The catalogue is damaged").with_source(e))
        })
        .collect()
    }
}

//! What the syncer knows: which digest each remote has proved to hold of each run.

use crate::model::{Error, Hash, Result};
use crate::query::Alert;
use rusqlite::{Connection, OptionalExtension, params};
use std::path::Path;
use std::time::Duration;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS proved (
    remote TEXT NOT NULL,       -- identity of the remote
    run    BLOB NOT NULL,       -- hash of the run's key
    path   TEXT NOT NULL,       -- name of the run file: a run may have several
    digest BLOB NOT NULL,
    time   INTEGER NOT NULL,
    PRIMARY KEY (remote, path)
) STRICT;
CREATE TABLE IF NOT EXISTS remote (
    name TEXT PRIMARY KEY,
    time INTEGER NOT NULL       -- when it was last synced to
) STRICT;
CREATE TABLE IF NOT EXISTS alert (
    hook    TEXT NOT NULL,      -- how people are told of it
    id      TEXT NOT NULL,
    data    TEXT NOT NULL,      -- the alert as JSON
    claimed INTEGER NOT NULL,   -- when somebody set about to tell of it; 0 if nobody does
    told    INTEGER NOT NULL,   -- 1 once people know
    PRIMARY KEY (hook, id)
) STRICT;
";

/// How long somebody may take to tell of an alert, in microseconds; after that he counts as dead.
const CLAIM: i64 = 120_000_000;

/// The database `sync.sqlite` of a directory of runs.
#[derive(Debug)]
pub struct State {
    connection: Connection,
}

impl State {
    /// Opens or makes it. One that is damaged is made anew: it can be asked for again.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn open(directory: &Path) -> Result<Self> {
        let path = directory.join("sync.sqlite");
        Self::try_open(&path).or_else(|_| {
            std::fs::remove_file(&path).ok();
            Self::try_open(&path).map_err(|e| {
                // It is of no use, and on a full disk it is one file more.
                std::fs::remove_file(&path).ok();
                Error::new(e.kind(), format!("Cannot write `{}`", path.display())).with_source(e).with_hint(
                    "the syncer keeps there what it has pushed; let it write to the directory of the runs",
                )
            })
        })
    }

    fn try_open(path: &Path) -> Result<Self> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(20))?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self { connection })
    }

    /// Returns the digest that a remote has proved to hold of a run file.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn proved(&self, remote: &str, run_file: &Path) -> Result<Option<Hash>> {
        let sql = "SELECT digest FROM proved WHERE remote = ? AND path = ?";
        let found =
            self.connection.query_row(sql, [remote, &file_name(run_file)], |row| row.get(0)).optional()?;
        Ok(found.map(Hash))
    }

    /// Writes down that a remote has proved to hold a digest of a run file.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn prove(&self, remote: &str, run: Hash, run_file: &Path, digest: Hash, now: i64) -> Result<()> {
        self.connection.execute(
            "INSERT OR REPLACE INTO proved VALUES (?, ?, ?, ?, ?)",
            params![remote, run.0, file_name(run_file), digest.0, now],
        )?;
        Ok(())
    }

    /// Writes down an alert that people are to be told of, unless it is known.
    pub(super) fn remember_alert(&self, hook: &str, alert: &Alert) -> Result<()> {
        let data =
            serde_json::to_string(alert).map_err(|e| Error::damaged("Cannot make JSON").with_source(e))?;
        let sql = "INSERT OR IGNORE INTO alert VALUES (?, ?, ?, 0, 0)";
        self.connection.execute(sql, params![hook, alert.id, data])?;
        Ok(())
    }

    /// Returns the alerts that people were not told of yet.
    pub(super) fn alerts_to_tell(&self, hook: &str) -> Result<Vec<Alert>> {
        let sql = "SELECT data FROM alert WHERE hook = ? AND told = 0 ORDER BY rowid";
        let mut statement = self.connection.prepare(sql)?;
        let found = statement.query_map([hook], |row| row.get::<_, String>(0))?;
        let mut alerts = Vec::new();
        for data in found {
            alerts.extend(serde_json::from_str::<Alert>(&data?));
        }
        Ok(alerts)
    }

    /// Sets about to tell of an alert; false if somebody else does.
    pub(super) fn claim_alert(&self, hook: &str, id: &str, now: i64) -> Result<bool> {
        let sql =
            "UPDATE alert SET claimed = ?3 WHERE hook = ?1 AND id = ?2 AND told = 0 AND claimed < ?3 - ?4";
        Ok(self.connection.execute(sql, params![hook, id, now, CLAIM])? == 1)
    }

    /// Writes down whether people were told.
    pub(super) fn end_claim(&self, hook: &str, id: &str, told: bool) -> Result<()> {
        let sql = "UPDATE alert SET claimed = 0, told = ? WHERE hook = ? AND id = ?";
        self.connection.execute(sql, params![told, hook, id])?;
        Ok(())
    }

    /// Returns the remote that was synced to last.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn last_remote(&self) -> Result<Option<String>> {
        let sql = "SELECT name FROM remote ORDER BY time DESC LIMIT 1";
        Ok(self.connection.query_row(sql, [], |row| row.get(0)).optional()?)
    }

    /// Writes down that a remote is synced to now.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn use_remote(&self, remote: &str, now: i64) -> Result<()> {
        self.connection.execute("INSERT OR REPLACE INTO remote VALUES (?, ?)", params![remote, now])?;
        Ok(())
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

//! What the syncer knows, in `sync.sqlite`: of each run file how it was, and what each remote has proved of it.

mod alerts;
mod files;
mod peers;

pub(in crate::sync) use files::number_of;
pub use files::{Facts, Stamp};
pub use peers::Peer;

use super::plan::Known;
use crate::model::{AttemptId, Error, ErrorKind, Hash, Result};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const SCHEMA: &str = "
DROP TABLE IF EXISTS proved;
CREATE TABLE IF NOT EXISTS run (
    path      TEXT PRIMARY KEY, -- name of the run file
    stamp     BLOB NOT NULL,    -- its size, time and inode when it was read
    entity    TEXT NOT NULL,
    project   TEXT NOT NULL,
    id        TEXT NOT NULL,
    key       BLOB,             -- hash of the run's key; none if the file cannot be read
    digest    BLOB,
    records   INTEGER NOT NULL,
    selection TEXT NOT NULL,    -- what of its files was selected then
    content   BLOB,             -- what was to be pushed of it then
    condition BLOB,
    begins    INTEGER NOT NULL, -- a number of the attempt that begins a run in it; 0 if it goes on with one
    error     TEXT,             -- why it cannot be read
    hint      TEXT,
    version   TEXT NOT NULL     -- the danlu that has read it
) STRICT;
CREATE TABLE IF NOT EXISTS known (
    remote TEXT NOT NULL,       -- identity of the remote
    path   TEXT NOT NULL,
    key    BLOB NOT NULL,
    known  TEXT NOT NULL,       -- what is known of the run there, as JSON
    left   INTEGER NOT NULL,    -- contents that were left out, and their bytes
    bytes  INTEGER NOT NULL,
    time   INTEGER NOT NULL,
    PRIMARY KEY (remote, path)
) STRICT;
CREATE TABLE IF NOT EXISTS remote (
    name TEXT PRIMARY KEY,
    time INTEGER NOT NULL       -- when it was last synced to
) STRICT;
CREATE TABLE IF NOT EXISTS peer (
    name     TEXT PRIMARY KEY,
    identity TEXT NOT NULL,
    looked   INTEGER NOT NULL,  -- when its runs were last compared with what it proved
    error    TEXT,              -- what is wrong with it
    hint     TEXT,
    time     INTEGER NOT NULL
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

/// The database `sync.sqlite` of a directory of runs.
///
/// Whoever watches has it open for months: when the file is removed, or the directory is moved and made anew, it goes on with
/// what is in its place.
#[derive(Debug)]
pub struct State {
    connection: Mutex<Connection>,
    file: Option<PathBuf>,
    /// Of the file that is open.
    inode: AtomicU64,
}

/// What is known of a run file at a remote.
#[derive(Debug, Clone)]
pub struct Held {
    /// The hash of the run's key.
    pub key: Hash,
    /// What is known.
    pub known: Known,
    /// Contents that were left out by choice when it was pushed, and that the remote has not either.
    pub left_out: u64,
    /// Their bytes.
    pub left_bytes: u64,
    /// When this was written down.
    pub time: i64,
}

impl State {
    /// Opens or makes it. One that is damaged is made anew: it can be asked for again.
    ///
    /// # Errors
    /// The directory cannot be written, or somebody else keeps it locked.
    pub fn open(directory: &Path) -> Result<Self> {
        let path = directory.join("sync.sqlite");
        let failed = |e: Error| {
            Error::new(e.kind(), format!("Cannot write `{}`", path.display())).with_source(e).with_hint(
                "the syncer keeps there what it has pushed; let it write to the directory of the runs",
            )
        };
        match Self::try_open(&path) {
            Err(e) if e.kind() == ErrorKind::Busy => Err(failed(e)),
            Err(_) => {
                std::fs::remove_file(&path).ok();
                Self::try_open(&path).map_err(|e| {
                    // It is of no use, and on a full disk it is one file more.
                    std::fs::remove_file(&path).ok();
                    failed(e)
                })
            }
            opened => opened,
        }
    }

    /// Makes one that is forgotten with the process.
    ///
    /// # Errors
    /// There is no memory.
    pub fn in_memory() -> Result<Self> {
        let connection = Mutex::new(prepared(Connection::open_in_memory()?)?);
        Ok(Self { connection, file: None, inode: AtomicU64::new(0) })
    }

    fn try_open(path: &Path) -> Result<Self> {
        let connection = Mutex::new(prepared(Connection::open(path)?)?);
        Ok(Self { connection, file: Some(path.to_owned()), inode: AtomicU64::new(inode_of(path)) })
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = &self.file
            && inode_of(file) != self.inode.load(Ordering::Relaxed)
            && let Ok(anew) = Connection::open(file).map_err(Error::from).and_then(prepared)
        {
            *connection = anew;
            self.inode.store(inode_of(file), Ordering::Relaxed);
        }
        connection
    }

    /// Returns all that is known of run files at a remote, by their names.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn known_at(&self, remote: AttemptId) -> Result<BTreeMap<String, Held>> {
        let connection = self.lock();
        let mut statement =
            connection.prepare("SELECT path, key, known, left, bytes, time FROM known WHERE remote = ?")?;
        let mut rows = statement.query([remote.to_string()])?;
        let mut all = BTreeMap::new();
        while let Some(row) = rows.next()? {
            // What another danlu has written is asked for again.
            let Ok(known) = serde_json::from_str(&row.get::<_, String>(2)?) else { continue };
            let held = Held {
                key: Hash(row.get(1)?),
                known,
                left_out: row.get::<_, i64>(3)?.cast_unsigned(),
                left_bytes: row.get::<_, i64>(4)?.cast_unsigned(),
                time: row.get(5)?,
            };
            all.insert(row.get(0)?, held);
        }
        Ok(all)
    }

    /// Writes down what is known of run files at a remote.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn keep<'a>(
        &self,
        remote: AttemptId,
        all: impl IntoIterator<Item = (&'a str, &'a Held)>,
    ) -> Result<()> {
        let mut connection = self.lock();
        let tx = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        for (path, held) in all {
            let known = serde_json::to_string(&held.known)
                .map_err(|e| Error::damaged("Cannot make JSON").with_source(e))?;
            tx.prepare_cached("INSERT OR REPLACE INTO known VALUES (?, ?, ?, ?, ?, ?, ?)")?.execute(
                params![
                    remote.to_string(),
                    path,
                    held.key.0,
                    known,
                    held.left_out.cast_signed(),
                    held.left_bytes.cast_signed(),
                    held.time
                ],
            )?;
        }
        Ok(tx.commit()?)
    }

    /// Returns the remote that was synced to last.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn last_remote(&self) -> Result<Option<String>> {
        let sql = "SELECT name FROM remote ORDER BY time DESC LIMIT 1";
        Ok(self.lock().query_row(sql, [], |row| row.get(0)).optional()?)
    }

    /// Writes down that a remote is synced to now.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn use_remote(&self, remote: &str, now: i64) -> Result<()> {
        self.lock().execute("INSERT OR REPLACE INTO remote VALUES (?, ?)", params![remote, now])?;
        Ok(())
    }
}

/// Returns the inode of a file; none has the number 0.
fn inode_of(file: &Path) -> u64 {
    file.metadata().map_or(0, |metadata| metadata.ino())
}

/// Makes the tables, if they are not there.
fn prepared(connection: Connection) -> Result<Connection> {
    connection.busy_timeout(Duration::from_secs(20))?;
    // It is a cache: after a power cut it may be made anew.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    let has_all: bool = connection.query_row(
        "SELECT count(*) = 5 FROM sqlite_schema WHERE type = 'table' AND name IN ('run', 'known', 'remote', 'peer', 'alert')",
        [],
        |row| row.get(0),
    )?;
    if !has_all {
        connection.execute_batch(&format!("BEGIN IMMEDIATE; {SCHEMA} COMMIT;"))?;
    }
    Ok(connection)
}

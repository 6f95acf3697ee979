//! Writing to a run file under locks that nobody can take from us.
//!
//! SQLite locks with POSIX record locks, and those belong to the process: when user code in the training process opens the run
//! file with another SQLite (Python's own) and closes it, ours are gone, and the next reader takes a transaction under
//! way for one of a dead writer and rolls it back under our hands. So a transaction is written by SQLite with its
//! locking off (the VFS `unix-none`), under open-file-description locks of ours on the very bytes that SQLite locks:
//! other SQLites, in this process and elsewhere, see them as the locks of a writer.

use super::byte_locks::{Held, Locks, hold};
use super::file_kind::is_at;
use super::run_file::{check_header, connect};
use super::{compact, packing};
use crate::model::{Error, Result};
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use std::fs::File;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A run file that records and blobs can be added to.
#[derive(Debug)]
pub struct Appender {
    connection: Connection,
    /// `None` where the file system has no such locks: then SQLite locks as it always does, if there are any.
    lock: Option<File>,
    path: PathBuf,
    patience: Duration,
}

/// A transaction that adds to a run file. It is rolled back unless it is committed.
#[derive(Debug)]
pub struct Append<'a> {
    // Dropped in this order: the locks go last.
    transaction: Transaction<'a>,
    held: Option<Held<'a>>,
}

impl Appender {
    /// Opens a run file to add to it, waiting for others at most as long as `patience` each time.
    ///
    /// A compacted one gets its rows back before: it was compacted while somebody was about to go on with it.
    ///
    /// # Errors
    /// It is missing, no run file, damaged at its start, of a newer version, or cannot be written.
    pub fn open(path: &Path, patience: Duration) -> Result<Self> {
        let appender = Self::open_in_place(path, patience)?;
        if !appender.is_compacted()? {
            return Ok(appender);
        }
        drop(appender);
        compact::expand_to_go_on(path)?;
        Self::open_in_place(path, patience)
    }

    /// Opens a run file that can be made again at any time: what is added to it is not synced.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_cache(path: &Path, patience: Duration) -> Result<Self> {
        let appender = Self::open(path, patience)?;
        appender.connection.pragma_update(None, "synchronous", "OFF")?;
        Ok(appender)
    }

    /// Lets the file have no rollback journal. If it breaks off halfway it is good for nothing: this is for a file that has
    /// no name yet.
    ///
    /// # Errors
    /// The database refuses.
    pub fn without_journal(self) -> Result<Self> {
        self.connection.pragma_update(None, "journal_mode", "MEMORY")?;
        Ok(self)
    }

    /// Opens the file that has the name now: it may be replaced between opening and locking it.
    fn open_in_place(path: &Path, patience: Duration) -> Result<Self> {
        loop {
            let appender = Self::open_once(path, patience)?;
            let held = appender.hold()?;
            if appender.lock.as_ref().is_none_or(|file| is_at(file, path)) {
                check_header(&appender.connection, path)?;
                drop(held);
                return Ok(appender);
            }
        }
    }

    fn is_compacted(&self) -> Result<bool> {
        let _held = self.hold()?;
        packing::is_archive(&self.connection)
    }

    fn open_once(path: &Path, patience: Duration) -> Result<Self> {
        let file = File::options()
            .read(true)
            .write(true)
            .open(path)
            .map_err(|e| Error::io("open the run file", path, e))?;
        let locks = Locks::of(&file);
        let lock = (locks == Locks::OfHandles).then_some(file);
        let vfs = if locks == Locks::OfProcesses { c"unix" } else { c"unix-none" };
        let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE, vfs)?;
        // FULL would not see to it that the rollback journal stays deleted: after a power cut, what was committed
        // last would be rolled back.
        connection.pragma_update(None, "synchronous", "EXTRA")?;
        connection.busy_timeout(patience)?;
        Ok(Self { connection, lock, path: path.to_owned(), patience })
    }

    /// Begins a transaction, waiting for readers and other writers to be done.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Busy`] when they are not for too long; or the file is damaged.
    pub fn begin(&mut self) -> Result<Append<'_>> {
        let held = hold(self.lock.as_ref(), &self.path, self.patience)?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        Ok(Append { transaction, held })
    }

    /// Returns another handle on the file, to sync it while it is written. There is none where closing it would take
    /// SQLite's locks away.
    pub(super) fn handle(&self) -> Option<File> {
        self.lock.as_ref().and_then(|file| file.try_clone().ok())
    }

    fn hold(&self) -> Result<Option<Held<'_>>> {
        hold(self.lock.as_ref(), &self.path, self.patience)
    }
}

impl Append<'_> {
    /// Makes what was added durable and visible.
    ///
    /// # Errors
    /// The database refuses, for instance because the disk is full.
    pub fn commit(self) -> Result<()> {
        self.transaction.commit()?;
        drop(self.held);
        Ok(())
    }
}

impl<'a> Deref for Append<'a> {
    type Target = Transaction<'a>;

    fn deref(&self) -> &Self::Target {
        &self.transaction
    }
}

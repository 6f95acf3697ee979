//! Writing to a run file under locks that nobody can take from us.
//!
//! SQLite locks with POSIX record locks, and those belong to the process: when user code in the training process opens the run
//! file with another SQLite (Python's own) and closes it, ours are gone, and the next reader takes a transaction under
//! way for one of a dead writer and rolls it back under our hands. So a transaction is written by SQLite with its
//! locking off (the VFS `unix-none`), under open-file-description locks of ours on the very bytes that SQLite locks:
//! other SQLites, in this process and elsewhere, see them as the locks of a writer.
//!
//! Source of the bytes: "File Locking And Concurrency In SQLite Version 3" and `os.h` of SQLite.

use super::compact;
use super::journal::is_at;
use super::run_file::{BUSY_TIMEOUT, check_header, connect};
use crate::model::{Error, ErrorKind, Result};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use std::fs::File;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The pending and the reserved byte: whoever has them is the one writer, and keeps new readers out.
const WRITER: (libc::off_t, libc::off_t) = (0x4000_0000, 2);

/// The shared range: whoever has it alone may write.
const READERS: (libc::off_t, libc::off_t) = (0x4000_0002, 510);

/// A byte that nobody uses: to ask for a lock on it shows what locks there are.
const SPARE: (libc::off_t, libc::off_t) = (WRITER.0 + READERS.1 + 2, 1);

/// The byte of whoever is about to replace the file.
const REPLACER: (libc::off_t, libc::off_t) = (SPARE.0 + 1, 1);

/// How often a lock that somebody else holds is tried again.
const RETRY: Duration = Duration::from_millis(2);

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
        compact::is_archive(&self.connection)
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
    /// [`ErrorKind::Busy`] when they are not for too long; or the file is damaged.
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

/// The locks of a writer, for as long as this lives.
#[derive(Debug)]
struct Held<'a>(&'a File);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        for range in [READERS, WRITER] {
            set(self.0, libc::F_UNLCK, range).ok();
        }
    }
}

fn hold<'a>(lock: Option<&'a File>, path: &Path, patience: Duration) -> Result<Option<Held<'a>>> {
    let Some(file) = lock else { return Ok(None) };
    let held = Held(file);
    let deadline = Instant::now() + patience;
    for range in [WRITER, READERS] {
        wait_for(file, range, path, deadline)?;
    }
    Ok(Some(held))
}

fn wait_for(file: &File, range: (libc::off_t, libc::off_t), path: &Path, deadline: Instant) -> Result<()> {
    while let Err(errno) = set(file, libc::F_WRLCK, range) {
        if !matches!(errno, Errno::EAGAIN | Errno::EACCES | Errno::EINTR) {
            return Err(Error::io("lock the run file", path, errno));
        }
        if Instant::now() > deadline {
            let message = format!("`{}` is in use by others for too long", path.display());
            return Err(
                Error::new(ErrorKind::Busy, message).with_hint("end what reads it with an open transaction")
            );
        }
        std::thread::park_timeout(RETRY);
    }
    Ok(())
}

/// Keeps writers and new readers from a file, for as long as this lives.
#[derive(Debug)]
pub(super) struct Out<'a>(&'a File);

impl Drop for Out<'_> {
    fn drop(&mut self) {
        set(self.0, libc::F_UNLCK, WRITER).ok();
    }
}

/// Waits until nobody writes to a file, and keeps it so. Who reads it goes on.
pub(super) fn keep_writers_out<'a>(file: &'a File, path: &Path) -> Result<Out<'a>> {
    wait_for(file, WRITER, path, Instant::now() + BUSY_TIMEOUT).map(|()| Out(file))
}

/// Takes the lock of whoever replaces a run file; it is held while the handle is open. `None` if there is no file, if it
/// cannot be written, or where there are no such locks.
pub(super) fn lock_to_replace(path: &Path) -> Result<Option<File>> {
    loop {
        let Ok(file) = File::options().read(true).write(true).open(path) else { return Ok(None) };
        match set(&file, libc::F_WRLCK, REPLACER) {
            // Whoever had the lock has replaced the file meanwhile.
            Ok(()) | Err(Errno::EINTR) if !is_at(&file, path) => {}
            Ok(()) => return Ok(Some(file)),
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN | Errno::EACCES) => {
                let message = format!(
                    "`{}` is being compacted, expanded or recovered by another process",
                    path.display()
                );
                return Err(Error::new(ErrorKind::Busy, message).with_hint("wait until that is done"));
            }
            Err(_) => return Ok(None),
        }
    }
}

/// The best locks that a file system has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Locks {
    /// Of open file descriptions.
    OfHandles,
    /// POSIX locks only.
    OfProcesses,
    /// None. Nobody but the one writer, of whom the journal tells, adds to the file.
    None,
}

impl Locks {
    fn of(file: &File) -> Self {
        let has =
            |got: nix::Result<()>| matches!(got, Ok(()) | Err(Errno::EAGAIN | Errno::EACCES | Errno::EINTR));
        if has(set(file, libc::F_WRLCK, SPARE)) {
            set(file, libc::F_UNLCK, SPARE).ok();
            return Self::OfHandles;
        }
        let lock = flock_of(libc::F_WRLCK, SPARE);
        if has(fcntl(file, FcntlArg::F_SETLK(&lock)).map(|_| ())) { Self::OfProcesses } else { Self::None }
    }
}

/// Says whether a file is on a file system that has locks.
pub(crate) fn has_locks(path: &Path) -> bool {
    File::options().read(true).write(true).open(path).is_ok_and(|file| Locks::of(&file) != Locks::None)
}

fn set(file: &File, kind: libc::c_int, range: (libc::off_t, libc::off_t)) -> nix::Result<()> {
    fcntl(file, FcntlArg::F_OFD_SETLK(&flock_of(kind, range))).map(|_| ())
}

fn flock_of(kind: libc::c_int, (start, length): (libc::off_t, libc::off_t)) -> libc::flock {
    libc::flock {
        l_type: libc::c_short::try_from(kind).unwrap_or_default(),
        l_whence: libc::c_short::try_from(libc::SEEK_SET).unwrap_or_default(),
        l_start: start,
        l_len: length,
        l_pid: 0,
    }
}

//! Locks on the very bytes of a run file that SQLite locks, held by a handle, so that nobody can take them from us.
//!
//! Source of the bytes: "File Locking And Concurrency In SQLite Version 3" and `os.h` of SQLite.

use super::file_kind::is_at;
use crate::model::{Error, ErrorKind, Result};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

/// The pending and the reserved byte: whoever has them is the one writer, and keeps new readers out.
const WRITER: (libc::off_t, libc::off_t) = (0x4000_0000, 2);

/// The shared range: whoever has it alone may write.
const READERS: (libc::off_t, libc::off_t) = (0x4000_0002, 510);

/// A byte that nobody uses: to ask for a lock on it shows what locks there are.
const SPARE: (libc::off_t, libc::off_t) = (WRITER.0 + READERS.1 + 2, 1);

/// The byte of whoever is about to replace the file.
const REPLACER: (libc::off_t, libc::off_t) = (SPARE.0 + 1, 1);

/// How long to wait for somebody else's transaction, where waiting is fine.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(20);

/// How often a lock that somebody else holds is tried again.
const RETRY: Duration = Duration::from_millis(2);

/// The locks of a writer, for as long as this lives.
#[derive(Debug)]
pub(super) struct Held<'a>(&'a File);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        for range in [READERS, WRITER] {
            set(self.0, libc::F_UNLCK, range).ok();
        }
    }
}

pub(super) fn hold<'a>(lock: Option<&'a File>, path: &Path, patience: Duration) -> Result<Option<Held<'a>>> {
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
pub(super) enum Locks {
    /// Of open file descriptions.
    OfHandles,
    /// POSIX locks only.
    OfProcesses,
    /// None. Nobody but the one writer, of whom the journal tells, adds to the file.
    None,
}

impl Locks {
    pub(super) fn of(file: &File) -> Self {
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

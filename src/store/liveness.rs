//! Whether somebody writes a journal: by the lock of its writer, and where there are no locks by its process or by how lately it
//! was changed.

use super::JournalReader;
use super::file_kind::is_at;
use crate::model::{Clock, Error, ErrorKind, Record, Result, SystemClock};
use rustix::fs::{FlockOperation, flock};
use std::fs::File;
use std::path::Path;

/// How long after its last change a journal counts as being written, where there are no locks, in microseconds.
const REMOTE_PATIENCE: i64 = 60_000_000;

/// Whether the writer of a journal lives.
#[derive(Debug)]
pub enum Liveness {
    /// Somebody writes it, or somebody else recovers it.
    Alive,
    /// Nobody does. Holding the file keeps others from recovering it at the same time.
    Dead(File),
}

/// Finds out whether the writer of a journal lives, by trying to take its lock.
///
/// Where the file system has no locks, a writer on this host is alive while its process is; one on another host
/// while the journal was changed within the last minute, which a living writer sees to.
///
/// # Errors
/// The journal cannot be opened.
pub fn liveness(path: &Path, this_host: &str, now: i64) -> Result<Liveness> {
    let file = File::open(path).map_err(|e| Error::io("open the journal", path, e))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        // Whoever sealed the run in the meantime has removed the journal, and this is a lock on nothing.
        Ok(()) if !is_at(&file, path) => {
            let message = format!("The journal `{}` was just removed", path.display());
            Err(Error::new(ErrorKind::NotFound, message))
        }
        Ok(()) => Ok(Liveness::Dead(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(Liveness::Alive),
        Err(_) => {
            let alive = match JournalReader::open(path).and_then(|mut reader| reader.read()) {
                Ok(Some(Record::Start(start))) if start.host == this_host => process_lives(start.pid),
                _ => changed_after(&file, now - REMOTE_PATIENCE),
            };
            Ok(if alive { Liveness::Alive } else { Liveness::Dead(file) })
        }
    }
}

/// Says whether somebody may be writing a journal right now, without keeping others from doing so.
pub(super) fn is_written(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => false,
        Err(rustix::io::Errno::WOULDBLOCK) => true,
        Err(_) => changed_after(&file, SystemClock.now() - REMOTE_PATIENCE),
    }
}

fn process_lives(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

fn changed_after(file: &File, micros: i64) -> bool {
    let modified = file.metadata().and_then(|m| m.modified()).ok();
    let since = modified.and_then(|m| m.duration_since(std::time::UNIX_EPOCH).ok());
    since.is_some_and(|s| i64::try_from(s.as_micros()).unwrap_or(i64::MAX) > micros)
}

//! The locks by which others know that the writer of a journal lives.
//!
//! A lock is on a handle of its own, not on the one that is written through. A process that is made by `fork` has a copy of
//! every handle, and a lock lives as long as any of them: a worker that outlives the training would keep a dead run
//! alive. So all handles are in one place, where a child finds them and closes its copies.

use rustix::fs::{FlockOperation, flock};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

static HELD: Mutex<BTreeMap<u64, File>> = Mutex::new(BTreeMap::new());

/// The lock of a writer, for as long as this lives.
#[derive(Debug)]
pub(super) struct WriterLock(u64);

impl WriterLock {
    /// Locks a file that nobody else knows yet. Where there are no locks it holds nothing: then the process that the start
    /// record names decides.
    pub(super) fn take(path: &Path) -> std::io::Result<Self> {
        let file = File::open(path)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive).ok();
        let mut held = hold_still();
        let number = held.last_key_value().map_or(0, |(last, _)| last + 1);
        held.insert(number, file);
        Ok(Self(number))
    }
}

impl Drop for WriterLock {
    fn drop(&mut self) {
        hold_still().remove(&self.0);
    }
}

/// Keeps locks from being taken and given back while a `fork` is made.
pub(crate) fn hold_still() -> MutexGuard<'static, BTreeMap<u64, File>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Closes the copies of the handles in the child of a `fork`; the locks stay with the parent.
pub(crate) fn leave_to_parent() {
    hold_still().clear();
}

//! Keeps a `fork` from copying SQLite in the middle of something, and from keeping the locks of the parent's runs.
//!
//! SQLite has locks of the whole process. A child that is made while another thread holds one has it locked for
//! ever, and would wait for it as soon as it starts a run of its own.

use crate::store;
use std::collections::BTreeMap;
use std::fs::File;
use std::sync::MutexGuard;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Read by whoever uses SQLite for the time of it, written by whoever forks.
static DATABASES: RwLock<()> = RwLock::new(());

/// Keeps the background threads of all runs out of SQLite: see [`before_fork`].
#[derive(Debug)]
pub struct ForkGuard {
    _databases: RwLockWriteGuard<'static, ()>,
    _locks: MutexGuard<'static, BTreeMap<u64, File>>,
}

/// Waits until no run of this process is using SQLite. Call it before a `fork`, and drop what it returns after the
/// `fork`, in the parent and in the child.
pub fn before_fork() -> ForkGuard {
    ForkGuard {
        _databases: DATABASES.write().unwrap_or_else(PoisonError::into_inner),
        _locks: store::hold_still(),
    }
}

/// Keeps forks away while a database is used. Not to be taken twice by one thread.
pub(super) fn use_database() -> RwLockReadGuard<'static, ()> {
    DATABASES.read().unwrap_or_else(PoisonError::into_inner)
}

/// Counts the forks that this process is the child of; see [`forked`].
static FORKS: AtomicU32 = AtomicU32::new(0);

/// Tells the runs of a process that it is the child of a `fork`: they belong to the parent, and are silent here.
///
/// Call it in the child, before anything else uses a run, with the [`ForkGuard`] dropped.
pub fn forked() {
    store::leave_to_parent();
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// Returns how many forks this process is the child of since the program began.
pub(super) fn count() -> u32 {
    FORKS.load(Ordering::Relaxed)
}

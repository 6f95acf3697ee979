//! Keeps a `fork` from copying SQLite in the middle of something.
//!
//! SQLite has locks of the whole process. A child that is made while another thread holds one has it locked for
//! ever, and would wait for it as soon as it starts a run of its own.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Read by whoever uses SQLite for the time of it, written by whoever forks.
static DATABASES: RwLock<()> = RwLock::new(());

/// Keeps the background threads of all runs out of SQLite: see [`before_fork`].
#[derive(Debug)]
pub struct ForkGuard {
    _databases: RwLockWriteGuard<'static, ()>,
}

/// Waits until no run of this process is using SQLite. Call it before a `fork`, and drop what it returns after the
/// `fork`, in the parent and in the child.
pub fn before_fork() -> ForkGuard {
    ForkGuard { _databases: DATABASES.write().unwrap_or_else(PoisonError::into_inner) }
}

/// Keeps forks away while a database is used. Not to be taken twice by one thread.
pub(super) fn use_database() -> RwLockReadGuard<'static, ()> {
    DATABASES.read().unwrap_or_else(PoisonError::into_inner)
}

//! Keeps a `fork` from copying SQLite in the middle of something.
//!
//! SQLite has locks of the whole process. A child that is made while another thread holds one has it locked for
//! ever, and would wait for it as soon as it starts a run of its own.
//!
//! That a process is the child of a fork is known without this: see [`crate::store::forks`].

use std::cell::RefCell;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Read by whoever uses SQLite for the time of it, written by whoever forks.
static DATABASES: RwLock<()> = RwLock::new(());

thread_local! {
    /// What the thread that is about to fork has waited for.
    static FORKING: RefCell<Option<RwLockWriteGuard<'static, ()>>> = const { RefCell::new(None) };
}

/// Waits until no run of this process is using SQLite, and keeps the background threads of all runs out of it. Call it before a
/// `fork`, and [`after_fork`] after it, in the parent and in the child.
pub fn before_fork() {
    let databases = DATABASES.write().unwrap_or_else(PoisonError::into_inner);
    FORKING.with(|forking| forking.replace(Some(databases)));
}

/// Lets the threads of this process go on.
pub fn after_fork() {
    FORKING.with(RefCell::take);
}

/// Says whether this thread is about to fork: then no other thread gets into SQLite.
pub(super) fn is_near() -> bool {
    FORKING.try_with(|forking| forking.borrow().is_some()).unwrap_or(false)
}

/// Keeps forks away while a database is used. Not to be taken twice by one thread.
pub(super) fn use_database() -> RwLockReadGuard<'static, ()> {
    DATABASES.read().unwrap_or_else(PoisonError::into_inner)
}

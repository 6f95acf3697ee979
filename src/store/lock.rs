//! The locks by which others know that the writer of a journal lives.
//!
//! A lock is on a handle of its own, not on the one that is written through. A process that is made by `fork` has a copy of
//! every handle, and a lock lives as long as any of them: a worker that outlives the training would keep a dead run
//! alive. So all handles are in one place, and a child closes its copies as it begins.
#![expect(unsafe_code, reason = "nobody but the C library can be asked to say when a fork is made")]

use nix::libc;
use rustix::fs::{FlockOperation, flock};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

static HELD: Mutex<BTreeMap<u64, File>> = Mutex::new(BTreeMap::new());

/// How many forks this process is the child of, since the first lock was taken.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// The lock of a writer, for as long as this lives.
#[derive(Debug)]
pub(super) struct WriterLock(u64);

impl WriterLock {
    /// Locks a file that nobody else knows yet. Where there are no locks it holds nothing: then the process that the start
    /// record names decides.
    pub(super) fn take(path: &Path) -> std::io::Result<Self> {
        heed_forks();
        let file = File::open(path)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive).ok();
        let mut held = held();
        let number = held.last_key_value().map_or(0, |(last, _)| last + 1);
        held.insert(number, file);
        Ok(Self(number))
    }
}

impl Drop for WriterLock {
    fn drop(&mut self) {
        held().remove(&self.0);
    }
}

fn held() -> MutexGuard<'static, BTreeMap<u64, File>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns how many forks this process is the child of: what was begun when it was less belongs to a parent.
pub(crate) fn forks() -> u32 {
    FORKS.load(Ordering::Relaxed)
}

thread_local! {
    /// What the thread that forks holds meanwhile, so that the child finds the table whole.
    static STILL: RefCell<Option<MutexGuard<'static, BTreeMap<u64, File>>>> = const { RefCell::new(None) };
}

/// Has the C library call what a fork needs, within the fork itself: what a program has registered with its language runs
/// before and after that, and may let go of a run.
fn heed_forks() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the functions live as long as this library, whose threads and statics nobody can unload.
        unsafe { libc::pthread_atfork(Some(before), Some(after_in_parent), Some(after_in_child)) };
    });
}

extern "C" fn before() {
    STILL.try_with(|still| still.replace(Some(held()))).ok();
}

extern "C" fn after_in_parent() {
    STILL.try_with(RefCell::take).ok();
}

/// Closes the copies of the handles; the locks stay with the parent.
extern "C" fn after_in_child() {
    FORKS.fetch_add(1, Ordering::Relaxed);
    if let Some(mut held) = STILL.try_with(RefCell::take).ok().flatten() {
        held.clear();
    }
}

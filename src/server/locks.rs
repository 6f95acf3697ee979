//! Locks on runs: two pushes of one run take turns, those of different runs do not.

use crate::model::Hash;
use std::collections::HashSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The runs that somebody is at.
#[derive(Default)]
pub(super) struct Locks {
    held: Mutex<HashSet<Hash>>,
    freed: Condvar,
}

/// Runs that nobody else is at until it is dropped.
pub(super) struct Held<'a> {
    locks: &'a Locks,
    runs: Vec<Hash>,
}

impl Locks {
    fn held(&self) -> MutexGuard<'_, HashSet<Hash>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until nobody is at any of these runs. They are taken all at once, so nobody waits in a circle.
    pub(super) fn hold(&self, runs: &[Hash]) -> Held<'_> {
        let taken = |held: &mut HashSet<Hash>| runs.iter().any(|run| held.contains(run));
        let mut held = self.freed.wait_while(self.held(), taken).unwrap_or_else(PoisonError::into_inner);
        held.extend(runs);
        Held { locks: self, runs: runs.to_vec() }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut held = self.locks.held();
        for run in &self.runs {
            held.remove(run);
        }
        drop(held);
        self.locks.freed.notify_all();
    }
}

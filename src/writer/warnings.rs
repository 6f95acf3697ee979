//! What the writer has to say while training goes on.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Receives warnings, one sentence each.
pub(super) type Sink = Arc<dyn Fn(&str) + Send + Sync>;

/// Hands warnings to a sink, each kind once.
pub(super) struct Warnings {
    sink: Sink,
    said: Mutex<HashSet<String>>,
}

impl Warnings {
    pub(super) fn new(sink: Sink) -> Self {
        Self { sink, said: Mutex::default() }
    }

    /// Says `message` unless something of the same kind was said before.
    pub(super) fn once(&self, kind: &str, message: impl FnOnce() -> String) {
        let new = self.said.lock().unwrap_or_else(PoisonError::into_inner).insert(kind.to_owned());
        if new {
            (self.sink)(&message());
        }
    }

    /// Forgets that something of a kind was said: it is over, and would be news again.
    pub(super) fn over(&self, kind: &str) {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).remove(kind);
    }
}

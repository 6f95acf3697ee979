//! What this process has seen in a bucket lately, so that it need not ask twice within one push.

use crate::remote::Object;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long something counts as seen: others may remove what nothing names.
const LATELY: Duration = Duration::from_secs(300);

/// Objects that are there, with their lengths as stored.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<HashMap<Object, (u64, Instant)>>);

impl Known {
    fn lock(&self) -> MutexGuard<'_, HashMap<Object, (u64, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note(&self, object: Object, length: u64) {
        self.lock().insert(object, (length, Instant::now()));
    }

    pub(super) fn forget(&self, object: Object) {
        self.lock().remove(&object);
    }

    /// Returns the length of an object that was seen lately.
    pub(super) fn length(&self, object: Object) -> Option<u64> {
        let mut known = self.lock();
        let (length, seen) = *known.get(&object)?;
        if seen.elapsed() < LATELY {
            return Some(length);
        }
        known.remove(&object);
        None
    }
}

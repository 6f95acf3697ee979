//! Waiting longer each time.

use super::Moment;

/// A wait that doubles with each failure. It survives a clock that is set: nobody waits longer than was meant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Backoff {
    failures: u32,
    wait: i64,
    until: i64,
}

impl Backoff {
    /// Notes a failure: waits for a random half to all of `first` doubled `failures` times, at most `most`, so that
    /// many who failed together do not come back together; but at least for `at_least`.
    pub(super) fn fail(&mut self, first: i64, most: i64, at_least: i64, at: Moment<'_>) {
        let doubled = first.saturating_mul(1 << self.failures.min(30)).min(most);
        let jittered = doubled / 2 + (doubled / 2).saturating_mul(i64::from(at.random >> 16)) / (1 << 16);
        self.failures = self.failures.saturating_add(1);
        self.hold(jittered.max(at_least), at.now);
    }

    /// Waits for a time that somebody else has chosen, if that is longer.
    pub(super) fn hold(&mut self, wait: i64, now: i64) {
        if self.ends(now).is_none_or(|until| until < now.saturating_add(wait)) {
            self.wait = wait;
            self.until = now.saturating_add(wait);
        }
    }

    /// Forgets all failures.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Returns how often it failed in a row.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// Returns the end of the wait, while there is one. If the clock was set back, there is none.
    pub(super) fn ends(&self, now: i64) -> Option<i64> {
        let left = self.until.saturating_sub(now);
        (left > 0 && left <= self.wait).then_some(self.until)
    }
}

//! What is to be done now and then.

use super::App;
use super::catalogue::Who;
use crate::model::Result;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// How often, and how often what takes longer.
const SOON: Duration = Duration::from_secs(20);
const LATER: u32 = 90;

/// After how many microseconds what was put and never committed counts as given up: two days.
const NEVER_COMMITTED: i64 = 2 * 24 * 3600 * 1_000_000;

/// How long what was sent can be named, in microseconds.
const PROVED: i64 = 7 * 24 * 3600 * 1_000_000;

/// Does what is to be done until the server ends.
pub(super) async fn do_chores(app: Arc<App>) {
    for round in 0.. {
        tokio::time::sleep(SOON).await;
        let app = Arc::clone(&app);
        let done = tokio::task::spawn_blocking(move || app.chores(round % LATER == 0)).await;
        if let Ok(Err(error)) = done {
            tracing::warn!(target: "danlu::server", %error, "a chore failed and will be tried again");
        }
    }
}

impl App {
    /// Does what is due.
    pub(super) fn chores(&self, all: bool) -> Result<()> {
        self.rates.forget();
        self.write_uses()?;
        self.files.sync(self.clock.now())?;
        if all {
            self.purge()?;
            self.catalogue.forget_proofs(self.clock.now() - PROVED)?;
        }
        Ok(())
    }

    /// Notes that a key is used.
    pub(super) fn note_use(&self, who: &Who) {
        let now = self.clock.now();
        self.uses.lock().unwrap_or_else(PoisonError::into_inner).insert(who.key.clone(), now);
    }

    /// Writes down when keys were used last.
    pub(super) fn write_uses(&self) -> Result<()> {
        let used: BTreeMap<String, i64> =
            std::mem::take(&mut *self.uses.lock().unwrap_or_else(PoisonError::into_inner));
        if used.is_empty() { Ok(()) } else { self.catalogue.keys_used(&used.into_iter().collect::<Vec<_>>()) }
    }

    /// Forgets removed runs for good, and removes what was pushed and never committed. Returns how many runs and objects.
    ///
    /// # Errors
    /// The objects or the catalogue cannot be used.
    pub(super) fn clean(&self) -> Result<(usize, usize)> {
        let (runs, objects) = self.purge()?;
        let before = self.clock.now().saturating_sub(NEVER_COMMITTED);
        Ok((runs, objects + self.objects.sweep(before)?))
    }

    /// Forgets runs for good that were removed long enough ago, with the objects that no other run names. Returns how many of
    /// each.
    ///
    /// # Errors
    /// The objects or the catalogue cannot be used.
    pub(super) fn purge(&self) -> Result<(usize, usize)> {
        let kept = i64::try_from(self.limits.removed.as_micros()).unwrap_or(i64::MAX);
        let (mut runs, mut objects) = (0, 0);
        for run in self.catalogue.removed_before(self.clock.now().saturating_sub(kept))? {
            let _held = self.locks.hold(&[run]);
            let _elsewhere = self.catalogue.hold(&[run])?;
            // What nobody names any more is asked for as missing before it goes.
            self.objects.remove_run(run)?;
            let left = self.catalogue.purge(run)?;
            self.objects.remove(&left)?;
            self.files.remove(run);
            runs += 1;
            objects += left.len();
        }
        Ok((runs, objects))
    }
}

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

/// After how long what was put and never committed counts as given up: two days.
const NEVER_COMMITTED: Duration = Duration::from_secs(2 * 24 * 3600);

/// How long what was sent can be named, in microseconds.
const PROVED: i64 = 7 * 24 * 3600 * 1_000_000;

/// Does what is to be done until the server ends.
pub(super) async fn do_chores(app: Arc<App>) {
    for round in 0.. {
        tokio::time::sleep(SOON).await;
        let app = Arc::clone(&app);
        let work = move || app.chores(round % LATER == 0).and_then(|()| app.reserve.keep());
        let done = tokio::task::spawn_blocking(work).await;
        if let Ok(Err(error)) = done {
            tracing::warn!(target: "danlu::server", %error, "a chore failed and will be tried again");
        }
    }
}

impl App {
    /// Does what is due.
    pub(super) fn chores(&self, all: bool) -> Result<()> {
        self.rates.forget();
        // What makes room comes first, and is not kept from it by what finds none.
        let purged = if all { self.purge(self.limits.removed).map(|_| ()) } else { Ok(()) };
        let forgotten = if all { self.catalogue.forget_proofs(self.clock.now() - PROVED) } else { Ok(()) };
        let written = self.write_uses();
        let completed = self.complete_half();
        purged.and(forgotten).and(written).and(completed).and(self.files.sync(self.clock.now()))
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

    /// Forgets removed runs for good, and removes what was pushed and never committed: what is older than so long, or else than
    /// it is kept. Returns how many runs and objects.
    ///
    /// # Errors
    /// The objects or the catalogue cannot be used.
    pub(super) fn clean(&self, older_than: Option<Duration>) -> Result<(usize, usize)> {
        let (runs, objects) = self.purge(older_than.unwrap_or(self.limits.removed))?;
        let swept = self.objects.sweep(self.before(older_than.unwrap_or(NEVER_COMMITTED)))?;
        Ok((runs, objects + swept))
    }

    /// Returns the time that was so long ago.
    fn before(&self, ago: Duration) -> i64 {
        self.clock.now().saturating_sub(i64::try_from(ago.as_micros()).unwrap_or(i64::MAX))
    }

    /// Forgets runs for good that were removed so long ago, with the objects that no other run names. Returns how many of
    /// each.
    ///
    /// # Errors
    /// The objects or the catalogue cannot be used.
    fn purge(&self, kept: Duration) -> Result<(usize, usize)> {
        let (mut runs, mut objects) = (0, 0);
        for run in self.catalogue.removed_before(self.before(kept))? {
            let _held = self.locks.hold(&[run]);
            let _elsewhere = self.catalogue.hold(&[run])?;
            // What nobody names any more is asked for as missing before it goes.
            self.objects.remove_run(run)?;
            self.files.remove(run);
            let left = self.reserve.spend(|| self.catalogue.purge(run))?;
            self.objects.remove(&left)?;
            runs += 1;
            objects += left.len();
        }
        Ok((runs, objects))
    }
}

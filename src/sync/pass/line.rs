//! The remote as a pass sees it: all workers share its patience, and the rate at which bytes go.

use super::{Settings, lock};
use crate::model::{AttemptId, Error, ErrorKind, Result};
use crate::remote::Remote;
use crate::sync::plan::{Failure, Gate, Health, Moment, Side};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::time::Duration;

/// The longest that a worker sleeps before it looks again whether the pass is over.
const NAP: Duration = Duration::from_millis(200);

/// How often a remote that is full is tried again: room is made by people, and not while a sync waits.
const FULL: u32 = 2;
/// How long a remote may be silent when it is asked who it is, all tries together, until the pass gives it up: waiting for
/// answers takes longer than waiting between questions.
const SILENCE: i64 = 20_000_000;

/// A remote with how it goes with it.
pub(super) struct Line<'a> {
    pub(super) remote: &'a dyn Remote,
    pub(super) identity: AttemptId,
    settings: &'a Settings,
    health: Mutex<Health>,
    /// How often it could not be reached since it last answered.
    failures: AtomicU32,
    /// How often it had no room since it last took something.
    full: AtomicU32,
    /// The microseconds since then in which it was asked who it is, and did not say it.
    silent: AtomicI64,
    /// How often since then it said who it is, and nothing more.
    unanswered: AtomicU32,
    /// Whether it has ever said more than who it is.
    answered: AtomicBool,
    stopped: AtomicBool,
    error: Mutex<Option<Error>>,
    /// Only one asks who it is.
    asking: Mutex<()>,
}

impl<'a> Line<'a> {
    pub(super) fn new(
        remote: &'a dyn Remote,
        identity: AttemptId,
        health: Health,
        settings: &'a Settings,
    ) -> Self {
        Self {
            remote,
            identity,
            settings,
            health: Mutex::new(health),
            failures: AtomicU32::new(0),
            full: AtomicU32::new(0),
            silent: AtomicI64::new(0),
            unanswered: AtomicU32::new(0),
            answered: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            error: Mutex::default(),
            asking: Mutex::default(),
        }
    }

    /// Returns the moment that is now.
    pub(super) fn moment(&self) -> Moment<'_> {
        // Without random numbers waits are not spread, which harms nobody here.
        let random = getrandom::u32().unwrap_or(0);
        Moment { policy: &self.settings.policy, now: self.settings.clock.now(), random }
    }

    pub(super) fn health<T>(&self, look: impl FnOnce(&mut Health) -> T) -> T {
        look(&mut lock(&self.health))
    }

    pub(super) fn into_health(self) -> Health {
        self.health.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Says whether nothing more can be done with the remote in this pass.
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Returns what ended the pass.
    pub(super) fn error(&self) -> Option<Error> {
        lock(&self.error).as_ref().map(Error::again)
    }

    /// Takes out what ended the pass.
    pub(super) fn take_error(&self) -> Option<Error> {
        lock(&self.error).take()
    }

    /// Ends the pass because of something with the remote.
    pub(super) fn stop(&self, error: Error) {
        lock(&self.error).get_or_insert(error);
        self.stopped.store(true, Ordering::Release);
    }

    /// Takes a step with the remote, when it may be done. Trouble with the remote as a whole makes all wait, and in the end
    /// stops the pass.
    ///
    /// # Errors
    /// What the remote says. Look whether that has stopped the pass.
    pub(super) fn call<T>(&self, step: impl FnOnce(&dyn Remote) -> Result<T>) -> Result<T> {
        self.wait_for_gate()?;
        match step(self.remote) {
            Ok(done) => {
                self.failures.store(0, Ordering::Relaxed);
                self.silent.store(0, Ordering::Relaxed);
                self.answered.store(true, Ordering::Relaxed);
                let now = self.moment().now;
                self.health(|health| health.succeeded(now));
                Ok(done)
            }
            Err(e) => {
                self.note(&e);
                Err(e)
            }
        }
    }

    /// Takes a step that puts something there.
    ///
    /// # Errors
    /// As [`Line::call`].
    pub(super) fn put<T>(&self, step: impl FnOnce(&dyn Remote) -> Result<T>) -> Result<T> {
        self.call(step).inspect(|_| self.took())
    }

    /// Notes that the remote has taken something: what it answers else says nothing of room.
    pub(super) fn took(&self) {
        self.full.store(0, Ordering::Relaxed);
        // Whoever writes nothing may still answer what it has.
        self.unanswered.store(0, Ordering::Relaxed);
        let now = self.moment().now;
        self.health(|health| health.took(now));
    }

    /// Notes what went wrong with a step, and ends the pass if that has been so often enough.
    pub(super) fn note(&self, error: &Error) {
        let failure = failure_of(error, Side::There);
        let at = self.moment();
        let is_first = self.health(|health| {
            let is_first = !health.is_away();
            health.failed(&failure, at);
            is_first
        });
        let patience = self.settings.patience;
        // Each try costs the whole time that an answer may take. Several that wait at once are one.
        let tries = u32::from(self.answered.load(Ordering::Relaxed)).min(patience);
        if error.is_silence() && is_first && self.unanswered.fetch_add(1, Ordering::Relaxed) >= tries {
            self.stop(error.again());
        }
        let (count, most) = if error.is_out_of_room() {
            (&self.full, patience.min(FULL))
        } else {
            (&self.failures, patience)
        };
        if is_away(error) && count.fetch_add(1, Ordering::Relaxed) >= most {
            self.stop(error.again());
        }
    }

    /// Ends the pass if the key may not do this: the other runs would meet the same.
    pub(super) fn stop_if_denied(&self, error: &Error) {
        if error.kind() == ErrorKind::Denied {
            self.stop(error.again());
        }
    }

    fn wait_for_gate(&self) -> Result<()> {
        loop {
            if self.is_stopped() {
                let ended = || Error::new(ErrorKind::Unreachable, "The sync has ended");
                return Err(self.error().unwrap_or_else(ended));
            }
            let at = self.moment();
            match self.health(|health| health.gate(at.policy, at.now)) {
                Gate::Open | Gate::Look => return Ok(()),
                Gate::WaitUntil(time) => self.sleep(time - at.now),
                Gate::Identify => self.identify(),
            }
        }
    }

    fn identify(&self) {
        let _one = lock(&self.asking);
        let at = self.moment();
        if self.health(|health| health.gate(at.policy, at.now)) != Gate::Identify {
            return;
        }
        match self.remote.identity() {
            Ok(identity) if identity == self.identity => {
                self.health(|health| health.identified(identity));
            }
            Ok(_) => self.stop(
                Error::new(
                    ErrorKind::Unreachable,
                    format!("Another remote is in the place of `{}`", self.remote.name()),
                )
                .with_hint("sync again"),
            ),
            Err(e) => {
                let failure = failure_of(&e, Side::There);
                let (asked, at) = (at.now, self.moment());
                self.health(|health| health.unidentified(&failure, at));
                let silent = at.now.saturating_sub(asked).max(0);
                let silent = self.silent.fetch_add(silent, Ordering::Relaxed).saturating_add(silent);
                let failed = self.failures.fetch_add(1, Ordering::Relaxed) >= self.settings.patience;
                if failed || silent >= SILENCE || e.kind() == ErrorKind::Denied {
                    self.stop(e);
                }
            }
        }
    }

    /// Sleeps for some microseconds, or until the pass is over.
    pub(super) fn sleep(&self, micros: i64) {
        let mut left = Duration::from_micros(u64::try_from(micros).unwrap_or(0));
        while !left.is_zero() && !self.is_stopped() {
            let nap = left.min(NAP);
            // Nobody wakes it up; if something does, the caller looks again.
            std::thread::park_timeout(nap);
            left -= nap;
        }
    }

    /// Waits until so many bytes may go.
    pub(super) fn slow_down(&self, bytes: u64) {
        if let Some(limit) = &self.settings.limit {
            let wait = limit.take(bytes, &*self.settings.clock);
            self.sleep(i64::try_from(wait.as_micros()).unwrap_or(i64::MAX));
        }
    }
}

/// Says whether an error is about the remote as a whole.
pub(super) fn is_away(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unreachable | ErrorKind::Io)
}

/// Takes over an error for the planner.
pub(super) fn failure_of(error: &Error, side: Side) -> Failure {
    let wait = error.retry_after().and_then(|wait| i64::try_from(wait.as_micros()).ok());
    Failure::new(error, side, wait)
}

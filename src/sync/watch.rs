//! The separate syncer: pushes runs as they finish, and waits out a remote that is down.

use super::bell::Bell;
use super::plan::{Failure, Gate, Moment, Side};
use super::{Outcome, Session, Settings, Source, State, pass};
use crate::model::{Error, ErrorKind, Result};
use crate::remote::Remote;
use std::sync::Arc;
use std::time::Duration;

/// How often the runs are looked through at least and at most although nothing was heard: a network file system says
/// nothing.
const LOOK_FIRST: Duration = Duration::from_secs(1);
const LOOK_MOST: Duration = Duration::from_secs(30);

/// Looking takes no more than this part of the time.
const LOOK_PART: u32 = 10;

/// What a watch tells after each pass.
pub enum Watched {
    /// A pass is through.
    Done(Outcome),
    /// What ended a pass, and the time until the next try.
    Failed(Error, Duration),
}

/// Pushes runs of a source as they finish, until `go_on` says no; it is asked after each pass. `open` gives the remote: another
/// one whenever it may have changed.
///
/// # Errors
/// The remote refuses the key, or the address is none: waiting does not help.
pub fn watch(
    source: &dyn Source,
    open: &dyn Fn() -> Result<Arc<dyn Remote>>,
    state: &State,
    (settings, bell): (&Settings, &Bell),
    live_every: Option<Duration>,
    mut go_on: impl FnMut(Watched) -> bool,
) -> Result<()> {
    let mut session = Session::default();
    let mut last: Option<Arc<dyn Remote>> = None;
    let mut heard = 0;
    loop {
        let began = settings.clock.now();
        let done = open().and_then(|remote| {
            if last.as_ref().is_none_or(|last| !Arc::ptr_eq(last, &remote)) {
                session.doubt();
            }
            last = Some(Arc::clone(&remote));
            pass(source, &*remote, state, &mut session, settings)
        });
        let took = Duration::from_micros(u64::try_from(settings.clock.now() - began).unwrap_or(0));
        let failed = match done {
            Ok(outcome) => {
                let error = outcome.error.as_ref().map(Error::again);
                if !go_on(Watched::Done(outcome)) {
                    return Ok(());
                }
                error
            }
            Err(e) => Some(e),
        };
        let Some(error) = failed else {
            let idle = (took * LOOK_PART).clamp(LOOK_FIRST, LOOK_MOST);
            heard = bell.wait(heard, live_every.unwrap_or(idle).max(took));
            continue;
        };
        if matches!(error.kind(), ErrorKind::Denied | ErrorKind::Usage | ErrorKind::Version) {
            return Err(error);
        }
        let wait = session.back_off(&error, settings);
        if !go_on(Watched::Failed(error, wait)) {
            return Ok(());
        }
        // Nothing that happens here brings the remote back.
        sleep(wait);
    }
}

fn sleep(wait: Duration) {
    std::thread::park_timeout(wait);
}

impl Session {
    /// Notes that the remote may be another one now.
    fn doubt(&mut self) {
        self.sure = false;
    }

    /// Waits longer each time the remote cannot be reached, and returns how long.
    fn back_off(&mut self, error: &Error, settings: &Settings) -> Duration {
        let at = Moment {
            policy: &settings.policy,
            now: settings.clock.now(),
            random: getrandom::u32().unwrap_or(0),
        };
        if !matches!(self.health.gate(at.policy, at.now), Gate::WaitUntil(_)) {
            let asked = error.retry_after().and_then(|wait| i64::try_from(wait.as_micros()).ok());
            self.health.unidentified(&Failure::new(error, Side::There, asked), at);
        }
        self.sure = false;
        match self.health.gate(at.policy, at.now) {
            Gate::WaitUntil(time) => Duration::from_micros(u64::try_from(time - at.now).unwrap_or(0)),
            _ => LOOK_FIRST,
        }
    }
}

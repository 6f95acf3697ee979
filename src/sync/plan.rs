//! What to do next for a run and a remote: pure functions of what is known.
//!
//! Nothing here reads a clock, a file or the network. Whoever carries steps out calls [`Health::gate`], then [`plan`],
//! and hands what came of it to [`Known::learn`] and to [`Health`]; `docs/simulation.md` tells what is held to hold.
//!
//! - A run is pushed if a receipt proved its manifest, to the remote of the same identity, and for no other reason.
//! - What the remote answers is believed until it contradicts itself; then all of it is asked again.
//! - Trouble that may pass makes the run or the remote wait, longer each time. What cannot pass parks the run.

mod backoff;
mod event;
mod failure;
mod health;
mod known;
mod local;
mod others;

use backoff::Backoff;
pub use event::{Event, News, Seen};
pub use failure::{Failure, Side};
pub use health::{Gate, Health};
pub use known::{Known, Parked, Proved, Trouble};
pub use local::{Class, Local, Thing};
pub use others::Apart;

use crate::remote::Object;

/// How patient a syncer is. Times are in microseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The first wait after something failed; each further one is twice as long.
    pub first: i64,
    /// The longest wait while a remote cannot be reached.
    pub most: i64,
    /// The longest wait that a remote may ask for.
    pub retry_after: i64,
    /// The wait after a key was refused.
    pub refused: i64,
    /// The longest wait for a run about which the remote contradicts itself.
    pub doubt: i64,
    /// How often a run is refused before it is parked, if what was sent may have been broken on the way.
    pub tries: u32,
    /// How often a remote is looked through for whether it still has what it proved.
    pub look: i64,
    /// The version of danlu: another one tries again what this one was refused.
    pub version: String,
}

impl Default for Policy {
    fn default() -> Self {
        const SECOND: i64 = 1_000_000;
        Self {
            first: SECOND / 2,
            most: 60 * SECOND,
            retry_after: 300 * SECOND,
            refused: 600 * SECOND,
            doubt: 3600 * SECOND,
            tries: 3,
            look: 600 * SECOND,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

/// The moment at which something happened, with a random number that spreads waits.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    /// How patient we are.
    pub policy: &'a Policy,
    /// The time, in microseconds.
    pub now: i64,
    /// A random number.
    pub random: u32,
}

/// What to do next for a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The remote has proved that it holds all of this.
    Nothing,
    /// Not before this time.
    WaitUntil(i64),
    /// Ask which of these objects it lacks.
    Ask(Vec<Object>),
    /// Send these, in this order.
    Send(Vec<Object>),
    /// Commit the manifest.
    Commit,
    /// It cannot be pushed as it is; this is why.
    Park(Parked),
}

/// Decides what to do next for a run, as far as the run is concerned: the remote has its own say in [`Health::gate`].
pub fn plan(local: &Local, known: &Known, policy: &Policy, now: i64) -> Step {
    if known.has_proved(local) {
        return Step::Nothing;
    }
    if let Some(parked) = known.parked_for(local, policy) {
        return Step::Park(parked.clone());
    }
    if let Some(time) = known.waits_until(now) {
        return Step::WaitUntil(time);
    }
    let unasked = known.unasked(local);
    if !unasked.is_empty() {
        return Step::Ask(unasked);
    }
    let lacking = known.lacking(local);
    if let Some(object) = lacking.iter().find(|object| !local.is_here(**object)) {
        return Step::Park(Parked::nowhere(*object, local, policy));
    }
    if lacking.is_empty() { Step::Commit } else { Step::Send(lacking) }
}

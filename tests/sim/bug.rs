//! Planted bugs: what the simulator must find. Each is a syncer or a remote that does one thing wrong around the real planner.

use crate::syncer::Item;
use crate::world::World;
use danlu::ErrorKind;
use danlu::sync::plan::{Event, Failure, Gate, Step, plan};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// A run counts as pushed as soon as it is committed.
    PushedBeforeReceipt,
    /// Whatever the receipt says, it proves the run.
    BelieveAnyReceipt,
    /// Another remote in the same place is not noticed.
    IgnoreIdentity,
    /// What the remote lists is not compared with what it proved.
    NeverCompare,
    /// A look that an earlier process has written down is taken for one of this moment.
    RecallAsLook,
    /// Nobody waits.
    NoBackoff,
    /// What the remote asks for by Retry-After is not heard.
    NoRetryAfter,
    /// A wait ends when the clock says so, even if that was set back by a day.
    TrustTheClock,
    /// A parked run is tried again and again.
    ForgetParked,
    /// Trouble that passes parks the run.
    ParkOnTrouble,
    /// The remote is not asked; it is taken to have everything.
    NeverAsk,
    /// The remote takes another history of an attempt in place of the one it has.
    NoConflict,
}

pub const ALL: [Bug; 12] = [
    Bug::PushedBeforeReceipt,
    Bug::BelieveAnyReceipt,
    Bug::IgnoreIdentity,
    Bug::NeverCompare,
    Bug::RecallAsLook,
    Bug::NoBackoff,
    Bug::NoRetryAfter,
    Bug::TrustTheClock,
    Bug::ForgetParked,
    Bug::ParkOnTrouble,
    Bug::NeverAsk,
    Bug::NoConflict,
];

impl World {
    pub fn bug(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    pub fn bug_gate(&mut self, s: usize, clock: i64) -> Gate {
        let syncer = &self.syncers[s];
        let gate = syncer.health.gate(&syncer.policy, clock);
        match gate {
            Gate::WaitUntil(_) if self.bug(Bug::NoBackoff) => Gate::Identify,
            Gate::WaitUntil(time) if self.bug(Bug::TrustTheClock) => {
                self.stuck[s] = time;
                gate
            }
            _ if self.bug(Bug::TrustTheClock) && clock < self.stuck[s] => Gate::WaitUntil(self.stuck[s]),
            gate => gate,
        }
    }

    pub fn bug_plan(&mut self, s: usize, item: &Item, clock: i64) -> Step {
        if !self.syncers[s].knowns.contains_key(&item.name) {
            // Begun since the remote was identified.
            self.know(s, item.name);
        }
        let syncer = &self.syncers[s];
        let clock = if self.bug(Bug::NoBackoff) { i64::MAX } else { clock };
        let Some(known) = syncer.knowns.get(&item.name) else { return Step::Nothing };
        match plan(&item.local, known, &syncer.policy, clock) {
            Step::Park(_) if self.bug(Bug::ForgetParked) => {
                self.learn(s, item, Event::Recheck);
                Step::WaitUntil(clock)
            }
            Step::Ask(objects) if self.bug(Bug::NeverAsk) => {
                self.learn(s, item, Event::Asked { objects, missing: Vec::new() });
                Step::Commit
            }
            step => step,
        }
    }

    pub fn bug_failure(&self, mut failure: Failure) -> Failure {
        if self.bug(Bug::NoRetryAfter) {
            failure.retry_after = None;
        }
        if self.bug(Bug::ParkOnTrouble) && failure.kind == ErrorKind::Unreachable {
            failure.kind = ErrorKind::Limit;
        }
        failure
    }
}

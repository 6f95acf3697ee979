//! What to do about each run: a pure function of what is known.

use crate::model::Hash;
use crate::query::{self, RunInfo};

/// What to do about a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It is still being written: later.
    Wait,
    /// The remote has proved that it holds exactly this.
    Nothing,
    /// Push it.
    Push,
}

/// Decides about a run, given the digest that the remote last proved to hold of it.
pub fn plan(run: &RunInfo, proved: Option<Hash>) -> Step {
    match (run.state, run.digest) {
        (query::State::Running, _) | (_, None) => Step::Wait,
        (_, digest) if digest == proved => Step::Nothing,
        _ => Step::Push,
    }
}

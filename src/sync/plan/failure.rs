//! What a failure means for what to do next.

use super::{Policy, Trouble};
use crate::model::{Error, ErrorKind};

/// Whose trouble it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The run file could not be read.
    Here,
    /// The remote or what is between.
    There,
}

/// What went wrong with a step. That a part does not follow what is held is [`ErrorKind::Busy`]: somebody else sends the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Whose trouble it is.
    pub side: Side,
    /// The sort of error.
    pub kind: ErrorKind,
    /// The error in words.
    pub why: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The microseconds that the remote asked to wait.
    pub retry_after: Option<i64>,
    /// Whether a disk is full.
    pub full: bool,
}

/// What a failure calls for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The remote cannot be reached: every run would meet that.
    Away,
    /// The remote has no room: every run would meet that, also where it can be asked.
    Full,
    /// It is about this run and may pass.
    Passing,
    /// The key may not do this, now.
    Refused,
    /// The remote contradicts itself, or bytes were broken on the way: ask all of it again, and do not hurry.
    Doubtful,
    /// As before, but after a few times it is the run.
    Suspect,
    /// It stays so until the run or danlu changes.
    Lasting,
}

impl Failure {
    /// Takes over an error.
    pub fn new(error: &Error, side: Side, retry_after: Option<i64>) -> Self {
        Self {
            side,
            kind: error.kind(),
            why: error.to_string(),
            hint: error.hint().map(str::to_owned),
            retry_after,
            full: error.is_out_of_room(),
        }
    }

    /// Returns how long the remote asked to wait, as far as that is heeded.
    pub(super) fn wait(&self, policy: &Policy) -> i64 {
        self.retry_after.unwrap_or(0).clamp(0, policy.retry_after)
    }

    pub(super) fn trouble(&self) -> Trouble {
        Trouble { why: self.why.clone(), hint: self.hint.clone(), full: self.meaning() == Meaning::Full }
    }

    /// Says what it calls for.
    pub(super) fn meaning(&self) -> Meaning {
        use ErrorKind::{Busy, Damaged, Denied, Io, NotFound, Unreachable, Usage};
        match (self.side, self.kind) {
            (Side::There, Unreachable | Io) if self.full => Meaning::Full,
            (Side::Here, Busy | Io | Unreachable | Denied) => Meaning::Passing,
            (Side::There, Busy) => Meaning::Passing,
            (Side::There, Unreachable | Io) => Meaning::Away,
            (Side::There, Denied) => Meaning::Refused,
            (Side::There, Damaged | NotFound) => Meaning::Doubtful,
            (Side::There, Usage) => Meaning::Suspect,
            // Conflict, Limit, Version, and whatever is wrong with the run file.
            _ => Meaning::Lasting,
        }
    }
}

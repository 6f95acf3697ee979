//! What a syncer is told of, and what it tells.

use super::{Failure, Proved};
use crate::model::{AttemptId, Hash};
use crate::remote::{Object, Receipt, RunHead};

/// A run as a remote lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Its digest there.
    pub digest: Hash,
    /// How many records it has there.
    pub records: u64,
    /// Whether an attempt of it is open there.
    pub open: bool,
    /// How many contents of files it does not have.
    pub absent: u64,
}

impl From<&RunHead> for Seen {
    fn from(head: &RunHead) -> Self {
        Self { digest: head.digest, records: head.records, open: head.open, absent: head.absent }
    }
}

/// What came of a step, or was noticed.
#[derive(Debug, Clone)]
pub enum Event {
    /// The remote was asked for objects and lacks these of them.
    Asked {
        /// What it was asked for.
        objects: Vec<Object>,
        /// What it lacks.
        missing: Vec<Object>,
    },
    /// An object was sent, and taken.
    Sent(Object),
    /// So many bytes of a large blob are there.
    Part(Hash, u64),
    /// The commit was answered.
    Committed(Receipt),
    /// A step failed.
    Failed(Failure),
    /// The remote was listed.
    Listed {
        /// The run as it is there, if it is.
        seen: Option<Seen>,
        /// What was [`super::Known::proved`] when the list was asked for: what was proved since is not compared.
        before: Option<Proved>,
    },
    /// The remote says who it is.
    Identified(AttemptId),
    /// Somebody wants everything checked, parked runs too.
    Recheck,
}

/// What is worth telling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// The run is pushed: a receipt proves it.
    Pushed,
    /// The remote had proved to hold the run, and has less now. It is pushed again.
    Lost,
    /// Another remote is in the place of the one that this is about.
    Elsewhere,
    /// The remote took the run and proved something else.
    Unproved,
    /// The run is parked.
    Parked,
    /// A step failed, and is tried again.
    Failed,
}

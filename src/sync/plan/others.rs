//! Attempts of a run that a remote has and that are not here: of others who went on with it, or who began it too.

use crate::model::AttemptId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// An attempt that begins a run anew, although one of ours begins it too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Apart {
    /// The attempt.
    pub attempt: AttemptId,
    /// The machine that wrote it.
    pub host: String,
    /// When it began, in microseconds since 1970.
    pub time: i64,
}

/// Attempts of others. Nobody reads them twice.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Others {
    /// Nobody has looked at these yet.
    pub(super) unread: BTreeSet<AttemptId>,
    /// These were looked at.
    read: BTreeSet<AttemptId>,
    pub(super) apart: Option<Apart>,
}

impl Others {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Takes over which there are.
    pub(super) fn are(&mut self, others: &BTreeSet<AttemptId>) {
        self.read.retain(|attempt| others.contains(attempt));
        self.apart.take_if(|apart| !others.contains(&apart.attempt));
        self.unread = others - &self.read;
    }

    /// One was looked at. The first one that begins the run is enough to know.
    pub(super) fn looked_at(&mut self, attempt: AttemptId, apart: Option<Apart>) {
        if self.unread.remove(&attempt) {
            self.read.insert(attempt);
            self.apart = self.apart.take().or(apart);
        }
    }
}

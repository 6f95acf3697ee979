//! A run as its run file says it, on its way into the catalogue.

use crate::model::{Hash, RunKey};
use crate::query::RunDetails;
use crate::remote::SizedHash;
use serde::{Deserialize, Serialize};

/// What the run itself says of what people may edit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::server) struct Own {
    /// The display name.
    pub(in crate::server) name: String,
    /// The group.
    pub(in crate::server) job_group: String,
    /// Notes.
    pub(in crate::server) notes: String,
    /// Tags.
    pub(in crate::server) tags: Vec<String>,
    /// Whether it is put away. No run says that of itself.
    pub(in crate::server) archived: bool,
}

/// A run at a glance.
#[derive(Debug)]
pub(in crate::server) struct Glance {
    /// Which.
    pub(in crate::server) run: RunKey,
    /// What its run file says, as far as the catalogue keeps it.
    pub(in crate::server) details: RunDetails,
    /// How many values its history has.
    pub(in crate::server) points: u64,
    /// The digest of its manifest.
    pub(in crate::server) digest: Hash,
    /// Whether an attempt is not sealed.
    pub(in crate::server) open: bool,
    /// The length of its segments and files.
    pub(in crate::server) bytes: u64,
    /// The contents of its files that were left out of the push by choice.
    pub(in crate::server) absent: Vec<SizedHash>,
}

impl Glance {
    /// Returns what can be edited, as the run says it.
    pub(super) fn own(&self) -> Own {
        let details = &self.details;
        Own {
            name: details.info.name.clone(),
            job_group: details.group.clone(),
            notes: details.notes.clone(),
            tags: details.tags.clone(),
            archived: false,
        }
    }

    /// Returns the word for how it is. An open one runs as long as it is heard of.
    pub(super) fn state(&self) -> &'static str {
        if self.open { "running" } else { self.details.info.state.name() }
    }
}

//! What is known of a run as a whole, and names that danlu can use in place of those that it cannot.

use super::files::Found;
use super::{Identity, Tool};
use crate::model::{Hash, Result, RunId, Value, check_project, limits};
use serde::Serialize;
use std::collections::BTreeMap;

/// Where runs without a project go, as in the tools.
const NO_PROJECT: &str = "uncategorized";

/// What a part says of its run as a whole.
#[derive(Debug, Default, Serialize)]
pub(super) struct Head {
    pub(super) name: String,
    pub(super) group: String,
    pub(super) job_type: String,
    pub(super) notes: String,
    pub(super) tags: Vec<String>,
    pub(super) host: String,
    pub(super) pid: u32,
    /// When it began, in microseconds.
    pub(super) time: i64,
    pub(super) config: BTreeMap<String, Value>,
    /// The summary as it stands at the end; what has no value was removed.
    pub(super) summary: BTreeMap<String, Option<Value>>,
    /// When it ended, and how, if it did.
    pub(super) end: Option<(i64, i32)>,
    /// When it was heard last.
    pub(super) last: i64,
    /// What else is known, for `info` of the start.
    pub(super) info: serde_json::Map<String, serde_json::Value>,
    /// How much could not be read, by reason.
    pub(super) lost: BTreeMap<String, u64>,
    pub(super) files: Vec<Found>,
    /// What is not in the run file, for people.
    #[serde(skip)]
    pub(super) left_out: Vec<String>,
}

impl Head {
    /// Hears of a time.
    pub(super) fn heard(&mut self, time: i64) {
        if self.time == 0 || time < self.time {
            self.time = time;
        }
        self.last = self.last.max(time);
    }

    /// Counts something that is lost.
    pub(super) fn lose(&mut self, why: &str, how_much: u64) {
        if how_much > 0 {
            *self.lost.entry(why.to_owned()).or_default() += how_much;
        }
    }
}

/// Returns the id of a run: the tool's own if it can be one here, else one that follows from it.
pub(super) fn id_like(tool: Tool, identity: &Identity) -> Result<RunId> {
    RunId::new(identity.id.as_str()).or_else(|_| {
        let Identity { entity, project, id } = identity;
        let hash = Hash::of(format!("danlu import {}\0{entity}\0{project}\0{id}\0", tool.name()).as_bytes());
        RunId::new(&hash.to_string()[..12])
    })
}

/// Returns a project's name in a form that it can have here.
pub(super) fn project_like(name: &str) -> String {
    let name = entity_like(name);
    if name.is_empty() { NO_PROJECT.to_owned() } else { name }
}

/// Returns an entity's name in a form that it can have here; it may be empty.
pub(super) fn entity_like(name: &str) -> String {
    if check_project("name", name).is_ok() {
        return name.to_owned();
    }
    let plain = |c: char| if c.is_control() || r"/\#?%:".contains(c) { '-' } else { c };
    cut(name.trim().chars().map(plain).collect(), limits::NAME_BYTES)
}

/// Cuts a text to a number of bytes.
pub(super) fn cut(mut text: String, bytes: usize) -> String {
    let mut at = bytes.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    text.truncate(at);
    text
}

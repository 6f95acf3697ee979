//! What a run has already of a source, and what is new.
//!
//! A source is a few lanes to which its tool only ever appends: the records of a `.wandb` file, the lines of a metric. Of each the
//! run knows how many items it has, and their hash.

use super::digest::Hasher;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How far lanes were read: how many items, and their hash.
pub(super) type Marks = BTreeMap<String, Mark>;

/// How far a lane was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark(pub(super) u64, pub(super) String);

/// Tells old items from new ones while a source is read.
pub(super) struct Ledger<'a> {
    /// What the run has.
    from: &'a Marks,
    /// Where to stop: what was there when the source was read first.
    to: Option<&'a Marks>,
    lanes: BTreeMap<String, Lane>,
    changed: bool,
    progress: &'a dyn Fn(u64),
}

#[derive(Default)]
struct Lane {
    items: u64,
    hasher: Hasher,
    /// The hash of as many items as the first reading found.
    at_end: Option<String>,
}

impl<'a> Ledger<'a> {
    pub(super) fn new(from: &'a Marks, to: Option<&'a Marks>, progress: &'a dyn Fn(u64)) -> Self {
        Self { from, to, lanes: BTreeMap::new(), changed: false, progress }
    }

    /// Takes note of an item, and says whether it is to be written.
    pub(super) fn pass(&mut self, name: &str, item: &[u8]) -> bool {
        (self.progress)(item.len() as u64);
        if !self.lanes.contains_key(name) {
            self.lanes.insert(name.to_owned(), Lane::default());
        }
        let Some(lane) = self.lanes.get_mut(name) else { return false };
        let known = self.from.get(name).map_or(0, |mark| mark.0);
        let end = self.to.map_or(u64::MAX, |to| to.get(name).map_or(0, |mark| mark.0));
        lane.items += 1;
        lane.hasher.bytes(item);
        if lane.items == known {
            let found = short(&lane.hasher);
            self.changed |= self.from.get(name).is_some_and(|mark| mark.1 != found);
        }
        if lane.items == end {
            lane.at_end = Some(short(&lane.hasher));
        }
        lane.items > known && lane.items <= end
    }

    /// Says whether what was imported before is no longer what the source says.
    pub(super) fn is_changed(&self) -> bool {
        self.changed
            || self.from.iter().any(|(name, mark)| self.lanes.get(name).map_or(0, |lane| lane.items) < mark.0)
    }

    /// Says whether the first reading found the same.
    pub(super) fn is_as_before(&self) -> bool {
        let at_end = |name: &String| self.lanes.get(name).and_then(|lane| lane.at_end.as_ref());
        self.to.is_none_or(|to| to.iter().all(|(name, mark)| at_end(name) == Some(&mark.1)))
    }

    /// Says whether there is anything that the run does not have.
    pub(super) fn has_news(&self) -> bool {
        self.lanes.iter().any(|(name, lane)| lane.items > self.from.get(name).map_or(0, |mark| mark.0))
    }

    /// Returns how far the lanes were read.
    pub(super) fn marks(&self) -> Marks {
        let mark = |lane: &Lane| Mark(lane.items, short(&lane.hasher));
        self.lanes.iter().map(|(name, lane)| (name.clone(), mark(lane))).collect()
    }
}

/// Half of a hash is enough to tell that a file was changed.
fn short(hasher: &Hasher) -> String {
    hasher.so_far().to_string()[..32].to_owned()
}

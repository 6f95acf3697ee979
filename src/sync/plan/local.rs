//! What is here of a run.

use crate::model::Hash;
use crate::remote::{Manifest, Object, SizedHash};
use std::collections::{BTreeMap, BTreeSet};

/// What goes first: the numbers, so that people see them, then what is small, what is looked at, and what is large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Records.
    Segment,
    /// A small file.
    Small,
    /// Pictures, sounds, tables and their like.
    Media,
    /// A large file, such as a checkpoint.
    Large,
}

/// What there is to know of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thing {
    /// Its length, not compressed.
    pub size: u64,
    /// When its turn is.
    pub class: Class,
    /// Whether its bytes are in the run file.
    pub here: bool,
}

/// What is to be pushed of a run, as it is at one moment.
#[derive(Debug, Clone)]
pub struct Local {
    manifest: Manifest,
    things: BTreeMap<Object, Thing>,
    file: u64,
    content: Hash,
    condition: Hash,
}

impl Local {
    /// Describes a run by the manifest that is to be committed, from which contents that are not selected are left out.
    /// `blob` tells of each content when its turn is and whether its bytes are here; `file` is a number that changes whenever
    /// the run file does, also when a damaged one was repaired.
    pub fn new(manifest: Manifest, file: u64, blob: impl Fn(&SizedHash) -> (Class, bool)) -> Self {
        let mut things = BTreeMap::new();
        for segment in manifest.attempts.iter().flat_map(|entry| &entry.segments) {
            let thing = Thing { size: segment.size, class: Class::Segment, here: true };
            things.insert(Object::Segment(segment.sha256), thing);
        }
        for content in &manifest.blobs {
            let (class, here) = blob(content);
            things.insert(Object::Blob(content.sha256), Thing { size: content.size, class, here });
        }
        let mut bytes = manifest.digest.0.to_vec();
        // An attempt that ends without a further record keeps its digest.
        bytes.extend(manifest.attempts.iter().map(|entry| u8::from(entry.open)));
        bytes.extend(manifest.blobs.iter().flat_map(|blob| blob.sha256.0));
        let content = Hash::of(&bytes);
        bytes.extend(file.to_le_bytes());
        let condition = Hash::of(&bytes);
        Self { manifest, things, file, content, condition }
    }

    /// Leaves out contents.
    #[must_use]
    pub fn without(&self, left_out: &BTreeSet<Hash>) -> Self {
        let thing = |blob: &SizedHash| self.things.get(&Object::Blob(blob.sha256));
        Self::new(self.manifest.clone().without(left_out), self.file, |blob| {
            thing(blob).map_or((Class::Large, false), |thing| (thing.class, thing.here))
        })
    }

    /// Returns the manifest that is to be committed.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Returns what names exactly this: the digest of the run, what of it is open, and the contents that
    /// are to go with it.
    pub fn content(&self) -> Hash {
        self.content
    }

    /// Returns what names this run file as it is: with it changes what a repair may have changed.
    pub fn condition(&self) -> Hash {
        self.condition
    }

    /// Returns every object with what there is to know of it.
    pub fn things(&self) -> &BTreeMap<Object, Thing> {
        &self.things
    }

    /// Says whether the bytes of an object are in the run file.
    pub fn is_here(&self, object: Object) -> bool {
        self.things.get(&object).is_some_and(|thing| thing.here)
    }

    /// Returns when an object's turn is: by class, then the smaller first.
    pub fn turn(&self, object: Object) -> Option<(Class, u64)> {
        self.things.get(&object).map(|thing| (thing.class, thing.size))
    }
}

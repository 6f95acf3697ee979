//! Where runs come from: a directory of run files, or another remote.

mod local;
mod relay;

pub use local::LocalRuns;
pub use relay::Relay;

use super::plan::Seen;
use super::state::Stamp;
use crate::model::{AttemptId, Error, Hash, Result, full_name};
use crate::query::Filter;
use crate::remote::{Manifest, RunHead, SizedHash};
use std::collections::BTreeSet;
use std::io::Read;
use std::path::PathBuf;

/// What a run is called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Name {
    /// The team or user; may be empty.
    pub entity: String,
    /// The project.
    pub project: String,
    /// The run id.
    pub id: String,
}

impl Name {
    /// Returns `entity/project/id`, or what there is of that.
    pub(super) fn full(&self) -> String {
        full_name(&[&self.entity, &self.project, &self.id])
    }

    /// Returns `project/id`, as a run is spoken of.
    pub(super) fn short(&self) -> String {
        full_name(&[&self.project, &self.id])
    }
}

/// Where a run is in its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A run file, with its journals.
    File(PathBuf, Vec<PathBuf>),
    /// The hash of the run's key at a remote.
    Key(Hash),
}

/// A run of a source, as it looks from outside.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// What tells it from the others: the name of its file, or its key.
    pub file: String,
    /// Where it is.
    pub place: Place,
    /// How it is; another one when it has changed.
    pub stamp: Stamp,
    /// Whether its writer lives.
    pub running: bool,
    /// What it is called, if that is known without opening it.
    pub name: Option<Name>,
    /// What a remote lists of it.
    pub listed: Option<Listed>,
}

/// A run as a remote lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// Its digest and its records there.
    pub seen: Seen,
    /// How many contents of its files are not held there.
    pub absent: u64,
}

impl Listed {
    /// Takes what counts of a run at a glance.
    pub fn of(head: &RunHead) -> Self {
        Self { seen: Seen::from(head), absent: head.absent }
    }

    /// Says whether a run that is listed elsewhere lacks nothing there. How many contents are absent does not tell which: only of
    /// one that lacks none is that sure.
    pub(super) fn is_all_at(&self, there: &Self) -> bool {
        let same = |a: Seen, b: Seen| a.digest == b.digest && a.records == b.records && a.open == b.open;
        there.absent == 0 && same(self.seen, there.seen)
    }
}

/// Where runs come from.
pub trait Source: Send + Sync {
    /// Returns what it is called.
    fn name(&self) -> String;

    /// Lists its runs, the oldest first if it knows, without opening them.
    ///
    /// # Errors
    /// It cannot be read.
    fn list(&self) -> Result<Vec<Candidate>>;

    /// Opens a run. One that is being written is described as it is now if `live`.
    ///
    /// # Errors
    /// It cannot be read, or ([`crate::ErrorKind::Busy`]) is being written.
    fn open(&self, place: &Place, live: bool) -> Result<Box<dyn Content>>;
}

/// A run that is open to be read.
pub trait Content {
    /// Returns what it consists of.
    fn manifest(&self) -> &Manifest;

    /// Returns what it is called.
    fn name(&self) -> Name {
        let run = &self.manifest().run;
        Name { entity: run.entity.clone(), project: run.project.clone(), id: run.id.as_str().to_owned() }
    }

    /// Returns the file as it was when this was read.
    fn stamp(&self) -> Stamp;

    /// Returns the attempt that begins a run in it, unless it goes on with one or was written beside another.
    fn begins(&self) -> Option<AttemptId>;

    /// Lists the paths of its files with their contents.
    ///
    /// # Errors
    /// It cannot be read, or knows none.
    fn paths(&self) -> Result<Vec<(String, SizedHash)>>;

    /// Says whether a filter matches it.
    ///
    /// # Errors
    /// It cannot be read, or has not what the filter asks for.
    fn matches(&self, filter: &Filter) -> Result<bool>;

    /// Says whether the bytes of a content are here.
    ///
    /// # Errors
    /// It cannot be read.
    fn has_blob(&self, blob: Hash) -> Result<bool>;

    /// Lists the contents that are not here by choice.
    ///
    /// # Errors
    /// It cannot be read.
    fn absent(&self) -> Result<BTreeSet<Hash>> {
        Ok(BTreeSet::new())
    }

    /// Returns a segment as it is sent: packed, and checked.
    ///
    /// # Errors
    /// It cannot be read, or is damaged.
    fn segment(&self, name: Hash) -> Result<Vec<u8>>;

    /// Reads a content from a place on. Whether the bytes are those of its name is for the caller to see.
    ///
    /// # Errors
    /// It cannot be read.
    fn blob(&self, blob: SizedHash, offset: u64) -> Result<Box<dyn Read + Send>>;

    /// Reads a content that is small enough to be held, and checks it.
    ///
    /// # Errors
    /// It cannot be read, or is damaged.
    fn small_blob(&self, blob: SizedHash) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(usize::try_from(blob.size).unwrap_or(0));
        self.blob(blob, 0)?
            .take(blob.size + 1)
            .read_to_end(&mut bytes)
            .map_err(|e| Error::new(crate::ErrorKind::Io, "Cannot read a stored file").with_source(e))?;
        if Hash::of(&bytes) == blob.sha256 { Ok(bytes) } else { Err(other_bytes(blob.sha256)) }
    }

    /// Hands out the segments that may be others when the run is opened again: the ends of attempts that are still written,
    /// packed.
    fn take_tails(&mut self) -> Vec<(Hash, Vec<u8>)> {
        Vec::new()
    }
}

/// Says that a content is not what it was.
pub(super) fn other_bytes(blob: Hash) -> Error {
    Error::damaged(format!("Blob {blob} is damaged: its bytes have another hash"))
        .with_hint("`danlu verify` names the file")
}

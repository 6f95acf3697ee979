//! Another remote as a source: from the stick to the server.

use super::{Candidate, Content, Listed, Name, Place, Source};
use crate::model::{AttemptId, Error, ErrorKind, Hash, Result, limits};
use crate::query::Filter;
use crate::remote::{Manifest, Object, Remote, RunHead, SizedHash, heads};
use crate::store;
use crate::sync::state::Stamp;
use std::io::Read;
use std::sync::Arc;

/// The runs of a remote.
pub struct Relay {
    from: Arc<dyn Remote>,
}

impl Relay {
    /// Takes the remote that has the runs.
    pub fn new(from: Arc<dyn Remote>) -> Self {
        Self { from }
    }
}

fn candidate(head: RunHead) -> Candidate {
    Candidate {
        file: head.key.to_string(),
        place: Place::Key(head.key),
        listed: Some(Listed::of(&head)),
        stamp: Stamp(head.digest.0),
        running: false,
        name: Some(Name {
            entity: head.run.entity,
            project: head.run.project,
            id: head.run.id.as_str().to_owned(),
        }),
    }
}

impl Source for Relay {
    fn name(&self) -> String {
        self.from.name().to_owned()
    }

    fn list(&self) -> Result<Vec<Candidate>> {
        heads(&*self.from).map(|head| head.map(candidate)).collect()
    }

    fn open(&self, place: &Place, _: bool) -> Result<Box<dyn Content>> {
        let Place::Key(key) = place else {
            return Err(Error::usage("A remote has no run files"));
        };
        let manifest = self.from.manifest_of(*key)?.ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("`{}` has no run {key} any more", self.from.name()))
        })?;
        Ok(Box::new(RelayRun { from: Arc::clone(&self.from), manifest }))
    }
}

/// A run of a remote.
struct RelayRun {
    from: Arc<dyn Remote>,
    manifest: Manifest,
}

impl Content for RelayRun {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn stamp(&self) -> Stamp {
        Stamp(self.manifest.digest.0)
    }

    fn begins(&self) -> Option<AttemptId> {
        None
    }

    fn paths(&self) -> Result<Vec<(String, SizedHash)>> {
        Err(no_names(&*self.from, "names of files, by which `--include` and `--exclude` choose"))
    }

    fn matches(&self, _: &Filter) -> Result<bool> {
        Err(no_names(&*self.from, "configs and summaries, by which `--filter` chooses"))
    }

    fn has_blob(&self, _: Hash) -> Result<bool> {
        // Its manifest says so; if that is not true, reading will tell.
        Ok(true)
    }

    fn segment(&self, name: Hash) -> Result<Vec<u8>> {
        let mut packed = Vec::new();
        self.from
            .get(Object::Segment(name), 0)?
            .take(limits::SEGMENT_BYTES as u64)
            .read_to_end(&mut packed)
            .map_err(|e| broke_off(&*self.from, e))?;
        store::unpack(name, packed.as_slice())
            .map_err(|e| e.in_context(format!("Segment {name} of `{}`", self.from.name())))?;
        Ok(packed)
    }

    fn blob(&self, blob: SizedHash, offset: u64) -> Result<Box<dyn Read + Send>> {
        self.from.get(Object::Blob(blob.sha256), offset)
    }
}

fn no_names(from: &dyn Remote, what: &str) -> Error {
    Error::usage(format!("`{}` is a remote: it does not show {what}", from.name()))
        .with_hint("`--run`, `--project` and `--max-size` choose on the way from one remote to another")
}

fn broke_off(from: &dyn Remote, source: std::io::Error) -> Error {
    Error::new(ErrorKind::Unreachable, format!("`{}` broke off in the middle", from.name()))
        .with_source(source)
}

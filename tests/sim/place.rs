//! The remote: the real one in memory, with backups, another one that may be put in its place, and small parts.

use danlu::model::{AttemptId, Error, ErrorKind, Hash};
use danlu::remote::{Manifest, Memory, Object, Receipt, Remote, RunHead, SizedHash};
use danlu::sync::plan::{Failure, Side};
use std::collections::BTreeMap;
use std::io::Cursor;
use std::rc::Rc;

/// Longest part of a large blob here.
pub const PART: u64 = 16;

/// What is asked of a remote.
#[derive(Debug, Clone)]
pub enum Body {
    Identify,
    Look,
    Ask(Vec<Object>),
    Put(Vec<(Object, Rc<Vec<u8>>)>),
    Held(SizedHash),
    Part(SizedHash, u64, Vec<u8>),
    Commit(Vec<Manifest>),
}

/// What it answers.
#[derive(Debug, Clone)]
pub enum Reply {
    Identity(AttemptId),
    Runs(Vec<RunHead>),
    Missing(Vec<Object>),
    Stored,
    Held(u64),
    Receipts(Vec<Result<Receipt, Failure>>),
}

pub struct Place {
    pub memory: Memory,
    parts: BTreeMap<Hash, Vec<u8>>,
    backup: Memory,
    /// What is plugged in when this one is pulled.
    other: Memory,
    /// How often it lost something.
    pub losses: u64,
    /// Runs that it will not take, and why.
    pub poison: BTreeMap<Hash, ErrorKind>,
}

pub fn failure(kind: ErrorKind, why: &str) -> Failure {
    Failure { side: Side::There, kind, why: why.to_owned(), hint: None, retry_after: None, full: false }
}

fn told(error: &Error) -> Failure {
    Failure::new(error, Side::There, None)
}

impl Place {
    pub fn new(id: AttemptId, other: AttemptId) -> Self {
        let memory = Memory::new("remote", id);
        Self {
            backup: memory.backup(),
            other: Memory::new("other", other),
            memory,
            parts: BTreeMap::new(),
            losses: 0,
            poison: BTreeMap::new(),
        }
    }

    pub fn id(&self) -> AttemptId {
        self.memory.identity().expect("memory knows itself")
    }

    pub fn back_up(&mut self) {
        self.backup = self.memory.backup();
    }

    /// Puts back what was there at the last backup. Says whether its runs are others now.
    pub fn restore(&mut self) -> bool {
        let before = self.manifests();
        self.memory = self.backup.backup();
        self.parts.clear();
        self.losses += 1;
        self.manifests() != before
    }

    /// Begins anew, under the same or another identity.
    pub fn empty(&mut self, id: AttemptId) {
        self.memory = Memory::new("remote", id);
        self.back_up();
        self.parts.clear();
        self.losses += 1;
    }

    /// Another one is in its place now.
    pub fn swap(&mut self) {
        std::mem::swap(&mut self.memory, &mut self.other);
        self.back_up();
        self.parts.clear();
        self.losses += 1;
    }

    /// Forgets an object that manifests name.
    pub fn lose_object(&mut self, n: usize) {
        let manifests: Vec<Manifest> = self.manifests();
        let objects: Vec<Object> = manifests.iter().flat_map(Manifest::objects).collect();
        if let Some(object) = objects.get(n % objects.len().max(1)) {
            self.memory.remove(&[*object]).expect("memory removes");
            self.losses += 1;
        }
    }

    pub fn manifests(&self) -> Vec<Manifest> {
        let heads = self.memory.runs(None).expect("memory lists");
        heads.iter().filter_map(|head| self.manifest(head.key)).collect()
    }

    pub fn manifest(&self, key: Hash) -> Option<Manifest> {
        self.memory.manifest_of(key).expect("memory reads")
    }

    /// Returns what a manifest names and is not there.
    pub fn lacks(&self, manifest: &Manifest) -> Vec<Object> {
        self.memory.missing(&manifest.objects()).expect("memory answers")
    }

    pub fn answer(&mut self, body: &Body) -> Result<Reply, Failure> {
        Ok(match body {
            Body::Identify => Reply::Identity(self.id()),
            Body::Look => Reply::Runs(self.memory.runs(None).map_err(|e| told(&e))?),
            Body::Ask(objects) => Reply::Missing(self.memory.missing(objects).map_err(|e| told(&e))?),
            Body::Put(objects) => {
                for (object, bytes) in objects {
                    let source = Box::new(Cursor::new(bytes.to_vec()));
                    self.memory.put(*object, bytes.len() as u64, source).map_err(|e| told(&e))?;
                }
                Reply::Stored
            }
            Body::Held(blob) => Reply::Held(self.held(*blob)),
            Body::Part(blob, offset, bytes) => self.part(*blob, *offset, bytes)?,
            Body::Commit(manifests) => Reply::Receipts(manifests.iter().map(|m| self.commit(m)).collect()),
        })
    }

    fn held(&self, blob: SizedHash) -> u64 {
        let missing = self.memory.missing(&[Object::Blob(blob.sha256)]).expect("memory answers");
        if missing.is_empty() {
            return blob.size;
        }
        self.parts.get(&blob.sha256).map_or(0, Vec::len) as u64
    }

    fn part(&mut self, blob: SizedHash, offset: u64, bytes: &[u8]) -> Result<Reply, Failure> {
        let held = self.held(blob);
        if held == blob.size {
            return Ok(Reply::Stored);
        }
        if held != offset {
            return Err(failure(ErrorKind::Usage, "this part does not follow what is held"));
        }
        let parts = self.parts.entry(blob.sha256).or_default();
        parts.extend(bytes);
        if parts.len() as u64 == blob.size {
            let whole = std::mem::take(parts);
            self.parts.remove(&blob.sha256);
            let object = Object::Blob(blob.sha256);
            self.memory.put(object, blob.size, Box::new(Cursor::new(whole))).map_err(|e| told(&e))?;
        }
        Ok(Reply::Stored)
    }

    fn commit(&mut self, manifest: &Manifest) -> Result<Receipt, Failure> {
        if let Some(kind) = self.poison.get(&manifest.run.hash()) {
            return Err(failure(*kind, "this run is not taken"));
        }
        self.memory.commit(manifest).map_err(|e| told(&e))
    }
}

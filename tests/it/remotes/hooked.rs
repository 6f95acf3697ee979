//! A remote at which something happens whenever it is called.

use bytes::Bytes;
use danlu::Result;
use danlu::model::{AttemptId, Hash};
use danlu::remote::{Manifest, Object, Receipt, Remote, RunHead, SizedHash};
use std::io::Read;

/// What it is called for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    Identity,
    Missing,
    Put(Object),
    Held,
    PutPart,
    Get,
    Commit,
    ManifestOf,
    Runs,
}

impl Call {
    /// Says whether it puts something there.
    pub fn writes(self) -> bool {
        matches!(self, Self::Put(_) | Self::PutPart | Self::Commit)
    }
}

type Hook<'a> = Box<dyn Fn(Call) -> Result<()> + Send + Sync + 'a>;

/// A remote with something before it does what it is called for, and after that. An error stands for the answer.
pub struct Hooked<'a, R> {
    pub remote: R,
    before: Hook<'a>,
    after: Hook<'a>,
}

impl<'a, R: Remote> Hooked<'a, R> {
    pub fn before(remote: R, hook: impl Fn(Call) -> Result<()> + Send + Sync + 'a) -> Self {
        Self { remote, before: Box::new(hook), after: Box::new(|_| Ok(())) }
    }

    pub fn after(remote: R, hook: impl Fn(Call) -> Result<()> + Send + Sync + 'a) -> Self {
        Self { remote, before: Box::new(|_| Ok(())), after: Box::new(hook) }
    }

    fn call<T>(&self, call: Call, does: impl FnOnce(&R) -> Result<T>) -> Result<T> {
        (self.before)(call)?;
        let done = does(&self.remote)?;
        (self.after)(call).map(|()| done)
    }
}

impl<R: Remote> Remote for Hooked<'_, R> {
    fn name(&self) -> &str {
        self.remote.name()
    }

    fn identity(&self) -> Result<AttemptId> {
        self.call(Call::Identity, R::identity)
    }

    fn missing(&self, objects: &[Object]) -> Result<Vec<Object>> {
        self.call(Call::Missing, |remote| remote.missing(objects))
    }

    fn put(&self, object: Object, length: u64, bytes: Box<dyn Read + Send>) -> Result<()> {
        self.call(Call::Put(object), |remote| remote.put(object, length, bytes))
    }

    fn held(&self, blob: SizedHash) -> Result<u64> {
        self.call(Call::Held, |remote| remote.held(blob))
    }

    fn put_part(&self, blob: SizedHash, offset: u64, bytes: Bytes) -> Result<()> {
        self.call(Call::PutPart, |remote| remote.put_part(blob, offset, bytes))
    }

    fn get(&self, object: Object, offset: u64) -> Result<Box<dyn Read + Send>> {
        self.call(Call::Get, |remote| remote.get(object, offset))
    }

    fn commit(&self, manifest: &Manifest) -> Result<Receipt> {
        self.call(Call::Commit, |remote| remote.commit(manifest))
    }

    fn manifest_of(&self, key: Hash) -> Result<Option<Manifest>> {
        self.call(Call::ManifestOf, |remote| remote.manifest_of(key))
    }

    fn runs(&self, after: Option<Hash>) -> Result<Vec<RunHead>> {
        self.call(Call::Runs, |remote| remote.runs(after))
    }
}

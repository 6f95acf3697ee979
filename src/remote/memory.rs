//! A remote in memory: for simulators and tests, and as the plainest statement of what a remote does.

use super::{Manifest, Object, PAGE_RUNS, Receipt, Remote, RunHead, SizedHash};
use super::{check_bytes, check_part, last_part, not_there};
use crate::model::{AttemptId, Hash, Result};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A remote in memory. A clone of it is the same remote.
#[derive(Debug, Clone)]
pub struct Memory {
    name: String,
    id: AttemptId,
    held: Arc<Mutex<Held>>,
}

/// What it holds.
#[derive(Debug, Clone, Default)]
struct Held {
    objects: BTreeMap<Object, Vec<u8>>,
    parts: BTreeMap<Hash, Vec<u8>>,
    runs: BTreeMap<Hash, Manifest>,
}

impl Memory {
    /// Makes an empty one.
    pub fn new(name: &str, id: AttemptId) -> Self {
        Self { name: name.to_owned(), id, held: Arc::default() }
    }

    /// Returns what it is now as a remote of its own with the same identity: a backup.
    #[must_use]
    pub fn backup(&self) -> Self {
        let held = Mutex::new(self.lock().clone());
        Self { name: self.name.clone(), id: self.id, held: Arc::new(held) }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn put(&mut self, object: Object, bytes: Vec<u8>) -> Result<()> {
        check_bytes(object, &bytes)?;
        self.objects.insert(object, bytes);
        Ok(())
    }

    fn held(&self, blob: SizedHash) -> u64 {
        if self.objects.contains_key(&Object::Blob(blob.sha256)) {
            return blob.size;
        }
        let parts = self.parts.get(&blob.sha256).map_or(0, Vec::len) as u64;
        parts.min(last_part(blob.size))
    }
}

impl Remote for Memory {
    fn name(&self) -> &str {
        &self.name
    }

    fn identity(&self) -> Result<AttemptId> {
        Ok(self.id)
    }

    fn missing(&self, objects: &[Object]) -> Result<Vec<Object>> {
        let held = self.lock();
        Ok(objects.iter().copied().filter(|object| !held.objects.contains_key(object)).collect())
    }

    fn put(&self, object: Object, _: u64, mut bytes: Box<dyn Read + Send>) -> Result<()> {
        let mut read = Vec::new();
        bytes.read_to_end(&mut read).map_err(super::cannot_read)?;
        self.lock().put(object, read)
    }

    fn held(&self, blob: SizedHash) -> Result<u64> {
        Ok(self.lock().held(blob))
    }

    fn put_part(&self, blob: SizedHash, offset: u64, bytes: Bytes) -> Result<()> {
        let mut held = self.lock();
        check_part(blob, held.held(blob), offset, bytes.len() as u64)?;
        if held.held(blob) == blob.size {
            return Ok(());
        }
        let parts = held.parts.entry(blob.sha256).or_default();
        // Somebody else who sends the same may be ahead.
        if offset + bytes.len() as u64 > parts.len() as u64 {
            parts.truncate(usize::try_from(offset).unwrap_or(usize::MAX));
            parts.extend(bytes);
        }
        if parts.len() as u64 == blob.size {
            let bytes = std::mem::take(parts);
            held.parts.remove(&blob.sha256);
            held.put(Object::Blob(blob.sha256), bytes)?;
        }
        Ok(())
    }

    fn get(&self, object: Object, offset: u64) -> Result<Box<dyn Read + Send>> {
        let held = self.lock();
        let bytes = held.objects.get(&object).ok_or_else(|| not_there(object))?;
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        Ok(Box::new(std::io::Cursor::new(bytes[from..].to_vec())))
    }

    fn commit(&self, manifest: &Manifest) -> Result<Receipt> {
        let mut held = self.lock();
        let key = manifest.run.hash();
        let (merged, old) = Manifest::follow(held.runs.get(&key), manifest)?;
        // What others named is theirs to send again, should it be lost.
        let mut named = manifest.objects().into_iter().filter(|object| !old.contains(object));
        if let Some(object) = named.find(|object| !held.objects.contains_key(object)) {
            return Err(not_there(object));
        }
        for object in old {
            held.objects.remove(&object);
        }
        let receipt = merged.receipt().of(self.id);
        held.runs.insert(key, merged);
        Ok(receipt)
    }

    fn manifest_of(&self, key: Hash) -> Result<Option<Manifest>> {
        Ok(self.lock().runs.get(&key).cloned())
    }

    fn runs(&self, after: Option<Hash>) -> Result<Vec<RunHead>> {
        use std::ops::Bound::{Excluded, Unbounded};
        let after = after.map_or(Unbounded, Excluded);
        Ok(self.lock().runs.range((after, Unbounded)).take(PAGE_RUNS).map(|(_, m)| m.head()).collect())
    }

    fn remove_run(&self, key: Hash) -> Result<()> {
        self.lock().runs.remove(&key);
        Ok(())
    }

    fn remove(&self, objects: &[Object]) -> Result<()> {
        let mut held = self.lock();
        for object in objects {
            held.objects.remove(object);
        }
        Ok(())
    }
}

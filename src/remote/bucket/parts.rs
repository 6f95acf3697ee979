//! Large blobs in a bucket: parts, and a mark that they are all there.

use super::errors::Said;
use super::threads::Threads;
use super::{Bucket, Streamed};
use crate::model::{Hash, Result};
use crate::remote::{Object, PART_BYTES, SizedHash, check_part, last_part, other_bytes};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, PutMode};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The name of the mark beside the parts of a blob. It holds the length of the blob, in digits.
const WHOLE: &str = "whole";

/// Blobs whose parts this process has put so far: how many bytes, and their hash.
#[derive(Debug, Default)]
pub(super) struct Parts(Mutex<HashMap<Hash, (u64, Sha256)>>);

impl Parts {
    fn lock(&self) -> MutexGuard<'_, HashMap<Hash, (u64, Sha256)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bucket {
    fn path_of_part(&self, name: Hash, part: &str) -> Path {
        self.path(&format!("{}/{part}", Object::Blob(name).place()))
    }

    /// Returns the length of a blob whose parts are all there.
    pub(super) async fn length_of_parts(&self, name: Hash) -> Result<Option<u64>> {
        let Some((bytes, _)) = self.read(&self.path_of_part(name, WHOLE)).await? else { return Ok(None) };
        Ok(std::str::from_utf8(&bytes).ok().and_then(|digits| digits.trim().parse().ok()))
    }

    /// Returns how much of a blob is there: parts without a gap, but for the last, with which it is whole.
    pub(super) async fn held_parts(&self, blob: SizedHash) -> Result<u64> {
        if self.is_there(Object::Blob(blob.sha256)).await? {
            return Ok(blob.size);
        }
        let mut held = 0;
        let lengths = self.lengths_of_parts(blob.sha256).await?;
        while held < last_part(blob.size) && lengths.get(&held) == Some(&PART_BYTES) {
            held += PART_BYTES;
        }
        Ok(held)
    }

    /// Lists the parts that are there: where each begins, and its length.
    async fn lengths_of_parts(&self, name: Hash) -> Result<HashMap<u64, u64>> {
        let parts = self.store.list(Some(&self.path(&Object::Blob(name).place())));
        let lengths = parts.try_filter_map(async |part| {
            Ok(part.location.filename().and_then(|name| Some((name.parse().ok()?, part.size))))
        });
        lengths.try_collect().await.map_err(|e| self.said("list", e))
    }

    /// Takes a part. Before the last one is put, the hash of all of them is compared with the name.
    pub(super) async fn take_part(&self, blob: SizedHash, offset: u64, bytes: Bytes) -> Result<()> {
        let known = self.parts.lock().remove(&blob.sha256).filter(|(held, _)| *held == offset);
        let held = match &known {
            Some((held, _)) => *held,
            None => self.held_parts(blob).await?,
        };
        if held == blob.size {
            return Ok(());
        }
        check_part(blob, held, offset, bytes.len() as u64)?;
        if offset < held {
            return Ok(());
        }
        let hasher = match known {
            Some((_, hasher)) => Some(hasher),
            None => (offset == 0).then(Sha256::new),
        };
        if offset == last_part(blob.size) {
            return self.end_parts(blob, hasher, offset, bytes).await;
        }
        let hasher = self.put_one(blob.sha256, offset, bytes, hasher).await?;
        if let Some(hasher) = hasher {
            self.parts.lock().insert(blob.sha256, (offset + PART_BYTES, hasher));
        }
        Ok(())
    }

    /// Puts a part and returns the hash up to its end, if what is there is known to be these bytes.
    async fn put_one(
        &self,
        name: Hash,
        offset: u64,
        bytes: Bytes,
        hasher: Option<Sha256>,
    ) -> Result<Option<Sha256>> {
        let path = self.path_of_part(name, &format!("{offset:016}"));
        let mode = if self.is_conditional().await? { PutMode::Create } else { PutMode::Overwrite };
        match self.put_bytes(&path, bytes.clone(), mode).await {
            Ok(()) => Ok(hasher.map(|hasher| hasher.chain_update(&bytes))),
            // Another syncer sends the same blob; or so it says.
            Err(object_store::Error::AlreadyExists { .. }) => Ok(None),
            Err(e) => Err(self.said("write", e)),
        }
    }

    async fn end_parts(
        &self,
        blob: SizedHash,
        hasher: Option<Sha256>,
        offset: u64,
        bytes: Bytes,
    ) -> Result<()> {
        let hasher = match hasher {
            Some(hasher) => hasher,
            None => self.read_parts(blob.sha256, offset).await?,
        };
        let object = Object::Blob(blob.sha256);
        if Hash(hasher.chain_update(&bytes).finalize().into()) != blob.sha256 {
            self.delete_parts(blob.sha256).await?;
            return Err(other_bytes(object));
        }
        let put = async |part: &str, bytes: Bytes| {
            let path = self.path_of_part(blob.sha256, part);
            self.put_bytes(&path, bytes, PutMode::Overwrite).await.map_err(|e| self.said("write", e))
        };
        put(&format!("{offset:016}"), bytes).await?;
        put(WHOLE, Bytes::from(blob.size.to_string())).await?;
        self.known.note(object, blob.size);
        Ok(())
    }

    /// Hashes the parts before `end`, as they are in the bucket.
    async fn read_parts(&self, name: Hash, end: u64) -> Result<Sha256> {
        let mut hasher = Sha256::new();
        for offset in (0..end).step_by(usize::try_from(PART_BYTES).unwrap_or(usize::MAX)) {
            let path = self.path_of_part(name, &format!("{offset:016}"));
            let mut stream = self.open_at(&path, 0).await?.ok_or_else(|| other_bytes(Object::Blob(name)))?;
            while let Some(bytes) = stream.try_next().await.map_err(|e| self.said("read", e))? {
                hasher.update(&bytes);
            }
        }
        Ok(hasher)
    }

    pub(super) async fn delete_parts(&self, name: Hash) -> Result<()> {
        self.parts.lock().remove(&name);
        // Without the mark it is not there any more, whatever of the rest is.
        self.delete(&self.path_of_part(name, WHOLE)).await?;
        for offset in self.lengths_of_parts(name).await?.into_keys() {
            self.delete(&self.path_of_part(name, &format!("{offset:016}"))).await?;
        }
        Ok(())
    }

    /// Puts a blob of unknown length that begins with a whole part.
    pub(super) fn put_long(&self, name: Hash, first: Vec<u8>, mut rest: Box<dyn Read + Send>) -> Result<()> {
        let (mut part, mut offset, mut hasher) = (first, 0, Some(Sha256::new()));
        loop {
            let mut next = Vec::new();
            rest.by_ref().take(PART_BYTES).read_to_end(&mut next).map_err(crate::remote::cannot_read)?;
            if next.is_empty() {
                let blob = SizedHash { sha256: name, size: offset + part.len() as u64 };
                if offset == 0 {
                    return self.wait(self.put_object(Object::Blob(name), part));
                }
                return self.wait(self.end_parts(blob, hasher, offset, part.into()));
            }
            hasher = self.wait(self.put_one(name, offset, Bytes::from(part), hasher))?;
            offset += PART_BYTES;
            part = next;
        }
    }

    /// Begins to read a blob that is in parts. `None` if it is not there.
    pub(super) async fn open_parts(&self, name: Hash, offset: u64) -> Result<Option<Streamed>> {
        let Some(size) = self.length_of_parts(name).await? else { return Ok(None) };
        if offset >= size {
            return Ok(Some(stream::empty().boxed()));
        }
        let store: Arc<dyn ObjectStore> = Arc::clone(&self.store);
        let first = offset / PART_BYTES * PART_BYTES;
        let parts = (first..size).step_by(usize::try_from(PART_BYTES).unwrap_or(usize::MAX));
        let paths: Vec<(Path, u64)> = parts
            .map(|from| (self.path_of_part(name, &format!("{from:016}")), offset.saturating_sub(from)))
            .collect();
        let read = stream::iter(paths).then(move |(path, skip)| {
            let store = Arc::clone(&store);
            async move {
                let range = (skip > 0).then_some(object_store::GetRange::Offset(skip));
                let options = object_store::GetOptions { range, ..object_store::GetOptions::default() };
                store.get_opts(&path, options).await.map(object_store::GetResult::into_stream)
            }
        });
        Ok(Some(read.try_flatten().boxed()))
    }
}

/// Reads what a bucket streams, where one may wait.
pub(super) struct Reader {
    stream: Streamed,
    rest: Bytes,
    threads: Arc<Threads>,
}

impl Reader {
    pub(super) fn new(threads: Arc<Threads>, stream: Streamed) -> Self {
        Self { stream, rest: Bytes::new(), threads }
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.rest.is_empty() && !buffer.is_empty() {
            match self.threads.wait(self.stream.try_next()).map_err(std::io::Error::other)? {
                Some(bytes) => self.rest = bytes,
                None => return Ok(0),
            }
        }
        let read = self.rest.len().min(buffer.len());
        buffer[..read].copy_from_slice(&self.rest.split_to(read));
        Ok(read)
    }
}

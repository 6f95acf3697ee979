//! A bucket as a remote: S3 and what speaks like it, Google Cloud Storage, Azure.
//!
//! It is laid out as a directory is, but for large blobs: these stay in parts.
//!
//! ```text
//! blobs/ab/abcd…/0000000000000000     a part, named by where it begins
//! blobs/ab/abcd…/whole                all parts are there, and their bytes are those of the name
//! ```
//!
//! Objects never change. Manifests do, and so a commit is a conditional put: it succeeds if nobody else has changed the manifest
//! since it was read.

mod address;
mod begin;
mod commit;
mod errors;
mod known;
mod parts;
mod threads;

use super::{Left, Manifest, Object, PAGE_RUNS, PART_BYTES, Receipt, Remote, RunHead, SizedHash};
use super::{check_bytes, not_there};
use crate::model::{AttemptId, Error, ErrorKind, Hash, Result};
use bytes::Bytes;
use errors::Said;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use known::Known;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use parts::Parts;
use std::io::Read;
use std::sync::{Arc, OnceLock};
use threads::Threads;

pub(super) use address::is_bucket;

/// Requests that are under way at once.
const REQUESTS: usize = 32;

/// Puts of small objects that are under way at once.
const PUTS: usize = 16;

/// A remote in a bucket.
#[derive(Debug)]
pub struct Bucket {
    name: String,
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    /// What to do about a failure that may come from how the bucket is set up.
    hint: Option<&'static str>,
    /// The user says that nobody else commits at the same time.
    alone: bool,
    /// Whether commits are conditional, once that is known.
    conditional: OnceLock<bool>,
    known: Known,
    parts: Parts,
    threads: Arc<Threads>,
}

impl Bucket {
    /// Makes a remote of what is below `prefix` in a store. With `alone`, it may be one without conditional puts. Nothing is
    /// asked yet.
    ///
    /// # Errors
    /// The operating system gives no threads.
    pub fn new(name: &str, store: Arc<dyn ObjectStore>, prefix: &str, alone: bool) -> Result<Self> {
        Ok(Self {
            name: name.to_owned(),
            store,
            prefix: Path::from(prefix),
            hint: None,
            alone,
            conditional: OnceLock::new(),
            known: Known::default(),
            parts: Parts::default(),
            threads: Arc::new(Threads::start()?),
        })
    }

    /// Waits for something that happens in the threads of this remote.
    fn wait<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        self.threads.wait(work)
    }

    fn path(&self, place: &str) -> Path {
        Path::from(format!("{}/{place}", self.prefix))
    }

    fn path_of_run(&self, key: Hash) -> Path {
        self.path(&format!("runs/{key}.json"))
    }

    async fn put_bytes(&self, path: &Path, bytes: Bytes, mode: PutMode) -> object_store::Result<()> {
        let options = PutOptions { mode, ..PutOptions::default() };
        self.store.put_opts(path, PutPayload::from_bytes(bytes), options).await.map(|_| ())
    }

    async fn put_object(&self, object: Object, bytes: Vec<u8>) -> Result<()> {
        check_bytes(object, &bytes)?;
        let (length, bytes) = (bytes.len() as u64, Bytes::from(bytes));
        let put = self.put_bytes(&self.path(&object.place()), bytes, PutMode::Overwrite).await;
        put.map_err(|e| self.said("write", e))?;
        self.known.note(object, length);
        Ok(())
    }

    /// Returns the length of an object as it is stored, if it is there.
    async fn length(&self, object: Object) -> Result<Option<u64>> {
        match self.store.head(&self.path(&object.place())).await {
            Ok(found) => Ok(Some(found.size)),
            Err(object_store::Error::NotFound { .. }) if matches!(object, Object::Blob(_)) => {
                self.length_of_parts(object.hash()).await
            }
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(e) => Err(self.said("look into", e)),
        }
    }

    /// Says whether an object is there, and remembers it.
    async fn is_there(&self, object: Object) -> Result<bool> {
        let found = self.length(object).await?;
        if let Some(length) = found {
            self.known.note(object, length);
        }
        Ok(found.is_some())
    }

    /// Reads an object into memory, if it is there.
    async fn read(&self, path: &Path) -> Result<Option<(Bytes, object_store::UpdateVersion)>> {
        let found = match self.store.get(path).await {
            Ok(found) => found,
            Err(e @ object_store::Error::NotFound { .. }) if !errors::is_no_bucket(&e) => return Ok(None),
            Err(e) => return Err(self.said("read", e)),
        };
        let version = object_store::UpdateVersion {
            e_tag: found.meta.e_tag.clone(),
            version: found.meta.version.clone(),
        };
        Ok(Some((found.bytes().await.map_err(|e| self.said("read", e))?, version)))
    }

    /// Begins to read what has this path, from `offset` on. `None` if it is not there.
    async fn open_at(&self, path: &Path, offset: u64) -> Result<Option<Streamed>> {
        let range = (offset > 0).then_some(GetRange::Offset(offset));
        match self.store.get_opts(path, GetOptions { range, ..GetOptions::default() }).await {
            Ok(found) => Ok(Some(found.into_stream())),
            Err(e @ object_store::Error::NotFound { .. }) if !errors::is_no_bucket(&e) => Ok(None),
            // Nothing is left after the end, which some call a bad range.
            Err(e) => match self.store.head(path).await {
                Ok(found) if found.size <= offset => Ok(Some(stream::empty().boxed())),
                _ => Err(self.said("read", e)),
            },
        }
    }

    async fn head(&self, key: Hash) -> Result<Option<RunHead>> {
        match self.read_manifest(key).await {
            Ok(found) => Ok(found.map(|(manifest, _)| manifest.head())),
            Err(e) if matches!(e.kind(), ErrorKind::Damaged | ErrorKind::Version) => {
                RunHead::unreadable(key).map(Some)
            }
            Err(e) => Err(e),
        }
    }

    async fn page(&self, after: Option<Hash>) -> Result<Vec<RunHead>> {
        let runs = self.path("runs");
        let listed = match after {
            Some(after) => self.store.list_with_offset(Some(&runs), &self.path_of_run(after)),
            None => self.store.list(Some(&runs)),
        };
        let keys = listed.try_filter_map(async |found| {
            Ok(found.location.filename().and_then(|name| Hash::parse(name.strip_suffix(".json")?)))
        });
        let mut keys: Vec<Hash> =
            keys.take(PAGE_RUNS).try_collect().await.map_err(|e| self.said("list", e))?;
        keys.sort_unstable();
        let heads = stream::iter(keys).map(|key| self.head(key)).buffered(REQUESTS);
        heads.try_filter_map(async |head| Ok(head)).try_collect().await
    }

    async fn delete(&self, path: &Path) -> Result<()> {
        match self.store.delete(path).await {
            Err(object_store::Error::NotFound { .. }) | Ok(()) => Ok(()),
            Err(e) => Err(self.said("remove", e)),
        }
    }

    async fn delete_object(&self, object: Object) -> Result<()> {
        self.known.forget(object);
        if let Object::Blob(name) = object {
            self.delete_parts(name).await?;
        }
        self.delete(&self.path(&object.place())).await
    }
}

/// What comes of an object, piece by piece.
type Streamed = stream::BoxStream<'static, object_store::Result<Bytes>>;

impl Remote for Bucket {
    fn name(&self) -> &str {
        &self.name
    }

    fn identity(&self) -> Result<AttemptId> {
        self.wait(self.begin())
    }

    fn missing(&self, objects: &[Object]) -> Result<Vec<Object>> {
        let asked = stream::iter(objects.iter().copied())
            .map(async |object| Ok((!self.is_there(object).await?).then_some(object)))
            .buffered(REQUESTS);
        self.wait(asked.try_filter_map(async |missing| Ok(missing)).try_collect())
    }

    fn put(&self, object: Object, _: u64, mut bytes: Box<dyn Read + Send>) -> Result<()> {
        let mut part = Vec::new();
        let most = match object {
            Object::Segment(_) => crate::model::limits::SEGMENT_BYTES as u64,
            Object::Blob(_) => PART_BYTES,
        };
        bytes.by_ref().take(most).read_to_end(&mut part).map_err(super::cannot_read)?;
        match object {
            Object::Blob(name) if part.len() as u64 == PART_BYTES => self.put_long(name, part, bytes),
            _ => self.wait(self.put_object(object, part)),
        }
    }

    fn put_all(&self, objects: Vec<(Object, Vec<u8>)>) -> Result<()> {
        let puts = stream::iter(objects).map(|(object, bytes)| self.put_object(object, bytes));
        self.wait(puts.buffer_unordered(PUTS).try_collect())
    }

    fn held(&self, blob: SizedHash) -> Result<u64> {
        self.wait(self.held_parts(blob))
    }

    fn put_part(&self, blob: SizedHash, offset: u64, bytes: Bytes) -> Result<()> {
        self.wait(self.take_part(blob, offset, bytes))
    }

    fn get(&self, object: Object, offset: u64) -> Result<Box<dyn Read + Send>> {
        let opened = self.wait(self.open_at(&self.path(&object.place()), offset))?;
        let opened = match (opened, object) {
            (None, Object::Blob(name)) => self.wait(self.open_parts(name, offset))?,
            (opened, _) => opened,
        };
        let stream = opened.ok_or_else(|| not_there(object))?;
        Ok(Box::new(parts::Reader::new(Arc::clone(&self.threads), stream)))
    }

    fn commit(&self, manifest: &Manifest) -> Result<Receipt> {
        let mut done = self.commit_all(std::slice::from_ref(manifest))?;
        done.pop().unwrap_or_else(|| Err(Error::damaged("A commit came to nothing")))
    }

    fn commit_all(&self, manifests: &[Manifest]) -> Result<Vec<Result<Receipt>>> {
        Ok(super::remove_left(self, self.commit_leaving(manifests)?))
    }

    fn commit_leaving(&self, manifests: &[Manifest]) -> Result<Vec<Result<Left>>> {
        let commits = stream::iter(manifests).map(async |manifest| match self.take_in(manifest).await {
            Err(e) if matches!(e.kind(), ErrorKind::Unreachable | ErrorKind::Denied) => Err(e),
            done => Ok(done),
        });
        self.wait(async {
            let done: Vec<Result<Left>> = commits.buffered(PUTS).try_collect().await?;
            let identity = self.begin().await?;
            Ok(done.into_iter().map(|done| done.map(|(receipt, old)| (receipt.of(identity), old))).collect())
        })
    }

    fn manifest_of(&self, key: Hash) -> Result<Option<Manifest>> {
        Ok(self.wait(self.read_manifest(key))?.map(|(manifest, _)| manifest))
    }

    fn runs(&self, after: Option<Hash>) -> Result<Vec<RunHead>> {
        self.wait(self.page(after))
    }

    fn remove_run(&self, key: Hash) -> Result<()> {
        self.wait(self.delete(&self.path_of_run(key)))
    }

    fn remove(&self, objects: &[Object]) -> Result<()> {
        let removed = stream::iter(objects.iter().copied()).map(|object| self.delete_object(object));
        self.wait(removed.buffer_unordered(REQUESTS).try_collect())
    }
}

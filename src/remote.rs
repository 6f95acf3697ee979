//! Where runs go: a content-addressed store of objects, and one manifest for each run.
//!
//! A push asks which objects are missing, sends those, and commits a manifest that names them all. The remote answers
//! with what it now holds, and only that makes a run pushed. Everything can be repeated at any point.

mod address;
#[cfg(feature = "bucket")]
mod bucket;
mod directory;
mod frames;
mod heads;
mod http;
mod manifest;
mod marker;
mod materialise;
mod memory;
mod object;
mod order;
mod ssh;
mod stdio;

pub use address::{Options, Tell, check_no_secret, directory_of, is_server, open, server_of};
#[cfg(feature = "bucket")]
pub use bucket::Bucket;
pub use directory::Directory;
pub use frames::{read_frames, write_frame};
pub use heads::heads;
pub use http::Http;
pub use manifest::{AttemptEntry, Manifest, Receipt, RunHead};
pub use materialise::{add_records, materialise, materialise_cache, prove, read_segment};
pub use memory::Memory;
pub use object::{Object, SizedHash};
pub use ssh::Ssh;
pub use stdio::serve;

use crate::model::{AttemptId, Error, ErrorKind, Hash, Result, RunKey};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::io::Read;

/// Length of the parts in which a large blob is sent. A blob that is no longer goes in one piece.
pub const PART_BYTES: u64 = 8 << 20;

/// Runs in one page of [`Remote::runs`].
pub const PAGE_RUNS: usize = 1000;

/// What a commit proves, and the objects that its run named before and does not any more.
pub type Left = (Receipt, Vec<Object>);

/// A place that runs are pushed to.
pub trait Remote: Send + Sync {
    /// Returns its name, as the user gave it.
    fn name(&self) -> &str;

    /// Returns what tells it from every other remote, also from another one in its place: two sticks have one path.
    ///
    /// # Errors
    /// It cannot be reached, or refuses.
    fn identity(&self) -> Result<AttemptId>;

    /// Returns those of the objects that it does not have, or has damaged, in the order of the question. There may be any
    /// number of them.
    ///
    /// # Errors
    /// It cannot be reached, or refuses.
    fn missing(&self, objects: &[Object]) -> Result<Vec<Object>>;

    /// Stores an object: `length` bytes in the form in which [`Object`] says it is stored.
    ///
    /// # Errors
    /// It cannot be reached, refuses, or the bytes are not those of the name; then nothing is visible.
    fn put(&self, object: Object, length: u64, bytes: Box<dyn Read + Send>) -> Result<()>;

    /// Stores many small objects at once. After an error some of them may be there.
    ///
    /// # Errors
    /// As [`Self::put`].
    fn put_all(&self, objects: Vec<(Object, Vec<u8>)>) -> Result<()> {
        for (object, bytes) in objects {
            self.put(object, bytes.len() as u64, Box::new(std::io::Cursor::new(bytes)))?;
        }
        Ok(())
    }

    /// Returns how many bytes of a blob are there, from its beginning, of parts that were put before: all of them if the
    /// blob is there.
    ///
    /// # Errors
    /// It cannot be reached, or refuses.
    fn held(&self, blob: SizedHash) -> Result<u64>;

    /// Stores a part of a large blob: [`PART_BYTES`] from `offset` on, or the rest. Parts are put in order; the offset is what
    /// is held, or less. With the last one the blob is checked, and becomes visible.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] for a part that leaves a gap after what is held. Otherwise as [`Self::put`]; if the bytes turn out
    /// not to be those of the name, nothing of them is held any more.
    fn put_part(&self, blob: SizedHash, offset: u64, bytes: Bytes) -> Result<()>;

    /// Does what [`Self::put_part`] does, and adds the part to the hash of what its sender has sent. A remote that hashes
    /// what it holds need not hash the same bytes twice.
    ///
    /// # Errors
    /// As [`Self::put_part`].
    fn put_part_of(&self, blob: SizedHash, offset: u64, bytes: Bytes, sent: &mut Sha256) -> Result<()> {
        sent.update(&bytes);
        self.put_part(blob, offset, bytes)
    }

    /// Reads an object in the form in which it is stored, from `offset` on.
    ///
    /// # Errors
    /// It cannot be reached, refuses, or does not have it ([`ErrorKind::NotFound`]).
    fn get(&self, object: Object, offset: u64) -> Result<Box<dyn Read + Send>>;

    /// Makes a run, or further attempts of it, visible, and says what it now holds. What an open attempt had and its
    /// successor has not is removed.
    ///
    /// # Errors
    /// It cannot be reached, refuses, misses an object, or holds something else under the same attempt.
    fn commit(&self, manifest: &Manifest) -> Result<Receipt>;

    /// Does what [`Self::commit`] does for many runs, and says of each how that went.
    ///
    /// # Errors
    /// It cannot be reached, or refuses the key: then some of them may be committed.
    fn commit_all(&self, manifests: &[Manifest]) -> Result<Vec<Result<Receipt>>> {
        manifests
            .iter()
            .map(|manifest| match self.commit(manifest) {
                Err(e) if matches!(e.kind(), ErrorKind::Unreachable | ErrorKind::Denied) => Err(e),
                done => Ok(done),
            })
            .collect()
    }

    /// Does what [`Self::commit_all`] does, but for the ends of open attempts that something has taken the place of: they are
    /// returned with the receipt, and whoever knows what else names them removes them. A remote that removes nothing on demand
    /// does so itself, and returns none.
    ///
    /// # Errors
    /// As [`Self::commit_all`].
    fn commit_leaving(&self, manifests: &[Manifest]) -> Result<Vec<Result<Left>>> {
        let done = self.commit_all(manifests)?;
        Ok(done.into_iter().map(|receipt| receipt.map(|receipt| (receipt, Vec::new()))).collect())
    }

    /// Reads the manifest of a run, if it has it.
    ///
    /// # Errors
    /// It cannot be reached, or refuses; or the manifest is damaged.
    fn manifest(&self, run: &RunKey) -> Result<Option<Manifest>> {
        self.manifest_of(run.hash())
    }

    /// Reads the manifest of the run whose key has this hash, if it has it.
    ///
    /// # Errors
    /// As [`Self::manifest`].
    fn manifest_of(&self, key: Hash) -> Result<Option<Manifest>>;

    /// Lists up to [`PAGE_RUNS`] runs whose keys are greater than `after`, ordered by key. None are left after an empty page.
    ///
    /// # Errors
    /// It cannot be reached, or refuses.
    fn runs(&self, after: Option<Hash>) -> Result<Vec<RunHead>>;

    /// Removes the manifest of a run, if it is there. Its objects stay.
    ///
    /// # Errors
    /// It cannot be reached, or cannot do this.
    fn remove_run(&self, key: Hash) -> Result<()> {
        Err(cannot_remove(self.name(), key))
    }

    /// Removes objects that were put before a time, in microseconds since 1970, and that no manifest names, and returns how many.
    /// Where commits cannot be held up meanwhile, it removes nothing.
    ///
    /// # Errors
    /// It cannot be reached, or a manifest cannot be read: it may name anything.
    fn sweep(&self, _before: i64) -> Result<usize> {
        Ok(0)
    }

    /// Removes objects, those of them that are there. No manifest may name them.
    ///
    /// # Errors
    /// It cannot be reached, or cannot do this.
    fn remove(&self, objects: &[Object]) -> Result<()> {
        objects.first().map_or(Ok(()), |object| Err(cannot_remove(self.name(), object)))
    }
}

/// Removes what commits have left, and returns their receipts.
fn remove_left(remote: &dyn Remote, done: Vec<Result<Left>>) -> Vec<Result<Receipt>> {
    done.into_iter()
        .map(|done| done.and_then(|(receipt, old)| remote.remove(&old).map(|()| receipt)))
        .collect()
}

fn cannot_remove(remote: &str, what: impl std::fmt::Display) -> Error {
    Error::usage(format!("Cannot remove {what}: `{remote}` removes nothing on demand"))
}

/// Says that bytes are not those of the object that they were sent for.
fn other_bytes(object: Object) -> Error {
    let kind = if matches!(object, Object::Blob(_)) { "Blob" } else { "Segment" };
    Error::damaged(format!("{kind} {} is damaged: its bytes have another hash", object.hash()))
}

/// Checks that bytes are those of an object.
fn check_bytes(object: Object, bytes: &[u8]) -> Result<()> {
    match object {
        Object::Segment(name) => crate::store::check_packed(name, bytes),
        Object::Blob(name) if Hash::of(bytes) == name => Ok(()),
        Object::Blob(_) => Err(other_bytes(object)),
    }
}

/// Says that the bytes of an object do not come from where they are read.
fn cannot_read(source: std::io::Error) -> Error {
    Error::new(ErrorKind::Io, "Cannot read what is to be stored").with_source(source)
}

/// Says that an object is not there.
fn not_there(object: Object) -> Error {
    Error::new(ErrorKind::NotFound, format!("There is no {object}"))
}

/// Returns where the last part of a blob begins.
fn last_part(size: u64) -> u64 {
    size.saturating_sub(1) / PART_BYTES * PART_BYTES
}

/// Checks that a part of a blob is one, and leaves no gap after what is held. One that is held may come again: two syncers
/// may send the same blob.
fn check_part(blob: SizedHash, held: u64, offset: u64, length: u64) -> Result<()> {
    let end = offset.saturating_add(length);
    let whole = if offset == last_part(blob.size) { end == blob.size } else { length == PART_BYTES };
    if offset <= held && offset.is_multiple_of(PART_BYTES) && whole && end <= blob.size {
        return Ok(());
    }
    Err(Error::usage(format!(
        "{length} bytes at {offset} are no part of blob {}, of which {held} of {} bytes are held",
        blob.sha256, blob.size
    ))
    .with_hint("ask what is held, and go on from there"))
}

//! Pushing one run.

use crate::model::{AttemptId, Error, ErrorKind, Hash, Result};
use crate::remote::{Manifest, Object, Remote};
use crate::store::{self, BlobReader};
use rusqlite::Connection;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// How hard segments are compressed on the way.
const WIRE_LEVEL: i32 = 3;

/// Is told what a push does.
pub trait Progress: Send + Sync {
    /// A run is about to be pushed; this many bytes are missing at the remote, uncompressed.
    fn run(&self, name: &str, bytes: u64);
    /// So many of them have been read and handed on.
    fn sent(&self, bytes: u64);
}

/// What a push sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Sent {
    /// Objects.
    pub objects: u64,
    /// Their bytes, as sent.
    pub bytes: u64,
}

/// Pushes a run file whose attempts are all sealed, and returns its digest and what had to be sent.
///
/// # Errors
/// The run is still written or is damaged; the remote cannot be reached, refuses, or does not prove that it holds
/// what was sent.
pub fn push(path: &Path, remote: &dyn Remote, progress: &Arc<dyn Progress>) -> Result<(Hash, Sent)> {
    let connection = store::open(path)?;
    let manifest = Manifest::of(&connection)?;
    let missing: BTreeSet<Object> = remote.missing(&manifest.objects())?.into_iter().collect();
    let sizes = sizes(&manifest);
    for object in &missing {
        if let Object::Blob(hash) = object
            && !store::has_blob(&connection, *hash)?
        {
            let message = format!("The content {hash} of a saved file is neither here nor at the remote");
            return Err(Error::damaged(message).with_hint("`danlu verify` names the file"));
        }
    }
    progress.run(&manifest.run.to_string(), missing.iter().filter_map(|object| sizes.get(object)).sum());
    let mut sent = Sent::default();
    send_segments(&connection, &missing, remote, progress, &mut sent)?;
    for blob in store::blobs(&connection)? {
        let object = Object::Blob(blob.sha256);
        if missing.contains(&object) {
            let bytes = Counted {
                source: BlobReader::new(store::open_packed(path)?, &blob),
                progress: Arc::clone(progress),
            };
            remote.put(object, blob.size, Box::new(bytes))?;
            sent.objects += 1;
            sent.bytes += blob.size;
        }
    }
    let receipt = remote.commit(&manifest)?;
    if !manifest.is_proved_by(&receipt) {
        let message = format!(
            "`{}` took run {} but does not prove that it holds all of it",
            remote.name(),
            manifest.run
        );
        return Err(
            Error::new(ErrorKind::Damaged, message).with_hint("sync again; if it stays, check the remote")
        );
    }
    Ok((manifest.digest, sent))
}

fn sizes(manifest: &Manifest) -> BTreeMap<Object, u64> {
    let segments = manifest
        .attempts
        .iter()
        .flat_map(|entry| &entry.segments)
        .map(|s| (Object::Segment(s.sha256), s.size));
    segments.chain(manifest.blobs.iter().map(|b| (Object::Blob(b.sha256), b.size))).collect()
}

fn send_segments(
    connection: &Connection,
    missing: &BTreeSet<Object>,
    remote: &dyn Remote,
    progress: &Arc<dyn Progress>,
    sent: &mut Sent,
) -> Result<()> {
    for info in store::attempts(connection)? {
        let segments = store::segments(connection, info.base)?;
        for (n, segment) in segments.iter().enumerate() {
            let object = Object::Segment(segment.sha256);
            if !missing.contains(&object) {
                continue;
            }
            let records = store::segment_records(connection, info.base, &segments, n)?;
            let bytes = encode_checked(info.attempt, segment.first, &records, segment.sha256)?;
            let packed = store::pack(&bytes, WIRE_LEVEL)?;
            let length = packed.len() as u64;
            remote.put(object, length, Box::new(std::io::Cursor::new(packed)))?;
            progress.sent(bytes.len() as u64);
            sent.objects += 1;
            sent.bytes += length;
        }
    }
    Ok(())
}

/// Encodes a segment and refuses to send what is not what was written.
fn encode_checked(
    attempt: AttemptId,
    first: u64,
    records: &[crate::model::Record],
    name: Hash,
) -> Result<Vec<u8>> {
    let bytes = store::encode_segment(attempt, first, records)?;
    if Hash::of(&bytes) != name {
        let last = first + records.len() as u64 - 1;
        return Err(Error::damaged(format!("Records {first} to {last} of the run are not what was written"))
            .with_hint("`danlu verify` tells what is damaged"));
    }
    Ok(bytes)
}

/// Tells the progress what is read from it.
struct Counted<R> {
    source: R,
    progress: Arc<dyn Progress>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.progress.sent(read as u64);
        Ok(read)
    }
}

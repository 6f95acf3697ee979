//! What a remote holds of a run, in one document.

use crate::model::{AttemptId, Error, ErrorKind, Hash, Result, RunKey, limits};
use crate::remote::Object;
use crate::store;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const FORMAT: &str = "danlu-manifest";
const VERSION: u32 = 1;

/// Names everything that a run consists of. `docs/format.md` describes its JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    format: String,
    version: u32,
    /// The run.
    pub run: RunKey,
    /// Its attempts, ordered by their ids.
    pub attempts: Vec<AttemptEntry>,
    /// The contents of its files, ordered by hash.
    pub blobs: Vec<SizedHash>,
    /// The digest of the run: see [`store::run_digest`].
    pub digest: Hash,
}

/// An attempt in a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptEntry {
    /// Who wrote it.
    pub attempt: AttemptId,
    /// How many records it has.
    pub records: u64,
    /// Its segments in order.
    pub segments: Vec<SizedHash>,
    /// Its digest: see [`store::attempt_digest`].
    pub digest: Hash,
}

/// The name and the uncompressed length of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SizedHash {
    /// The SHA-256 of its content.
    pub sha256: Hash,
    /// The length of its content in bytes.
    pub size: u64,
}

/// What a remote says that it holds of a run, computed from what it stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// For each attempt the number of its records, which is also the last sequence number, and its digest.
    pub attempts: BTreeMap<String, (u64, Hash)>,
    /// The digest of the run.
    pub digest: Hash,
}

impl Manifest {
    /// Describes a run file whose attempts are all sealed.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`] while an attempt is not sealed; or the file is damaged.
    pub fn of(connection: &Connection) -> Result<Self> {
        let mut attempts = Vec::new();
        for info in store::attempts(connection)? {
            let digest =
                info.digest.ok_or_else(|| Error::new(ErrorKind::Busy, "The run is still being written"))?;
            let segments = store::segments(connection, info.base)?;
            let segments = segments.iter().map(|s| SizedHash { sha256: s.sha256, size: s.size }).collect();
            attempts.push(AttemptEntry { attempt: info.attempt, records: info.records, segments, digest });
        }
        Ok(Self::new(store::run_key(connection)?, attempts, contents(connection)?))
    }

    fn new(run: RunKey, mut attempts: Vec<AttemptEntry>, mut blobs: Vec<SizedHash>) -> Self {
        attempts.sort_by_key(|entry| entry.attempt);
        blobs.sort_unstable();
        blobs.dedup();
        let digest =
            store::run_digest(&run, attempts.iter().map(|entry| (entry.attempt, entry.digest)).collect());
        Self { format: FORMAT.to_owned(), version: VERSION, run, attempts, blobs, digest }
    }

    /// Reads and checks a manifest.
    ///
    /// # Errors
    /// [`ErrorKind::Version`] for one of a newer version, [`ErrorKind::Damaged`] for one that does not add up.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        #[derive(Deserialize)]
        struct Head {
            format: String,
            version: u32,
        }
        let bad = |why: &str| Error::damaged(format!("Cannot read a manifest: {why}"));
        if bytes.len() > limits::MANIFEST_BYTES {
            return Err(bad("it is too large"));
        }
        let head: Head = serde_json::from_slice(bytes).map_err(|e| bad("it is none").with_source(e))?;
        if head.format != FORMAT {
            return Err(bad("it is none"));
        }
        if head.version > VERSION {
            let message = format!(
                "A manifest of version {} is newer than this danlu, which reads {VERSION}",
                head.version
            );
            return Err(Error::new(ErrorKind::Version, message).with_hint("update danlu"));
        }
        let read: Self = serde_json::from_slice(bytes).map_err(|e| bad("a field is wrong").with_source(e))?;
        let adds_up = read.attempts.iter().all(|entry| {
            let hashes: Vec<Hash> = entry.segments.iter().map(|segment| segment.sha256).collect();
            entry.digest == store::attempt_digest(entry.attempt, entry.records, &hashes)
        });
        let unique =
            read.attempts.is_sorted_by(|a, b| a.attempt < b.attempt) && read.blobs.is_sorted_by(|a, b| a < b);
        if !adds_up
            || !unique
            || read != Self::new(read.run.clone(), read.attempts.clone(), read.blobs.clone())
        {
            return Err(bad("its digests are not those of what it names"));
        }
        Ok(read)
    }

    /// Returns it as JSON.
    ///
    /// # Errors
    /// It is larger than a manifest can be.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        let bytes =
            serde_json::to_vec(self).map_err(|e| Error::damaged("Cannot write a manifest").with_source(e))?;
        if bytes.len() > limits::MANIFEST_BYTES {
            return Err(Error::new(ErrorKind::Limit, "The manifest of the run is too large"));
        }
        Ok(bytes)
    }

    /// Returns every object that it names.
    pub fn objects(&self) -> Vec<Object> {
        let segments =
            self.attempts.iter().flat_map(|entry| &entry.segments).map(|s| Object::Segment(s.sha256));
        let mut objects: Vec<Object> =
            segments.chain(self.blobs.iter().map(|b| Object::Blob(b.sha256))).collect();
        objects.sort_unstable();
        objects.dedup();
        objects
    }

    /// Adds what another manifest of the same run knows: two copies of a directory that both went on are two attempts.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] if both know the same attempt differently.
    pub fn merge(&self, other: &Self) -> Result<Self> {
        let mut attempts: BTreeMap<AttemptId, AttemptEntry> = BTreeMap::new();
        for entry in self.attempts.iter().chain(&other.attempts) {
            match attempts.insert(entry.attempt, entry.clone()) {
                Some(known) if known != *entry => {
                    let message = format!(
                        "Run {}: attempt {} exists twice, with {} records and digest {} and with {} records and digest {}",
                        self.run, entry.attempt, known.records, known.digest, entry.records, entry.digest
                    );
                    return Err(Error::new(ErrorKind::Conflict, message)
                        .with_hint("`danlu verify` tells which copy is whole"));
                }
                _ => {}
            }
        }
        let blobs = self.blobs.iter().chain(&other.blobs).copied().collect();
        Ok(Self::new(self.run.clone(), attempts.into_values().collect(), blobs))
    }

    /// Says what a remote that holds all this would answer.
    pub fn receipt(&self) -> Receipt {
        let attempts = self.attempts.iter().map(|e| (e.attempt.to_string(), (e.records, e.digest))).collect();
        Receipt { attempts, digest: self.digest }
    }

    /// Says whether a receipt proves that everything named here is held. The remote may hold more attempts.
    pub fn is_proved_by(&self, receipt: &Receipt) -> bool {
        self.receipt().attempts.iter().all(|(attempt, held)| receipt.attempts.get(attempt) == Some(held))
    }
}

/// Lists the contents that the file records of a run name, whether or not their bytes are in the same file.
fn contents(connection: &Connection) -> Result<Vec<SizedHash>> {
    let mut statement = connection.prepare("SELECT DISTINCT sha256, size FROM file")?;
    let rows = statement.query_map([], |row| {
        Ok(SizedHash { sha256: Hash(row.get(0)?), size: row.get::<_, i64>(1)?.cast_unsigned() })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

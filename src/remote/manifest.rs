//! What a remote holds of a run, in one document.

use crate::model::{AttemptId, Error, ErrorKind, Hash, Result, RunId, RunKey, limits};
use crate::remote::{Object, SizedHash};
use crate::store;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

const FORMAT: &str = "danlu-manifest";

/// The version of a manifest with an open attempt, and the one of all others: older readers know only whole attempts.
const VERSION: u32 = 2;
const VERSION_WHOLE: u32 = 1;

/// Names everything that a run consists of. `docs/format.md` describes its JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Manifest {
    format: String,
    version: u32,
    /// The run.
    pub run: RunKey,
    /// Its attempts, ordered by their ids.
    pub attempts: Vec<AttemptEntry>,
    /// The contents of its files, ordered by hash.
    pub blobs: Vec<SizedHash>,
    /// Contents of its files that are not held, because somebody chose to leave them out; ordered likewise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub absent: Vec<SizedHash>,
    /// The digest of the run: see [`store::run_digest`].
    pub digest: Hash,
}

/// An attempt in a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct AttemptEntry {
    /// Who wrote it.
    pub attempt: AttemptId,
    /// How many records it has.
    pub records: u64,
    /// Its segments in order.
    pub segments: Vec<SizedHash>,
    /// Its digest: see [`store::attempt_digest`].
    pub digest: Hash,
    /// It was still being written: its last segment may be followed by a longer one in its place.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub open: bool,
}

/// What a remote says that it holds of a run, computed from what it stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct Receipt {
    /// For each attempt the number of its records, which is also the last sequence number, and its digest.
    #[cfg_attr(feature = "server", schema(value_type = BTreeMap<String, Vec<serde_json::Value>>))]
    pub attempts: BTreeMap<String, (u64, Hash)>,
    /// The digest of the run.
    pub digest: Hash,
    /// Contents of its files that it does not hold, as far as it was told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub absent: Vec<Hash>,
    /// Who says so: between who was asked for its identity and who took the manifest, a stick may have been changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<AttemptId>,
}

/// A run of a remote at a glance.
///
/// One whose manifest cannot be read is listed too, with no records: [`super::Remote::manifest_of`] says what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct RunHead {
    /// The hash of the run's key.
    pub key: Hash,
    /// The run.
    pub run: RunKey,
    /// The digest of the run.
    pub digest: Hash,
    /// How many records its attempts have.
    pub records: u64,
    /// One of its attempts is open.
    pub open: bool,
    /// How many contents of its files are not held.
    #[serde(default)]
    pub absent: u64,
}

impl RunHead {
    /// Stands for a run whose manifest cannot be read.
    pub(super) fn unreadable(key: Hash) -> Result<Self> {
        let id = RunId::new(&key.to_string()[..8])?;
        let run = RunKey { entity: String::new(), project: String::new(), id };
        Ok(Self { key, run, digest: Hash([0; 32]), records: 0, open: false, absent: 0 })
    }

    /// Says whether its manifest cannot be read, so that nobody knows what run it is.
    pub fn is_unreadable(&self) -> bool {
        self.records == 0 && self.digest == Hash([0; 32])
    }
}

impl Manifest {
    /// Describes a run file whose attempts are all sealed.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`] while an attempt is not sealed; or the file is damaged.
    pub fn of(connection: &Connection) -> Result<Self> {
        let manifest = Self::of_live(connection)?;
        if manifest.is_open() {
            return Err(Error::new(ErrorKind::Busy, "The run is still being written"));
        }
        Ok(manifest)
    }

    /// Describes a run file as it is. Attempts that are not sealed are open.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn of_live(connection: &Connection) -> Result<Self> {
        let mut attempts = Vec::new();
        for info in store::attempts(connection)? {
            let cut = store::segments(connection, info.base)?;
            let mut segments: Vec<SizedHash> =
                cut.iter().map(|s| SizedHash { sha256: s.sha256, size: s.size }).collect();
            if let (None, Some(tail)) = (info.digest, store::tail_segment(connection, &info)?) {
                segments.push(SizedHash { sha256: Hash::of(&tail), size: tail.len() as u64 });
            }
            attempts.push(AttemptEntry::new(info.attempt, info.records, segments, info.digest));
        }
        Ok(Self::new(store::run_key(connection)?, attempts, contents(connection)?))
    }

    /// Makes one of a run's attempts and the contents of its files.
    pub fn new(run: RunKey, mut attempts: Vec<AttemptEntry>, mut blobs: Vec<SizedHash>) -> Self {
        attempts.sort_by_key(|entry| entry.attempt);
        blobs.sort_unstable();
        blobs.dedup();
        let digest =
            store::run_digest(&run, attempts.iter().map(|entry| (entry.attempt, entry.digest)).collect());
        let version = if attempts.iter().any(|entry| entry.open) { VERSION } else { VERSION_WHOLE };
        Self { format: FORMAT.to_owned(), version, run, attempts, blobs, absent: Vec::new(), digest }
    }

    /// Says that contents are not held, so far as it names them.
    #[must_use]
    pub fn without(mut self, left_out: &BTreeSet<Hash>) -> Self {
        let (absent, blobs): (Vec<_>, Vec<_>) =
            self.blobs.into_iter().partition(|blob| left_out.contains(&blob.sha256));
        self.blobs = blobs;
        self.absent.extend(absent);
        self.absent.sort_unstable();
        if !self.absent.is_empty() {
            self.version = VERSION;
        }
        self
    }

    /// Names all contents as if they were held: what the records say, whatever was left out.
    #[must_use]
    pub fn whole(&self) -> Self {
        let blobs = self.blobs.iter().chain(&self.absent).copied().collect();
        Self::new(self.run.clone(), self.attempts.clone(), blobs)
    }

    fn absent_names(&self) -> BTreeSet<Hash> {
        self.absent.iter().map(|blob| blob.sha256).collect()
    }

    /// Says whether an attempt of it is open.
    pub fn is_open(&self) -> bool {
        self.attempts.iter().any(|entry| entry.open)
    }

    /// Says whether another manifest has all attempts of this one, as they are or further on.
    pub fn leads_to(&self, other: &Self) -> bool {
        self.attempts.iter().all(|entry| other.attempts.iter().any(|later| entry.leads_to(later)))
    }

    /// Returns it at a glance.
    pub fn head(&self) -> RunHead {
        RunHead {
            key: self.run.hash(),
            run: self.run.clone(),
            digest: self.digest,
            records: self.attempts.iter().map(|entry| entry.records).sum(),
            open: self.is_open(),
            absent: self.absent.len() as u64,
        }
    }

    /// Reads and checks the manifest that has this name, the hash of the key of its run.
    ///
    /// # Errors
    /// As [`Self::parse`]; [`ErrorKind::Damaged`] for one of another run.
    pub fn parse_as(name: Option<Hash>, bytes: &[u8]) -> Result<Self> {
        let manifest = Self::parse(bytes)?;
        if name != Some(manifest.run.hash()) {
            return Err(Error::damaged(format!("It is of run {}, which has another name", manifest.run)));
        }
        Ok(manifest)
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
        let adds_up = read
            .attempts
            .iter()
            .all(|entry| entry.digest == digest_of(entry.attempt, entry.records, &entry.segments));
        let unique =
            read.attempts.is_sorted_by(|a, b| a.attempt < b.attempt) && read.blobs.is_sorted_by(|a, b| a < b);
        if !adds_up || !unique || read != read.whole().without(&read.absent_names()) {
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
    /// [`ErrorKind::Conflict`] if both know the same attempt differently, and none of them is an earlier state of the other.
    pub fn merge(&self, other: &Self) -> Result<Self> {
        let mut attempts: BTreeMap<AttemptId, AttemptEntry> =
            self.attempts.iter().map(|entry| (entry.attempt, entry.clone())).collect();
        for entry in &other.attempts {
            let newer = match attempts.get(&entry.attempt) {
                Some(known) => known.newer(entry).ok_or_else(|| self.conflict(known, entry))?,
                None => entry,
            };
            let newer = newer.clone();
            attempts.insert(entry.attempt, newer);
        }
        let attempts: Vec<AttemptEntry> = attempts.into_values().collect();
        let (ours, theirs) = (self.whole().blobs, other.whole().blobs);
        // Of the same attempts, one may name contents that the other does not know of.
        let all: Vec<SizedHash> = match () {
            () if self.is_outlived_by(&attempts, other) => theirs,
            () if other.is_outlived_by(&attempts, self) => ours,
            () => ours.into_iter().chain(theirs).collect(),
        };
        let held: BTreeSet<SizedHash> = self.blobs.iter().chain(&other.blobs).copied().collect();
        let absent = all.iter().filter(|blob| !held.contains(blob)).map(|blob| blob.sha256).collect();
        Ok(Self::new(self.run.clone(), attempts, all).without(&absent))
    }

    /// Says whether this is an earlier state of what another one says. An open attempt may have named contents that its
    /// successor does not: then they are not those of the run.
    fn is_outlived_by(&self, merged: &[AttemptEntry], other: &Self) -> bool {
        let has = |entry: &AttemptEntry| other.attempts.iter().any(|held| held.attempt == entry.attempt);
        self.attempts.iter().all(has)
            && self.attempts.iter().any(|entry| entry.open && !merged.contains(entry))
    }

    fn conflict(&self, known: &AttemptEntry, entry: &AttemptEntry) -> Error {
        let message = format!(
            "Run {}: attempt {} exists twice, with {} records and digest {} and with {} records and digest {}",
            self.run, entry.attempt, known.records, known.digest, entry.records, entry.digest
        );
        Error::new(ErrorKind::Conflict, message).with_hint("`danlu verify` tells which copy is whole")
    }

    /// Merges what a remote knows of a run with what comes in. Returns also the segments that were the provisional ends of
    /// open attempts, and that nothing names any more.
    ///
    /// # Errors
    /// As [`Self::merge`].
    pub fn follow(known: Option<&Self>, given: &Self) -> Result<(Self, Vec<Object>)> {
        let Some(known) = known else { return Ok((given.clone(), Vec::new())) };
        let merged = known.merge(given)?;
        let kept: BTreeSet<Object> = merged.objects().into_iter().collect();
        let open = known.attempts.iter().chain(&given.attempts).filter(|entry| entry.open);
        let segments = open.flat_map(|entry| &entry.segments).map(|s| Object::Segment(s.sha256));
        let old: BTreeSet<Object> = segments.filter(|object| !kept.contains(object)).collect();
        Ok((merged, old.into_iter().collect()))
    }

    /// Says what a remote that holds all this would answer.
    pub fn receipt(&self) -> Receipt {
        let attempts = self.attempts.iter().map(|e| (e.attempt.to_string(), (e.records, e.digest))).collect();
        let absent = self.absent.iter().map(|blob| blob.sha256).collect();
        Receipt { attempts, digest: self.digest, absent, remote: None }
    }

    /// Says whether a receipt proves that everything named here is held. The remote may hold more attempts, and more of an
    /// open one.
    pub fn is_proved_by(&self, receipt: &Receipt) -> bool {
        let absent: BTreeSet<&Hash> = receipt.absent.iter().collect();
        self.blobs.iter().all(|blob| !absent.contains(&blob.sha256))
            && self.attempts.iter().all(|entry| {
                receipt.attempts.get(&entry.attempt.to_string()).is_some_and(|(records, digest)| {
                    *digest == entry.digest && *records == entry.records
                        || entry.open && *records > entry.records
                })
            })
    }
}

impl Receipt {
    /// Lets it say who gave it.
    #[must_use]
    pub fn of(self, remote: AttemptId) -> Self {
        Self { remote: Some(remote), ..self }
    }
}

impl AttemptEntry {
    /// Makes one of its segments; it is open unless its digest is given.
    fn new(attempt: AttemptId, records: u64, segments: Vec<SizedHash>, digest: Option<Hash>) -> Self {
        let open = digest.is_none();
        let digest = digest.unwrap_or_else(|| digest_of(attempt, records, &segments));
        Self { attempt, records, segments, digest, open }
    }

    /// Makes an open one. Its last segment is provisional: the records after the last one that was cut.
    pub fn live(attempt: AttemptId, records: u64, segments: Vec<SizedHash>) -> Self {
        Self::new(attempt, records, segments, None)
    }

    /// Says whether another state of an attempt is this one or what became of it, as far as their segments tell.
    pub fn leads_to(&self, other: &Self) -> bool {
        self.attempt == other.attempt && self.newer(other).is_some_and(|newer| newer == other)
    }

    /// Returns the newer one of two states of an attempt: the closed one, or that with more records. `None` if neither is
    /// an earlier state of the other.
    fn newer<'a>(&'a self, other: &'a Self) -> Option<&'a Self> {
        let (older, newer) = match (self.open, other.open) {
            (false, false) | (true, true) if self.records == other.records => {
                return (self.digest == other.digest).then_some(self);
            }
            (false, false) => return None,
            // A closed one is the truth, whatever was said before it.
            (true, false) => return Some(other),
            (false, true) => return Some(self),
            (true, true) if self.records < other.records => (self, other),
            (true, true) => (other, self),
        };
        let cut = older.segments.len().saturating_sub(1);
        newer.segments.starts_with(&older.segments[..cut]).then_some(newer)
    }
}

fn digest_of(attempt: AttemptId, records: u64, segments: &[SizedHash]) -> Hash {
    let hashes: Vec<Hash> = segments.iter().map(|segment| segment.sha256).collect();
    store::attempt_digest(attempt, records, &hashes)
}

/// Lists the contents that the file records of a run name, whether or not their bytes are in the same file.
fn contents(connection: &Connection) -> Result<Vec<SizedHash>> {
    let mut statement = connection.prepare("SELECT DISTINCT sha256, size FROM file")?;
    let rows = statement.query_map([], |row| {
        Ok(SizedHash { sha256: Hash(row.get(0)?), size: row.get::<_, i64>(1)?.cast_unsigned() })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

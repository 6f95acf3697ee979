//! Run files of a directory.

use super::{Candidate, Content, Place, Source, other_bytes};
use crate::model::{AttemptId, Clock, Error, ErrorKind, Hash, Origin, Result};
use crate::query::{self, Filter};
use crate::remote::{Manifest, SizedHash};
use crate::store::{self, BlobReader};
use crate::sync::state::Stamp;
use rusqlite::Connection;
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// How hard segments are compressed on the way.
const WIRE_LEVEL: i32 = 3;

/// A directory of run files.
pub struct LocalRuns {
    directory: PathBuf,
    host: String,
    clock: Arc<dyn Clock>,
    warn: Arc<dyn Fn(String) + Send + Sync>,
    /// The warnings that were given: whoever watches looks again and again.
    told: Mutex<BTreeSet<String>>,
}

impl LocalRuns {
    /// Takes the directory of the runs, or the one above it, and the machine's name. `warn` is told what had to be mended.
    pub fn new(
        dir: &Path,
        host: &str,
        clock: Arc<dyn Clock>,
        warn: Arc<dyn Fn(String) + Send + Sync>,
    ) -> Self {
        Self {
            directory: query::run_directory(dir),
            host: host.to_owned(),
            clock,
            warn,
            told: Mutex::default(),
        }
    }

    /// Returns the directory of the runs.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Completes a run from the journals of writers that died, and says whether that went well. Each reason why not is told
    /// once.
    fn complete(&self, path: &Path, journals: &[PathBuf]) -> bool {
        if journals.is_empty() {
            return true;
        }
        let once = |warning: String| {
            if self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(warning.clone()) {
                (self.warn)(warning);
            }
        };
        let completed = store::recover_from(path, journals, &self.host, self.clock.now(), &once);
        if let Err(e) = &completed {
            once(format!("{e}; what the run file has is pushed, the rest is still in the journal"));
        }
        completed.is_ok()
    }
}

impl Source for LocalRuns {
    fn name(&self) -> String {
        self.directory.display().to_string()
    }

    fn list(&self) -> Result<Vec<Candidate>> {
        let now = self.clock.now();
        let files = query::run_files(&self.directory)?;
        let candidate = |(path, journals): (PathBuf, Vec<PathBuf>)| Candidate {
            file: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            // What cannot be looked at has no stamp that anything else has.
            stamp: Stamp::of_run(&path, &journals).unwrap_or_default(),
            running: !journals.is_empty() && query::is_running(&journals, &self.host, now),
            place: Place::File(path, journals),
            name: None,
            listed: None,
        };
        Ok(files.into_iter().map(candidate).collect())
    }

    fn open(&self, place: &Place, live: bool) -> Result<Box<dyn Content>> {
        let Place::File(path, journals) = place else {
            return Err(Error::usage("A directory of runs has no keys"));
        };
        let completed = self.complete(path, journals);
        if path.metadata().is_ok_and(|metadata| metadata.len() == 0)
            && query::is_being_created(path, self.clock.now())
        {
            return Err(Error::new(ErrorKind::Busy, "The run is being created"));
        }
        // Before it is read: what changes meanwhile is looked at the next time, as is what could not be completed.
        let stamp = if completed { Stamp::of_run(path, journals) } else { Ok(Stamp::default()) };
        // What nobody writes here may have no end: it came from elsewhere, as far as it was there.
        let run = stamp.and_then(|stamp| LocalRun::open(path, stamp, live || journals.is_empty()));
        run.map(|run| Box::new(run) as Box<dyn Content>).map_err(|e| match e.kind() {
            ErrorKind::Busy => e,
            _ => e.doing("read", path),
        })
    }
}

/// A run file that is open.
struct LocalRun {
    path: PathBuf,
    stamp: Stamp,
    packed: Connection,
    /// With all rows: of a compacted file that is a database of its own, and made only if it is needed.
    whole: OnceCell<Connection>,
    manifest: Manifest,
    /// Where each segment is: the base of its attempt, and its number there.
    segments: BTreeMap<Hash, (usize, usize)>,
    tails: Vec<(Hash, Vec<u8>)>,
}

impl LocalRun {
    fn open(path: &Path, stamp: Stamp, live: bool) -> Result<Self> {
        let mut packed = store::open_packed(path)?;
        if store::attempts(&packed)?.is_empty() {
            // Where only the journal has the records yet, it is read in its place.
            packed = store::open(path)?;
        }
        // One moment of a file that is being written.
        packed.execute_batch("BEGIN")?;
        let read = Self::read(&packed, live);
        packed.execute_batch("COMMIT")?;
        let (manifest, segments, tails) = read?;
        Ok(Self { path: path.to_owned(), stamp, packed, whole: OnceCell::new(), manifest, segments, tails })
    }

    #[expect(clippy::type_complexity, reason = "three parts of one moment")]
    fn read(
        file: &Connection,
        live: bool,
    ) -> Result<(Manifest, BTreeMap<Hash, (usize, usize)>, Vec<(Hash, Vec<u8>)>)> {
        let attempts = store::attempts(file)?;
        if attempts.is_empty() {
            return Err(Error::new(ErrorKind::Busy, "The run has not said anything yet"));
        }
        let manifest = if live { Manifest::of_live(file)? } else { Manifest::of(file)? };
        let (mut places, mut tails) = (BTreeMap::new(), Vec::new());
        for (which, info) in attempts.iter().enumerate() {
            for (n, segment) in store::segments(file, info.base)?.iter().enumerate() {
                places.insert(segment.sha256, (which, n));
            }
            if info.digest.is_none()
                && let Some(tail) = store::tail_segment(file, info)?
            {
                tails.push((Hash::of(&tail), store::pack(&tail, WIRE_LEVEL)?));
            }
        }
        Ok((manifest, places, tails))
    }

    fn whole(&self) -> Result<&Connection> {
        if !store::is_compacted(&self.packed)? {
            return Ok(&self.packed);
        }
        if let Some(whole) = self.whole.get() {
            return Ok(whole);
        }
        let whole = store::open(&self.path)?;
        Ok(self.whole.get_or_init(|| whole))
    }
}

impl Content for LocalRun {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn stamp(&self) -> Stamp {
        self.stamp
    }

    fn begins(&self) -> Option<AttemptId> {
        let start = store::first_start_of(&self.packed).ok()?;
        (start.origin != Origin::Resume && start.rank.is_none()).then_some(start.attempt)
    }

    fn paths(&self) -> Result<Vec<(String, SizedHash)>> {
        let mut statement = self.packed.prepare("SELECT DISTINCT path, sha256, size FROM file")?;
        let rows = statement.query_map([], |row| {
            let size = row.get::<_, i64>(2)?.cast_unsigned();
            Ok((row.get(0)?, SizedHash { sha256: Hash(row.get(1)?), size }))
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn matches(&self, filter: &Filter) -> Result<bool> {
        let file = self.whole()?;
        let info = query::info(file, &self.path, "", 0)?;
        Ok(filter.matches(&query::details(file, info)?))
    }

    fn has_blob(&self, blob: Hash) -> Result<bool> {
        store::has_blob(&self.packed, blob)
    }

    fn absent(&self) -> Result<BTreeSet<Hash>> {
        store::Absent::of(&self.path).names(&self.packed)
    }

    fn segment(&self, name: Hash) -> Result<Vec<u8>> {
        let gone = || Error::damaged(format!("Segment {name} is no longer in the run file"));
        let (which, n) = *self.segments.get(&name).ok_or_else(gone)?;
        let file = self.whole()?;
        let attempts = store::attempts(file)?;
        let info = attempts.get(which).ok_or_else(gone)?;
        let segments = store::segments(file, info.base)?;
        let segment = segments.get(n).ok_or_else(gone)?;
        let records = store::segment_records(file, info.base, &segments, n)?;
        let bytes = store::encode_segment(info.attempt, segment.first, &records)?;
        if Hash::of(&bytes) == name {
            return store::pack(&bytes, WIRE_LEVEL);
        }
        let message =
            format!("Records {} to {} of the run are not what was written", segment.first, segment.last);
        Err(Error::damaged(message).with_hint("`danlu verify` tells what is damaged"))
    }

    fn blob(&self, blob: SizedHash, offset: u64) -> Result<Box<dyn Read + Send>> {
        let file = store::open_packed(&self.path)?;
        Ok(Box::new(BlobReader::of(file, blob.sha256, offset)?))
    }

    fn small_blob(&self, blob: SizedHash) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(usize::try_from(blob.size).unwrap_or(0));
        let read = store::read_blob(&self.packed, blob.sha256, |chunk| {
            bytes.extend_from_slice(chunk);
            Ok(())
        });
        match read {
            Ok(_) => Ok(bytes),
            Err(e) if e.kind() == ErrorKind::Damaged => Err(other_bytes(blob.sha256).with_source(e)),
            Err(e) => Err(e),
        }
    }

    fn take_tails(&mut self) -> Vec<(Hash, Vec<u8>)> {
        std::mem::take(&mut self.tails)
    }
}

//! A committed manifest becomes rows of the server's own run file.

use super::App;
use super::catalogue::Glance;
use crate::model::{Error, Hash, Result};
use crate::query::{self, RunDetails};
use crate::remote::{AttemptEntry, Manifest, Receipt, Remote};
use crate::store::{self, Appender, BUSY_TIMEOUT, Stream};
use rusqlite::Transaction;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

impl App {
    /// Returns where the run file of a run is.
    pub(super) fn run_file(&self, key: Hash) -> PathBuf {
        self.runs.join(format!("{key}.sqlite"))
    }

    /// Takes in a run: what its manifest names must be here, and its records must lead to its digests.
    ///
    /// The receipt is computed from the run file that was made of it.
    pub(super) fn commit(&self, manifest: &Manifest) -> Result<Receipt> {
        let _commits = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
        let all = match self.objects.manifest(&manifest.run)? {
            Some(known) => known.merge(manifest)?,
            None => manifest.clone(),
        };
        self.objects.check_held(manifest)?;
        let key = manifest.run.hash();
        let path = self.run_file(key);
        if !path.exists() || self.materialise(manifest, &all, &path).is_err() {
            // New, or damaged: it follows from the objects.
            self.make_anew(&all, &path)?;
        }
        self.objects.commit(manifest)?;
        self.list(key, &path, &all)?;
        Ok(Manifest::of(&store::open(&path)?)?.receipt())
    }

    fn make_anew(&self, all: &Manifest, path: &Path) -> Result<()> {
        let fresh = path.with_extension("rebuilt");
        let made = store::begin(&fresh).and_then(|()| self.materialise(all, all, &fresh));
        let moved = made.and_then(|()| store::put_in_place(&fresh, path, None));
        moved.inspect_err(|_| store::discard(&fresh))
    }

    /// Applies those attempts of a manifest to a run file that it does not have, all or none. The run file must then
    /// hold what `all` says, as seen from its own rows.
    fn materialise(&self, manifest: &Manifest, all: &Manifest, path: &Path) -> Result<()> {
        let mut file = Appender::open(path, BUSY_TIMEOUT)?;
        let tx = file.begin()?;
        for entry in &manifest.attempts {
            self.take_in(&tx, entry)?;
        }
        if Manifest::of(&tx)? != *all {
            return Err(Error::damaged(format!(
                "The manifest of run {} is not that of its records",
                manifest.run
            )));
        }
        tx.commit()
    }

    fn take_in(&self, tx: &Transaction<'_>, entry: &AttemptEntry) -> Result<()> {
        let mut stream = Stream::open(tx, entry.attempt)?;
        if !stream.is_sealed() {
            for segment in &entry.segments {
                let bytes = self.objects.read_segment(segment.sha256)?;
                let (attempt, first, records) = store::decode_segment(&bytes)?;
                if attempt != entry.attempt {
                    return Err(Error::damaged(format!("Segment {} is of another attempt", segment.sha256)));
                }
                stream.apply(tx, first, records)?;
            }
            stream.seal(tx)?;
        }
        let found = store::attempts(tx)?.into_iter().find(|found| found.attempt == entry.attempt);
        if found.and_then(|found| found.digest) != Some(entry.digest) {
            return Err(Error::damaged(format!(
                "The records of attempt {} do not lead to its digest",
                entry.attempt
            )));
        }
        Ok(())
    }

    fn list(&self, key: Hash, path: &Path, manifest: &Manifest) -> Result<()> {
        let now = self.clock.now();
        let connection = store::open(path)?;
        let info = query::info(&connection, path, "", now)?;
        let details = query::details(&connection, info)?;
        let sizes = manifest.attempts.iter().flat_map(|entry| &entry.segments).chain(&manifest.blobs);
        let bytes = sizes.map(|object| object.size).sum();
        let run = manifest.run.clone();
        let glance = Glance { run, details, digest: manifest.digest, open: false, bytes };
        self.catalogue.put_runs(&[(glance, manifest.objects())], now)?;
        debug_assert_eq!(key, manifest.run.hash());
        Ok(())
    }
}

/// Returns a run as the API shows it: in a list, or with all that is known.
pub(super) fn shown(key: Hash, details: &RunDetails, all: bool) -> Result<serde_json::Value> {
    let mut value =
        serde_json::to_value(details).map_err(|e| Error::damaged("Cannot show a run").with_source(e))?;
    if let Some(object) = value.as_object_mut() {
        object.shift_remove("path");
        object.shift_remove("parts");
        if !all {
            for field in ["keys", "files", "notes", "losses"] {
                object.shift_remove(field);
            }
        }
        object.insert("key".to_owned(), key.to_string().into());
    }
    Ok(value)
}

//! A committed manifest becomes rows of the server's own run file.

use super::App;
use super::catalogue::Glance;
use crate::model::{Error, Hash, Result};
use crate::query::{self, RunDetails};
use crate::remote::{Manifest, Receipt, Remote, materialise};
use crate::store;
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
        materialise(&self.objects, &all, &path, false)?;
        self.objects.commit(manifest)?;
        self.list(key, &path, &all)?;
        Ok(Manifest::of_live(&store::open(&path)?)?.receipt())
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

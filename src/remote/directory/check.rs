//! Whether what is in a remote is what its names say.

use super::{Directory, parts};
use crate::model::{Error, Hash, Result};
use crate::remote::{Manifest, Object, other_bytes, prove};
use crate::store::Damage;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Objects whose bytes this process has seen to be those of their names, and what their files were like then.
#[derive(Debug, Default)]
pub(super) struct Whole(Mutex<HashMap<Object, Stamp>>);

/// What a file is like: one that was changed or replaced is like another.
type Stamp = (u64, u64, i64, i64);

fn stamp(path: &Path) -> Option<Stamp> {
    let found = std::fs::metadata(path).ok()?;
    Some((found.ino(), found.len(), found.mtime(), found.mtime_nsec()))
}

impl Whole {
    fn lock(&self) -> MutexGuard<'_, HashMap<Object, Stamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn forget(&self, object: Object) {
        self.lock().remove(&object);
    }
}

impl Directory {
    /// Checks that all that a manifest names is here, by content.
    ///
    /// # Errors
    /// Something is missing or damaged.
    pub fn check_held(&self, manifest: &Manifest) -> Result<()> {
        self.check_named(manifest, &[])
    }

    /// Checks that what a manifest names is here, but for ends that something else has superseded.
    pub(super) fn check_named(&self, manifest: &Manifest, superseded: &[Object]) -> Result<()> {
        for object in manifest.objects().into_iter().filter(|object| !superseded.contains(object)) {
            self.check_whole(object)?;
        }
        for blob in &manifest.blobs {
            let path = self.path_of(Object::Blob(blob.sha256));
            let length = parts::length(&path)?;
            if length != blob.size {
                let message = format!("`{}` has {length} bytes instead of {}", path.display(), blob.size);
                return Err(Error::damaged(message));
            }
        }
        Ok(())
    }

    /// Checks an object by its content, unless this process has done so before or has written it.
    pub(super) fn check_whole(&self, object: Object) -> Result<()> {
        let seen = stamp(&self.path_of(object));
        if seen.is_some() && self.whole.lock().get(&object) == seen.as_ref() {
            return Ok(());
        }
        self.check_object(object)?;
        if let Some(seen) = seen {
            self.whole.lock().insert(object, seen);
        }
        Ok(())
    }

    /// Remembers an object that this process has checked while it wrote it.
    pub(super) fn note_whole(&self, object: Object) {
        if let Some(seen) = stamp(&self.path_of(object)) {
            self.whole.lock().insert(object, seen);
        }
    }

    /// Checks every manifest and every object that they name, by content, and that the records of each run lead to its
    /// digest. Returns how many of each, and the damage.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn verify(&self) -> Result<(u64, u64, Vec<Damage>)> {
        let runs = self.root.join("runs");
        let (mut manifests, mut objects, mut damage) = (Vec::new(), BTreeMap::new(), Vec::new());
        let entries = std::fs::read_dir(&runs).map_err(|e| Error::io("read", &runs, e))?;
        for path in entries.filter_map(std::result::Result::ok).map(|entry| entry.path()) {
            if path.extension().is_some_and(|kind| kind == super::PUT_ASIDE) {
                continue;
            }
            match Self::read_manifest(&path) {
                Ok(Some(manifest)) => {
                    for object in manifest.objects() {
                        objects.entry(object).or_insert_with(Vec::new).push(manifest.run.to_string());
                    }
                    manifests.push(manifest);
                }
                Ok(None) => {}
                Err(e) => damage.push(Damage { kind: "manifest", message: e.to_string() }),
            }
        }
        let mut broken = BTreeSet::new();
        for (object, runs) in &objects {
            if let Err(e) = self.check_whole(*object) {
                broken.insert(*object);
                let kind = if matches!(object, Object::Blob(_)) { "blob" } else { "records" };
                damage.push(Damage { kind, message: format!("{e} (part of run {})", runs.join(", ")) });
            }
        }
        for manifest in &manifests {
            if manifest.objects().iter().any(|object| broken.contains(object)) {
                continue;
            }
            if let Err(e) = self.check_held(manifest).and_then(|()| prove(self, manifest)) {
                damage.push(Damage { kind: "run", message: format!("{e} (run {})", manifest.run) });
            }
        }
        Ok((manifests.len() as u64, objects.len() as u64, damage))
    }

    fn check_object(&self, object: Object) -> Result<()> {
        let Object::Blob(name) = object else {
            return self.read_segment(object.hash()).map(|_| ());
        };
        let path = self.path_of(object);
        let mut bytes = parts::read(&path, object, 0)?;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 1 << 20];
        loop {
            match bytes.read(&mut buffer).map_err(|e| Error::io("read", &path, e))? {
                0 => break,
                n => hasher.update(&buffer[..n]),
            }
        }
        if Hash(hasher.finalize().into()) == name {
            return Ok(());
        }
        Err(other_bytes(object).in_context(format!("`{}`", path.display())))
    }
}

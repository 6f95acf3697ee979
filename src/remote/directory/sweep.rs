//! What was put and never committed.

use super::{Directory, place};
use crate::model::{Error, Hash, Result};
use crate::remote::Object;
use std::collections::HashSet;
use std::fs::DirEntry;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

impl Directory {
    /// Removes what was put before a time, in microseconds since 1970, and is named by no manifest. Returns how many objects.
    ///
    /// Nobody commits meanwhile. Whoever commits later what went is told that it is missing, and sends it again.
    pub(super) fn sweep_before(&self, time: i64) -> Result<usize> {
        let time = UNIX_EPOCH + Duration::from_micros(u64::try_from(time).unwrap_or(0));
        let runs = self.root.join("runs");
        let lock = self.turns.take_runs(&runs)?;
        // Without a lock it cannot be known what is about to be named.
        if !lock.is_locked {
            return Err(Error::io("lock", &runs, rustix::io::Errno::NOLCK));
        }
        let named = self.named()?;
        let mut swept = 0;
        for kind in ["segments", "blobs"] {
            for directory in entries(&self.root.join(kind))? {
                for entry in entries(&directory.path())? {
                    let object = object_of(kind, &entry).filter(|object| !named.contains(object));
                    if let Some(object) = object.filter(|_| is_older(&entry, time)) {
                        self.whole.forget(object);
                        place::remove(&entry.path())?;
                        swept += 1;
                    }
                }
            }
        }
        for entry in entries(&self.temporary())?.iter().filter(|entry| is_older(entry, time)) {
            place::remove(&entry.path())?;
        }
        Ok(swept)
    }

    /// Returns what manifests name. One that cannot be read may name anything.
    fn named(&self) -> Result<HashSet<Object>> {
        let mut named = HashSet::new();
        for entry in entries(&self.root.join("runs"))? {
            if entry.path().extension().is_some_and(|ending| ending == "json")
                && let Some(manifest) = Self::read_manifest(&entry.path())?
            {
                named.extend(manifest.objects());
            }
        }
        Ok(named)
    }
}

fn entries(path: &Path) -> Result<Vec<DirEntry>> {
    let cannot = |e| Error::io("read", path, e);
    match std::fs::read_dir(path) {
        Ok(entries) => entries.collect::<std::io::Result<_>>().map_err(cannot),
        Err(e) if matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            Ok(Vec::new())
        }
        Err(e) => Err(cannot(e)),
    }
}

/// Returns which object a file is. What has another name is not ours to remove.
fn object_of(kind: &str, entry: &DirEntry) -> Option<Object> {
    let name = entry.file_name();
    let name = name.to_str()?;
    if kind == "blobs" {
        return Hash::parse(name).map(Object::Blob);
    }
    Hash::parse(name.strip_suffix(".zst")?).map(Object::Segment)
}

fn is_older(entry: &DirEntry, time: SystemTime) -> bool {
    entry.metadata().and_then(|found| found.modified()).is_ok_and(|modified| modified < time)
}

//! What a run file lacks although nothing is lost: contents that somebody chose to leave out, and the ends of attempts that had not
//! ended when they were pulled. A list beside it. What is neither in the file nor in the list is lost.

use super::blob::has_blob;
use super::records::attempts;
use super::run_file;
use crate::model::{AttemptId, Error, Hash, Result};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const FORMAT: &str = "danlu-absent";

/// What a run file does not have by choice.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absent {
    format: String,
    /// Where the run was pulled from.
    pub from: String,
    /// The names of the contents, and whether they were there.
    contents: BTreeMap<String, bool>,
    /// Attempts that had not ended there: their writers are elsewhere.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    open: BTreeSet<String>,
}

impl Absent {
    /// Reads what a run file does not have. A list that cannot be read is none: then what is missing counts as lost.
    pub fn of(run: &Path) -> Self {
        let read = std::fs::read(place(run)).ok();
        let read = read.and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok());
        read.filter(|absent| absent.format == FORMAT).unwrap_or_default()
    }

    /// Writes down which contents were not taken over from a place: those that it has, and those that it has not; and which
    /// attempts had not ended there. What is in the run file is not in the list.
    ///
    /// # Errors
    /// The directory cannot be written, or the run file is damaged.
    pub fn note(
        run: &Path,
        from: &str,
        there: impl IntoIterator<Item = Hash>,
        nowhere: impl IntoIterator<Item = Hash>,
        open: impl IntoIterator<Item = AttemptId>,
    ) -> Result<()> {
        let before = Self::of(run);
        let mut contents = before.contents.clone();
        contents.extend(nowhere.into_iter().map(|hash| (hash.to_string(), false)));
        contents.extend(there.into_iter().map(|hash| (hash.to_string(), true)));
        let mut now = before.open.clone();
        now.extend(open.into_iter().map(|attempt| attempt.to_string()));
        if contents.is_empty() && now.is_empty() {
            return Ok(());
        }
        let file = if run.exists() { Some(run_file::open_packed(run)?) } else { None };
        let mut left = BTreeMap::new();
        for (name, was_there) in contents {
            let Some(hash) = Hash::parse(&name) else { continue };
            if !file.as_ref().map_or(Ok(false), |file| has_blob(file, hash))? {
                left.insert(name, was_there);
            }
        }
        for attempt in file.as_ref().map(attempts).transpose()?.into_iter().flatten() {
            if attempt.digest.is_some() {
                now.remove(&attempt.attempt.to_string());
            }
        }
        let now = Self { format: FORMAT.to_owned(), from: from.to_owned(), contents: left, open: now };
        if now.lists_nothing() && before.lists_nothing() || now == before {
            return Ok(());
        }
        now.write(&place(run))
    }

    fn lists_nothing(&self) -> bool {
        self.contents.is_empty() && self.open.is_empty()
    }

    /// Says whether an attempt came here before its end.
    pub fn is_open(&self, attempt: AttemptId) -> bool {
        self.open.contains(&attempt.to_string())
    }

    fn write(&self, place: &Path) -> Result<()> {
        let cannot = |e: std::io::Error| Error::io("write", place, e);
        if self.lists_nothing() {
            return std::fs::remove_file(place).or_else(|e| match e.kind() {
                std::io::ErrorKind::NotFound => Ok(()),
                _ => Err(cannot(e)),
            });
        }
        let bytes = serde_json::to_vec(self).map_err(|e| cannot(e.into()))?;
        let fresh = place.with_extension("absent.new");
        std::fs::write(&fresh, bytes).and_then(|()| std::fs::rename(&fresh, place)).map_err(cannot)
    }

    /// Says whether a content was left out; `true` in it, if the place that the run came from had it.
    pub fn get(&self, name: Hash) -> Option<bool> {
        self.contents.get(&name.to_string()).copied()
    }

    /// Lists the contents that were left out and are not in a run file.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn names(&self, file: &Connection) -> Result<BTreeSet<Hash>> {
        let mut names = BTreeSet::new();
        for name in self.contents.keys().filter_map(|name| Hash::parse(name)) {
            if !has_blob(file, name)? {
                names.insert(name);
            }
        }
        Ok(names)
    }
}

fn place(run: &Path) -> PathBuf {
    run.with_extension("absent")
}

//! What killed processes and repairs left in a directory of runs, and nobody needs.

use super::run_directory;
use crate::model::{Error, Result};
use crate::store::{self, JournalReader, Liveness};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// A file that can go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Leftover {
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Why nobody needs it.
    pub why: &'static str,
}

/// Lists what can go from a directory of runs.
///
/// # Errors
/// The directory cannot be read.
pub fn leftovers(dir: &Path, host: &str, now: i64) -> Result<Vec<Leftover>> {
    let directory = run_directory(dir);
    let entries =
        std::fs::read_dir(&directory).map_err(|e| Error::io("read the directory", &directory, e))?;
    let mut found: Vec<Leftover> = entries
        .filter_map(std::result::Result::ok)
        .filter_map(|entry| {
            let path = entry.path();
            let metadata = path.symlink_metadata().ok().filter(std::fs::Metadata::is_file)?;
            let why = why_not_needed(&path, host, now)?;
            Some(Leftover { path, bytes: metadata.len(), why })
        })
        .collect();
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn why_not_needed(path: &Path, host: &str, now: i64) -> Option<&'static str> {
    let name = path.file_name()?.to_str()?;
    if let Some(stem) = name.strip_suffix(".sqlite.damaged") {
        let run = path.with_file_name(format!("{stem}.sqlite"));
        let whole = store::verify(&run).is_ok_and(|report| report.damage.is_empty());
        return whole.then_some("the damaged file that was built anew; the new one is whole");
    }
    if let Some(stem) = name.strip_suffix(".rebuilt") {
        let run = path.with_file_name(format!("{stem}.sqlite"));
        return (run.exists() && is_idle(path, now))
            .then_some("a rebuilding that was broken off; the run file is there");
    }
    if name.starts_with("run-") && name.ends_with(".sqlite") {
        if path.metadata().is_ok_and(|metadata| metadata.len() == 0) {
            return is_idle(path, now).then_some("a file without a single byte");
        }
        let empty = store::open_packed(path)
            .and_then(|file| Ok(store::attempts(&file)?.is_empty() && store::blobs(&file)?.is_empty()));
        let alone = store::journals_of(path).is_ok_and(|journals| journals.is_empty());
        return (empty.unwrap_or(false) && alone && is_idle(path, now))
            .then_some("a start that was broken off before the run said anything");
    }
    if name.ends_with(".sqlite.new") {
        return is_idle(path, now).then_some("a start that was broken off before the run said anything");
    }
    if name.ends_with(".journal.new") {
        let dead = matches!(store::liveness(path, host, now), Ok(Liveness::Dead(_)));
        let empty = JournalReader::open(path)
            .and_then(|mut journal| journal.read())
            .is_ok_and(|first| first.is_none())
            || path.metadata().is_ok_and(|m| m.len() < 64);
        return (dead && empty && is_idle(path, now))
            .then_some("a start that was broken off before the run said anything");
    }
    None
}

/// Says whether nobody has written a file for a minute.
fn is_idle(path: &Path, now: i64) -> bool {
    let modified = path.metadata().and_then(|metadata| metadata.modified()).ok();
    let since = modified.and_then(|modified| modified.duration_since(std::time::UNIX_EPOCH).ok());
    since.is_some_and(|since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX) < now - 60_000_000)
}

/// Removes what [`leftovers`] found.
///
/// # Errors
/// The file cannot be removed.
pub fn remove(leftover: &Leftover) -> Result<()> {
    std::fs::remove_file(&leftover.path).map_err(|e| Error::io("remove", &leftover.path, e))
}

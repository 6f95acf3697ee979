//! What killed processes and repairs left in a directory of runs, and nobody needs.

use super::run_directory;
use crate::model::{Error, Result};
use crate::store::{self, Liveness};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What was written within this time may belong to somebody who is at work, in microseconds.
const YOUNG: i64 = 3_600_000_000;

/// A file that can go, now or later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Leftover {
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Why nobody needs it.
    pub why: &'static str,
    /// Whether it is younger than an hour, so that it is kept: whoever made it may be at work.
    pub young: bool,
    /// Whether it is kept until somebody removes it by hand: it may be the only copy of something.
    pub kept: bool,
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
            let metadata = path.symlink_metadata().ok().filter(|metadata| !metadata.is_dir())?;
            let why = why_not_needed(&path, host, now)?;
            let kept = [JOURNAL, ORIGINAL].contains(&why);
            let young = why != REPLACED && !kept && is_young(&metadata, now);
            Some(Leftover { path, bytes: metadata.len(), why, young, kept })
        })
        .collect();
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

const ORIGINAL: &str = "the damaged file of which `danlu recover` saved what can be read";
const JOURNAL: &str = "a journal with damage in it; the run has what can be read of it";
const REPLACED: &str = "the damaged file that was built anew; the new one is whole";
const REBUILDING: &str = "a rebuilding that was broken off; the run file is there";
const RECOVERY: &str = "a recovery that was broken off; the damaged file is there";
const START: &str = "a start that was broken off before the run said anything";
const EMPTY: &str = "a file without a single byte";
const STRAY: &str = "what SQLite left of a transaction; the run file is gone";
const LINK: &str = "a link that was broken off";
const PULL: &str = "a pull that was broken off";
const LIST: &str = "a list of what a pull left out; the run file is gone";
const READING: &str = "a file that was being read out when that was broken off";

/// What each name that danlu gives for a while ends with, behind the name of the run file without its ending.
const ENDINGS: [(&str, &str); 8] = [
    (".sqlite.original", ORIGINAL),
    (".sqlite.damaged", REPLACED),
    (".rebuilt", REBUILDING),
    (".rescued", RECOVERY),
    (".short", RECOVERY),
    (".pulled", PULL),
    (".absent", LIST),
    (".sqlite.new", START),
];

fn why_not_needed(path: &Path, host: &str, now: i64) -> Option<&'static str> {
    let name = path.file_name()?.to_str()?;
    if name.starts_with(".latest-run.") {
        return path.is_symlink().then_some(LINK);
    }
    if path.is_symlink() {
        return None;
    }
    if name.ends_with(".journal.damaged") {
        return Some(JOURNAL);
    }
    // SQLite puts a rollback journal beside each of them.
    let base = name.strip_suffix("-journal").unwrap_or(name);
    let ending = ENDINGS.iter().find_map(|(ending, why)| Some((base.strip_suffix(ending)?, *why)));
    if let Some((stem, why)) = ending {
        let run = path.with_file_name(format!("{stem}.sqlite"));
        let can_go = match why {
            REPLACED => store::verify(&run).is_ok_and(|report| report.damage.is_empty()),
            START | ORIGINAL | PULL => true,
            LIST => !run.exists(),
            _ => run.exists(),
        };
        return can_go.then_some(why);
    }
    if name.starts_with("run-") && base.ends_with(".sqlite") {
        return why_no_run(path, &path.with_file_name(base));
    }
    if name.ends_with(".journal.new") {
        // What is in it counts from when it has its name.
        return matches!(store::liveness(path, host, now), Ok(Liveness::Dead(_))).then_some(START);
    }
    let reader = name.strip_prefix('.')?.strip_suffix(".danlu")?.rsplit_once('.')?.1;
    reader.bytes().all(|byte| byte.is_ascii_digit()).then_some(READING)
}

/// Says why a run file, or the rollback journal beside it, holds nothing.
fn why_no_run(path: &Path, run: &Path) -> Option<&'static str> {
    let alone = store::journals_of(run).is_ok_and(|journals| journals.is_empty());
    if path != run {
        return (alone && !run.exists()).then_some(STRAY);
    }
    if path.metadata().is_ok_and(|metadata| metadata.len() == 0) {
        return Some(EMPTY);
    }
    let empty = store::open_packed(path)
        .and_then(|file| Ok(store::attempts(&file)?.is_empty() && store::blobs(&file)?.is_empty()));
    (alone && empty.unwrap_or(false)).then_some(START)
}

/// Says whether somebody has written a file within an hour.
fn is_young(metadata: &std::fs::Metadata, now: i64) -> bool {
    let since = metadata.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    since.is_none_or(|since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX) > now - YOUNG)
}

/// Removes what [`leftovers`] found. Leave alone what is young, or kept.
///
/// # Errors
/// The file cannot be removed.
pub fn remove(leftover: &Leftover) -> Result<()> {
    std::fs::remove_file(&leftover.path).map_err(|e| Error::io("remove", &leftover.path, e))
}

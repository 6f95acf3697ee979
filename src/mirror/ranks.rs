//! A run that several ranks wrote is one run file at a remote, and is read as a file for each rank, as where it was written.

use crate::model::Result;
use crate::store::{self, Appender, BUSY_TIMEOUT, Stream};
use rusqlite::Connection;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Returns where all of a run is, if its ranks have files of their own beside it; else the place of the run file.
pub(super) fn whole(path: &Path) -> PathBuf {
    let whole = place_of_whole(path);
    if whole.exists() { whole } else { path.to_owned() }
}

fn place_of_whole(path: &Path) -> PathBuf {
    path.with_extension("ranks")
}

/// Returns the files to read a run from. `is_current` says that those which are there are up to date.
pub(super) fn parts(path: &Path, whole: &Path, is_current: bool) -> Result<Vec<PathBuf>> {
    let file = store::open(whole)?;
    let ranks = ranks(&file)?;
    if ranks.len() < 2 {
        return Ok(vec![path.to_owned()]);
    }
    if whole == path {
        let kept = place_of_whole(path);
        std::fs::rename(path, &kept).map_err(|e| crate::Error::io("rename", path, e))?;
    }
    let mut parts = Vec::new();
    for rank in ranks {
        let name = rank.map_or_else(|| "none".to_owned(), |rank| rank.to_string());
        let part = path.with_extension(format!("rank{name}.sqlite"));
        if !is_current || !part.exists() {
            let fresh = part.with_extension("rebuilt");
            let made = store::begin(&fresh).and_then(|()| copy(&file, rank, &fresh));
            let moved = made.and_then(|()| store::put_in_place(&fresh, &part, None));
            moved.inspect_err(|_| store::discard(&fresh))?;
        }
        parts.push(part);
    }
    Ok(parts)
}

fn ranks(file: &Connection) -> Result<BTreeSet<Option<u32>>> {
    let mut statement = file.prepare("SELECT DISTINCT rank FROM attempt")?;
    let ranks = statement.query_map([], |row| row.get(0))?;
    Ok(ranks.collect::<rusqlite::Result<_>>()?)
}

/// Copies the attempts of a rank.
fn copy(from: &Connection, rank: Option<u32>, to: &Path) -> Result<()> {
    let mut file = Appender::open(to, BUSY_TIMEOUT)?;
    let tx = file.begin()?;
    for attempt in store::attempts(from)? {
        let of: Option<u32> =
            from.query_row("SELECT rank FROM attempt WHERE id = ?", [attempt.base + 1], |row| row.get(0))?;
        if of != rank {
            continue;
        }
        let mut stream = Stream::open(&tx, attempt.attempt)?;
        for records in store::each_segment(from, &attempt)? {
            let records = records?;
            if let Some((first, _)) = records.first() {
                let first = *first;
                stream.apply(&tx, first, records.into_iter().map(|(_, record)| record))?;
            }
        }
        if attempt.digest.is_some() {
            stream.seal(&tx)?;
        }
    }
    tx.commit()
}

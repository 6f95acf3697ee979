//! What can be saved of a run file that is damaged after its journal has gone.
//!
//! Attempts that are whole are taken over as they are. Of any other, what can still be read becomes an attempt of its own:
//! it cannot be the old one, whose digest it does not lead to. It says whose remains it is, and how much is missing.

use super::put_blob::put_blob;
use super::remains::{Loss, Remains};
use super::wreck::Wreck;
use super::{Appender, BUSY_TIMEOUT, BlobReader, Stream, around, blob, open, run_file, stand_in, verify};
use crate::model::{AttemptId, Error, Hash, Record, Result, Start};
use rusqlite::Connection;
use serde::Serialize;
use std::path::Path;

/// What became of a damaged run file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Rescued {
    /// Attempts that were whole.
    pub whole_attempts: u64,
    /// Records that are in the new file.
    pub records: u64,
    /// What is missing.
    #[serde(flatten)]
    pub loss: Loss,
    /// Files whose content is lost.
    pub lost_files: Vec<String>,
}

/// Builds a new run file of what can be read of a damaged one, which stays as it is.
///
/// # Errors
/// The damaged file cannot be opened at all, nothing in it can be read, or the new file cannot be written or exists.
pub fn rescue(damaged: &Path, fresh: &Path, now: i64) -> Result<Rescued> {
    run_file::create(fresh)?;
    let made = Wreck::find(damaged, fresh).and_then(|wreck| {
        fill(&wreck, fresh, now).map_err(|e| {
            let hint = "a copy of it, such as `danlu sync` makes, has what is lost here";
            e.in_context(format!("Nothing can be saved of `{}`", damaged.display())).with_hint(hint)
        })
    });
    made.inspect_err(|_| stand_in::discard(fresh))
}

fn fill(wreck: &Wreck, fresh: &Path, now: i64) -> Result<Rescued> {
    let old = wreck.open()?;
    let attempts = around::attempts(&old);
    let starts: Vec<Start> = attempts.iter().filter_map(|(base, _)| start(&old, *base)).collect();
    let Some(any) = starts.first() else {
        return Err(Error::damaged("the start of its run cannot be read"));
    };
    let mut rescued = Rescued::default();
    let mut file = Appender::open(fresh, BUSY_TIMEOUT)?;
    for (base, attempt) in attempts {
        let remains = Remains::read(&old, base, attempt, any)?;
        let is_whole = remains.is_whole();
        rescued.whole_attempts += u64::from(is_whole);
        rescued.loss.add(remains.loss());
        let id = if is_whole { attempt } else { AttemptId::random()? };
        let records = if is_whole { remains.into_records() } else { remains.into_attempt(id, now) };
        rescued.records += records.len() as u64;
        let tx = file.begin()?;
        let mut stream = Stream::open(&tx, id)?;
        stream.apply(&tx, 1, records)?;
        stream.seal(&tx)?;
        tx.commit()?;
    }
    for sha256 in contents(&open::open(fresh)?)? {
        if let Ok(Some(found)) = blob::find(&old, sha256)
            && blob::read_blob(&old, sha256, |_| Ok(())).is_ok()
        {
            put_blob(&mut file, sha256, BlobReader::new(wreck.open()?, &found))?;
        }
    }
    drop(file);
    rescued.lost_files = verify::missing_contents(&open::open(fresh)?, fresh)?;
    Ok(rescued)
}

fn start(old: &Connection, base: i64) -> Option<Start> {
    match around::records(old, base, 1, 1).remove(&1) {
        Some(Record::Start(start)) => Some(*start),
        _ => None,
    }
}

/// Lists the contents that files refer to.
fn contents(connection: &Connection) -> Result<Vec<Hash>> {
    let mut statement = connection.prepare("SELECT DISTINCT sha256 FROM file ORDER BY id")?;
    let found = statement.query_map([], |row| row.get(0).map(Hash))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

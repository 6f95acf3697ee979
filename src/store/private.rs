//! Private databases: what a reader gets where the run file itself does not have the rows.
//!
//! They are made by the same function as any run file, with the blobs of the file beside them. SQLite keeps them in memory
//! while they are small, else in a temporary file that nobody else sees.

use super::byte_locks::has_locks;
use super::packing::unpack;
use super::records::{SegmentInfo, attempts, segments};
use super::{JournalReader, Stream, own_journals_of, schema, segment};
use crate::model::{Error, Result, limits};
use rusqlite::Connection;
use std::path::Path;

/// Makes a database of a compacted run file, with all its rows.
///
/// # Errors
/// The file is damaged.
pub(super) fn open_compacted(path: &Path, packed: &Connection) -> Result<Connection> {
    let mut whole = empty()?;
    let tx = whole.transaction()?;
    for attempt in attempts(packed)? {
        let mut stream = Stream::open(&tx, attempt.attempt)?;
        let mut statement = packed.prepare_cached("SELECT packed FROM segment WHERE id = ?")?;
        let kept = segments(packed, attempt.base)?;
        for found in &kept {
            let bytes: Vec<u8> = statement
                .query_row([attempt.base + found.last.cast_signed()], |row| row.get(0))
                .map_err(|e| {
                    Error::from(e).in_context(format!("Segment {} of `{}`", found.sha256, path.display()))
                })?;
            let (_, first, records) = segment::decode(&unpack(found.sha256, bytes.as_slice())?)?;
            stream.apply(&tx, first, records)?;
        }
        if attempt.digest.is_some() {
            stream.seal(&tx)?;
        }
        let made = segments(&tx, attempt.base)?;
        if !made.iter().map(SegmentInfo::content).eq(kept.iter().map(SegmentInfo::content)) {
            let message =
                format!("`{}`: the segments of attempt {} are others", path.display(), attempt.attempt);
            return Err(Error::damaged(message));
        }
    }
    tx.commit()?;
    attach_blobs(&whole, path)?;
    Ok(whole)
}

/// Makes a database of a run whose file has nothing yet, from what its journals hold right now. `None` if there are none.
///
/// # Errors
/// A journal cannot be read.
pub(super) fn open_begun(path: &Path) -> Result<Option<Connection>> {
    let journals = own_journals_of(path)?;
    if journals.is_empty() {
        return Ok(None);
    }
    let mut whole = empty()?;
    let tx = whole.transaction()?;
    for journal in journals {
        let mut journal = JournalReader::open(&journal)?;
        let mut stream = Stream::open(&tx, journal.attempt())?;
        loop {
            let (mut batch, mut weight) = (Vec::new(), 0);
            while weight < limits::BATCH_WEIGHT
                && let Some(record) = journal.read()?
            {
                weight += record.weight();
                batch.push(record);
            }
            if batch.is_empty() {
                break;
            }
            stream.apply(&tx, journal.seq() + 1 - batch.len() as u64, batch)?;
        }
    }
    tx.commit()?;
    attach_blobs(&whole, path)?;
    Ok(Some(whole))
}

/// Makes one with nothing in it.
///
/// # Errors
/// There is no room.
pub fn empty() -> Result<Connection> {
    let whole = Connection::open("")?;
    whole.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")?;
    whole.execute_batch(schema::SCHEMA)?;
    Ok(whole)
}

fn attach_blobs(whole: &Connection, path: &Path) -> Result<()> {
    let name = path.to_str().ok_or_else(|| Error::usage("The path of a run file is not UTF-8"))?;
    let escaped = name.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let vfs = if has_locks(path) { "unix" } else { "unix-none" };
    whole.execute("ATTACH ? AS packed", [format!("file:{escaped}?mode=ro&vfs={vfs}")])?;
    // Names without a schema mean these first.
    whole.execute_batch(
        "CREATE TEMP VIEW blob AS SELECT * FROM packed.blob;
         CREATE TEMP VIEW chunk AS SELECT * FROM packed.chunk;",
    )?;
    Ok(())
}

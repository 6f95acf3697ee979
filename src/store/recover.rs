//! From the journal to a sealed run file: at the end of a run, after a crash, and after damage.

use super::byte_locks::BUSY_TIMEOUT;
use super::on_disk::sync_file;
use super::put_blob::put_blob;
use super::records::{attempts, records};
use super::stranger::{own_journals_of, stranger};
use super::{
    Appender, Behind, JournalReader, Liveness, Replacing, Stream, Tail, behind, blob, journals_of, liveness,
    open, run_file, stand_in, verify,
};
use crate::model::{AttemptId, Error, ErrorKind, Result};
use rusqlite::Connection;
use std::path::{Path, PathBuf};

/// Weight ([`crate::model::Record::weight`]) of the records applied in one transaction: what a reader waits for at most.
const BATCH_WEIGHT: u64 = 4 << 20;

/// Applies what is left of every journal beside a run file whose writer is dead, and seals those attempts.
///
/// Returns how many attempts were sealed. What damage had to be mended on the way goes to `warn`.
///
/// # Errors
/// A journal or the run file cannot be read or written.
pub fn recover(run: &Path, host: &str, now: i64, warn: &dyn Fn(String)) -> Result<usize> {
    recover_from(run, &journals_of(run)?, host, now, warn)
}

/// Does what [`recover`] does, with the journals of the run file already found.
///
/// # Errors
/// As [`recover`].
pub fn recover_from(
    run: &Path,
    journals: &[PathBuf],
    host: &str,
    now: i64,
    warn: &dyn Fn(String),
) -> Result<usize> {
    complete(run, journals, host, now, warn).map_err(|e| e.doing("complete", run))
}

fn complete(run: &Path, journals: &[PathBuf], host: &str, now: i64, warn: &dyn Fn(String)) -> Result<usize> {
    let mut sealed = 0;
    for path in journals {
        match liveness::liveness(path, host, now) {
            Ok(Liveness::Alive) => {}
            Ok(Liveness::Dead(_lock)) => {
                if let Some(stranger) = stranger(run, path) {
                    warn(format!("{stranger}; it is left alone"));
                    continue;
                }
                match said_anything(path) {
                    Ok((attempt, true)) => seal_and_remove(run, path, attempt, None, warn)?,
                    // Killed before it said anything: there is nothing to keep.
                    Ok((_, false)) => remove_empty(run, path)?,
                    Err(e) if e.kind() == ErrorKind::Damaged && is_short(path) => remove_empty(run, path)?,
                    Err(e) => return Err(e),
                }
                sealed += 1;
            }
            // Somebody else was faster.
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
    }
    Ok(sealed)
}

/// Returns the attempt of a journal, and whether there are records in it, readable or not.
fn said_anything(journal: &Path) -> Result<(AttemptId, bool)> {
    let mut reader = JournalReader::open(journal)?;
    let said = reader.read()?.is_some() || matches!(reader.tail()?, Tail::Damaged(_));
    Ok((reader.attempt(), said))
}

/// Reads the journals once more that were kept because of damage in them, if that was not done when their runs were completed.
/// Returns what came of each.
///
/// # Errors
/// A journal cannot be read, or the run file cannot be read or written.
pub fn recover_kept(run: &Path) -> Result<Vec<Behind>> {
    let mut all = Vec::new();
    for attempt in attempts(&run_file::open_packed(run)?)? {
        let kept = kept_journal(run, attempt.attempt);
        if attempt.digest.is_some()
            && kept.is_file()
            && let Some(found) = behind::take_over(run, &kept, attempt.attempt)?
        {
            keep(run, &kept, attempt.attempt, found)?;
            all.push(found);
        }
    }
    Ok(all)
}

/// Keeps a damaged journal aside, and says where; one of which nothing is missing goes.
fn keep(run: &Path, journal: &Path, attempt: AttemptId, behind: Behind) -> Result<String> {
    if behind.has_all {
        return std::fs::remove_file(journal)
            .map(|()| String::new())
            .map_err(|e| Error::io("remove the journal", journal, e));
    }
    let kept = kept_journal(run, attempt);
    std::fs::rename(journal, &kept).map_err(|e| Error::io("rename the journal", journal, e))?;
    Ok(format!("; the file is kept as `{}`", kept.display()))
}

/// Returns where a journal with damage in the middle is kept.
pub(super) fn kept_journal(run: &Path, attempt: AttemptId) -> PathBuf {
    run.with_extension(format!("{}.journal.damaged", &attempt.to_string()[..8]))
}

/// Applies a journal to the end, seals its attempt, proves it, and only then removes the journal.
///
/// A run file that turns out to be damaged is rebuilt first. A journal that somebody has taken away is done without:
/// the run file follows it, and has what was applied. `records` is how many the writer knows to have written.
///
/// # Errors
/// The journal cannot be read, the run file cannot be written, or fewer records are there than were written. The
/// journal stays.
pub fn seal_and_remove(
    run: &Path,
    journal: &Path,
    attempt: AttemptId,
    records: Option<u64>,
    warn: &dyn Fn(String),
) -> Result<()> {
    let has_journal = journal.exists();
    if !has_journal && run.exists() {
        warn(format!("The journal `{}` is gone; the run ends with what its run file has", journal.display()));
    }
    let sealed = match seal(run, has_journal.then_some(journal), attempt) {
        Err(e)
            if has_journal
                && matches!(e.kind(), ErrorKind::Damaged | ErrorKind::NotFound | ErrorKind::Conflict) =>
        {
            warn(format!("{e}; building the run file anew from its journal"));
            rebuild(run)?;
            seal(run, Some(journal), attempt)?
        }
        other => other?,
    };
    for path in verify::missing_contents(&open::open(run)?, run)? {
        warn(format!("The content of file `{path}` was lost with a damaged run file; save it again"));
    }
    if let Some(records) = records.filter(|records| *records != sealed.records) {
        let message =
            format!("`{}` has {} of {records} records that were written", run.display(), sealed.records);
        return Err(Error::damaged(message).with_hint("somebody has changed the journal or the run file"));
    }
    sync_file(run)?;
    match sealed.tail {
        Tail::Damaged(at) => {
            let behind = behind::take_over(run, journal, attempt)?.unwrap_or_default();
            let kept = keep(run, journal, attempt, behind)?;
            warn(format!(
                "The journal is damaged at byte {at}: the run has the {} records before that and {behind}{kept}",
                sealed.records
            ));
            Ok(())
        }
        _ if has_journal => {
            std::fs::remove_file(journal).map_err(|e| Error::io("remove the journal", journal, e))
        }
        _ => Ok(()),
    }
}

/// What came of sealing an attempt.
struct Sealed {
    records: u64,
    /// How its journal ends.
    tail: Tail,
}

fn is_short(journal: &Path) -> bool {
    std::fs::metadata(journal).is_ok_and(|m| m.len() < 64)
}

fn remove_empty(run: &Path, journal: &Path) -> Result<()> {
    std::fs::remove_file(journal).map_err(|e| Error::io("remove the journal", journal, e))?;
    let has_attempts =
        open::open(run).and_then(|connection| attempts(&connection)).is_ok_and(|a| !a.is_empty());
    if !has_attempts && journals_of(run)?.is_empty() && run.exists() {
        std::fs::remove_file(run).map_err(|e| Error::io("remove the empty run file", run, e))?;
    }
    Ok(())
}

/// Seals an attempt after applying its journal, if there is one.
fn seal(run: &Path, journal: Option<&Path>, attempt: AttemptId) -> Result<Sealed> {
    let mut file = Appender::open(run, BUSY_TIMEOUT)?;
    let tail = journal.map_or(Ok(Tail::Clean), |journal| apply_journal(&mut file, journal))?;
    let tx = file.begin()?;
    Stream::open(&tx, attempt)?.seal(&tx)?;
    tx.commit()?;
    drop(file);
    let connection = open::open(run)?;
    let gone = || Error::damaged(format!("`{}`: attempt {attempt} is not in it", run.display()));
    let sealed = attempts(&connection)?.into_iter().find(|info| info.attempt == attempt).ok_or_else(gone)?;
    match verify::verify_attempt(&connection, &sealed).damage.first() {
        None => Ok(Sealed { records: sealed.records, tail }),
        Some(first) => Err(Error::damaged(format!("`{}`: {}", run.display(), first.message))),
    }
}

/// Applies all of a journal that is not applied yet, in transactions of bounded size, and says how it ends.
fn apply_journal(file: &mut Appender, path: &Path) -> Result<Tail> {
    let mut journal = JournalReader::open(path)?;
    let mut stream = Stream::open(&*file.begin()?, journal.attempt())?;
    journal.skip_to(stream.seq())?;
    while !stream.is_sealed() && apply_some(file, &mut stream, &mut journal)? {}
    journal.skip_to(u64::MAX)?;
    journal.tail()
}

/// Applies what one transaction takes of a journal, and says whether there may be more. Records are applied as they are
/// read: no more of them are in memory than a segment has.
///
/// After an error the stream must be opened anew.
///
/// # Errors
/// The journal cannot be read or does not fit the stream, or the run file cannot be written.
pub fn apply_some(file: &mut Appender, stream: &mut Stream, journal: &mut JournalReader) -> Result<bool> {
    let Some(record) = journal.read()? else { return Ok(false) };
    let (first, mut weight, mut failed) = (journal.seq(), record.weight(), Ok(()));
    let more = std::iter::from_fn(|| {
        let record = if weight < BATCH_WEIGHT { journal.read() } else { Ok(None) };
        let record = record.unwrap_or_else(|e| {
            failed = Err(e);
            None
        })?;
        weight += record.weight();
        Some(record)
    });
    let tx = file.begin()?;
    stream.apply(&tx, first, std::iter::once(record).chain(more))?;
    failed?;
    tx.commit()?;
    Ok(true)
}

/// Builds a run file anew from its journals and from what can be read of the old one, which is kept beside it
/// with the suffix `.damaged`.
///
/// # Errors
/// The journals cannot be read, or the new file cannot be written; then the old one is still in its place.
pub fn rebuild(run: &Path) -> Result<()> {
    let right = Replacing::begin(run)?;
    let fresh = run.with_extension("rebuilt");
    // What cannot be completed takes no room: a full disk may be the reason.
    build(run, &fresh).inspect_err(|_| stand_in::discard(&fresh))?;
    let damaged = run.with_extension("sqlite.damaged");
    stand_in::discard(&damaged);
    right.put_in_place(&fresh, Some(&damaged)).inspect_err(|_| stand_in::discard(&fresh))
}

fn build(run: &Path, fresh: &Path) -> Result<()> {
    stand_in::begin(fresh)?;
    let mut file = Appender::open(fresh, BUSY_TIMEOUT)?;
    if let Ok(old) = open::open(run) {
        salvage(run, &old, &mut file)?;
    }
    for journal in own_journals_of(run)? {
        apply_journal(&mut file, &journal)?;
    }
    drop(file);
    sync_file(fresh)?;
    let (before, after) = (count(run), count(fresh));
    if after < before {
        let message =
            format!("`{}` cannot be built anew: {before} records would become {after}", run.display());
        return Err(Error::damaged(message).with_hint("`danlu verify` tells what is damaged"));
    }
    Ok(())
}

/// Counts the records of a run file, as far as they can be counted.
fn count(run: &Path) -> u64 {
    let attempts = open::open(run).and_then(|connection| attempts(&connection)).unwrap_or_default();
    attempts.iter().map(|attempt| attempt.records).sum()
}

/// Takes over what is whole in a damaged file: sealed attempts, and blobs whose bytes are those of their names.
pub(super) fn salvage(run: &Path, old: &Connection, fresh: &mut Appender) -> Result<()> {
    for attempt in attempts(old).unwrap_or_default().iter().filter(|a| a.digest.is_some()) {
        if let Ok(records) = records(old, attempt) {
            let tx = fresh.begin()?;
            let mut stream = Stream::open(&tx, attempt.attempt)?;
            stream.apply(&tx, 1, records)?;
            stream.seal(&tx)?;
            tx.commit()?;
        }
    }
    for found in blob::blobs(old).unwrap_or_default() {
        if blob::read_blob(old, found.sha256, |_| Ok(())).is_ok() {
            put_blob(fresh, found.sha256, blob::BlobReader::new(run_file::open_packed(run)?, &found))?;
        }
    }
    Ok(())
}

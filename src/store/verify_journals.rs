//! Checking the journals beside a run file, also while they are written.

use super::absent::Absent;
use super::behind::remains_of;
use super::records::{AttemptInfo, attempts};
use super::recover::kept_journal;
use super::stranger::stranger;
use super::verify::Report;
use super::{JournalReader, Tail, journals_of, liveness};
use crate::model::{ErrorKind, Result};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often, and after how long, what somebody may just be writing is read again.
const TRIES: u32 = 50;
const WAIT: Duration = Duration::from_millis(5);

/// Checks the journals beside the run file: every attempt that is not sealed has one.
pub(super) fn check_journals(connection: &Connection, path: &Path, report: &mut Report) -> Result<()> {
    let (mut open, mut journals) = (0, Vec::new());
    let absent = Absent::of(path);
    // Between the two looks, an attempt may be sealed and its journal go, or another begin.
    for _ in 0..3 {
        let attempts = attempts(connection).unwrap_or_default();
        // One that came from elsewhere before its end is written there.
        let is_ours = |attempt: &&AttemptInfo| attempt.digest.is_none() && !absent.is_open(attempt.attempt);
        open = attempts.iter().filter(is_ours).count();
        journals = journals_of(path)?;
        if open <= journals.len() && !(attempts.is_empty() && journals.is_empty()) {
            break;
        }
    }
    check_strangers(path, &mut journals, report);
    if open > journals.len() {
        let message = format!("Of {open} attempts that are not sealed, {} have a journal", journals.len());
        report.add("chain", message);
    }
    let attempts = attempts(connection).unwrap_or_default();
    if attempts.is_empty() && journals.is_empty() {
        report.add("records", "It holds no attempt, and there is no journal");
    }
    journals.iter().for_each(|journal| check_journal(connection, journal, report));
    for attempt in &attempts {
        let kept = kept_journal(path, attempt.attempt);
        let is_taken_over = attempts.iter().any(|other| other.attempt == remains_of(attempt.attempt));
        if kept.exists() && !is_taken_over {
            let message = format!(
                "`{}` may hold records that the run lacks; `danlu recover` reads what can be read",
                kept.display()
            );
            report.add("journal", message);
        }
    }
    Ok(())
}

/// Names the journals that are of another run, and takes them out.
fn check_strangers(path: &Path, journals: &mut Vec<PathBuf>, report: &mut Report) {
    journals.retain(|journal| {
        let stranger = stranger(path, journal);
        if let Some(stranger) = &stranger {
            report.add("journal", stranger.to_string());
        }
        stranger.is_none()
    });
}

fn check_journal(connection: &Connection, path: &Path, report: &mut Report) {
    let settled = settled_tail(path);
    if let Ok((seq, _)) = &settled {
        check_waiting(connection, path, *seq, report);
    }
    match settled {
        Ok((_, Tail::Clean)) => {}
        Ok((seq, Tail::Torn(at))) => {
            report.add(
                "journal",
                format!("`{}` holds {seq} whole records and ends in a torn one at byte {at}", path.display()),
            );
        }
        Ok((seq, Tail::Damaged(at))) => {
            let message = format!("`{}` is damaged at byte {at}, after {seq} whole records", path.display());
            report.add("journal", message);
        }
        // Its attempt was sealed in the meantime.
        Err(e) if e.kind() == ErrorKind::NotFound => {}
        Err(e) => report.add("journal", e.to_string()),
    }
}

/// Names the records that nobody has put into the run file, and nobody will: the writer is dead.
fn check_waiting(connection: &Connection, path: &Path, seq: u64, report: &mut Report) {
    let Ok(attempt) = JournalReader::open(path).map(|journal| journal.attempt()) else { return };
    // Asked in this order: who completes the run in between has the lock, or has removed the journal.
    if liveness::is_written(path) {
        return;
    }
    let attempts = attempts(connection).unwrap_or_default();
    let applied = attempts.iter().find(|one| one.attempt == attempt).map_or(0, |one| one.records);
    if seq > applied && path.exists() {
        let message = format!(
            "{} records wait in `{}` and could not be put into the run file; `danlu recover` says what is in the way",
            seq - applied,
            path.display()
        );
        report.add("journal", message);
    }
}

/// Reads a journal to its end, and says how many records it has and how it ends.
///
/// What a living writer is just writing looks like damage: half a record is there, or the rest came while it was read. So the
/// end is read again until all is whole that was there at the beginning, nobody writes it any more, or it has stayed the same
/// for long.
fn settled_tail(path: &Path) -> Result<(u64, Tail)> {
    let mut journal = JournalReader::open(path)?;
    let length = journal.length()?;
    let (mut tries, mut before) = (0, (0, Tail::Clean));
    loop {
        // Asked first: what is read after the writer has gone is its last word.
        let is_written = liveness::is_written(path);
        while journal.read()?.is_some() {}
        let found = (journal.seq(), journal.tail()?);
        tries = if found == before { tries + 1 } else { 0 };
        match found.1 {
            Tail::Clean => return Ok(found),
            Tail::Torn(at) | Tail::Damaged(at) if at >= length => return Ok((found.0, Tail::Clean)),
            _ if !is_written => return Ok(found),
            // A writer that is held up within a write finishes it, or takes it back.
            Tail::Torn(_) if tries > TRIES => return Ok((found.0, Tail::Clean)),
            Tail::Damaged(_) if tries > TRIES => return Ok(found),
            _ => {}
        }
        before = found;
        journal.forget_ahead();
        std::thread::park_timeout(WAIT);
    }
}

//! Archived runs: a compacted file keeps compressed segments in place of the rows of the history.
//!
//! Everything else stays as it was: config, files, events, and the last row of each attempt, so that a list of runs is as
//! quick as before. Whoever opens a compacted file gets a private database with all rows and envelopes, made from the
//! segments by the same function as any other, with the blobs of the file beside it.

use super::on_disk::sync_file;
use super::packing::{KEPT, is_compacted, pack};
use super::records::{AttemptInfo, attempts, segment_records, segments};
use super::recover::salvage;
use super::{
    Appender, BUSY_TIMEOUT, Replacing, SEQ_BITS, liveness, open, own_journals_of, run_file, segment, stand_in,
};
use crate::model::{Error, ErrorKind, Hash, Result};
use rusqlite::{Connection, params};
use std::path::{Path, PathBuf};

/// How hard segments are compressed: an archive is written once.
const LEVEL: i32 = 19;

/// Makes a compacted file of a run file that is whole, and puts it in its place. Returns the sizes before and after; they are
/// the same for a file that would not become smaller, which stays as it is.
///
/// # Errors
/// The run is still written, is compacted already, or is damaged; then the file is as it was.
pub fn compact(run: &Path) -> Result<(u64, u64)> {
    let right = Replacing::begin(run)?;
    check_sealed(run, "compact")?;
    let connection = run_file::open_packed(run)?;
    if is_compacted(&connection)? {
        return Err(Error::usage(format!("`{}` is compacted already", run.display())));
    }
    replace(right, run, "compact", |fresh| {
        copy_packed(&connection, fresh)?;
        Ok((run_file::digest(&connection)?, size(fresh) < size(run)))
    })
}

/// Makes an ordinary run file of a compacted one, and puts it in its place. Returns the sizes before and after.
///
/// # Errors
/// The file is not compacted, or is damaged; then it is as it was.
pub fn expand(run: &Path) -> Result<(u64, u64)> {
    let right = Replacing::begin(run)?;
    check_sealed(run, "expand")?;
    if !is_compacted(&run_file::open_packed(run)?)? {
        return Err(Error::usage(format!("`{}` is not compacted", run.display())));
    }
    bring_back(right, run)
}

/// Brings the rows of a compacted file back for somebody who goes on with the run, unless another has just done so.
pub(super) fn expand_to_go_on(run: &Path) -> Result<()> {
    let right = Replacing::begin(run)?;
    if is_compacted(&run_file::open_packed(run)?)? { bring_back(right, run).map(|_| ()) } else { Ok(()) }
}

fn bring_back(right: Replacing, run: &Path) -> Result<(u64, u64)> {
    let connection = open::open(run)?;
    replace(right, run, "expand", |fresh| {
        salvage(run, &connection, &mut Appender::open(fresh, BUSY_TIMEOUT)?)?;
        Ok((run_file::digest(&connection)?, true))
    })
}

fn check_sealed(run: &Path, what: &str) -> Result<()> {
    let journals = own_journals_of(run)?;
    if journals.iter().any(|journal| liveness::is_written(journal)) {
        return Err(still_written(run, what));
    }
    // A writer that has ended meanwhile has taken its journal away.
    let Some(first) = journals.iter().find(|journal| journal.exists()) else {
        return check_ended(run, what);
    };
    let message = format!(
        "Cannot {what} `{}`: its writer is dead, and what is in `{}` could not be put into it",
        run.display(),
        first.display()
    );
    Err(Error::new(ErrorKind::Conflict, message)
        .with_hint("`danlu recover` completes it, or says what is in the way"))
}

fn still_written(run: &Path, what: &str) -> Error {
    let message = format!("Cannot {what} `{}`: it is still being written", run.display());
    Error::new(ErrorKind::Busy, message).with_hint("wait until the run has ended")
}

fn check_ended(run: &Path, what: &str) -> Result<()> {
    // Between two looks, somebody may go on with the run, or end.
    for _ in 0..2 {
        if attempts(&run_file::open_packed(run)?)?.iter().all(|attempt| attempt.digest.is_some()) {
            return Ok(());
        }
        if !own_journals_of(run)?.is_empty() {
            return Err(still_written(run, what));
        }
    }
    let message = format!("Cannot {what} `{}`: it has not ended, as far as it is here", run.display());
    Err(Error::new(ErrorKind::Busy, message)
        .with_hint("`danlu pull` brings its end, if its writer has pushed that"))
}

/// Lets `make` fill a new file, which takes the place of the old one if it is of the same run to the last record. `make`
/// returns the digest of the old one, and whether the new one is wanted. Returns the sizes before and after.
fn replace(
    right: Replacing,
    run: &Path,
    what: &str,
    make: impl FnOnce(&Path) -> Result<(Option<Hash>, bool)>,
) -> Result<(u64, u64)> {
    let fresh = run.with_extension("rebuilt");
    // Records that came meanwhile look like damage to who reads around them.
    let made = make_same(run, &fresh, make).or_else(|e| match e.kind() {
        ErrorKind::Damaged => right.check_unchanged().and(Err(e)),
        _ => Err(e),
    });
    let placed = made.and_then(|wanted| {
        let sizes = (size(run), size(&fresh));
        if !wanted {
            stand_in::discard(&fresh);
            return Ok((sizes.0, sizes.0));
        }
        sync_file(&fresh)?;
        right.put_in_place(&fresh, None)?;
        sync_file(run).map(|()| sizes)
    });
    placed.map_err(|e| {
        stand_in::discard(&fresh);
        let e = e.doing(what, run);
        let needs_room = e.kind() == ErrorKind::Io && e.hint().is_none();
        if needs_room {
            e.with_hint("the new file is made beside it: there must be room, and leave to write")
        } else {
            e
        }
    })
}

/// Makes the new file, and checks that it is of the same run. Says whether it is wanted.
fn make_same(
    run: &Path,
    fresh: &Path,
    make: impl FnOnce(&Path) -> Result<(Option<Hash>, bool)>,
) -> Result<bool> {
    stand_in::begin(fresh)?;
    let (digest, wanted) = make(fresh)?;
    if digest.is_some() && run_file::digest(&open::open(fresh)?)? == digest {
        return Ok(wanted);
    }
    let message = format!("`{}` does not hold what its checksums say", run.display());
    Err(Error::damaged(message).with_hint("`danlu verify` names what is damaged"))
}

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |m| m.len())
}

/// Copies what is kept, and the segments in compressed form. No lock on the old file is held for long: somebody may be going
/// on with the run.
fn copy_packed(connection: &Connection, fresh: &Path) -> Result<()> {
    let attach = PathBuf::from(fresh);
    let name = attach.to_str().ok_or_else(|| Error::usage("The path of a run file is not UTF-8"))?;
    connection.pragma_update(None, "query_only", false)?;
    connection.execute("ATTACH ? AS fresh", [name])?;
    // Nobody else knows the new file, and it is synced when it is whole.
    connection.execute_batch("PRAGMA fresh.synchronous = OFF; PRAGMA fresh.journal_mode = MEMORY")?;
    for table in KEPT {
        connection
            .execute_batch(&format!("INSERT INTO fresh.{table} SELECT * FROM main.{table} ORDER BY rowid"))?;
    }
    copy_blobs(connection)?;
    for attempt in attempts(connection)? {
        copy_attempt(connection, &attempt)?;
    }
    connection.execute_batch("PRAGMA fresh.journal_mode = DELETE; DETACH fresh")?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(())
}

/// Copies the contents of files, some chunks at a time.
fn copy_blobs(connection: &Connection) -> Result<()> {
    connection.execute_batch("INSERT INTO fresh.blob SELECT * FROM main.blob")?;
    let mut copy = connection.prepare(
        "INSERT INTO fresh.chunk SELECT * FROM main.chunk
         WHERE id > (SELECT coalesce(max(id), -1) FROM fresh.chunk) AND id >> 24 IN (SELECT n FROM fresh.blob)
         ORDER BY id LIMIT 64",
    )?;
    while copy.execute([])? > 0 {}
    Ok(())
}

/// Copies the last row of an attempt, and its segments in compressed form.
fn copy_attempt(connection: &Connection, attempt: &AttemptInfo) -> Result<()> {
    connection.execute(
        "INSERT INTO fresh.row SELECT * FROM main.row WHERE id > ?1 AND id < ?2 AND step IS NOT NULL
         ORDER BY id DESC LIMIT 1",
        [attempt.base, attempt.base + (1 << SEQ_BITS)],
    )?;
    let segments = segments(connection, attempt.base)?;
    for (n, found) in segments.iter().enumerate() {
        let records = segment_records(connection, attempt.base, &segments, n)?;
        let packed = pack(&segment::encode(attempt.attempt, found.first, &records)?, LEVEL)?;
        connection.prepare_cached("INSERT INTO fresh.segment VALUES (?, ?, ?, ?, ?, ?)")?.execute(
            params![
                attempt.base + found.last.cast_signed(),
                found.points,
                found.sha256.0,
                found.size.cast_signed(),
                found.digest.map(|digest| digest.0),
                packed
            ],
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AttemptId, Origin, Record, RunId, RunKey, Start};
    use crate::store::Stream;

    /// Adds an attempt of nothing but its start.
    fn go_on(run: &Path) {
        let attempt = AttemptId::random().unwrap();
        let empty = String::new;
        let start = Start {
            run: RunKey { entity: empty(), project: "p".to_owned(), id: RunId::new("r").unwrap() },
            attempt,
            time: 1,
            name: empty(),
            group: empty(),
            job_type: empty(),
            notes: empty(),
            tags: Vec::new(),
            host: empty(),
            pid: 1,
            danlu: crate::VERSION.to_owned(),
            info: "{}".to_owned(),
            rank: None,
            origin: Origin::default(),
        };
        let mut file = Appender::open(run, BUSY_TIMEOUT).unwrap();
        let tx = file.begin().unwrap();
        let mut stream = Stream::open(&tx, attempt).unwrap();
        stream.apply(&tx, 1, [Record::Start(Box::new(start))]).unwrap();
        stream.seal(&tx).unwrap();
        tx.commit().unwrap();
    }

    #[test]
    fn a_run_that_goes_on_while_it_is_copied_is_not_called_damaged() {
        let dir = tempfile::tempdir().unwrap();
        let run = dir.path().join("run-r.sqlite");
        run_file::create(&run).unwrap();
        go_on(&run);
        let went_on = replace(Replacing::begin(&run).unwrap(), &run, "compact", |_| {
            go_on(&run);
            Ok((run_file::digest(&open::open(&run)?)?, true))
        });
        let error = went_on.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
        let damaged = replace(Replacing::begin(&run).unwrap(), &run, "compact", |_| Ok((None, true)));
        assert_eq!(damaged.unwrap_err().kind(), ErrorKind::Damaged);
    }
}

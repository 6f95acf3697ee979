//! Proving that a run file holds what was written.
//!
//! SQLite's own check looks at form; what rows say is checked by encoding the records again and comparing with the
//! chain of segments, and blobs by hashing them.

use super::absent::Absent;
use super::apply::attempt_digest;
use super::records::{AttemptInfo, attempts, range, segment_records, segments};
use super::standing::{Lost, losses};
use super::verify_journals::check_journals;
use super::{SEQ_BITS, blob, envelope, open, packing, run_file, schema, segment};
use crate::model::{Hash, Record, Result};
use rusqlite::Connection;
use serde::Serialize;
use std::path::Path;

/// Something in a run file that is not what was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// What sort of thing: `database`, `schema`, `records`, `chain`, `envelope`, `blob`, `file` or `journal`.
    pub kind: &'static str,
    /// Which one, and what is lost, in words.
    pub message: String,
}

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Records checked.
    pub records: u64,
    /// Segments compared with the chain.
    pub segments: u64,
    /// Blobs hashed.
    pub blobs: u64,
    /// The digest of the run, if it is sealed and whole.
    pub digest: Option<Hash>,
    /// Everything that is wrong, empty if nothing is.
    pub damage: Vec<Damage>,
    /// What the run says is missing of it. That is no damage: the file holds what was written.
    pub losses: Vec<Lost>,
    /// Attempts that had not ended where they were pulled from, and that place: whoever writes them may have more.
    pub open: u64,
    /// That place.
    pub open_at: String,
    /// What was left out when the run was pulled. That is no damage either.
    pub left_out: LeftOut,
}

/// Stored files whose content somebody chose to leave out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// How many.
    pub files: u64,
    /// How many of them were not at the place either that the run was pulled from.
    pub nowhere: u64,
    /// That place.
    pub from: String,
    /// The run.
    pub run: String,
}

impl Report {
    pub(super) fn add(&mut self, kind: &'static str, message: impl Into<String>) {
        self.damage.push(Damage { kind, message: message.into() });
    }
}

/// Checks a whole run file and the journals beside it.
///
/// # Errors
/// It cannot be opened as a run file at all. Everything else is in the report.
pub fn verify(path: &Path) -> Result<Report> {
    let mut connection = run_file::open_packed(path)?;
    let mut report = Report::default();
    check_form(&connection, &mut report);
    if packing::is_compacted(&connection).unwrap_or(false) {
        match check_compacted(path, &mut report) {
            Some(whole) => connection = whole,
            None => return Ok(report),
        }
    }
    let absent = Absent::of(path);
    match attempts(&connection) {
        Ok(attempts) => {
            for attempt in attempts {
                check_attempt(&connection, &attempt, &mut report);
                report.open += u64::from(attempt.digest.is_none() && absent.is_open(attempt.attempt));
            }
        }
        Err(e) => report.add("database", format!("The list of attempts cannot be read: {e}")),
    }
    check_strays(&connection, &mut report);
    check_envelopes(&connection, &mut report);
    check_blobs(&connection, path, &mut report);
    check_journals(&connection, path, &mut report)?;
    if report.open > 0 {
        report.open_at = absent.from;
    }
    report.losses = losses(&connection).unwrap_or_default();
    if report.damage.is_empty() {
        report.digest = run_file::digest(&connection)?;
    }
    Ok(report)
}

/// Checks the records of one attempt only: what must hold before its journal may go.
pub(super) fn verify_attempt(connection: &Connection, attempt: &AttemptInfo) -> Report {
    let mut report = Report::default();
    check_attempt(connection, attempt, &mut report);
    report
}

fn check_form(connection: &Connection, report: &mut Report) {
    let found = connection.prepare("PRAGMA integrity_check(20)").and_then(|mut statement| {
        let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
        rows.collect::<rusqlite::Result<Vec<_>>>()
    });
    match found {
        Ok(lines) => {
            for line in lines.iter().flat_map(|text| text.lines()).filter(|line| *line != "ok") {
                report.add("database", format!("SQLite finds: {line}"));
            }
        }
        Err(e) => report.add("database", format!("SQLite cannot check it: {e}")),
    }
    let expected = schema::version(connection).map_err(crate::model::Error::from).and_then(schema::expected);
    match (schema::found(connection), expected) {
        (Ok(found), Ok(expected)) if found == expected => {}
        (Ok(_), Ok(_)) => report.add("schema", "Its tables, triggers and views are not those of a run file"),
        (Err(e), _) | (_, Err(e)) => report.add("schema", format!("Its schema cannot be read: {e}")),
    }
}

/// Checks that a compacted file says the same as its segments, and opens it with all rows if it can be read.
fn check_compacted(path: &Path, report: &mut Report) -> Option<Connection> {
    let found = open::open(path).and_then(|whole| {
        let differing = packing::differing_tables(&whole)?;
        Ok((whole, differing))
    });
    match found {
        Ok((whole, differing)) => {
            for table in differing {
                report.add("records", format!("Table {table} is not what the segments lead to"));
            }
            Some(whole)
        }
        Err(e) => {
            report.add("records", format!("Its segments cannot be read: {e}"));
            None
        }
    }
}

fn check_attempt(connection: &Connection, attempt: &AttemptInfo, report: &mut Report) {
    let name = format!("attempt {}", attempt.attempt);
    let segments = match segments(connection, attempt.base) {
        Ok(segments) => segments,
        Err(e) => {
            return report.add("chain", format!("{name}: the chain of segments cannot be read: {e}"));
        }
    };
    let mut computed = Vec::with_capacity(segments.len());
    let mut wrong = Vec::new();
    for (n, stored) in segments.iter().enumerate() {
        let records = segment_records(connection, attempt.base, &segments, n);
        let range = format!("records {} to {}", stored.first, stored.last);
        match records
            .and_then(|records| Ok((segment::encode(attempt.attempt, stored.first, &records)?, records)))
        {
            Ok((bytes, records)) => {
                report.records += records.len() as u64;
                let hash = Hash::of(&bytes);
                if hash != stored.sha256 || bytes.len() as u64 != stored.size {
                    wrong.push(format!(
                        "{name}: segment {n} ({range}{}) is not what was written",
                        steps(&records)
                    ));
                }
                computed.push(hash);
            }
            Err(e) => wrong.push(format!("{name}: segment {n} ({range}) cannot be read: {e}")),
        }
        report.segments += 1;
    }
    // The digest covers the chain: if what was computed leads to it, the records are right and the chain is not.
    let last = segments.last();
    let digest = last.map(|last| attempt_digest(attempt.attempt, last.last, &computed));
    let stored = last.and_then(|last| last.digest);
    let kind = if stored.is_some() && stored == digest { "chain" } else { "records" };
    if wrong.is_empty() && stored.is_some() && stored != digest {
        report.add("chain", format!("{name}: the digest is not that of its segments"));
    }
    for message in wrong {
        let note = if kind == "chain" { " in the chain; its records are whole" } else { "" };
        report.add(kind, message + note);
    }
    check_tail(connection, attempt, last.map_or((0, None), |s| (s.last, Some(s.points))), &name, report);
}

/// Records after the last segment have no checksum yet; they must be there and be readable.
fn check_tail(
    connection: &Connection,
    attempt: &AttemptInfo,
    cut: (u64, Option<i64>),
    name: &str,
    report: &mut Report,
) {
    match range(connection, attempt.base, cut.0 + 1, attempt.records, cut.1, None) {
        Ok(records) => {
            report.records += records.len() as u64;
            if attempt.digest.is_some() && !records.is_empty() {
                report.add("records", format!("{name}: {} records follow its seal", records.len()));
            }
        }
        Err(e) => report.add("records", format!("{name}: the records after {} cannot be read: {e}", cut.0)),
    }
}

fn steps(records: &[Record]) -> String {
    let steps = records.iter().filter_map(|r| if let Record::Row(row) = r { row.step } else { None });
    let (low, high) = steps.fold((i64::MAX, i64::MIN), |(low, high), step| (low.min(step), high.max(step)));
    if low <= high { format!(", steps {low} to {high}") } else { String::new() }
}

fn check_blobs(connection: &Connection, path: &Path, report: &mut Report) {
    let blobs = match blob::blobs(connection) {
        Ok(blobs) => blobs,
        Err(e) => return report.add("blob", format!("The list of blobs cannot be read: {e}")),
    };
    for found in &blobs {
        report.blobs += 1;
        if let Err(e) = blob::read_blob(connection, found.sha256, |_| Ok(())) {
            let files = files_of(connection, found.sha256);
            report.add("blob", format!("{e} (content of {files})"));
        }
    }
    match missing(connection, path) {
        Ok((lost, left_out)) => {
            lost.iter()
                .for_each(|path| report.add("file", format!("The content of file `{path}` is not there")));
            report.left_out = left_out;
        }
        Err(e) => report.add("file", format!("The list of files cannot be read: {e}")),
    }
}

/// Lists the stored files whose content is not in the run file, and was not left out by choice.
pub(super) fn missing_contents(connection: &Connection, run: &Path) -> Result<Vec<String>> {
    missing(connection, run).map(|(lost, _)| lost)
}

fn missing(connection: &Connection, run: &Path) -> Result<(Vec<String>, LeftOut)> {
    let mut statement = connection.prepare(
        "SELECT DISTINCT path, file.sha256 FROM file
         LEFT JOIN blob ON blob.sha256 = file.sha256 AND blob.size = file.size
         WHERE blob.n IS NULL ORDER BY path",
    )?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, Hash(row.get(1)?))))?;
    let missing: Vec<(String, Hash)> = rows.collect::<rusqlite::Result<_>>()?;
    let (mut lost, mut left_out) = (Vec::new(), LeftOut::default());
    if missing.is_empty() {
        return Ok((lost, left_out));
    }
    let absent = Absent::of(run);
    for (path, sha256) in missing {
        match absent.get(sha256) {
            Some(was_there) => {
                left_out.files += 1;
                left_out.nowhere += u64::from(!was_there);
            }
            None if lost.last() != Some(&path) => lost.push(path),
            None => {}
        }
    }
    if left_out.files > 0 {
        (left_out.from, left_out.run) = (absent.from, run_file::run_key(connection)?.to_string());
    }
    Ok((lost, left_out))
}

/// Checks that nothing is in the tables that no attempt accounts for.
fn check_strays(connection: &Connection, report: &mut Report) {
    for table in ["key", "row", "setting", "file", "event", "segment"] {
        let attempts = format!("(SELECT id >> {SEQ_BITS} FROM attempt)");
        let sql = format!("SELECT count(*) FROM {table} WHERE id >> {SEQ_BITS} NOT IN {attempts}");
        add_count(connection, &sql, report, &format!("rows of table {table} belong to no attempt"));
    }
    let points =
        "SELECT (SELECT count(*) FROM point) - (SELECT coalesce(sum(last - first + 1), 0) FROM extent)";
    add_count(connection, points, report, "points belong to no extent");
}

/// Charts must show what the points come to.
fn check_envelopes(connection: &Connection, report: &mut Report) {
    let keys = connection.prepare("SELECT id, name FROM key ORDER BY id").and_then(|mut statement| {
        let rows = statement.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
        rows.collect::<rusqlite::Result<Vec<_>>>()
    });
    for (id, name) in keys.unwrap_or_default() {
        let name = name.escape_debug();
        match check_envelope(connection, id) {
            Ok(None) => {}
            Ok(Some(problem)) => report.add("envelope", format!("The envelope of key `{name}`: {problem}")),
            Err(e) => report.add("envelope", format!("The envelope of key `{name}` cannot be checked: {e}")),
        }
    }
}

/// Checks one key in one transaction: the run may be written meanwhile.
fn check_envelope(connection: &Connection, key: i64) -> Result<Option<&'static str>> {
    let tx = connection.unchecked_transaction()?;
    let found = envelope::check(&tx, key);
    tx.finish()?;
    found
}

fn add_count(connection: &Connection, sql: &str, report: &mut Report, what: &str) {
    match connection.query_row(sql, [], |row| row.get::<_, i64>(0)) {
        Ok(0) => {}
        Ok(count) => report.add("records", format!("{count} {what}")),
        Err(e) => report.add("database", format!("It cannot be counted how many {what}: {e}")),
    }
}

fn files_of(connection: &Connection, sha256: Hash) -> String {
    let paths = connection.prepare("SELECT DISTINCT path FROM file WHERE sha256 = ? ORDER BY path").and_then(
        |mut s| s.query_map([sha256.0], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>(),
    );
    match paths {
        Ok(paths) if !paths.is_empty() => format!("`{}`", paths.join("`, `")),
        _ => "no file".to_owned(),
    }
}

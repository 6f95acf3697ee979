//! What can be saved of a run file that is damaged after its journal has gone.
//!
//! Attempts that are whole are taken over as they are. Of any other, what can still be read becomes an attempt of its own:
//! it cannot be the old one, whose digest it does not lead to. It says whose remains it is, and how much is missing.

use super::put_blob::put_blob;
use super::records::{self, AttemptInfo, segment_records, segments};
use super::{Appender, BUSY_TIMEOUT, Stream, blob, run_file, segment, verify};
use crate::model::{AttemptId, Error, ErrorKind, Event, EventKind, Hash, Record, Result, Row, Start};
use rusqlite::Connection;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Records or values that are given up together when they cannot be read.
const GRAIN: i64 = 16;

/// What became of a damaged run file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Rescued {
    /// Attempts that were whole.
    pub whole_attempts: u64,
    /// Records that are in the new file.
    pub records: u64,
    /// Records that cannot be read, or whose start cannot.
    pub lost_records: u64,
    /// Records that can be read, in segments that are not whole: values among them may be missing or not what was written.
    pub doubtful_records: u64,
    /// Files whose content is lost.
    pub lost_files: Vec<String>,
}

/// Builds a new run file of what can be read of a damaged one, which stays as it is.
///
/// # Errors
/// The damaged file cannot be opened at all, nothing in it can be read, or the new file cannot be written or exists.
pub fn rescue(damaged: &Path, fresh: &Path, now: i64) -> Result<Rescued> {
    let old = run_file::open_packed(damaged)?;
    run_file::create(fresh)?;
    let made = fill(damaged, &old, fresh, now);
    made.inspect_err(|_| {
        std::fs::remove_file(fresh).ok();
    })
}

fn fill(damaged: &Path, old: &Connection, fresh: &Path, now: i64) -> Result<Rescued> {
    let mut rescued = Rescued::default();
    let mut file = Appender::open(fresh, BUSY_TIMEOUT)?;
    for attempt in readable_attempts(old)? {
        let remains = Remains::read(old, &attempt)?;
        rescued.lost_records += remains.lost;
        rescued.doubtful_records += remains.doubtful;
        let whole = remains.lost == 0 && remains.doubtful == 0;
        rescued.whole_attempts += u64::from(whole);
        let id = if whole { attempt.attempt } else { AttemptId::random()? };
        let records: Vec<Record> = if whole {
            remains.records.into_iter().map(|(_, record)| record).collect()
        } else {
            remains.into_attempt(id, attempt.attempt, now)
        };
        rescued.records += records.len() as u64;
        let tx = file.begin()?;
        let mut stream = Stream::open(&tx, id)?;
        stream.apply(&tx, 1, records)?;
        stream.seal(&tx)?;
        tx.commit()?;
    }
    for found in blob::blobs(old).unwrap_or_default() {
        if blob::read_blob(old, found.sha256, |_| Ok(())).is_ok() {
            let reader = blob::BlobReader::new(run_file::open_packed(damaged)?, &found);
            put_blob(&mut file, found.sha256, reader)?;
        }
    }
    drop(file);
    rescued.lost_files = verify::missing_contents(&run_file::open(fresh)?)?;
    Ok(rescued)
}

/// Hands a range on, and halves of it where it cannot be read, down to a grain.
fn read_halving((first, last): (i64, i64), read: &mut impl FnMut(i64, i64) -> Result<()>) {
    if last < first || read(first, last).is_ok() || last - first < GRAIN {
        return;
    }
    let middle = first + (last - first) / 2;
    read_halving((first, middle), read);
    read_halving((middle + 1, last), read);
}

/// Lists the attempts of a file, of which any other table may be unreadable.
fn readable_attempts(old: &Connection) -> Result<Vec<AttemptInfo>> {
    let mut statement = old.prepare("SELECT id - 1, attempt FROM attempt ORDER BY id")?;
    let rows = statement.query_map([], |row| {
        let base = row.get(0)?;
        let records = records::last_readable_seq(old, base);
        Ok(AttemptInfo { attempt: AttemptId(row.get(1)?), base, records, digest: None })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// What can be read of an attempt, each record with its old number.
struct Remains {
    records: Vec<(u64, Record)>,
    lost: u64,
    doubtful: u64,
}

impl Remains {
    fn read(old: &Connection, attempt: &AttemptInfo) -> Result<Self> {
        // Without its chain, nothing of it counts as whole.
        let segments = segments(old, attempt.base).unwrap_or_default();
        let mut remains = Self { records: Vec::new(), lost: 0, doubtful: 0 };
        for (n, found) in segments.iter().enumerate() {
            let records = segment_records(old, attempt.base, &segments, n);
            if let Ok(records) = records {
                let encoded = segment::encode(attempt.attempt, found.first, &records)?;
                if Hash::of(&encoded) != found.sha256 {
                    remains.doubtful += records.len() as u64;
                }
                remains.records.extend((found.first..).zip(records));
                continue;
            }
            let before = n.checked_sub(1).map_or(0, |before| segments[before].points);
            let lost = remains.lost;
            remains.read_parts(old, attempt.base, (found.first, found.last), (before + 1, found.points));
            // Which values are missing is not known, only that some are.
            remains.doubtful += found.last + 1 - found.first - (remains.lost - lost);
        }
        let (cut, points) = segments.last().map_or((0, 0), |s| (s.last, s.points));
        if cut < attempt.records {
            let newest = old.query_row("SELECT max(last) FROM extent", [], |row| row.get(0));
            let newest = newest.ok().flatten().unwrap_or(points);
            remains.read_parts(old, attempt.base, (cut + 1, attempt.records), (points + 1, newest));
        }
        if !matches!(remains.records.first(), Some((1, Record::Start(_)))) {
            let message = format!("The start of attempt {} cannot be read", attempt.attempt);
            return Err(Error::new(ErrorKind::Damaged, message));
        }
        Ok(remains)
    }

    /// Reads a range in parts, halving those that cannot be read: first the records, then the values of the rows.
    fn read_parts(&mut self, old: &Connection, base: i64, (first, last): (u64, u64), points: (i64, i64)) {
        let mut records = BTreeMap::new();
        read_halving((first.cast_signed(), last.cast_signed()), &mut |from, until| {
            let found = records::without_values(old, base, from.cast_unsigned(), until.cast_unsigned())?;
            records
                .extend((from.cast_unsigned()..).zip(found).filter_map(|(seq, found)| Some((seq, found?))));
            Ok(())
        });
        // Where a table cannot be read, the others can.
        for seq in first..=last {
            if !records.contains_key(&seq) {
                let found = records::without_values_or_tables(old, base, seq, seq).pop().flatten();
                records.extend(found.map(|found| (seq, found)));
            }
        }
        read_halving(points, &mut |from, until| {
            for (key, row, value) in records::points(old, base, from, until)? {
                if let Some(Record::Row(row)) = records.get_mut(&(row - base).cast_unsigned()) {
                    row.values.push((key, value));
                }
            }
            Ok(())
        });
        self.lost += (last + 1 - first).saturating_sub(records.len() as u64);
        for (seq, mut record) in records {
            if let Record::Row(row) = &mut record {
                row.values.sort_by_key(|(key, _)| *key);
                row.values.dedup_by_key(|(key, _)| *key);
            }
            self.records.push((seq, record));
        }
    }

    /// Makes an attempt of what is there: keys get the numbers that they have now, and what refers to lost ones goes.
    fn into_attempt(self, id: AttemptId, of: AttemptId, now: i64) -> Vec<Record> {
        let missing = self.lost;
        let mut keys = HashMap::new();
        let mut records: Vec<Record> = Vec::new();
        for (old, record) in self.records {
            let seq = records.len() as u64 + 1;
            records.push(match record {
                Record::Start(start) => {
                    let info = format!("{{\"remains_of\":\"{of}\"}}");
                    Record::Start(Box::new(Start { attempt: id, info, ..*start }))
                }
                Record::Key { name, system } => {
                    keys.insert(old, seq);
                    Record::Key { name, system }
                }
                Record::Row(row) => {
                    let values = row.values.into_iter();
                    let values = values.filter_map(|(key, value)| Some((*keys.get(&key)?, value))).collect();
                    Record::Row(Row { values, ..row })
                }
                other => other,
            });
        }
        // The end of the attempt stays last.
        let end = records.pop_if(|last| matches!(last, Record::Event(event) if event.kind == EventKind::End));
        records.push(Record::Event(Event {
            time: now,
            kind: EventKind::Lost,
            name: String::new(),
            text: format!("remains of attempt {of}, whose file was damaged"),
            data: format!("{{\"records\":{missing}}}"),
        }));
        records.extend(end);
        records
    }
}

//! Records behind damage in a journal.
//!
//! The attempt ends before the damage: its chain has no gap. What can be read behind it becomes an attempt of its own, which
//! says whose remains it is and how much is missing. Its name follows from that of the other, so that it comes once only.

use super::records::{AttemptInfo, attempts};
use super::{Appender, BUSY_TIMEOUT, JournalReader, SEQ_BITS, Stream, Tail, around};
use crate::model::{AttemptId, Error, Event, EventKind, Hash, Origin, Record, Result, Row, Start};
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// Records, each with its number.
type Numbered = Vec<(u64, Record)>;

/// What was found behind the damage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Behind {
    /// Records that the run has again.
    pub saved: u64,
    /// Records and values that are lost, at least.
    pub lost: u64,
    /// Whether the run has all that the journal had.
    pub has_all: bool,
}

impl fmt::Display for Behind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} behind it, ", self.saved)?;
        match self.lost {
            0 if self.has_all => f.write_str("which is all"),
            0 => f.write_str("and others may be lost"),
            lost => write!(f, "at least {lost} are lost"),
        }
    }
}

/// Returns the name of the attempt that holds what is behind damage in the journal of another.
pub(super) fn remains_of(attempt: AttemptId) -> AttemptId {
    let hash = Hash::of(&[&b"danlu remains 1\0"[..], &attempt.0].concat());
    let mut name = [0; 16];
    name.copy_from_slice(&hash.0[..16]);
    AttemptId(name)
}

/// Adds to a run file what can be read behind the damage in the journal of a sealed attempt. `None` if that was done before.
///
/// # Errors
/// The journal cannot be read, or the run file cannot be written.
pub fn take_over(run: &Path, journal: &Path, attempt: AttemptId) -> Result<Option<Behind>> {
    let mut file = Appender::open(run, BUSY_TIMEOUT)?;
    let tx = file.begin()?;
    let mut stream = Stream::open(&tx, remains_of(attempt))?;
    if stream.is_sealed() {
        return Ok(None);
    }
    let gone = || Error::damaged(format!("`{}`: attempt {attempt} is not in it", run.display()));
    let known = attempts(&tx)?.into_iter().find(|known| known.attempt == attempt).ok_or_else(gone)?;
    let Some(Record::Start(start)) = around::records(&tx, known.base, 1, 1).remove(&1) else {
        return Err(gone());
    };
    let (found, lost, to_the_end) = read(journal, known.records)?;
    if found.is_empty() && lost == 0 && to_the_end {
        return Ok(Some(Behind { has_all: true, ..Behind::default() }));
    }
    let end = around::records(&tx, known.base, known.records, known.records).remove(&known.records);
    let (records, behind) = compose(&start, &keys_of(&tx, &known)?, found, lost, end);
    stream.apply(&tx, 1, records)?;
    stream.seal(&tx)?;
    tx.commit()?;
    Ok(Some(behind))
}

/// Reads the records after the first `known`, each with its number, counts those that are missing between them, and says whether
/// the journal could be read to its end.
fn read(journal: &Path, known: u64) -> Result<(Numbered, u64, bool)> {
    let mut reader = JournalReader::open(journal)?;
    let (mut found, mut last, mut lost) = (Vec::new(), known, 0);
    loop {
        while let Some(record) = reader.read()? {
            if reader.seq() > last {
                lost += reader.seq() - last - 1;
                last = reader.seq();
                found.push((last, record));
            }
        }
        if !matches!(reader.tail()?, Tail::Damaged(_)) {
            return Ok((found, lost, true));
        }
        if !reader.pass_damage()? {
            // Of what the journal ends with there was at least one.
            return Ok((found, lost + u64::from(reader.seq() >= last), false));
        }
    }
}

fn keys_of(connection: &Connection, attempt: &AttemptInfo) -> Result<BTreeMap<u64, (String, bool)>> {
    let sql = "SELECT id - ?1, name, system FROM key WHERE id > ?1 AND id < ?2 ORDER BY id";
    let mut statement = connection.prepare(sql)?;
    let keys = statement.query_map([attempt.base, attempt.base + (1 << SEQ_BITS)], |row| {
        Ok((row.get::<_, i64>(0)?.cast_unsigned(), (row.get(1)?, row.get(2)?)))
    })?;
    Ok(keys.collect::<rusqlite::Result<_>>()?)
}

/// Returns when a record was made, if it says so.
fn time_of(record: &Record) -> Option<i64> {
    match record {
        Record::Row(row) => Some(row.time),
        Record::Event(event) => Some(event.time),
        Record::File(file) => Some(file.time),
        _ => None,
    }
}

/// Makes an attempt of records: keys get new numbers, and values whose key is not known go.
fn compose(
    of: &Start,
    known: &BTreeMap<u64, (String, bool)>,
    found: Numbered,
    mut lost: u64,
    end: Option<Record>,
) -> (Vec<Record>, Behind) {
    let saved = found.len() as u64;
    // Whoever recovers a copy of the journal must come to the same records: there is no other clock here.
    let time = found.iter().rev().find_map(|(_, record)| time_of(record)).unwrap_or(of.time);
    let info = format!("{{\"remains_of\":\"{}\"}}", of.attempt);
    let start = Start { attempt: remains_of(of.attempt), info, origin: Origin::Resume, ..of.clone() };
    let mut records = vec![Record::Start(Box::new(start))];
    let mut keys = BTreeMap::new();
    for (old, (name, system)) in known {
        records.push(Record::Key { name: name.clone(), system: *system });
        keys.insert(*old, records.len() as u64);
    }
    for (old, record) in found {
        records.push(match record {
            Record::Key { .. } => {
                keys.insert(old, records.len() as u64 + 1);
                record
            }
            Record::Row(row) => {
                let before = row.values.len();
                let values = row.values.into_iter();
                let values: Vec<_> =
                    values.filter_map(|(key, value)| Some((*keys.get(&key)?, value))).collect();
                lost += (before - values.len()) as u64;
                Record::Row(Row { values, ..row })
            }
            other => other,
        });
    }
    // The end of the attempt stays last, also if it was before the damage.
    let is_end = |record: &Record| matches!(record, Record::Event(event) if event.kind == EventKind::End);
    let end = records.pop_if(|last| is_end(last)).or(end.filter(is_end));
    records.push(Record::Event(Event {
        time,
        kind: EventKind::Lost,
        name: String::new(),
        text: format!(
            "remains of attempt {}, whose journal was damaged: at least {lost} records and values are lost",
            of.attempt
        ),
        data: format!("{{\"records\":{lost}}}"),
    }));
    records.extend(end);
    (records, Behind { saved, lost, has_all: false })
}

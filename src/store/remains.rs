//! What can be read of an attempt in a damaged run file.

use super::records::{SegmentInfo, readable_segments, segment_records};
use super::{around, packing, segment};
use crate::model::{AttemptId, Event, EventKind, Hash, Record, Result, Row, Start, named_before};
use rusqlite::Connection;
use serde::Serialize;
use std::collections::HashMap;
use std::fmt;

/// What is missing of a damaged file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Loss {
    /// Records that cannot be read.
    pub lost_records: u64,
    /// Values that cannot be read, of rows that can.
    pub lost_values: u64,
    /// Whether more may be lost than was counted: where the run ended is not known.
    pub lost_at_least: bool,
    /// Records that can be read, but are not proved: values among them may be missing or not what was written.
    pub doubtful_records: u64,
    /// Segments of which everything can be read, and is not what was written.
    #[serde(skip)]
    wrong_segments: u64,
}

impl Loss {
    /// Adds what is missing elsewhere.
    pub fn add(&mut self, other: Self) {
        self.lost_records += other.lost_records;
        self.lost_values += other.lost_values;
        self.lost_at_least |= other.lost_at_least;
        self.doubtful_records += other.doubtful_records;
        self.wrong_segments += other.wrong_segments;
    }

    /// Returns how many records and values are lost, at least: in a segment that is not what was written, one is wrong.
    fn count(self) -> u64 {
        self.lost_records + self.lost_values + self.wrong_segments
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if self.lost_records + self.lost_values > 0 || self.lost_at_least {
            let bound = if self.lost_at_least { "at least " } else { "" };
            parts.push(format!(
                "{bound}{} records and {} values are lost",
                self.lost_records, self.lost_values
            ));
        }
        if self.doubtful_records > 0 {
            parts.push(format!("{} records are in doubt", self.doubtful_records));
        }
        if self.wrong_segments > 0 {
            parts.push(format!("at least {} of them are not what was written", self.wrong_segments));
        }
        f.write_str(&if parts.is_empty() { "nothing is lost".to_owned() } else { parts.join(", ") })
    }
}

/// What can be read of an attempt, each record with its old number.
pub(super) struct Remains {
    attempt: AttemptId,
    base: i64,
    records: Vec<(u64, Record)>,
    loss: Loss,
    /// Whether the chain of its segments could be read to the end.
    has_chain: bool,
}

impl Remains {
    /// Reads an attempt. If its own start cannot be read, it gets one like `any`, of the same run.
    pub(super) fn read(old: &Connection, base: i64, attempt: AttemptId, any: &Start) -> Result<Self> {
        let (segments, end) = readable_segments(old, base);
        let has_chain = end.is_ok();
        let mut remains = Self { attempt, base, records: Vec::new(), loss: Loss::default(), has_chain };
        for n in 0..segments.len() {
            remains.read_segment(old, &segments, n)?;
        }
        if segments.last().is_none_or(|last| last.digest.is_none()) {
            remains.read_tail(old, segments.last());
        }
        if !matches!(remains.records.first(), Some((1, _))) {
            let start = Start { attempt, ..any.clone() };
            remains.records.insert(0, (1, Record::Start(Box::new(start))));
        }
        Ok(remains)
    }

    fn read_segment(&mut self, old: &Connection, segments: &[SegmentInfo], n: usize) -> Result<()> {
        let found = &segments[n];
        let packed = packed_records(old, self.base, found);
        match packed.map_or_else(|| segment_records(old, self.base, segments, n), Ok) {
            Ok(records) => {
                if Hash::of(&segment::encode(self.attempt, found.first, &records)?) != found.sha256 {
                    self.loss.doubtful_records += records.len() as u64;
                    self.loss.wrong_segments += 1;
                }
                self.records.extend((found.first..).zip(records));
            }
            Err(_) => {
                let before = n.checked_sub(1).map_or(0, |before| segments[before].points);
                let read = self.read_parts(old, (found.first, found.last), (before + 1, found.points));
                self.loss.doubtful_records += read;
            }
        }
        Ok(())
    }

    /// Reads what comes after the segments: what is not in one yet, or in those that cannot be read.
    fn read_tail(&mut self, old: &Connection, last: Option<&SegmentInfo>) {
        let (cut, points) = last.map_or((0, 0), |s| (s.last, s.points));
        let ((end, is_end), (newest, is_newest)) =
            (around::last_seq(old, self.base), around::last_point(old));
        let read = self.read_parts(old, (cut + 1, end), (points + 1, newest));
        self.loss.lost_at_least |= !is_end || !is_newest;
        if !self.has_chain || self.loss.lost_at_least {
            self.loss.doubtful_records += read;
        }
    }

    /// Reads what can be read of a range of records and of the points in their rows. Returns how many records it got.
    fn read_parts(&mut self, old: &Connection, (first, last): (u64, u64), points: (i64, i64)) -> u64 {
        let (base, mut records) = (self.base, around::records(old, self.base, first, last));
        let seen = around::points(old, points, |(key, row, value)| {
            if let Some(Record::Row(row)) = records.get_mut(&(row - base).cast_unsigned()) {
                row.values.push(((key - base).cast_unsigned(), value));
            }
        });
        let read = records.len() as u64;
        self.loss.lost_records += (last + 1).saturating_sub(first + read);
        let values = u64::try_from(points.1 + 1 - points.0).unwrap_or(0);
        self.loss.lost_values += values.saturating_sub(seen);
        for (seq, mut record) in records {
            if let Record::Row(row) = &mut record {
                row.values.sort_by_key(|(key, _)| *key);
                row.values.dedup_by_key(|(key, _)| *key);
            }
            self.records.push((seq, record));
        }
        read
    }

    /// Says whether nothing is missing.
    pub(super) fn is_whole(&self) -> bool {
        self.loss == Loss::default() && self.has_chain
    }

    /// Returns what is missing.
    pub(super) fn loss(&self) -> Loss {
        self.loss
    }

    /// Returns the records as they are.
    pub(super) fn into_records(self) -> Vec<Record> {
        self.records.into_iter().map(|(_, record)| record).collect()
    }

    /// Makes an attempt of what is there: keys get the numbers that they have now, and what refers to lost ones goes.
    pub(super) fn into_attempt(self, id: AttemptId, now: i64) -> Vec<Record> {
        let mut keys = HashMap::new();
        let mut records: Vec<Record> = Vec::new();
        for (old, record) in self.records {
            let seq = records.len() as u64 + 1;
            records.push(match record {
                Record::Start(start) => {
                    let info = format!("{{\"remains_of\":\"{}\"}}", self.attempt);
                    let (before, _) = named_before(&start.info);
                    let mut start = Start { attempt: id, info, ..*start };
                    before.into_iter().for_each(|before| start.follow(before));
                    Record::Start(Box::new(start))
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
            text: format!("remains of attempt {}, whose file was damaged: {}", self.attempt, self.loss),
            data: format!("{{\"records\":{}}}", self.loss.count()),
        }));
        records.extend(end);
        records
    }
}

/// Reads the records of a segment of a compacted file; `None` if they cannot be read.
fn packed_records(old: &Connection, base: i64, found: &SegmentInfo) -> Option<Vec<Record>> {
    let id = base + found.last.cast_signed();
    let packed: Option<Vec<u8>> =
        old.query_row("SELECT packed FROM segment WHERE id = ?", [id], |row| row.get(0)).ok()?;
    let bytes = packing::unpack(found.sha256, packed?.as_slice()).ok()?;
    segment::decode(&bytes).ok().map(|(_, _, records)| records)
}

//! Rows back to records: the inverse of [`super::Stream::apply`].

use super::slots::{FILLS, START_COLUMNS, Slots, TABLES, read_start};
use super::{SEQ_BITS, around};
use crate::model::{AttemptId, Error, Hash, Record, Result, Start, limits};
use rusqlite::Connection;

/// An attempt in a run file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptInfo {
    /// Who wrote it.
    pub attempt: AttemptId,
    /// The id before its first record: ids of its records lie above it.
    pub base: i64,
    /// How many records it has; also the sequence number of the last.
    pub records: u64,
    /// The digest, once it is sealed.
    pub digest: Option<Hash>,
}

/// A segment of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentInfo {
    /// Sequence number of its first record.
    pub first: u64,
    /// Sequence number of its last record.
    pub last: u64,
    /// The largest point id when it was cut.
    pub(super) points: i64,
    /// Hash of its encoding.
    pub sha256: Hash,
    /// Length of its encoding in bytes.
    pub size: u64,
    /// The digest of the attempt, in the last segment of a sealed one.
    pub digest: Option<Hash>,
}

impl SegmentInfo {
    /// Returns all but where its points lie in the file: those of two attempts that came in turns may change places.
    pub(super) fn content(&self) -> (u64, u64, Hash, u64, Option<Hash>) {
        (self.first, self.last, self.sha256, self.size, self.digest)
    }
}

/// Lists the attempts of a run file in the order in which they began to write it.
///
/// # Errors
/// The file is damaged.
pub fn attempts(connection: &Connection) -> Result<Vec<AttemptInfo>> {
    let mut statement = connection.prepare("SELECT id - 1, attempt FROM attempt ORDER BY id")?;
    let found = statement
        .query_map([], |row| Ok((row.get(0)?, AttemptId(row.get(1)?))))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    found
        .into_iter()
        .map(|(base, attempt)| {
            let digest = segments(connection, base)?.last().and_then(|s| s.digest);
            Ok(AttemptInfo { attempt, base, records: last_seq(connection, base)?, digest })
        })
        .collect()
}

/// Lists the segments of the attempt at `base` in order.
///
/// # Errors
/// The file is damaged.
pub fn segments(connection: &Connection, base: i64) -> Result<Vec<SegmentInfo>> {
    let (segments, end) = readable_segments(connection, base);
    end.map(|()| segments)
}

/// Lists the segments of the attempt at `base` up to the first that cannot be read, and says why it cannot.
pub(super) fn readable_segments(connection: &Connection, base: i64) -> (Vec<SegmentInfo>, Result<()>) {
    let mut segments: Vec<SegmentInfo> = Vec::new();
    let mut read = || {
        let mut statement = connection.prepare_cached(
            "SELECT id - ?1, points, sha256, size, digest FROM segment WHERE id > ?1 AND id < ?2 ORDER BY id",
        )?;
        let mut rows = statement.query([base, base + (1 << SEQ_BITS)])?;
        while let Some(row) = rows.next()? {
            segments.push(SegmentInfo {
                first: segments.last().map_or(0, |before| before.last) + 1,
                last: row.get::<_, i64>(0)?.cast_unsigned(),
                points: row.get(1)?,
                sha256: Hash(row.get(2)?),
                size: row.get::<_, i64>(3)?.cast_unsigned(),
                digest: row.get::<_, Option<[u8; 32]>>(4)?.map(Hash),
            });
        }
        Ok(())
    };
    let end = read();
    (segments, end)
}

/// Reads back the whole stream of an attempt.
///
/// # Errors
/// The file is damaged: a record is missing or cannot be read.
pub fn records(connection: &Connection, attempt: &AttemptInfo) -> Result<Vec<Record>> {
    range(connection, attempt.base, 1, attempt.records, None, None)
}

/// Reads back the records of the `n`th of these segments.
///
/// # Errors
/// The file is damaged: a record is missing or cannot be read.
pub fn segment_records(
    connection: &Connection,
    base: i64,
    segments: &[SegmentInfo],
    n: usize,
) -> Result<Vec<Record>> {
    let segment = &segments[n];
    let points_before = n.checked_sub(1).map(|before| segments[before].points);
    range(connection, base, segment.first, segment.last, points_before, Some(segment.points))
}

/// Reads back the stream of an attempt a segment at a time, each record with its sequence number.
///
/// # Errors
/// The file is damaged: a record is missing or cannot be read.
pub fn each_segment<'a>(
    connection: &'a Connection,
    attempt: &AttemptInfo,
) -> Result<impl Iterator<Item = Result<Vec<(u64, Record)>>> + 'a> {
    let (base, last) = (attempt.base, attempt.records);
    let segments = segments(connection, base)?;
    Ok((0..=segments.len()).map(move |n| {
        let first = n.checked_sub(1).map_or(1, |before| segments[before].last + 1);
        let records = match segments.get(n) {
            Some(_) => segment_records(connection, base, &segments, n)?,
            None => range(connection, base, first, last, segments.last().map(|s| s.points), None)?,
        };
        Ok((first..).zip(records).collect())
    }))
}

/// Returns the largest sequence number that the attempt at `base` has in any table.
pub(super) fn last_seq(connection: &Connection, base: i64) -> Result<u64> {
    let mut last = base;
    for table in TABLES {
        let sql = format!("SELECT coalesce(max(id), ?1) FROM {table} WHERE id > ?1 AND id < ?2");
        let range = [base, base + (1 << SEQ_BITS)];
        last = last.max(connection.prepare_cached(&sql)?.query_row(range, |row| row.get(0))?);
    }
    Ok((last - base).cast_unsigned())
}

/// Reads records `first` to `last`, whose points lie after `after` and not after `until`.
pub(super) fn range(
    connection: &Connection,
    base: i64,
    first: u64,
    last: u64,
    after: Option<i64>,
    until: Option<i64>,
) -> Result<Vec<Record>> {
    let records = (last + 1).saturating_sub(first);
    if records > limits::SEGMENT_RECORDS && records > around::most(connection).cast_unsigned() {
        return Err(Error::damaged(format!(
            "Records {first} to {last} cannot all be in a file of this size"
        )));
    }
    let mut slots = Slots::new(base, first, last);
    for fill in FILLS {
        fill(&mut slots, connection)?;
    }
    slots.fill_points(connection, after, until)?;
    slots.finish()
}

/// Returns the start of the last attempt in a run file: what was known of the run then.
///
/// # Errors
/// There is none, or it is damaged.
pub fn start_of(connection: &Connection) -> Result<Start> {
    start(connection, "DESC")
}

/// Returns the start of the first attempt in a run file.
///
/// # Errors
/// There is none, or it is damaged.
pub fn first_start_of(connection: &Connection) -> Result<Start> {
    start(connection, "ASC")
}

fn start(connection: &Connection, order: &str) -> Result<Start> {
    let sql = format!("SELECT {START_COLUMNS} FROM attempt ORDER BY id {order} LIMIT 1");
    match connection.query_row(&sql, [], read_start)? {
        Record::Start(start) => Ok(*start),
        _ => Err(Error::damaged("The run file holds no attempt")),
    }
}

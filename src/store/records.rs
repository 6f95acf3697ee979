//! Rows back to records: the inverse of [`super::Stream::apply`].

use super::bulk::{self, Cell};
use super::points::value_of;
use super::{SEQ_BITS, around};
use crate::model::{
    AttemptId, Error, Event, EventKind, File, Hash, Origin, Record, Result, Row, RunId, RunKey, Setting,
    Start, Value, limits,
};
use rusqlite::Connection;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};

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

/// Tables with the id of a record. A compacted file has no rows, but a segment has the id of its last record.
pub(super) const TABLES: [&str; 7] = ["attempt", "key", "row", "setting", "file", "event", "segment"];

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

/// Takes the records of one table each.
pub(super) const FILLS: [fn(&mut Slots, &Connection) -> Result<()>; 6] = [
    |slots, connection| slots.fill(connection, "attempt", START_COLUMNS, read_start),
    |slots, connection| {
        slots.fill(connection, "key", "id, name, system", |row| {
            Ok(Record::Key { name: row.get(1)?, system: row.get(2)? })
        })
    },
    |slots, connection| slots.fill_rows(connection),
    |slots, connection| slots.fill(connection, "setting", "id, scope, key, value, removed", read_setting),
    |slots, connection| slots.fill(connection, "file", "id, time, path, sha256, size", read_file),
    |slots, connection| slots.fill(connection, "event", "id, time, kind, name, text, data", read_event),
];

/// Records by place, as the tables give them.
pub(super) struct Slots {
    base: i64,
    first: u64,
    pub(super) records: Vec<Option<Record>>,
}

impl Slots {
    pub(super) fn new(base: i64, first: u64, last: u64) -> Self {
        let length = usize::try_from((last + 1).saturating_sub(first)).unwrap_or(0);
        Self { base, first, records: vec![None; length] }
    }

    fn ids(&self) -> (i64, i64) {
        let first = self.base + self.first.cast_signed();
        (first, first + i64::try_from(self.records.len()).unwrap_or(0) - 1)
    }

    fn slot(&mut self, id: i64) -> Option<&mut Option<Record>> {
        let place = usize::try_from(id - self.ids().0).ok()?;
        self.records.get_mut(place)
    }

    fn fill(
        &mut self,
        connection: &Connection,
        table: &str,
        columns: &str,
        read: impl Fn(&rusqlite::Row<'_>) -> rusqlite::Result<Record>,
    ) -> Result<()> {
        let (first, last) = self.ids();
        let mut statement =
            connection.prepare_cached(&format!("SELECT {columns} FROM {table} WHERE id BETWEEN ? AND ?"))?;
        let mut rows = statement.query([first, last])?;
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            let record =
                read(row).map_err(|e| Error::from(e).in_context(format!("table {table}, id {id}")))?;
            self.put(table, id, record)?;
        }
        Ok(())
    }

    fn put(&mut self, table: &str, id: i64, record: Record) -> Result<()> {
        match self.slot(id) {
            Some(slot) if slot.is_none() => *slot = Some(record),
            _ => return Err(Error::damaged(format!("Table {table} has a second record {id}"))),
        }
        Ok(())
    }

    /// Where a page is damaged, nothing comes of the bulk; one by one, the rows before it do.
    fn fill_rows(&mut self, connection: &Connection) -> Result<()> {
        let sql = "SELECT danlu_gather(id, step, time) FROM row WHERE id BETWEEN ? AND ?";
        let found = bulk::for_each(connection, sql, self.ids(), |[id, step, time]| {
            let id = id.int("The id of a row")?;
            let step = if step == Cell::Null { None } else { Some(step.int("A step")?) };
            let row = Row { step, time: time.int("A time")?, values: Vec::new() };
            self.put("row", id, Record::Row(row))
        });
        found.or_else(|_| {
            self.fill(connection, "row", "id, step, time", |row| {
                Ok(Record::Row(Row { step: row.get(1)?, time: row.get(2)?, values: Vec::new() }))
            })
        })
    }

    /// Points come by extent, and extents by key ascending within each batch, so each row's values arrive ascending.
    fn fill_points(&mut self, connection: &Connection, after: Option<i64>, until: Option<i64>) -> Result<()> {
        let (first, last) = self.ids();
        let (base, end) = (self.base, self.base + (1 << SEQ_BITS));
        let (after, until) = (after.unwrap_or(0), until.unwrap_or(i64::MAX));
        for (from, to) in batches(connection, after, until)? {
            let sql = "SELECT danlu_gather(e.key, p.id, p.row, p.value)
                 FROM extent AS e CROSS JOIN point AS p ON p.id BETWEEN e.first AND e.last
                 WHERE e.first BETWEEN ? AND ? AND e.key > ? AND e.key < ?";
            bulk::for_each(connection, sql, (from, to, base, end), |[key, point, row, value]| {
                let key = (key.int("A key")? - base).cast_unsigned();
                let (point, id) = (point.int("The id of a point")?, row.int("The row of a point")?);
                match self.slot(id) {
                    Some(Some(Record::Row(found))) => {
                        if found.values.last().is_some_and(|(last, _)| *last >= key) {
                            let message = format!("Row {id} has key {key} twice or out of order");
                            return Err(Error::damaged(message));
                        }
                        found.values.push((key, value_of(connection, point, value)?));
                    }
                    _ if id < first || id > last => {}
                    _ => {
                        let message = format!("A point belongs to row {id}, which is not there");
                        return Err(Error::damaged(message));
                    }
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    fn finish(self) -> Result<Vec<Record>> {
        let first = self.first;
        self.records
            .into_iter()
            .enumerate()
            .map(|(n, record)| {
                record.ok_or_else(|| Error::damaged(format!("Record {} is missing", first + n as u64)))
            })
            .collect()
    }
}

/// Points that are read at once, or one extent's.
const BATCH_POINTS: i64 = 8192;

/// Lists the extents that begin in a range, in order, in batches of some [`BATCH_POINTS`]: where the first and the last of
/// each begin.
fn batches(connection: &Connection, after: i64, until: i64) -> Result<Vec<(i64, i64)>> {
    let mut statement = connection
        .prepare_cached("SELECT first, last FROM extent WHERE first > ? AND first <= ? ORDER BY first")?;
    let mut extents = statement.query([after, until])?;
    let mut batches: Vec<(i64, i64)> = Vec::new();
    while let Some(extent) = extents.next()? {
        let (first, last): (i64, i64) = (extent.get(0)?, extent.get(1)?);
        match batches.last_mut().filter(|(from, _)| last - *from < BATCH_POINTS) {
            Some((_, to)) => *to = first,
            None => batches.push((first, first)),
        }
    }
    Ok(batches)
}

const START_COLUMNS: &str =
    "id, attempt, entity, project, run, time, name, job_group, job_type, notes, tags, host, pid, danlu, info,
     rank, origin, from_run, from_step";

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

fn read_start(row: &rusqlite::Row<'_>) -> rusqlite::Result<Record> {
    let id: String = row.get(4)?;
    let tags: String = row.get(10)?;
    Ok(Record::Start(Box::new(Start {
        attempt: AttemptId(row.get(1)?),
        run: RunKey {
            entity: row.get(2)?,
            project: row.get(3)?,
            id: RunId::new(id).map_err(|e| unreadable(4, e))?,
        },
        time: row.get(5)?,
        name: row.get(6)?,
        group: row.get(7)?,
        job_type: row.get(8)?,
        notes: row.get(9)?,
        tags: serde_json::from_str(&tags).map_err(|e| unreadable(10, e))?,
        host: row.get(11)?,
        pid: row.get(12)?,
        danlu: row.get(13)?,
        info: row.get(14)?,
        rank: row.get(15)?,
        origin: read_origin(row)?,
    })))
}

fn read_origin(row: &rusqlite::Row<'_>) -> rusqlite::Result<Origin> {
    match row.get_ref(16)?.as_str()? {
        "new" => Ok(Origin::New),
        "resume" => Ok(Origin::Resume),
        "fork" => Ok(Origin::Fork { run: row.get(17)?, step: row.get(18)? }),
        "rewind" => Ok(Origin::Rewind { step: row.get(18)? }),
        other => Err(unreadable(16, Error::damaged(format!("`{other}` is nothing to go on from")))),
    }
}

fn read_file(row: &rusqlite::Row<'_>) -> rusqlite::Result<Record> {
    let size: i64 = row.get(4)?;
    Ok(Record::File(File {
        time: row.get(1)?,
        path: row.get(2)?,
        sha256: Hash(row.get(3)?),
        size: size.cast_unsigned(),
    }))
}

fn read_setting(row: &rusqlite::Row<'_>) -> rusqlite::Result<Record> {
    let removed: bool = row.get(4)?;
    let setting = Setting { key: row.get(2)?, value: if removed { None } else { Some(row.get(3)?) } };
    match row.get_ref(1)?.as_str()? {
        "config" => Ok(Record::Config(setting)),
        _ => Ok(Record::Summary(setting)),
    }
}

fn read_event(row: &rusqlite::Row<'_>) -> rusqlite::Result<Record> {
    let name: String = row.get(2)?;
    let kind = EventKind::parse(&name)
        .ok_or_else(|| unreadable(2, Error::damaged(format!("`{name}` is no kind of event"))))?;
    Ok(Record::Event(Event {
        time: row.get(1)?,
        kind,
        name: row.get(3)?,
        text: row.get(4)?,
        data: row.get(5)?,
    }))
}

fn unreadable(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
}

impl FromSql for Value {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value {
            ValueRef::Null => Ok(Self::Float(f64::NAN)),
            ValueRef::Real(float) => Ok(Self::Float(float)),
            ValueRef::Integer(int) => Ok(Self::Int(int)),
            ValueRef::Text(_) => String::column_result(value).map(Self::Json),
            ValueRef::Blob(_) => Err(FromSqlError::InvalidType),
        }
    }
}

//! Records by place, as the tables of a run file give them.

use super::SEQ_BITS;
use super::bulk::{self, Cell};
use super::points::value_of;
use crate::model::{
    AttemptId, Error, Event, EventKind, File, Hash, Origin, Record, Result, Row, RunId, RunKey, Setting,
    Start, Value,
};
use rusqlite::Connection;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};

/// Tables with the id of a record. A compacted file has no rows, but a segment has the id of its last record.
pub(super) const TABLES: [&str; 7] = ["attempt", "key", "row", "setting", "file", "event", "segment"];

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
    pub(super) fn fill_points(
        &mut self,
        connection: &Connection,
        after: Option<i64>,
        until: Option<i64>,
    ) -> Result<()> {
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

    pub(super) fn finish(self) -> Result<Vec<Record>> {
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

pub(super) const START_COLUMNS: &str =
    "id, attempt, entity, project, run, time, name, job_group, job_type, notes, tags, host, pid, danlu, info,
     rank, origin, from_run, from_step";

pub(super) fn read_start(row: &rusqlite::Row<'_>) -> rusqlite::Result<Record> {
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

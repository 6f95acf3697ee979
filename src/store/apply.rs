//! Records to rows: the one function that writes run files.

use super::envelope::{self, Standing};
use super::points::Point;
use super::{SEQ_BITS, records, schema, segment};
use crate::model::{AttemptId, Error, ErrorKind, Hash, Origin, Record, Result, Row, Start, Value, limits};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, OptionalExtension, ToSql, Transaction, params};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// The place of one attempt's stream in a run file: what was applied, and what the next segment will cover.
#[derive(Debug)]
pub struct Stream {
    attempt: AttemptId,
    base: i64,
    seq: u64,
    /// The keys, and where the envelope of each stands.
    keys: BTreeMap<u64, Standing>,
    open: Vec<Record>,
    weight: u64,
    sealed: bool,
}

impl Stream {
    /// Finds the place of an attempt in a run file; before its first record if the file does not know it.
    ///
    /// # Errors
    /// The file is damaged, or holds as many attempts as it can.
    pub fn open(connection: &Connection, attempt: AttemptId) -> Result<Self> {
        let known: Option<i64> = connection
            .query_row("SELECT id - 1 FROM attempt WHERE attempt = ?", [attempt.0], |row| row.get(0))
            .optional()?;
        let next = || {
            connection
                .query_row("SELECT coalesce(max(id) >> ?, -1) + 1 FROM attempt", [SEQ_BITS], |row| row.get(0))
        };
        let base = match known {
            Some(base) => base,
            None => next().map(|n: i64| n << SEQ_BITS)?,
        };
        if base >> SEQ_BITS >= limits::ATTEMPTS {
            return Err(Error::new(ErrorKind::Limit, "The run file holds as many attempts as it can"));
        }
        let mut stream =
            Self { attempt, base, seq: 0, keys: BTreeMap::new(), open: Vec::new(), weight: 0, sealed: false };
        if known.is_some() {
            stream.reload(connection)?;
        }
        Ok(stream)
    }

    fn reload(&mut self, connection: &Connection) -> Result<()> {
        let segments = records::segments(connection, self.base)?;
        let (last, points) = segments.last().map_or((0, None), |s| (s.last, Some(s.points)));
        self.sealed = segments.last().is_some_and(|s| s.digest.is_some());
        self.seq = records::last_seq(connection, self.base)?;
        self.open = records::range(connection, self.base, last + 1, self.seq, points, None)?;
        self.weight = self.open.iter().map(Record::weight).sum();
        let end = self.base + (1 << SEQ_BITS);
        let mut keys = connection.prepare("SELECT id - ?1 FROM key WHERE id > ?1 AND id < ?2")?;
        for key in keys.query_map([self.base, end], |row| row.get::<_, i64>(0))? {
            let key = key?;
            self.keys.insert(key.cast_unsigned(), envelope::standing(connection, self.base + key)?);
        }
        Ok(())
    }

    /// Returns the sequence number of the last record applied; 0 when there is none.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Says whether the attempt has been sealed: nothing more can be applied.
    pub fn is_sealed(&self) -> bool {
        self.sealed
    }

    /// Applies consecutive records, the first with sequence number `first`. Those applied before are passed over,
    /// so applying the same records twice changes nothing.
    ///
    /// After an error the transaction must be rolled back and the stream opened anew.
    ///
    /// # Errors
    /// There is a gap before `first`, a record does not fit the ones before it, or the database refuses.
    pub fn apply(
        &mut self,
        tx: &Transaction<'_>,
        first: u64,
        records: impl IntoIterator<Item = Record>,
    ) -> Result<()> {
        if first > self.seq + 1 {
            return Err(self.misfit(&format!("record {first} follows record {}", self.seq)));
        }
        let (mut points_from, mut waiting) = (self.open.len(), 0);
        for (seq, record) in (first..).zip(records) {
            if seq <= self.seq {
                continue;
            }
            if self.sealed || seq > limits::ATTEMPT_RECORDS {
                return Err(self.misfit("it has ended"));
            }
            if self.open.len() as u64 >= limits::SEGMENT_RECORDS || self.weight >= limits::SEGMENT_WEIGHT {
                self.insert_points(tx, points_from)?;
                self.cut(tx, false)?;
                (points_from, waiting) = (0, 0);
            }
            self.insert(tx, seq, &record)?;
            self.seq = seq;
            self.weight += record.weight();
            waiting += record.weight();
            self.open.push(record);
            if waiting >= POINTS_WEIGHT {
                self.insert_points(tx, points_from)?;
                (points_from, waiting) = (self.open.len(), 0);
            }
        }
        self.insert_points(tx, points_from)
    }

    /// Ends the stream: its last segment is cut and carries the digest of the whole attempt.
    ///
    /// # Errors
    /// Nothing was applied yet, or the database refuses.
    pub fn seal(&mut self, tx: &Transaction<'_>) -> Result<()> {
        match (self.sealed, self.seq) {
            (true, _) => Ok(()),
            (false, 0) => Err(self.misfit("it has no records")),
            (false, _) => self.cut(tx, true),
        }
    }

    fn cut(&mut self, tx: &Transaction<'_>, seal: bool) -> Result<()> {
        let first = self.seq + 1 - self.open.len() as u64;
        let bytes = segment::encode(self.attempt, first, &self.open)?;
        let hash = Hash::of(&bytes);
        let digest = if seal {
            let mut hashes: Vec<Hash> = records::segments(tx, self.base)?.iter().map(|s| s.sha256).collect();
            hashes.push(hash);
            Some(attempt_digest(self.attempt, self.seq, &hashes))
        } else {
            None
        };
        tx.execute(
            "INSERT INTO segment (id, points, sha256, size, digest)
             VALUES (?1, (SELECT coalesce(max(id), 0) FROM point), ?2, ?3, ?4)",
            params![self.id(self.seq), hash.0, int(bytes.len() as u64)?, digest.map(|d| d.0)],
        )?;
        self.open.clear();
        self.weight = 0;
        self.sealed = seal;
        Ok(())
    }

    fn id(&self, seq: u64) -> i64 {
        self.base + seq.cast_signed()
    }

    fn misfit(&self, why: &str) -> Error {
        Error::new(ErrorKind::Conflict, format!("Cannot continue attempt {}: {why}", self.attempt))
    }

    fn insert(&mut self, tx: &Transaction<'_>, seq: u64, record: &Record) -> Result<()> {
        let id = self.id(seq);
        if (seq == 1) != matches!(record, Record::Start(_)) {
            return Err(self.misfit("it must begin with its start, and only there"));
        }
        match record {
            Record::Start(start) => self.insert_start(tx, id, start)?,
            Record::Key { name, system } => {
                tx.prepare_cached("INSERT INTO key VALUES (?, ?, ?)")?.execute(params![id, name, system])?;
                self.keys.insert(seq, Standing::default());
            }
            Record::Row(row) => self.insert_row(tx, id, row)?,
            Record::Config(setting) | Record::Summary(setting) => {
                let scope = if matches!(record, Record::Config(_)) { "config" } else { "summary" };
                tx.prepare_cached("INSERT INTO setting VALUES (?, ?, ?, ?, ?)")?.execute(params![
                    id,
                    scope,
                    setting.key,
                    setting.value,
                    setting.value.is_none()
                ])?;
            }
            Record::File(file) => {
                tx.prepare_cached("INSERT INTO file VALUES (?, ?, ?, ?, ?)")?.execute(params![
                    id,
                    file.time,
                    file.path,
                    file.sha256.0,
                    int(file.size)?
                ])?;
            }
            Record::Event(event) => {
                tx.prepare_cached("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?)")?.execute(params![
                    id,
                    event.time,
                    event.kind.name(),
                    event.name,
                    event.text,
                    event.data
                ])?;
            }
        }
        Ok(())
    }

    /// Inserts the values of the open rows from `from` on, by key, says in `extent` where each key's are, and sums them up
    /// in `envelope`.
    fn insert_points(&mut self, tx: &Transaction<'_>, from: usize) -> Result<()> {
        let first_id = self.id(self.seq) + 1 - i64::try_from(self.open.len()).unwrap_or(0);
        let mut columns: BTreeMap<u64, Column<'_>> = BTreeMap::new();
        for (row, record) in (first_id..).zip(&self.open).skip(from) {
            if let Record::Row(Row { step, time, values }) = record {
                for (key, value) in values {
                    let point = Point { id: 0, row, step: *step, time: *time, value };
                    columns.entry(*key).or_default().push(point);
                }
            }
        }
        if columns.is_empty() {
            return Ok(());
        }
        let mut next: i64 =
            tx.query_row("SELECT coalesce(max(id), 0) + 1 FROM point", [], |row| row.get(0))?;
        let mut points = Points::prepare(tx)?;
        let mut insert_extent = tx.prepare_cached("INSERT INTO extent VALUES (?, ?, ?, ?, ?)")?;
        for (key, mut column) in columns {
            let (first, id) = (next, self.base + key.cast_signed());
            for point in &mut column {
                point.id = next;
                next += 1;
            }
            points.insert(&column)?;
            if tx.last_insert_rowid() != next - 1 {
                return Err(Error::damaged("The ids of points do not count"));
            }
            let standing = self.keys.entry(key).or_default();
            let before = standing.points.cast_signed();
            envelope::take_in(tx, id, standing, &column)?;
            insert_extent.execute(params![first, next - 1, id, before, standing.root])?;
        }
        Ok(())
    }

    fn insert_start(&self, tx: &Transaction<'_>, id: i64, start: &Start) -> Result<()> {
        if start.attempt != self.attempt {
            return Err(self.misfit(&format!("its start says it is attempt {}", start.attempt)));
        }
        if let Ok(run) = super::run_key(tx)
            && run != start.run
        {
            return Err(self.misfit(&format!("it is of run {}, the file of run {run}", start.run)));
        }
        schema::upgrade(tx)?;
        let tags = serde_json::Value::from(start.tags.clone()).to_string();
        let (origin, from_run, from_step) = match &start.origin {
            Origin::New => ("new", None, None),
            Origin::Resume => ("resume", None, None),
            Origin::Fork { run, step } => ("fork", Some(run), Some(step)),
            Origin::Rewind { step } => ("rewind", None, Some(step)),
        };
        tx.execute(
            "INSERT INTO attempt VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            params![
                id,
                start.attempt.0,
                start.run.entity,
                start.run.project,
                start.run.id.as_str(),
                start.time,
                start.name,
                start.group,
                start.job_type,
                start.notes,
                tags,
                start.host,
                start.pid,
                start.danlu,
                start.info,
                start.rank,
                origin,
                from_run,
                from_step
            ],
        )?;
        Ok(())
    }

    fn insert_row(&self, tx: &Transaction<'_>, id: i64, row: &Row) -> Result<()> {
        let mut last = 0;
        for (key, _) in &row.values {
            if *key <= last || !self.keys.contains_key(key) {
                return Err(self.misfit(&format!("a row in it has key {key} out of order or without a name")));
            }
            last = *key;
        }
        tx.prepare_cached("INSERT INTO row VALUES (?, ?, ?)")?.execute(params![id, row.step, row.time])?;
        Ok(())
    }
}

/// The values that one key got in a batch.
type Column<'a> = Vec<Point<'a>>;

/// Weight of the records whose points are put in order by key at once: they take six times as much memory for that.
const POINTS_WEIGHT: u64 = limits::SEGMENT_WEIGHT / 4;

/// Points that one statement inserts.
const POINTS_AT_ONCE: usize = 64;

/// Inserts points after the last one. Many go into one statement where there are many, and SQLite counts the ids itself:
/// with ids that are given it looks for the place of each from the root, which takes twice as long.
struct Points<'a> {
    many: CachedStatement<'a>,
    one: CachedStatement<'a>,
}

impl<'a> Points<'a> {
    fn prepare(tx: &'a Transaction<'_>) -> Result<Self> {
        let many = ["(?, ?)"; POINTS_AT_ONCE].join(", ");
        let insert =
            |values: &str| tx.prepare_cached(&format!("INSERT INTO point (row, value) VALUES {values}"));
        Ok(Self { many: insert(&many)?, one: insert("(?, ?)")? })
    }

    fn insert(&mut self, points: &[Point<'_>]) -> Result<()> {
        for chunk in points.chunks(POINTS_AT_ONCE) {
            let (statement, size) = match chunk.len() {
                POINTS_AT_ONCE => (&mut self.many, POINTS_AT_ONCE),
                _ => (&mut self.one, 1),
            };
            for part in chunk.chunks(size) {
                for (n, point) in part.iter().enumerate() {
                    statement.raw_bind_parameter(2 * n + 1, point.row)?;
                    statement.raw_bind_parameter(2 * n + 2, point.value)?;
                }
                statement.raw_execute()?;
            }
        }
        Ok(())
    }
}

/// Returns the digest of a sealed attempt: SHA-256 of `danlu attempt 1` and a zero byte, the attempt, the number
/// of its records as eight bytes, little endian, and the hashes of its segments in order.
pub fn attempt_digest(attempt: AttemptId, records: u64, segments: &[Hash]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(b"danlu attempt 1\0");
    hasher.update(attempt.0);
    hasher.update(records.to_le_bytes());
    segments.iter().for_each(|hash| hasher.update(hash.0));
    Hash(hasher.finalize().into())
}

fn int(number: u64) -> Result<i64> {
    i64::try_from(number).map_err(|e| Error::new(ErrorKind::Limit, "A size is too large").with_source(e))
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Float(float) if float.is_nan() => ValueRef::Null,
            Self::Float(float) => ValueRef::Real(*float),
            Self::Int(int) => ValueRef::Integer(*int),
            Self::Json(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

//! Envelopes: what consecutive points of a key come to, kept as they arrive, so that a chart of any length reads as many
//! buckets as it has pixels and never hides a spike.
//!
//! The points of a key are cut into buckets of [`BUCKET_POINTS`], sixteen of which are a row of the table `envelope`. Four
//! rows are summed up in a row of the next level, whose buckets have four times the points. So the rows of a key are a
//! forest of trees; each root knows the root before it. All of it follows from the points, whatever batches they came
//! in. `docs/format.md` describes the bytes.

use super::numbers::{Input, put, put_signed};
use super::points::{Point, for_each_point};
use crate::model::{Error, Result};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

/// Points in a bucket of level 0.
pub(crate) const BUCKET_POINTS: u64 = 64;

/// Buckets in a row.
pub(crate) const ROW_BUCKETS: usize = 16;

/// Rows that are summed up in one of the next level, and buckets that are summed up in one of its buckets.
pub(crate) const FANOUT: usize = 4;

/// Points in a row of level 0.
pub(crate) const ROW_POINTS: u64 = BUCKET_POINTS * ROW_BUCKETS as u64;

const VERSION: u8 = 1;

/// What consecutive points of a key come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// How many points there are.
    pub points: u64,
    /// How many of them are NaN.
    pub nan: u64,
    /// How many of them are infinite.
    pub inf: u64,
    /// How many of them are no numbers.
    pub other: u64,
    /// The first finite number; NaN if there is none, as with the next four.
    pub first: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// The last.
    pub last: f64,
    /// The sum.
    pub sum: f64,
    /// The lowest and the highest step; 0 for system metrics, which have none.
    pub step: (i64, i64),
    /// The earliest and the latest time, in microseconds since 1970-01-01 UTC.
    pub time: (i64, i64),
    /// The ids of the first and the last row.
    pub(crate) row: (i64, i64),
    /// The id of the first point.
    pub(crate) point: i64,
}

impl Bucket {
    /// Sums up one point.
    pub(crate) fn of(point: Point<'_>) -> Self {
        let number = point.value.as_f64();
        let step = point.step.unwrap_or(0);
        Self {
            nan: u64::from(number.is_some_and(f64::is_nan)),
            other: u64::from(number.is_none()),
            step: (step, step),
            time: (point.time, point.time),
            row: (point.row, point.row),
            point: point.id,
            ..Self::of_number(number.unwrap_or(f64::NAN))
        }
    }

    /// Sums up one number, wherever it is from.
    pub(crate) fn of_number(number: f64) -> Self {
        let finite = if number.is_finite() { number } else { f64::NAN };
        Self {
            points: 1,
            nan: number.is_nan().into(),
            inf: number.is_infinite().into(),
            other: 0,
            first: finite,
            min: finite,
            max: finite,
            last: finite,
            sum: finite,
            step: (0, 0),
            time: (0, 0),
            row: (0, 0),
            point: 0,
        }
    }

    /// Returns how many finite numbers there are.
    pub fn numbers(&self) -> u64 {
        self.points.saturating_sub(self.nan).saturating_sub(self.inf).saturating_sub(self.other)
    }

    /// Returns the mean of the finite numbers, NaN if there are none.
    pub fn mean(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a mean is a float")]
        let numbers = self.numbers() as f64;
        self.sum / numbers
    }

    /// Takes in what comes after.
    pub fn join(&mut self, after: &Self) {
        match (self.numbers(), after.numbers()) {
            (_, 0) => {}
            (0, _) => {
                (self.first, self.min, self.max) = (after.first, after.min, after.max);
                (self.last, self.sum) = (after.last, after.sum);
            }
            _ => {
                if after.min < self.min {
                    self.min = after.min;
                }
                if after.max > self.max {
                    self.max = after.max;
                }
                self.last = after.last;
                self.sum += after.sum;
            }
        }
        self.points += after.points;
        self.nan += after.nan;
        self.inf += after.inf;
        self.other += after.other;
        self.step = (self.step.0.min(after.step.0), self.step.1.max(after.step.1));
        self.time = (self.time.0.min(after.time.0), self.time.1.max(after.time.1));
        self.row.1 = after.row.1;
    }
}

/// A row of the table `envelope`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct EnvelopeRow {
    pub(crate) level: u32,
    /// The id of the root before this one was made, 0 if it is the first; once it is part of a tree that means nothing.
    pub(crate) before: i64,
    /// The ids of the rows that it sums up.
    pub(crate) children: Vec<i64>,
    pub(crate) buckets: Vec<Bucket>,
}

impl EnvelopeRow {
    /// Returns how many buckets of level 0 it sums up.
    fn leaves(&self) -> usize {
        ROW_BUCKETS << (2 * self.level)
    }
}

/// Encodes what a row holds beside its columns.
pub(crate) fn encode(row: &EnvelopeRow) -> Vec<u8> {
    let mut out = vec![VERSION];
    row.children.iter().for_each(|child| put_signed(&mut out, *child));
    let mut last = (0i64, 0i64, 0i64, 0i64);
    for bucket in &row.buckets {
        [bucket.nan, bucket.inf, bucket.other].into_iter().for_each(|count| put(&mut out, count));
        put_signed(&mut out, bucket.point.wrapping_sub(last.0));
        for ((low, high), before) in [(bucket.row, last.1), (bucket.step, last.2), (bucket.time, last.3)] {
            put_signed(&mut out, low.wrapping_sub(before));
            put(&mut out, high.wrapping_sub(low).cast_unsigned());
        }
        last = (bucket.point, bucket.row.1, bucket.step.1, bucket.time.1);
    }
    let floats: [fn(&Bucket) -> f64; 5] = [|b| b.first, |b| b.min, |b| b.max, |b| b.last, |b| b.sum];
    for float in floats {
        out.extend(row.buckets.iter().flat_map(|bucket| canonical(float(bucket)).to_le_bytes()));
    }
    out
}

/// There is one NaN.
fn canonical(float: f64) -> f64 {
    if float.is_nan() { f64::NAN } else { float }
}

/// Decodes a row.
///
/// # Errors
/// The bytes are none.
pub(crate) fn decode(level: u32, before: i64, bytes: &[u8]) -> Result<EnvelopeRow> {
    let mut input = Input::new("an envelope", bytes);
    if input.take(1)? != [VERSION] || level > 24 {
        return Err(input.bad("it is of no known version"));
    }
    let children = if level == 0 { 0 } else { FANOUT };
    let children = (0..children).map(|_| input.signed()).collect::<Result<Vec<_>>>()?;
    let points = BUCKET_POINTS << (2 * level);
    let mut buckets = Vec::with_capacity(ROW_BUCKETS);
    let mut last = (0i64, 0i64, 0i64, 0i64);
    for _ in 0..ROW_BUCKETS {
        let (nan, inf, other) = (input.number()?, input.number()?, input.number()?);
        let point = last.0.wrapping_add(input.signed()?);
        let mut range = |before: i64| -> Result<(i64, i64)> {
            let low = before.wrapping_add(input.signed()?);
            Ok((low, low.wrapping_add(input.number()?.cast_signed())))
        };
        let (row, step, time) = (range(last.1)?, range(last.2)?, range(last.3)?);
        last = (point, row.1, step.1, time.1);
        let none = f64::NAN;
        let (first, min, max, last, sum) = (none, none, none, none, none);
        buckets.push(Bucket { points, nan, inf, other, first, min, max, last, sum, step, time, row, point });
    }
    let floats: Vec<f64> = input
        .take(5 * 8 * ROW_BUCKETS)?
        .chunks_exact(8)
        .map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap_or_default()))
        .collect();
    for (n, bucket) in buckets.iter_mut().enumerate() {
        let float = |column: usize| floats[column * ROW_BUCKETS + n];
        (bucket.first, bucket.min, bucket.max) = (float(0), float(1), float(2));
        (bucket.last, bucket.sum) = (float(3), float(4));
    }
    if input.left() > 0 {
        return Err(input.bad("bytes follow its end"));
    }
    Ok(EnvelopeRow { level, before, children, buckets })
}

/// Reads a row by its id.
///
/// # Errors
/// It is not there, or damaged.
pub(crate) fn read(connection: &Connection, id: i64) -> Result<EnvelopeRow> {
    let mut statement = connection.prepare_cached("SELECT level, before, data FROM envelope WHERE id = ?")?;
    let mut rows = statement.query([id])?;
    let row = rows.next()?.ok_or_else(|| Error::damaged(format!("Envelope {id} is missing")))?;
    decode(row.get(0)?, row.get(1)?, row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?)
}

/// Reads the roots of a key, oldest first.
///
/// # Errors
/// One is missing, or damaged.
pub(crate) fn roots(connection: &Connection, newest: i64) -> Result<Vec<EnvelopeRow>> {
    let mut found = Vec::new();
    let mut id = newest;
    while id != 0 {
        let row = read(connection, id)?;
        if row.before >= id {
            return Err(Error::damaged(format!("Envelope {id} comes before the one before it")));
        }
        id = row.before;
        found.push(row);
    }
    found.reverse();
    Ok(found)
}

/// Where the envelope of a key stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// How many points the key has.
    pub(crate) points: u64,
    /// The id of its newest root, 0 while there is none.
    pub(crate) root: i64,
}

/// Finds where the envelope of a key stands.
///
/// # Errors
/// The file is damaged.
pub(crate) fn standing(connection: &Connection, key: i64) -> Result<Standing> {
    let mut statement = connection.prepare_cached(
        "SELECT before + last - first + 1, envelope FROM extent WHERE key = ? ORDER BY first DESC LIMIT 1",
    )?;
    let found = statement
        .query_row([key], |row| {
            Ok(Standing { points: row.get::<_, i64>(0)?.cast_unsigned(), root: row.get(1)? })
        })
        .optional()?;
    Ok(found.unwrap_or_default())
}

/// Takes in the points that a key got, after those in the file, and writes the rows that are complete with them.
pub(super) fn take_in(
    tx: &Transaction<'_>,
    key: i64,
    standing: &mut Standing,
    points: &[Point<'_>],
) -> Result<()> {
    let before = standing.points;
    let after = before + points.len() as u64;
    for n in before / ROW_POINTS..after / ROW_POINTS {
        let (from, until) = (n * ROW_POINTS, (n + 1) * ROW_POINTS);
        let mut buckets = Summing::default();
        for_each_point(tx, key, before, from..before.min(until), |point| buckets.add(Bucket::of(point)))?;
        let place = |ordinal: u64| usize::try_from(ordinal.max(before) - before).unwrap_or(usize::MAX);
        points[place(from)..place(until)].iter().for_each(|point| buckets.add(Bucket::of(*point)));
        let row =
            EnvelopeRow { level: 0, before: standing.root, children: Vec::new(), buckets: buckets.done };
        standing.root = insert(tx, key, &row)?;
        sum_up(tx, key, standing, n + 1)?;
    }
    standing.points = after;
    Ok(())
}

/// Sums up the newest roots as long as four of them are of one level; `rows` is how many rows of level 0 there are.
fn sum_up(tx: &Transaction<'_>, key: i64, standing: &mut Standing, mut rows: u64) -> Result<()> {
    while rows.is_multiple_of(FANOUT as u64) {
        rows /= FANOUT as u64;
        let mut parts = Vec::with_capacity(FANOUT);
        let mut id = standing.root;
        for _ in 0..FANOUT {
            let row = read(tx, id)?;
            let before = row.before;
            parts.push((id, row));
            id = before;
        }
        parts.reverse();
        let row = parent(id, &parts);
        standing.root = insert(tx, key, &row)?;
    }
    Ok(())
}

fn join_all(buckets: &[Bucket]) -> Bucket {
    let mut sum = buckets[0];
    buckets[1..].iter().for_each(|bucket| sum.join(bucket));
    sum
}

fn parent(before: i64, parts: &[(i64, EnvelopeRow)]) -> EnvelopeRow {
    EnvelopeRow {
        level: parts[0].1.level + 1,
        before,
        children: parts.iter().map(|(id, _)| *id).collect(),
        buckets: parts.iter().flat_map(|(_, row)| row.buckets.chunks(FANOUT)).map(join_all).collect(),
    }
}

fn insert(tx: &Transaction<'_>, key: i64, row: &EnvelopeRow) -> Result<i64> {
    tx.prepare_cached("INSERT INTO envelope (key, level, before, data) VALUES (?, ?, ?, ?)")?
        .execute(params![key, row.level, row.before, encode(row)])?;
    Ok(tx.last_insert_rowid())
}

/// Sums points up in buckets of level 0.
#[derive(Default)]
struct Summing {
    done: Vec<Bucket>,
}

impl Summing {
    fn add(&mut self, point: Bucket) {
        match self.done.last_mut().filter(|bucket| bucket.points < BUCKET_POINTS) {
            Some(bucket) => bucket.join(&point),
            None => self.done.push(point),
        }
    }
}

/// Compares the envelope of a key with its points. Returns what is wrong, if anything is.
///
/// # Errors
/// The file is damaged so that the points or the rows cannot be read.
pub(super) fn check(connection: &Connection, key: i64) -> Result<Option<&'static str>> {
    let mut statement = connection
        .prepare_cached("SELECT last - first + 1, before FROM extent WHERE key = ? ORDER BY first")?;
    let mut points = 0i64;
    let mut rows = statement.query([key])?;
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>(1)? != points {
            return Ok(Some("its extents do not say how many points come before them"));
        }
        points += row.get::<_, i64>(0)?;
    }
    let standing = standing(connection, key)?;
    let mut computed = Summing::default();
    let covered = standing.points / ROW_POINTS * ROW_POINTS;
    for_each_point(connection, key, standing.points, 0..covered, |point| computed.add(Bucket::of(point)))?;
    let (mut id, mut left, mut found) = (standing.root, computed.done.as_slice(), 0);
    while id != 0 {
        let row = read(connection, id)?;
        let Some((rest, own)) = left.len().checked_sub(row.leaves()).map(|at| left.split_at(at)) else {
            return Ok(Some("it has more rows than points"));
        };
        found += check_tree(connection, &row, own)?;
        if row.before >= id || found == 0 {
            return Ok(Some("it is not what its points come to"));
        }
        (id, left) = (row.before, rest);
    }
    let stored: i64 =
        connection.query_row("SELECT count(*) FROM envelope WHERE key = ?", [key], |row| row.get(0))?;
    let wrong = !left.is_empty() || stored != found;
    Ok(wrong.then_some("it is not what its points come to"))
}

/// Compares a tree with the buckets of level 0 that it covers. Returns how many rows it has, 0 if it is wrong.
fn check_tree(connection: &Connection, row: &EnvelopeRow, leaves: &[Bucket]) -> Result<i64> {
    // Level by level, as they were summed up: sums of floats depend on the order.
    let mut expected = leaves.to_vec();
    while expected.len() > ROW_BUCKETS {
        expected = expected.chunks(FANOUT).map(join_all).collect();
    }
    let bytes = |buckets: &[Bucket]| {
        encode(&EnvelopeRow { level: 0, before: 0, children: Vec::new(), buckets: buckets.to_vec() })
    };
    if bytes(&expected) != bytes(&row.buckets) {
        return Ok(0);
    }
    let mut rows = 1;
    for (child, leaves) in row.children.iter().zip(leaves.chunks(leaves.len() / FANOUT)) {
        let child = read(connection, *child)?;
        match check_tree(connection, &child, leaves)? {
            found if found > 0 && child.level + 1 == row.level => rows += found,
            _ => return Ok(0),
        }
    }
    Ok(rows)
}

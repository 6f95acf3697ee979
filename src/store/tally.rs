//! What all values of a key come to, read from envelopes where they have it.

use super::envelope::{self, BUCKET_POINTS, Bucket, EnvelopeRow, FANOUT};
use super::points::{for_each_point, keys_of, snapshot};
use crate::model::{AttemptId, Result, Value};
use rusqlite::Connection;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

/// What the values of a key come to, in the order in which they were logged. NaN counts as no number; infinities do.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    /// The first value, whatever it is.
    pub first: Option<Value>,
    /// The last value, whatever it is.
    pub last: Option<Value>,
    /// The smallest number.
    pub min: Option<Value>,
    /// The largest number.
    pub max: Option<Value>,
    numbers: u64,
    sum: f64,
}

impl Tally {
    /// Takes in the next value.
    pub fn add(&mut self, value: &Value) {
        if self.first.is_none() {
            self.first = Some(value.clone());
        }
        self.last = Some(value.clone());
        if let Some(number) = value.as_f64().filter(|number| !number.is_nan()) {
            self.join((1, number), (value, value), (number, number));
        }
    }

    fn add_bucket(&mut self, bucket: &Bucket) {
        let (min, max) = (Value::Float(bucket.min), Value::Float(bucket.max));
        if bucket.numbers() > 0 {
            self.join((bucket.numbers(), bucket.sum), (&min, &max), (bucket.min, bucket.max));
        }
    }

    fn join(&mut self, (numbers, sum): (u64, f64), (min, max): (&Value, &Value), (low, high): (f64, f64)) {
        let number = |value: &Option<Value>| value.as_ref().and_then(Value::as_f64);
        if number(&self.min).is_none_or(|least| low < least) {
            self.min = Some(min.clone());
        }
        if number(&self.max).is_none_or(|most| high > most) {
            self.max = Some(max.clone());
        }
        self.numbers += numbers;
        self.sum += sum;
    }

    /// Returns the mean of the numbers; `None` if there are none.
    pub fn mean(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a mean is a float")]
        (self.numbers > 0).then(|| self.sum / self.numbers as f64)
    }
}

/// What a key comes to, and whether its summary was set by hand meanwhile.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tallied {
    /// What the values come to since the summary of the key was set by hand, or all of them.
    pub tally: Tally,
    /// The last value, even if it is from before that.
    pub last: Option<Value>,
    /// The summary was set or removed by hand, and the key was not logged since.
    pub by_hand: bool,
}

impl Tallied {
    /// Takes in the next value.
    pub fn add(&mut self, value: &Value) {
        self.tally.add(value);
        self.last = Some(value.clone());
        self.by_hand = false;
    }

    /// Takes in that the summary of the key was set or removed by hand.
    pub fn set_by_hand(&mut self) {
        self.tally = Tally::default();
        self.by_hand = true;
    }
}

/// Takes in what a run file says of the keys whose names are wanted, after what was read from the files before it. What it has of
/// the attempt `own`, its last, is left out.
///
/// # Errors
/// The file is damaged.
pub fn tally(
    connection: &Connection,
    own: AttemptId,
    wanted: impl Fn(&str) -> bool,
    so_far: &mut BTreeMap<String, Tallied>,
) -> Result<()> {
    let _snapshot = snapshot(connection)?;
    let sql = "SELECT coalesce((SELECT id FROM attempt WHERE attempt = ?), ?)";
    let until: i64 = connection.query_row(sql, (own.0, i64::MAX), |row| row.get(0))?;
    let by_hand = set_by_hand(connection, until)?;
    for name in key_names(connection)?.into_iter().filter(|name| wanted(name)) {
        let known = so_far.entry(name.clone()).or_default();
        let after = by_hand.get(&name).copied();
        if after.is_some() {
            known.set_by_hand();
        }
        for key in keys_of(connection, &name)?.into_iter().filter(|key| *key < until) {
            let points = envelope::standing(connection, key)?.points;
            Reading { connection, key, points, after: after.unwrap_or(0), known }.read()?;
        }
    }
    Ok(())
}

/// Lists the names of the keys of the history that counts.
///
/// # Errors
/// The file is damaged.
pub fn key_names(connection: &Connection) -> Result<Vec<String>> {
    let mut statement =
        connection.prepare_cached("SELECT DISTINCT name FROM key WHERE system = 0 AND id > ?")?;
    let rows = statement.query_map([super::counts_from(connection)?], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Returns when each key of the summary was last set or removed before a record, as ids of records.
fn set_by_hand(connection: &Connection, until: i64) -> Result<HashMap<String, i64>> {
    let sql = "SELECT key, max(id) FROM setting WHERE scope = 'summary' AND id > ? AND id < ? GROUP BY key";
    let mut statement = connection.prepare_cached(sql)?;
    let range = (super::counts_from(connection)?, until);
    let rows = statement.query_map(range, |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Reads the points of one key that come after a record.
struct Reading<'a> {
    connection: &'a Connection,
    key: i64,
    points: u64,
    after: i64,
    known: &'a mut Tallied,
}

impl Reading<'_> {
    fn read(&mut self) -> Result<()> {
        let mut first = 0;
        for root in envelope::roots(self.connection, envelope::standing(self.connection, self.key)?.root)? {
            self.buckets(&root, 0..root.buckets.len(), first)?;
            first += root.buckets.iter().map(|bucket| bucket.points).sum::<u64>();
        }
        self.each(first..self.points)?;
        // Buckets know finite numbers alone.
        self.each_last()
    }

    /// Takes in some buckets of a row, the first bucket of which begins with the point `first`.
    fn buckets(&mut self, row: &EnvelopeRow, places: Range<usize>, first: u64) -> Result<()> {
        let size = BUCKET_POINTS << (2 * row.level);
        for n in places {
            let (bucket, from) = (&row.buckets[n], first + n as u64 * size);
            if bucket.row.1 <= self.after {
                continue;
            }
            if bucket.row.0 > self.after && bucket.inf == 0 {
                if self.known.tally.first.is_none() {
                    self.first(from)?;
                }
                self.known.tally.add_bucket(bucket);
            } else if row.level == 0 {
                self.each(from..from + size)?;
            } else {
                let (part, start) = (n / FANOUT, n % FANOUT * FANOUT);
                let child = envelope::read(self.connection, row.children[part])?;
                let per_child = child.buckets.iter().map(|bucket| bucket.points).sum::<u64>();
                self.buckets(&child, start..start + FANOUT, first + part as u64 * per_child)?;
            }
        }
        Ok(())
    }

    fn each(&mut self, ordinals: Range<u64>) -> Result<()> {
        let Self { connection, key, points, after, ref mut known } = *self;
        for_each_point(connection, key, points, ordinals, |point| {
            if point.row > after {
                known.add(point.value);
            }
        })
    }

    fn first(&mut self, ordinal: u64) -> Result<()> {
        let first = &mut self.known.tally.first;
        for_each_point(self.connection, self.key, self.points, ordinal..ordinal + 1, |point| {
            *first = Some(point.value.clone());
        })
    }

    fn each_last(&mut self) -> Result<()> {
        let Self { connection, key, points, after, ref mut known } = *self;
        for_each_point(connection, key, points, points.saturating_sub(1)..points, |point| {
            known.last = Some(point.value.clone());
            if point.row > after {
                (known.tally.last, known.by_hand) = (known.last.clone(), false);
            }
        })
    }
}

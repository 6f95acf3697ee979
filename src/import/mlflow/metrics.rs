//! Metrics of MLflow: each by itself, with a time and a step for each value. What has the same of both is a row.

use crate::import::Take;
use crate::import::scribe::Said;
use crate::model::{Error, ErrorKind, Result, Value, limits};
use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, Read};

/// One value of a metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// When, in microseconds since 1970-01-01 UTC.
    pub time: i64,
    /// The step.
    pub step: i64,
    /// The value.
    pub value: f64,
}

impl Point {
    /// Reads `milliseconds value step`, of which old versions had no step and new ones have a dataset behind it.
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let time = words.next()?.parse::<i64>().ok()?.checked_mul(1000)?;
        let value = words.next()?.parse().ok()?;
        let step = words.next().map_or(Ok(0), str::parse).ok()?;
        (words.count() <= 2).then_some(Self { time, step, value })
    }
}

/// Reads the lines of a metric's file, and hands on each that is whole with what it says. Returns how many are not.
///
/// # Errors
/// The source cannot be read, or `take` fails.
pub fn read_metrics(source: impl BufRead, mut take: impl FnMut(&[u8], Point) -> Result<()>) -> Result<u64> {
    let (mut source, mut line, mut lost) = (source, Vec::new(), 0);
    let cannot = |e| Error::new(ErrorKind::Io, "Cannot read on").with_source(e);
    loop {
        line.clear();
        if (&mut source)
            .take(limits::IMPORT_METRIC_LINE_BYTES)
            .read_until(b'\n', &mut line)
            .map_err(cannot)?
            == 0
        {
            return Ok(lost);
        }
        let point = std::str::from_utf8(&line).ok().and_then(Point::parse);
        match point {
            Some(point) if line.ends_with(b"\n") => take(&line, point)?,
            // A line without an end is one that was being written: its last number may be cut.
            _ if line.iter().all(u8::is_ascii_whitespace) => {}
            _ => lost += 1,
        }
    }
}

/// Makes rows of values.
pub(super) struct Rows<'a> {
    take: Take<'a>,
    keys: Vec<String>,
    numbers: HashMap<String, usize>,
    points: Vec<(Point, usize)>,
    /// The times of all values, the first and the last.
    times: Option<(i64, i64)>,
}

impl<'a> Rows<'a> {
    pub(super) fn new(take: Take<'a>) -> Self {
        Self { take, keys: Vec::new(), numbers: HashMap::new(), points: Vec::new(), times: None }
    }

    /// Returns the number of a metric.
    pub(super) fn key(&mut self, name: &str) -> usize {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        self.keys.push(name.to_owned());
        self.numbers.insert(name.to_owned(), self.keys.len() - 1);
        self.keys.len() - 1
    }

    /// Hears of a value, and keeps it if it is new.
    pub(super) fn add(&mut self, key: usize, point: Point, is_new: bool) -> Result<()> {
        let (first, last) = self.times.unwrap_or((point.time, point.time));
        self.times = Some((first.min(point.time), last.max(point.time)));
        if is_new {
            self.points.push((point, key));
            if self.points.len() >= limits::IMPORT_POINTS {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Hands on what is left, and returns the first and the last time.
    pub(super) fn finish(mut self) -> Result<Option<(i64, i64)>> {
        self.flush()?;
        Ok(self.times)
    }

    /// Hands on rows, by time and step. If a metric comes twice at both, there are two of them.
    fn flush(&mut self) -> Result<()> {
        self.points.sort_by_key(|(point, _)| (point.time, point.step));
        let points = std::mem::take(&mut self.points);
        for group in points.chunk_by(|(a, _), (b, _)| (a.time, a.step) == (b.time, b.step)) {
            let mut row: BTreeMap<usize, f64> = BTreeMap::new();
            for (point, key) in group {
                if row.contains_key(key) {
                    self.row(group[0].0, std::mem::take(&mut row))?;
                }
                row.insert(*key, point.value);
            }
            self.row(group[0].0, row)?;
        }
        Ok(())
    }

    fn row(&mut self, at: Point, values: BTreeMap<usize, f64>) -> Result<()> {
        let value = |(key, value): (usize, f64)| (self.keys[key].clone(), Value::Float(value).canonical());
        let values: Vec<(String, Value)> = values.into_iter().map(value).collect();
        (self.take)(Said::Row { step: Some(at.step), time: at.time, values })
    }
}

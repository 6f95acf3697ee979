//! Segments: a few thousand consecutive records in one canonical, columnar encoding.
//!
//! The same records give the same bytes everywhere, so the SHA-256 of the bytes names the records. Rows go into
//! columns by key (floats split into byte planes, as Parquet's BYTE_STREAM_SPLIT does, which is what makes them
//! compress); everything else is rare and goes as JSON. `docs/format.md` describes the bytes.

use super::numbers::{Input, put, put_signed};
use crate::model::{AttemptId, Error, Record, Result, Row, Value, limits};
use std::collections::{BTreeMap, HashMap};

const MAGIC: [u8; 5] = *b"DLSG\x01";

/// Encodes consecutive records of an attempt, the first with sequence number `first`.
pub fn encode(attempt: AttemptId, first: u64, records: &[Record]) -> Result<Vec<u8>> {
    let mut out = MAGIC.to_vec();
    out.extend(attempt.0);
    put(&mut out, first);
    put(&mut out, records.len() as u64);
    let is_row = |record: &Record| matches!(record, Record::Row(_));
    put_runs(&mut out, records.iter().map(|record| u64::from(is_row(record))), Runs::Alternate);
    for record in records.iter().filter(|record| !is_row(record)) {
        let json =
            serde_json::to_vec(record).map_err(|e| Error::usage("Cannot encode a record").with_source(e))?;
        put_bytes(&mut out, &json);
    }
    let rows: Vec<&Row> =
        records.iter().filter_map(|r| if let Record::Row(row) = r { Some(row) } else { None }).collect();
    put_rows(&mut out, &rows);
    Ok(out)
}

fn put_rows(out: &mut Vec<u8>, rows: &[&Row]) {
    put_runs(out, rows.iter().map(|row| u64::from(row.step.is_none())), Runs::Alternate);
    let mut last = 0i64;
    for step in rows.iter().filter_map(|row| row.step) {
        put_signed(out, step.wrapping_sub(last));
        last = step;
    }
    let (mut last, mut last_delta) = (0i64, 0i64);
    for row in rows {
        let delta = row.time.wrapping_sub(last);
        put_signed(out, delta.wrapping_sub(last_delta));
        (last, last_delta) = (row.time, delta);
    }
    put_shapes(out, rows);
    let mut columns: BTreeMap<u64, Vec<&Value>> = BTreeMap::new();
    for (key, value) in rows.iter().flat_map(|row| &row.values) {
        columns.entry(*key).or_default().push(value);
    }
    for column in columns.values() {
        put_column(out, column);
    }
}

/// Writes which keys each row has: the distinct sets in order of first use, then which set each row uses.
fn put_shapes(out: &mut Vec<u8>, rows: &[&Row]) {
    let mut shapes: Vec<Vec<u64>> = Vec::new();
    let mut numbers: HashMap<Vec<u64>, u64> = HashMap::new();
    let mut used: Vec<u64> = Vec::with_capacity(rows.len());
    for row in rows {
        let same_as_last = used.last().and_then(|last| shapes.get(usize::try_from(*last).ok()?));
        if let Some(shape) = same_as_last
            && shape.len() == row.values.len()
            && shape.iter().zip(&row.values).all(|(a, (b, _))| a == b)
        {
            used.extend(used.last().copied());
            continue;
        }
        let shape: Vec<u64> = row.values.iter().map(|(key, _)| *key).collect();
        let number = *numbers.entry(shape).or_insert_with_key(|shape| {
            shapes.push(shape.clone());
            shapes.len() as u64 - 1
        });
        used.push(number);
    }
    put(out, shapes.len() as u64);
    for shape in &shapes {
        put(out, shape.len() as u64);
        let mut last = 0;
        for key in shape {
            put(out, key - last);
            last = *key;
        }
    }
    put_runs(out, used.into_iter(), Runs::Named);
}

fn put_column(out: &mut Vec<u8>, column: &[&Value]) {
    let kind = |value: &Value| match value {
        Value::Float(_) => 0,
        Value::Int(_) => 1,
        Value::Json(_) => 2,
    };
    put_runs(out, column.iter().map(|value| kind(value)), Runs::Named);
    let floats: Vec<[u8; 8]> =
        column
            .iter()
            .filter_map(|value| {
                if let Value::Float(float) = value { Some(float.to_bits().to_le_bytes()) } else { None }
            })
            .collect();
    for plane in 0..8 {
        out.extend(floats.iter().map(|bytes| bytes[plane]));
    }
    let mut last = 0i64;
    for value in column {
        if let Value::Int(int) = value {
            put_signed(out, int.wrapping_sub(last));
            last = *int;
        }
    }
    for value in column {
        if let Value::Json(text) = value {
            put_bytes(out, text.as_bytes());
        }
    }
}

/// How runs of equal numbers are written.
#[derive(Clone, Copy, PartialEq)]
enum Runs {
    /// Only lengths: the numbers are 0 and 1 in turn, starting with 0 (whose length may then be 0).
    Alternate,
    /// The number and its length.
    Named,
}

fn put_runs(out: &mut Vec<u8>, numbers: impl Iterator<Item = u64>, runs: Runs) {
    let mut current = (0, 0);
    let mut flush = |(number, length): (u64, u64), last: bool| {
        if length > 0 || (runs == Runs::Alternate && !last) {
            if runs == Runs::Named {
                put(out, number);
            }
            put(out, length);
        }
    };
    for number in numbers {
        if number != current.0 {
            flush(current, false);
            current = (number, 0);
        }
        current.1 += 1;
    }
    flush(current, true);
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend(bytes);
}

/// Decodes a segment into its attempt, the sequence number of its first record, and its records.
///
/// # Errors
/// The bytes are no segment. Whether they are the right ones is for the caller to know, by their hash.
pub fn decode(bytes: &[u8]) -> Result<(AttemptId, u64, Vec<Record>)> {
    let mut input = Input::new("a segment", bytes);
    if input.take(MAGIC.len())? != MAGIC {
        return Err(bad("it does not start as one of version 1 does"));
    }
    let mut attempt = [0; 16];
    attempt.copy_from_slice(input.take(16)?);
    let first = input.number()?;
    let count = input.length(limits::SEGMENT_RECORDS)?;
    let is_row = input.runs(count, Runs::Alternate)?;
    let mut others = Vec::new();
    for _ in is_row.iter().filter(|is_row| **is_row == 0) {
        let record: Record = serde_json::from_slice(input.sized()?)
            .map_err(|e| bad("a record in it is none").with_source(e))?;
        if matches!(record, Record::Row(_)) {
            return Err(bad("a row in it is not in columns"));
        }
        others.push(record);
    }
    let rows = input.rows(count - others.len())?;
    if input.left() > 0 {
        return Err(bad("bytes follow its end"));
    }
    let (mut others, mut rows) = (others.into_iter(), rows.into_iter().map(Record::Row));
    let records = is_row.iter().filter_map(|is_row| if *is_row == 1 { rows.next() } else { others.next() });
    Ok((AttemptId(attempt), first, records.collect()))
}

fn bad(why: &str) -> Error {
    Error::damaged(format!("Cannot decode a segment: {why}"))
}

impl<'a> Input<'a> {
    /// Reads a count of things that each take memory.
    fn length(&mut self, most: u64) -> Result<usize> {
        let number = self.number()?;
        usize::try_from(number)
            .ok()
            .filter(|_| number <= most)
            .ok_or_else(|| bad("a count in it is too large"))
    }

    fn sized(&mut self) -> Result<&'a [u8]> {
        let length = self.length(limits::RECORD_BYTES as u64)?;
        self.take(length)
    }

    fn runs(&mut self, count: usize, runs: Runs) -> Result<Vec<u64>> {
        let mut numbers = Vec::with_capacity(count.min(1 << 16));
        let mut number = 0;
        while numbers.len() < count {
            if runs == Runs::Named {
                number = self.number()?;
            }
            let length = self.length((count - numbers.len()) as u64)?;
            numbers.resize(numbers.len() + length, number);
            if runs == Runs::Alternate {
                number = 1 - number;
            } else if length == 0 {
                return Err(bad("a run in it is empty"));
            }
        }
        Ok(numbers)
    }

    fn rows(&mut self, count: usize) -> Result<Vec<Row>> {
        let mut rows = vec![Row::default(); count];
        let no_step = self.runs(count, Runs::Alternate)?;
        let mut last = 0i64;
        for (row, _) in rows.iter_mut().zip(&no_step).filter(|(_, no_step)| **no_step == 0) {
            last = last.wrapping_add(self.signed()?);
            row.step = Some(last);
        }
        let (mut last, mut delta) = (0i64, 0i64);
        for row in &mut rows {
            delta = delta.wrapping_add(self.signed()?);
            last = last.wrapping_add(delta);
            row.time = last;
        }
        let shapes = self.shapes(count)?;
        let used = self.runs(count, Runs::Named)?;
        // Every value takes at least a byte, so a lie about their number cannot make us allocate more than that.
        let shape_length =
            |shape: &u64| usize::try_from(*shape).ok().and_then(|s| shapes.get(s)).map_or(0, Vec::len);
        if used.iter().map(shape_length).sum::<usize>() > self.left() {
            return Err(bad("it is cut short"));
        }
        let mut columns: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for (n, shape) in used.iter().enumerate() {
            let shape = usize::try_from(*shape)
                .ok()
                .and_then(|s| shapes.get(s))
                .ok_or_else(|| bad("a row in it has no shape"))?;
            for key in shape {
                columns.entry(*key).or_default().push(n);
            }
        }
        for (key, members) in columns {
            for (row, value) in members.iter().zip(self.column(members.len())?) {
                rows[*row].values.push((key, value));
            }
        }
        Ok(rows)
    }

    fn shapes(&mut self, rows: usize) -> Result<Vec<Vec<u64>>> {
        let mut shapes = Vec::new();
        for _ in 0..self.length(rows as u64)? {
            let mut shape = Vec::new();
            let mut key = 0u64;
            for n in 0..self.length(limits::ROW_KEYS as u64)? {
                let delta = self.number()?;
                if delta == 0 && n > 0 {
                    return Err(bad("a row in it has a key twice"));
                }
                key = key.checked_add(delta).ok_or_else(|| bad("a key in it is too large"))?;
                shape.push(key);
            }
            shapes.push(shape);
        }
        Ok(shapes)
    }

    fn column(&mut self, count: usize) -> Result<Vec<Value>> {
        let kinds = self.runs(count, Runs::Named)?;
        let floats = kinds.iter().filter(|kind| **kind == 0).count();
        let planes = self.take(floats * 8)?;
        let mut floats = (0..floats).map(|n| {
            let byte = |plane: usize| planes[plane * floats + n];
            f64::from_le_bytes([byte(0), byte(1), byte(2), byte(3), byte(4), byte(5), byte(6), byte(7)])
        });
        let mut values = Vec::with_capacity(count);
        let mut last = 0i64;
        for kind in &kinds {
            values.push(match kind {
                0 => Value::Float(floats.next().ok_or_else(|| bad("a float in it is missing"))?).canonical(),
                1 => {
                    last = last.wrapping_add(self.signed()?);
                    Value::Int(last)
                }
                2 => Value::Json(String::new()),
                _ => return Err(bad("a value in it is of no kind")),
            });
        }
        for value in &mut values {
            if let Value::Json(text) = value {
                *text = String::from_utf8(self.sized()?.to_vec())
                    .map_err(|e| bad("a text in it is none").with_source(e))?;
            }
        }
        Ok(values)
    }
}

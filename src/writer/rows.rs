//! Rows, from what the caller gave to what is stored.

use super::run::{Key, Run};
use super::shared::{Log, Shared, shown};
use crate::model::{Record, Row, Value, limits};

/// Names that say where a row is rather than what is in it, with the numbers that stand for them: no key has such. `_step` and
/// `_runtime` follow from the row; `_timestamp`, in seconds, becomes its time.
pub(super) const OF_ROWS: [(&str, u64); 3] =
    [("_step", u64::MAX - 2), ("_timestamp", TIMESTAMP), ("_runtime", u64::MAX)];

/// Says whether a name is that of what a row is, so that no key of the history and of the summary has it by itself.
pub fn is_of_row(name: &str) -> bool {
    OF_ROWS.iter().any(|(of_row, _)| *of_row == name)
}

const TIMESTAMP: u64 = u64::MAX - 1;

impl Shared {
    /// Appends a row, and returns its step and time.
    pub(super) fn append_row(
        &self,
        log: &mut Log,
        step: Option<i64>,
        commit: Option<bool>,
        mut values: Vec<(u64, Value)>,
    ) -> (i64, i64) {
        let at = step.unwrap_or(log.step);
        if at < log.step {
            self.tell_back(at, log.step);
        }
        log.step = log.step.max(at);
        if commit.unwrap_or(step.is_none()) && at == log.step {
            log.step = at.saturating_add(1);
        }
        self.tidy(log, &mut values);
        let time = self.take_time(&mut values).unwrap_or_else(|| self.clock.now());
        if !log.metrics.is_empty() {
            self.add_steps(log, &mut values);
        }
        self.write_row(log, at, time, values);
        (at, time)
    }

    /// Appends a row as it is, and leaves the current step as it was.
    pub(super) fn append_row_at(&self, log: &mut Log, step: i64, time: i64, mut values: Vec<(u64, Value)>) {
        self.tidy(log, &mut values);
        self.write_row(log, step, time, values);
    }

    fn write_row(&self, log: &mut Log, step: i64, time: i64, values: Vec<(u64, Value)>) {
        let (keys, most) = (values.len(), limits::ROW_KEYS);
        if keys > most {
            return self.lose(log, &format!("A row of {keys} keys is not stored: at most {most} can be"));
        }
        let record = Record::Row(Row { step: Some(step), time, values });
        let written = self.append(log, &record).is_some();
        let Record::Row(mut row) = record else { return };
        if written {
            log.rows += 1;
            log.highest_step = log.highest_step.max(Some(step));
            if !log.metrics.is_empty() {
                log.metrics.add(&row.values);
            }
        }
        row.values.clear();
        log.put_row(row.values);
    }

    fn tell_back(&self, step: i64, current: i64) {
        self.warnings.once("back", || {
            format!("log() got step {step} when the run was at step {current}; such rows are kept, each at its own step")
        });
    }

    /// Brings a row into the form in which it is stored.
    fn tidy(&self, log: &mut Log, values: &mut Vec<(u64, Value)>) {
        if !is_plain(values) {
            keep_last_of_each(values);
            values.retain_mut(|(key, value)| self.check(log, *key, value));
        }
    }

    /// Takes out of a row what says where it is. Returns the time, if it says one.
    fn take_time(&self, values: &mut Vec<(u64, Value)>) -> Option<i64> {
        let mut time = None;
        while let Some((key, value)) = values.pop_if(|(key, _)| *key >= OF_ROWS[0].1) {
            if key == TIMESTAMP {
                time = micros(&value);
                if time.is_none() {
                    self.warnings.once("timestamp", || {
                        "`_timestamp` is to be in seconds since 1970; rows with another have the time of log()".to_owned()
                    });
                }
            }
        }
        time
    }

    /// Adds the step metrics that a row is to have and lacks.
    fn add_steps(&self, log: &mut Log, values: &mut Vec<(u64, Value)>) {
        for step in log.metrics.steps_of(values) {
            let Some((key, last)) = self.find_step(log, &step) else { continue };
            if let Err(place) = values.binary_search_by_key(&key, |(key, _)| *key) {
                values.insert(place, (key, last));
            }
        }
    }

    /// Finds a step metric and its last value, 0 if there is none.
    fn find_step(&self, log: &mut Log, step: &str) -> Option<(u64, Value)> {
        let last = log.metrics.last(log.known_key(step), step).unwrap_or(Value::Int(0));
        self.find_key(log, usize::MAX, step).map(|key| (key, last))
    }

    /// Appends a sample of system metrics.
    pub(super) fn append_sample(&self, log: &mut Log, sample: &[(String, f64)]) {
        let mut values = Vec::with_capacity(sample.len());
        for (name, value) in sample {
            let key = match log.system_keys.get(&**name) {
                Some(key) => *key,
                None => {
                    let key = Record::Key { name: name.clone(), system: true };
                    let Some(key) = self.append(log, &key) else { continue };
                    log.system_keys.insert(name.as_str().into(), key);
                    key
                }
            };
            values.push((key, Value::Float(*value).canonical()));
        }
        keep_last_of_each(&mut values);
        if !values.is_empty() {
            self.append(log, &Record::Row(Row { step: None, time: self.clock.now(), values }));
        }
    }

    /// Brings a value into its stored form, or counts it as lost if it is too large.
    fn check(&self, log: &mut Log, key: u64, value: &mut Value) -> bool {
        if let Value::Float(float) = value
            && float.is_nan()
        {
            *float = f64::NAN;
        }
        let Some(problem) = value.problem() else { return true };
        let message = format!("A value of `{}` is not stored: {problem}", shown(log.name_of(key)));
        self.lose(log, &message);
        false
    }
}

impl Run {
    /// Adds to a row that is about to be logged the step metrics that it is to have for keys whose values come later, by
    /// [`Self::log_late`].
    pub fn add_steps_of<'a>(&self, late: impl IntoIterator<Item = &'a str>, row: &mut Vec<(Key, Value)>) {
        let Some(mut log) = self.guard().filter(|log| !log.finished) else { return };
        for name in late {
            let Some(step) = log.metrics.step_of(name) else { continue };
            let Some((key, last)) = self.shared.find_step(&mut log, &step) else { continue };
            if row.iter().all(|(known, _)| known.0 != key) {
                row.push((Key(key), last));
            }
        }
    }
}

/// Reads seconds since 1970 as whole microseconds, if that is a time within some 9000 years of it.
fn micros(value: &Value) -> Option<i64> {
    let micros = value.as_f64().map(|seconds| (seconds * 1e6).round()).filter(|micros| micros.abs() < 2.9e17);
    #[expect(clippy::cast_possible_truncation, reason = "checked to be in range")]
    micros.map(|micros| micros as i64)
}

/// Says of most rows at a glance that they are as they are stored: by key, without doubles, of plain numbers.
fn is_plain(values: &[(u64, Value)]) -> bool {
    let mut last = None;
    values.iter().all(|(key, value)| {
        let ascends = last < Some(*key);
        last = Some(*key);
        ascends
            && match value {
                Value::Float(float) => !float.is_nan(),
                Value::Int(_) => true,
                Value::Json(_) => false,
            }
    })
}

/// Sorts a row by key; of a key that was given twice, the last value stays.
fn keep_last_of_each(values: &mut Vec<(u64, Value)>) {
    values.reverse();
    values.sort_by_key(|(key, _)| *key);
    values.dedup_by_key(|(key, _)| *key);
}

//! What is kept of a key that a definition of a metric concerns.

use super::metric::{Definition, Goal, SummaryOp};
use crate::model::{Setting, Value};
use crate::store::Tallied;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A key of the history that is summed up, synced, or the step metric of another.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) tallied: Tallied,
    /// The name of the metric that rows with this key are to have, too.
    pub(super) step: Option<Arc<str>>,
    goal: Option<Goal>,
    /// What the summary has of the key in place of its last value, if anything.
    ops: Vec<SummaryOp>,
    parts: Vec<Part>,
    /// Something happened since the parts were last compared with what the run says.
    pub(super) changed: bool,
}

/// A key of the summary.
#[derive(Debug, Clone)]
struct Part {
    op: SummaryOp,
    key: String,
    /// What the run says it is.
    written: Option<Value>,
    /// It was set by hand after the last row with the key.
    by_hand: bool,
}

impl Column {
    pub(super) fn new(name: &str, tallied: Tallied) -> Self {
        let (name, ops, parts) = (name.to_owned(), Vec::new(), Vec::new());
        Self { name, tallied, step: None, goal: None, ops, parts, changed: true }
    }

    /// Takes over what is defined. Parts that are no longer asked for stay until they are out of the run's summary.
    pub(super) fn define(&mut self, definition: &Definition, step: Option<&str>) {
        self.step = step.map(Arc::from);
        self.goal = definition.goal;
        self.ops.clone_from(&definition.summary);
        self.changed = true;
        for op in self.ops.iter().copied().filter(|op| *op != SummaryOp::None) {
            if !self.parts.iter().any(|part| part.op == op) {
                let key = format!("{}.{}", self.name, op.name());
                self.parts.push(Part { op, key, written: None, by_hand: false });
            }
        }
    }

    /// Takes in the next value.
    pub(super) fn add(&mut self, value: &Value) {
        self.tallied.add(value);
        self.parts.iter_mut().for_each(|part| part.by_hand = false);
        self.changed = true;
    }

    /// Takes in that the summary of the key was set or removed by hand.
    pub(super) fn set_by_hand(&mut self) {
        self.tallied.set_by_hand();
        self.parts.iter_mut().for_each(|part| part.by_hand = false);
        self.changed = true;
    }

    /// Takes in that a part of the key was set or removed by hand, if it is one. The next row with the key takes it back.
    pub(super) fn set_part_by_hand(&mut self, key: &str, value: Option<&Value>) {
        if let Some(part) = self.parts.iter_mut().find(|part| part.key == key) {
            (part.written, part.by_hand) = (value.cloned(), true);
        }
    }

    /// Takes in what the run's summary says.
    pub(super) fn set_written(&mut self, summary: &BTreeMap<&str, &Value>) {
        for part in &mut self.parts {
            part.written = summary.get(&*part.key).map(|value| (*value).clone());
        }
    }

    /// Takes in that a part was written down.
    pub(super) fn wrote(&mut self, setting: &Setting) {
        if let Some(part) = self.parts.iter_mut().find(|part| part.key == setting.key) {
            part.written.clone_from(&setting.value);
        }
    }

    /// Lists what the run's summary is to say that it does not say yet.
    pub(super) fn news(&self) -> Vec<Setting> {
        let news = self.parts.iter().filter(|part| !part.by_hand).filter_map(|part| {
            let value = self.value(part.op);
            (!same(value.as_ref(), part.written.as_ref())).then(|| Setting { key: part.key.clone(), value })
        });
        news.collect()
    }

    /// Lists what the summary has of the key. The last value of one without a summary of its own is there, too: rows may have been
    /// given it.
    pub(super) fn summary(&self) -> Vec<(String, Option<Value>)> {
        let own = match (&self.tallied.last, self.ops.is_empty()) {
            _ if self.tallied.by_hand => None,
            (None, true) => None,
            (last, true) => Some(last.clone()),
            (_, false) => Some(None),
        };
        let own = own.map(|value| (self.name.clone(), value));
        let parts = self.parts.iter().filter(|part| !part.by_hand);
        own.into_iter().chain(parts.map(|part| (part.key.clone(), self.value(part.op)))).collect()
    }

    fn value(&self, op: SummaryOp) -> Option<Value> {
        if !self.ops.contains(&op) {
            return None;
        }
        let tally = &self.tallied.tally;
        match op {
            SummaryOp::Min => tally.min.clone(),
            SummaryOp::Max => tally.max.clone(),
            SummaryOp::Mean => tally.mean().map(Value::Float),
            SummaryOp::First => tally.first.clone(),
            SummaryOp::Last => tally.last.clone(),
            SummaryOp::Best if self.goal == Some(Goal::Maximize) => tally.max.clone(),
            SummaryOp::Best => tally.min.clone(),
            SummaryOp::None | SummaryOp::Copy => None,
        }
    }
}

/// A number that is read back out of an envelope is a float, whatever it was.
fn same(a: Option<&Value>, b: Option<&Value>) -> bool {
    match (a, b) {
        (Some(Value::Int(int)), Some(Value::Float(float)))
        | (Some(Value::Float(float)), Some(Value::Int(int))) => Value::Int(*int).as_f64() == Some(*float),
        _ => a == b,
    }
}

//! The keys of a run and the last value of each.

use crate::sink::Sink;
use danlu::{Key, Value};
use pyo3::prelude::*;
use pyo3::types::PyString;
use std::collections::{HashMap, HashSet};

/// The keys that were logged or set by hand, and the row that is being put together.
#[derive(Default)]
pub(crate) struct Columns {
    columns: Vec<Column>,
    by_name: HashMap<Box<str>, usize>,
    /// The key objects of the last row, by place. A training loop logs the same dict again and again, mostly with
    /// the very same key objects: then a key costs one comparison of addresses.
    shape: Vec<(Py<PyString>, usize)>,
    /// The row that is logged next; kept for its memory.
    pub(crate) row: Vec<(Key, Value)>,
}

struct Column {
    name: Box<str>,
    /// Unknown until the key is logged, and where nothing is written.
    key: Option<Key>,
    /// The value that was logged or set last: what the summary says unless a definition decides on it.
    last: Option<Value>,
    /// It says where a row is: it is not in the summary.
    is_of_row: bool,
}

/// What definitions of metrics make of the summary; keys without a value are not in it.
pub(crate) type Decided = Vec<(String, Option<Value>)>;

impl Columns {
    /// Adds a value to the row. `place` is where in its dict it stands. The key must be an exact `str`.
    ///
    /// # Errors
    /// The key has lone surrogates and cannot be encoded.
    pub(crate) fn push(
        &mut self,
        sink: &Sink,
        place: usize,
        key: &Bound<'_, PyString>,
        value: Value,
    ) -> PyResult<()> {
        let column = match self.shape.get(place) {
            Some((known, column)) if known.is(key) => *column,
            // A name that is built anew for each row, as by an f-string.
            Some((known, column)) if known.bind(key.py()).as_any().eq(key)? => *column,
            _ => {
                let column = self.find(&key.to_cow()?);
                self.remember(place, key, column);
                column
            }
        };
        self.add(sink, column, value);
        Ok(())
    }

    /// Adds a value whose key is no object of the dict.
    pub(crate) fn push_named(&mut self, sink: &Sink, name: &str, value: Value) {
        let column = self.find(name);
        self.add(sink, column, value);
    }

    fn add(&mut self, sink: &Sink, column: usize, value: Value) {
        let Some(column) = self.columns.get_mut(column) else { return };
        if column.key.is_none() && sink.file().is_some() {
            column.key = sink.key(&column.name);
            if column.key.is_none() {
                return;
            }
        }
        if !column.is_of_row {
            column.last = Some(value.clone());
        }
        if let Some(key) = column.key {
            self.row.push((key, value));
        }
    }

    fn remember(&mut self, place: usize, key: &Bound<'_, PyString>, column: usize) {
        let entry = (key.clone().unbind(), column);
        if let Some(known) = self.shape.get_mut(place) {
            *known = entry;
        } else if place == self.shape.len() {
            self.shape.push(entry);
        }
    }

    fn find(&mut self, name: &str) -> usize {
        if let Some(column) = self.by_name.get(name) {
            return *column;
        }
        let column = self.columns.len();
        let is_of_row = danlu::writer::is_of_row(name);
        self.columns.push(Column { name: name.into(), key: None, last: None, is_of_row });
        self.by_name.insert(name.into(), column);
        column
    }

    /// Sets what the summary says of a key; `None` takes it away.
    pub(crate) fn set_last(&mut self, name: &str, value: Option<Value>) {
        let column = self.find(name);
        if let Some(column) = self.columns.get_mut(column) {
            column.last = value;
        }
    }

    /// Returns what the summary says of a key.
    pub(crate) fn last<'a>(&'a self, name: &str, decided: &'a Decided) -> Option<&'a Value> {
        if let Some((_, value)) = decided.iter().find(|(key, _)| key == name) {
            return value.as_ref();
        }
        self.by_name
            .get(name)
            .and_then(|column| self.columns.get(*column))
            .and_then(|column| column.last.as_ref())
    }

    /// Returns the whole summary, in the order in which the keys came up, those that definitions ask for last.
    pub(crate) fn summary(&self, decided: Decided) -> Vec<(Box<str>, Value)> {
        let names: HashSet<&str> = decided.iter().map(|(name, _)| &**name).collect();
        let own = self.columns.iter().filter(|column| !names.contains(&*column.name));
        let own = own.filter_map(|column| Some((column.name.clone(), column.last.clone()?)));
        let mut all: Vec<(Box<str>, Value)> = own.collect();
        all.extend(decided.into_iter().filter_map(|(name, value)| Some((name.into(), value?))));
        all
    }
}

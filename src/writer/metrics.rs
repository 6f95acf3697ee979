//! The definitions of metrics that are in force, and the keys that they concern.

use super::column::Column;
use super::metric::{Definition, Metric, covers, stem};
use super::rows::is_of_row;
use crate::model::{Event, Setting, Value};
use crate::store::Tallied;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

/// What is defined, and what is kept for it. Without definitions there are no columns, and that is all a row asks.
#[derive(Default)]
pub(super) struct Metrics {
    /// By name, or by the beginning of names with a `*`.
    definitions: BTreeMap<String, Definition>,
    /// What the run says of keys that definitions with a `*` are of.
    expanded: BTreeMap<String, Definition>,
    /// By the number of the key, ascending.
    columns: Vec<(u64, Column)>,
    /// Of keys that were logged before this attempt and not yet in it.
    waiting: BTreeMap<String, Column>,
    pub(super) before: Before,
}

/// What there was of metrics before this attempt.
#[derive(Default)]
pub(super) struct Before {
    /// Definitions: names and data.
    pub(super) defined: Vec<(String, String)>,
    /// The names of keys that were logged.
    pub(super) names: BTreeSet<String>,
    /// The files that have them.
    pub(super) files: Vec<PathBuf>,
}

/// A definition or an expansion to be written down: its name and data.
pub(super) type Written = (String, Definition);

impl Metrics {
    /// Says whether anything is kept.
    pub(super) fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// Says whether nothing is kept, not even of keys that this attempt does not have yet.
    pub(super) fn is_quiet(&self) -> bool {
        self.columns.is_empty() && self.waiting.is_empty()
    }

    /// Takes over definitions that the run has already. Returns those that it has in another form.
    pub(super) fn restore(&mut self, recorded: Vec<(String, String)>) -> Vec<Written> {
        let mut others = Vec::new();
        for (name, data) in recorded {
            let Ok(metric) = Metric::parse(&name, &data) else { continue };
            if metric.definition.glob.is_some() {
                self.expanded.insert(name, metric.definition);
                continue;
            }
            let Ok(metric) = metric.checked() else { continue };
            let definition = Definition::default().add(&metric.definition);
            if definition.to_json() != data || metric.name != name {
                others.push((metric.name.clone(), definition.clone()));
            }
            self.definitions.insert(metric.name, definition);
        }
        others
    }

    /// Adds a definition. Returns what is to be written down; nothing if it changes nothing.
    pub(super) fn define(&mut self, metric: &Metric) -> Vec<Written> {
        let known = self.definitions.get(&metric.name);
        let before = known.filter(|_| !metric.overwrite).cloned().unwrap_or_default();
        let definition = before.add(&metric.definition);
        if known == Some(&definition) {
            return Vec::new();
        }
        let mut written = vec![(metric.name.clone(), definition.clone())];
        if let Some(step) = &definition.step_metric
            && !self.definitions.contains_key(step)
            && *step != metric.name
        {
            written.push((step.clone(), Definition::default()));
        }
        self.definitions.extend(written.iter().cloned());
        written
    }

    /// Says whether a definition would change nothing.
    pub(super) fn has(&self, metric: &Metric) -> bool {
        self.definitions.get(&metric.name).is_some_and(|known| {
            let before = if metric.overwrite { &Definition::default() } else { known };
            before.add(&metric.definition) == *known
        })
    }

    /// Finds the definition of a key, and the name that it has.
    fn definition_of(&self, key: &str) -> Option<(&str, &Definition)> {
        if let Some((name, definition)) = self.definitions.get_key_value(key).filter(|_| stem(key).is_none())
        {
            return Some((name, definition));
        }
        let globs = self.definitions.iter().filter(|(name, _)| stem(name).is_some() && covers(name, key));
        globs.max_by_key(|(name, _)| name.len()).map(|(name, definition)| (&**name, definition))
    }

    /// Works out what is to be kept of a key: its definition, and the metric that it is synced with. `None` if nothing is.
    fn wanted(&self, key: &str) -> Option<(Definition, Option<String>)> {
        let definition =
            self.definition_of(key).map(|(_, definition)| definition.clone()).unwrap_or_default();
        let step = definition.synced().filter(|step| *step != key && !is_of_row(step));
        let step = step.map(str::to_owned);
        let is_step = || self.definitions.values().any(|other| other.synced() == Some(key));
        let wanted = !definition.summary.is_empty() || step.is_some() || is_step();
        wanted.then_some((definition, step))
    }

    /// Returns what is to be written down of a key that a definition with a `*` is of, unless it is already.
    pub(super) fn expand(&mut self, key: &str) -> Option<Written> {
        let (glob, definition) = self.definition_of(key)?;
        if stem(glob).is_none() {
            self.expanded.remove(key);
            return None;
        }
        let expanded = Definition { glob: Some(glob.to_owned()), ..definition.clone() };
        if self.expanded.get(key) == Some(&expanded) {
            return None;
        }
        self.expanded.insert(key.to_owned(), expanded.clone());
        Some((key.to_owned(), expanded))
    }

    /// Takes in that this attempt has a key, which nothing was logged of in it yet.
    pub(super) fn introduce(&mut self, key: u64, name: &str) -> Option<Written> {
        if self.definitions.is_empty() {
            return None;
        }
        let column = self.waiting.remove(name).or_else(|| self.new_column(name, Tallied::default()));
        if let Some(column) = column {
            self.insert(key, column);
        }
        self.expand(name)
    }

    fn new_column(&self, name: &str, tallied: Tallied) -> Option<Column> {
        let (definition, step) = self.wanted(name)?;
        let mut column = Column::new(name, tallied);
        column.define(&definition, step.as_deref());
        Some(column)
    }

    fn insert(&mut self, key: u64, column: Column) {
        if let Err(place) = self.columns.binary_search_by_key(&key, |(key, _)| *key) {
            self.columns.insert(place, (key, column));
        }
    }

    /// Brings the column of a key up to what is defined. A new one begins with what `tallied` gives.
    pub(super) fn update(&mut self, key: Option<u64>, name: &str, tallied: impl FnOnce() -> Tallied) {
        let wanted = self.wanted(name);
        let known = match key {
            Some(key) => self.column_mut(key),
            None => self.waiting.get_mut(name),
        };
        match (known, wanted) {
            (Some(column), wanted) => {
                let (definition, step) = wanted.unwrap_or_default();
                column.define(&definition, step.as_deref());
            }
            (None, Some(_)) => {
                let Some(column) = self.new_column(name, tallied()) else { return };
                match key {
                    Some(key) => self.insert(key, column),
                    None => {
                        self.waiting.insert(name.to_owned(), column);
                    }
                }
            }
            (None, None) => {}
        }
    }

    /// Lists the keys that were logged before this attempt, as far as something is wanted of them.
    pub(super) fn wanted_before(&self) -> BTreeSet<String> {
        self.before.names.iter().filter(|name| self.wanted(name).is_some()).cloned().collect()
    }

    /// Says whether something is wanted of a key of which nothing is kept yet.
    pub(super) fn lacks(&self, key: Option<u64>, name: &str) -> bool {
        let kept = key.map_or_else(|| self.waiting.contains_key(name), |key| self.column(key).is_some());
        !kept && self.wanted(name).is_some()
    }

    pub(super) fn column(&self, key: u64) -> Option<&Column> {
        let place = self.columns.binary_search_by_key(&key, |(key, _)| *key).ok()?;
        self.columns.get(place).map(|(_, column)| column)
    }

    fn column_mut(&mut self, key: u64) -> Option<&mut Column> {
        let place = self.columns.binary_search_by_key(&key, |(key, _)| *key).ok()?;
        self.columns.get_mut(place).map(|(_, column)| column)
    }

    /// Returns the names of step metrics that a row is to have as well.
    pub(super) fn steps_of(&self, row: &[(u64, Value)]) -> Vec<Arc<str>> {
        let mut steps: Vec<Arc<str>> =
            row.iter().filter_map(|(key, _)| self.column(*key)?.step.clone()).collect();
        steps.sort_unstable();
        steps.dedup();
        steps
    }

    /// Returns the name of the step metric that a row with a key is to have as well.
    pub(super) fn step_of(&self, key: &str) -> Option<String> {
        self.wanted(key).and_then(|(_, step)| step)
    }

    /// Returns the last value of a key.
    pub(super) fn last(&self, key: Option<u64>, name: &str) -> Option<Value> {
        let column = key.map_or_else(|| self.waiting.get(name), |key| self.column(key));
        column.and_then(|column| column.tallied.last.clone())
    }

    /// Takes in a row that was logged.
    pub(super) fn add(&mut self, row: &[(u64, Value)]) {
        for (key, value) in row {
            if let Some(column) = self.column_mut(*key) {
                column.add(value);
            }
        }
    }

    fn all(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().map(|(_, column)| column).chain(self.waiting.values())
    }

    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = &mut Column> {
        self.columns.iter_mut().map(|(_, column)| column).chain(self.waiting.values_mut())
    }

    /// Takes in that a key of the summary was set or removed by hand.
    pub(super) fn set_by_hand(&mut self, key: &str, value: Option<&Value>) {
        for column in self.all_mut() {
            if column.name == key {
                column.set_by_hand();
            } else {
                column.set_part_by_hand(key, value);
            }
        }
    }

    /// Takes in what the run says of keys of the summary.
    pub(super) fn set_written(&mut self, summary: &[(String, Value)]) {
        let summary: BTreeMap<&str, &Value> = summary.iter().map(|(key, value)| (&**key, value)).collect();
        self.all_mut().for_each(|column| column.set_written(&summary));
    }

    /// Lets `write` write down what the run's summary is to say and does not say yet, until that fails.
    pub(super) fn write_news(&mut self, mut write: impl FnMut(&Setting) -> bool) {
        for column in self.all_mut().filter(|column| column.changed) {
            for setting in column.news() {
                if !write(&setting) {
                    return;
                }
                column.wrote(&setting);
            }
            column.changed = false;
        }
    }

    /// Lists the keys of the summary that definitions decide on; those without a value are not in it.
    pub(super) fn summary(&self) -> Vec<(String, Option<Value>)> {
        self.all().flat_map(Column::summary).collect()
    }
}

/// The definitions that a run has which is being copied.
#[derive(Default)]
pub(super) struct Copied(BTreeMap<String, (String, Definition)>);

impl Copied {
    pub(super) fn define(&mut self, event: &Event) {
        if let Ok(metric) = Metric::parse(&event.name, &event.data) {
            self.0.insert(event.name.clone(), (event.data.clone(), metric.definition));
        }
    }

    /// Says whether a key of the summary is what a definition made of it.
    pub(super) fn has_part(&self, key: &str) -> bool {
        let part = key.rsplit_once('.').and_then(|(name, op)| Some((&self.0.get(name)?.1, op)));
        part.is_some_and(|(definition, op)| definition.summary.iter().any(|asked| asked.name() == op))
    }

    pub(super) fn definitions(self) -> Vec<(String, String)> {
        self.0.into_iter().map(|(name, (data, _))| (name, data)).collect()
    }
}

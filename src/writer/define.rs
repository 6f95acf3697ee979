//! Definitions of metrics, and what they make of the summary while a run is written.

use super::Run;
use super::metric::{Metric, covers};
use super::metrics::{Before, Written};
use super::shared::{Log, Shared, problem_of, shown};
use crate::model::{AttemptId, Error, Event, EventKind, Record, Result, Value};
use crate::store::{self, JournalReader, Tallied};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

impl Run {
    /// Defines a metric: what it is drawn over, and what the summary is to have of it. It holds for what was logged before, too.
    /// A definition that cannot be used counts as lost.
    pub fn define_metric(&self, metric: Metric) {
        let Some(mut log) = self.open_log("define") else { return };
        let refused = |log: &mut Log, why: &str| self.shared.lose(log, why);
        let metric = match metric.checked() {
            Ok(metric) => metric,
            Err(e) => return refused(&mut log, &e.to_string()),
        };
        if let Some(problem) = problem_of(&metric.name, None) {
            return refused(
                &mut log,
                &format!("Metric `{}` cannot be defined: {problem}", shown(&metric.name)),
            );
        }
        if log.metrics.has(&metric) {
            return;
        }
        let step = metric.definition.synced().map(str::to_owned);
        let concerned = |key: &str| covers(&metric.name, key) || step.as_deref() == Some(key);
        let files = match log.metrics.before.names.iter().any(|key| concerned(key)) {
            true => log.metrics.before.files.clone(),
            false => Vec::new(),
        };
        drop(log);
        // The run file is not waited for while the log is held.
        let before = self.shared.tally_files(self.info().attempt, &files, concerned);
        if let Some(mut log) = self.open_log("define") {
            self.shared.define(&mut log, &metric, &before);
        }
    }

    /// Defines a metric as an event of [`EventKind::Metric`] says.
    pub(super) fn define_by_event(&self, name: &str, data: &str) {
        match Metric::parse(name, data) {
            Ok(metric) => self.define_metric(metric),
            Err(e) => self.lose(&e.to_string()),
        }
    }

    /// Returns what definitions of metrics make of the summary: keys with what they are now, and keys that are not in it, as
    /// that of a metric whose smallest value is asked for in place of the last.
    pub fn metric_summary(&self) -> Vec<(String, Option<Value>)> {
        self.guard().map(|log| log.metrics.summary()).unwrap_or_default()
    }

    /// Takes over what the run that goes on has defined, with what its files say of the metrics.
    pub(super) fn restore_metrics(&mut self, mut before: Before) {
        let recorded = std::mem::take(&mut before.defined);
        let files = before.files.clone();
        let mut log = self.shared.lock();
        log.metrics.before = before;
        if recorded.is_empty() {
            return;
        }
        let others = log.metrics.restore(recorded);
        let wanted = log.metrics.wanted_before();
        drop(log);
        let tallied = self.shared.tally_files(self.info().attempt, &files, |name| wanted.contains(name));
        let mut log = self.shared.lock();
        self.shared.update_columns(&mut log, &tallied, |_| true);
        self.shared.write_definitions(&mut log, others);
        log.metrics.set_written(&self.restored.summary);
        let summary = log.metrics.summary();
        drop(log);
        self.correct_restored(summary);
    }

    /// Takes over definitions that were copied into the journal, with what it says of the metrics.
    pub(super) fn track_copied(&mut self, recorded: Vec<(String, String)>) {
        if recorded.is_empty() {
            return;
        }
        let mut log = self.shared.lock();
        let others = log.metrics.restore(recorded);
        self.shared.write_definitions(&mut log, others);
        self.shared.update_columns(&mut log, &BTreeMap::new(), |_| true);
        let summary = log.metrics.summary();
        drop(log);
        self.correct_restored(summary);
    }

    fn correct_restored(&mut self, summary: Vec<(String, Option<Value>)>) {
        let restored = &mut self.restored.summary;
        restored.retain(|(key, _)| summary.iter().all(|(other, _)| other != key));
        restored.extend(summary.into_iter().filter_map(|(key, value)| Some((key, value?))));
        restored.sort_by(|(a, _), (b, _)| a.cmp(b));
    }
}

impl Shared {
    fn define(&self, log: &mut Log, metric: &Metric, before: &BTreeMap<String, Tallied>) {
        let written = log.metrics.define(metric);
        if written.is_empty() {
            return;
        }
        let names: Vec<String> = written.iter().map(|(name, _)| name.clone()).collect();
        let step = written.first().and_then(|(_, definition)| definition.synced().map(str::to_owned));
        let concerned =
            |key: &str| step.as_deref() == Some(key) || names.iter().any(|name| covers(name, key));
        self.write_definitions(log, written);
        self.update_columns(log, before, concerned);
        self.write_summary(log);
    }

    pub(super) fn write_definitions(&self, log: &mut Log, written: impl IntoIterator<Item = Written>) {
        for (name, definition) in written {
            let (time, kind, data) = (self.clock.now(), EventKind::Metric, definition.to_json());
            self.append(log, &Record::Event(Event { time, kind, name, text: String::new(), data }));
        }
    }

    /// Brings what is kept of keys up to what is defined. `before` is what files say of them.
    fn update_columns(
        &self,
        log: &mut Log,
        before: &BTreeMap<String, Tallied>,
        concerned: impl Fn(&str) -> bool,
    ) {
        let earlier = log.metrics.before.names.iter().filter(|name| log.known_key(name).is_none());
        let earlier = earlier.map(|name| (&**name, None));
        let all = earlier.chain(log.known_keys().map(|(name, key)| (name, Some(key))));
        let concerned = all.filter(|(name, _)| concerned(name)).map(|(name, key)| (name.to_owned(), key));
        let mut names: Vec<(String, Option<u64>)> = concerned.collect();
        names.sort_by_key(|(_, key)| *key);
        let lacking = names.iter().filter(|(name, key)| log.metrics.lacks(*key, name));
        let lacking = lacking.map(|(name, _)| (&**name, before.get(name).cloned().unwrap_or_default()));
        let mut tallied: HashMap<&str, Tallied> = lacking.collect();
        if !tallied.is_empty()
            && let Err(e) = self.tally_journal(log, &mut tallied)
        {
            self.tell_no_tally(&e);
        }
        for (name, key) in &names {
            log.metrics.update(*key, name, || tallied.remove(&**name).unwrap_or_default());
            if let Some(expanded) = log.metrics.expand(name) {
                self.write_definitions(log, [expanded]);
            }
        }
    }

    /// Adds what the journal says of keys.
    fn tally_journal(&self, log: &Log, tallied: &mut HashMap<&str, Tallied>) -> Result<()> {
        if log.journal.seq() <= 1 {
            // Nothing but the start, and it may not have its name yet.
            return Ok(());
        }
        let mut names: HashMap<u64, String> = HashMap::new();
        let mut reader = JournalReader::open(&self.journal)?;
        reader.read_until(log.journal.length());
        while let Some(record) = reader.read()? {
            match record {
                Record::Key { name, system: false } if tallied.contains_key(&*name) => {
                    names.insert(reader.seq(), name);
                }
                Record::Row(row) => {
                    for (key, value) in &row.values {
                        if let Some(known) = names.get(key).and_then(|name| tallied.get_mut(&**name)) {
                            known.add(value);
                        }
                    }
                }
                Record::Summary(setting) => {
                    if let Some(known) = tallied.get_mut(&*setting.key) {
                        known.set_by_hand();
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Reads what run files say of the keys that are wanted.
    fn tally_files(
        &self,
        own: AttemptId,
        files: &[PathBuf],
        wanted: impl Fn(&str) -> bool,
    ) -> BTreeMap<String, Tallied> {
        let mut tallied = BTreeMap::new();
        for file in files {
            let _database = self.lock_database();
            let read = store::open(file).and_then(|file| store::tally(&file, own, &wanted, &mut tallied));
            if let Err(e) = read {
                self.tell_no_tally(&e);
            }
        }
        tallied
    }

    fn tell_no_tally(&self, error: &Error) {
        self.warnings.once("tally", || {
            format!("Cannot read what was logged before, so the summary of defined metrics lacks it: {error}")
        });
    }

    /// Writes down what definitions make of the summary, as far as the run does not say it yet. What cannot be written now is
    /// written later.
    pub(super) fn write_summary(&self, log: &mut Log) {
        if log.finished || log.metrics.is_quiet() {
            return;
        }
        let Log { metrics, journal, .. } = log;
        metrics.write_news(|setting| journal.append(&Record::Summary(setting.clone())).is_ok());
    }
}

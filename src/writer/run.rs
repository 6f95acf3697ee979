//! A run that is being written, as the training loop sees it.

use super::builder::Begun;
use super::drain::Drainer;
use super::ignore::Ignore;
use super::live::Keeper;
use super::metrics::{Before, Copied};
use super::resume::{self, Said};
use super::shared::{Log, Shared, problem_of, shown};
use super::{RunBuilder, fork};
use crate::model::{Error, ErrorKind, Event, EventKind, Origin, Record, Result, Setting, Start, Value};
use crate::store;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A key of the history whose name was looked up once: see [`Run::key`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub(super) u64);

/// A run that is being written.
///
/// Its methods take `&self` and may be called from several threads. Dropping it without [`Run::finish`] leaves a run
/// that counts as crashed: everything that was logged is there, but nobody said that it ended.
pub struct Run {
    pub(super) shared: Arc<Shared>,
    pub(super) keeper: Arc<Keeper>,
    start: Start,
    pub(super) restored: Restored,
    pub(super) directory: PathBuf,
    /// Taken by whoever ends the run.
    drainer: Mutex<Option<Drainer>>,
    forks: u32,
}

/// Where a row went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Logged {
    /// Its step.
    pub step: i64,
    /// Its time, in microseconds since 1970-01-01 UTC.
    pub time: i64,
}

/// What a run had when this process went on with it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Restored {
    /// The step that it goes on at.
    pub step: i64,
    /// Its config.
    pub config: Vec<(String, Value)>,
    /// Its summary.
    pub summary: Vec<(String, Value)>,
}

impl Run {
    /// Starts to describe a run of a project.
    pub fn builder(project: impl Into<String>) -> RunBuilder {
        RunBuilder::new(project.into())
    }

    pub(super) fn start(begun: Begun) -> Result<Self> {
        let Begun { start, standing, run_file, journal, directory, ignore, clock, warn } = begun;
        let syncer = journal.0.syncer()?;
        let rewinds = matches!(start.origin, Origin::Rewind { .. });
        let shared = Shared::new(run_file, journal, syncer, clock, warn);
        let mut metrics = Before::default();
        let restored = standing.filter(|_| !rewinds).map(|standing| {
            shared.lock().step = standing.step;
            metrics = Before { defined: standing.metrics, names: standing.keys, files: standing.files };
            Restored { step: standing.step, config: standing.config, summary: standing.summary }
        });
        let forks = store::forks();
        let shared = Arc::new(shared);
        let (ignore, problems) = Ignore::new(&directory, &ignore);
        for problem in problems {
            shared.warnings.once(&problem.clone(), || problem);
        }
        let mut run = Self {
            keeper: Arc::new(Keeper::new(Arc::clone(&shared), ignore)),
            shared,
            start,
            restored: restored.unwrap_or_default(),
            directory,
            drainer: Mutex::default(),
            forks,
        };
        run.restore_metrics(metrics);
        Ok(run)
    }

    /// Takes over what another run, or this one, said up to a step, and goes on after it. Returns the definitions of metrics:
    /// what they make of the summary is not copied, but comes of the rows.
    pub(super) fn copy_from(&mut self, files: &[PathBuf], step: i64) -> Result<Vec<(String, String)>> {
        let mut log = self.shared.lock();
        let mut metrics = Copied::default();
        let mut summary = std::collections::BTreeMap::new();
        resume::said_until(files, step, |said| match said {
            Said::Row(step, time, values) => {
                let mut row = log.take_row();
                for (place, (name, value)) in values.into_iter().enumerate() {
                    if let Some(key) = self.shared.find_key(&mut log, place, &name) {
                        row.push((key, value.clone()));
                        summary.insert(name, Some(value));
                    }
                }
                self.shared.append_row_at(&mut log, step, time, row);
            }
            Said::Other(record) => {
                match &record {
                    Record::Event(event) => metrics.define(event),
                    Record::Summary(setting) if metrics.has_part(&setting.key) => return,
                    Record::Config(setting) => {
                        self.restored.config.retain(|(key, _)| *key != setting.key);
                        self.restored
                            .config
                            .extend(setting.value.clone().map(|value| (setting.key.clone(), value)));
                    }
                    Record::Summary(setting) => {
                        summary.insert(setting.key.clone(), setting.value.clone());
                    }
                    _ => {}
                }
                self.shared.append(&mut log, &record);
            }
        })?;
        log.step = step.saturating_add(1);
        (log.rows, log.highest_step) = (0, None);
        self.restored.step = log.step;
        self.restored.summary = summary.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
        match log.lost {
            0 => Ok(metrics.definitions()),
            lost => {
                let message =
                    format!("Cannot copy what the run goes on from: {lost} records could not be written");
                Err(Error::new(ErrorKind::Io, message).with_hint("make room; nothing was changed"))
            }
        }
    }

    /// Lets others see the run.
    pub(super) fn publish(&self) -> Result<()> {
        self.shared.lock().journal.publish()
    }

    /// Starts to drain the journal.
    pub(super) fn drain_every(&mut self, tick: Duration, follows: bool) -> Result<()> {
        let drainer = Drainer::start(Arc::clone(&self.shared), tick, follows)?;
        *self.drainer.lock().unwrap_or_else(PoisonError::into_inner) = Some(drainer);
        Ok(())
    }

    /// Returns what the run had before this process went on with it; nothing when it is new.
    pub fn restored(&self) -> &Restored {
        &self.restored
    }

    /// Returns who writes, and for which run.
    pub fn info(&self) -> &Start {
        &self.start
    }

    /// Returns the run id.
    pub fn id(&self) -> &str {
        self.start.run.id.as_str()
    }

    /// Returns the path of the run file.
    pub fn path(&self) -> &Path {
        &self.shared.run_file
    }

    /// Returns the step that the next [`Self::log`] writes.
    pub fn step(&self) -> i64 {
        self.guard().map_or(0, |log| log.step)
    }

    /// Returns how many records and values could not be stored.
    pub fn lost(&self) -> u64 {
        self.guard().map_or(0, |log| log.lost)
    }

    /// Returns how many rows this process has logged, and the highest of their steps. What the run had before does not
    /// count.
    pub fn logged(&self) -> (u64, Option<i64>) {
        self.guard().map_or((0, None), |log| (log.rows, log.highest_step))
    }

    /// Logs a row at the current step and goes on to the next. When it returns, the row survives the death of this
    /// process.
    pub fn log<K: AsRef<str>, V: Into<Value>>(&self, values: impl IntoIterator<Item = (K, V)>) {
        self.log_values(None, None, values);
    }

    /// Logs a row at a step. A step that is lower than the current one or was used before is kept as what it is.
    pub fn log_at<K: AsRef<str>, V: Into<Value>>(&self, step: i64, values: impl IntoIterator<Item = (K, V)>) {
        self.log_values(Some(step), None, values);
    }

    /// Logs a row as `wandb.log(data, step, commit)` does: without a step at the current one; `commit` says whether
    /// to go on to the next step, which is the default only without a step.
    pub fn log_values<K: AsRef<str>, V: Into<Value>>(
        &self,
        step: Option<i64>,
        commit: Option<bool>,
        values: impl IntoIterator<Item = (K, V)>,
    ) {
        let Some(mut log) = self.open_log("log") else {
            return;
        };
        let mut row = log.take_row();
        for (place, (name, value)) in values.into_iter().enumerate() {
            if let Some(key) = self.shared.find_key(&mut log, place, name.as_ref()) {
                row.push((key, value.into()));
            }
        }
        self.shared.append_row(&mut log, step, commit, row);
    }

    /// Looks up the name of a history key once, for [`Self::log_keys`]. `None` if it cannot be used as a name or
    /// stored; that is counted, and said once.
    pub fn key(&self, name: &str) -> Option<Key> {
        let mut log = self.open_log("log")?;
        self.shared.find_key(&mut log, usize::MAX, name).map(Key)
    }

    /// Logs a row of values whose keys have been looked up. The values are taken out of the vector, which keeps its
    /// memory. `None` if the run is finished or belongs to another process.
    pub fn log_keys(
        &self,
        step: Option<i64>,
        commit: Option<bool>,
        values: &mut Vec<(Key, Value)>,
    ) -> Option<Logged> {
        let Some(mut log) = self.open_log("log") else {
            values.clear();
            return None;
        };
        let mut row = log.take_row();
        row.extend(values.drain(..).map(|(key, value)| (key.0, value)));
        let (step, time) = self.shared.append_row(&mut log, step, commit, row);
        Some(Logged { step, time })
    }

    /// Logs values that belong to a row logged before and took longer, such as those of images that had to be encoded.
    /// The current step stays as it is. Only what has a step of its own counts as a row of [`Self::logged`].
    pub fn log_late<K: AsRef<str>>(&self, row: Logged, values: impl IntoIterator<Item = (K, Value)>) {
        let Some(mut log) = self.open_log("log") else { return };
        let mut late = log.take_row();
        for (name, value) in values {
            if let Some(key) = self.shared.find_key(&mut log, usize::MAX, name.as_ref()) {
                late.push((key, value));
            }
        }
        let (rows, highest) = (log.rows, log.highest_step);
        self.shared.append_row_at(&mut log, row.step, row.time, late);
        if highest >= Some(row.step) {
            log.rows = rows;
        }
    }

    /// Logs a sample of system metrics, which have no step and keys of their own. What comes after the end of the run is
    /// dropped without a word: nobody asked for that sample.
    pub fn log_system(&self, sample: &[(String, f64)]) {
        if let Some(mut log) = self.guard().filter(|log| !log.finished) {
            self.shared.append_sample(&mut log, sample);
        }
    }

    /// Sets a config key.
    pub fn config(&self, key: impl Into<String>, value: impl Into<Value>) {
        self.set(Record::Config, key.into(), Some(value.into()));
    }

    /// Takes a key out of the config.
    pub fn remove_config(&self, key: impl Into<String>) {
        self.set(Record::Config, key.into(), None);
    }

    /// Sets a summary key. Until it is set by hand, a key has the last value that was logged.
    pub fn summary(&self, key: impl Into<String>, value: impl Into<Value>) {
        self.set(Record::Summary, key.into(), Some(value.into()));
    }

    /// Takes a key out of the summary.
    pub fn remove_summary(&self, key: impl Into<String>) {
        self.set(Record::Summary, key.into(), None);
    }

    fn set(&self, record: fn(Setting) -> Record, key: String, value: Option<Value>) {
        let Some(mut log) = self.open_log("set") else {
            return;
        };
        let value = value.map(Value::canonical);
        if let Some(problem) = problem_of(&key, value.as_ref()) {
            return self.shared.lose(&mut log, &format!("`{}` is not stored: {problem}", shown(&key)));
        }
        let record = record(Setting { key, value });
        self.shared.append(&mut log, &record);
        if let Record::Summary(Setting { key, value }) = &record {
            log.metrics.set_by_hand(key, value.as_ref());
            self.shared.write_summary(&mut log);
        }
    }

    /// Records something that happens now; see [`EventKind`] for what the texts mean.
    pub fn event(
        &self,
        kind: EventKind,
        name: impl Into<String>,
        text: impl Into<String>,
        data: impl Into<String>,
    ) {
        if kind == EventKind::Metric {
            return self.define_by_event(&name.into(), &data.into());
        }
        let Some(mut log) = self.open_log("record") else {
            return;
        };
        let event = Event {
            time: self.shared.clock.now(),
            kind,
            name: name.into(),
            text: text.into(),
            data: data.into(),
        };
        self.shared.append(&mut log, &Record::Event(event));
    }

    /// Counts something that could not be stored, and says why, once for each reason.
    pub fn lose(&self, why: &str) {
        if let Some(mut log) = self.guard() {
            self.shared.lose(&mut log, why);
        }
    }

    /// Hands a warning to [`RunBuilder::on_warning`], once, of something that costs the run nothing that was logged.
    pub fn warn(&self, message: &str) {
        if !self.is_foreign() {
            self.shared.warnings.once(message, || message.to_owned());
        }
    }

    /// Makes everything that was logged so far durable: when this returns, it survives a power cut. Without it that
    /// happens about once a second.
    ///
    /// # Errors
    /// The disk refuses, or the run belongs to another process. What was logged is in the journal all the same, and
    /// survives the death of this process.
    pub fn flush(&self) -> Result<()> {
        let Some(log) = self.guard() else {
            return Err(Error::usage("Cannot flush the run: it belongs to another process"));
        };
        let (written, finished) = (log.journal.length(), log.finished);
        drop(log);
        if finished { Ok(()) } else { self.shared.sync(written) }
    }

    /// Brings the run file up to date, as happens about once a second, if it follows the journal: when this returns,
    /// others see what was logged before. It waits for a tick of the background thread, and no longer than ten seconds.
    pub fn drain(&self) {
        if !self.is_foreign()
            && let Some(drainer) = &*self.drainer.lock().unwrap_or_else(PoisonError::into_inner)
        {
            drainer.drain();
        }
    }

    /// Ends the run with the exit code of the training, 0 for success, and seals its file.
    ///
    /// # Errors
    /// The run file cannot be written. The journal is kept then, and the next `danlu` command completes the run.
    pub fn finish(self, exit_code: i32) -> Result<()> {
        self.end(exit_code)
    }

    /// Does what [`Self::finish`] does to a run that cannot be moved. A second call does nothing.
    ///
    /// # Errors
    /// As [`Self::finish`].
    pub fn end(&self, exit_code: i32) -> Result<()> {
        if self.guard().is_none_or(|log| log.finished) {
            return Ok(());
        }
        self.keeper.finish();
        let Some(mut log) = self.guard().filter(|log| !log.finished) else { return Ok(()) };
        self.shared.write_summary(&mut log);
        let data = format!("{{\"exit_code\":{exit_code}}}");
        let time = self.shared.clock.now();
        let end = Event { time, kind: EventKind::End, name: String::new(), text: String::new(), data };
        let ended = self.shared.append_end(&mut log, end);
        log.finished = true;
        let (written, lost) = (log.journal.seq(), log.lost);
        drop(log);
        self.take_drainer().map_or(Ok(()), Drainer::stop)?;
        let sealed = if ended { self.seal(written) } else { Err(self.cannot_end()) };
        sealed.map_err(|e| match lost {
            0 => e,
            1 => e.in_context("1 record or value of the run could not be stored"),
            lost => e.in_context(format!("{lost} records or values of the run could not be stored")),
        })
    }

    fn seal(&self, written: u64) -> Result<()> {
        let _database = self.shared.lock_database();
        let warn = |warning: String| self.shared.warnings.once(&warning.clone(), || warning);
        let (run_file, journal) = (&self.shared.run_file, &self.shared.journal);
        store::seal_and_remove(run_file, journal, self.start.attempt, Some(written), &warn)
            .map_err(|e| self.where_it_is(e))
    }

    /// Says where the run is when it is not where it was begun.
    fn where_it_is(&self, error: Error) -> Error {
        if self.shared.journal.exists() {
            return error;
        }
        let run = &self.start.run;
        match self.shared.lock().journal.moved_to() {
            Some(journal) => error
                .in_context(format!("Run {run} was moved while it was written, to `{}`", journal.display()))
                .with_hint("nothing is lost: `danlu ls --dir` on that directory completes the run"),
            None => error.in_context(format!("Run {run} was deleted while it was written")),
        }
    }

    fn cannot_end(&self) -> Error {
        let journal = self.shared.journal.display();
        Error::new(ErrorKind::Io, format!("Cannot write the end of the run to the journal `{journal}`"))
            .with_hint("make room; the next danlu command completes the run, which then counts as crashed")
    }

    fn take_drainer(&self) -> Option<Drainer> {
        self.drainer.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Says whether this process is a fork of the one that started the run, and nothing is stored.
    pub fn is_foreign(&self) -> bool {
        self.forks != store::forks()
    }

    /// Returns the log, unless this process is a fork: then its lock may be held by a thread that is not there.
    pub(super) fn guard(&self) -> Option<MutexGuard<'_, Log>> {
        (!self.is_foreign()).then(|| self.shared.lock())
    }

    pub(super) fn open_log(&self, what: &str) -> Option<MutexGuard<'_, Log>> {
        let Some(log) = self.guard() else {
            let message =
                "This process is a fork of the one that started the run; what it logs is not stored";
            self.shared.warnings.once("fork", || message.to_owned());
            return None;
        };
        if log.finished {
            drop(log);
            self.refuse(what);
            return None;
        }
        Some(log)
    }

    /// Counts something that comes after the end of the run, and says once that it is not stored.
    pub fn refuse(&self, what: &str) {
        if let Some(mut log) = self.guard() {
            log.lost += 1;
            drop(log);
            let message = format!("Run {} is finished; what you {what} now is not stored", self.start.run.id);
            self.shared.warnings.once("finished", || message);
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if self.is_foreign() {
            // The thread is the parent's. Its handle is forgotten, not joined.
            std::mem::forget(self.take_drainer());
            return self.keeper.forget();
        }
        if fork::is_near() {
            // The threads wait until the fork is made, so nobody waits for them here.
            self.keeper.end();
            return self.take_drainer().iter().for_each(Drainer::end);
        }
        self.keeper.stop();
        if let Some(drainer) = self.take_drainer()
            && let Err(e) = drainer.stop()
        {
            self.shared.warnings.once("drain", || e.to_string());
        }
    }
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run")
            .field("run", &self.start.run)
            .field("path", &self.shared.run_file)
            .finish_non_exhaustive()
    }
}

//! A run that is being written, as the training loop sees it.

use super::RunBuilder;
use super::drain::Drainer;
use super::files;
use super::fork;
use super::shared::{Log, Shared, problem_of, shown};
use super::warnings::Sink;
use crate::model::{Clock, Error, ErrorKind, Event, EventKind, File, Record, Result, Setting, Start, Value};
use crate::store::{self, Journal};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A key of the history whose name was looked up once: see [`Run::key`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(u64);

/// A run that is being written.
///
/// Its methods take `&self` and may be called from several threads. Dropping it without [`Run::finish`] leaves a run
/// that counts as crashed: everything that was logged is there, but nobody said that it ended.
pub struct Run {
    shared: Arc<Shared>,
    start: Start,
    directory: PathBuf,
    /// Taken by whoever ends the run.
    drainer: Mutex<Option<Drainer>>,
    forks: u32,
}

impl Run {
    /// Starts to describe a run of a project.
    pub fn builder(project: impl Into<String>) -> RunBuilder {
        RunBuilder::new(project.into())
    }

    #[expect(clippy::too_many_arguments, reason = "called once, by the builder")]
    pub(super) fn start(
        start: Start,
        config: Vec<(String, Value)>,
        run_file: PathBuf,
        journal: (Journal, PathBuf),
        directory: PathBuf,
        clock: Arc<dyn Clock>,
        warn: Sink,
        tick: Duration,
    ) -> Result<Self> {
        let handle = journal.0.handle()?;
        let shared = Arc::new(Shared::new(run_file, journal, clock, warn));
        let forks = fork::count();
        let run = Self { shared, start, directory, drainer: Mutex::default(), forks };
        for (key, value) in config {
            run.config(key, value);
        }
        let drainer = Drainer::start(Arc::clone(&run.shared), handle, tick)?;
        *run.drainer.lock().unwrap_or_else(PoisonError::into_inner) = Some(drainer);
        Ok(run)
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
    /// memory.
    pub fn log_keys(&self, step: Option<i64>, commit: Option<bool>, values: &mut Vec<(Key, Value)>) {
        let Some(mut log) = self.open_log("log") else {
            return values.clear();
        };
        let mut row = log.take_row();
        row.extend(values.drain(..).map(|(key, value)| (key.0, value)));
        self.shared.append_row(&mut log, step, commit, row);
    }

    /// Sets a config key.
    pub fn config(&self, key: impl Into<String>, value: impl Into<Value>) {
        self.set(Record::Config, key.into(), Some(value.into()));
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
        self.shared.append(&mut log, &record(Setting { key, value }));
    }

    /// Records something that happens now; see [`EventKind`] for what the texts mean.
    pub fn event(
        &self,
        kind: EventKind,
        name: impl Into<String>,
        text: impl Into<String>,
        data: impl Into<String>,
    ) {
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

    /// Stores a file, or every file that a glob such as `*.pt` matches, and returns the names they are stored under.
    ///
    /// A relative path is taken from the run's directory and keeps its directories; an absolute one outside of it
    /// keeps its last part. When this returns, the content is durable. A content that is there already takes no space.
    ///
    /// # Errors
    /// No such file, it cannot be read, is no regular file, leads out of the directory, changes faster than it can be
    /// read, or the run file cannot be written.
    pub fn save(&self, pattern: impl AsRef<Path>) -> Result<Vec<String>> {
        let found = files::expand(pattern.as_ref(), &self.directory)?;
        for (path, name) in &found {
            self.save_as(path, name)?;
        }
        Ok(found.into_iter().map(|(_, name)| name).collect())
    }

    /// Stores a file under a name.
    ///
    /// # Errors
    /// As [`Self::save`].
    pub fn save_as(&self, path: &Path, name: &str) -> Result<()> {
        crate::model::check_file_name(name)?;
        if self.is_foreign() || self.guard().is_none_or(|log| log.finished) {
            return Err(Error::usage(format!(
                "Cannot save `{name}`: the run is finished, or belongs to another process"
            )));
        }
        let (sha256, size) = {
            let _database = self.shared.lock_database();
            files::store(path, &self.shared.run_file)?
        };
        let Some(mut log) = self.open_log("save") else {
            return Ok(());
        };
        let file = File { time: self.shared.clock.now(), path: name.to_owned(), sha256, size };
        if self.shared.append(&mut log, &Record::File(file)).is_none() {
            return Err(Error::new(
                ErrorKind::Io,
                format!("Cannot write down that `{name}` was saved: the journal cannot be written"),
            ));
        }
        log.journal.sync()
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
        let Some(mut log) = self.guard().filter(|log| !log.finished) else { return Ok(()) };
        let data = format!("{{\"exit_code\":{exit_code}}}");
        let time = self.shared.clock.now();
        let end = Event { time, kind: EventKind::End, name: String::new(), text: String::new(), data };
        self.shared.append(&mut log, &Record::Event(end));
        log.finished = true;
        let written = log.journal.seq();
        drop(log);
        self.take_drainer().map_or(Ok(()), Drainer::stop)?;
        let _database = self.shared.lock_database();
        let warn = |warning: String| self.shared.warnings.once(&warning.clone(), || warning);
        let (run_file, journal) = (&self.shared.run_file, &self.shared.journal);
        store::seal_and_remove(run_file, journal, self.start.attempt, Some(written), &warn)
    }

    fn take_drainer(&self) -> Option<Drainer> {
        self.drainer.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Says whether this process is a fork of the one that started the run.
    fn is_foreign(&self) -> bool {
        self.forks != fork::count()
    }

    /// Returns the log, unless this process is a fork: then its lock may be held by a thread that is not there.
    fn guard(&self) -> Option<MutexGuard<'_, Log>> {
        (!self.is_foreign()).then(|| self.shared.lock())
    }

    fn open_log(&self, what: &str) -> Option<MutexGuard<'_, Log>> {
        let Some(log) = self.guard() else {
            let message =
                "This process is a fork of the one that started the run; what it logs is not stored";
            self.shared.warnings.once("fork", || message.to_owned());
            return None;
        };
        if log.finished {
            drop(log);
            let message = format!("Run {} is finished; what you {what} now is not stored", self.start.run.id);
            self.shared.warnings.once("finished", || message);
            return None;
        }
        Some(log)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if self.is_foreign() {
            // The thread is the parent's. Its handle is forgotten, not joined.
            std::mem::forget(self.take_drainer());
        } else if let Some(drainer) = self.take_drainer()
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

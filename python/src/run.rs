//! The class that `danlu.Run` extends.

use crate::columns::{Columns, Decided};
use crate::error::{reason, sentence, to_python};
use crate::recording::{self, Recording};
use crate::sink::{Sink, print_warning};
use crate::values::{self, Converted};
use danlu::model::{EventKind, Hash, Origin};
use danlu::system::Stream;
use danlu::writer::{Logged, Storage};
use danlu::{Policy, Resume, Value};
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Values by key that take longer than a training loop should wait.
type Deferred = Vec<(String, Py<PyAny>)>;

/// A run: what its training loop calls. The rest is Python.
#[pyclass(subclass, frozen, module = "danlu._core")]
pub(crate) struct Run {
    /// Before the sink: its threads write there.
    recording: Recording,
    sink: Sink,
    /// Held for moments only and never while Python code runs, which may log itself or wait for another thread.
    columns: Mutex<Columns>,
    ended: AtomicBool,
}

#[pymethods]
impl Run {
    /// Starts a run below `dir`; without `dir`, one that writes nothing, whose rows count as lost if `lossy`.
    #[new]
    #[pyo3(signature = (*, project, entity="", id=None, name="", group="", job_type="", notes="", tags=Vec::new(), info="{}", rank=None, resume=None, fork_from=None, rewind_to=None, storage=None, ignore=Vec::new(), dir=None, silent=false, lossy=false))]
    #[expect(clippy::too_many_arguments, reason = "named arguments of a Python class")]
    fn new(
        py: Python<'_>,
        project: &str,
        entity: &str,
        id: Option<&str>,
        name: &str,
        group: &str,
        job_type: &str,
        notes: &str,
        tags: Vec<String>,
        info: &str,
        rank: Option<u32>,
        resume: Option<&str>,
        fork_from: Option<(String, i64)>,
        rewind_to: Option<i64>,
        storage: Option<&str>,
        ignore: Vec<String>,
        dir: Option<PathBuf>,
        silent: bool,
        lossy: bool,
    ) -> PyResult<Self> {
        let Some(dir) = dir else { return Ok(Self::from(Sink::nothing(lossy))) };
        let mut builder =
            danlu::Run::builder(project).entity(entity).name(name).group(group).job_type(job_type);
        builder = builder.notes(notes).info(info).dir(dir);
        builder = tags.into_iter().fold(builder, danlu::RunBuilder::tag);
        builder = ignore.into_iter().fold(builder, danlu::RunBuilder::ignore_glob);
        if let Some(id) = id {
            builder = builder.id(id);
        }
        if let Some(rank) = rank {
            builder = builder.rank(rank);
        }
        builder = builder.resume(match resume {
            Some("allow") => Resume::Allow,
            Some("must") => Resume::Must,
            Some("never") => Resume::Never,
            Some("auto") => Resume::Auto,
            _ => Resume::No,
        });
        builder = builder.storage(match storage {
            Some("live") => Storage::Live,
            Some("at_end") => Storage::AtEnd,
            _ => Storage::Auto,
        });
        if let Some((run, step)) = fork_from {
            builder = builder.fork_from(run, step);
        }
        if let Some(step) = rewind_to {
            builder = builder.rewind_to(step);
        }
        if !silent {
            builder = builder.on_warning(print_warning);
        }
        let run = py.detach(|| builder.start()).map_err(|e| to_python(py, &e))?;
        let mut columns = Columns::default();
        for (name, value) in &run.restored().summary {
            columns.set_last(name, Some(value.clone()));
        }
        Ok(Self { columns: Mutex::new(columns), ..Self::from(Sink::File(Arc::new(run))) })
    }

    /// Logs a row. When it returns, the row survives the death of the process; media follow as they are encoded.
    ///
    /// `data` is a dict from names to values: numbers, texts, booleans, None, media such as `danlu.Image`, tables,
    /// charts, arrays, and dicts of these, whose keys are joined with dots. Without a `step`, the row is at the current
    /// step and the next row at the next one. `commit` says whether to go on to the next step; by default that is so
    /// where no `step` is given. `sync` does nothing. Nothing raises here: what cannot be stored is warned about and
    /// counted in `lost`.
    #[pyo3(signature = (data, step=None, commit=None, sync=None))]
    fn log(
        slf: &Bound<'_, Self>,
        data: &Bound<'_, PyAny>,
        step: Option<&Bound<'_, PyAny>>,
        commit: Option<&Bound<'_, PyAny>>,
        sync: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let _ = sync;
        let run = slf.get();
        let step = step.map_or(Ok(None), |step| run.step_of(step))?;
        let commit = commit.map_or(Ok(None), |commit| run.commit_of(commit))?;
        let outcome = match data.cast::<PyDict>() {
            Ok(dict) => run.log_dict(dict, step, commit),
            Err(_) => values::as_dict(data).and_then(|dict| run.log_dict(&dict, step, commit)),
        };
        let later = outcome.and_then(|deferred| match deferred {
            None => Ok(()),
            Some((row, later)) => {
                let arguments = (row.step, seconds(row.time), later);
                slf.call_method1(intern!(slf.py(), "_later"), arguments).map(|_| ())
            }
        });
        later.or_else(|e| run.lose_error(data.py(), e))
    }

    /// Logs values of a row that was logged before, such as `_later` was told of: they are whole, a dict is one value.
    fn _log_late(&self, step: i64, time: f64, values: &Bound<'_, PyDict>) -> PyResult<()> {
        let mut row = Vec::new();
        for (key, value) in values {
            let whole = values::whole(&key, &value);
            self.set(key.py(), whole, |name, value| row.push((name, value)))?;
        }
        for (name, value) in &row {
            self.columns().set_last(name, Some(value.clone()));
        }
        if let Some(run) = self.sink.file() {
            run.log_late(Logged { step, time: microseconds(time) }, row);
        }
        Ok(())
    }

    /// Stores a content under a name in the run; returns its SHA-256 and its size.
    fn _put(&self, py: Python<'_>, name: &str, data: &[u8]) -> PyResult<(String, u64)> {
        self.stored(py, |run| run.put(name, data))
    }

    /// Does what `_put` does with the content of a file.
    #[expect(clippy::needless_pass_by_value, reason = "an argument that Python hands over is owned")]
    fn _put_file(&self, py: Python<'_>, name: &str, path: PathBuf) -> PyResult<(String, u64)> {
        self.stored(py, |run| run.put_file(name, &path))
    }

    /// Records something that happens now.
    fn _event(&self, kind: &str, name: &str, text: &str, data: &str) -> PyResult<()> {
        let kind = EventKind::parse(kind)
            .ok_or_else(|| PyValueError::new_err(format!("There are no events of kind `{kind}`")))?;
        if let Some(run) = self.sink.file() {
            run.event(kind, name, text, data);
        }
        Ok(())
    }

    /// Lets others see in the run file what was logged so far.
    fn _drain(&self, py: Python<'_>) {
        py.detach(|| self.sink.file().map_or((), |run| run.drain()));
    }

    /// The step that the next row gets.
    #[getter]
    fn step(&self) -> i64 {
        self.sink.step()
    }

    /// How many records and values could not be stored.
    #[getter]
    fn lost(&self) -> u64 {
        self.sink.lost()
    }

    /// The run id as it was given or made; empty where nothing is written.
    #[getter]
    fn _id(&self) -> &str {
        self.sink.file().map_or("", danlu::Run::id)
    }

    /// Whether the run was there before and goes on.
    #[getter]
    fn resumed(&self) -> bool {
        let origin = self.sink.file().map(|run| &run.info().origin);
        matches!(origin, Some(Origin::Resume | Origin::Rewind { .. }))
    }

    /// The step that the run went on at when this process started: 0 for a new one.
    #[getter]
    fn starting_step(&self) -> i64 {
        self.sink.file().map_or(0, |run| run.restored().step)
    }

    /// What the run is called and what it belongs to, as it started or went on.
    #[getter]
    fn _start(&self) -> Option<(&str, &str, &str, &str, Vec<String>)> {
        let start = self.sink.file()?.info();
        Some((&start.name, &start.group, &start.job_type, &start.notes, start.tags.clone()))
    }

    /// The config that the run had before it went on.
    #[getter]
    fn _restored_config<'py>(&self, py: Python<'py>) -> PyResult<Vec<(String, Bound<'py, PyAny>)>> {
        let Some(run) = self.sink.file() else { return Ok(Vec::new()) };
        let items = run.restored().config.iter();
        items.map(|(name, value)| Ok((name.clone(), values::to_python(py, value)?))).collect()
    }

    #[getter]
    fn _path(&self) -> Option<&OsStr> {
        // As a text: for a `Path`, Python would have to import what that takes.
        self.sink.file().map(|run| run.path().as_os_str())
    }

    /// How many rows this process has logged, and the highest of their steps.
    #[getter]
    fn _logged(&self) -> (u64, Option<i64>) {
        self.sink.file().map_or((0, None), danlu::Run::logged)
    }

    /// Makes everything that was logged so far durable: when it returns, that survives a power cut.
    ///
    /// Without it that happens about once a second. Raises `danlu.Error` if the disk refuses, or if the run belongs to
    /// another process or is not stored at all; what was logged survives the death of the process all the same.
    fn flush(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.sink.flush()).map_err(|e| to_python(py, &e))
    }

    fn _warn(&self, message: &str) {
        self.sink.warn(message);
    }

    fn _lose(&self, why: &str) {
        self.sink.lose(why);
    }

    fn _set_config(&self, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let converted = values::whole(key, value);
        self.set(key.py(), converted, |name, value| {
            if let Some(run) = self.sink.file() {
                run.config(name, value);
            }
        })
    }

    fn _set_summary(&self, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let converted = values::flatten(key, value);
        self.set(key.py(), converted, |name, value| {
            self.columns().set_last(&name, Some(value.clone()));
            if let Some(run) = self.sink.file() {
                run.summary(name, value);
            }
        })
    }

    fn _remove_summary(&self, key: &str) {
        self.columns().set_last(key, None);
        if let Some(run) = self.sink.file() {
            run.remove_summary(key);
        }
    }

    /// Returns the value of a summary key in a tuple, or None if there is no such key.
    fn _get_summary<'py>(&self, py: Python<'py>, key: &str) -> PyResult<Option<(Bound<'py, PyAny>,)>> {
        let decided = self.decided();
        let value = self.columns().last(key, &decided).cloned();
        value.map(|value| values::to_python(py, &value).map(|object| (object,))).transpose()
    }

    fn _get_summary_items<'py>(&self, py: Python<'py>) -> PyResult<Vec<(String, Bound<'py, PyAny>)>> {
        let decided = self.decided();
        let items = self.columns().summary(decided);
        items.into_iter().map(|(name, value)| Ok((name.into(), values::to_python(py, &value)?))).collect()
    }

    /// Stores what a path or glob means, with names relative to `base`, when `policy` says. Returns the names, and what
    /// went wrong.
    #[expect(clippy::needless_pass_by_value, reason = "an argument that Python hands over is owned")]
    fn _save(
        &self,
        py: Python<'_>,
        pattern: PathBuf,
        base: PathBuf,
        policy: &str,
    ) -> (Vec<String>, Vec<String>) {
        let Some(run) = self.sink.file() else { return (Vec::new(), Vec::new()) };
        let policy = match policy {
            "end" => Policy::End,
            "live" => Policy::Live,
            _ => Policy::Now,
        };
        py.detach(|| save(run, &pattern, &base, policy))
    }

    /// Records that `name`, `notes`, `group` or `job_type` is something else now.
    fn _rename(&self, what: &str, text: &str) {
        if let Some(run) = self.sink.file() {
            run.event(EventKind::Rename, what, text, "");
        }
    }

    /// Records that a tag was added or removed.
    fn _tag(&self, tag: &str, add: bool) {
        if let Some(run) = self.sink.file() {
            run.event(EventKind::Tag, tag, if add { "add" } else { "remove" }, "");
        }
    }

    /// Starts to record samples of the machine, the first now, the next every `interval` seconds, and the last at the end.
    #[expect(clippy::too_many_arguments, reason = "named arguments of a Python method")]
    #[pyo3(signature = (interval=15.0, disks=vec![PathBuf::from("/")], gpus=None, cgroups=true, tree=false, pid=None, label=String::new()))]
    fn _start_stats(
        &self,
        interval: f64,
        disks: Vec<PathBuf>,
        gpus: Option<Vec<String>>,
        cgroups: bool,
        tree: bool,
        pid: Option<u32>,
        label: String,
    ) {
        if let Some(run) = self.sink.shared().filter(|run| !run.is_foreign()) {
            let interval = Duration::try_from_secs_f64(interval).unwrap_or(Duration::from_secs(15));
            let settings = recording::settings(disks, gpus, cgroups, tree, pid, label);
            self.recording.sample(run, settings, interval);
        }
    }

    /// Records what was printed to `stdout` or `stderr`: a text, or bytes however they are cut.
    fn _console(&self, stream: &str, data: &Bound<'_, PyAny>) -> PyResult<()> {
        let stream = if stream == "stderr" { Stream::Stderr } else { Stream::Stdout };
        let Some(run) = self.sink.shared().filter(|run| !run.is_foreign()) else { return Ok(()) };
        if self.ended.load(Ordering::Relaxed) {
            return Ok(());
        }
        if let Ok(text) = data.cast::<PyString>() {
            self.recording.print(run, stream, text.to_string_lossy().as_bytes());
        } else {
            self.recording.print(run, stream, data.cast::<PyBytes>()?.as_bytes());
        }
        Ok(())
    }

    /// Records what of the output and the machine is not recorded yet, and stops to record them.
    fn _stop_recording(&self, py: Python<'_>) {
        if self.sink.file().is_some_and(|run| !run.is_foreign()) {
            py.detach(|| self.recording.stop());
        }
    }

    /// Ends the run and seals its file. A second call does nothing.
    fn _end(&self, py: Python<'_>, exit_code: i32) -> PyResult<()> {
        self.ended.store(true, Ordering::Relaxed);
        let Some(run) = self.sink.file() else { return Ok(()) };
        let end = || {
            if !run.is_foreign() {
                self.recording.stop();
            }
            run.end(exit_code)
        };
        py.detach(end).map_err(|e| to_python(py, &e))
    }
}

impl From<Sink> for Run {
    fn from(sink: Sink) -> Self {
        Self {
            recording: Recording::default(),
            sink,
            columns: Mutex::default(),
            ended: AtomicBool::new(false),
        }
    }
}

impl Run {
    /// Returns what definitions of metrics make of the summary.
    fn decided(&self) -> Decided {
        self.sink.file().map_or_else(Vec::new, |run| run.metric_summary())
    }

    fn columns(&self) -> MutexGuard<'_, Columns> {
        self.columns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Logs a row; returns what takes longer, with where the row went.
    fn log_dict(
        &self,
        dict: &Bound<'_, PyDict>,
        step: Option<i64>,
        commit: Option<bool>,
    ) -> PyResult<Option<(Logged, Deferred)>> {
        let mut columns = self.columns();
        if self.ended.load(Ordering::Relaxed) {
            // Leaves the summary as it was. The core may not have ended the run yet.
            self.sink.refuse("log");
            return Ok(None);
        }
        let mut others = Vec::new();
        for (place, (key, object)) in dict.iter().enumerate() {
            let pushed = match (key.cast_exact::<PyString>(), values::simple(&object)) {
                (Ok(key), Some(value)) => columns.push(&self.sink, place, key, value).is_ok(),
                _ => false,
            };
            if !pushed {
                others.push((key, object));
            }
        }
        let mut outcome = Ok(Deferred::new());
        if !others.is_empty() {
            let mut row = std::mem::take(&mut columns.row);
            drop(columns);
            let converted = self.convert(others);
            columns = self.columns();
            std::mem::swap(&mut columns.row, &mut row);
            match converted {
                Ok((values, deferred)) => {
                    for (name, value) in values {
                        columns.push_named(&self.sink, &name, value);
                    }
                    if let Some(run) = self.sink.file() {
                        run.add_steps_of(deferred.iter().map(|(name, _)| &**name), &mut columns.row);
                    }
                    outcome = Ok(deferred);
                }
                // The program ends; what was understood of its last row is kept.
                Err(e) => outcome = Err(e),
            }
        }
        let logged = self.sink.log(step, commit, &mut columns.row);
        outcome.map(|deferred| logged.filter(|_| !deferred.is_empty()).map(|row| (row, deferred)))
    }

    /// Converts what needs Python code, and counts what cannot be stored. Returns apart what takes longer.
    fn convert(
        &self,
        others: Vec<(Bound<'_, PyAny>, Bound<'_, PyAny>)>,
    ) -> PyResult<(Vec<(String, Value)>, Deferred)> {
        let (mut all, mut later) = (Vec::new(), Deferred::new());
        for (key, object) in others {
            if let Ok(name) = key.cast_exact::<PyString>()
                && let Some(value) = values::scalar(&object)?
                && let Ok(name) = name.to_cow()
            {
                all.push((name.into_owned(), value));
                continue;
            }
            match values::flatten(&key, &object) {
                Ok(Converted(values, problems, deferred)) => {
                    all.extend(values.into_iter().map(|(name, leaf)| (name, leaf.0)));
                    later.extend(deferred);
                    problems.iter().for_each(|problem| self.sink.lose(problem));
                }
                Err(e) => self.lose_error(key.py(), e)?,
            }
        }
        Ok((all, later))
    }

    fn stored(
        &self,
        py: Python<'_>,
        put: impl Send + FnOnce(&danlu::Run) -> danlu::Result<(Hash, u64)>,
    ) -> PyResult<(String, u64)> {
        let Some(run) = self.sink.file() else {
            return Err(to_python(py, &danlu::Error::usage("The run is not stored, nor are its files")));
        };
        let (sha256, size) = py.detach(|| put(run)).map_err(|e| to_python(py, &e))?;
        Ok((sha256.to_string(), size))
    }

    fn set(
        &self,
        py: Python<'_>,
        converted: PyResult<Converted>,
        mut put: impl FnMut(String, Value),
    ) -> PyResult<()> {
        match converted {
            Ok(Converted(values, problems, _)) => {
                problems.iter().for_each(|problem| self.sink.lose(problem));
                values.into_iter().for_each(|(name, leaf)| put(name, leaf.0));
                Ok(())
            }
            Err(e) => self.lose_error(py, e),
        }
    }

    fn lose_error(&self, py: Python<'_>, error: PyErr) -> PyResult<()> {
        let why = reason(py, error)?;
        self.sink.lose(&why);
        Ok(())
    }

    fn step_of(&self, step: &Bound<'_, PyAny>) -> PyResult<Option<i64>> {
        let whole = |e: PyErr| match step.extract::<f64>() {
            #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and in range")]
            Ok(float) if float.fract() == 0.0 && float.abs() < 9e15 => Ok(float as i64),
            _ => Err(e),
        };
        match step.extract::<i64>().or_else(whole) {
            Ok(step) => Ok(Some(step)),
            Err(e) => {
                reason(step.py(), e)?;
                // The row is stored, so nothing is lost.
                self.sink.warn("log() takes a whole number of 64 bits as `step`; rows with another are stored at the current step");
                Ok(None)
            }
        }
    }

    fn commit_of(&self, commit: &Bound<'_, PyAny>) -> PyResult<Option<bool>> {
        commit.is_truthy().map(Some).or_else(|e| {
            reason(commit.py(), e)?;
            // The row is stored, so nothing is lost.
            self.sink.warn(
                "log() takes True or False as `commit`; rows with what is neither are logged as without it",
            );
            Ok(None)
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "seconds are floats, exact to a microsecond")]
fn seconds(microseconds: i64) -> f64 {
    microseconds as f64 / 1e6
}

#[expect(clippy::cast_possible_truncation, reason = "saturates, and no time is that far away")]
fn microseconds(seconds: f64) -> i64 {
    (seconds * 1e6).round() as i64
}

fn save(run: &danlu::Run, pattern: &Path, base: &Path, policy: Policy) -> (Vec<String>, Vec<String>) {
    let saved = run.save_with(pattern, Some(base), policy);
    let mut problems: Vec<String> = saved.problems.iter().map(sentence).collect();
    if saved.names.is_empty() && problems.is_empty() && policy != Policy::End {
        problems.push(format!("Cannot save `{}`: no file matches", pattern.display()));
    }
    (saved.names, problems)
}

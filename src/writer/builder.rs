//! Starting a run.

use super::Run;
use super::fork;
use super::warnings::Sink;
use crate::model::{
    AttemptId, Clock, Error, ErrorKind, Record, Result, RunId, RunKey, Start, SystemClock, Value,
    check_project, file_stamp, limits,
};
use crate::store::{self, DIR_NAME, Journal};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How often the journal is synced and applied to the run file.
const TICK: Duration = Duration::from_secs(1);

/// What is known about a run before it starts. Made by [`Run::builder`].
pub struct RunBuilder {
    project: String,
    entity: String,
    id: Option<String>,
    name: String,
    group: String,
    job_type: String,
    notes: String,
    tags: Vec<String>,
    config: Vec<(String, Value)>,
    info: String,
    dir: PathBuf,
    clock: Arc<dyn Clock>,
    warn: Sink,
    tick: Duration,
}

/// Gives the builder a method for each text field.
macro_rules! text_setters {
    ($($(#[$doc:meta])* $field:ident),* $(,)?) => {
        $(
            $(#[$doc])*
            #[must_use]
            pub fn $field(mut self, $field: impl Into<String>) -> Self {
                self.$field = $field.into();
                self
            }
        )*
    };
}

impl RunBuilder {
    pub(super) fn new(project: String) -> Self {
        Self {
            project,
            entity: String::new(),
            id: None,
            name: String::new(),
            group: String::new(),
            job_type: String::new(),
            notes: String::new(),
            tags: Vec::new(),
            config: Vec::new(),
            info: "{}".to_owned(),
            dir: PathBuf::from("."),
            clock: Arc::new(SystemClock),
            warn: Arc::new(|_| {}),
            tick: TICK,
        }
    }

    text_setters! {
        /// Sets the team or user that the run belongs to.
        entity,
        /// Sets the display name.
        name,
        /// Sets the group of runs that it belongs to.
        group,
        /// Sets what it does within its group, such as `train` or `eval`.
        job_type,
        /// Sets notes in prose.
        notes,
        /// Sets what else is known at the start, as a JSON object.
        info,
    }

    /// Sets the run id. Without it, eight random characters are drawn.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Adds a tag.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Sets a config key.
    #[must_use]
    pub fn config(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.config.push((key.into(), value.into()));
        self
    }

    /// Sets the directory in which `wandb/` is made and from which relative paths are saved. The default is the
    /// current directory.
    #[must_use]
    pub fn dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dir = dir.into();
        self
    }

    /// Sets the clock that rows are stamped with.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Sets who is told what goes wrong while the run is written. It may be called from another thread.
    #[must_use]
    pub fn on_warning(mut self, warn: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.warn = Arc::new(warn);
        self
    }

    /// Sets how often the journal is synced and applied to the run file. The default is one second.
    #[must_use]
    pub fn tick(mut self, tick: Duration) -> Self {
        self.tick = tick;
        self
    }

    /// Starts the run: makes its file and its journal under `wandb/`.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] for a bad name or id, [`ErrorKind::Io`] when the directory cannot be written.
    pub fn start(self) -> Result<Run> {
        let start = self.check()?;
        let directory = self.dir.join(DIR_NAME);
        std::fs::create_dir_all(&directory).map_err(|e| Error::io("create the directory", &directory, e))?;
        let run_file = {
            let _database = fork::use_database();
            create_run_file(&directory, &start)?
        };
        let journal_path = run_file.with_extension(format!("{}.journal", &start.attempt.to_string()[..8]));
        let first = Record::Start(Box::new(start.clone()));
        let journal = Journal::create(&journal_path, start.attempt, &first).inspect_err(|_| {
            std::fs::remove_file(&run_file).ok();
        })?;
        point_latest(&directory, &run_file);
        Run::start(
            start,
            self.config,
            run_file,
            (journal, journal_path),
            self.dir,
            self.clock,
            self.warn,
            self.tick,
        )
    }

    fn check(&self) -> Result<Start> {
        check_project("project", &self.project)?;
        if !self.entity.is_empty() {
            check_project("entity", &self.entity)?;
        }
        for (what, text) in [("name", &self.name), ("group", &self.group), ("job type", &self.job_type)] {
            if text.len() > limits::NAME_BYTES {
                return Err(Error::new(
                    ErrorKind::Limit,
                    format!("The {what} has {} bytes, at most {} can be", text.len(), limits::NAME_BYTES),
                ));
            }
        }
        let id = self.id.as_ref().map_or_else(RunId::random, RunId::new)?;
        Ok(Start {
            run: RunKey { entity: self.entity.clone(), project: self.project.clone(), id },
            attempt: AttemptId::random()?,
            time: self.clock.now(),
            name: self.name.clone(),
            group: self.group.clone(),
            job_type: self.job_type.clone(),
            notes: self.notes.clone(),
            tags: self.tags.clone(),
            host: host_name(),
            pid: std::process::id(),
            danlu: crate::VERSION.to_owned(),
            info: self.info.clone(),
        })
    }
}

/// Returns the machine's name, as the kernel knows it.
pub(crate) fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Creates the run file under a name that no other run has, even if one with the same id began in the same second.
fn create_run_file(directory: &Path, start: &Start) -> Result<PathBuf> {
    let stem = format!("run-{}-{}", file_stamp(start.time), start.run.id);
    let mut number = 0;
    loop {
        let suffix = if number == 0 { String::new() } else { format!("-{number}") };
        let path = directory.join(format!("{stem}{suffix}.sqlite"));
        match store::create(&path) {
            // Somebody else has it, or is just making it.
            Err(e) if e.kind() == ErrorKind::Conflict => number += 1,
            other => return other.map(|()| path),
        }
    }
}

/// Lets `latest-run.sqlite` point at this run. Only a convenience: where links cannot be made there is none.
fn point_latest(directory: &Path, run_file: &Path) {
    let Some(name) = run_file.file_name() else { return };
    let fresh = directory.join(format!(".latest-run.{}", std::process::id()));
    if std::os::unix::fs::symlink(name, &fresh).is_ok()
        && std::fs::rename(&fresh, directory.join("latest-run.sqlite")).is_err()
    {
        std::fs::remove_file(&fresh).ok();
    }
}

//! Starting a run.

use super::entry::Entry;
use super::resume::{self, Place, Resume, Standing};
use super::warnings::Sink;
use super::{Run, fork};
use crate::model::{
    AttemptId, Clock, Error, ErrorKind, Origin, Record, Result, RunId, RunKey, Start, SystemClock, Value,
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
    rank: Option<u32>,
    resume: Resume,
    from: Option<From>,
    dir: PathBuf,
    ignore: Vec<String>,
    clock: Arc<dyn Clock>,
    warn: Sink,
    tick: Duration,
    storage: Storage,
    beside: bool,
}

/// When the run file gets what the journal has. Rows are safe in the journal either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Storage {
    /// `Live`, except on file systems that several machines share or that have no locks: there `AtEnd`.
    #[default]
    Auto,
    /// About once a second: any `sqlite3` reads the run while it is written.
    Live,
    /// When the run ends. Until then danlu's own commands read the journal. Nothing that others do with the run file while it
    /// is written matters.
    AtEnd,
}

/// Which run, up to which step, is the beginning of the new one.
enum From {
    Fork(String, i64),
    Rewind(i64),
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
            rank: None,
            resume: Resume::No,
            from: None,
            dir: PathBuf::from("."),
            ignore: Vec::new(),
            clock: Arc::new(SystemClock),
            warn: Arc::new(|_| {}),
            tick: TICK,
            storage: Storage::Auto,
            beside: false,
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

    /// Sets whether to go on with a run of the same id that is in the directory. What is not given to the builder stays as
    /// it was: the name, the config, and so on.
    #[must_use]
    pub fn resume(mut self, resume: Resume) -> Self {
        self.resume = resume;
        self
    }

    /// Begins with what another run of the same project said up to a step.
    #[must_use]
    pub fn fork_from(mut self, run: impl Into<String>, step: i64) -> Self {
        self.from = Some(From::Fork(run.into(), step));
        self
    }

    /// Goes on with the run of the id from a step: what it said after that no longer counts, though it is kept.
    #[must_use]
    pub fn rewind_to(mut self, step: i64) -> Self {
        self.from = Some(From::Rewind(step));
        self
    }

    /// Sets which of several writers of the run this is. Each writes a file of its own; they are one run where runs are
    /// read.
    #[must_use]
    pub fn rank(mut self, rank: u32) -> Self {
        self.rank = Some(rank);
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

    /// Adds a pattern of files that globs leave out, as in a `.gitignore`, beside those in `.wandbignore`.
    #[must_use]
    pub fn ignore_glob(mut self, pattern: impl Into<String>) -> Self {
        self.ignore.push(pattern.into());
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

    /// Leaves `latest-run.sqlite` where it points: nobody trains, something is added to a run that is over.
    #[must_use]
    pub fn beside(mut self) -> Self {
        self.beside = true;
        self
    }

    /// Sets when the run file gets what the journal has.
    #[must_use]
    pub fn storage(mut self, storage: Storage) -> Self {
        self.storage = storage;
        self
    }

    /// Starts the run: makes its file and its journal under `wandb/`, or goes on with those that are there.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] for a bad name or id and for a run that should be there and is not, or the other way round;
    /// [`ErrorKind::Io`] when the directory cannot be written.
    pub fn start(mut self) -> Result<Run> {
        let directory = self.dir.join(DIR_NAME);
        let warn = Arc::clone(&self.warn);
        let tell = |warning: String| warn(&warning);
        let host = host_name();
        let place =
            Place { directory: &directory, host: &host, now: self.clock.now(), rank: self.rank, warn: &tell };
        let entry = self.enter();
        let (start, standing, source) = {
            let _database = fork::use_database();
            if self.id.is_none() && self.resume == Resume::Auto {
                self.id = place.unfinished(&self.entity, &self.project)?.map(String::from);
            }
            let mut start = self.check(&host)?;
            let standing = self.standing(&place, &start.run)?;
            let source = self.source(&place, &start.run, standing.as_ref())?;
            self.fill(&mut start, standing.as_ref());
            (start, standing, source)
        };
        std::fs::create_dir_all(&directory).map_err(|e| Error::io("create the directory", &directory, e))?;
        let (run_file, fresh) = match &standing {
            Some(Standing { file, writer: None, compacted: false, .. }) => (file.clone(), false),
            other => {
                if let Some(writer) = other.as_ref().and_then(|standing| standing.writer.as_ref()) {
                    self.tell_beside(&start, writer);
                }
                let _database = fork::use_database();
                (create_run_file(&directory, &start)?, true)
            }
        };
        let journal_path = run_file.with_extension(format!("{}.journal", &start.attempt.to_string()[..8]));
        let first = Record::Start(Box::new(start.clone()));
        let begun = Journal::begin(&journal_path, start.attempt, &first).and_then(|journal| {
            let mut run = Run::start(Begun {
                start,
                standing,
                run_file: run_file.clone(),
                journal: (journal, journal_path),
                directory: self.dir.clone(),
                ignore: self.ignore.clone(),
                clock: Arc::clone(&self.clock),
                warn: Arc::clone(&self.warn),
            })?;
            // The copy counts as a whole or not at all: the journal gets its name after it.
            let copied = match &source {
                Some((files, step)) => run.copy_from(files, *step)?,
                None => Vec::new(),
            };
            run.publish()?;
            run.track_copied(copied);
            Ok(run)
        });
        let mut run = begun.inspect_err(|_| {
            if fresh {
                std::fs::remove_file(&run_file).ok();
            }
        })?;
        drop(entry);
        if !self.beside {
            point_latest(&directory, &run_file);
        }
        let follows = self.follows(&directory, &run_file);
        for (key, value) in self.config {
            run.config(key, value);
        }
        run.drain_every(self.tick, follows)?;
        Ok(run)
    }

    /// Waits until nobody else goes on with a run in the directory, if this is to go on with one.
    fn enter(&self) -> Option<Entry> {
        let goes_on = self.resume != Resume::No || matches!(self.from, Some(From::Rewind(_)));
        if goes_on && self.resume != Resume::Must {
            // What comes of that is said when the run is to be written there.
            std::fs::create_dir_all(&self.dir).ok();
        }
        goes_on.then(|| Entry::wait(&self.dir))
    }

    /// Finds the run to go on with, as far as there should be one.
    fn standing(&self, place: &Place<'_>, run: &RunKey) -> Result<Option<Standing>> {
        let rewinds = matches!(self.from, Some(From::Rewind(_)));
        if self.resume == Resume::No && !rewinds {
            return Ok(None);
        }
        let found = match place.find(run)? {
            // Other ranks have begun it, and this one begins its part.
            None if self.resume == Resume::Must && self.rank.is_some() && place.find_any(run)?.is_some() => {
                return Ok(None);
            }
            found => found,
        };
        match (self.resume, found) {
            (_, Some(Standing { writer: Some(writer), .. })) if rewinds => Err(resume::in_use(&writer)),
            (_, Some(Standing { compacted: true, file, .. })) if rewinds => Err(resume::archived(&file)),
            (_, Some(found)) if rewinds && found.files.len() > 1 => Err(resume::scattered(&found)),
            (Resume::Must, None) => Err(resume::missing(run, place.directory, "resume")),
            (_, None) if rewinds => Err(resume::missing(run, place.directory, "rewind")),
            (Resume::Never, Some(found)) => Err(resume::there_already(&found)),
            (_, found) => Ok(found),
        }
    }

    /// Finds the files to copy from, and up to which step.
    fn source(
        &self,
        place: &Place<'_>,
        run: &RunKey,
        standing: Option<&Standing>,
    ) -> Result<Option<(Vec<PathBuf>, i64)>> {
        match &self.from {
            None => Ok(None),
            Some(From::Rewind(step)) => {
                let Some(standing) = standing else { return Ok(None) };
                resume::check_step(standing, *step, "rewind")?;
                Ok(Some((standing.files.clone(), *step)))
            }
            Some(From::Fork(id, step)) => {
                let other = RunKey { id: RunId::new(id)?, ..run.clone() };
                if other == *run {
                    return Err(Error::usage(format!("Cannot fork run {run} into itself"))
                        .with_hint("give the fork an id of its own, or rewind the run"));
                }
                let missing = || resume::missing(&other, place.directory, "fork");
                let found = place.find_any(&other)?.ok_or_else(missing)?;
                resume::check_step(&found, *step, "fork")?;
                Ok(Some((found.files, *step)))
            }
        }
    }

    /// Fills in what was not given from the run that goes on.
    fn fill(&self, start: &mut Start, standing: Option<&Standing>) {
        start.origin = match &self.from {
            Some(From::Fork(run, step)) => Origin::Fork { run: run.clone(), step: *step },
            Some(From::Rewind(step)) => Origin::Rewind { step: *step },
            None if standing.is_some() => Origin::Resume,
            None => Origin::New,
        };
        let Some(Standing { start: known, .. }) = standing else { return };
        start.follow(known.attempt);
        for (ours, theirs) in [
            (&mut start.name, &known.name),
            (&mut start.group, &known.group),
            (&mut start.job_type, &known.job_type),
            (&mut start.notes, &known.notes),
        ] {
            if ours.is_empty() {
                ours.clone_from(theirs);
            }
        }
        if start.tags.is_empty() {
            start.tags.clone_from(&known.tags);
        }
    }

    /// Decides whether the run file follows the journal while the run is written.
    fn follows(&self, directory: &Path, run_file: &Path) -> bool {
        if self.storage != Storage::Auto {
            return self.storage == Storage::Live;
        }
        let reason = match store::shared_file_system(directory) {
            Some(name) => format!("is on {name}"),
            None if !store::has_locks(run_file) => "has no locks".to_owned(),
            None => return true,
        };
        (self.warn)(&format!(
            "`{}` {reason}: the run file is filled when the run ends; `danlu ls`, `show` and `sql` read the journal until then",
            directory.display()
        ));
        false
    }

    fn tell_beside(&self, start: &Start, writer: &Start) {
        // Ranks write beside each other on purpose.
        if self.rank.is_none() {
            (self.warn)(&format!(
                "Run {} is also being written by process {} on `{}`; this process writes a file of its own beside it",
                start.run, writer.pid, writer.host
            ));
        }
    }

    fn check(&self, host: &str) -> Result<Start> {
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
        if id.as_str() == "latest" {
            return Err(Error::usage("The run id `latest` cannot be used: it means the newest run")
                .with_hint("choose another, or leave it out to have one made"));
        }
        Ok(Start {
            run: RunKey { entity: self.entity.clone(), project: self.project.clone(), id },
            attempt: AttemptId::random()?,
            time: self.clock.now(),
            name: self.name.clone(),
            group: self.group.clone(),
            job_type: self.job_type.clone(),
            notes: self.notes.clone(),
            tags: self.tags.clone(),
            host: host.to_owned(),
            pid: std::process::id(),
            danlu: crate::VERSION.to_owned(),
            info: self.info.clone(),
            rank: self.rank,
            origin: Origin::New,
        })
    }
}

/// What a run is made of when it has begun.
pub(super) struct Begun {
    pub(super) start: Start,
    pub(super) standing: Option<Standing>,
    pub(super) run_file: PathBuf,
    pub(super) journal: (Journal, PathBuf),
    pub(super) directory: PathBuf,
    pub(super) ignore: Vec<String>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) warn: Sink,
}

/// Returns the machine's name, as the kernel knows it.
pub fn host_name() -> String {
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
        && std::fs::rename(&fresh, directory.join(store::LATEST)).is_err()
    {
        std::fs::remove_file(&fresh).ok();
    }
}

//! Going on with a run that is there: resume, fork, rewind.

use crate::model::{Error, ErrorKind, Origin, Record, Result, RunId, RunKey, Start, Value};
use crate::store::{self, Liveness};
use rusqlite::Connection;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often, and after how long, a writer of this process is looked for again.
const ALIVE_TRIES: u32 = 10;
const ALIVE_WAIT: Duration = Duration::from_millis(5);

/// Whether to go on with a run of the same id that is in the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Resume {
    /// Begin another run, whatever is there.
    #[default]
    No,
    /// Go on with it if it is there, else begin it.
    Allow,
    /// Go on with it; an error if it is not there.
    Must,
    /// Begin it; an error if it is there.
    Never,
    /// Without an id: go on with the newest run of the directory unless it finished. With an id: as `Allow`.
    Auto,
}

/// A run that is there, as it stands.
#[derive(Debug)]
pub(super) struct Standing {
    /// Its newest file.
    pub(super) file: PathBuf,
    /// All its files, oldest first.
    pub(super) files: Vec<PathBuf>,
    /// When its oldest file was begun.
    began: i64,
    /// Whether that began the run, whatever was there before.
    begins: bool,
    /// Which of several writers began it.
    rank: Option<u32>,
    /// What was known at its last start, with what was changed since.
    pub(super) start: Start,
    pub(super) config: Vec<(String, Value)>,
    pub(super) summary: Vec<(String, Value)>,
    /// The definitions of its metrics: names and data.
    pub(super) metrics: Vec<(String, String)>,
    /// The names of the keys of its history.
    pub(super) keys: BTreeSet<String>,
    /// The step to go on at.
    pub(super) step: i64,
    /// Who writes it right now.
    pub(super) writer: Option<Start>,
    /// Whether its newest file is an archive, which nothing is added to.
    pub(super) compacted: bool,
}

/// What to look in, and with which eyes.
pub(super) struct Place<'a> {
    pub(super) directory: &'a Path,
    pub(super) host: &'a str,
    pub(super) now: i64,
    /// Which of several writers is looking.
    pub(super) rank: Option<u32>,
    pub(super) warn: &'a dyn Fn(String),
}

impl Place<'_> {
    /// Finds a run by its key; for one of several writers, its own part of it. Runs whose writer died are completed on the way.
    pub(super) fn find(&self, run: &RunKey) -> Result<Option<Standing>> {
        self.find_of(run, |rank| self.rank.is_none() || rank == self.rank)
    }

    /// Finds a run by its key, whoever wrote it.
    pub(super) fn find_any(&self, run: &RunKey) -> Result<Option<Standing>> {
        self.find_of(run, |_| true)
    }

    fn find_of(&self, run: &RunKey, wanted: impl Fn(Option<u32>) -> bool) -> Result<Option<Standing>> {
        let mut found = Vec::new();
        for file in self.files_of(run.id.as_str())? {
            let writer = self.writer_of(&file)?;
            store::recover(&file, self.host, self.now, self.warn)?;
            if !file.exists() {
                continue;
            }
            let connection = store::open(&file)?;
            let standing = if store::attempts(&connection)?.is_empty() {
                // It has only just begun.
                writer.map(|writer| Standing::begun(file, writer))
            } else {
                Some(Standing { writer, ..Self::read(file, &connection)? })
            };
            found.extend(standing.filter(|found| found.start.run == *run && wanted(found.rank)));
        }
        found.sort_by_key(|standing| standing.began);
        // A file that does not go on with the run begins it anew, as where runs are read.
        Ok(found.into_iter().reduce(|known, newer| if newer.begins { newer } else { known.join(newer) }))
    }

    /// Finds the id of the newest run of a project, unless it finished.
    pub(super) fn unfinished(&self, entity: &str, project: &str) -> Result<Option<RunId>> {
        let Ok(name) = std::fs::read_link(self.directory.join("latest-run.sqlite")) else { return Ok(None) };
        let file = self.directory.join(name);
        store::recover(&file, self.host, self.now, self.warn)?;
        let Ok(connection) = store::open(&file) else { return Ok(None) };
        let key = store::run_key(&connection)?;
        let state: String = connection.query_row("SELECT state FROM run", [], |row| row.get(0))?;
        let goes_on = state != "finished" && key.entity == entity && key.project == project;
        Ok(goes_on.then_some(key.id))
    }

    /// Lists the run files whose names end in an id, oldest first.
    fn files_of(&self, id: &str) -> Result<Vec<PathBuf>> {
        let entries = match std::fs::read_dir(self.directory) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(Error::io("read the directory", self.directory, e)),
        };
        let mut files: Vec<PathBuf> = entries
            .filter_map(std::result::Result::ok)
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                let stem = name.strip_suffix(".sqlite").or_else(|| store::stem_of_journal(&name))?;
                let path = self.directory.join(format!("{stem}.sqlite"));
                store::is_named_after(&path, id).then_some(path)
            })
            .collect();
        files.sort();
        files.dedup();
        Ok(files)
    }

    fn read(file: PathBuf, connection: &Connection) -> Result<Standing> {
        let mut start = store::start_of(connection)?;
        let first = store::first_start_of(connection)?;
        (start.name, start.group, start.job_type, start.notes) =
            connection.query_row("SELECT name, job_group, job_type, notes FROM run", [], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })?;
        start.tags = store::tags(connection)?;
        Ok(Standing {
            start,
            config: store::config(connection)?,
            summary: store::summary(connection)?,
            metrics: store::metrics(connection)?,
            keys: store::key_names(connection)?.into_iter().collect(),
            step: store::next_step(connection)?,
            writer: None,
            began: first.time,
            begins: first.origin != Origin::Resume && first.rank.is_none(),
            rank: first.rank,
            files: vec![file.clone()],
            compacted: store::is_compacted(&store::open_packed(&file)?)?,
            file,
        })
    }

    fn writer_of(&self, file: &Path) -> Result<Option<Start>> {
        for journal in store::journals_of(file)? {
            if !self.is_alive(&journal) {
                continue;
            }
            match store::JournalReader::open(&journal).and_then(|mut journal| journal.read()) {
                Ok(Some(Record::Start(start))) => return Ok(Some(*start)),
                // Its writer has ended just now.
                Err(e) if e.kind() == ErrorKind::NotFound => {}
                other => {
                    other?;
                }
            }
        }
        Ok(None)
    }

    /// Says whether the writer of a journal lives. One of this process may have ended just now while another thread starts a
    /// program: until that has begun, it has a copy of the lock.
    fn is_alive(&self, journal: &Path) -> bool {
        let alive = || matches!(store::liveness(journal, self.host, self.now), Ok(Liveness::Alive));
        let ours = || {
            let first = store::JournalReader::open(journal).and_then(|mut journal| journal.read());
            matches!(first, Ok(Some(Record::Start(start))) if start.pid == std::process::id() && start.host == self.host)
        };
        let mut tries = 0;
        while alive() {
            tries += 1;
            if tries > ALIVE_TRIES || !ours() {
                return true;
            }
            std::thread::park_timeout(ALIVE_WAIT);
        }
        false
    }
}

impl Standing {
    fn begun(file: PathBuf, writer: Start) -> Self {
        let start = writer.clone();
        let (config, summary, metrics) = (Vec::new(), Vec::new(), Vec::new());
        let files = vec![file.clone()];
        let begins = start.origin != Origin::Resume && start.rank.is_none();
        let (began, rank) = (start.time, start.rank);
        Self {
            rank,
            file,
            files,
            began,
            begins,
            start,
            config,
            summary,
            metrics,
            keys: BTreeSet::new(),
            step: 0,
            writer: Some(writer),
            compacted: false,
        }
    }

    /// Takes in a newer file of the same run: writers beside each other have one each.
    fn join(mut self, newer: Self) -> Self {
        for (ours, theirs) in [(&mut self.config, newer.config), (&mut self.summary, newer.summary)] {
            ours.retain(|(key, _)| !theirs.iter().any(|(other, _)| other == key));
            ours.extend(theirs);
        }
        self.metrics.retain(|(name, _)| !newer.metrics.iter().any(|(other, _)| other == name));
        self.metrics.extend(newer.metrics);
        self.keys.extend(newer.keys);
        self.files.extend(newer.files);
        Self {
            file: newer.file,
            start: newer.start,
            step: self.step.max(newer.step),
            writer: newer.writer.or(self.writer),
            compacted: newer.compacted,
            ..self
        }
    }
}

/// Hands on what the files of a run say up to a step, without its starts, files and console: keys, rows, settings and metrics.
pub(super) fn said_until(files: &[PathBuf], step: i64, mut sink: impl FnMut(Said)) -> Result<()> {
    files.iter().try_for_each(|file| said_in_file(file, step, &mut sink))
}

fn said_in_file(file: &Path, step: i64, sink: &mut impl FnMut(Said)) -> Result<()> {
    let connection = store::open(file)?;
    let from = store::counts_from(&connection)?;
    for attempt in store::attempts(&connection)?.iter().filter(|attempt| attempt.base >= from) {
        let mut names = std::collections::HashMap::new();
        let mut over = false;
        for record in store::each_segment(&connection, attempt)? {
            for (seq, record) in record? {
                match record {
                    Record::Key { name, system } => {
                        names.insert(seq, (name, system));
                    }
                    Record::Row(row) if row.step.is_some_and(|at| at <= step) => {
                        let values = row.values.into_iter();
                        let values = values.filter_map(|(key, value)| {
                            names.get(&key).map(|(name, _)| (name.clone(), value))
                        });
                        sink(Said::Row(row.step.unwrap_or_default(), row.time, values.collect()));
                    }
                    Record::Row(row) => over |= row.step.is_some(),
                    _ if over => {}
                    Record::Config(_) | Record::Summary(_) => sink(Said::Other(record)),
                    Record::Event(ref event) if event.kind == crate::model::EventKind::Metric => {
                        sink(Said::Other(record));
                    }
                    Record::Start(_) | Record::File(_) | Record::Event(_) => {}
                }
            }
        }
    }
    Ok(())
}

/// Something that a run said.
pub(super) enum Said {
    /// A row of the history: its step, its time, and its values by name.
    Row(i64, i64, Vec<(String, Value)>),
    /// A setting, or the definition of a metric.
    Other(Record),
}

/// Explains why a run cannot be gone on with.
pub(super) fn missing(run: &RunKey, directory: &Path, what: &str) -> Error {
    let message = format!("Cannot {what} run {run}: it is not in `{}`", directory.display());
    Error::usage(message).with_hint("`danlu ls` lists the runs of a directory")
}

/// Checks that a run has a step to go on from.
pub(super) fn check_step(found: &Standing, step: i64, what: &str) -> Result<()> {
    if step < found.step {
        return Ok(());
    }
    let (run, last) = (&found.start.run, found.step - 1);
    let message = if found.step == 0 {
        format!("Cannot {what} run {run} at step {step}: it has no rows")
    } else {
        format!("Cannot {what} run {run} at step {step}: its last step is {last}")
    };
    Err(Error::usage(message).with_hint("`danlu show` says how far a run is"))
}

/// Explains why a run cannot be begun.
pub(super) fn there_already(found: &Standing) -> Error {
    let run = &found.start.run;
    Error::usage(format!("Run {run} is there already, in `{}`", found.file.display()))
        .with_hint("give another id, or allow to resume it")
}

/// Explains why a run cannot be rewound.
pub(super) fn in_use(writer: &Start) -> Error {
    let message =
        format!("Run {} is being written by process {} on `{}`", writer.run, writer.pid, writer.host);
    Error::new(ErrorKind::Busy, message).with_hint("end it first")
}

/// Explains why an archived run cannot be rewound.
pub(super) fn archived(file: &Path) -> Error {
    Error::usage(format!("Cannot rewind `{}`: it is compacted", file.display()))
        .with_hint("`danlu expand` brings its rows back")
}

/// Explains why a run of several files cannot be rewound.
pub(super) fn scattered(found: &Standing) -> Error {
    let message = format!("Cannot rewind run {}: it has {} files", found.start.run, found.files.len());
    Error::usage(message).with_hint("fork it: a fork takes from all of them")
}

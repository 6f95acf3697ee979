//! One run: what is new of its parts is written beside its file, and takes its place when it is whole.

use super::digest::Hasher;
use super::head::Head;
use super::known::{Imported, Known, fit};
use super::ledger::{Ledger, Marks};
use super::scribe::{Counts, Scribe};
use super::{Identity, Part, Settings, Tool};
use crate::model::{AttemptId, Error, ErrorKind, Origin, Result, RunKey, Start, Value, file_stamp};
use crate::store::{self, Appender, BUSY_TIMEOUT, Replacing};
use rustix::fs::{FlockOperation, flock};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

/// What became of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is a run file now.
    Imported,
    /// What was new of it was added to its run file.
    Grown,
    /// The run file has all of it.
    UpToDate,
    /// It was not imported, or not all of it.
    Failed,
}

/// What was done for one run.
#[derive(Debug, Serialize)]
pub struct RunOutcome {
    /// The tool that wrote it.
    pub tool: Tool,
    /// Where it was found.
    pub source: PathBuf,
    /// Entity, project and id.
    pub run: String,
    /// Its display name.
    pub name: String,
    /// When it began, in microseconds since 1970-01-01 UTC.
    pub started: i64,
    /// What became of it.
    pub status: Status,
    /// Rows that were written.
    pub rows: u64,
    /// Files that were stored.
    pub files: u64,
    /// The bytes of these.
    pub bytes: u64,
    /// How many things of the source could not be read or stored, by reason.
    pub lost: BTreeMap<String, u64>,
    /// What is not in the run file, and why.
    pub left_out: Vec<String>,
    /// The run file.
    pub path: Option<PathBuf>,
    /// Why it failed.
    pub error: Option<String>,
    /// What to do about that.
    pub hint: Option<String>,
}

impl RunOutcome {
    fn new(tool: Tool, source: &Path, run: String) -> Self {
        Self {
            tool,
            source: source.to_owned(),
            run,
            name: String::new(),
            started: 0,
            status: Status::UpToDate,
            rows: 0,
            files: 0,
            bytes: 0,
            lost: BTreeMap::new(),
            left_out: Vec::new(),
            path: None,
            error: None,
            hint: None,
        }
    }

    pub(super) fn failed(tool: Tool, source: &Path, run: &str, error: &Error) -> Self {
        let mut outcome = Self::new(tool, source, run.to_owned());
        outcome.fail(error);
        outcome
    }

    fn fail(&mut self, error: &Error) {
        self.status = Status::Failed;
        self.error = Some(error.to_string());
        self.hint = error.hint().map(str::to_owned);
    }

    fn hear(&mut self, head: &Head) {
        if self.started == 0 || head.time < self.started {
            self.started = head.time;
        }
        self.name.clone_from(&head.name);
        self.left_out.extend(head.left_out.iter().cloned());
        for (why, how_much) in &head.lost {
            *self.lost.entry(why.clone()).or_default() += how_much;
        }
    }
}

/// The directory that run files are imported into. Others who import there wait while this lives.
pub(super) struct Place<'a> {
    settings: &'a Settings<'a>,
    _lock: Option<File>,
}

/// What a first reading found of a part.
struct Survey<'a> {
    part: &'a dyn Part,
    head: Head,
    imported: Imported,
    from: Marks,
    attempt: AttemptId,
    counts: Counts,
}

impl<'a> Place<'a> {
    pub(super) fn enter(settings: &'a Settings<'a>) -> Result<Self> {
        if settings.dry_run {
            return Ok(Self { settings, _lock: None });
        }
        let directory = &settings.directory;
        std::fs::create_dir_all(directory).map_err(|e| Error::io("create the directory", directory, e))?;
        let lock = File::open(directory).map_err(|e| Error::io("open the directory", directory, e))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let message = format!("Another process imports or pulls into `{}`", directory.display());
                Err(Error::new(ErrorKind::Busy, message).with_hint("wait until that is done"))
            }
            // Where there are no such locks, nobody can be waited for.
            _ => Ok(Self { settings, _lock: Some(lock) }),
        }
    }

    /// Imports what is new of a run.
    pub(super) fn import(&self, key: &RunKey, identity: &Identity, parts: &[Box<dyn Part>]) -> RunOutcome {
        let mut outcome = RunOutcome::new(parts[0].tool(), parts[0].path(), key.to_string());
        self.settings.progress.run(&outcome.run);
        if let Err(e) = self.try_import(key, identity, parts, &mut outcome) {
            outcome.fail(&e);
        }
        outcome
    }

    fn try_import(
        &self,
        key: &RunKey,
        identity: &Identity,
        parts: &[Box<dyn Part>],
        outcome: &mut RunOutcome,
    ) -> Result<()> {
        let existing = self.find(key)?;
        let known = existing.as_deref().map_or_else(|| Ok(Known::default()), known_of)?;
        outcome.path.clone_from(&existing);
        if existing.is_some() && !known.is_import() {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!("There is a run {key} that was not imported"),
            )
            .with_hint("`--project` imports into another project"));
        }
        let mut news = Vec::new();
        for part in parts {
            let (survey, is_new) = self.survey(&**part, key, identity, &known)?;
            outcome.hear(&survey.head);
            if is_new {
                news.push(survey);
            } else {
                self.settings.progress.read(part.bytes());
            }
        }
        if news.is_empty() {
            return Ok(());
        }
        news.sort_by(|a, b| (a.head.time, &a.imported.part).cmp(&(b.head.time, &b.imported.part)));
        if self.settings.dry_run {
            for survey in &news {
                count(outcome, survey.counts);
            }
        } else {
            outcome.path = Some(self.write(key, existing.as_deref(), &news, outcome)?);
        }
        outcome.status = if existing.is_some() { Status::Grown } else { Status::Imported };
        Ok(())
    }

    /// Reads a part to the end, and says whether there is anything that the run does not have.
    fn survey<'p>(
        &self,
        part: &'p dyn Part,
        key: &RunKey,
        identity: &Identity,
        known: &Known,
    ) -> Result<(Survey<'p>, bool)> {
        let before = known.parts.get(&part.name());
        let from = before.map(|imported| imported.read.clone()).unwrap_or_default();
        let progress = |bytes| self.settings.progress.read(bytes);
        let mut ledger = Ledger::new(&from, None, &progress);
        let mut scribe = Scribe::dry();
        let mut head = part.read(&mut ledger, &mut |said| scribe.take(said))?;
        if ledger.is_changed() {
            let message = format!("`{}` is not what was imported before", part.path().display());
            return Err(Error::new(ErrorKind::Conflict, message).with_hint(format!(
                "somebody has changed it, or another run has its id; `danlu ls` shows the run {key} as it was imported"
            )));
        }
        if key.id.as_str() != identity.id {
            head.config.insert("_import".to_owned(), Value::from(original(part.tool(), identity)));
        }
        let mut state = Hasher::default();
        state.value(&head)?;
        let imported = Imported {
            tool: part.tool().name().to_owned(),
            run: identity.id.clone(),
            part: part.name(),
            read: ledger.marks(),
            state: state.so_far().to_string(),
        };
        let is_new = ledger.has_news() || before.is_none_or(|before| before.state != imported.state);
        let said = scribe.hash();
        let counts = scribe.finish(&head, known)?;
        let mut name = Hasher::default();
        name.value(&("danlu import 1", crate::VERSION, key, &from, &imported, said))?;
        let mut attempt = AttemptId([0; 16]);
        attempt.0.copy_from_slice(&name.so_far().0[..16]);
        Ok((Survey { part, head, imported, from, attempt, counts }, is_new))
    }

    /// Writes what is new into a copy of the run file, or into a new one, and puts it in place.
    fn write(
        &self,
        key: &RunKey,
        existing: Option<&Path>,
        news: &[Survey<'_>],
        outcome: &mut RunOutcome,
    ) -> Result<PathBuf> {
        let path = existing.map_or_else(|| self.fresh_path(key, news[0].head.time), Path::to_owned);
        let fresh = path.with_extension("rebuilt");
        let right = existing.map(Replacing::begin).transpose()?;
        let begun = match existing {
            Some(existing) => {
                store::discard(&fresh);
                std::fs::copy(existing, &fresh).map(|_| ()).map_err(|e| Error::io("copy to", &fresh, e))
            }
            None => store::begin(&fresh),
        };
        let written = begun.and_then(|()| self.write_parts(key, &fresh, news, outcome));
        let placed = written.and_then(|()| match right {
            Some(right) => right.put_in_place(&fresh, None),
            None => store::put_in_place(&fresh, &path, None),
        });
        placed.and_then(|()| store::sync_directory(&path)).inspect_err(|_| store::discard(&fresh))?;
        Ok(path)
    }

    fn write_parts(
        &self,
        key: &RunKey,
        fresh: &Path,
        news: &[Survey<'_>],
        outcome: &mut RunOutcome,
    ) -> Result<()> {
        for survey in news {
            let known = known_of(fresh)?;
            let mut file = Appender::open(fresh, BUSY_TIMEOUT)?;
            let mut scribe = Scribe::begin(&mut file, survey.start(key, &known))?;
            scribe.config(&survey.head.config, &known)?;
            let progress = |bytes| self.settings.progress.read(bytes);
            let mut ledger = Ledger::new(&survey.from, Some(&survey.imported.read), &progress);
            survey.part.read(&mut ledger, &mut |said| scribe.take(said))?;
            if !ledger.is_as_before() {
                let message = format!("`{}` changed while it was imported", survey.part.path().display());
                return Err(
                    Error::new(ErrorKind::Busy, message).with_hint("import it again when nobody writes it")
                );
            }
            count(outcome, scribe.finish(&survey.head, &known)?);
        }
        Ok(())
    }

    /// Finds the run file of a run.
    fn find(&self, key: &RunKey) -> Result<Option<PathBuf>> {
        let directory = &self.settings.directory;
        let entries = match std::fs::read_dir(directory) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            entries => entries.map_err(|e| Error::io("read the directory", directory, e))?,
        };
        let mut paths: Vec<PathBuf> = entries
            .filter_map(std::result::Result::ok)
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "sqlite"))
            .filter(|path| store::is_named_after(path, key.id.as_str()))
            .collect();
        paths.sort();
        let mut other = None;
        for path in paths {
            let connection = store::open(&path)?;
            if store::run_key(&connection).is_ok_and(|found| found == *key) {
                if Known::read(&connection)?.is_import() {
                    return Ok(Some(path));
                }
                other = Some(path);
            }
        }
        Ok(other)
    }

    fn fresh_path(&self, key: &RunKey, time: i64) -> PathBuf {
        let stem = format!("run-{}-{}", file_stamp(time), key.id);
        let named = |n: u32| {
            let suffix = if n == 0 { String::new() } else { format!("-{n}") };
            self.settings.directory.join(format!("{stem}{suffix}.sqlite"))
        };
        (0..).map(named).find(|path| !path.exists()).unwrap_or_else(|| named(0))
    }
}

impl Survey<'_> {
    fn start(&self, key: &RunKey, known: &Known) -> Start {
        let head = &self.head;
        let mut start = Start {
            run: key.clone(),
            attempt: self.attempt,
            time: head.time,
            name: head.name.clone(),
            group: head.group.clone(),
            job_type: head.job_type.clone(),
            notes: head.notes.clone(),
            tags: head.tags.clone(),
            host: head.host.clone(),
            pid: head.pid,
            danlu: crate::VERSION.to_owned(),
            info: Known::info(&self.imported, &head.info),
            rank: None,
            origin: if known.attempts == 0 { Origin::New } else { Origin::Resume },
        };
        fit(&mut start);
        start
    }
}

fn known_of(path: &Path) -> Result<Known> {
    if !store::journals_of(path)?.is_empty() {
        let message = format!("`{}` is being written, or its process was killed", path.display());
        return Err(Error::new(ErrorKind::Busy, message).with_hint("`danlu ls` completes what was killed"));
    }
    let connection = store::open_packed(path)?;
    if store::attempts(&connection)?.is_empty() {
        return Ok(Known::default());
    }
    drop(connection);
    Known::read(&store::open(path)?)
}

fn count(outcome: &mut RunOutcome, counts: Counts) {
    outcome.rows += counts.rows;
    outcome.files += counts.files;
    outcome.bytes += counts.bytes;
}

/// Says what the tool calls a run that has another id here.
fn original(tool: Tool, identity: &Identity) -> serde_json::Value {
    serde_json::json!({"tool": tool.name(), "run": identity.id})
}

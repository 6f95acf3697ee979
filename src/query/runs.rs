//! Which runs there are, and how they are.

use super::past::{Past, past};
use super::series::{config, summary, summary_within};
use crate::model::{Error, Hash, Origin, Result};
use crate::store::{self, DIR_NAME, Liveness};
use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// How a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Its writer lives.
    Running,
    /// It ended with exit code 0.
    Finished,
    /// It ended with another exit code.
    Failed,
    /// Its writer died without a word.
    Crashed,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Running, Self::Finished, Self::Failed, Self::Crashed];

    /// Returns the word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Crashed => "crashed",
        }
    }
}

/// A run at a glance.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunInfo {
    /// The run id.
    pub id: String,
    /// The team or user; may be empty.
    pub entity: String,
    /// The project.
    pub project: String,
    /// The display name; may be empty.
    pub name: String,
    /// How it is.
    pub state: State,
    /// The exit code, if it ended in order.
    pub exit_code: Option<i64>,
    /// When it began, in seconds since 1970-01-01 UTC.
    pub started: f64,
    /// When it ended, likewise, if it ended in order.
    pub ended: Option<f64>,
    /// The machine that began it.
    pub host: String,
    /// How many records it has, over all attempts.
    pub records: u64,
    /// The step of the last history row.
    pub last_step: Option<i64>,
    /// Records and values that could not be stored, or were lost with a damaged file.
    pub lost: u64,
    /// What it takes where it was looked at: the size of its run files; at a server that of its objects.
    pub bytes: u64,
    /// Which of several writers it is of; of several files, the newest.
    pub rank: Option<u32>,
    /// The ranks of all its files.
    #[serde(skip)]
    pub(super) ranks: Vec<Option<u32>>,
    /// Whether its file goes on with a run that is in another.
    #[serde(skip)]
    pub(super) resumed: bool,
    /// Where the run file is; of several, the newest.
    #[serde(default)]
    pub path: PathBuf,
    /// All its files: writers beside each other have one each.
    #[serde(default)]
    pub parts: Vec<PathBuf>,
    /// The digest, once every attempt is sealed.
    pub digest: Option<Hash>,
}

/// A key of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct KeyInfo {
    /// Its name.
    pub key: String,
    /// How many values it has.
    pub points: u64,
}

/// The newest version of a stored file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct FileInfo {
    /// The path that it is stored under.
    pub path: String,
    /// Its length in bytes.
    pub size: u64,
    /// The name of its blob.
    #[cfg_attr(feature = "server", schema(value_type = String))]
    pub sha256: Hash,
}

/// Everything to know about a run except its rows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunDetails {
    /// At a glance.
    #[serde(flatten)]
    pub info: RunInfo,
    /// The group of runs that it belongs to.
    pub group: String,
    /// What it does within the group.
    pub job_type: String,
    /// Notes in prose.
    pub notes: String,
    /// Tags.
    pub tags: Vec<String>,
    /// The config, a JSON object.
    pub config: serde_json::Value,
    /// The summary, a JSON object.
    pub summary: serde_json::Value,
    /// The keys of the history.
    pub keys: Vec<KeyInfo>,
    /// The stored files.
    pub files: Vec<FileInfo>,
    /// What is missing of it, as it says itself.
    pub losses: Vec<store::Lost>,
    /// How it came to be.
    #[serde(default)]
    pub past: Past,
}

/// What a directory holds.
#[derive(Debug, Default)]
pub struct Found {
    /// Its run files, oldest first. [`super::unite`] makes runs of them.
    pub runs: Vec<RunInfo>,
    /// Files that look like runs and cannot be read, with the reason.
    pub unreadable: Vec<(PathBuf, Error)>,
}

/// Returns the directory that holds runs, given it or the one above it.
pub fn run_directory(dir: &Path) -> PathBuf {
    let below = dir.join(DIR_NAME);
    if below.is_dir() { below } else { dir.to_owned() }
}

/// Lists the run files of a directory. Runs whose writer died are completed from their journals on the way.
///
/// # Errors
/// The directory cannot be read. A file in it that cannot be read is part of the answer.
pub fn list(dir: &Path, host: &str, now: i64, warn: &dyn Fn(String)) -> Result<Found> {
    let mut found = Found::default();
    for (path, journals) in run_files(&run_directory(dir))? {
        match read(&path, &journals, host, now, warn) {
            Ok(Some(info)) => found.runs.push(info),
            Ok(None) => {}
            Err(e) => {
                found.unreadable.push((path, named(e)));
            }
        }
    }
    found.runs.sort_by(|a, b| a.started.total_cmp(&b.started).then_with(|| a.path.cmp(&b.path)));
    Ok(found)
}

/// Says whether there are files of runs in a directory, without a look into them.
///
/// # Errors
/// The directory cannot be read.
pub fn has_runs(dir: &Path) -> Result<bool> {
    Ok(!run_files(&run_directory(dir))?.is_empty())
}

/// Lets an error of a file say what to do.
fn named(error: Error) -> Error {
    match error.hint() {
        Some(_) => error,
        None => {
            error.with_hint("`danlu verify` tells what is damaged, `danlu recover` saves what can be read")
        }
    }
}

/// How long a run file may be empty because it is just being created, in microseconds.
const CREATION: i64 = 5_000_000;

/// Says whether a file is empty because somebody is just creating it.
pub fn is_being_created(path: &Path, now: i64) -> bool {
    let Ok(metadata) = path.metadata() else { return false };
    let modified = metadata.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    let modified = modified.and_then(|since| i64::try_from(since.as_micros()).ok()).unwrap_or(0);
    metadata.len() == 0 && modified > now - CREATION
}

/// Recovers and reads one run file; `None` for one whose writer was killed before it said anything.
pub(super) fn read(
    path: &Path,
    journals: &[PathBuf],
    host: &str,
    now: i64,
    warn: &dyn Fn(String),
) -> Result<Option<RunInfo>> {
    if let Err(e) = store::recover_from(path, journals, host, now, warn) {
        warn(format!("{e}; what the run file has is shown, the rest is still in the journal"));
    }
    read_completed(path, journals, host, now).map_err(|e| e.doing("read", path))
}

fn read_completed(path: &Path, journals: &[PathBuf], host: &str, now: i64) -> Result<Option<RunInfo>> {
    if !path.exists() {
        return Ok(None);
    }
    let mut connection = match store::open_packed(path) {
        Err(_) if is_being_created(path, now) => return Ok(None),
        other => other?,
    };
    if store::attempts(&connection)?.is_empty() {
        connection = store::open(path)?;
    }
    if store::attempts(&connection)?.is_empty() {
        return Ok(None);
    }
    info_of(&connection, path, journals, host, now).map(Some)
}

/// Finds the run files of a directory, each with its journals: those that are there, and those that only a journal tells
/// of.
///
/// # Errors
/// The directory cannot be read.
pub fn run_files(directory: &Path) -> Result<BTreeMap<PathBuf, Vec<PathBuf>>> {
    let entries = std::fs::read_dir(directory).map_err(|e| {
        Error::io("read the directory", directory, e)
            .with_hint("runs are in `./wandb` of the directory that training ran in")
    })?;
    let mut files: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
    for entry in entries.filter_map(std::result::Result::ok) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(stem) = name.strip_suffix(".sqlite").or_else(|| store::stem_of_journal(&name)) else {
            continue;
        };
        if !name.starts_with("run-") || entry.file_type().is_ok_and(|t| !t.is_file()) {
            continue;
        }
        let journals = files.entry(directory.join(format!("{stem}.sqlite"))).or_default();
        if !name.ends_with(".sqlite") {
            journals.push(entry.path());
        }
    }
    Ok(files)
}

/// Reads a run at a glance.
///
/// # Errors
/// The file is damaged.
pub fn info(connection: &Connection, path: &Path, host: &str, now: i64) -> Result<RunInfo> {
    info_of(connection, path, &store::journals_of(path).unwrap_or_default(), host, now)
}

/// Reads a run at a glance from a file that nobody writes and that has no journals beside it, as a server keeps it.
///
/// # Errors
/// The file is damaged.
pub fn info_alone(connection: &Connection, path: &Path) -> Result<RunInfo> {
    info_of(connection, path, &[], "", 0)
}

fn info_of(
    connection: &Connection,
    path: &Path,
    journals: &[PathBuf],
    host: &str,
    now: i64,
) -> Result<RunInfo> {
    let attempts = store::attempts(connection)?;
    let (id, entity, project, name, started) =
        connection.query_row("SELECT id, entity, project, name, started FROM run", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        })?;
    let start = store::start_of(connection)?;
    let last_attempt = attempts.last().map_or(0, |attempt| attempt.base);
    let end = connection
        .query_row(
            "SELECT time / 1e6, data FROM event WHERE kind = 'end' AND id > ?",
            [last_attempt],
            |row| Ok((row.get::<_, f64>(0)?, row.get::<_, String>(1)?)),
        )
        .optional()?;
    let exit_code = end
        .as_ref()
        .and_then(|(_, data)| serde_json::from_str::<serde_json::Value>(data).ok()?["exit_code"].as_i64());
    let state = match (&end, exit_code) {
        _ if is_running(journals, host, now) => State::Running,
        (None, _) => State::Crashed,
        (Some(_), Some(0)) => State::Finished,
        (Some(_), _) => State::Failed,
    };
    Ok(RunInfo {
        id,
        entity,
        project,
        name,
        state,
        exit_code,
        started,
        ended: end.map(|(time, _)| time),
        host: start.host,
        records: attempts.iter().map(|attempt| attempt.records).sum(),
        last_step: store::last_step(connection)?,
        lost: store::losses(connection)?.iter().map(|lost| lost.records).sum(),
        bytes: path.metadata().map_or(0, |m| m.len()),
        rank: start.rank,
        ranks: vec![start.rank],
        resumed: store::first_start_of(connection)?.origin == Origin::Resume,
        path: path.to_owned(),
        parts: vec![path.to_owned()],
        digest: store::digest(connection)?,
    })
}

/// Says whether one of the journals of a run file has a writer that lives.
pub fn is_running(journals: &[PathBuf], host: &str, now: i64) -> bool {
    journals.iter().any(|journal| matches!(store::liveness(journal, host, now), Ok(Liveness::Alive)))
}

/// Reads everything about a run except its rows.
///
/// # Errors
/// The file is damaged.
pub fn details(connection: &Connection, info: RunInfo) -> Result<RunDetails> {
    with_summary(connection, info, summary(connection)?.into())
}

/// Reads everything about a run except its rows, and of the summary values of so many bytes together. In place of others it has
/// how long they are.
///
/// # Errors
/// The file is damaged.
pub fn details_within(connection: &Connection, info: RunInfo, bytes: u64) -> Result<RunDetails> {
    with_summary(connection, info, summary_within(connection, bytes)?.into())
}

fn with_summary(connection: &Connection, info: RunInfo, summary: serde_json::Value) -> Result<RunDetails> {
    let (group, job_type, notes) =
        connection.query_row("SELECT job_group, job_type, notes FROM run", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    Ok(RunDetails {
        info,
        group,
        job_type,
        notes,
        tags: store::tags(connection)?,
        config: config(connection)?.into(),
        summary,
        keys: keys(connection)?,
        files: newest_files(connection)?,
        losses: store::losses(connection)?,
        past: past(connection)?,
    })
}

fn keys(connection: &Connection) -> Result<Vec<KeyInfo>> {
    let mut statement = connection.prepare(
        "SELECT k.name, coalesce(sum(e.last - e.first + 1), 0) FROM key AS k LEFT JOIN extent AS e ON e.key = k.id
         WHERE k.system = 0 GROUP BY k.name ORDER BY min(k.id)",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(KeyInfo { key: row.get(0)?, points: row.get::<_, i64>(1)?.cast_unsigned() })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Lists the newest version of each stored file, by path.
///
/// # Errors
/// The file is damaged.
pub fn newest_files(connection: &Connection) -> Result<Vec<FileInfo>> {
    let mut statement =
        connection.prepare("SELECT path, size, sha256, max(id) FROM file GROUP BY path ORDER BY path")?;
    let rows = statement.query_map([], |row| {
        Ok(FileInfo {
            path: row.get(0)?,
            size: row.get::<_, i64>(1)?.cast_unsigned(),
            sha256: Hash(row.get(2)?),
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Finds the newest version of a stored file.
///
/// # Errors
/// The file is damaged.
pub fn newest_file(connection: &Connection, path: &str) -> Result<Option<FileInfo>> {
    let sql = "SELECT size, sha256 FROM file WHERE path = ? ORDER BY id DESC LIMIT 1";
    let read = |row: &rusqlite::Row<'_>| {
        let size = row.get::<_, i64>(0)?.cast_unsigned();
        Ok(FileInfo { path: path.to_owned(), size, sha256: Hash(row.get(1)?) })
    };
    Ok(connection.query_row(sql, [path], read).optional()?)
}

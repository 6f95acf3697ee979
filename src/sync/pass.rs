//! One pass over a directory: push what is pending.

use super::{Progress, Sent, State, push};
use crate::model::{Clock, Error, Hash, Result};
use crate::query::{self, Found, RunInfo};
use crate::remote::Remote;
use crate::store;
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;

/// What a pass works on.
pub struct Settings {
    /// The directory of the runs, or the one above it.
    pub dir: PathBuf,
    /// Ask the remote even about runs that it has proved to hold before.
    pub recheck: bool,
    /// The machine's name.
    pub host: String,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Is told what a push does.
    pub progress: Arc<dyn Progress>,
    /// Is told what had to be mended on the way.
    pub warn: Arc<dyn Fn(String) + Send + Sync>,
}

/// How a pass went for a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It was pushed, and the remote proved it.
    Pushed,
    /// The remote had proved before that it holds it.
    UpToDate,
    /// It is still being written.
    Running,
    /// It could not be pushed.
    Failed,
}

/// What a pass did for a run.
#[derive(Debug, Serialize)]
pub struct RunOutcome {
    /// The run id, or the name of a file that cannot be read.
    pub id: String,
    /// The project.
    pub project: String,
    /// How it went.
    pub status: Status,
    /// Objects sent.
    pub objects_sent: u64,
    /// Bytes sent.
    pub bytes_sent: u64,
    /// The digest that the remote proved.
    pub digest: Option<Hash>,
    /// Why it failed.
    pub error: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

/// What a pass did.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// The remote.
    pub remote: String,
    /// Objects sent.
    pub objects_sent: u64,
    /// Bytes sent.
    pub bytes_sent: u64,
    /// What it did for each run.
    pub runs: Vec<RunOutcome>,
}

/// Pushes every run of a directory that a remote has not yet proved to hold. A run that fails does not stop the others.
///
/// # Errors
/// The directory cannot be read; or the remote cannot be reached or refuses the key, which ends the pass: then what
/// was pushed before stays pushed.
pub fn pass(remote: &dyn Remote, settings: &Settings) -> Result<Outcome> {
    let now = settings.clock.now();
    let directory = query::run_directory(&settings.dir);
    let Found { runs, unreadable } = query::list(&directory, &settings.host, now, &*settings.warn)?;
    let mut outcome =
        Outcome { remote: remote.name().to_owned(), objects_sent: 0, bytes_sent: 0, runs: Vec::new() };
    let identity = remote.identity()?.to_string();
    if runs.is_empty() && unreadable.is_empty() {
        // There is nothing to know of a directory without runs.
        return Ok(outcome);
    }
    let state = State::open(&directory)?;
    state.use_remote(remote.name(), now)?;
    for (path, error) in unreadable {
        outcome.runs.push(failed(path.display().to_string(), String::new(), &error));
    }
    let namesakes = query::namesakes(&runs);
    for run in runs {
        let done = push_pending(&run, remote, &identity, &state, settings)?;
        if done.status == Status::Pushed && namesakes.contains(&query::full_name(&run)) {
            (settings.warn)(format!(
                "Run {} was begun more than once: here these are runs of their own, at `{}` they are one",
                query::full_name(&run),
                remote.name()
            ));
        }
        outcome.objects_sent += done.objects_sent;
        outcome.bytes_sent += done.bytes_sent;
        outcome.runs.push(done);
    }
    Ok(outcome)
}

fn push_pending(
    run: &RunInfo,
    remote: &dyn Remote,
    identity: &str,
    state: &State,
    settings: &Settings,
) -> Result<RunOutcome> {
    let proved = if settings.recheck { None } else { state.proved(identity, &run.path)? };
    let status = match (run.state, run.digest) {
        (query::State::Running, _) | (_, None) => Status::Running,
        (_, digest) if digest == proved => Status::UpToDate,
        _ => match push(&run.path, remote, &settings.progress) {
            Ok((digest, sent)) => {
                let key = store::run_key(&store::open(&run.path)?)?.hash();
                state.prove(identity, key, &run.path, digest, settings.clock.now())?;
                return Ok(outcome_of(run, Status::Pushed, sent, Some(digest)));
            }
            Err(e) if ends_the_pass(&e) => return Err(e),
            Err(e) => return Ok(failed(run.id.clone(), run.project.clone(), &e)),
        },
    };
    Ok(outcome_of(run, status, Sent::default(), run.digest))
}

/// Says whether an error is about the remote, so that the next run would meet it too.
fn ends_the_pass(error: &Error) -> bool {
    use crate::model::ErrorKind::{Denied, Unreachable};
    matches!(error.kind(), Denied | Unreachable)
}

fn outcome_of(run: &RunInfo, status: Status, sent: Sent, digest: Option<Hash>) -> RunOutcome {
    RunOutcome {
        id: run.id.clone(),
        project: run.project.clone(),
        status,
        objects_sent: sent.objects,
        bytes_sent: sent.bytes,
        digest,
        error: None,
        hint: None,
    }
}

fn failed(id: String, project: String, error: &Error) -> RunOutcome {
    RunOutcome {
        id,
        project,
        status: Status::Failed,
        objects_sent: 0,
        bytes_sent: 0,
        digest: None,
        error: Some(error.to_string()),
        hint: error.hint().map(str::to_owned),
    }
}

//! What a pass tells while it goes on, and what it leaves to say.

use crate::model::{Error, Hash};
use serde::Serialize;
use std::path::PathBuf;

/// Is told what a pass does, by several threads.
pub trait Progress: Send + Sync {
    /// A pass knows what there is to do.
    fn start(&self, remote: &str, counts: Counts);
    /// A run is about to be pushed: so many objects and bytes of it are missing at the remote.
    fn run(&self, remote: &str, run: &str, objects: u64, bytes: u64);
    /// So many of these bytes were sent.
    fn sent(&self, remote: &str, run: &str, bytes: u64);
    /// So many of these bytes are there, and need not be sent: of a push that was broken off, or of another run.
    fn found(&self, remote: &str, run: &str, bytes: u64);
    /// It is settled how a run stands.
    fn ended(&self, remote: &str, run: &RunOutcome);
}

/// Nobody watches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn start(&self, _: &str, _: Counts) {}
    fn run(&self, _: &str, _: &str, _: u64, _: u64) {}
    fn sent(&self, _: &str, _: &str, _: u64) {}
    fn found(&self, _: &str, _: &str, _: u64) {}
    fn ended(&self, _: &str, _: &RunOutcome) {}
}

/// What a pass found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Runs to push.
    pub pending: u64,
    /// Runs that the remote has proved to hold.
    pub up_to_date: u64,
    /// Runs that are still written.
    pub running: u64,
    /// Runs that cannot be pushed as they are.
    pub parked: u64,
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
    /// It is still being written, and the remote has what there was.
    Live,
    /// It would be pushed.
    Pending,
    /// It could not be pushed, and is tried again the next time.
    Failed,
    /// It cannot be pushed until it changes.
    Parked,
}

/// What a pass did for a run.
#[derive(Debug, Clone, Serialize)]
pub struct RunOutcome {
    /// The run id, or the name of a file that cannot be read.
    pub id: String,
    /// The project.
    pub project: String,
    /// How it went.
    pub status: Status,
    /// Objects sent, or to send.
    pub objects_sent: u64,
    /// Their bytes.
    pub bytes_sent: u64,
    /// The digest that the remote proved.
    pub digest: Option<Hash>,
    /// Contents that were left out by choice.
    pub left_out: u64,
    /// Whether it was begun more than once: the remote has what was begun apart as one run.
    pub diverged: bool,
    /// Why it failed.
    pub error: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// Its file, if it has one.
    #[serde(skip)]
    pub path: Option<PathBuf>,
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
    /// What ended it before it was through.
    #[serde(skip)]
    pub error: Option<Error>,
}

impl RunOutcome {
    /// Returns `project/id`, or the id if there is no project.
    pub fn name(&self) -> String {
        crate::model::full_name(&[&self.project, &self.id])
    }

    /// Says whether it was to be pushed and was not.
    pub fn is_failure(&self) -> bool {
        matches!(self.status, Status::Failed | Status::Parked)
    }
}

//! Runs that other tools have written become run files: W&B's offline runs, TensorBoard's event files, Trackio's databases
//! and MLflow's stores.
//!
//! A `Part` is one thing that a tool has written of a run, such as one `.wandb` file. It is read twice: once to see what it
//! says that the run does not have yet (`ledger`), and once to write that, as an attempt of its own, through the same function
//! as every other record. What an attempt is called follows from what it says, so the same source is never imported twice.

mod database;
mod digest;
mod files;
mod find;
mod head;
mod json;
mod known;
mod ledger;
mod media;
mod mlflow;
mod proto;
mod run;
mod scribe;
mod sources;
mod tensorboard;
mod trackio;
mod wandb;

pub use mlflow::{Point, read_metrics};
pub use run::{RunOutcome, Status};
pub use tensorboard::EventReader;
pub use wandb::LogReader;

use crate::model::{Error, ErrorKind, Result, RunKey};
use head::Head;
use ledger::Ledger;
use scribe::Said;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A tool that runs are imported from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tool {
    /// Weights & Biases: `.wandb` files.
    Wandb,
    /// TensorBoard: event files.
    TensorBoard,
    /// Trackio: a database for each project.
    Trackio,
    /// MLflow: `mlruns`, or `mlflow.db`.
    Mlflow,
}

impl Tool {
    /// Returns the name that people write.
    pub fn name(self) -> &'static str {
        match self {
            Self::Wandb => "wandb",
            Self::TensorBoard => "tensorboard",
            Self::Trackio => "trackio",
            Self::Mlflow => "mlflow",
        }
    }
}

/// How to import.
pub struct Settings<'a> {
    /// The directory that the run files go to; it is made if it is not there.
    pub directory: PathBuf,
    /// Takes only what this tool has written.
    pub tool: Option<Tool>,
    /// The project of the runs, in place of the one that their tool knows.
    pub project: Option<String>,
    /// The entity of the runs, in place of the one that their tool knows.
    pub entity: Option<String>,
    /// Says what would be done, and does nothing.
    pub dry_run: bool,
    /// Takes runs too that were deleted in their tool.
    pub deleted: bool,
    /// Takes files too to which a link leads out of the run's directory.
    pub follow_links: bool,
    /// Is told how far it is.
    pub progress: &'a dyn Progress,
}

/// Hears how far an import is.
pub trait Progress {
    /// So many bytes are to be read in all.
    fn total(&self, bytes: u64);
    /// A run is begun.
    fn run(&self, name: &str);
    /// So many bytes more have been read.
    fn read(&self, bytes: u64);
}

/// What an import did.
#[derive(Debug, Default, Serialize)]
pub struct Outcome {
    /// The runs, in the order in which they were imported.
    pub runs: Vec<RunOutcome>,
    /// What was found and is no run that can be imported, and why.
    pub left_out: Vec<LeftOut>,
}

/// Something that was not imported.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct LeftOut {
    /// What it is.
    pub path: PathBuf,
    /// Why it was left out.
    pub why: String,
    /// Whether it should have been imported, and failed.
    pub failed: bool,
}

/// What a tool has written of a run.
trait Part {
    /// The tool.
    fn tool(&self) -> Tool;
    /// Where it is.
    fn path(&self) -> &Path;
    /// What the tool calls the run.
    fn identity(&self) -> Identity;
    /// What the part is called within the run: the same wherever the source is.
    fn name(&self) -> String;
    /// About how many bytes are to be read.
    fn bytes(&self) -> u64;
    /// Reads all of it, and hands on what it says beyond what the ledger knows.
    fn read(&self, ledger: &mut Ledger<'_>, take: Take<'_>) -> Result<Head>;
}

/// Takes what a part says.
type Take<'a> = &'a mut dyn FnMut(Said) -> Result<()>;

/// What a tool calls a run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Identity {
    entity: String,
    project: String,
    id: String,
}

/// Imports all runs that are found at some paths. One that fails does not stop the others.
///
/// # Errors
/// A path cannot be read, or nothing is there that can be imported; or the directory cannot be written.
pub fn import(paths: &[PathBuf], settings: &Settings<'_>) -> Result<Outcome> {
    let found = find::find(paths, settings)?;
    let mut outcome = Outcome { runs: Vec::new(), left_out: found.left_out };
    if found.parts.is_empty() && outcome.left_out.iter().all(|left| !left.failed) {
        return Err(nothing(paths, settings, &outcome.left_out));
    }
    let mut runs: BTreeMap<(Tool, Identity), Vec<Box<dyn Part>>> = BTreeMap::new();
    for part in found.parts {
        runs.entry((part.tool(), part.identity())).or_default().push(part);
    }
    settings.progress.total(runs.values().flatten().map(|part| 2 * part.bytes()).sum());
    let place = run::Place::enter(settings)?;
    for ((tool, identity), parts) in runs {
        let key = key_of(tool, &identity, settings);
        outcome.runs.push(match key {
            Ok(key) => place.import(&key, &identity, &parts),
            Err(e) => RunOutcome::failed(tool, parts[0].path(), &identity.id, &e),
        });
    }
    outcome.runs.sort_by(|a, b| (a.started, &a.run).cmp(&(b.started, &b.run)));
    Ok(outcome)
}

fn nothing(paths: &[PathBuf], settings: &Settings<'_>, left_out: &[LeftOut]) -> Error {
    let shown: Vec<String> = paths.iter().map(|path| format!("`{}`", path.display())).collect();
    let what = settings.tool.map_or_else(String::new, |tool| format!(" of {}", tool.name()));
    let error = Error::new(ErrorKind::NotFound, format!("There are no runs{what} in {}", shown.join(", ")));
    match left_out.first() {
        Some(left) => error.with_hint(format!("`{}` was left out: {}", left.path.display(), left.why)),
        None => error.with_hint(
            "name a directory with .wandb files, TensorBoard event files, a Trackio database, mlruns or mlflow.db",
        ),
    }
}

/// Returns the key of a run: what its tool calls it as far as that can be, else names that follow from that.
fn key_of(tool: Tool, identity: &Identity, settings: &Settings<'_>) -> Result<RunKey> {
    let project = settings.project.clone().unwrap_or_else(|| head::project_like(&identity.project));
    let entity = settings.entity.clone().unwrap_or_else(|| head::entity_like(&identity.entity));
    crate::model::check_project("project", &project)?;
    if !entity.is_empty() {
        crate::model::check_project("entity", &entity)?;
    }
    Ok(RunKey { entity, project, id: head::id_like(tool, identity)? })
}

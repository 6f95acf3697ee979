//! MLflow's stores: the directory `mlruns`, in which a run is a directory of small files, and `mlflow.db`.

mod database;
mod metrics;
mod run;
mod store;

pub use metrics::{Point, read_metrics};

use super::sources::Sources;
use super::{Head, Identity, Ledger, Part, Settings, Take, Tool};
use crate::model::Result;
use metrics::Rows;
use run::{About, Stage};
use std::path::{Path, PathBuf};

pub(super) use database::is_database;
pub(super) use store::is_run;

/// A run of MLflow.
struct MlflowRun {
    path: PathBuf,
    project: String,
    id: String,
    from: From,
    follow_links: bool,
    bytes: u64,
}

/// Where a run is kept.
enum From {
    /// A directory of its own.
    Directory,
    /// The database at the path.
    Database,
}

/// Adds a run that is a directory to what is to be imported.
pub(super) fn add_run(path: &Path, settings: &Settings<'_>, found: &mut Sources) {
    let about = match store::about(path) {
        Ok(about) => about,
        Err(e) => return found.fail(path, &e),
    };
    add(path, about, From::Directory, settings, found);
}

/// Adds the runs of a database to what is to be imported.
pub(super) fn add_database(path: &Path, settings: &Settings<'_>, found: &mut Sources) {
    match database::runs(path) {
        Ok(runs) => runs.into_iter().for_each(|about| add(path, about, From::Database, settings, found)),
        Err(e) => found.fail(path, &e),
    }
}

fn add(path: &Path, about: About, from: From, settings: &Settings<'_>, found: &mut Sources) {
    if about.stage == Stage::Deleted && !settings.deleted {
        let shown = match from {
            From::Directory => path.to_owned(),
            From::Database => path.join(&about.id),
        };
        return found.leave(&shown, "it was deleted in MLflow; `--deleted` takes it");
    }
    found.parts.push(Box::new(MlflowRun {
        path: path.to_owned(),
        project: about.experiment,
        id: about.id,
        bytes: match from {
            From::Directory => store::bytes(path),
            From::Database => 0,
        },
        from,
        follow_links: settings.follow_links,
    }));
}

impl Part for MlflowRun {
    fn tool(&self) -> Tool {
        Tool::Mlflow
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn identity(&self) -> Identity {
        Identity { entity: String::new(), project: self.project.clone(), id: self.id.clone() }
    }

    fn name(&self) -> String {
        self.id.clone()
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn read(&self, ledger: &mut Ledger<'_>, take: Take<'_>) -> Result<Head> {
        let mut rows = Rows::new(take);
        let read = match self.from {
            From::Directory => store::read(&self.path, ledger, &mut rows),
            From::Database => database::read(&self.path, &self.id, ledger, &mut rows),
        };
        let read = read.map_err(|e| e.doing("read", &self.path))?;
        let last = rows.finish()?;
        read.head(last, self.follow_links)
    }
}

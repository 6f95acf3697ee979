//! Where runs are pushed to.

use crate::cli::config::options_for;
use crate::cli::named::{in_full, open_there};
use crate::cli::output::to_stderr;
use crate::model::{Error, ErrorKind, Result};
use crate::query;
use crate::remote::{self, Directory, Memory, Remote};
use crate::sync::State;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Where to push to.
pub(super) struct Target {
    pub(super) address: String,
    /// The directory of the runs: what the syncer knows is there.
    runs: PathBuf,
    /// Whether a directory may be made where there was a remote before: once.
    anew: AtomicBool,
}

impl Target {
    /// Takes a place by its address. That of a directory is written down in full: the next sync may begin elsewhere.
    pub(super) fn new(address: &str, runs: &Path, anew: bool) -> Self {
        Self { address: in_full(address), runs: runs.to_owned(), anew: AtomicBool::new(anew) }
    }

    /// Opens it, and makes a directory if it is new.
    pub(super) fn open(&self) -> Result<Box<dyn Remote>> {
        self.check_is_there()?;
        let is_new = remote::directory_of(&self.address).is_some_and(|path| !Directory::is_one(path));
        let remote = remote::open(&self.address, &options_for(&self.address)?)?;
        if is_new {
            to_stderr(&format!("created the remote `{}`", self.address));
        }
        self.anew.store(false, Ordering::Relaxed);
        Ok(remote)
    }

    /// Refuses a directory that was a remote and is none now: what would be made there lands under the mount point of a
    /// disk that is not mounted, and looks like a copy that is safe.
    fn check_is_there(&self) -> Result<()> {
        let Some(path) = remote::directory_of(&self.address).filter(|path| !Directory::is_one(path)) else {
            return Ok(());
        };
        let name = path.display().to_string();
        let was_met = self.runs.join("sync.sqlite").is_file()
            && State::open(&self.runs)?.peer(&name)?.is_some_and(|peer| peer.identity.is_some());
        if !was_met {
            return check_is_outside(path);
        }
        if self.anew.load(Ordering::Relaxed) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Unreachable, format!("The remote that was in `{name}` is not there"))
            .with_hint("is the disk mounted? `danlu sync --new` begins a new remote there"))
    }

    /// Opens it for a look. A directory that would be made stays unmade: it is as good as one with nothing in it.
    pub(super) fn look(&self) -> Result<Box<dyn Remote>> {
        self.check_is_there()?;
        match remote::directory_of(&self.address).filter(|path| !path.exists()) {
            Some(_) => Ok(Box::new(Memory::new(&self.address, crate::model::AttemptId::random()?))),
            None => open_there(&self.address),
        }
    }
}

/// Refuses to make a remote among run files: it is a run or a directory of runs whose name is misspelled.
fn check_is_outside(path: &Path) -> Result<()> {
    let has_runs = |above: &&Path| query::run_files(above).is_ok_and(|files| !files.is_empty());
    let Some(runs) = path.ancestors().skip(1).find(has_runs) else { return Ok(()) };
    let message = format!("No remote is made in `{}`: the runs are there", runs.display());
    Err(Error::usage(message).with_hint("name a directory elsewhere; `danlu sync --run ID` chooses a run"))
}

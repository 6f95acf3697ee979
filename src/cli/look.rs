//! Which place a command looks at: a directory of runs, or a remote.

use super::config::options_for;
use crate::mirror::{Mirror, Wanted};
use crate::model::{Clock, Error, ErrorKind, Result, SystemClock};
use crate::query::{self, RunInfo};
use crate::remote::{self, Directory, Http, Options, Remote, RunHead};
use crate::sync::Book;
use std::path::{Path, PathBuf};

/// A remote that is looked at.
pub struct Place {
    address: String,
    options: Options,
}

impl Place {
    /// Finds a remote by its address, or the name that it has in a directory of runs. A server is asked with this key, else with that of the user.
    ///
    /// # Errors
    /// There is no such remote, or the settings of the user cannot be read.
    pub fn named(name: &str, dir: &Path, key: Option<String>) -> Result<Self> {
        let address = Book::load(&query::run_directory(dir))?.resolve(name).to_owned();
        remote::check_no_secret(&address)?;
        if let Some(directory) = remote::directory_of(&address)
            && !Directory::is_one(directory)
        {
            let message = format!("`{address}` is no remote");
            return Err(Error::new(ErrorKind::NotFound, message).with_hint(
                "give a directory that was synced to, the address of a server or a bucket, or a name of `danlu remote ls`",
            ));
        }
        let mut options = options_for(&address)?;
        options.key = key.or(options.key);
        Ok(Self { address, options })
    }

    /// Returns the address of it.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Prepares to ask it, if it is a server; `None` if it is none.
    ///
    /// # Errors
    /// The address is none.
    pub fn server(&self) -> Result<Option<Http>> {
        if !remote::is_server(&self.address) {
            return Ok(None);
        }
        self.options.server(&self.address).map(Some)
    }

    /// Opens it as a remote.
    ///
    /// # Errors
    /// It cannot be reached.
    pub fn remote(&self) -> Result<Box<dyn Remote>> {
        remote::open(&self.address, &self.options)
    }

    /// Opens the mirror of it, in the cache of the user.
    ///
    /// # Errors
    /// It cannot be reached, or the cache cannot be written.
    pub fn mirror(&self) -> Result<Mirror> {
        Mirror::open(self.remote()?, &cache()?.join("remotes"))
    }
}

/// Returns the directory for what can be had again.
fn cache() -> Result<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("DANLU_CACHE_DIR")
        .or_else(|| set("WANDB_CACHE_DIR"))
        .or_else(|| Some(set("XDG_CACHE_HOME")?.join("danlu")))
        .or_else(|| Some(set("HOME")?.join(".cache").join("danlu")))
        .ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "There is no place for a cache")
                .with_hint("set DANLU_CACHE_DIR or HOME")
        })
}

/// Brings runs of a remote here, and says of each that cannot be brought why. Returns whether there was none such.
pub(super) fn bring(mirror: &Mirror, heads: &[RunHead]) -> Result<(Vec<RunInfo>, bool)> {
    let (mut runs, mut whole) = (Vec::new(), true);
    let wanted: Vec<Wanted> = heads.iter().map(Wanted::from).collect();
    for (_, brought) in mirror.bring(&wanted, SystemClock.now())? {
        match brought {
            Ok(brought) => runs.push(brought.info),
            Err(e) => {
                whole = false;
                super::output::error(&e);
            }
        }
    }
    runs.sort_by(|a, b| a.started.total_cmp(&b.started).then_with(|| a.path.cmp(&b.path)));
    Ok((runs, whole))
}

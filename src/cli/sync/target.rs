//! Where runs are pushed to.

use crate::cli::config::{Credentials, options_for};
use crate::cli::output::{plain, to_stderr};
use crate::model::{Error, Result};
use crate::query;
use crate::remote::{self, Directory, Memory, Remote};
use crate::sync::{Book, State};
use std::path::Path;

/// Where to push to.
pub(super) struct Target {
    pub(super) address: String,
}

impl Target {
    /// Opens it, and makes a directory if it is new.
    pub(super) fn open(&self) -> Result<Box<dyn Remote>> {
        let is_new = remote::directory_of(&self.address).is_some_and(|path| !Directory::is_one(path));
        let remote = remote::open(&self.address, &options_for(&self.address)?)?;
        if is_new {
            to_stderr(&format!("created the remote `{}`", plain(&self.address)));
        }
        Ok(remote)
    }

    /// Opens it for a look. A directory that would be made stays unmade: it is as good as one with nothing in it.
    pub(super) fn look(&self) -> Result<Box<dyn Remote>> {
        match remote::directory_of(&self.address).filter(|path| !path.exists()) {
            Some(_) => Ok(Box::new(Memory::new(&self.address, crate::model::AttemptId::random()?))),
            None => open_there(&self.address),
        }
    }
}

/// Opens a remote that must be there.
pub(in crate::cli) fn open_there(address: &str) -> Result<Box<dyn Remote>> {
    match remote::directory_of(address) {
        Some(path) if !path.exists() => {
            Err(Error::io("open the remote", path, std::io::Error::from(std::io::ErrorKind::NotFound)))
        }
        Some(path) => Ok(Box::new(Directory::open(path)?)),
        None => remote::open(address, &options_for(address)?),
    }
}

/// Finds where the runs of a directory go when no remote is named, if anywhere.
///
/// # Errors
/// What is written of remotes cannot be read.
pub fn default_remote(dir: &Path) -> Result<Option<String>> {
    let directory = query::run_directory(dir);
    let book = Book::load(&directory)?;
    if let Some(named) = std::env::var("DANLU_REMOTE").ok().filter(|remote| !remote.is_empty()) {
        return Ok(Some(book.resolve(&named).to_owned()));
    }
    if let Some(address) = book.default_address() {
        return Ok(Some(address.to_owned()));
    }
    match last_remote(&directory)? {
        Some(last) => Ok(Some(last)),
        None => Ok(Credentials::load()?.default_server()),
    }
}

/// Returns the remote that a directory of runs was synced to last.
pub(in crate::cli) fn last_remote(directory: &Path) -> Result<Option<String>> {
    if directory.join("sync.sqlite").is_file() { State::open(directory)?.last_remote() } else { Ok(None) }
}

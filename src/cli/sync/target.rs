//! Where runs are pushed to.

use crate::cli::config::{Credentials, options_for};
use crate::cli::output::{to_stderr, warn};
use crate::model::{Error, ErrorKind, Result};
use crate::query;
use crate::remote::{self, Directory, Memory, Remote};
use crate::sync::{Book, State};
use std::net::IpAddr;
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

/// Returns the address of a remote that somebody named. A word that is none, and no directory that is there, may be a slip of
/// the pen, and is refused; so is a run file that is not there.
pub(in crate::cli) fn address_of(book: &Book, named: &str) -> Result<String> {
    if let Some(address) = book.remotes.get(named) {
        remote::check_no_secret(address)?;
        return Ok(address.clone());
    }
    remote::check_no_secret(named)?;
    let is_word = !named.is_empty() && !named.contains('/') && !named.starts_with('.');
    let is_meant = !is_word || remote::directory_of(named).is_none() || Path::new(named).exists();
    let path = remote::directory_of(named);
    if let Some(path) =
        path.filter(|path| !path.exists() && path.extension().is_some_and(|end| end == "sqlite"))
    {
        let message = format!("There is no run file `{}`", path.display());
        return Err(Error::usage(message).with_hint("`danlu ls` lists the runs; a remote is no file"));
    }
    if is_meant {
        return Ok(named.to_owned());
    }
    let names: Vec<&str> = book.remotes.keys().map(String::as_str).collect();
    let there_are =
        if names.is_empty() { String::new() } else { format!("; there are: {}", names.join(", ")) };
    let hint = if looks_like_a_machine(named) {
        format!("a directory is written `./{named}`, a server `http://{named}`")
    } else {
        format!(
            "a directory is written `./{named}`; `danlu remote add {named} ADDRESS` gives a remote this name"
        )
    };
    Err(Error::usage(format!("There is no remote `{named}`{there_are}")).with_hint(hint))
}

/// Returns an address as it can be used from anywhere.
pub(in crate::cli) fn in_full(address: &str) -> String {
    let path = remote::directory_of(address).filter(|path| !path.as_os_str().is_empty());
    let absolute = path.and_then(|path| std::path::absolute(path).ok()?.to_str().map(str::to_owned));
    absolute.unwrap_or_else(|| address.to_owned())
}

fn looks_like_a_machine(word: &str) -> bool {
    let begins_with_letter = |part: &str| part.starts_with(|c: char| c.is_ascii_alphabetic());
    word == "localhost"
        || word.contains(':')
        || word.parse::<IpAddr>().is_ok()
        || word.split('.').skip(1).any(begins_with_letter)
}

/// Opens a remote that must be there.
pub(in crate::cli) fn open_there(address: &str) -> Result<Box<dyn Remote>> {
    remote::check_no_secret(address)?;
    let address = &*in_full(address);
    match remote::directory_of(address) {
        Some(path) if !path.exists() => {
            let message = format!("There is no remote `{}`: there is no such directory", path.display());
            Err(Error::new(ErrorKind::NotFound, message)
                .with_hint("is the disk mounted? `danlu remote ls` lists the remotes that have names"))
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
        let address = address_of(&book, &named);
        let address = address.map_err(|e| e.in_context("$DANLU_REMOTE names no remote"))?;
        return Ok(Some(in_full(&address)));
    }
    if let Some(address) = book.default_address() {
        return Ok(Some(address.to_owned()));
    }
    match last_remote(&directory)? {
        Some(last) => Ok(Some(last)),
        None => Ok(Credentials::load()?.default_server()),
    }
}

/// Does what [`default_remote`] does where it is only shown: that $DANLU_REMOTE names none is worth a warning, and no more.
pub(in crate::cli) fn shown_default(dir: &Path) -> Result<Option<String>> {
    match default_remote(dir) {
        Err(e) if e.kind() == ErrorKind::Usage => {
            warn(e.to_string());
            Ok(None)
        }
        known => known,
    }
}

/// Returns the remote that a directory of runs was synced to last.
pub(in crate::cli) fn last_remote(directory: &Path) -> Result<Option<String>> {
    if directory.join("sync.sqlite").is_file() { State::open(directory)?.last_remote() } else { Ok(None) }
}

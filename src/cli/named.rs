//! What people name as remotes, and the addresses that they mean.

use super::config::{Credentials, options_for};
use super::output::warn;
use crate::model::{Error, ErrorKind, Result};
use crate::query;
use crate::remote::{self, Directory, Remote};
use crate::sync::{Book, State};
use std::net::IpAddr;
use std::path::{Component, Path, PathBuf};

/// Returns the address of a remote that somebody named. A word that is none, and no directory that is there, may be a slip of
/// the pen, and is refused; so is a run file that is not there.
pub(super) fn address_of(book: &Book, named: &str) -> Result<String> {
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
pub(super) fn in_full(address: &str) -> String {
    let path = remote::directory_of(address).filter(|path| !path.as_os_str().is_empty());
    let absolute = path.and_then(|path| without_parents(path).ok()?.to_str().map(str::to_owned));
    absolute.unwrap_or_else(|| address.to_owned())
}

/// Makes a path absolute, and takes each `..` for the directory that the system takes it for.
fn without_parents(path: &Path) -> std::io::Result<PathBuf> {
    let mut full = PathBuf::new();
    for part in std::path::absolute(path)?.components() {
        if part == Component::ParentDir {
            // A link leads elsewhere; what is not there yet will be no link.
            full = full.canonicalize().unwrap_or(full);
            full.pop();
        } else {
            full.push(part);
        }
    }
    Ok(full)
}

fn looks_like_a_machine(word: &str) -> bool {
    let begins_with_letter = |part: &str| part.starts_with(|c: char| c.is_ascii_alphabetic());
    word == "localhost"
        || word.contains(':')
        || word.parse::<IpAddr>().is_ok()
        || word.split('.').skip(1).any(begins_with_letter)
}

/// Opens a remote that must be there.
pub(super) fn open_there(address: &str) -> Result<Box<dyn Remote>> {
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
pub(super) fn shown_default(dir: &Path) -> Result<Option<String>> {
    match default_remote(dir) {
        Err(e) if e.kind() == ErrorKind::Usage => {
            warn(e.to_string());
            Ok(None)
        }
        known => known,
    }
}

/// Returns the remote that a directory of runs was synced to last.
pub(super) fn last_remote(directory: &Path) -> Result<Option<String>> {
    if directory.join("sync.sqlite").is_file() { State::open(directory)?.last_remote() } else { Ok(None) }
}

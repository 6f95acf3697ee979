//! `danlu remote`: the remotes of a directory by name.

use super::Common;
use super::named::{address_of, in_full, last_remote, shown_default};
use super::output::Output;
use crate::model::{Error, Result};
use crate::query;
use crate::remote;
use crate::sync::Book;
use clap::{Args, Subcommand};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Name the places that the runs of a directory are pushed to
///
/// The names are kept beside the runs, in `remotes.json`. `danlu sync` without a remote goes to the default one,
/// `danlu sync --all` to all of them.
#[derive(Debug, Args)]
pub(super) struct Remote {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Add a remote; the first one becomes the default
    Add {
        /// What to call it, such as `lab`
        name: String,
        /// A directory, or the address of a bucket or a danlu server
        address: String,
        #[command(flatten)]
        common: Common,
    },
    /// List the remotes
    Ls {
        #[command(flatten)]
        common: Common,
    },
    /// Forget a remote; what it holds stays there
    Rm {
        /// What it is called
        name: String,
        #[command(flatten)]
        common: Common,
    },
    /// Make a remote the one to sync to when none is named
    Default {
        /// What it is called
        name: String,
        #[command(flatten)]
        common: Common,
    },
}

/// Addresses that are not looked at before they are used: opening them connects.
const CONNECT: [&str; 4] = ["s3://", "gs://", "az://", "ssh://"];

/// A remote in a list.
#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    address: &'a str,
    default: bool,
}

impl Remote {
    pub(super) fn run(self, output: &mut Output) -> Result<bool> {
        match self.action {
            Action::Add { name, address, common } => {
                let book = Book::load(&directory_of(&common))?;
                let address = checked(&as_written(&book, &address)?)?;
                let said = format!("{name} is {address}");
                change(&common, &said, output, |book| book.add(&name, &address))
            }
            Action::Ls { common } => list(&common, output),
            Action::Rm { name, common } => {
                let said = format!("{name} is forgotten here; what it holds stays there");
                change(&common, &said, output, |book| book.remove(&name).map(|_| ()))
            }
            Action::Default { name, common } => {
                let said = format!("`danlu sync` goes to {name} now");
                change(&common, &said, output, |book| book.set_default(&name))
            }
        }
    }
}

/// Returns the directory that has or will have the runs: the book is kept there.
fn directory_of(common: &Common) -> PathBuf {
    let directory = query::run_directory(&common.dir);
    let has_runs = query::has_runs(&directory).unwrap_or(false);
    // Before the first run there is no `wandb` yet; training will make it.
    let is_given = directory.file_name().is_some_and(|name| name == crate::store::DIR_NAME);
    if has_runs || is_given { directory } else { common.dir.join(crate::store::DIR_NAME) }
}

/// Makes the directory that will have the runs, if it is not there yet.
pub(super) fn make_directory(common: &Common) -> Result<PathBuf> {
    let directory = directory_of(common);
    std::fs::create_dir_all(&directory).map_err(|e| Error::io("create the directory", &directory, e))?;
    Ok(directory)
}

fn change(
    common: &Common,
    said: &str,
    output: &mut Output,
    change: impl FnOnce(&mut Book) -> Result<()>,
) -> Result<bool> {
    let mut book = Book::load(&directory_of(common))?;
    change(&mut book)?;
    book.store(&make_directory(common)?)?;
    if common.format.json {
        output.json(&book)?;
    } else {
        output.line(said)?;
    }
    Ok(true)
}

fn list(common: &Common, output: &mut Output) -> Result<bool> {
    let directory = directory_of(common);
    let book = Book::load(&directory)?;
    let rows: Vec<Row<'_>> = book
        .remotes
        .iter()
        .map(|(name, address)| Row { name, address, default: book.default.as_ref() == Some(name) })
        .collect();
    if common.format.json {
        output.json(&rows)?;
    } else if rows.is_empty() {
        output.line(match shown_default(&common.dir)? {
            Some(address) => format!("No remotes have names here; `danlu sync` goes to {address}"),
            None => "No remotes; `danlu remote add NAME ADDRESS` adds one".to_owned(),
        })?;
    } else {
        let mark = |row: &Row<'_>| if row.default { "default".to_owned() } else { String::new() };
        let cells: Vec<_> =
            rows.iter().map(|row| vec![row.name.to_owned(), row.address.to_owned(), mark(row)]).collect();
        output.table(&["NAME", "ADDRESS", ""], &cells)?;
    }
    Ok(true)
}

/// Returns an address as it was given; refuses one with a secret, and a word that may be a slip of the pen.
fn as_written(book: &Book, address: &str) -> Result<String> {
    // Here the name of another remote is no address, but it may be a directory.
    if book.remotes.contains_key(address) { Ok(address.to_owned()) } else { address_of(book, address) }
}

/// Returns an address as it can be used from anywhere; refuses what is none.
fn checked(address: &str) -> Result<String> {
    if remote::directory_of(address).is_some_and(|path| !path.as_os_str().is_empty()) {
        return Ok(in_full(address));
    }
    if !CONNECT.iter().any(|scheme| address.starts_with(scheme)) {
        // This does not connect, and says what is wrong with it.
        remote::open(address, &remote::Options::default())?;
    }
    Ok(address.trim_end_matches('/').to_owned())
}

/// Says, after a login, where the runs of the current directory go.
pub(super) fn after_login(url: &str) -> Result<String> {
    let here = Path::new(".");
    let directory = query::run_directory(here);
    let book = Book::load(&directory)?;
    let url = url.trim_end_matches('/');
    let other = book.default_address().map(str::to_owned);
    let other = match other {
        Some(other) => Some(other),
        None => last_remote(&directory)?,
    };
    Ok(match other.filter(|other| other.trim_end_matches('/') != url) {
        Some(other) => format!(
            "`danlu sync` in this directory still goes to {other}; `danlu remote add NAME {url}` and `danlu remote default NAME` change that"
        ),
        None => "`danlu sync` in this directory goes to it".to_owned(),
    })
}

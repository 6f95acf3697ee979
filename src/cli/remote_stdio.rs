//! `danlu remote-stdio`: what `ssh` runs on the machine of a remote.

use crate::model::Result;
use crate::remote::{self, Directory, Remote};
use clap::Args;
use std::io::{BufReader, BufWriter};
use std::path::PathBuf;

/// Answer for a directory on standard input and output
///
/// Remotes of the form ssh://host/dir run it there. It is of no use to people.
#[derive(Debug, Args)]
#[command(hide = true)]
pub(super) struct RemoteStdio {
    /// The directory that is the remote
    directory: PathBuf,
}

impl RemoteStdio {
    pub(super) fn run(self) -> Result<bool> {
        let opened = Directory::create(&self.directory).map(|opened| Box::new(opened) as Box<dyn Remote>);
        let mut from = BufReader::with_capacity(1 << 16, std::io::stdin().lock());
        let mut to = BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
        remote::serve(&opened, &mut from, &mut to).map(|()| true)
    }
}

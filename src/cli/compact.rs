//! `danlu compact` and `danlu expand`.

use super::output::{Output, bytes};
use super::{Common, runs_named};
use crate::model::{Error, Result};
use crate::store;
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Archive runs: keep their history compressed
///
/// A compacted run takes about a third of the space. Every danlu command reads it as before, only not as fast; stock sqlite3 sees
/// everything but the history. `danlu expand` brings the rows back. Nothing is lost: the compacted file must lead to the same
/// digest before it takes the place of the old one.
#[derive(Debug, Args)]
pub(super) struct Compact {
    #[command(flatten)]
    which: Which,
}

/// Bring the rows of compacted runs back
///
/// The file is then again what any sqlite3 reads in full.
#[derive(Debug, Args)]
pub(super) struct Expand {
    #[command(flatten)]
    which: Which,
}

/// Which runs.
#[derive(Debug, Args)]
struct Which {
    /// Runs, by id, path or `latest`
    #[arg(required_unless_present = "all", value_name = "RUN")]
    runs: Vec<String>,

    /// All runs of the directory that have ended
    #[arg(long, conflicts_with = "runs")]
    all: bool,

    #[command(flatten)]
    common: Common,
}

/// What became of a file.
#[derive(Serialize)]
struct Changed {
    run: String,
    path: PathBuf,
    bytes_before: u64,
    bytes_after: u64,
}

impl Compact {
    pub(super) fn run(self, output: &mut Output) -> Result<bool> {
        self.which.each(output, "compacted", false, store::compact)
    }
}

impl Expand {
    pub(super) fn run(self, output: &mut Output) -> Result<bool> {
        self.which.each(output, "expanded", true, store::expand)
    }
}

impl Which {
    /// Changes each file of the runs. With `--all`, those that are running or changed already are passed over.
    fn each(
        self,
        output: &mut Output,
        word: &str,
        from_compacted: bool,
        change: fn(&Path) -> Result<(u64, u64)>,
    ) -> Result<bool> {
        let mut changed: Vec<Changed> = Vec::new();
        let mut whole = true;
        for run in runs_named(&self.runs, &self.common.dir)? {
            for path in &run.parts {
                let file = store::open_packed(path)?;
                let ended = store::own_journals_of(path)?.is_empty()
                    && store::attempts(&file)?.iter().all(|attempt| attempt.digest.is_some());
                let is_compacted = store::is_compacted(&file)?;
                drop(file);
                if self.all && (!ended || is_compacted != from_compacted) {
                    continue;
                }
                match change(path) {
                    Ok((bytes_before, bytes_after)) => {
                        let (run, path) = (run.id.clone(), path.clone());
                        changed.push(Changed { run, path, bytes_before, bytes_after });
                    }
                    Err(e) if self.all => {
                        super::output::error(&e);
                        whole = false;
                    }
                    Err(e) => return Err(e),
                }
            }
        }
        self.print(&changed, word, output).map(|()| whole)
    }

    fn print(&self, changed: &[Changed], word: &str, output: &mut Output) -> Result<()> {
        if self.common.format.json {
            return output.json(&changed);
        }
        for file in changed {
            let (run, before) = (&file.run, bytes(file.bytes_before));
            if file.bytes_before == file.bytes_after {
                output.line(format!("left alone {run}: {before}, and compacted it would not be smaller"))?;
            } else {
                output.line(format!("{word:<10} {run}: {before} to {}", bytes(file.bytes_after)))?;
            }
        }
        if changed.is_empty() { output.line(format!("no run was {word}")) } else { Ok::<(), Error>(()) }
    }
}

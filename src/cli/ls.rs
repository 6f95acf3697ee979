//! `danlu ls`.

use super::choice::{Choice, Chosen, show_columns};
use super::lines::show;
use super::output::{Output, warn};
use super::there::{Looked, There};
use super::{Common, here_and_now};
use crate::model::Result;
use crate::query::{self, Filter, Order, RunInfo};
use crate::remote;
use clap::Args;
use std::path::{Path, PathBuf};

/// List the runs of a directory, oldest first
///
/// A run that is neither finished nor failed and whose process is gone has crashed; what it had logged is there.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  danlu ls --filter 'state = finished and config.lr > 0.1' --sort=-summary.accuracy
  danlu ls --columns id,config.lr,summary.loss --limit 10")]
pub(super) struct Ls {
    /// The directory, in place of `--dir`
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,

    /// Only the runs that this holds for, such as `config.lr > 0.1 and tags has best`
    #[arg(long, value_name = "FILTER")]
    filter: Option<String>,

    /// By which fields, with commas between them; `-` in front of one puts its largest first
    #[arg(long, value_name = "FIELDS", allow_hyphen_values = true)]
    sort: Option<String>,

    /// What to show, with commas in between, such as `id,config.lr,summary.loss`
    #[arg(long, value_name = "FIELDS")]
    columns: Option<String>,

    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,

    #[command(flatten)]
    there: There,

    #[command(flatten)]
    common: Common,
}

impl Ls {
    pub(super) fn run(self, output: &mut Output) -> Result<bool> {
        let choice = self.choice()?;
        let dir = self.directory.unwrap_or(self.common.dir);
        let looked = self.there.find(dir)?;
        if let Looked::There(remote) = &looked
            && remote.server.is_some()
        {
            return choice.ask(remote, self.sort.as_deref(), self.common.format.json, output);
        }
        let (runs, whole) = match &looked {
            Looked::Here(dir) => list(dir)?,
            Looked::There(remote) => remote.list()?,
        };
        let some = !runs.is_empty();
        let Chosen { runs, rows } = choice.choose(runs)?;
        if let Some((columns, rows)) = choice.columns.as_ref().zip(rows) {
            show_columns(columns, &rows, self.common.format.json, output)?;
        } else if self.common.format.json {
            output.json(&runs)?;
        } else if runs.is_empty() && some {
            output.line("No such runs")?;
        } else if let (true, Looked::Here(dir)) = (runs.is_empty(), &looked) {
            output.line(format!("No runs in {}", query::run_directory(dir).display()))?;
            if remote::Directory::is_one(dir) {
                output.line("It is a remote: `danlu ls --remote` on it lists what was synced there")?;
            }
        } else {
            show(&runs, output)?;
        }
        Ok(whole)
    }

    fn choice(&self) -> Result<Choice> {
        Ok(Choice {
            filter: self.filter.as_deref().map(Filter::parse).transpose()?,
            order: self.sort.as_deref().map(Order::parse).transpose()?,
            columns: self.columns.as_deref().map(query::columns).transpose()?,
            limit: self.limit.unwrap_or(usize::MAX),
        })
    }
}

/// Lists the runs of a directory, and says what cannot be read. Returns whether there was none such.
fn list(dir: &Path) -> Result<(Vec<RunInfo>, bool)> {
    let (host, now) = here_and_now();
    let found = query::list(dir, &host, now, &warn)?;
    for (_, error) in &found.unreadable {
        super::output::error(error);
    }
    Ok((query::unite(found.runs)?, found.unreadable.is_empty()))
}

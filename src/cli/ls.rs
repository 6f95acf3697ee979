//! `danlu ls`.

use super::choice::{Choice, Chosen, show_columns};
use super::output::{Output, bytes, warn};
use super::there::{Looked, There};
use super::{Common, here_and_now};
use crate::model::{Result, to_rfc3339};
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

/// Prints runs, each on a line.
pub(super) fn show(runs: &[RunInfo], output: &mut Output) -> Result<()> {
    if runs.is_empty() {
        return output.line("No runs");
    }
    let heading = ["ID", "PROJECT", "NAME", "STATE", "STARTED", ">LAST STEP", ">SIZE"];
    output.table(&heading, &runs.iter().map(row).collect::<Vec<_>>())
}

fn row(run: &RunInfo) -> Vec<String> {
    vec![
        run.id.clone(),
        run.project.clone(),
        run.name.clone(),
        state(run),
        started(run),
        run.last_step.map_or_else(String::new, |step| step.to_string()),
        bytes(run.bytes),
    ]
}

/// How the run is, and what of it is missing.
pub(super) fn state(run: &RunInfo) -> String {
    let state = match run.exit_code {
        Some(code) if code != 0 => format!("{} ({code})", run.state.name()),
        _ => run.state.name().to_owned(),
    };
    if run.lost == 0 { state } else { format!("{state}, {} lost", run.lost) }
}

pub(super) fn started(run: &RunInfo) -> String {
    time(run.started)
}

/// A time in seconds since 1970-01-01 UTC as people read it.
pub(super) fn time(seconds: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "seconds of a time that was whole microseconds")]
    let micros = (seconds * 1e6) as i64;
    to_rfc3339(micros).replace('T', " ").replace('Z', "")
}

//! `danlu import`.

use super::Common;
use super::output::{Output, bytes, count, plain, warn};
use super::progress::progress_bar;
use crate::import::{self, LeftOut, Outcome, Progress, RunOutcome, Settings, Status, Tool};
use crate::model::{Result, check_project};
use crate::query;
use crate::store::DIR_NAME;
use clap::{Args, ValueEnum};
use indicatif::ProgressBar;
use std::path::{Path, PathBuf};

/// Bring in runs that other tools have written
///
/// Takes W&B's offline runs (.wandb files), TensorBoard's event files, Trackio's databases, and MLflow's mlruns or mlflow.db,
/// and makes run files of them. They are found below each PATH by what is in them. Nothing of the source is changed, and
/// no network is needed. Importing again adds only what is new.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// Directories or files
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// Take only what this tool has written
    #[arg(long, value_name = "TOOL")]
    from: Option<From>,

    /// The project of the runs, in place of their own
    #[arg(long)]
    project: Option<String>,

    /// The entity of the runs, in place of their own
    #[arg(long)]
    entity: Option<String>,

    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,

    /// Take runs too that were deleted in MLflow
    #[arg(long)]
    deleted: bool,

    /// Take files too to which a link leads out of a run's directory
    #[arg(long)]
    follow_links: bool,

    #[command(flatten)]
    common: Common,
}

/// A tool, as the command line names it.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum From {
    Wandb,
    Tensorboard,
    Trackio,
    Mlflow,
}

/// What is left out of one run, at most, as lines.
const LINES: usize = 5;

impl Import {
    pub(super) fn run(self, output: &mut Output) -> Result<bool> {
        for (what, name) in [("project", &self.project), ("entity", &self.entity)] {
            name.as_ref().map_or(Ok(()), |name| check_project(what, name))?;
        }
        let bar = Bar(progress_bar(0));
        let settings = Settings {
            directory: directory(&self.common.dir)?,
            tool: self.from.map(|tool| match tool {
                From::Wandb => Tool::Wandb,
                From::Tensorboard => Tool::TensorBoard,
                From::Trackio => Tool::Trackio,
                From::Mlflow => Tool::Mlflow,
            }),
            project: self.project.clone(),
            entity: self.entity.clone(),
            dry_run: self.dry_run,
            deleted: self.deleted,
            follow_links: self.follow_links,
            progress: &bar,
        };
        let outcome = import::import(&self.paths, &settings);
        drop(bar);
        let outcome = outcome?;
        self.print(&outcome, output)?;
        let failed = outcome.runs.iter().any(|run| run.status == Status::Failed);
        Ok(!failed && !outcome.left_out.iter().any(|left| left.failed))
    }

    fn print(&self, outcome: &Outcome, output: &mut Output) -> Result<()> {
        if self.common.format.json {
            return output.json(outcome);
        }
        for run in &outcome.runs {
            self.print_run(run, output)?;
        }
        for LeftOut { path, why, failed } in &outcome.left_out {
            let word = if *failed { "FAILED    " } else { "left out  " };
            output.line(format!("{word}  {}: {}", path.display(), why))?;
        }
        output.line(total(outcome, self.dry_run))
    }

    fn print_run(&self, run: &RunOutcome, output: &mut Output) -> Result<()> {
        let word = match (run.status, self.dry_run) {
            (Status::Imported, false) => "imported",
            (Status::Imported, true) => "new",
            (Status::Grown, false) => "added to",
            (Status::Grown, true) => "has grown",
            (Status::UpToDate, _) => "up to date",
            (Status::Failed, _) => "FAILED",
        };
        let shown = &run.run;
        if let Some(error) = &run.error {
            output.line(format!("{word:<10}  {shown}: {error}"))?;
            return run.hint.as_ref().map_or(Ok(()), |hint| output.line(format!("            {hint}")));
        }
        let what = if run.status == Status::UpToDate {
            String::new()
        } else {
            format!(": {}, {}, {}", count(run.rows, "row"), count(run.files, "file"), bytes(run.bytes))
        };
        output.line(format!("{word:<10}  {shown}{what}"))?;
        for (why, how_much) in &run.lost {
            warn(format!("{shown}: lost {how_much} or more: {why}"));
        }
        if run.status != Status::UpToDate {
            self.print_left_out(run, output)?;
        }
        Ok(())
    }

    fn print_left_out(&self, run: &RunOutcome, output: &mut Output) -> Result<()> {
        for what in run.left_out.iter().take(LINES) {
            output.line(format!("            without {what}"))?;
        }
        match run.left_out.len().saturating_sub(LINES) {
            0 => Ok(()),
            more => output.line(format!("            and without {more} more; `--json` names them")),
        }
    }
}

/// Returns where the run files go: to those that are there, else to `wandb`, which is made.
fn directory(dir: &Path) -> Result<PathBuf> {
    let found = query::run_directory(dir);
    let is_theirs =
        found.file_name().is_some_and(|name| name == DIR_NAME) || found.is_dir() && query::has_runs(&found)?;
    Ok(if is_theirs { found } else { dir.join(DIR_NAME) })
}

fn total(outcome: &Outcome, dry_run: bool) -> String {
    let how_many = |status| outcome.runs.iter().filter(|run| run.status == status).count();
    let words = if dry_run { ["new", "grown"] } else { ["imported", "added to"] };
    let mut parts = Vec::new();
    for (status, word) in [
        (Status::Imported, words[0]),
        (Status::Grown, words[1]),
        (Status::UpToDate, "up to date"),
        (Status::Failed, "failed"),
    ] {
        if how_many(status) > 0 {
            parts.push(format!("{} {word}", how_many(status)));
        }
    }
    let sum = |of: fn(&RunOutcome) -> u64| outcome.runs.iter().map(of).sum::<u64>();
    let runs = if parts.is_empty() { "no runs".to_owned() } else { parts.join(", ") };
    format!(
        "{runs}; {}, {}, {}",
        count(sum(|run| run.rows), "row"),
        count(sum(|run| run.files), "file"),
        bytes(sum(|run| run.bytes))
    )
}

/// A progress bar on a terminal; nothing elsewhere.
struct Bar(ProgressBar);

impl Progress for Bar {
    fn total(&self, bytes: u64) {
        self.0.set_length(bytes);
    }

    fn run(&self, name: &str) {
        self.0.set_message(plain(name));
    }

    fn read(&self, bytes: u64) {
        self.0.inc(bytes);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

//! `danlu sync`.

use super::alerts;
use super::config::{Credentials, options_for};
use super::output::{Output, bytes, count, plain, to_stderr, warn};
use super::progress::progress_bar;
use super::{Common, here_and_now};
use crate::model::{Error, Result, SystemClock};
use crate::sync::{self, Outcome, Progress, RunOutcome, Settings, State, Status};
use crate::{query, remote};
use clap::Args;
use indicatif::ProgressBar;
use std::path::Path;
use std::sync::Arc;

/// Push runs to a directory or a server
///
/// Sends what the remote does not have and makes sure that it holds exactly what is here. It can be interrupted and
/// repeated at any time. Without REMOTE it goes to $DANLU_REMOTE, else where this directory was synced to last, else
/// to the server of `danlu login`.
#[derive(Debug, Args)]
pub(super) struct Sync {
    /// A directory, such as a USB stick, or the http:// or https:// address of a danlu server
    remote: Option<String>,

    /// Stay, and push each run as it finishes; wait while the remote cannot be reached
    #[arg(long)]
    watch: bool,

    /// Ask the remote about every run, even if it has proved before that it holds it
    #[arg(long)]
    recheck: bool,

    #[command(flatten)]
    common: Common,
}

/// Finds where the runs of a directory go when no remote is named, if anywhere.
pub(super) fn default_remote(dir: &Path) -> Result<Option<String>> {
    if let Some(named) = std::env::var("DANLU_REMOTE").ok().filter(|remote| !remote.is_empty()) {
        return Ok(Some(named));
    }
    let directory = query::run_directory(dir);
    let last =
        if directory.join("sync.sqlite").is_file() { State::open(&directory)?.last_remote()? } else { None };
    last.map_or_else(|| Ok(Credentials::load()?.default_server()), |last| Ok(Some(last)))
}

impl Sync {
    pub(super) fn run(self, output: &mut Output) -> Result<bool> {
        let directory = query::run_directory(&self.common.dir);
        std::fs::read_dir(&directory).map_err(|e| Error::io("read the directory", &directory, e))?;
        let address = self.address()?;
        if !self.watch && !query::has_runs(&directory)? {
            return self.nothing(address, &directory, output);
        }
        let is_new = remote::directory_of(&address).is_some_and(|path| !remote::Directory::is_one(path));
        let remote = remote::open(&address, &options_for(&address)?)?;
        if is_new {
            to_stderr(&format!("created the remote `{}`", plain(&address)));
        }
        let settings = Settings {
            dir: self.common.dir.clone(),
            recheck: self.recheck,
            host: here_and_now().0,
            clock: Arc::new(SystemClock),
            progress: Bar::shown(),
            warn: Arc::new(warn),
        };
        if self.watch {
            return self.watch(&*remote, &settings, output);
        }
        let outcome = sync::pass(&*remote, &settings)?;
        self.print(&outcome, output)?;
        alerts::tell_pushed(&self.common.dir, &outcome)?;
        Ok(outcome.runs.iter().all(|run| run.status != Status::Failed))
    }

    /// Says that there is nothing to push, and makes nothing.
    fn nothing(&self, remote: String, directory: &Path, output: &mut Output) -> Result<bool> {
        if self.common.format.json {
            output.json(&Outcome { remote, objects_sent: 0, bytes_sent: 0, runs: Vec::new() })?;
        } else {
            output.line(format!("No runs in {}", directory.display()))?;
        }
        Ok(true)
    }

    fn address(&self) -> Result<String> {
        let named =
            self.remote.clone().map_or_else(|| default_remote(&self.common.dir), |named| Ok(Some(named)));
        named?.ok_or_else(|| {
            Error::usage("There is no remote to sync to")
                .with_hint("name one: `danlu sync /media/usb` or `danlu sync https://…`; it is remembered for this directory")
        })
    }

    fn print(&self, outcome: &Outcome, output: &mut Output) -> Result<()> {
        if self.common.format.json {
            return output.json(outcome);
        }
        for run in &outcome.runs {
            print_run(run, output)?;
        }
        output.line(total(outcome))
    }

    fn watch(&self, remote: &dyn remote::Remote, settings: &Settings, output: &mut Output) -> Result<bool> {
        to_stderr(&format!(
            "watching {} for runs to push to {}; end with Ctrl-C",
            self.common.dir.display(),
            remote.name()
        ));
        let (mut down, mut told) = (false, std::collections::BTreeSet::new());
        let mut printing = Ok(());
        sync::watch(remote, settings, |done, wait| {
            match done {
                Ok(outcome) => {
                    if std::mem::take(&mut down) {
                        to_stderr(&format!("{} is there again", remote.name()));
                    }
                    printing = self.print_news(&outcome, &mut told, output);
                    if let Err(e) = alerts::tell_pushed(&self.common.dir, &outcome) {
                        super::output::error(&e);
                    }
                }
                Err(e) => {
                    if !down {
                        super::output::error(&e);
                    }
                    down = true;
                    to_stderr(&format!("next try in {} s", wait.as_secs_f64().ceil()));
                }
            }
            printing.is_ok()
        })?;
        printing.map(|()| true)
    }

    /// Prints what a pass changed: runs pushed, and runs that fail, those once.
    fn print_news(
        &self,
        outcome: &Outcome,
        told: &mut std::collections::BTreeSet<String>,
        output: &mut Output,
    ) -> Result<()> {
        for run in &outcome.runs {
            let news = match run.status {
                Status::Pushed => true,
                Status::Failed => told.insert(run.id.clone()),
                Status::UpToDate | Status::Running => false,
            };
            if news && self.common.format.json {
                let line = serde_json::to_string(run)
                    .map_err(|e| Error::damaged("Cannot make JSON").with_source(e))?;
                output.line(line)?;
            } else if news {
                print_run(run, output)?;
            }
        }
        Ok(())
    }
}

fn print_run(run: &RunOutcome, output: &mut Output) -> Result<()> {
    let name = if run.project.is_empty() { run.id.clone() } else { format!("{}/{}", run.project, run.id) };
    let name = plain(&name);
    match run.status {
        Status::Pushed => output.line(format!(
            "pushed      {name}: {}, {}",
            count(run.objects_sent, "object"),
            bytes(run.bytes_sent)
        )),
        Status::UpToDate => output.line(format!("up to date  {name}")),
        Status::Running => output.line(format!("running     {name}: will be pushed when it has finished")),
        Status::Failed => {
            output
                .line(format!("FAILED      {name}: {}", plain(run.error.as_deref().unwrap_or_default())))?;
            run.hint.as_ref().map_or(Ok(()), |hint| output.line(format!("            {}", plain(hint))))
        }
    }
}

fn total(outcome: &Outcome) -> String {
    let how_many = |status| outcome.runs.iter().filter(|run| run.status == status).count();
    let mut parts = Vec::new();
    for (status, word) in [
        (Status::Pushed, "pushed"),
        (Status::UpToDate, "up to date"),
        (Status::Running, "running"),
        (Status::Failed, "failed"),
    ] {
        if how_many(status) > 0 {
            parts.push(format!("{} {word}", how_many(status)));
        }
    }
    let runs = if parts.is_empty() { "no runs".to_owned() } else { parts.join(", ") };
    format!(
        "{runs}; {}, {} sent to {}",
        count(outcome.objects_sent, "object"),
        bytes(outcome.bytes_sent),
        outcome.remote
    )
}

/// A progress bar on a terminal; nothing elsewhere.
struct Bar(ProgressBar);

impl Bar {
    fn shown() -> Arc<dyn Progress> {
        Arc::new(Self(progress_bar(0)))
    }
}

impl Progress for Bar {
    fn run(&self, name: &str, bytes: u64) {
        self.0.inc_length(bytes);
        self.0.set_message(plain(name));
    }

    fn sent(&self, bytes: u64) {
        self.0.inc(bytes);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

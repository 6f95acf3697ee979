//! `danlu alerts`.

use super::lines::time;
use super::output::{Output, warn};
use super::there::There;
use super::{Common, here_and_now};
use crate::model::{Error, ErrorKind, Result};
use crate::query::{self, Alert};
use crate::store;
use crate::sync::{Hooks, Outcome, State, Status};
use clap::Args;
use std::path::Path;

/// List the alerts of runs
///
/// Of all runs, or of those that are named. `danlu sync` tells of the alerts of the runs that it pushes, once each, as
/// $DANLU_ALERT_COMMAND, $DANLU_ALERT_WEBHOOK and $DANLU_ALERT_EMAIL say, unless the training has done so.
#[derive(Debug, Args)]
pub(super) struct Alerts {
    /// Run ids or their beginnings, paths of run files, or `latest`
    runs: Vec<String>,

    /// Read an alert as JSON from standard input, and tell of it and of those that could not be told of before
    #[arg(long, hide = true)]
    tell: bool,

    #[command(flatten)]
    there: There,

    #[command(flatten)]
    common: Common,
}

impl Alerts {
    pub(super) fn run(self, output: &mut Output) -> Result<bool> {
        if self.tell {
            let alert = std::io::read_to_string(std::io::stdin())
                .map_err(|e| Error::new(ErrorKind::Io, "Cannot read the alert").with_source(e))?;
            let alert: Alert = serde_json::from_str(&alert)
                .map_err(|e| Error::usage("Standard input is no alert").with_source(e))?;
            return tell(&self.common.dir, &[alert]);
        }
        let mut found = Vec::new();
        for run in self.there.find(self.common.dir)?.runs(&self.runs)? {
            found.extend(query::alerts(&run)?);
        }
        found.sort_by(|a, b| a.time.total_cmp(&b.time));
        if self.common.format.json {
            output.json(&found)?;
        } else if found.is_empty() {
            output.line("No alerts")?;
        } else {
            let row = |alert: &Alert| {
                let text = alert.text.lines().next().unwrap_or_default().to_owned();
                vec![time(alert.time), alert.level.clone(), alert.run.clone(), alert.title.clone(), text]
            };
            let rows: Vec<_> = found.iter().map(row).collect();
            output.table(&["TIME", "LEVEL", "RUN", "TITLE", "TEXT"], &rows)?;
        }
        Ok(true)
    }
}

fn hooks() -> Hooks {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    Hooks {
        command: set("DANLU_ALERT_COMMAND"),
        webhook: set("DANLU_ALERT_WEBHOOK"),
        email: set("DANLU_ALERT_EMAIL"),
    }
}

/// Tells of the alerts of runs that were pushed, and of those that nobody could be told of before.
pub(super) fn tell_pushed(dir: &Path, outcome: &Outcome) -> Result<()> {
    if hooks().is_empty() || outcome.runs.is_empty() {
        return Ok(());
    }
    let (host, now) = here_and_now();
    let mut alerts = Vec::new();
    for path in
        outcome.runs.iter().filter(|run| run.status == Status::Pushed).filter_map(|run| run.path.as_ref())
    {
        let info = query::info(&store::open(path)?, path, &host, now)?;
        alerts.extend(query::alerts(&info)?);
    }
    tell(dir, &alerts).map(|_| ())
}

/// Tells of alerts, and says what went wrong. Returns whether nothing did.
fn tell(dir: &Path, alerts: &[Alert]) -> Result<bool> {
    let hooks = hooks();
    let state = State::open(&query::run_directory(dir))?;
    hooks.remember(alerts, &state)?;
    let problems = hooks.tell(&state, here_and_now().1)?;
    problems.iter().for_each(|problem| warn(problem.to_string()));
    Ok(problems.is_empty())
}

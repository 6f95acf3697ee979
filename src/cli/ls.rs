//! `danlu ls`.

use super::output::{Output, bytes, warn};
use super::{Common, here_and_now};
use crate::model::{Result, to_rfc3339};
use crate::query::{self, RunInfo};
use crate::remote;
use clap::Args;
use std::path::PathBuf;

/// List the runs of a directory, oldest first
///
/// A run that is neither finished nor failed and whose process is gone has crashed; what it had logged is there.
#[derive(Debug, Args)]
pub(super) struct Ls {
    /// The directory, in place of `--dir`
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,

    #[command(flatten)]
    common: Common,
}

impl Ls {
    pub(super) fn run(self, output: &mut Output) -> Result<bool> {
        let (host, now) = here_and_now();
        let dir = self.directory.unwrap_or(self.common.dir);
        let found = query::list(&dir, &host, now, &warn)?;
        for (_, error) in &found.unreadable {
            super::output::error(error);
        }
        let whole = found.unreadable.is_empty();
        let runs = query::unite(found.runs)?;
        if self.common.format.json {
            output.json(&runs)?;
        } else if runs.is_empty() {
            output.line(format!("No runs in {}", query::run_directory(&dir).display()))?;
            if remote::Directory::is_one(&dir) {
                output.line("It is a remote: `danlu verify` on it lists what was synced there")?;
            }
        } else {
            let heading = ["ID", "PROJECT", "NAME", "STATE", "STARTED", ">LAST STEP", ">SIZE"];
            output.table(&heading, &runs.iter().map(row).collect::<Vec<_>>())?;
        }
        Ok(whole)
    }
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

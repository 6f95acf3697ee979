//! Runs as lines that people read.

use super::output::{Output, bytes};
use crate::model::{Result, to_rfc3339};
use crate::query::RunInfo;

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

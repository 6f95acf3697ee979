//! What a sync says in the end.

use crate::cli::output::{Output, bytes, count};
use crate::model::Result;
use crate::sync::{Outcome, RunOutcome, Status};

/// More runs than this of which there is nothing to tell are only counted.
const MANY: usize = 50;

/// The same of runs that met what ended the sync.
const FEW: usize = 3;

/// Prints what a pass did.
pub(super) fn print(outcome: &Outcome, output: &mut Output) -> Result<()> {
    let quiet = |run: &RunOutcome| matches!(run.status, Status::UpToDate | Status::Running);
    let many = outcome.runs.iter().filter(|run| quiet(run)).count() > MANY;
    // What ended the sync is said after this, and not once more for each of many.
    let end = outcome.error.as_ref().map(ToString::to_string);
    let said = |run: &RunOutcome| run.status == Status::Failed && run.error.is_some() && run.error == end;
    let many_said = outcome.runs.iter().filter(|run| said(run)).count() > FEW;
    for run in outcome.runs.iter().filter(|run| !(many && quiet(run) || many_said && said(run))) {
        print_run(run, None, output)?;
    }
    output.line(total(outcome))
}

/// Prints what a pass did for a run, and to which remote if that cannot be known otherwise.
pub(super) fn print_run(run: &RunOutcome, to: Option<&str>, output: &mut Output) -> Result<()> {
    let name = run.name() + &to.map_or(String::new(), |to| format!(" to {to}"));
    let left_out = match run.left_out {
        0 => String::new(),
        n => format!("; {} left out", count(n, "file")),
    };
    let amount = format!("{}, {}{left_out}", count(run.objects_sent, "object"), bytes(run.bytes_sent));
    match run.status {
        Status::Pushed => output.line(format!("pushed      {name}: {amount}")),
        Status::Live => output.line(format!("live        {name}: {amount}; it goes on")),
        Status::Pending => output.line(format!("would push  {name}: {amount}")),
        Status::UpToDate => output.line(format!("up to date  {name}{left_out}")),
        Status::Running => output.line(format!("running     {name}: will be pushed when it has finished")),
        Status::Failed | Status::Parked => {
            let word = if run.status == Status::Parked { "PARKED" } else { "FAILED" };
            let why = run.error.as_deref().unwrap_or("the sync ended before its turn came");
            output.line(format!("{word}      {name}: {why}"))?;
            run.hint.as_ref().map_or(Ok(()), |hint| output.line(format!("            {hint}")))
        }
    }
}

fn total(outcome: &Outcome) -> String {
    let how_many = |status| outcome.runs.iter().filter(|run| run.status == status).count();
    let mut parts = Vec::new();
    for (status, word) in [
        (Status::Pushed, "pushed"),
        (Status::Pending, "to push"),
        (Status::UpToDate, "up to date"),
        (Status::Live, "live"),
        (Status::Running, "running"),
        (Status::Failed, "failed"),
        (Status::Parked, "parked"),
    ] {
        if how_many(status) > 0 {
            parts.push(format!("{} {word}", how_many(status)));
        }
    }
    let runs = if parts.is_empty() { "no runs".to_owned() } else { parts.join(", ") };
    let would = if how_many(Status::Pending) > 0 { "to be sent" } else { "sent" };
    format!(
        "{runs}; {}, {} {would} to {}",
        count(outcome.objects_sent, "object"),
        bytes(outcome.bytes_sent),
        outcome.remote
    )
}

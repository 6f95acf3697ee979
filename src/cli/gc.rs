//! `danlu gc`.

use super::output::{Output, bytes};
use super::{Common, here_and_now};
use crate::model::Result;
use crate::query::{self, Leftover};
use clap::Args;
use serde::Serialize;

/// Show, and with --delete remove, what killed processes and repairs left behind
///
/// Runs, journals with rows and everything that a run refers to are never touched. What is younger than an hour is kept:
/// whoever made it may be at work. So are damaged files that `danlu recover` read, until somebody removes them by hand.
#[derive(Debug, Args)]
pub(super) struct Gc {
    /// Remove what is shown
    #[arg(long)]
    delete: bool,

    #[command(flatten)]
    common: Common,
}

/// What was found, and whether it is gone.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    leftover: Leftover,
    deleted: bool,
}

impl Gc {
    pub(super) fn run(self, output: &mut Output) -> Result<bool> {
        let (host, now) = here_and_now();
        let mut shown = Vec::new();
        let mut whole = true;
        for leftover in query::leftovers(&self.common.dir, &host, now)? {
            let deleted = self.delete
                && !leftover.young
                && !leftover.kept
                && query::remove(&leftover)
                    .inspect_err(super::output::error)
                    .inspect_err(|_| whole = false)
                    .is_ok();
            shown.push(Shown { leftover, deleted });
        }
        if self.common.format.json {
            output.json(&shown)?;
            return Ok(whole);
        }
        print(&shown, self.delete, output)?;
        Ok(whole)
    }
}

fn print(shown: &[Shown], delete: bool, output: &mut Output) -> Result<()> {
    let (young, old): (Vec<_>, Vec<_>) = shown.iter().partition(|shown| shown.leftover.young);
    for Shown { leftover, deleted } in &old {
        let word = match (leftover.kept, deleted) {
            (true, _) => "kept",
            (false, true) => "deleted",
            (false, false) => "would go",
        };
        let name = leftover.path.display();
        output.line(format!("{word:<8}  {name} ({}): {}", bytes(leftover.bytes), leftover.why))?;
    }
    if !young.is_empty() {
        output.line(format!("kept: {} younger than an hour", young.len()))?;
    }
    let (kept, old): (Vec<&Shown>, Vec<&Shown>) = old.iter().partition(|shown| shown.leftover.kept);
    if !kept.is_empty() {
        output
            .line("what is kept may be the only copy of something: remove it by hand when nobody needs it")?;
    }
    let total: u64 = old.iter().map(|shown| shown.leftover.bytes).sum();
    if shown.is_empty() {
        output.line("nothing is left over")?;
    } else if !delete && !old.is_empty() {
        output.line(format!("{} in all; `danlu gc --delete` removes it", bytes(total)))?;
    }
    Ok(())
}

//! What a sync shows while it goes on: bars on a terminal, plain lines elsewhere, events for programs.

use crate::cli::output::{Output, bytes, plain, to_stderr};
use crate::model::{Clock, Error, Result, SystemClock};
use crate::sync::{Counts, Outcome, Progress, RunOutcome, Status};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Microseconds between two plain lines, and between two events about bytes.
const LINE_EVERY: i64 = 5_000_000;
const EVENT_EVERY: i64 = 1_000_000;

/// Most bars of runs at a time.
const BARS: usize = 8;

/// How it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// As bars, if there is a terminal, else as lines.
    Plain,
    /// As events, all of them.
    Events,
    /// As events, without those about nothing.
    News,
}

/// Shows what goes on.
pub(super) struct Show {
    way: Way,
    bars: MultiProgress,
    all: ProgressBar,
    on_terminal: bool,
    at_work: Mutex<AtWork>,
    output: Mutex<Output>,
}

#[derive(Default)]
struct AtWork {
    remotes: BTreeMap<String, Tally>,
    /// By the remote and the run.
    bars: BTreeMap<(String, String), ProgressBar>,
}

/// How far a push to a remote is.
#[derive(Default)]
struct Tally {
    began: Option<i64>,
    /// When the last line or event was said.
    said: i64,
    sent: u64,
    /// What was there, and needed not to be sent.
    found: u64,
    total: u64,
    runs: u64,
    ended: u64,
}

impl Tally {
    /// So many runs are to be pushed, in a pass beside others or, with a watch, after them: then they are counted anew.
    fn begin(&mut self, runs: u64) {
        if self.ended >= self.runs {
            *self = Self { said: self.said, ..Self::default() };
        }
        self.runs += runs;
    }
}

impl AtWork {
    fn at(&mut self, remote: &str) -> &mut Tally {
        self.remotes.entry(remote.to_owned()).or_default()
    }

    fn sum(&self, of: impl Fn(&Tally) -> u64) -> u64 {
        self.remotes.values().map(of).sum()
    }
}

impl Show {
    pub(super) fn new(way: Way) -> Self {
        let on_terminal = way == Way::Plain && std::io::stderr().is_terminal();
        let target = if on_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bars = MultiProgress::with_draw_target(target);
        let all = bars.add(styled(ProgressBar::new(0)));
        if on_terminal {
            all.enable_steady_tick(Duration::from_millis(200));
        }
        let output = Mutex::new(Output::new());
        Self { way, bars, all, on_terminal, at_work: Mutex::default(), output }
    }

    fn lock(&self) -> MutexGuard<'_, AtWork> {
        self.at_work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn event(&self, event: &str, remote: &str, more: Value) {
        if self.way == Way::Plain {
            return;
        }
        let mut said = json!({"event": event, "remote": remote});
        if let (Some(said), Value::Object(more)) = (said.as_object_mut(), more) {
            said.extend(more);
        }
        // If nobody listens any more, the answer in the end finds out.
        self.output.lock().unwrap_or_else(PoisonError::into_inner).json_line(&said).ok();
    }

    /// Says how a pass to a remote went: the last event.
    pub(super) fn done(&self, outcome: &Outcome) -> Result<()> {
        let more =
            serde_json::to_value(outcome).map_err(|e| Error::damaged("Cannot make JSON").with_source(e))?;
        let mut more = more;
        if let (Some(more), Some(error)) = (more.as_object_mut(), &outcome.error) {
            more.insert("error".to_owned(), error.to_string().into());
            more.insert("hint".to_owned(), error.hint().into());
        }
        self.event("done", &outcome.remote, more);
        Ok(())
    }

    /// Says that a remote could not be reached.
    pub(super) fn away(&self, remote: &str, error: &Error, wait: Duration) {
        let more = json!({"error": error.to_string(), "hint": error.hint(), "wait": wait.as_secs_f64()});
        self.event("away", remote, more);
    }

    /// Says something while there are bars.
    pub(super) fn beside_bars<T>(&self, say: impl FnOnce() -> T) -> T {
        self.bars.suspend(say)
    }

    /// Takes the bars away.
    pub(super) fn end(&self) {
        let mut at_work = self.lock();
        for bar in std::mem::take(&mut at_work.bars).into_values() {
            bar.finish_and_clear();
        }
        self.all.finish_and_clear();
        self.bars.clear().ok();
    }

    fn moved_on(&self, remote: &str, run: &str, bytes: u64, note: impl FnOnce(&mut Tally)) {
        let mut at_work = self.lock();
        note(at_work.at(remote));
        self.all.inc(bytes);
        if let Some(bar) = at_work.bars.get(&(remote.to_owned(), run.to_owned())) {
            bar.inc(bytes);
        }
        self.tell_bytes(&mut at_work, remote);
    }

    fn tell_bytes(&self, at_work: &mut AtWork, remote: &str) {
        let to = if at_work.remotes.len() > 1 { format!("{remote}: ") } else { String::new() };
        let at_work = at_work.at(remote);
        let now = SystemClock.now();
        let every = if self.way == Way::Plain { LINE_EVERY } else { EVENT_EVERY };
        let began = *at_work.began.get_or_insert(now);
        if at_work.said == 0 {
            at_work.said = now;
        }
        if self.on_terminal || now.saturating_sub(at_work.said) < every {
            return;
        }
        at_work.said = now;
        let seconds = u64::try_from((now - began) / 1_000_000).unwrap_or(0).max(1);
        let (rate, there) = (at_work.sent / seconds, at_work.sent + at_work.found);
        let left = at_work.total.saturating_sub(there).checked_div(rate);
        if self.way == Way::Plain {
            let left = left.map_or(String::new(), |left| format!(", {left} s left"));
            to_stderr(&format!(
                "{to}{} of {} runs, {} of {}, {}/s{left}",
                at_work.ended,
                at_work.runs,
                bytes(there),
                bytes(at_work.total),
                bytes(rate)
            ));
        } else {
            let more = json!({"runs": at_work.ended, "of_runs": at_work.runs, "bytes": at_work.sent, "bytes_there": at_work.found,
                              "of_bytes": at_work.total, "rate": rate, "seconds_left": left});
            self.event("progress", remote, more);
        }
    }
}

impl Progress for Show {
    fn start(&self, remote: &str, counts: Counts) {
        self.lock().at(remote).begin(counts.pending);
        if self.way != Way::News || counts.pending > 0 {
            self.event("start", remote, json!(counts));
        }
    }

    fn run(&self, remote: &str, run: &str, objects: u64, bytes: u64) {
        let mut at_work = self.lock();
        at_work.at(remote).total += bytes;
        self.all.inc_length(bytes);
        if self.on_terminal && at_work.bars.len() < BARS {
            let bar = self.bars.insert_before(&self.all, styled(ProgressBar::new(bytes)));
            let to = if at_work.remotes.len() > 1 { format!(" to {remote}") } else { String::new() };
            bar.set_message(plain(&format!("{run}{to}")));
            at_work.bars.insert((remote.to_owned(), run.to_owned()), bar);
        }
        drop(at_work);
        self.event("run", remote, json!({"run": run, "objects": objects, "bytes": bytes}));
    }

    fn sent(&self, remote: &str, run: &str, bytes: u64) {
        self.moved_on(remote, run, bytes, |at| at.sent += bytes);
    }

    fn found(&self, remote: &str, run: &str, bytes: u64) {
        self.moved_on(remote, run, bytes, |at| at.found += bytes);
    }

    fn ended(&self, remote: &str, run: &RunOutcome) {
        let mut at_work = self.lock();
        at_work.at(remote).ended += 1;
        if let Some(bar) = at_work.bars.remove(&(remote.to_owned(), run.name())) {
            bar.finish_and_clear();
        }
        self.all.set_message(format!("{} of {} runs", at_work.sum(|at| at.ended), at_work.sum(|at| at.runs)));
        drop(at_work);
        let event = match run.status {
            Status::Pushed | Status::Live => "pushed",
            Status::Parked => "parked",
            Status::Failed => "failed",
            Status::Pending => "pending",
            Status::UpToDate | Status::Running => return,
        };
        if let Ok(more) = serde_json::to_value(run) {
            self.event(event, remote, more);
        }
    }
}

fn styled(bar: ProgressBar) -> ProgressBar {
    let style = "{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta} {msg}";
    match ProgressStyle::with_template(style) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_that_follows_another_counts_anew() {
        let mut tally = Tally::default();
        tally.begin(2);
        (tally.ended, tally.sent, tally.total) = (1, 10, 20);
        tally.begin(1);
        assert_eq!((tally.ended, tally.runs, tally.total), (1, 3, 20), "beside it");
        (tally.ended, tally.sent) = (3, 20);
        tally.begin(1);
        assert_eq!((tally.ended, tally.runs, tally.sent, tally.total), (0, 1, 0, 0), "after it");
    }
}

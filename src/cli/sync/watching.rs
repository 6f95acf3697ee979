//! `danlu sync --watch`.

use super::Sync;
use super::each;
use super::print::print_run;
use super::show::{Show, Way};
use super::target::Target;
use crate::cli::output::{Output, error, to_stderr};
use crate::cli::{alerts, here_and_now, output::warn};
use crate::model::{Result, SystemClock};
use crate::remote::{self, Remote};
use crate::sync::{self, Bell, LocalRuns, Outcome, Settings, State, Status, Watched};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long `--until-done` waits for a remote that is away.
const GIVE_UP: Duration = Duration::from_secs(2 * 60 * 60);

/// Watches for several remotes, each in a thread of its own: one that is down does not hold up the others.
pub(super) fn watch(command: &Sync, targets: &[Target], output: &mut Output) -> Result<bool> {
    let source =
        LocalRuns::new(&command.common.dir, &here_and_now().0, Arc::new(SystemClock), Arc::new(warn));
    let names: Vec<&str> = targets.iter().map(|target| target.address.as_str()).collect();
    to_stderr(&format!(
        "watching {} for runs to push to {}; end with Ctrl-C",
        command.common.dir.display(),
        names.join(", ")
    ));
    let state = State::open(source.directory())?;
    let show = Arc::new(Show::new(if command.common.format.json { Way::News } else { Way::Plain }));
    let settings = command.settings(Arc::clone(&show))?;
    let bell = Bell::of(source.directory());
    let live = command
        .live
        .then(|| Duration::try_from_secs_f64(command.live_interval.max(0.2)).unwrap_or(Duration::MAX));
    let output = Mutex::new(output);
    let watcher = Watcher { command, has_others: targets.len() > 1, show: &show, output: &output };
    let ended =
        each::at_once(targets, |target| watcher.one(target, &source, &state, (&settings, &bell), live));
    show.end();
    let all_well = ended.iter().all(|ended| matches!(ended, Ok(true)));
    ended.into_iter().find(Result::is_err).unwrap_or(Ok(all_well)).map(|_| all_well)
}

/// A remote to which nothing can be pushed.
struct Down {
    since: Instant,
    /// The error that was told last.
    why: String,
}

struct Watcher<'a> {
    command: &'a Sync,
    /// Whether it is watched for several remotes.
    has_others: bool,
    show: &'a Show,
    output: &'a Mutex<&'a mut Output>,
}

impl Watcher<'_> {
    /// Watches for one remote, and says whether everything was pushed in the end.
    fn one(
        &self,
        target: &Target,
        source: &LocalRuns,
        state: &State,
        how: (&Settings, &Bell),
        live: Option<Duration>,
    ) -> Result<bool> {
        let known: Mutex<Option<Arc<dyn Remote>>> = Mutex::default();
        let open = || -> Result<Arc<dyn Remote>> {
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(remote) = known.as_ref() {
                return Ok(Arc::clone(remote));
            }
            let remote: Arc<dyn Remote> = Arc::from(target.open()?);
            // A directory may be another one the next time: a stick is pulled out, and another one put in.
            if remote::directory_of(&target.address).is_none() {
                *known = Some(Arc::clone(&remote));
            }
            Ok(remote)
        };
        let (mut down, mut told): (Option<Down>, _) = (None, BTreeSet::new());
        let (mut printing, mut well) = (Ok(()), true);
        let until_done = self.command.until_done;
        let ended = sync::watch(source, &open, state, how, live, |watched| match watched {
            Watched::Done(outcome) => {
                if outcome.error.is_none() && down.take().is_some() {
                    to_stderr(&format!("{} is there again", target.address));
                }
                well = !outcome.runs.iter().any(sync::RunOutcome::is_failure);
                if until_done && outcome.runs.is_empty() && outcome.error.is_none() {
                    to_stderr(&format!(
                        "no runs to push in {}: `--until-done` ends",
                        source.directory().display()
                    ));
                }
                printing = self.print_news(&outcome, &mut told);
                if let Err(e) = alerts::tell_pushed(&self.command.common.dir, &outcome) {
                    error(&e);
                }
                printing.is_ok() && !(until_done && is_all(&outcome))
            }
            Watched::Failed(e, wait) => {
                well = false;
                let why = e.to_string();
                if down.as_ref().is_none_or(|down| down.why != why) {
                    error(&e);
                }
                let since = down.take().map_or_else(Instant::now, |down| down.since);
                down = Some(Down { since, why });
                to_stderr(&format!("{}: next try in {} s", target.address, wait.as_secs_f64().ceil()));
                self.show.away(&target.address, &e, wait);
                !(until_done && since.elapsed() > GIVE_UP)
            }
        });
        if let Err(e) = &ended {
            error(&e.again().in_context(format!("No longer pushing to `{}`", target.address)));
        }
        ended.and(printing).map(|()| well)
    }

    /// Prints what a pass changed: runs pushed, and runs that cannot be, those once. Programs were told by events.
    fn print_news(&self, outcome: &Outcome, told: &mut BTreeSet<String>) -> Result<()> {
        if self.command.common.format.json {
            return Ok(());
        }
        let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        for run in &outcome.runs {
            let news = match run.status {
                Status::Pushed => true,
                Status::Failed | Status::Parked => told.insert(format!("{} {:?}", run.name(), run.error)),
                Status::Live => told.insert(run.name()),
                Status::UpToDate | Status::Running | Status::Pending => false,
            };
            if news {
                print_run(run, self.has_others.then_some(&*outcome.remote), &mut output)?;
            }
        }
        Ok(())
    }
}

/// Says whether nothing is left that can be sent, now or when a run has ended.
fn is_all(outcome: &Outcome) -> bool {
    let settled = |status| matches!(status, Status::Pushed | Status::UpToDate | Status::Parked);
    outcome.error.is_none() && outcome.runs.iter().all(|run| settled(run.status))
}

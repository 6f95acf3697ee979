//! One pass: push what a remote has not yet proved to hold.

mod apart;
mod large;
mod line;
mod on_way;
mod parts;
mod scan;
mod settle;
mod window;

use super::limit::Limiter;
use super::plan::{Apart, Gate, Health, Known, Policy};
use super::progress::{Outcome, Progress, RunOutcome, Silent, Status};
use super::selection::Selection;
use super::source::{Candidate, Listed, Source};
use super::state::{Held, Peer, State};
use crate::model::{Clock, Result};
use crate::remote::{Object, Remote};
pub(super) use apart::{HINT, begun};
use line::Line;
pub(super) use scan::id_of;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How a pass goes about it.
pub struct Settings {
    /// What to push.
    pub selection: Selection,
    /// Ask the remote even about runs that it has proved to hold before.
    pub recheck: bool,
    /// Try again what cannot be pushed as it is.
    pub retry: bool,
    /// Push runs that are still written, as far as they are.
    pub live: bool,
    /// Only say what would be sent.
    pub dry_run: bool,
    /// How many send at the same time.
    pub jobs: usize,
    /// How often something that may pass is tried again before the pass gives it up.
    pub patience: u32,
    /// How patient the syncer is beyond that.
    pub policy: Policy,
    /// How fast bytes may go.
    pub limit: Option<Arc<Limiter>>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Is told what goes on.
    pub progress: Arc<dyn Progress>,
    /// Is told what is worth a warning.
    pub warn: Arc<dyn Fn(String) + Send + Sync>,
}

impl Settings {
    /// Pushes all there is to push with four at once, gives up at the first trouble, and tells nobody.
    pub fn silent(clock: Arc<dyn Clock>) -> Self {
        Self {
            selection: Selection::default(),
            recheck: false,
            retry: false,
            live: false,
            dry_run: false,
            jobs: 4,
            patience: 0,
            policy: Policy::default(),
            limit: None,
            clock,
            progress: Arc::new(Silent),
            warn: Arc::new(|_| {}),
        }
    }
}

/// What one pass leaves to the next one to the same remote, and need not outlive the process.
#[derive(Debug, Default)]
pub struct Session {
    pub(super) health: Health,
    /// Whether the remote was asked who it is, and nothing went wrong since.
    pub(super) sure: bool,
    /// Whether it is written down that it is synced to.
    noted: bool,
    /// Runs with which something went wrong: how long they wait.
    troubled: BTreeMap<String, Known>,
}

/// A run that is to be pushed, or looked at.
struct Pending {
    candidate: Candidate,
    held: Option<Held>,
    /// What the target of a relay has of it.
    there: Option<Listed>,
}

/// A pass at work.
struct Pass<'a> {
    source: &'a dyn Source,
    state: &'a State,
    settings: &'a Settings,
    line: Line<'a>,
    signature: String,
    troubled: Mutex<BTreeMap<String, Known>>,
    outcomes: Mutex<Vec<(String, RunOutcome)>>,
    /// By the names of runs, the files that begin them, with numbers of the attempts: copies of a file have the same.
    begun: Mutex<BTreeMap<String, BTreeMap<String, i64>>>,
    /// Runs that were begun elsewhere too, by their names, as far as people are to hear of it now.
    apart: Mutex<BTreeMap<String, Apart>>,
    on_way: on_way::OnWay,
    /// What a dry run has counted.
    counted: Mutex<BTreeSet<Object>>,
    broken: Mutex<Option<crate::model::Error>>,
}

/// Pushes every run of a source that a remote has not yet proved to hold. A run that fails does not stop the others.
///
/// What ends the pass before it is through, such as a remote that went away, is in the outcome: what was pushed before stays
/// pushed.
///
/// # Errors
/// The source cannot be listed, the remote does not say who it is, or what the syncer knows cannot be read.
pub fn pass(
    source: &dyn Source,
    remote: &dyn Remote,
    state: &State,
    session: &mut Session,
    settings: &Settings,
) -> Result<Outcome> {
    let candidates = source.list()?;
    let now = settings.clock.now();
    // Before it is looked through, it is asked once more: a list of another one says nothing.
    let sure = session.sure && session.health.gate(&settings.policy, now) == Gate::Open;
    let identity = match session.health.identity().filter(|_| sure) {
        Some(identity) => identity,
        None => remote.identity().inspect_err(|e| {
            state.missed(remote.name(), e, now).ok();
        })?,
    };
    if session.health.identified(identity) {
        session.troubled.clear();
    }
    if !settings.dry_run && !std::mem::replace(&mut session.noted, true) {
        state.use_remote(remote.name(), now)?;
    }
    let line = Line::new(remote, identity, std::mem::take(&mut session.health), settings);
    let pass = Pass {
        source,
        state,
        settings,
        line,
        signature: settings.selection.signature(),
        troubled: Mutex::new(std::mem::take(&mut session.troubled)),
        outcomes: Mutex::default(),
        begun: Mutex::default(),
        apart: Mutex::default(),
        on_way: on_way::OnWay::default(),
        counted: Mutex::default(),
        broken: Mutex::default(),
    };
    let done = pass.run(candidates);
    let outcome = pass.outcome();
    let health = pass.line.into_health();
    let peer = Peer {
        name: remote.name().to_owned(),
        identity: Some(identity),
        looked: health.last_look().unwrap_or(0),
        error: outcome.error.as_ref().map(ToString::to_string),
        hint: outcome.error.as_ref().and_then(|e| e.hint().map(str::to_owned)),
        time: now,
    };
    if !settings.dry_run && state.peer(remote.name())?.is_none_or(|known| known.says_other_than(&peer)) {
        state.meet(&peer)?;
    }
    session.sure = outcome.error.is_none();
    session.health = health;
    session.troubled = pass.troubled.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.map(|()| outcome)
}

impl Pass<'_> {
    fn run(&self, candidates: Vec<Candidate>) -> Result<()> {
        let pending = self.scan(candidates)?;
        let deferred = Mutex::new(Vec::new());
        let window = (pending.len() / self.settings.jobs.max(1)).clamp(1, window::RUNS);
        let windows = Mutex::new(pending.chunks(window));
        self.with_workers(|| {
            while !self.line.is_stopped() && !self.is_broken() {
                // The lock is not kept while a window is pushed.
                let next = lock(&windows).next();
                let Some(next) = next else { return };
                match self.push_window(next, true) {
                    Ok(left) => lock(&deferred).extend(left),
                    Err(e) => self.break_off(e),
                }
            }
        });
        let deferred = deferred.into_inner().unwrap_or_else(PoisonError::into_inner);
        if !deferred.is_empty() {
            self.push_large(deferred);
        }
        lock(&self.broken).take().map_or(Ok(()), Err)
    }

    /// Runs something in as many threads as there are jobs. Where no thread can be started, this one does.
    fn with_workers(&self, work: impl Fn() + Sync) {
        std::thread::scope(|scope| {
            for n in 1..self.settings.jobs {
                let name = format!("danlu-push-{n}");
                if std::thread::Builder::new().name(name).spawn_scoped(scope, &work).is_err() {
                    break;
                }
            }
            work();
        });
    }

    /// Ends the pass because of something here: what the syncer knows cannot be written.
    fn break_off(&self, error: crate::model::Error) {
        lock(&self.broken).get_or_insert(error);
    }

    fn is_broken(&self) -> bool {
        lock(&self.broken).is_some()
    }

    fn outcome(&self) -> Outcome {
        let mut runs = std::mem::take(&mut *lock(&self.outcomes));
        runs.sort_by(|(a, _), (b, _)| a.cmp(b));
        let begun = lock(&self.begun);
        let is_twice = |files: &BTreeMap<String, i64>| files.values().collect::<BTreeSet<_>>().len() > 1;
        let twice: Twice<'_> = begun.iter().filter(|(_, files)| is_twice(files)).collect();
        for (file, run) in &mut runs {
            let is_there = matches!(run.status, Status::Pushed | Status::UpToDate | Status::Live);
            run.diverged |= is_there && twice.values().any(|files| files.contains_key(file));
        }
        self.tell_apart(&twice, &runs);
        let runs: Vec<RunOutcome> = runs.into_iter().map(|(_, run)| run).collect();
        Outcome {
            remote: self.line.remote.name().to_owned(),
            objects_sent: runs.iter().map(|run| run.objects_sent).sum(),
            bytes_sent: runs.iter().map(|run| run.bytes_sent).sum(),
            runs,
            error: self.line.take_error(),
        }
    }

    /// Says which runs were begun more than once, here or elsewhere.
    fn tell_apart(&self, twice: &Twice<'_>, runs: &[(String, RunOutcome)]) {
        let remote = self.line.remote.name();
        for (name, files) in twice {
            if runs.iter().any(|(file, run)| run.status == Status::Pushed && files.contains_key(file)) {
                (self.settings.warn)(format!(
                    "Run {name} was begun more than once: here these are runs of their own, at `{remote}` they are one; {HINT}"
                ));
            }
        }
        for (name, apart) in lock(&self.apart).iter().filter(|(name, _)| !twice.contains_key(name)) {
            (self.settings.warn)(format!(
                "Run {name} was also begun elsewhere: `{remote}` has an attempt of it that is not here and does not follow from ours, \
                 {}; nothing is lost, but there they are one run; {HINT}",
                begun(apart)
            ));
        }
    }
}

/// Runs that were begun more than once here: their names, and the files of each with the numbers of their attempts.
type Twice<'a> = BTreeMap<&'a String, &'a BTreeMap<String, i64>>;

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

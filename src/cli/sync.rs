//! `danlu sync`.

mod each;
mod print;
mod show;
mod target;
mod wandb;
mod watching;

use super::config::seconds;
use super::named::{address_of, default_remote, in_full, open_there};
use super::output::{Output, warn};
use super::size::{parse_rate, parse_size};
use super::{Common, alerts, here_and_now};
use crate::model::{Error, ErrorKind, Result, SystemClock};
use crate::query::{self, Filter};
use crate::remote::{self, Directory, Remote};
use crate::sync::plan::Policy;
use crate::sync::{
    self, Book, Limiter, LocalRuns, Outcome, Relay, Selection, Session, Settings, Source, State,
};
use clap::Args;
use show::{Show, Way};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use target::Target;

/// How often something that may pass is tried again by a sync that ends: some ten seconds.
const PATIENCE: u32 = 4;

/// Push runs to directories, buckets or servers
///
/// Sends what the remote does not have and makes sure that it holds exactly what is here. It can be interrupted and
/// repeated at any time. Without REMOTE it goes to $DANLU_REMOTE, else to the default of `danlu remote`, else where this
/// directory was synced to last, else to the server of `danlu login`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "options of a command")]
#[command(after_help = "Examples:
  danlu sync /media/usb                       everything to a stick
  danlu sync --from /media/usb https://…      from the stick to a server
  danlu sync lab backup --watch --live        to two remotes, also while runs are written
  danlu sync --exclude '*.ckpt' --limit-rate 2MB/s
  danlu sync --dry-run                        what would be sent")]
pub(super) struct Sync {
    /// A name of `danlu remote`, a directory such as a USB stick, or the address of a bucket or a danlu server
    #[arg(value_name = "REMOTE")]
    remotes: Vec<String>,

    /// To all remotes of `danlu remote ls`
    #[arg(long, conflicts_with = "remotes")]
    all: bool,

    /// Push what another remote has, not the runs of a directory
    #[arg(long, value_name = "REMOTE", conflicts_with_all = ["watch", "live"])]
    from: Option<String>,

    /// Stay, and push each run as it finishes; wait while a remote cannot be reached
    #[arg(long)]
    watch: bool,

    /// Push also runs that are still written, as far as they are
    #[arg(long)]
    live: bool,

    /// With `--watch --live`: how often
    #[arg(long, value_name = "SECONDS", default_value = "5")]
    live_interval: f64,

    /// With `--watch`: end when all is sent that can be and no run is written, or a remote was away for two hours
    #[arg(long, requires = "watch")]
    until_done: bool,

    /// Ask the remote about every run, even if it has proved before that it holds it
    #[arg(long)]
    recheck: bool,

    /// Try again the runs that are parked
    #[arg(long)]
    retry: bool,

    /// Only these runs: ids, with the project in front if several have one, or run files
    #[arg(long = "run", value_name = "RUN")]
    runs: Vec<String>,

    /// Only runs of this project
    #[arg(short, long, value_name = "PROJECT")]
    project: Option<String>,

    /// Only runs of this team or user
    #[arg(short, long, value_name = "ENTITY")]
    entity: Option<String>,

    /// Only runs that match, such as `state = finished and summary.loss < 0.5`
    #[arg(long, value_name = "EXPR")]
    filter: Option<String>,

    /// Only files whose stored path matches; the others can be sent later
    #[arg(long, value_name = "GLOB")]
    include: Vec<String>,

    /// No files whose stored path matches
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,

    /// No files that are larger, such as `100MB`
    #[arg(long, value_name = "SIZE")]
    max_size: Option<String>,

    /// Send no faster, such as `2MB/s`
    #[arg(long, value_name = "RATE")]
    limit_rate: Option<String>,

    /// How many send at the same time
    #[arg(short = 'n', long, value_name = "N", default_value = "4")]
    jobs: usize,

    /// Begin a new remote in a directory that had one which is not there any more
    #[arg(long)]
    new: bool,

    /// Only say what would be sent
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    wandb: wandb::Wandb,

    #[command(flatten)]
    common: Common,
}

impl Sync {
    pub(super) fn run(mut self, output: &mut Output) -> Result<bool> {
        self.wandb.check()?;
        self.dry_run |= self.wandb.wants_a_look();
        self.recheck |= self.wandb.wants_synced();
        if self.watch && self.dry_run {
            return Err(Error::usage("`--dry-run` says once what would be sent, and `--watch` stays")
                .with_hint("leave one of them out"));
        }
        self.take_runs();
        if let Some(from) = self.from.clone() {
            return self.relay(&from, output);
        }
        let directory = query::run_directory(&self.common.dir);
        std::fs::read_dir(&directory).map_err(|e| Error::io("read the directory", &directory, e))?;
        let targets = self.targets()?;
        // What is wrong with the call is said before anything is made.
        let show = Arc::new(Show::new(self.way()));
        let settings = self.settings(Arc::clone(&show))?;
        if self.watch {
            // Training will make it otherwise, when it is too late to look there.
            super::remote::make_directory(&self.common)?;
            return watching::watch(&self, &self.targets()?, output);
        }
        if !query::has_runs(&directory)? {
            return self.nothing(&targets, &directory, &show, output);
        }
        let source =
            LocalRuns::new(&self.common.dir, &here_and_now().0, Arc::new(SystemClock), Arc::new(warn));
        let has_state = directory.join("sync.sqlite").is_file();
        let known = if has_state { State::open(&directory)? } else { State::in_memory()? };
        self.check_selection(&source, &known)?;
        let shared: Mutex<Option<Arc<State>>> = Mutex::default();
        // Only when there is a remote: nothing is left behind for one that is not there.
        let state = || -> Result<Arc<State>> {
            let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(state) = &*shared {
                return Ok(Arc::clone(state));
            }
            let in_memory = self.dry_run && !has_state;
            let state = Arc::new(if in_memory { State::in_memory()? } else { State::open(&directory)? });
            Ok(Arc::clone(shared.insert(state)))
        };
        self.push_to_each(&targets, output, &show, |remote| {
            sync::pass(&source, remote, &*state()?, &mut Session::default(), &settings)
        })
    }

    fn way(&self) -> Way {
        if self.common.format.json { Way::Events } else { Way::Plain }
    }

    /// Takes run files, and directories of them, out of what is named as remotes: so scripts name what to sync.
    fn take_runs(&mut self) {
        let (mut runs, mut dir): (Vec<String>, Option<PathBuf>) = (Vec::new(), None);
        self.remotes.retain(|named| {
            let path = Path::new(named);
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_file() && name.starts_with("run-") && name.ends_with(".sqlite") {
                runs.push(name);
                dir = path.parent().map(Path::to_owned);
                return false;
            }
            let is_of_runs = path.is_dir()
                && !Directory::is_one(path)
                && query::has_runs(&query::run_directory(path)).unwrap_or(false);
            if is_of_runs {
                dir = Some(path.to_owned());
            }
            !is_of_runs
        });
        self.runs.extend(runs);
        if let Some(dir) = dir {
            self.common.dir = if dir.as_os_str().is_empty() { PathBuf::from(".") } else { dir };
        }
    }

    fn targets(&self) -> Result<Vec<Target>> {
        let book = Book::load(&query::run_directory(&self.common.dir))?;
        let none = || {
            Error::usage("There is no remote to sync to")
                .with_hint("name one: `danlu sync /media/usb` or `danlu sync https://…`; it is remembered for this directory")
        };
        let mut addresses: Vec<String> = match (self.all, self.remotes.as_slice()) {
            (true, _) => book.remotes.values().cloned().collect(),
            (false, []) => vec![default_remote(&self.common.dir)?.ok_or_else(none)?],
            (false, named) => named.iter().map(|named| address_of(&book, named)).collect::<Result<_>>()?,
        };
        let mut places = BTreeSet::new();
        addresses.retain(|address| places.insert(in_full(address)));
        if addresses.is_empty() {
            return Err(Error::usage("This directory has no remotes")
                .with_hint("`danlu remote add NAME ADDRESS` adds one"));
        }
        addresses.iter().try_for_each(|address| remote::check_no_secret(address))?;
        let runs = query::run_directory(&self.common.dir);
        Ok(addresses.iter().map(|address| Target::new(address, &runs, self.new)).collect())
    }

    fn settings(&self, show: Arc<Show>) -> Result<Settings> {
        let globs = |texts: &[String]| texts.iter().map(|text| Selection::glob(text)).collect::<Result<_>>();
        let selection = Selection {
            runs: self.runs.clone(),
            project: self.project.clone(),
            entity: self.entity.clone(),
            filter: self.filter.as_deref().map(Filter::parse).transpose()?,
            include: globs(&self.include)?,
            exclude: globs(&self.exclude)?,
            max_size: self.max_size.as_deref().map(parse_size).transpose()?,
        };
        let rate = self.limit_rate.as_deref().map(parse_rate).transpose()?;
        if self.jobs == 0 || self.jobs > 64 {
            return Err(Error::usage(format!("`--jobs {}` is not between 1 and 64", self.jobs)));
        }
        Ok(Settings {
            selection,
            recheck: self.recheck,
            retry: self.retry,
            live: self.live,
            dry_run: self.dry_run,
            jobs: self.jobs,
            patience: PATIENCE,
            policy: policy()?,
            limit: rate.map(|rate| Arc::new(Limiter::new(rate))),
            clock: Arc::new(SystemClock),
            progress: show,
            warn: Arc::new(warn),
        })
    }

    /// Refuses names of runs that there are none of: a slip of the pen must not look like success.
    fn check_selection(&self, source: &dyn Source, state: &State) -> Result<()> {
        if self.runs.is_empty() {
            return Ok(());
        }
        sync::check_named(&self.runs, source, state)
    }

    /// Pushes to all remotes at once; one that fails, or does not answer, holds up no other.
    fn push_to_each(
        &self,
        targets: &[Target],
        output: &mut Output,
        show: &Show,
        push: impl Fn(&dyn Remote) -> Result<Outcome> + std::marker::Sync,
    ) -> Result<bool> {
        let shared = Mutex::new(&mut *output);
        let at_work = AtomicUsize::new(targets.len());
        let one = |target: &Target| {
            let done = self.push_to(target, &shared, show, &push);
            let is_last = at_work.fetch_sub(1, Ordering::Relaxed) == 1;
            match done {
                // Whoever waits for the others hears of it now. A wrong call is what the command ends with.
                Err(e) if !is_last && e.kind() != ErrorKind::Usage => {
                    let output = shared.lock().unwrap_or_else(PoisonError::into_inner);
                    if !output.is_closed() {
                        show.beside_bars(|| super::output::error(&e));
                    }
                    Ok(false)
                }
                done => done,
            }
        };
        let ended = each::at_once(targets, one);
        show.end();
        let (mut well, mut failed) = (true, Vec::new());
        for done in ended {
            match done {
                Ok(done) => well &= done,
                Err(e) => failed.push(e),
            }
        }
        let last = failed.pop();
        failed.iter().for_each(super::output::error);
        last.map_or(Ok(well), Err)
    }

    /// Pushes to one remote, and says how that went. What is said of a remote stays together.
    fn push_to(
        &self,
        target: &Target,
        output: &Mutex<&mut Output>,
        show: &Show,
        push: &impl Fn(&dyn Remote) -> Result<Outcome>,
    ) -> Result<bool> {
        let remote = if self.dry_run { target.look()? } else { target.open()? };
        let mut outcome = push(&*remote)?;
        show.done(&outcome)?;
        if !self.common.format.json {
            let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
            show.beside_bars(|| print::print(&outcome, &mut output))?;
        }
        let error = outcome.error.take();
        if self.from.is_none() && !self.dry_run {
            alerts::tell_pushed(&self.common.dir, &outcome)?;
        }
        let well = !outcome.runs.iter().any(sync::RunOutcome::is_failure);
        error.map_or(Ok(well), Err)
    }

    fn relay(&self, from: &str, output: &mut Output) -> Result<bool> {
        let runs = query::run_directory(&self.common.dir);
        let book = Book::load(&runs)?;
        let targets = if runs.is_dir() {
            self.targets()?
        } else {
            let addresses = self.remotes.iter().map(|named| address_of(&book, named));
            addresses.map(|address| Ok(Target::new(&address?, &runs, self.new))).collect::<Result<_>>()?
        };
        let address = book.resolve(from);
        remote::check_no_secret(address)?;
        let address = in_full(address);
        if targets.iter().any(|target| target.address == address) {
            return Err(Error::usage(format!(
                "`{from}` is where the runs come from, and cannot be where they go"
            )));
        }
        let show = Arc::new(Show::new(self.way()));
        let settings = self.settings(Arc::clone(&show))?;
        let source: Arc<dyn Remote> = Arc::from(open_there(&address)?);
        // If it is not there, nothing is made where the runs would go.
        source.runs(None)?;
        let source = Relay::new(source);
        self.push_to_each(&targets, output, &show, |remote| {
            let state = State::in_memory()?;
            self.check_selection(&source, &state)?;
            sync::pass(&source, remote, &state, &mut Session::default(), &settings)
        })
    }

    /// Says that there is nothing to push, and makes nothing.
    fn nothing(
        &self,
        targets: &[Target],
        directory: &Path,
        show: &Show,
        output: &mut Output,
    ) -> Result<bool> {
        if !self.common.format.json {
            output.line(format!("No runs in {}", directory.display()))?;
            return Ok(true);
        }
        for target in targets {
            let remote = target.address.clone();
            show.done(&Outcome { remote, objects_sent: 0, bytes_sent: 0, runs: Vec::new(), error: None })?;
        }
        Ok(true)
    }
}

/// How patient a sync is: as by default, but for its first wait.
fn policy() -> Result<Policy> {
    let policy = Policy::default();
    let first = seconds("DANLU_BACKOFF")?.and_then(|first| i64::try_from(first.as_micros()).ok());
    Ok(Policy { first: first.unwrap_or(policy.first).min(policy.most), ..policy })
}

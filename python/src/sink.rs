//! Where the rows of a run go: to its file, or nowhere when the run is disabled.

use danlu::writer::Logged;
use danlu::{Error, ErrorKind, Key, Value};
use std::io::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The receiver of rows, settings and losses.
pub(crate) enum Sink {
    /// A run that is being written.
    File(Arc<danlu::Run>),
    /// A run of which nothing is kept but the summary.
    Nothing(Mutex<Counts>),
}

/// What a run that writes nothing still counts, as the core does.
pub(crate) struct Counts {
    step: i64,
    lost: u64,
    /// Whether what is logged counts as lost: it does when the run was meant to be written.
    counts_rows: bool,
}

impl Sink {
    pub(crate) fn nothing(counts_rows: bool) -> Self {
        Self::Nothing(Mutex::new(Counts { step: 0, lost: 0, counts_rows }))
    }

    pub(crate) fn file(&self) -> Option<&danlu::Run> {
        self.shared().map(|run| &**run)
    }

    /// Returns the run for a thread of its own.
    pub(crate) fn shared(&self) -> Option<&Arc<danlu::Run>> {
        match self {
            Self::File(run) => Some(run),
            Self::Nothing(_) => None,
        }
    }

    /// Looks up a key. There is none where nothing is written.
    pub(crate) fn key(&self, name: &str) -> Option<Key> {
        self.file().and_then(|run| run.key(name))
    }

    /// Logs a row; says where it went if it is written.
    pub(crate) fn log(
        &self,
        step: Option<i64>,
        commit: Option<bool>,
        row: &mut Vec<(Key, Value)>,
    ) -> Option<Logged> {
        match self {
            Self::File(run) => run.log_keys(step, commit, row),
            Self::Nothing(counts) => {
                lock(counts).log(step, commit);
                None
            }
        }
    }

    pub(crate) fn lose(&self, why: &str) {
        match self {
            Self::File(run) => run.lose(why),
            Self::Nothing(counts) => lock(counts).lost += 1,
        }
    }

    /// Counts something that comes after the end of the run.
    pub(crate) fn refuse(&self, what: &str) {
        match self {
            Self::File(run) => run.refuse(what),
            Self::Nothing(counts) => {
                let mut counts = lock(counts);
                counts.lost += u64::from(counts.counts_rows);
            }
        }
    }

    /// Makes what was logged durable.
    ///
    /// # Errors
    /// The disk refuses, or the run was meant to be written and is not.
    pub(crate) fn flush(&self) -> danlu::model::Result<()> {
        match self {
            Self::File(run) => run.flush(),
            Self::Nothing(counts) if lock(counts).counts_rows => {
                let message = "Cannot flush the run: it is not stored, as was said when it started";
                Err(Error::new(ErrorKind::Io, message).with_hint("give `init` a `dir` that can be written"))
            }
            Self::Nothing(_) => Ok(()),
        }
    }

    /// Says something that costs the run nothing that was logged.
    pub(crate) fn warn(&self, message: &str) {
        if let Self::File(run) = self {
            run.warn(message);
        }
    }

    pub(crate) fn step(&self) -> i64 {
        match self {
            Self::File(run) => run.step(),
            Self::Nothing(counts) => lock(counts).step,
        }
    }

    pub(crate) fn lost(&self) -> u64 {
        match self {
            Self::File(run) => run.lost(),
            Self::Nothing(counts) => lock(counts).lost,
        }
    }
}

impl Counts {
    fn log(&mut self, step: Option<i64>, commit: Option<bool>) {
        let at = step.unwrap_or(self.step);
        self.step = self.step.max(at);
        if commit.unwrap_or(step.is_none()) && at == self.step {
            self.step = at.saturating_add(1);
        }
        self.lost += u64::from(self.counts_rows);
    }
}

fn lock(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Prints a warning of the core. It goes to the file descriptor and not to `sys.stderr`: the core calls this with
/// its locks held and from its own thread, where Python code must not run.
pub(crate) fn print_warning(warning: &str) {
    writeln!(std::io::stderr(), "danlu: WARNING: {}", danlu::model::plain(warning)).ok();
}

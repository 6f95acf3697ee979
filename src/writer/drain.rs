//! The background thread: makes the journal durable and applies it to the run file.

use super::shared::Shared;
use crate::model::{Error, ErrorKind, Result};
use crate::store::{self, Appender, JournalReader, Stream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long to wait for somebody who has the run file open: the next tick comes soon, and forks wait for us.
const PATIENCE: Duration = Duration::from_millis(100);

/// How long to wait for the background thread when it is asked to drain.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// How much the background thread steps back (see `nice(2)`): where cores are short, training goes first.
const NICE: i32 = 5;

/// The running thread.
#[derive(Debug)]
pub(super) struct Drainer {
    asked: Arc<Asked>,
    thread: JoinHandle<()>,
}

/// What the thread is asked for.
#[derive(Debug, Default)]
struct Asked {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    stop: bool,
    /// How many ticks were asked for at once, and how many of these requests were seen to.
    wanted: u64,
    done: u64,
}

impl Asked {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the next tick; returns which requests it sees to, and whether it is the last.
    fn wait(&self, tick: Duration) -> (u64, bool) {
        let idle = |state: &mut State| !state.stop && state.wanted == state.done;
        let waited = self.changed.wait_timeout_while(self.lock(), tick, idle);
        let state = waited.unwrap_or_else(PoisonError::into_inner).0;
        (state.wanted, state.stop)
    }

    fn done(&self, requests: u64) {
        self.lock().done = requests;
        self.changed.notify_all();
    }
}

impl Drainer {
    /// Starts to drain the journal of a run every `tick`: to make it durable and, if the run file `follows`, to apply it.
    pub(super) fn start(shared: Arc<Shared>, tick: Duration, follows: bool) -> Result<Self> {
        let asked = Arc::new(Asked::default());
        let asking = Arc::clone(&asked);
        let reader = JournalReader::open(&shared.journal)?;
        let now = Instant::now();
        let mut drain = Drain {
            shared,
            reader,
            stream: None,
            applied: 0,
            follows,
            mended: false,
            began: now,
            summed: now,
        };
        let thread = std::thread::Builder::new()
            .name("danlu-drain".to_owned())
            .spawn(move || {
                // On Linux, of the calling thread alone.
                rustix::process::setpriority_process(None, NICE).ok();
                drain.tick(true);
                let mut done = 0;
                loop {
                    let (requests, is_last) = asking.wait(tick);
                    drain.tick(is_last || requests > done);
                    done = requests;
                    asking.done(requests);
                    if is_last {
                        return;
                    }
                }
            })
            .map_err(|e| {
                Error::new(ErrorKind::Io, "Cannot start the background thread of a run").with_source(e)
            })?;
        Ok(Self { asked, thread })
    }

    /// Drains now, and waits until that is done.
    pub(super) fn drain(&self) {
        let mut state = self.asked.lock();
        state.wanted += 1;
        let mine = state.wanted;
        self.asked.changed.notify_all();
        let waiting = |state: &mut State| state.done < mine && !state.stop;
        drop(self.asked.changed.wait_timeout_while(state, DRAIN_TIMEOUT, waiting));
    }

    /// Has the thread drain what is left, and end by itself.
    pub(super) fn end(&self) {
        self.asked.lock().stop = true;
        self.asked.changed.notify_all();
    }

    /// Drains what is left and ends the thread.
    pub(super) fn stop(self) -> Result<()> {
        self.end();
        self.thread
            .join()
            .map_err(|_| Error::new(ErrorKind::Io, "The background thread of the run broke down"))
    }
}

/// In how many parts the time of the run is cut, in each of which the summary of defined metrics is written down once: a run of
/// days is not to have a record of that for each second.
const SUMMARIES: u32 = 1000;

/// Which part of the time readers of the run file get while there is much to apply.
const READERS_SHARE: u32 = 10;

struct Drain {
    shared: Arc<Shared>,
    reader: JournalReader,
    /// Where in the run file the attempt is; unknown at first and after an error.
    stream: Option<Stream>,
    /// How many bytes of the journal are durable and, if it follows, in the run file.
    applied: u64,
    follows: bool,
    /// The run file was built anew since it could last be written.
    mended: bool,
    /// When the thread began, and when it last wrote down what definitions of metrics make of the summary.
    began: Instant,
    summed: Instant,
}

impl Drain {
    /// Does what is to do now. What fails is tried again at the next tick: nothing is lost, it is in the journal.
    fn tick(&mut self, is_asked_for: bool) {
        let shared = Arc::clone(&self.shared);
        let written = self.write_summary(is_asked_for);
        if written == self.applied {
            return shared.lock_syncer().keep_alive();
        }
        let synced = shared.sync(written);
        match &synced {
            Ok(()) => shared.warnings.over("sync"),
            Err(e) => shared.warnings.once("sync", || format!("{e}; a power cut may cost rows")),
        }
        let applied = if self.follows { self.apply(written) } else { Ok(()) };
        match applied {
            Ok(()) if self.follows && !self.reader.is_through() => shared.warnings.once("journal", || {
                let journal = shared.journal.display();
                format!("The journal `{journal}` is damaged after record {}", self.reader.seq())
            }),
            Ok(()) => {
                self.mended = false;
                if synced.is_ok() {
                    self.applied = written;
                }
            }
            Err(e) => self.failed(&e),
        }
    }

    /// Writes down what definitions of metrics make of the summary, and returns how many bytes of the journal are written.
    fn write_summary(&mut self, is_asked_for: bool) -> u64 {
        let mut log = self.shared.lock();
        if is_asked_for || self.summed.elapsed() >= self.began.elapsed() / SUMMARIES {
            self.shared.write_summary(&mut log);
            self.summed = Instant::now();
        }
        log.journal.length()
    }

    /// Builds the run file anew if that helps, once; else the next tick tries again.
    fn failed(&mut self, error: &Error) {
        self.stream = None;
        if !std::mem::replace(&mut self.mended, true) && self.shared.mend(error) {
            return;
        }
        self.shared.warnings.once("drain", || {
            let run_file = self.shared.run_file.display();
            format!("Cannot update the run file `{run_file}`: {error}; rows are safe in the journal")
        });
    }

    fn apply(&mut self, written: u64) -> Result<()> {
        self.reader.read_until(written);
        let shared = Arc::clone(&self.shared);
        let _database = shared.lock_database();
        let mut file = Appender::open(&shared.run_file, PATIENCE)?;
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                self.reader.rewind();
                let stream = Stream::open(&*file.begin()?, self.reader.attempt())?;
                self.reader.skip_to(stream.seq())?;
                stream
            }
        };
        let mut began = Instant::now();
        while store::apply_some(&mut file, &mut stream, &mut self.reader)? {
            // Readers wait for a moment in which nobody writes.
            std::thread::park_timeout(began.elapsed() / READERS_SHARE);
            began = Instant::now();
        }
        self.stream = Some(stream);
        Ok(())
    }
}

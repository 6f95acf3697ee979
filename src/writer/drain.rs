//! The background thread: makes the journal durable and applies it to the run file.

use super::shared::Shared;
use crate::model::{Error, ErrorKind, Result};
use crate::store::{self, Appender, JournalReader, Stream};
use std::fs::File;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long to wait for somebody who has the run file open: the next tick comes soon, and forks wait for us.
const PATIENCE: Duration = Duration::from_millis(100);

/// How much the background thread steps back (see `nice(2)`): where cores are short, training goes first.
const NICE: i32 = 5;

/// The running thread.
#[derive(Debug)]
pub(super) struct Drainer {
    stop: Arc<(Mutex<bool>, Condvar)>,
    thread: JoinHandle<()>,
}

impl Drainer {
    /// Starts to drain the journal of a run, whose file `journal` is a handle on, every `tick`.
    pub(super) fn start(shared: Arc<Shared>, journal: File, tick: Duration) -> Result<Self> {
        let stop = Arc::new((Mutex::new(false), Condvar::new()));
        let stopping = Arc::clone(&stop);
        let reader = JournalReader::open(&shared.journal)?;
        let mut drain = Drain { shared, journal, reader, stream: None, synced: 0 };
        let thread = std::thread::Builder::new()
            .name("danlu-drain".to_owned())
            .spawn(move || {
                // On Linux, of the calling thread alone.
                rustix::process::setpriority_process(None, NICE).ok();
                loop {
                    drain.tick();
                    let (stopped, condition) = &*stopping;
                    let guard = stopped.lock().unwrap_or_else(PoisonError::into_inner);
                    let waited = condition.wait_timeout_while(guard, tick, |stopped| !*stopped);
                    if *waited.unwrap_or_else(PoisonError::into_inner).0 {
                        return drain.tick();
                    }
                }
            })
            .map_err(|e| {
                Error::new(ErrorKind::Io, "Cannot start the background thread of a run").with_source(e)
            })?;
        Ok(Self { stop, thread })
    }

    /// Drains what is left and ends the thread.
    pub(super) fn stop(self) -> Result<()> {
        *self.stop.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.1.notify_all();
        self.thread
            .join()
            .map_err(|_| Error::new(ErrorKind::Io, "The background thread of the run broke down"))
    }
}

struct Drain {
    shared: Arc<Shared>,
    journal: File,
    reader: JournalReader,
    /// Where in the run file the attempt is; unknown at first and after an error.
    stream: Option<Stream>,
    synced: u64,
}

impl Drain {
    /// Does what is to do now. What fails is tried again at the next tick: nothing is lost, it is in the journal.
    fn tick(&mut self) {
        let written = self.shared.written();
        if written == self.synced {
            return self.keep_alive();
        }
        match self.journal.sync_data() {
            Ok(()) => self.synced = written,
            Err(e) => self.shared.warnings.once("sync", || {
                format!(
                    "Cannot sync the journal `{}`: {e}; a power cut may cost rows",
                    self.shared.journal.display()
                )
            }),
        }
        self.reader.read_until(written);
        if let Err(e) = self.apply() {
            self.stream = None;
            self.shared.warnings.once("drain", || {
                format!(
                    "Cannot update the run file `{}`: {e}; rows are safe in the journal",
                    self.shared.run_file.display()
                )
            });
        }
    }

    /// Touches the journal, so that where there are no locks others see that its writer lives.
    fn keep_alive(&self) {
        let now = rustix::fs::Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW };
        let times = rustix::fs::Timestamps { last_access: now, last_modification: now };
        rustix::fs::futimens(&self.journal, &times).ok();
    }

    fn apply(&mut self) -> Result<()> {
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
        while store::apply_some(&mut file, &mut stream, &mut self.reader)? {}
        self.stream = Some(stream);
        Ok(())
    }
}

//! One at a time, where runs are gone on with: who looks for a run and goes on with it must not meet another who does the
//! same, or both would write one run file.

use rustix::fs::{FlockOperation, flock};
use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long others are waited for. Who is held up for longer than a recovery takes holds nobody else up.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often it is tried again.
const RETRY: Duration = Duration::from_millis(2);

/// The lock on a directory, for as long as this lives. There is none where the file system has no such locks.
#[derive(Debug)]
pub(super) struct Entry(Option<File>);

impl Entry {
    /// Waits until nobody else goes on with a run in the directory.
    pub(super) fn wait(directory: &Path) -> Self {
        // The lock is on the directory itself, so that it leaves nothing behind.
        let Ok(file) = File::open(directory) else { return Self(None) };
        let deadline = Instant::now() + PATIENCE;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Self(Some(file)),
                Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) if Instant::now() < deadline => {
                    std::thread::park_timeout(RETRY);
                }
                Err(_) => return Self(None),
            }
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        // A program that was started meanwhile may have a copy of the handle.
        if let Some(file) = &self.0 {
            flock(file, FlockOperation::Unlock).ok();
        }
    }
}

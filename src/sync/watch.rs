//! The separate syncer: pushes runs as they finish, and waits out a remote that is down.

use super::{Outcome, Settings, pass};
use crate::model::{Error, ErrorKind, Result};
use crate::query;
use crate::remote::Remote;
use notify::{RecursiveMode, Watcher};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// How often the directory is looked through although nothing was heard: a network file system says nothing.
const POLL: Duration = Duration::from_secs(2);

/// The first wait after a remote could not be reached, and the longest.
const BACKOFF_FIRST: Duration = Duration::from_millis(500);
const BACKOFF_MOST: Duration = Duration::from_secs(60);

/// Pushes runs of a directory as they finish, until `go_on` says no; it is asked after each pass with its outcome, or
/// with the error that ended it and the time until the next try.
///
/// # Errors
/// The directory cannot be read, or the remote refuses the key: waiting does not help.
pub fn watch(
    remote: &dyn Remote,
    settings: &Settings,
    mut go_on: impl FnMut(Result<Outcome>, Duration) -> bool,
) -> Result<()> {
    let (sender, events) = channel();
    let directory = query::run_directory(&settings.dir);
    // Without a watcher the poll finds everything, a little later.
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| !event.kind.is_access()) {
            sender.send(()).ok();
        }
    })
    .ok();
    if let Some(watcher) = &mut watcher {
        watcher.watch(&directory, RecursiveMode::NonRecursive).ok();
    }
    let mut backoff = BACKOFF_FIRST;
    loop {
        let (done, wait) = match pass(remote, settings) {
            Ok(outcome) => {
                backoff = BACKOFF_FIRST;
                (Ok(outcome), POLL)
            }
            Err(e) if e.kind() == ErrorKind::Unreachable => {
                let wait = jittered(backoff)?;
                backoff = (backoff * 2).min(BACKOFF_MOST);
                (Err(e), wait)
            }
            Err(e) => return Err(e),
        };
        let reachable = done.is_ok();
        if !go_on(done, wait) {
            return Ok(());
        }
        pause(&events, wait, reachable);
    }
}

/// Waits for the time to pass or, while the remote is there, for something to happen in the directory.
fn pause(events: &Receiver<()>, wait: Duration, wake: bool) {
    let quiet = Duration::from_millis(50);
    if wake {
        if events.recv_timeout(wait) == Err(RecvTimeoutError::Disconnected) {
            std::thread::park_timeout(wait);
        }
        // A finishing run writes several times: wait until it is quiet, but not for ever.
        for _ in 0..20 {
            if events.recv_timeout(quiet).is_err() {
                break;
            }
        }
    } else {
        std::thread::park_timeout(wait);
        while events.try_recv().is_ok() {}
    }
}

/// Half to all of a time, at random, so that many syncers do not come back at once.
fn jittered(time: Duration) -> Result<Duration> {
    let random = getrandom::u32().map_err(|e| {
        Error::new(ErrorKind::Io, "Cannot get random bytes").with_source(std::io::Error::other(e))
    })?;
    Ok(time / 2 + time / 2 * (random >> 16) / (1 << 16))
}

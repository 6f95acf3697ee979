//! Taking turns: who writes what others write too has a lock on it. The others wait, say for whom, and not for ever.

use crate::model::{Error, ErrorKind, Result};
use crate::remote::{Options, Tell};
use rustix::fs::{FlockOperation, flock, major, minor};
use std::fmt;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long others are waited for: they have locks only while they write.
const MOST: Duration = Duration::from_secs(60);

/// After this, whoever waits is told for whom.
const SILENT: Duration = Duration::from_secs(1);

/// How soon and how seldom it is looked whether the lock is free. In between, after this part of the time that was waited.
const LOOK_FIRST: Duration = Duration::from_micros(200);
const LOOK_MOST: Duration = Duration::from_millis(50);
const LOOK_PART: u32 = 32;

/// How often the system's list of locks is read until it is taken to lack one.
const LISTS: u32 = 5;

/// How others are waited for.
#[derive(Debug)]
pub(super) struct Turns {
    most: Duration,
    tell: Tell,
    /// What was told last: once is enough, for all threads and tries.
    told: Mutex<String>,
    /// Whether a thread of this process has the lock of the manifests, or waits for it: one is enough.
    runs: Mutex<bool>,
    runs_free: Condvar,
}

/// The lock of the manifests, while this lives.
pub(super) struct Runs<'a> {
    /// Goes first: the next thread finds it free.
    _lock: File,
    pub(super) is_locked: bool,
    _next: Next<'a>,
}

struct Next<'a>(&'a Turns);

impl Drop for Next<'_> {
    fn drop(&mut self) {
        *self.0.runs.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.0.runs_free.notify_one();
    }
}

impl Turns {
    pub(super) fn new(options: &Options) -> Self {
        let (most, tell) = (options.timeout.unwrap_or(MOST), options.tell.clone());
        Self { most, tell, told: Mutex::default(), runs: Mutex::default(), runs_free: Condvar::new() }
    }

    /// Takes the lock of the directory of manifests, as [`Self::take`] does. Threads of this process queue for it.
    pub(super) fn take_runs(&self, path: &Path) -> Result<Runs<'_>> {
        let began = Instant::now();
        let lock = File::open(path).map_err(|e| Error::io("open", path, e))?;
        let taken = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.runs_free.wait_timeout_while(taken, self.most, |taken| *taken);
        let mut taken = waited.unwrap_or_else(PoisonError::into_inner).0;
        if std::mem::replace(&mut *taken, true) {
            return Err(kept(&Holder::of(&lock), path, self.most));
        }
        drop(taken);
        let next = Next(self);
        Ok(Runs { is_locked: self.take_since(began, &lock, path)?, _lock: lock, _next: next })
    }

    /// Waits until nobody else has the lock of a file, and takes it. Says whether there are locks at all.
    ///
    /// # Errors
    /// [`ErrorKind::Unreachable`] if whoever has it does not give it back: it is stopped, or waits for a disk that is gone.
    pub(super) fn take(&self, file: &File, path: &Path) -> Result<bool> {
        self.take_since(Instant::now(), file, path)
    }

    fn take_since(&self, began: Instant, file: &File, path: &Path) -> Result<bool> {
        // Whoever waits in the system's queue for a process that is stopped waits for as long as that is.
        let mut told = false;
        loop {
            match flock(file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(true),
                Err(rustix::io::Errno::INTR) => continue,
                Err(rustix::io::Errno::WOULDBLOCK) => {}
                Err(_) => return Ok(false),
            }
            let waited = began.elapsed();
            if waited >= self.most {
                return Err(kept(&Holder::of(file), path, self.most));
            }
            if waited >= SILENT.min(self.most / 2) && !std::mem::replace(&mut told, true) {
                let holder = Holder::of(file);
                if !holder.is_me() {
                    let path = path.display();
                    self.tell_once(format!("waiting for another danlu{holder} that writes `{path}`"));
                }
            }
            std::thread::park_timeout((waited / LOOK_PART).clamp(LOOK_FIRST, LOOK_MOST));
        }
    }

    fn tell_once(&self, what: String) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if *told != what {
            self.tell.tell(&what);
            *told = what;
        }
    }
}

fn kept(holder: &Holder, path: &Path, waited: Duration) -> Error {
    let (path, seconds) = (path.display(), waited.as_secs_f64());
    let (message, hint) = if holder.is_me() {
        let message =
            format!("Nothing could be written to `{path}` for {seconds} s: an earlier write does not end");
        (message, "is the disk gone, or slow?".to_owned())
    } else {
        let hint = match (holder.process, holder.is_stopped) {
            (Some(process), true) => format!("let it go on with `kill -CONT {process}`, or end it"),
            (Some(_), false) => "is its disk gone, or slow? end it, or wait until it is through".to_owned(),
            (None, _) => "it may be on another machine; end it there, or wait until it is through".to_owned(),
        };
        (format!("Another danlu{holder} has kept `{path}` to itself for {seconds} s"), hint)
    };
    Error::new(ErrorKind::Unreachable, message).after_silence().with_hint(hint)
}

/// Who has a lock, as far as that can be known: on this machine, and as Linux tells it.
#[derive(Debug, Default)]
struct Holder {
    process: Option<u32>,
    is_stopped: bool,
}

impl Holder {
    fn of(file: &File) -> Self {
        let locks = || std::fs::read_to_string("/proc/locks").unwrap_or_default();
        // The list comes in pieces, and while others take locks one may fall between two of them.
        let process = file
            .metadata()
            .ok()
            .and_then(|found| (0..LISTS).find_map(|_| process_of(&locks(), found.dev(), found.ino())));
        Self { process, is_stopped: process.is_some_and(is_stopped) }
    }

    fn is_me(&self) -> bool {
        self.process == Some(std::process::id())
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.process, self.is_stopped) {
            (None, _) => Ok(()),
            (Some(process), false) => write!(f, " (process {process})"),
            (Some(process), true) => write!(f, " (process {process}, which is stopped)"),
        }
    }
}

/// Finds the process that has the lock of a file in what Linux says of locks: `4: FLOCK  ADVISORY  WRITE 12411 fe:00:100 0 EOF`.
fn process_of(locks: &str, device: u64, inode: u64) -> Option<u32> {
    let file = format!("{:02x}:{:02x}:{inode}", major(device), minor(device));
    locks.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        match *words.as_slice() {
            [_, "FLOCK", _, _, process, of, ..] if of == file => {
                process.parse().ok().filter(|process| *process > 0)
            }
            _ => None,
        }
    })
}

/// Says whether a process is stopped: the word after its name, which may have anything in it.
fn is_stopped(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['T', 't']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_a_lock_is_read_of_what_linux_says() {
        let locks = "1: POSIX  ADVISORY  WRITE 7 fe:00:9 0 EOF\n\
                     2: FLOCK  ADVISORY  WRITE 12 fe:00:9 0 EOF\n\
                     2: -> FLOCK  ADVISORY  WRITE 13 fe:00:9 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE -1 00:2a:9 0 EOF\n";
        let (disk, share) = (rustix::fs::makedev(0xfe, 0), rustix::fs::makedev(0, 0x2a));
        assert_eq!(process_of(locks, disk, 9), Some(12));
        assert_eq!(process_of(locks, disk, 8), None);
        assert_eq!(process_of(locks, share, 9), None, "it is on another machine");
    }
}

//! Taking turns: who writes what others write too has a lock on it. The others wait, say for whom, and not for ever.

use crate::model::{Error, ErrorKind, Result};
use crate::remote::{Options, Tell};
use rustix::fs::{FlockOperation, flock, major, minor};
use std::fmt;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

/// How long others are waited for: they have locks only while they write.
const MOST: Duration = Duration::from_secs(60);

/// After this, whoever waits is told for whom.
const SILENT: Duration = Duration::from_secs(1);

/// How soon and how seldom it is looked whether the lock is free. In between, after this part of the time that was waited.
const LOOK_FIRST: Duration = Duration::from_micros(500);
const LOOK_MOST: Duration = Duration::from_millis(100);
const LOOK_PART: u32 = 8;

/// How others are waited for.
#[derive(Debug, Clone)]
pub(super) struct Turns {
    most: Duration,
    tell: Tell,
}

impl Turns {
    pub(super) fn new(options: &Options) -> Self {
        Self { most: options.timeout.unwrap_or(MOST), tell: options.tell.clone() }
    }

    /// Waits until nobody else has the lock of a file, and takes it. Says whether there are locks at all.
    ///
    /// # Errors
    /// [`ErrorKind::Unreachable`] if whoever has it does not give it back: it is stopped, or waits for a disk that is gone.
    pub(super) fn take(&self, file: &File, path: &Path) -> Result<bool> {
        // Whoever waits in the system's queue for a process that is stopped waits for as long as that is.
        let (mut waited, mut told) = (Duration::ZERO, false);
        loop {
            match flock(file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(true),
                Err(rustix::io::Errno::INTR) => continue,
                Err(rustix::io::Errno::WOULDBLOCK) => {}
                Err(_) => return Ok(false),
            }
            if waited >= self.most {
                return Err(kept(&Holder::of(file), path, waited));
            }
            if waited >= SILENT.min(self.most / 2) && !told {
                told = true;
                let holder = Holder::of(file);
                if !holder.is_me() {
                    self.tell
                        .tell(&format!("waiting for another danlu{holder} that writes `{}`", path.display()));
                }
            }
            let nap = (waited / LOOK_PART).clamp(LOOK_FIRST, LOOK_MOST).min(self.most - waited);
            std::thread::park_timeout(nap);
            waited += nap;
        }
    }
}

fn kept(holder: &Holder, path: &Path, waited: Duration) -> Error {
    let seconds = waited.as_secs_f64();
    let message = format!("Another danlu{holder} has kept `{}` to itself for {seconds} s", path.display());
    let hint = match (holder.process, holder.is_stopped) {
        (Some(process), true) => format!("let it go on with `kill -CONT {process}`, or end it"),
        (Some(_), false) => "is its disk gone, or slow? end it, or wait until it is through".to_owned(),
        (None, _) => "it may be on another machine; end it there, or wait until it is through".to_owned(),
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
        let locks = std::fs::read_to_string("/proc/locks").unwrap_or_default();
        let process = file.metadata().ok().and_then(|found| process_of(&locks, found.dev(), found.ino()));
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

//! Looking at the runs of a remote: their records are brought here as run files without the contents of the files that they
//! name, and are then read as any run. What was brought is kept, within bounds, and only what is new comes again.

mod contents;
mod ranks;

use crate::model::{Error, ErrorKind, Hash, Result};
use crate::query::{self, RunInfo, State};
use crate::remote::{Remote, RunHead, heads, materialise};
use crate::store;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// How many bytes of records are kept, unless they were asked for a moment ago.
const KEPT_BYTES: u64 = 2 << 30;

/// What was asked for so long ago may be needed by somebody still, in seconds.
const IN_USE: u64 = 3600;

/// How long nothing may have been heard of a run that is running, in seconds.
const SILENCE: f64 = 600.0;

/// How many runs are brought at once: most of the time goes into waiting for answers.
const AT_ONCE: usize = 8;

/// The runs of a remote, as far as they were looked at.
pub struct Mirror {
    remote: Box<dyn Remote>,
    directory: PathBuf,
}

/// A run that is to be brought.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// The hash of its key.
    pub key: Hash,
    /// Its digest, if that is known: a file that is here and has it is up to date.
    pub digest: Option<Hash>,
}

impl From<&RunHead> for Wanted {
    fn from(head: &RunHead) -> Self {
        Self { key: head.key, digest: (!head.open).then_some(head.digest) }
    }
}

/// A run that was brought here.
#[derive(Debug, Clone)]
pub struct Brought {
    /// The hash of its key.
    pub key: Hash,
    /// The run. Its path is that of the file here.
    pub info: RunInfo,
}

impl Mirror {
    /// Opens the mirror of a remote below a directory for such, and makes it if it is not there. It can be removed at any time.
    ///
    /// # Errors
    /// The remote cannot be reached, or the directory cannot be written.
    pub fn open(remote: Box<dyn Remote>, root: &Path) -> Result<Self> {
        let directory = root.join(remote.identity()?.to_string());
        let make = std::fs::create_dir_all(&directory);
        make.map_err(|e| {
            Error::io("create the directory", &directory, e).with_hint("DANLU_CACHE_DIR says where it may be")
        })?;
        Ok(Self { remote, directory })
    }

    /// Returns the remote.
    pub fn remote(&self) -> &dyn Remote {
        &*self.remote
    }

    /// Returns the directory with the run files.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Lists all runs of the remote, ordered by key.
    ///
    /// # Errors
    /// It cannot be reached, or refuses.
    pub fn heads(&self) -> Result<Vec<RunHead>> {
        heads(&*self.remote).collect()
    }

    /// Brings runs here, or completes what is here of them. Of those that cannot be brought it is
    /// said why; those that are gone are left out.
    ///
    /// # Errors
    /// The remote cannot be reached, or refuses the key.
    pub fn bring(&self, wanted: &[Wanted], now: i64) -> Result<Vec<(Hash, Result<Brought>)>> {
        let next = AtomicUsize::new(0);
        let done = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..AT_ONCE.min(wanted.len()) {
                scope.spawn(|| {
                    while let Some(run) = wanted.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let brought = self.bring_run(*run, now).transpose();
                        let is_over = matches!(&brought, Some(Err(e)) if ends_all(e));
                        let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                        done.extend(brought.map(|brought| (run.key, brought)));
                        if is_over {
                            next.store(wanted.len(), Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        let (ended, mut done): (Vec<_>, Vec<_>) =
            done.into_iter().partition(|(_, brought)| matches!(brought, Err(e) if ends_all(e)));
        if let Some((_, Err(e))) = ended.into_iter().next() {
            return Err(e);
        }
        self.trim();
        done.sort_by_key(|(key, _)| *key);
        Ok(done)
    }

    /// Brings a run here; `None` if the remote does not have it.
    ///
    /// # Errors
    /// The remote cannot be reached, or lacks an object of the run.
    pub fn bring_run(&self, wanted: Wanted, now: i64) -> Result<Option<Brought>> {
        let key = wanted.key;
        let path = self.directory.join(format!("run-{key}.sqlite"));
        let _lock = self.lock(key)?;
        let whole = ranks::whole(&path);
        let is_current = wanted.digest.is_some_and(|digest| is_of(&whole, digest));
        if !is_current {
            let Some(manifest) = self.remote.manifest_of(key)? else { return Ok(None) };
            materialise(&*self.remote, &manifest, &whole, false)?;
        }
        touch(&whole);
        let mut files = Vec::new();
        for part in ranks::parts(&path, &whole, is_current)? {
            files.push(info_of(&part, now)?);
        }
        Ok(query::unite(files)?.pop().map(|info| Brought { key, info }))
    }

    /// Lets others wait who bring the same run.
    fn lock(&self, key: Hash) -> Result<File> {
        let path = self.directory.join(format!("lock-{}", &key.to_string()[..2]));
        let lock = File::options().create(true).append(true).open(&path);
        let lock = lock.map_err(|e| Error::io("open", &path, e))?;
        // Where there are no locks, what two write at once is made anew.
        rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).ok();
        Ok(lock)
    }

    /// Removes what was not asked for the longest time, until the rest is within bounds.
    fn trim(&self) {
        let Ok(entries) = std::fs::read_dir(&self.directory) else { return };
        let mut files: Vec<(SystemTime, u64, PathBuf)> = entries
            .filter_map(std::result::Result::ok)
            .filter(|entry| is_kept(&entry.file_name().to_string_lossy()))
            .filter_map(|entry| entry.metadata().ok().map(|metadata| (entry, metadata)))
            .filter_map(|(entry, metadata)| Some((metadata.modified().ok()?, metadata.len(), entry.path())))
            .collect();
        files.sort();
        let mut total: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
        for (asked, bytes, path) in files {
            let rests = asked.elapsed().is_ok_and(|rests| rests > Duration::from_secs(IN_USE));
            if total <= KEPT_BYTES || !rests {
                return;
            }
            std::fs::remove_file(path).ok();
            total -= bytes;
        }
    }
}

/// Says whether a file is one that was brought, or part of one.
fn is_kept(name: &str) -> bool {
    ["run-", "part-", "read-"].iter().any(|prefix| name.starts_with(prefix))
}

/// Says whether there is no point in asking the remote for further runs.
fn ends_all(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unreachable | ErrorKind::Denied)
}

/// Says whether a file holds a run of this digest.
fn is_of(path: &Path, digest: Hash) -> bool {
    path.exists()
        && store::open_packed(path)
            .and_then(|file| store::digest(&file))
            .is_ok_and(|found| found == Some(digest))
}

/// Remembers that a file was asked for: it gets the time of the file system's own clock, which its others have too.
fn touch(path: &Path) {
    let now = rustix::fs::Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW };
    let times = rustix::fs::Timestamps { last_access: now, last_modification: now };
    rustix::fs::utimensat(rustix::fs::CWD, path, &times, rustix::fs::AtFlags::empty()).ok();
}

/// Reads a run file at a glance. One without an end runs as long as it is heard of.
fn info_of(path: &Path, now: i64) -> Result<RunInfo> {
    let file = store::open(path)?;
    let mut info = query::info(&file, path, "", now)?;
    let heard = query::past(&file)?.writers.iter().map(|writer| writer.last).fold(0.0, f64::max);
    #[expect(clippy::cast_precision_loss, reason = "seconds are floats")]
    let silence = now as f64 / 1e6 - heard;
    if info.digest.is_none() && info.state == State::Crashed && silence < SILENCE {
        info.state = State::Running;
    }
    Ok(info)
}

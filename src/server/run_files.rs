//! Run files are a cache: each follows from the objects of its run, and is made anew where it is missing, stale or damaged.
//!
//! They are not synced when they are written. Once in a while all of them are, and a mark says when that was: after an
//! unclean end of the machine those that were written since are thrown away. The end of a process harms none of them.

use super::App;
use super::open_files::OpenFiles;
use crate::model::{Error, ErrorKind, Hash, Result};
use crate::remote::{Manifest, materialise_cache};
use crate::store;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Where Linux says which start of the machine this is.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// How far a file's time may be from the clock's.
const SLACK: Duration = Duration::from_secs(5);

/// What is sure about the files.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Mark {
    /// During which start of the machine it was written.
    boot: String,
    /// Files that were written before, in microseconds since 1970, are on the disk.
    synced: i64,
}

/// The directory of run files.
pub(super) struct RunFiles {
    directory: PathBuf,
    boot: String,
    /// The digests of the manifests that files are known to hold.
    current: Mutex<HashMap<Hash, Hash>>,
    written: AtomicBool,
    /// Those that were read just now.
    open: OpenFiles,
}

impl RunFiles {
    /// Opens the directory, making it if it is new, and throws away what may be damaged.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn open(directory: &Path, now: i64) -> Result<Self> {
        std::fs::create_dir_all(directory).map_err(|e| Error::io("create the directory", directory, e))?;
        let boot = std::fs::read_to_string(BOOT).unwrap_or_default().trim().to_owned();
        let files = Self {
            directory: directory.to_owned(),
            boot,
            current: Mutex::default(),
            written: AtomicBool::new(false),
            open: OpenFiles::default(),
        };
        let mark = std::fs::read(files.mark()).ok();
        let mark: Mark = mark.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        if mark.boot != files.boot || files.boot.is_empty() {
            files.discard_since(mark.synced)?;
            files.write_mark(now)?;
        }
        Ok(files)
    }

    fn mark(&self) -> PathBuf {
        self.directory.with_extension("json")
    }

    /// Returns where the file of a run is.
    pub(super) fn path(&self, run: Hash) -> PathBuf {
        self.directory.join(format!("{run}.sqlite"))
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Hash, Hash>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what the file of a run holds.
    pub(super) fn note(&self, run: Hash, digest: Hash) {
        self.written.store(true, Ordering::Relaxed);
        self.known().insert(run, digest);
    }

    /// Notes that the file of a run may hold anything.
    pub(super) fn doubt(&self, run: Hash) {
        self.known().remove(&run);
    }

    /// Removes the file of a run.
    pub(super) fn remove(&self, run: Hash) {
        self.doubt(run);
        self.open.close(run);
        store::discard(&self.path(run));
    }

    fn discard_since(&self, time: i64) -> Result<()> {
        let since = UNIX_EPOCH + Duration::from_micros(u64::try_from(time).unwrap_or(0));
        let since = since.checked_sub(SLACK).unwrap_or(UNIX_EPOCH);
        let entries =
            std::fs::read_dir(&self.directory).map_err(|e| Error::io("read", &self.directory, e))?;
        for entry in entries.filter_map(std::result::Result::ok) {
            let modified =
                entry.metadata().and_then(|found| found.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
            // What is not ours is left alone.
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.split_once('.').is_none_or(|(run, _)| Hash::parse(run).is_none()) {
                continue;
            }
            if modified >= since || modified == UNIX_EPOCH {
                std::fs::remove_file(entry.path()).map_err(|e| Error::io("remove", &entry.path(), e))?;
            }
        }
        Ok(())
    }

    /// Lets all that was written so far be on the disk, and says so in the mark.
    ///
    /// # Errors
    /// The disk refuses.
    pub(super) fn sync(&self, now: i64) -> Result<()> {
        if !self.written.swap(false, Ordering::Relaxed) {
            return Ok(());
        }
        let directory =
            std::fs::File::open(&self.directory).map_err(|e| Error::io("open", &self.directory, e))?;
        rustix::fs::syncfs(&directory).map_err(|e| Error::io("sync", &self.directory, e))?;
        self.write_mark(now)
    }

    fn write_mark(&self, now: i64) -> Result<()> {
        let mark = Mark { boot: self.boot.clone(), synced: now };
        let json =
            serde_json::to_vec(&mark).map_err(|e| Error::damaged("Cannot make JSON").with_source(e))?;
        let fresh = self.directory.with_extension("json.new");
        std::fs::write(&fresh, json)
            .and_then(|()| std::fs::rename(&fresh, self.mark()))
            .map_err(|e| Error::io("write", &self.mark(), e))
    }
}

impl App {
    /// Opens the run file of a run whose manifest has this digest; it is made if need be.
    ///
    /// # Errors
    /// The objects cannot be read.
    pub(super) fn open_current(&self, run: Hash, digest: Hash) -> Result<Connection> {
        store::open(&self.current(run, digest)?)
    }

    /// Reads the run file of a run whose manifest has this digest; it is made if need be. It stays open for a while.
    ///
    /// # Errors
    /// The objects cannot be read, or what `read` returns.
    pub(super) fn reading<T>(
        &self,
        run: Hash,
        digest: Hash,
        read: impl FnOnce(&Connection) -> Result<T>,
    ) -> Result<T> {
        self.files.open.reading(run, &self.current(run, digest)?, read)
    }

    fn current(&self, run: Hash, digest: Hash) -> Result<PathBuf> {
        let path = self.files.path(run);
        if self.files.known().get(&run) != Some(&digest) || !path.exists() {
            self.bring_up(run, digest)?;
        }
        Ok(path)
    }

    fn bring_up(&self, run: Hash, digest: Hash) -> Result<()> {
        let _held = self.locks.hold(&[run]);
        let path = self.files.path(run);
        let holds = |path: &Path| Ok::<_, Error>(Manifest::of_live(&store::open(path)?)?.digest);
        if path.exists() && holds(&path).is_ok_and(|found| found == digest) {
            self.files.note(run, digest);
            return Ok(());
        }
        // An open run goes on meanwhile, and the end of it that was asked for is gone.
        for _ in 0..3 {
            let manifest = self.objects.manifest_of(run)?;
            let manifest = manifest.ok_or_else(|| {
                Error::new(ErrorKind::NotFound, format!("There are no objects of run {run}"))
            })?;
            match materialise_cache(&*self.objects, &manifest, &path, |_| Ok(())) {
                Err(e) if e.kind() == ErrorKind::NotFound && manifest.is_open() => {}
                Err(e) => return Err(e),
                Ok(()) => {
                    self.files.note(run, manifest.digest);
                    return Ok(());
                }
            }
        }
        Err(Error::new(ErrorKind::Busy, format!("The run {run} changes faster than it can be read")))
    }
}

//! From open files to blobs of the run file.

use super::shared::Shared;
use super::source::{Source, Stamp};
use crate::model::{Error, ErrorKind, Hash, Result, limits};
use crate::store::{self, Appender, BUSY_TIMEOUT};
use std::path::Path;

/// How often a file that changes while it is read is tried.
const TRIES: usize = 3;

/// A file of up to so many bytes is stored in one transaction with others.
const SMALL_BYTES: u64 = limits::CHUNK_BYTES as u64;

/// What is held in memory of small files until they are stored.
const BATCH_BYTES: usize = 8 << 20;
const BATCH_FILES: usize = 4096;

/// A content that is durable in the run file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stored {
    pub(super) sha256: Hash,
    pub(super) size: u64,
    /// How the file was when it was read.
    pub(super) stamp: Stamp,
}

/// Stores the contents of files, and hands to `done` how it went with each, by its place among `paths`.
///
/// One call at a time stores; the background thread gets its turn between transactions.
pub(super) fn store_files(
    shared: &Shared,
    paths: &[&Path],
    done: &mut dyn FnMut(usize, Result<Stored>),
) -> Result<()> {
    let _alone = shared.lock_saving();
    let turn = shared.lock_database();
    let mut file = Appender::open(&shared.run_file, BUSY_TIMEOUT)?;
    drop(turn);
    let mut storing = Storing { shared, paths, file: &mut file, batch: Vec::new(), bytes: 0, done };
    for place in 0..paths.len() {
        storing.add(place);
    }
    storing.flush();
    // SQLite closes the file in our turn too.
    let _turn = shared.lock_database();
    drop(file);
    Ok(())
}

struct Storing<'a> {
    shared: &'a Shared,
    paths: &'a [&'a Path],
    file: &'a mut Appender,
    /// Small files that are read and not stored yet.
    batch: Vec<(usize, Stamp, Vec<u8>)>,
    bytes: usize,
    done: &'a mut dyn FnMut(usize, Result<Stored>),
}

impl Storing<'_> {
    fn add(&mut self, place: usize) {
        for tries in 1.. {
            match self.try_add(place) {
                Err(e) if e.kind() == ErrorKind::Conflict && tries < TRIES => {}
                Err(e) => return (self.done)(place, Err(e)),
                Ok(()) => return,
            }
        }
    }

    fn try_add(&mut self, place: usize) -> Result<()> {
        let source = Source::open(self.paths[place])?;
        self.refuse_own(self.paths[place], source.stamp())?;
        let small = if source.size() > SMALL_BYTES { None } else { source.read(SMALL_BYTES)? };
        let Some(content) = small else {
            self.flush();
            let stored = self.store(self.paths[place], &source)?;
            (self.done)(place, Ok(stored));
            return Ok(());
        };
        self.bytes += content.len();
        self.batch.push((place, source.stamp(), content));
        if self.bytes >= BATCH_BYTES || self.batch.len() >= BATCH_FILES {
            self.flush();
        }
        Ok(())
    }

    /// The run file and the journal grow while they are stored.
    fn refuse_own(&self, path: &Path, stamp: Stamp) -> Result<()> {
        for own in [&self.shared.run_file, &self.shared.journal] {
            if Stamp::at(own).is_some_and(|own| own.is_of_same_file(&stamp)) {
                let message = format!("Cannot save `{}`: it is a file of this run itself", path.display());
                return Err(Error::usage(message));
            }
        }
        Ok(())
    }

    /// Stores the small files that were read.
    fn flush(&mut self) {
        let (places, contents): (Vec<_>, Vec<_>) =
            self.batch.drain(..).map(|(place, stamp, content)| ((place, stamp), content)).unzip();
        self.bytes = 0;
        if places.is_empty() {
            return;
        }
        let turn = self.shared.lock_database();
        let put = store::put_small(self.file, &contents);
        drop(turn);
        match put {
            Ok(names) => {
                for (((place, stamp), content), sha256) in places.into_iter().zip(&contents).zip(names) {
                    (self.done)(place, Ok(Stored { sha256, size: content.len() as u64, stamp }));
                }
            }
            Err(e) => {
                for (place, _) in places {
                    (self.done)(place, Err(cannot(self.paths[place], &e)));
                }
            }
        }
    }

    /// Stores a large file: in one pass if its content must be new.
    fn store(&mut self, path: &Path, source: &Source) -> Result<Stored> {
        let (size, stamp) = (source.size(), source.stamp());
        if size > 0 && self.may_have(source)? {
            let sha256 = source.hash()?;
            if self.has(sha256)? {
                return Ok(Stored { sha256, size, stamp });
            }
        }
        check_space(path, &self.shared.run_file, size)?;
        let turn = || self.shared.lock_database();
        store::put_stream(self.file, source.reader()?, turn, |_, read| source.check_read(read))
            .map(|(sha256, size)| Stored { sha256, size, stamp })
            .map_err(|e| match e.kind() {
                // Said by the source, of this path.
                ErrorKind::Conflict | ErrorKind::Limit => e,
                _ => cannot(path, &e),
            })
    }

    fn may_have(&mut self, source: &Source) -> Result<bool> {
        let _turn = self.shared.lock_database();
        store::may_have(self.file, source.size(), |place| source.sample(place))
    }

    fn has(&mut self, sha256: Hash) -> Result<bool> {
        let _turn = self.shared.lock_database();
        store::has_blob(&*self.file.begin()?, sha256)
    }
}

fn cannot(path: &Path, e: &Error) -> Error {
    let error = Error::new(e.kind(), format!("Cannot save `{}`: {e}", path.display()));
    match e.hint() {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

/// Refuses early what cannot fit: a sparse file can be larger than any disk.
fn check_space(path: &Path, run_file: &Path, size: u64) -> Result<()> {
    let Ok(disk) = rustix::fs::statvfs(run_file) else { return Ok(()) };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if size <= free {
        return Ok(());
    }
    let (path, run_file) = (path.display(), run_file.display());
    Err(Error::new(
        ErrorKind::Io,
        format!(
            "Cannot save `{path}`: it has {size} bytes, and beside `{run_file}` only {free} bytes are free"
        ),
    )
    .with_hint("make room, or save less"))
}

//! A file that is to be stored: opened without waiting, and asked whether it has changed.

use crate::model::{Error, ErrorKind, Hash, Result, limits};
use crate::store::name_of_kind;
use rustix::fs::OFlags;
use rustix::time::{ClockId, clock_gettime};
use sha2::{Digest, Sha256};
use std::fs::{File, FileType, Metadata};
use std::io::{Read, Seek, Take};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Longer than the clock that files are stamped with ever stands still.
const TICK: Duration = Duration::from_millis(50);

/// What is read at most of a file that says that it has 0 bytes and has more, as those in `/proc` do.
const UNSIZED_BYTES: u64 = 64 << 20;

/// What is read beyond a limit to see that there is more. Some of those files refuse to be read by odd numbers of bytes.
const MORE_BYTES: u64 = 4096;

/// What differs when a file has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    file: (u64, u64),
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            file: (metadata.dev(), metadata.ino()),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Looks at a path; `None` if there is no regular file.
    pub(super) fn at(path: &Path) -> Option<Self> {
        path.metadata().ok().filter(Metadata::is_file).map(|metadata| Self::of(&metadata))
    }

    /// Says whether two stamps are of one file, changed or not.
    pub(super) fn is_of_same_file(&self, other: &Self) -> bool {
        self.file == other.file
    }

    /// Says whether a change that comes now could go unseen, as it would get the same time.
    fn is_fresh(&self) -> bool {
        let now = clock_gettime(ClockId::RealtimeCoarse);
        let since = (now.tv_sec - self.changed.0, now.tv_nsec - self.changed.1);
        let nanos = since.0.saturating_mul(1_000_000_000).saturating_add(since.1);
        // A stamp far in the future is of another machine's clock.
        nanos <= 0 && nanos.unsigned_abs() < 50_000_000
    }
}

/// An open regular file.
#[derive(Debug)]
pub(super) struct Source {
    file: File,
    path: PathBuf,
    stamp: Stamp,
}

impl Source {
    /// Opens a regular file. A FIFO, a socket or a device would block or never end, so it is refused without waiting.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let failed = |e: std::io::Error| Error::io("save", path, e);
        // First by its name: to open some devices does something.
        refuse(path, path.metadata().map_err(failed)?.file_type())?;
        let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
        let file = File::options().read(true).custom_flags(flags).open(path).map_err(failed)?;
        refuse(path, file.metadata().map_err(failed)?.file_type())?;
        let stamp = settled(&file).map_err(failed)?;
        Ok(Self { file, path: path.to_owned(), stamp })
    }

    /// Returns the size that it had when it was opened: no more is read.
    pub(super) fn size(&self) -> u64 {
        self.stamp.size
    }

    /// Returns how it was when it was opened.
    pub(super) fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// Returns a reader of its content: of as much as it said to have, or of all if it said that there is nothing.
    pub(super) fn reader(&self) -> Result<Take<&File>> {
        (&self.file).rewind().map_err(|e| Error::io("read", &self.path, e))?;
        Ok((&self.file).take(if self.size() == 0 { UNSIZED_BYTES + MORE_BYTES } else { self.size() }))
    }

    /// Reads all of it, if that is not more than `most` bytes.
    pub(super) fn read(&self, most: u64) -> Result<Option<Vec<u8>>> {
        let mut bytes = Vec::with_capacity(usize::try_from(self.size().min(most)).unwrap_or_default());
        let mut reader = self.reader()?.take(most + MORE_BYTES);
        reader.read_to_end(&mut bytes).map_err(|e| Error::io("read", &self.path, e))?;
        self.check_unchanged()?;
        Ok((bytes.len() as u64 <= most).then_some(bytes))
    }

    /// Reads the chunk at a place.
    pub(super) fn sample(&self, place: i64) -> Result<Vec<u8>> {
        let offset = place.unsigned_abs() * limits::CHUNK_BYTES as u64;
        let length = (self.size() - offset).min(limits::CHUNK_BYTES as u64);
        let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
        self.file.read_exact_at(&mut bytes, offset).map_err(|e| match e.kind() {
            std::io::ErrorKind::UnexpectedEof => self.changed(),
            _ => Error::io("read", &self.path, e),
        })?;
        Ok(bytes)
    }

    /// Computes the hash of its content.
    pub(super) fn hash(&self) -> Result<Hash> {
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 1 << 18];
        let mut reader = self.reader()?;
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => hasher.update(&buffer[..n]),
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(Error::io("read", &self.path, e)),
            }
        }
        self.check_unchanged()?;
        Ok(Hash(hasher.finalize().into()))
    }

    /// Fails with [`ErrorKind::Conflict`] if it is not as it was when it was opened.
    pub(super) fn check_unchanged(&self) -> Result<()> {
        let now = self.file.metadata().map_err(|e| Error::io("read", &self.path, e))?;
        if Stamp::of(&now) == self.stamp { Ok(()) } else { Err(self.changed()) }
    }

    /// Does what [`Self::check_unchanged`] does, and refuses a file that does not say its size and has no end in sight.
    pub(super) fn check_read(&self, read: u64) -> Result<()> {
        self.check_unchanged()?;
        if self.size() > 0 || read <= UNSIZED_BYTES {
            return Ok(());
        }
        let message = format!(
            "Cannot save `{}`: it says that it has 0 bytes, and has more than {UNSIZED_BYTES}",
            self.path.display()
        );
        Err(Error::new(ErrorKind::Limit, message).with_hint("save a copy of the part that matters"))
    }

    fn changed(&self) -> Error {
        let message = format!("Cannot save `{}`: it changed while it was being read", self.path.display());
        Error::new(ErrorKind::Conflict, message)
            .with_hint("save it when nothing writes to it, or save a copy")
    }
}

/// Takes the stamp of a file, and waits until later changes will differ from it.
fn settled(file: &File) -> std::io::Result<Stamp> {
    let deadline = Instant::now() + TICK;
    loop {
        let stamp = Stamp::of(&file.metadata()?);
        if !stamp.is_fresh() || Instant::now() > deadline {
            return Ok(stamp);
        }
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

fn refuse(path: &Path, kind: FileType) -> Result<()> {
    if kind.is_file() {
        return Ok(());
    }
    let error = Error::usage(format!("Cannot save `{}`: it is {}", path.display(), name_of_kind(kind)));
    Err(if kind.is_dir() { error.with_hint(format!("save `{}/*`", path.display())) } else { error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_right_after_opening_is_seen() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        for n in 0..50u8 {
            std::fs::write(&path, [n]).unwrap();
            let source = Source::open(&path).unwrap();
            assert_eq!(source.read(1).unwrap().unwrap(), [n]);
            // As long as before, and as fast as can be.
            std::fs::write(&path, [n + 1]).unwrap();
            let error = source.check_unchanged().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Conflict);
        }
    }

    #[test]
    fn no_more_is_read_than_there_was() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        std::fs::write(&path, "four").unwrap();
        let source = Source::open(&path).unwrap();
        std::fs::write(&path, "four and more").unwrap();
        let mut read = String::new();
        source.reader().unwrap().read_to_string(&mut read).unwrap();
        assert_eq!(read, "four");
        assert!(source.read(100).is_err());
    }
}

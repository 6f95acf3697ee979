//! Making a journal durable while it is appended to, and what is to do when the disk refuses.

use super::on_disk::sync_directory;
use crate::model::{Error, ErrorKind, Result};
use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Bytes that are written again at once.
const AGAIN_BYTES: usize = 1 << 20;

/// The durable part of a journal. Whoever syncs it holds this, not the journal: appending goes on meanwhile.
#[derive(Debug)]
pub struct JournalSync {
    file: File,
    path: PathBuf,
    durable: u64,
    /// The names of the file and of its directory have been made durable too.
    named: bool,
    /// A sync failed: what it should have written counts as written, and is not on the disk.
    failed: bool,
}

impl JournalSync {
    /// Takes another handle on the file that is appended to.
    pub(super) fn new(file: File, path: &Path) -> Self {
        Self { file, path: path.to_owned(), durable: 0, named: false, failed: false }
    }

    /// Makes the first `written` bytes durable, unless they are.
    ///
    /// # Errors
    /// The operating system cannot. Then none of them counts as durable that was not before, and the next call writes
    /// them again.
    pub fn sync(&mut self, written: u64) -> Result<()> {
        if written <= self.durable {
            return Ok(());
        }
        let in_context = |e| Error::io("sync the journal", &self.path, e);
        if self.failed {
            self.write_again(written)?;
        }
        self.failed = true;
        self.file.sync_data().map_err(in_context)?;
        self.failed = false;
        if !self.named {
            sync_directory(&self.path)?;
            if let Some(directory) = self.path.parent() {
                sync_directory(directory)?;
            }
            self.named = true;
        }
        self.durable = written;
        Ok(())
    }

    /// Writes what is not durable to the same place once more. Linux forgets that a page is to be written when the
    /// disk has refused it, so that a second sync succeeds without it.
    fn write_again(&self, until: u64) -> Result<()> {
        let in_context = |e| Error::io("write the journal again", &self.path, e);
        let again = File::options().write(true).open(&self.path).map_err(in_context)?;
        let identity = |file: &File| file.metadata().map(|m| (m.dev(), m.ino())).map_err(in_context);
        if identity(&again)? != identity(&self.file)? {
            let message = format!("The journal `{}` is no longer at its place", self.path.display());
            return Err(Error::new(ErrorKind::Io, message));
        }
        let mut buffer = vec![0; AGAIN_BYTES];
        let mut at = self.durable;
        while at < until {
            let length = buffer.len().min(usize::try_from(until - at).unwrap_or(usize::MAX));
            self.file.read_exact_at(&mut buffer[..length], at).map_err(in_context)?;
            again.write_all_at(&buffer[..length], at).map_err(in_context)?;
            at += length as u64;
        }
        Ok(())
    }

    /// Touches the file, so that where there are no locks others see that its writer lives.
    pub fn keep_alive(&self) {
        let now = rustix::fs::Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW };
        let times = rustix::fs::Timestamps { last_access: now, last_modification: now };
        rustix::fs::futimens(&self.file, &times).ok();
    }
}

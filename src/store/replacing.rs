//! The right to replace a run file: one process has it at a time, and what it puts in place is of the file that it read.
//!
//! The right is a lock on a byte of the run file that neither SQLite nor a writer uses. It goes with the process, and leaves
//! nothing behind.

use super::byte_locks::{Out, keep_writers_out, lock_to_replace};
use super::{journals_of, run_file, stand_in};
use crate::model::{Error, ErrorKind, Result};
use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Where the header of a database counts the transactions. Source: <https://sqlite.org/fileformat.html>, 1.3.7.
const COUNTER: (usize, u64) = (4, 24);

/// The right to replace a run file, for as long as this lives.
#[derive(Debug)]
pub struct Replacing {
    run: PathBuf,
    seen: Seen,
    /// `None` where there is no file, or where it cannot be locked.
    lock: Option<File>,
}

/// What differs when somebody has added to a run or replaced its file.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    file: Option<(u64, u64, u64)>,
    transactions: Vec<u8>,
    journals: Vec<PathBuf>,
}

impl Seen {
    fn of(run: &Path) -> Result<Self> {
        let mut transactions = vec![0; COUNTER.0];
        let file = File::open(run).ok();
        if file.as_ref().is_none_or(|file| file.read_exact_at(&mut transactions, COUNTER.1).is_err()) {
            transactions.clear();
        }
        let metadata = file.and_then(|file| file.metadata().ok());
        let file = metadata.map(|metadata| (metadata.dev(), metadata.ino(), metadata.len()));
        Ok(Self { file, transactions, journals: journals_of(run)? })
    }
}

impl Replacing {
    /// Takes the right to replace a run file, which is read only after this.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`] if somebody else has it.
    pub fn begin(run: &Path) -> Result<Self> {
        let lock = lock_to_replace(run)?;
        // Whatever a killed writer has left is rolled back now, not behind our back.
        run_file::open_packed(run).ok();
        Ok(Self { run: run.to_owned(), seen: Seen::of(run)?, lock })
    }

    /// Checks that what was read since [`Self::begin`] is of one state of the run.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`] if the run has gone on.
    pub(super) fn check_unchanged(&self) -> Result<()> {
        if Seen::of(&self.run)? == self.seen {
            return Ok(());
        }
        let message = format!("`{}`: the run went on meanwhile; it is left as it is", self.run.display());
        Err(Error::new(ErrorKind::Busy, message).with_hint("try again when the run has ended"))
    }

    /// Lets a file take the place of the run file. With `kept`, the old one stays under that name.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`] if the run has gone on since [`Self::begin`]; or the directory cannot be written. Then the old
    /// file is in its place.
    pub fn put_in_place(self, fresh: &Path, kept: Option<&Path>) -> Result<()> {
        let _out: Option<Out<'_>> =
            self.lock.as_ref().map(|file| keep_writers_out(file, &self.run)).transpose()?;
        self.check_unchanged()?;
        stand_in::put_in_place(fresh, &self.run, kept)
    }
}

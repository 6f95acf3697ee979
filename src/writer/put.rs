//! Storing contents under names that the caller chooses: from memory, as that of an encoded image, or from a file.

use super::Run;
use super::store_files::store_files;
use crate::model::{Error, ErrorKind, File, Hash, Record, Result, check_file_name};
use crate::store::{self, Appender, BUSY_TIMEOUT};
use std::path::Path;

/// A larger content is stored in several transactions.
const SMALL_BYTES: usize = 8 << 20;

impl Run {
    /// Stores a content under a name, and returns its hash and its size. A content that is there already takes no space.
    ///
    /// # Errors
    /// The name cannot be used, the run is finished, or its file cannot be written.
    pub fn put(&self, name: &str, content: &[u8]) -> Result<(Hash, u64)> {
        self.check_put(name)?;
        let sha256 = self.put_content(content)?;
        self.write_down(name, sha256, content.len() as u64)
    }

    /// Does what [`Self::put`] does with the content of a file.
    ///
    /// # Errors
    /// As [`Self::put`]; also if the file cannot be read, or changes faster than it can be.
    pub fn put_file(&self, name: &str, path: &Path) -> Result<(Hash, u64)> {
        self.check_put(name)?;
        let mut outcome = Err(Error::new(ErrorKind::Io, format!("Cannot store `{}`", path.display())));
        store_files(&self.shared, &[path], &mut |_, stored| outcome = stored)?;
        let stored = outcome?;
        self.write_down(name, stored.sha256, stored.size)
    }

    fn put_content(&self, content: &[u8]) -> Result<Hash> {
        let _alone = self.shared.lock_saving();
        let turn = self.shared.lock_database();
        let mut file = Appender::open(&self.shared.run_file, BUSY_TIMEOUT)?;
        if content.len() <= SMALL_BYTES {
            // The file is closed before the turn is over.
            let stored = store::put_small(&mut file, &[content]).map(|names| names[0]);
            drop(file);
            return stored;
        }
        drop(turn);
        let turns = || self.shared.lock_database();
        let stored = store::put_stream(&mut file, content, turns, |_, _| Ok(()));
        let _turn = self.shared.lock_database();
        drop(file);
        stored.map(|(sha256, _)| sha256)
    }

    fn check_put(&self, name: &str) -> Result<()> {
        check_file_name(name)?;
        if self.guard().is_none_or(|log| log.finished) {
            let message =
                format!("Cannot store `{name}`: the run is finished, or belongs to another process");
            return Err(Error::usage(message));
        }
        Ok(())
    }

    fn write_down(&self, name: &str, sha256: Hash, size: u64) -> Result<(Hash, u64)> {
        let file = File { time: self.shared.clock.now(), path: name.to_owned(), sha256, size };
        let appended = self
            .guard()
            .filter(|log| !log.finished)
            .and_then(|mut log| self.shared.append(&mut log, &Record::File(file)));
        appended.map(|_| (sha256, size)).ok_or_else(|| {
            let message = format!("Cannot write down that `{name}` was stored");
            Error::new(ErrorKind::Io, message)
                .with_hint("the journal cannot be written, or the run is finished meanwhile")
        })
    }
}

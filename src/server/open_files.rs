//! Run files that stay open for a while after they were read: opening one takes longer than most of what is asked of it.

use crate::model::{Error, Hash, Result};
use crate::store;
use rusqlite::Connection;
use std::collections::VecDeque;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many stay open.
const IDLE: usize = 64;

/// Which file it is, whatever its name: device and inode.
type Identity = (u64, u64);

/// Files that nobody reads at the moment, those that were read last at the end.
#[derive(Default)]
pub(super) struct OpenFiles(Mutex<Idle>);

type Idle = VecDeque<(Hash, Identity, Connection)>;

impl OpenFiles {
    /// Reads the file of a run.
    ///
    /// # Errors
    /// The file is missing, or what `read` returns.
    pub(super) fn reading<T>(
        &self,
        run: Hash,
        path: &Path,
        read: impl FnOnce(&Connection) -> Result<T>,
    ) -> Result<T> {
        let found = std::fs::metadata(path).map_err(|e| Error::io("open", path, e))?;
        let identity = (found.dev(), found.ino());
        let known = {
            let mut idle = self.idle();
            // One that was replaced is of no use to anybody.
            idle.retain(|(other, file, _)| *other != run || *file == identity);
            idle.iter().rposition(|(other, ..)| *other == run).and_then(|at| idle.remove(at))
        };
        let connection = known.map_or_else(|| store::open(path), |(.., connection)| Ok(connection))?;
        let read = read(&connection)?;
        self.keep((run, identity, connection), path)?;
        Ok(read)
    }

    fn keep(&self, file: (Hash, Identity, Connection), path: &Path) -> Result<()> {
        // Of some files a private copy is read, which does not follow them.
        if file.2.path().is_none_or(|of| Path::new(of).file_name() != path.file_name()) {
            return Ok(());
        }
        // It keeps its statements, and none of the pages.
        file.2.execute_batch("PRAGMA shrink_memory")?;
        let mut idle = self.idle();
        idle.push_back(file);
        let oldest = if idle.len() > IDLE { idle.pop_front() } else { None };
        drop(idle);
        drop(oldest);
        Ok(())
    }

    /// Closes the file of a run.
    pub(super) fn close(&self, run: Hash) {
        self.idle().retain(|(other, ..)| *other != run);
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

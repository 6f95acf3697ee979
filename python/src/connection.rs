//! The connections of a process to a remote. The child of a fork makes its own: the threads that see to those of the parent
//! are not there, and whoever asks them, or closes them, would wait for ever.

use danlu::Result;
use danlu::cli::Place;
use danlu::mirror::Mirror;
use danlu::remote::Http;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A remote, to which nothing is connected before it is asked.
pub(crate) struct Connection {
    place: Place,
    open: Mutex<Open>,
}

/// What is open, and in which process.
#[derive(Default)]
struct Open {
    process: u32,
    server: Option<Arc<Http>>,
    mirror: Option<Arc<Mirror>>,
}

impl Connection {
    pub(crate) fn new(place: Place) -> Self {
        Self { place, open: Mutex::default() }
    }

    pub(crate) fn address(&self) -> &str {
        self.place.address()
    }

    /// Returns the API of the remote, if it is a server.
    pub(crate) fn server(&self) -> Result<Option<Arc<Http>>> {
        if let Some(server) = &self.open().server {
            return Ok(Some(Arc::clone(server)));
        }
        let server = self.place.server()?.map(Arc::new);
        // Another thread may have been quicker.
        Ok(server.map(|server| Arc::clone(self.open().server.get_or_insert(server))))
    }

    /// Returns the mirror of it.
    pub(crate) fn mirror(&self) -> Result<Arc<Mirror>> {
        if let Some(mirror) = &self.open().mirror {
            return Ok(Arc::clone(mirror));
        }
        let mirror = Arc::new(self.place.mirror()?);
        Ok(Arc::clone(self.open().mirror.get_or_insert(mirror)))
    }

    /// Returns what is open in this process, and forgets what is of another one.
    fn open(&self) -> MutexGuard<'_, Open> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let process = std::process::id();
        if open.process != process {
            std::mem::forget(std::mem::replace(&mut *open, Open { process, ..Open::default() }));
        }
        open
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        drop(self.open());
    }
}

//! What reading for a query may take up, and when it is to end.

use super::super::costly::IsOver;
use crate::model::{Error, Result};
use rusqlite::Connection;
use rusqlite::types::Value;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Virtual steps of SQLite after which it is asked whether reading a run file takes too long.
const STEPS: std::ffi::c_int = 1000;

/// What the tables of a query take up together outside of SQLite, and how long that may go on.
pub(in crate::query) struct Bounds {
    most: usize,
    held: AtomicUsize,
    is_over: IsOver,
    full: AtomicBool,
    over: AtomicBool,
}

impl Bounds {
    /// Lets a query have so many bytes until it is over.
    pub(in crate::query) fn new(most: usize, is_over: IsOver) -> Arc<Self> {
        let [full, over] = [AtomicBool::new(false), AtomicBool::new(false)];
        Arc::new(Self { most, held: AtomicUsize::new(0), is_over, full, over })
    }

    /// Lets a query have what there is.
    pub(in crate::query) fn none() -> Arc<Self> {
        Self::new(usize::MAX, Arc::new(|| false))
    }

    /// Says whether a query failed for want of memory.
    pub(in crate::query) fn was_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// Says whether a query failed because it took too long.
    pub(in crate::query) fn was_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Opens a run file that is not read longer than the query may take.
    pub(super) fn open(self: &Arc<Self>, path: &Path) -> Result<Connection> {
        self.go_on()?;
        let mut connection = crate::store::open(path)?;
        let bounds = Arc::clone(self);
        connection.progress_handler(STEPS, Some(move || bounds.is_over()))?;
        Ok(connection)
    }

    fn is_over(&self) -> bool {
        let over = (self.is_over)();
        self.over.fetch_or(over, Ordering::Relaxed);
        over
    }

    fn go_on(&self) -> Result<()> {
        if self.is_over() { Err(Error::usage("it takes too long")) } else { Ok(()) }
    }
}

/// What one cursor holds of what there is for all.
pub(super) struct Share {
    bounds: Arc<Bounds>,
    bytes: usize,
}

impl Share {
    pub(super) fn of(bounds: Arc<Bounds>) -> Self {
        Self { bounds, bytes: 0 }
    }

    pub(super) fn bounds(&self) -> &Arc<Bounds> {
        &self.bounds
    }

    /// Takes room for values that are held.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn take(&mut self, values: &[Value]) -> Result<()> {
        let bytes = values.iter().map(weight).sum::<usize>();
        self.bytes += bytes;
        let held = self.bounds.held.fetch_add(bytes, Ordering::Relaxed);
        if held.saturating_add(bytes) <= self.bounds.most {
            return Ok(());
        }
        self.bounds.full.store(true, Ordering::Relaxed);
        Err(Error::usage("it takes too much memory"))
    }

    /// Gives back all of it.
    pub(super) fn give_back(&mut self) {
        self.bounds.held.fetch_sub(std::mem::take(&mut self.bytes), Ordering::Relaxed);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// Returns about what a value takes up.
pub(super) fn weight(value: &Value) -> usize {
    size_of::<Value>()
        + match value {
            Value::Text(text) => text.len(),
            Value::Blob(bytes) => bytes.len(),
            Value::Null | Value::Integer(_) | Value::Real(_) => 0,
        }
}

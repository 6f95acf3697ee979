//! What an import has found to take, and what it leaves.

use super::{LeftOut, Part};
use crate::model::Error;
use std::path::Path;

/// What was found.
#[derive(Default)]
pub(super) struct Sources {
    pub(super) parts: Vec<Box<dyn Part>>,
    pub(super) left_out: Vec<LeftOut>,
}

impl Sources {
    /// Notes what cannot be imported.
    pub(super) fn fail(&mut self, path: &Path, error: &Error) {
        self.left_out.push(LeftOut { path: path.to_owned(), why: error.to_string(), failed: true });
    }

    /// Notes what is not to be imported.
    pub(super) fn leave(&mut self, path: &Path, why: impl Into<String>) {
        self.left_out.push(LeftOut { path: path.to_owned(), why: why.into(), failed: false });
    }
}

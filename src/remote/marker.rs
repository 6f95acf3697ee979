//! What tells that a directory or a bucket is a remote, and which.

use crate::model::{AttemptId, Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

/// The name of the marker.
pub(super) const MARKER: &str = "danlu-remote.json";
const FORMAT: &str = "danlu-remote";
const VERSION: u32 = 1;

/// What the marker says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Marker {
    format: String,
    version: u32,
    /// What tells this remote from every other.
    pub(super) id: AttemptId,
    /// It is a bucket that was seen to do conditional puts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) conditional: bool,
}

/// What every version says.
#[derive(Debug, Deserialize)]
struct Version {
    format: String,
    version: u32,
}

impl Marker {
    /// Makes one for a new remote.
    pub(super) fn new() -> Result<Self> {
        Ok(Self { format: FORMAT.to_owned(), version: VERSION, id: AttemptId::random()?, conditional: false })
    }

    pub(super) fn to_json(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(|e| Error::damaged("Cannot make JSON").with_source(e))
    }

    /// Reads the marker of the remote of this name.
    pub(super) fn parse(bytes: &[u8], remote: &str) -> Result<Self> {
        let said: Option<Version> = serde_json::from_slice(bytes).ok();
        if said.is_some_and(|said| said.format == FORMAT && said.version > VERSION) {
            let message = format!("The remote `{remote}` was made by a newer danlu");
            return Err(Error::new(ErrorKind::Version, message).with_hint("update danlu"));
        }
        let marker: Option<Self> = serde_json::from_slice(bytes).ok();
        marker.filter(|marker| marker.format == FORMAT && marker.version == VERSION).ok_or_else(|| {
            Error::damaged(format!("`{MARKER}` of the remote `{remote}` is damaged"))
                .with_hint("put it back from a copy of the remote, or sync to another place; the runs in it are as they were")
        })
    }
}

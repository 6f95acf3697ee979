//! What a remote consists of: names of objects.

use crate::model::Hash;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The name of an object: what sort it is, and the SHA-256 of its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub enum Object {
    /// A segment of records. It is stored and sent as a zstd frame; its name is the hash of what is inside.
    Segment(Hash),
    /// The content of a file, as it is.
    Blob(Hash),
}

/// The name and the uncompressed length of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct SizedHash {
    /// The SHA-256 of its content.
    pub sha256: Hash,
    /// The length of its content in bytes.
    pub size: u64,
}

impl Object {
    /// Returns the hash of its content.
    pub fn hash(self) -> Hash {
        match self {
            Self::Segment(hash) | Self::Blob(hash) => hash,
        }
    }

    /// Returns where it is below the root of a directory or a bucket, with `/` between the parts.
    pub(super) fn place(self) -> String {
        let hash = self.hash().to_string();
        match self {
            Self::Segment(_) => format!("segments/{}/{hash}.zst", &hash[..2]),
            Self::Blob(_) => format!("blobs/{}/{hash}", &hash[..2]),
        }
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Segment(hash) => write!(f, "segment {hash}"),
            Self::Blob(hash) => write!(f, "blob {hash}"),
        }
    }
}

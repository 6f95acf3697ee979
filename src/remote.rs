//! Where runs go: a content-addressed store of objects, and one manifest for each run.
//!
//! A push asks which objects are missing, sends those, and commits a manifest that names them all. The remote answers
//! with what it now holds, and only that makes a run pushed. Everything can be repeated at any point.

mod directory;
mod http;
mod manifest;

pub use directory::Directory;
pub use http::Http;
pub use manifest::{AttemptEntry, Manifest, Receipt, SizedHash};

use crate::model::{AttemptId, Error, Hash, Result, RunKey};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io::Read;
use std::path::Path;

/// The name of an object: what sort it is, and the SHA-256 of its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Object {
    /// A segment of records. It is stored and sent as a zstd frame; its name is the hash of what is inside.
    Segment(Hash),
    /// The content of a file, as it is.
    Blob(Hash),
}

impl Object {
    /// Returns the hash of its content.
    pub fn hash(self) -> Hash {
        match self {
            Self::Segment(hash) | Self::Blob(hash) => hash,
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

/// A place that runs are pushed to.
pub trait Remote: Send + Sync {
    /// Returns its name, as the user gave it.
    fn name(&self) -> &str;

    /// Returns what tells it from every other remote, also from another one in its place: two sticks have one path.
    ///
    /// # Errors
    /// It cannot be reached, or refuses.
    fn identity(&self) -> Result<AttemptId>;

    /// Returns those of the objects that it does not have, or has damaged.
    ///
    /// # Errors
    /// It cannot be reached, or refuses.
    fn missing(&self, objects: &[Object]) -> Result<Vec<Object>>;

    /// Stores an object: `length` bytes in the form in which [`Object`] says it is stored.
    ///
    /// # Errors
    /// It cannot be reached, refuses, or the bytes are not those of the name.
    fn put(&self, object: Object, length: u64, bytes: Box<dyn Read + Send>) -> Result<()>;

    /// Reads an object in the form in which it is stored.
    ///
    /// # Errors
    /// It cannot be reached, refuses, or does not have it.
    fn get(&self, object: Object) -> Result<Box<dyn Read + Send>>;

    /// Makes a run, or further attempts of it, visible, and says what it now holds.
    ///
    /// # Errors
    /// It cannot be reached, refuses, misses an object, or holds something else under the same attempt.
    fn commit(&self, manifest: &Manifest) -> Result<Receipt>;

    /// Reads the manifest of a run, if it has it.
    ///
    /// # Errors
    /// It cannot be reached, or refuses.
    fn manifest(&self, run: &RunKey) -> Result<Option<Manifest>>;
}

/// Opens a remote by its address: a directory, or `http://…` or `https://…`.
///
/// # Errors
/// [`crate::ErrorKind::Usage`] for an address of no known form.
pub fn open(address: &str, key: Option<String>) -> Result<Box<dyn Remote>> {
    if address.trim().is_empty() {
        return Err(
            Error::usage("The name of the remote is empty").with_hint("give a directory or an address")
        );
    }
    if let Some(directory) = directory_of(address) {
        return Ok(Box::new(Directory::create(directory)?));
    }
    if has_scheme_of_server(address) {
        return Ok(Box::new(Http::new(address, key)?));
    }
    let why = match address.split_once("://") {
        Some(("file", _)) => "it names no directory".to_owned(),
        Some((scheme, _)) => format!("it knows no `{scheme}://`"),
        None => "that is the beginning of an address".to_owned(),
    };
    Err(Error::usage(format!("danlu cannot sync to `{address}`: {why}"))
        .with_hint("give a directory, or the http:// or https:// address of a danlu server"))
}

/// Returns the directory that an address means, if it is none of a server.
pub fn directory_of(address: &str) -> Option<&Path> {
    match address.split_once("://") {
        Some(("file", path)) => Some(Path::new(path)).filter(|path| !path.as_os_str().is_empty()),
        Some(_) => None,
        // Nobody means directories of these names.
        None if has_scheme_of_server(address) || address == "file:" => None,
        None => Some(Path::new(address)),
    }
}

fn has_scheme_of_server(address: &str) -> bool {
    address.starts_with("http:") || address.starts_with("https:")
}

/// Says whether an address is that of a server.
pub fn is_server(address: &str) -> bool {
    address.starts_with("http://") || address.starts_with("https://")
}

//! A directory becomes a remote.

use super::super::marker::{MARKER, Marker};
use super::{Directory, Turns, place};
use crate::model::{Error, Result};
use std::fs::File;
use std::path::Path;

/// The directories of a remote. What is in the last one is of pushes under way.
const DIRECTORIES: [&str; 4] = ["segments", "blobs", "runs", "tmp"];

/// Makes a remote of a directory that is missing or empty, or where somebody who did that was killed.
pub(super) fn begin(root: &Path, turns: &Turns) -> Result<()> {
    make(root)?;
    let handle = File::open(root).map_err(|e| Error::io("open the remote", root, e))?;
    // Two who begin it at once take turns, where there are locks.
    turns.take(&handle, root)?;
    if Directory::is_one(root) || !is_empty_but_for_directories(root)? {
        return Ok(());
    }
    for directory in DIRECTORIES {
        make(&root.join(directory))?;
    }
    place::place(&root.join("tmp"), &root.join(MARKER), &Marker::new()?.to_json()?)?;
    crate::store::sync_directory(&root.join(MARKER))
}

/// Says whether a directory has nothing in it but what one has that is to become a remote.
fn is_empty_but_for_directories(root: &Path) -> Result<bool> {
    let names = |path: &Path| -> Result<Vec<String>> {
        let entries = std::fs::read_dir(path).map_err(|e| Error::io("open the remote", path, e))?;
        let name = |entry: std::io::Result<std::fs::DirEntry>| {
            entry.map(|entry| entry.file_name().to_string_lossy().into_owned())
        };
        entries.map(name).collect::<std::io::Result<_>>().map_err(|e| Error::io("open the remote", path, e))
    };
    for name in names(root)? {
        let begun = DIRECTORIES.contains(&name.as_str())
            && root.join(&name).is_dir()
            && (name == "tmp" || names(&root.join(&name))?.is_empty());
        if !begun {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Makes a directory, unless it is there.
fn make(path: &Path) -> Result<()> {
    match std::fs::create_dir(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Err(Error::io("create the remote", path, e)
            .with_hint(
                "the directory above it is not there: is the disk mounted? `mkdir -p` makes what is missing",
            )),
        Err(_) if path.is_dir() => Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(Error::io("open the remote", path, rustix::io::Errno::NOTDIR))
        }
        other => other.map_err(|e| Error::io("create the directory", path, e)),
    }
}

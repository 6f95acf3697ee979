//! What is at a path: only regular files are opened. A named pipe would block, a device never end.

use crate::model::{Error, Result};
use std::fs::{File, FileType};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

/// Returns the words for what is no regular file.
pub fn name_of_kind(kind: FileType) -> &'static str {
    match kind {
        kind if kind.is_dir() => "a directory",
        kind if kind.is_fifo() => "a named pipe, no regular file",
        kind if kind.is_socket() => "a socket, no regular file",
        _ => "a device, no regular file",
    }
}

/// Refuses what is there and is no regular file.
///
/// # Errors
/// [`crate::ErrorKind::Usage`] with what it is.
pub fn check_is_file(path: &Path) -> Result<()> {
    let Ok(there) = path.metadata() else { return Ok(()) };
    if there.is_file() {
        return Ok(());
    }
    let shown = path.display();
    let error = Error::usage(format!("`{shown}` is no run file: it is {}", name_of_kind(there.file_type())));
    Err(if there.is_dir() { error.with_hint(format!("`--dir {shown}` looks for runs in it")) } else { error })
}

/// Says whether an open file is the one that has a name.
pub(super) fn is_at(file: &File, path: &Path) -> bool {
    let same = |(a, b): (std::fs::Metadata, std::fs::Metadata)| (a.dev(), a.ino()) == (b.dev(), b.ino());
    file.metadata().ok().zip(std::fs::metadata(path).ok()).is_some_and(same)
}

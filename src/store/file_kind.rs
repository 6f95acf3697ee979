//! What is at a path: only regular files are opened. A named pipe would block, a device never end.

use crate::model::{Error, Result};
use std::fs::{File, FileType};
use std::io::Read;
use std::os::unix::fs::FileTypeExt;
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

/// Says whether a path is that of a run file or a journal, by its name or by how it begins.
pub fn belongs_to_a_run(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let named = name.starts_with("run-") && name.ends_with(".sqlite");
    let Some(mut file) = path.metadata().ok().filter(|m| m.is_file()).and_then(|_| File::open(path).ok())
    else {
        return false;
    };
    let mut head = [0; 72];
    // What is shorter is neither, unless it is just being made.
    let whole = file.read_exact(&mut head).is_ok();
    named
        || super::stem_of_journal(&name).is_some()
        || whole && (super::journal::is_header(&head) || super::run_file::is_header(&head))
}

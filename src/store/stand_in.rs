//! A run file that is made beside another one, and takes its place when it is whole.
//!
//! A rollback journal belongs to a file by its name alone. One that a killed process left would be rolled back into
//! whatever has that name next, so it goes with the file that it was made for.

use super::run_file;
use crate::model::{Error, Result};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Makes an empty run file. One that was left under the same name goes.
///
/// # Errors
/// It cannot be written.
pub fn begin(fresh: &Path) -> Result<()> {
    discard(fresh);
    run_file::create(fresh)
}

/// Removes a file that nobody needs, if it is there.
pub fn discard(file: &Path) {
    std::fs::remove_file(file).ok();
    std::fs::remove_file(rollback_journal(file)).ok();
}

/// Lets a file take the place of a run file. With `kept`, the old one stays under that name.
///
/// # Errors
/// The directory cannot be written; then the old file is in its place.
pub fn put_in_place(fresh: &Path, run: &Path, kept: Option<&Path>) -> Result<()> {
    let cannot = |e| Error::io("replace", run, e);
    // The old file keeps its name until the new one takes it.
    if let Some(kept) = kept
        && run.exists()
    {
        std::fs::hard_link(run, kept).or_else(|_| std::fs::rename(run, kept)).map_err(cannot)?;
    }
    // Whoever could roll it back has done so when the old file was read.
    match kept {
        Some(kept) => std::fs::rename(rollback_journal(run), rollback_journal(kept)),
        None => std::fs::remove_file(rollback_journal(run)),
    }
    .or_else(|e| if e.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(e) })
    .map_err(cannot)?;
    std::fs::rename(fresh, run).map_err(cannot)
}

fn rollback_journal(file: &Path) -> PathBuf {
    let mut name = OsString::from(file);
    name.push("-journal");
    name.into()
}

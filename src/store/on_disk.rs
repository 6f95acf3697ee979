//! Making files and their names durable.

use crate::model::{Error, Result};
use std::fs::File;
use std::path::Path;

/// Makes a file and its name durable.
pub(super) fn sync_file(path: &Path) -> Result<()> {
    let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
    file.sync_all().map_err(|e| Error::io("sync", path, e))?;
    sync_directory(path)
}

/// Makes the names in a file's directory durable.
pub(crate) fn sync_directory(path: &Path) -> Result<()> {
    let directory = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let handle = File::open(directory).map_err(|e| Error::io("open", directory, e))?;
    // Some file systems cannot sync a directory; there it is as durable as it gets.
    handle.sync_all().ok();
    Ok(())
}

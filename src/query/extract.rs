//! Writing stored contents into files.

use crate::model::{AttemptId, Error, ErrorKind, Hash, Result};
use crate::store;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Takes a piece of a content.
pub type Sink<'a> = &'a mut dyn FnMut(&[u8]) -> Result<()>;

/// Writes a file beside its place, and puts it there when it is whole.
///
/// # Errors
/// The place cannot be written, or `fill` fails.
pub fn write_whole(target: &Path, fill: impl FnOnce(Sink<'_>) -> Result<()>) -> Result<()> {
    let fresh = beside(target)?;
    let write = || -> Result<()> {
        let failed = |e| Error::io("write", target, e);
        let mut to = File::create_new(&fresh).map_err(failed)?;
        fill(&mut |piece| to.write_all(piece).map_err(failed))?;
        to.sync_all().map_err(failed)?;
        std::fs::rename(&fresh, target).map_err(failed)
    };
    write().inspect_err(|_| {
        std::fs::remove_file(&fresh).ok();
    })
}

/// Names a file beside another, however long the name of that is.
fn beside(target: &Path) -> Result<PathBuf> {
    let random = AttemptId::random()?.to_string();
    Ok(target.with_file_name(format!(".get-{}.{}.danlu", &random[..8], std::process::id())))
}

/// Writes a blob of a run, which may be in any of its files, into a file, and returns its size.
///
/// # Errors
/// [`ErrorKind::NotFound`] if none of the files has it; it is damaged; or the place cannot be written.
pub fn extract_blob(parts: &[PathBuf], sha256: Hash, target: &Path) -> Result<u64> {
    for part in parts {
        let connection = store::open(part)?;
        if store::has_blob(&connection, sha256)? {
            let mut size = 0;
            write_whole(target, |sink| {
                size = store::read_blob(&connection, sha256, sink)?;
                Ok(())
            })?;
            return Ok(size);
        }
    }
    let parts: Vec<String> = parts.iter().map(|part| format!("`{}`", part.display())).collect();
    let message = format!("The content {sha256} is not in {}", parts.join(" or "));
    Err(Error::new(ErrorKind::NotFound, message))
}

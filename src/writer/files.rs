//! From paths and globs to blobs.

use crate::model::{Error, ErrorKind, Hash, Result, check_file_name};
use crate::store::{self, Appender, BUSY_TIMEOUT, DIR_NAME};
use rustix::fs::OFlags;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{Read, Seek};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

/// How often a file that changes while it is read is tried.
const TRIES: usize = 3;

/// Finds the files that a path or glob means, each with the name that it is stored under, sorted: for callers of
/// [`super::Run::save_as`] with a directory of their own. Names are given as [`super::Run::save`] gives them.
///
/// # Errors
/// The pattern is no UTF-8 text or no glob, or a name would lead out of the directory.
pub fn expand(pattern: &Path, directory: &Path) -> Result<Vec<(PathBuf, String)>> {
    let text = pattern
        .to_str()
        .ok_or_else(|| Error::usage(format!("Cannot save `{}`: the path is not UTF-8", pattern.display())))?;
    let literal = directory.join(pattern);
    if literal.symlink_metadata().is_ok() || !text.contains(['*', '?', '[']) {
        return Ok(vec![(literal, stored_name(pattern, directory)?)]);
    }
    stored_name(pattern, directory)?;
    let full = match directory.to_str() {
        Some(directory) if pattern.is_relative() => format!("{}/{text}", glob::Pattern::escape(directory)),
        _ => text.to_owned(),
    };
    let bad = |e: glob::PatternError| Error::usage(format!("`{text}` is no glob")).with_source(e);
    let mut found = Vec::new();
    for path in glob::glob(&full).map_err(bad)?.filter_map(std::result::Result::ok) {
        let name = path.strip_prefix(directory).unwrap_or(&path);
        let own = name.components().next() == Some(Component::Normal(DIR_NAME.as_ref()));
        if path.is_file() && !own {
            found.push((path.clone(), stored_name(name, directory)?));
        }
    }
    found.sort();
    Ok(found)
}

/// Derives the name that a path is stored under.
fn stored_name(path: &Path, directory: &Path) -> Result<String> {
    let below = |path: &Path| {
        let root = directory.canonicalize().ok()?;
        path.strip_prefix(&root).or_else(|_| path.strip_prefix(directory)).ok().map(Path::to_owned)
    };
    let relative = if path.is_absolute() {
        below(path).or_else(|| path.file_name().map(PathBuf::from)).unwrap_or_default()
    } else {
        path.to_owned()
    };
    let parts: Vec<String> = relative
        .components()
        .filter(|part| *part != Component::CurDir)
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    let name = parts.join("/");
    check_file_name(&name)
        .map_err(|e| e.with_hint("save a path below the run's directory, or give another base path"))?;
    Ok(name)
}

/// Stores the content of a file as a blob of a run file and returns its name and size.
pub(super) fn store(path: &Path, run_file: &Path) -> Result<(Hash, u64)> {
    let in_context = |e: Error| e.in_context(format!("Cannot save `{}`", path.display()));
    let mut run_file = Appender::open(run_file, BUSY_TIMEOUT)?;
    let mut tries = 0;
    loop {
        tries += 1;
        let mut file = open_regular(path)?;
        let (sha256, size) = hash(&mut file, path)?;
        file.rewind().map_err(|e| Error::io("read", path, e))?;
        match store::put_blob(&mut run_file, sha256, &file) {
            Ok(_) => return Ok((sha256, size)),
            Err(e) if e.kind() == ErrorKind::Conflict && tries < TRIES => {}
            Err(e) => return Err(in_context(e)),
        }
    }
}

/// Opens a regular file. A FIFO or a device would block or never end, so it is refused without waiting.
fn open_regular(path: &Path) -> Result<File> {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file =
        File::options().read(true).custom_flags(flags).open(path).map_err(|e| Error::io("save", path, e))?;
    let kind = file.metadata().map_err(|e| Error::io("save", path, e))?.file_type();
    if kind.is_file() {
        return Ok(file);
    }
    let what = if kind.is_dir() { "it is a directory" } else { "it is no regular file" };
    let error = Error::usage(format!("Cannot save `{}`: {what}", path.display()));
    Err(if kind.is_dir() { error.with_hint(format!("save `{}/*`", path.display())) } else { error })
}

fn hash(file: &mut File, path: &Path) -> Result<(Hash, u64)> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    let mut size = 0;
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok((Hash(hasher.finalize().into()), size)),
            Ok(n) => {
                hasher.update(&buffer[..n]);
                size += n as u64;
            }
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(Error::io("read", path, e)),
        }
    }
}

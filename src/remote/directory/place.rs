//! Files get their names when their bytes are durable.

use crate::model::{AttemptId, Error, Result};
use crate::store;
use rustix::fs::OFlags;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Threads that sync small files: a disk syncs many in nearly the time of one.
const SYNCERS: usize = 8;

/// Files that one of these threads is started for.
const FILES_PER_SYNCER: usize = 8;

/// Returns a name in `tmp` that nobody has: processes of several machines or containers may write there, and have the same
/// numbers.
pub(super) fn fresh(tmp: &Path) -> Result<PathBuf> {
    Ok(tmp.join(AttemptId::random()?.to_string()))
}

/// Opens a file to read. What is none, such as a pipe, would be waited for.
pub(super) fn open(path: &Path) -> std::io::Result<File> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "it is no regular file"))
}

/// Says whether an error is about what is in the place of one file, and says nothing of others.
pub(super) fn is_of_one_file(error: &std::io::Error) -> bool {
    use std::io::ErrorKind as Kind;
    let number = error.raw_os_error().map(rustix::io::Errno::from_raw_os_error);
    matches!(error.kind(), Kind::InvalidData | Kind::IsADirectory | Kind::PermissionDenied)
        || number.is_some_and(|number| {
            [rustix::io::Errno::NXIO, rustix::io::Errno::LOOP, rustix::io::Errno::IO].contains(&number)
        })
}

/// Writes a file durably, but for its name: the directory is to be synced.
pub(super) fn place(tmp: &Path, path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = fresh(tmp)?;
    let placed = write(&temporary, bytes).and_then(|()| rename(&temporary, path));
    placed.inspect_err(|_| drop(std::fs::remove_file(&temporary)))
}

/// Writes files durably: each is synced, and each directory once.
pub(super) fn place_all(tmp: &Path, files: &[(PathBuf, &[u8])]) -> Result<()> {
    let threads = files.len().div_ceil(FILES_PER_SYNCER).clamp(1, SYNCERS);
    let share = files.len().div_ceil(threads).max(1);
    make_directories(files.iter().map(|(path, _)| path.as_path()))?;
    let place_some =
        |some: &[(PathBuf, &[u8])]| some.iter().try_for_each(|(path, bytes)| place(tmp, path, bytes));
    let place_some = &place_some;
    std::thread::scope(|scope| {
        let mut shares = files.chunks(share);
        let first = shares.next().unwrap_or_default();
        let others: Vec<_> = shares.map(|some| scope.spawn(move || place_some(some))).collect();
        let done = place_some(first);
        others.into_iter().fold(done, |done, other| {
            done.and(other.join().unwrap_or_else(|_| Err(Error::damaged("A thread that writes broke down"))))
        })
    })?;
    let parents: BTreeSet<&Path> = files.iter().filter_map(|(path, _)| path.parent()).collect();
    parents.iter().try_for_each(|parent| store::sync_directory(&parent.join("x")))
}

fn write(temporary: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = File::create_new(temporary).map_err(|e| cannot(temporary, e))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|e| cannot(temporary, e))
}

/// Says that a file of no name that anybody knows cannot be written.
pub(super) fn cannot(temporary: &Path, error: std::io::Error) -> Error {
    Error::io("write to", temporary.parent().unwrap_or(temporary), error)
}

/// Makes the directories that files go into, and their names durable.
pub(super) fn make_directories<'a>(paths: impl Iterator<Item = &'a Path>) -> Result<()> {
    let parents: BTreeSet<&Path> = paths.filter_map(Path::parent).filter(|parent| !parent.is_dir()).collect();
    for parent in &parents {
        std::fs::create_dir_all(parent).map_err(|e| Error::io("create the directory", parent, e))?;
    }
    let above: BTreeSet<&Path> = parents.iter().filter_map(|parent| parent.parent()).collect();
    above.iter().try_for_each(|above| store::sync_directory(&above.join("x")))
}

/// Lets a file have its name. What is in the place of it goes, also a directory.
pub(super) fn rename(temporary: &Path, path: &Path) -> Result<()> {
    std::fs::rename(temporary, path)
        .or_else(|e| {
            if !path.is_dir() {
                return Err(e);
            }
            std::fs::remove_dir_all(path)?;
            std::fs::rename(temporary, path)
        })
        .map_err(|e| Error::io("write", path, e))
}

/// Removes a file or a directory, if it is there.
pub(super) fn remove(path: &Path) -> Result<()> {
    let removed = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    match removed {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", path, e)),
        _ => Ok(()),
    }
}

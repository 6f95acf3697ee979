//! The data directory: made for its owner alone, held by one server at a time, with room left in it.

use crate::model::{Error, ErrorKind, Result};
use crate::remote::Directory;
use rustix::fs::{FlockOperation, flock};
use std::fs::{DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

/// The file that a server which runs has locked.
const LOCK: &str = "serve.lock";

/// Below so many free bytes a server cannot do its work for long.
const NEEDED: u64 = 16 << 20;

/// Below so many, none of its files can grow.
const FULL: u64 = 64 << 10;

/// Makes a directory if it is new, so that nobody else can look into it.
///
/// # Errors
/// It cannot be made.
pub(super) fn make(directory: &Path) -> Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
    made.map_err(|e| Error::io("create the data directory", directory, e).with_hint(in_the_way(directory)))
}

/// Says what keeps a directory from being made or used.
pub(super) fn in_the_way(directory: &Path) -> String {
    let there = nearest(directory);
    if there.is_dir() {
        return whose(there);
    }
    format!("`{}` is a file: give a directory, or a name that nothing has", there.display())
}

/// Says to somebody who may not write a file, or make it, whose it is.
pub(super) fn whose(path: &Path) -> String {
    let there = nearest(path);
    let (shown, own) = (there.display(), rustix::process::geteuid().as_raw());
    match std::fs::metadata(there).map(|found| found.uid()) {
        Ok(owner) if owner != own => format!(
            "`{shown}` belongs to user {owner}, and this is user {own}: run danlu as that one, or `chown` it to this one"
        ),
        _ => format!("is `{shown}` on a read-only disk, or without the right to write? a server needs it"),
    }
}

/// Returns what there is of a path.
fn nearest(path: &Path) -> &Path {
    let parts = path.ancestors().map(|part| if part.as_os_str().is_empty() { Path::new(".") } else { part });
    parts.into_iter().find(|part| part.exists()).unwrap_or(path)
}

/// Checks that a directory is one of a server, or can become one: what others have in it is left alone.
///
/// # Errors
/// It has other things in it.
pub(super) fn check_is_ours(data: &Path) -> Result<()> {
    // Why it cannot be read is said where it is held.
    let Ok(names) = std::fs::read_dir(data) else { return Ok(()) };
    let names = names.filter_map(|entry| Some(entry.ok()?.file_name()));
    let names: Vec<_> = names.filter(|name| name != "lost+found").collect();
    let ours = |name: &std::ffi::OsString| name == LOCK || name == super::CATALOGUE;
    if names.is_empty() || names.iter().any(ours) || Directory::is_one(&data.join("objects")) {
        return Ok(());
    }
    let message = format!("`{}` is no data directory of a server: it has other things in it", data.display());
    Err(Error::usage(message).with_hint(if Directory::is_one(data) {
        "it is a remote: `danlu ls --remote` shows its runs; `danlu serve --data NEW --objects` with it serves them"
    } else {
        "give an empty or a new directory"
    }))
}

/// Keeps every other server away from a data directory until the handle is closed, and checks that it can be written.
///
/// # Errors
/// Another server has it ([`ErrorKind::Busy`]), or it cannot be written.
pub(super) fn hold(data: &Path) -> Result<File> {
    let path = data.join(LOCK);
    // A file that is there may be writable where no other can be made.
    probe(data, "data directory")?;
    let cannot = |e, path| Error::io("write", path, e).with_hint(whose(path));
    let catalogue = super::file_of_catalogue(data);
    if catalogue.exists() {
        File::options().append(true).open(&catalogue).map_err(|e| cannot(e, &catalogue))?;
    }
    let lock = File::options().append(true).create(true).open(&path).map_err(|e| cannot(e, &path))?;
    // Where there are no locks, whoever starts servers has to see to it.
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let message = format!("Another server serves the data directory `{}`", data.display());
            Err(Error::new(ErrorKind::Busy, message)
                .with_hint("end it first, or give this one a data directory of its own"))
        }
        _ => Ok(lock),
    }
}

/// Checks that files can be made in a directory.
fn probe(directory: &Path, what: &str) -> Result<()> {
    let probe = directory.join(format!("{LOCK}.{}", std::process::id()));
    match File::create(&probe).and_then(|_| std::fs::remove_file(&probe)) {
        Err(e) if e.kind() != std::io::ErrorKind::StorageFull => {
            Err(Error::io(&format!("write to the {what}"), directory, e).with_hint(whose(directory)))
        }
        _ => Ok(()),
    }
}

/// Checks that the objects in a directory can be written, and not only read.
///
/// # Errors
/// They cannot.
pub(super) fn check_objects(directory: &Path) -> Result<()> {
    let parts = ["segments", "blobs", "runs", "tmp"].map(|part| directory.join(part));
    parts.iter().filter(|part| part.is_dir()).try_for_each(|part| probe(part, "directory of objects"))
}

/// Says whether a server has a data directory.
pub(super) fn is_held(data: &Path) -> bool {
    let lock = File::open(data.join(LOCK));
    lock.is_ok_and(|lock| {
        flock(&lock, FlockOperation::NonBlockingLockShared) == Err(rustix::io::Errno::WOULDBLOCK)
    })
}

/// Checks that there is room for more on the disk of a directory.
///
/// # Errors
/// There is none.
pub(super) fn check_room(directory: &Path) -> Result<()> {
    match rustix::fs::statvfs(directory) {
        Ok(disk) => is_enough(disk.f_bavail.saturating_mul(disk.f_frsize)),
        Err(_) => Ok(()),
    }
}

/// Says whether nothing worth speaking of is left on the disk of a file.
pub(super) fn is_full(path: &Path) -> bool {
    let disk = rustix::fs::statvfs(path.parent().unwrap_or(path));
    disk.is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) < FULL)
}

fn is_enough(free: u64) -> Result<()> {
    if free >= NEEDED {
        return Ok(());
    }
    let message = format!("There is no room: {} KiB are left on the disk of the data directory", free >> 10);
    Err(Error::new(ErrorKind::Io, message)
        .with_hint("make some: remove runs, and `danlu admin gc --older-than 0s` forgets them at once"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_cannot_be_written_is_refused() {
        // Nobody can, not even root.
        let refused = hold(Path::new("/proc/self/fdinfo")).unwrap_err();
        assert!(refused.to_string().contains("Cannot write to the data directory"), "{refused}");
    }

    #[test]
    fn one_holds_it_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let held = hold(directory.path()).unwrap();
        assert!(is_held(directory.path()));
        assert_eq!(hold(directory.path()).unwrap_err().kind(), ErrorKind::Busy);
        drop(held);
        assert!(!is_held(directory.path()));
        assert!(hold(directory.path()).is_ok());
    }

    #[test]
    fn a_full_disk_is_told() {
        assert!(is_enough(NEEDED).is_ok());
        assert!(is_enough(4096).unwrap_err().to_string().contains("no room: 4 KiB"));
    }
}

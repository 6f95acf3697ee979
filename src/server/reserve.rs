//! Room that is kept on the disk of the catalogue for what makes room: where nothing can be written, SQLite cannot even remove.
//!
//! It is given up when something that makes room, or keeps somebody out, meets a full disk. Then nothing is taken in until there
//! is room to keep it again, so that it is not pushes that use it up.

use super::App;
use crate::model::{Error, ErrorKind, Result};
use rustix::fs::{FallocateFlags, StatVfs, fallocate, statvfs};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The file that keeps the room, and its length: some hundred removals. On a small disk it is a part of that.
const FILE: &str = "reserve";
const BYTES: u64 = 4 << 20;
const PART: u64 = 16;

/// The room that a server keeps. There is none where the catalogue is elsewhere.
pub(super) struct Reserve {
    path: Option<PathBuf>,
    making: Mutex<()>,
}

impl Reserve {
    /// Says where it is to be kept; nothing is written yet.
    pub(super) fn new(data: &Path, own_catalogue: bool) -> Self {
        Self { path: own_catalogue.then(|| data.join(FILE)), making: Mutex::default() }
    }

    /// Keeps the room, unless it is kept.
    ///
    /// # Errors
    /// There is too little.
    pub(super) fn keep(&self) -> Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        if path.exists() {
            return Ok(());
        }
        let _one = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        let disk = path.parent().and_then(|data| statvfs(data).ok());
        let size = disk.as_ref().map_or(BYTES, size_on);
        // As much again has to be left: else it would take the room of what is under way.
        if disk.is_some_and(|disk| free(&disk) < 2 * size) {
            return Err(no_room(path));
        }
        match make(path, size) {
            Err(e) if matches!(e.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
                Err(no_room(path))
            }
            // Whatever else keeps it from being made is no want of room.
            _ => Ok(()),
        }
    }

    /// Gives the room up, and says whether there was any.
    pub(super) fn give_up(&self) -> bool {
        self.path.as_ref().is_some_and(|path| std::fs::remove_file(path).is_ok())
    }

    /// Does something, a second time without the reserve if the disk is full.
    ///
    /// # Errors
    /// What `work` returns.
    pub(super) fn spend<T>(&self, mut work: impl FnMut() -> Result<T>) -> Result<T> {
        match work() {
            Err(e) if e.is_out_of_room() && self.give_up() => work(),
            done => done,
        }
    }
}

fn size_on(disk: &StatVfs) -> u64 {
    BYTES.min(disk.f_blocks.saturating_mul(disk.f_frsize) / PART)
}

fn free(disk: &StatVfs) -> u64 {
    disk.f_bavail.saturating_mul(disk.f_frsize)
}

fn no_room(path: &Path) -> Error {
    let message = "Nothing is taken in while the disk of the data directory is full";
    let hint = format!(
        "make room on the disk of `{}`: remove runs, and forget them at once with `danlu admin gc --older-than 0s`",
        path.parent().unwrap_or(path).display()
    );
    Error::new(ErrorKind::Io, message).for_want_of_room().with_hint(hint)
}

fn make(path: &Path, size: u64) -> io::Result<()> {
    let fresh = path.with_extension(std::process::id().to_string());
    let file = File::create(&fresh)?;
    let made = match fallocate(&file, FallocateFlags::empty(), 0, size) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => write(&file, size),
        made => made.map_err(io::Error::from),
    };
    made.and_then(|()| std::fs::rename(&fresh, path)).inspect_err(|_| drop(std::fs::remove_file(&fresh)))
}

/// Takes room on a file system that gives none in advance.
fn write(mut file: &File, size: u64) -> io::Result<()> {
    let block = vec![1; 1 << 16];
    let mut left = size;
    while left > 0 {
        let length = left.min(block.len() as u64);
        file.write_all(&block[..usize::try_from(length).unwrap_or(0)])?;
        left -= length;
    }
    file.sync_all()
}

impl App {
    /// Checks that there is room for what is pushed.
    ///
    /// # Errors
    /// The disk is full.
    pub(super) fn check_takes(&self) -> Result<()> {
        self.reserve.keep()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_kept_given_up_once_and_kept_again() {
        let data = tempfile::tempdir().unwrap();
        let reserve = Reserve::new(data.path(), true);
        reserve.keep().unwrap();
        let length = || data.path().join(FILE).metadata().unwrap().len();
        assert_eq!(length(), size_on(&statvfs(data.path()).unwrap()));
        let full = || Err::<(), _>(Error::new(ErrorKind::Io, "Cannot remove").for_want_of_room());
        let mut tried = 0;
        let mut again = || {
            tried += 1;
            if tried == 1 { full() } else { Ok(()) }
        };
        reserve.spend(&mut again).unwrap();
        assert!(!data.path().join(FILE).exists() && !reserve.give_up());
        assert!(reserve.spend(full).unwrap_err().is_out_of_room(), "it is no help twice");
        reserve.keep().unwrap();
        assert!(length() > 0);
        assert!(std::fs::read_dir(data.path()).unwrap().count() == 1, "nothing else is left there");
    }

    #[test]
    fn where_the_catalogue_is_elsewhere_none_is_kept() {
        let data = tempfile::tempdir().unwrap();
        let reserve = Reserve::new(data.path(), false);
        reserve.keep().unwrap();
        assert!(!reserve.give_up() && std::fs::read_dir(data.path()).unwrap().next().is_none());
    }
}

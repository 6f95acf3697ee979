//! Blobs that are large: written in parts, and read from parts where a bucket was copied.

use super::{Directory, Turns, place};
use crate::model::{Error, Hash, Result};
use crate::remote::{Object, PART_BYTES, SizedHash, check_part, last_part, not_there, other_bytes};
use crate::store;
use rustix::fs::{Advice, OFlags, fadvise};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::num::NonZeroU64;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Bytes that are read, hashed and written at once.
const BUFFER: usize = 1 << 20;

/// How far behind the last byte the disk is asked for what it has not written.
const WRITTEN_BACK: u64 = 8 * PART_BYTES;

/// Blobs of which this process has written the parts so far, with the hash up to there: who goes on need not read them.
#[derive(Debug, Default)]
pub(super) struct Parts(Mutex<HashMap<Hash, Written>>);

/// The hashes of the beginning of a blob, up to a part and with it.
pub(super) struct Hashes {
    pub(super) before: Sha256,
    pub(super) after: Sha256,
}

/// Where the writing of a blob stands.
#[derive(Debug, Clone)]
struct Written {
    hasher: Sha256,
    /// The file when this process had written to it last. If it is not like that any more, another has.
    file: (u64, u64, i64, i64),
}

fn like(file: &File, path: &Path) -> Result<(u64, u64, i64, i64)> {
    let found = file.metadata().map_err(|e| Error::io("read", path, e))?;
    Ok((found.ino(), found.len(), found.mtime(), found.mtime_nsec()))
}

impl Directory {
    fn path_of_part(&self, name: Hash) -> PathBuf {
        self.temporary().join(format!("{name}.part"))
    }

    /// Returns how much of a blob is here.
    pub(super) fn held_parts(&self, blob: SizedHash) -> Result<u64> {
        if self.check_whole(Object::Blob(blob.sha256)).is_ok() {
            return Ok(blob.size);
        }
        let path = self.path_of_part(blob.sha256);
        match std::fs::metadata(&path) {
            Ok(found) => Ok(whole_parts(found.len(), blob)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(0),
            Err(e) => Err(Error::io("read", &path, e)),
        }
    }

    /// Writes a part, unless it is here, and returns the hashes of what is here before and after it. With the last one, the blob
    /// is checked and gets its name.
    pub(super) fn write_part(&self, blob: SizedHash, offset: u64, bytes: &[u8]) -> Result<Option<Hashes>> {
        let path = self.path_of_part(blob.sha256);
        let (file, created) = open_alone(&path, &self.turns)?;
        let length = file.metadata().map_err(|e| Error::io("read", &path, e))?.len();
        let held = whole_parts(length, blob);
        let (object, last) = (Object::Blob(blob.sha256), offset == last_part(blob.size));
        if created && self.check_whole(object).is_ok() {
            // Another syncer has just sent the rest of it.
            place::remove(&path)?;
            return Ok(None);
        }
        check_part(blob, held, offset, bytes.len() as u64)
            .inspect_err(|_| drop(created.then(|| place::remove(&path))))?;
        if offset < held {
            return Ok(None);
        }
        let before = self.hashed(blob.sha256, &file, &path, offset)?;
        let mut after = before.clone();
        let write = || file.write_all_at(bytes, offset).map_err(|e| Error::io("write", &path, e));
        std::thread::scope(|scope| {
            let hashing = scope.spawn(|| after.update(bytes));
            write().and(hashing.join().map_err(|_| Error::damaged("A thread that hashes broke down")))
        })?;
        if last {
            self.end_parts(blob, &file, &path, after.clone())?;
        } else {
            write_back(&file, offset + bytes.len() as u64);
            let written = Written { hasher: after.clone(), file: like(&file, &path)? };
            self.parts.0.lock().unwrap_or_else(PoisonError::into_inner).insert(blob.sha256, written);
        }
        Ok(Some(Hashes { before, after }))
    }

    /// Returns the hash of what is there before `offset`: known if this process has written it, else read.
    fn hashed(&self, name: Hash, file: &File, path: &Path, offset: u64) -> Result<Sha256> {
        let known = self.parts.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&name);
        if let Some(known) = known
            && known.file == like(file, path)?
            && known.file.1 == offset
        {
            return Ok(known.hasher);
        }
        let (mut hasher, mut buffer, mut at) = (Sha256::new(), vec![0; BUFFER], 0);
        while at < offset {
            let length = buffer.len().min(usize::try_from(offset - at).unwrap_or(usize::MAX));
            file.read_exact_at(&mut buffer[..length], at).map_err(|e| Error::io("read", path, e))?;
            hasher.update(&buffer[..length]);
            at += length as u64;
        }
        Ok(hasher)
    }

    fn end_parts(&self, blob: SizedHash, file: &File, path: &Path, hasher: Sha256) -> Result<()> {
        let object = Object::Blob(blob.sha256);
        if Hash(hasher.finalize().into()) != blob.sha256 {
            place::remove(path)?;
            return Err(other_bytes(object));
        }
        file.set_len(blob.size).and_then(|()| file.sync_all()).map_err(|e| Error::io("sync", path, e))?;
        let named = self.path_of(object);
        place::make_directories(std::iter::once(named.as_path()))?;
        place::rename(path, &named)?;
        self.note_whole(object);
        store::sync_directory(&named)
    }

    /// Writes a blob of any length in one go.
    pub(super) fn put_stream(&self, name: Hash, mut bytes: Box<dyn Read + Send>) -> Result<()> {
        let (temporary, path) = (place::fresh(&self.temporary())?, self.path_of(Object::Blob(name)));
        let written = write_and_hash(&temporary, &mut bytes).and_then(|found| {
            if found != name {
                return Err(other_bytes(Object::Blob(name)));
            }
            place::make_directories(std::iter::once(path.as_path()))?;
            place::rename(&temporary, &path)?;
            store::sync_directory(&path)
        });
        written.inspect_err(|_| drop(std::fs::remove_file(&temporary)))?;
        self.note_whole(Object::Blob(name));
        Ok(())
    }
}

/// Returns the length of the whole parts in so many bytes of a blob. The last part is not among them: with it, the blob would
/// have its name.
fn whole_parts(length: u64, blob: SizedHash) -> u64 {
    (length / PART_BYTES * PART_BYTES).min(last_part(blob.size))
}

/// Opens the file of parts, making it if it is not there, and waits until nobody else writes to it. Says whether it is new.
fn open_alone(path: &Path, turns: &Turns) -> Result<(File, bool)> {
    loop {
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            // A link that somebody has put there may lead anywhere.
            .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
            .open(path)
            .map_err(|e| Error::io("write", path, e))?;
        // Where there are no locks, two who send the same blob may have to send it again.
        turns.take(&file, path)?;
        let found = file.metadata().map_err(|e| Error::io("read", path, e))?;
        // Whoever had the lock may have given the file its name.
        if std::fs::metadata(path).is_ok_and(|at| (at.dev(), at.ino()) == (found.dev(), found.ino())) {
            return Ok((file, found.len() == 0));
        }
    }
}

/// Lets the disk begin with what was written up to `end`, while more comes, and give back the memory of what it is done with: the
/// sync at the end finds little left to do.
fn write_back(file: &File, end: u64) {
    let from = end.saturating_sub(WRITTEN_BACK);
    // It is advice only.
    fadvise(file, from, NonZeroU64::new(end - from), Advice::DontNeed).ok();
}

/// Writes a file, makes it durable, and returns the hash of what was written.
fn write_and_hash(path: &Path, bytes: &mut dyn Read) -> Result<Hash> {
    let file = File::create_new(path).map_err(|e| place::cannot(path, e))?;
    let (mut hasher, mut buffer, mut at) = (Sha256::new(), vec![0; BUFFER], 0);
    loop {
        match bytes.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => {
                hasher.update(&buffer[..n]);
                file.write_all_at(&buffer[..n], at).map_err(|e| place::cannot(path, e))?;
                at += n as u64;
                if at / PART_BYTES > (at - n as u64) / PART_BYTES {
                    write_back(&file, at);
                }
            }
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(crate::remote::cannot_read(e)),
        }
    }
    file.sync_all().map_err(|e| place::cannot(path, e))?;
    Ok(Hash(hasher.finalize().into()))
}

/// The name of the file beside the parts of a blob that says that they are all there.
pub(crate) const WHOLE: &str = "whole";

/// Opens an object from `offset` on: a file, or the parts that a bucket keeps of a blob.
pub(super) fn read(path: &Path, object: Object, offset: u64) -> Result<Box<dyn Read + Send>> {
    let cannot = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::NotFound => not_there(object).with_source(e),
        _ => Error::io("read", path, e),
    };
    if path.is_dir() {
        if !path.join(WHOLE).is_file() {
            return Err(not_there(object));
        }
        let mut parts = of_blob(path)?;
        parts.retain(|(from, size, _)| from + size > offset);
        let skip = parts.first().map_or(0, |(from, _, _)| offset.saturating_sub(*from));
        return Ok(Box::new(PartsReader { parts: parts.into_iter(), skip, open: None }));
    }
    let mut file = place::open(path).map_err(cannot)?;
    file.seek(SeekFrom::Start(offset)).map_err(cannot)?;
    Ok(Box::new(file))
}

/// Reads parts one after the other.
struct PartsReader {
    parts: std::vec::IntoIter<(u64, u64, PathBuf)>,
    /// Bytes of the next part that nobody wants.
    skip: u64,
    open: Option<File>,
}

impl Read for PartsReader {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        loop {
            if let Some(file) = &mut self.open {
                match file.read(buffer)? {
                    0 if !buffer.is_empty() => self.open = None,
                    read => return Ok(read),
                }
            }
            let Some((_, _, path)) = self.parts.next() else { return Ok(0) };
            let mut file = place::open(&path)?;
            file.seek(SeekFrom::Start(std::mem::take(&mut self.skip)))?;
            self.open = Some(file);
        }
    }
}

/// Returns the length of a blob.
pub(super) fn length(path: &Path) -> Result<u64> {
    if path.is_dir() {
        return Ok(of_blob(path)?.iter().map(|(_, size, _)| size).sum());
    }
    Ok(std::fs::metadata(path).map_err(|e| Error::io("read", path, e))?.len())
}

/// Lists the parts of a blob in order: offset, length, and where each is.
fn of_blob(path: &Path) -> Result<Vec<(u64, u64, PathBuf)>> {
    let cannot = |e| Error::io("read", path, e);
    let mut parts = Vec::new();
    for entry in std::fs::read_dir(path).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        if let Some(offset) = entry.file_name().to_str().and_then(|name| name.parse().ok()) {
            parts.push((offset, entry.metadata().map_err(cannot)?.len(), entry.path()));
        }
    }
    parts.sort();
    Ok(parts)
}

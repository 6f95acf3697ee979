//! The journal: an append-only file of framed records, the truth about an attempt until it is sealed.
//!
//! One record is one `write(2)`: what `append` returned from survives the death of the process. The writer holds
//! an exclusive `flock` on the file for as long as it lives ([`super::lock`]), which is how others know that it does.
//! The format is in `docs/format.md`.

mod frame;
mod reader;

use super::codec;
use super::durable::JournalSync;
use super::file_kind::is_at;
use super::lock::WriterLock;
use crate::model::{AttemptId, Error, ErrorKind, Record, Result, limits};
pub(super) use frame::is_header;
use frame::{FRAME_BYTES, HEADER_BYTES, MAGIC, VERSION, checksum};
pub use reader::{JournalReader, Tail};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Memory kept for the next frame, and how much of it a large one may leave behind.
const FRAME_MEMORY: usize = 512;
const FRAME_MEMORY_MOST: usize = 1 << 20;

/// A journal that is being written.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    length: u64,
    seq: u64,
    frame: Vec<u8>,
    /// Part of a frame that could not be written may be after the whole ones.
    torn: bool,
    /// Where the file is while it does not have its name.
    unnamed: Option<PathBuf>,
    _lock: WriterLock,
}

impl Drop for Journal {
    fn drop(&mut self) {
        if let Some(fresh) = &self.unnamed {
            std::fs::remove_file(fresh).ok();
        }
    }
}

impl Journal {
    /// Creates a journal that must not exist yet, locked and with its first record in it.
    ///
    /// # Errors
    /// The directory cannot be written, or the file exists.
    pub fn create(path: &Path, attempt: AttemptId, start: &Record) -> Result<Self> {
        let mut journal = Self::begin(path, attempt, start)?;
        journal.publish()?;
        Ok(journal)
    }

    /// Does what [`Self::create`] does, but for the name: until [`Self::publish`] nobody takes it for a journal, and if it is
    /// dropped before, it goes.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub fn begin(path: &Path, attempt: AttemptId, start: &Record) -> Result<Self> {
        let fresh = path.with_extension("journal.new");
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create_new(true)
            .open(&fresh)
            .map_err(|e| Error::io("create the journal", path, e))?;
        let lock = WriterLock::take(&fresh).map_err(|e| Error::io("lock the journal", path, e));
        let lock = lock.inspect_err(|_| {
            std::fs::remove_file(&fresh).ok();
        })?;
        let mut header = [0; HEADER_BYTES];
        header[..8].copy_from_slice(&MAGIC);
        header[8..12].copy_from_slice(&VERSION.to_le_bytes());
        header[16..].copy_from_slice(&attempt.0);
        let mut journal = Self {
            file,
            path: path.to_owned(),
            unnamed: Some(fresh),
            length: HEADER_BYTES as u64,
            seq: 0,
            frame: Vec::with_capacity(FRAME_MEMORY),
            torn: false,
            _lock: lock,
        };
        (&journal.file).write_all(&header).map_err(|e| Error::io("write the journal", path, e))?;
        journal.append(start)?;
        Ok(journal)
    }

    /// Gives the journal its name. Whoever sees it by that finds it locked, and does not take its writer for dead. What is
    /// in it beside the start is made durable before: it counts as a whole or not at all.
    ///
    /// # Errors
    /// The directory cannot be written, or the disk cannot sync.
    pub fn publish(&mut self) -> Result<()> {
        let Some(fresh) = self.unnamed.clone() else { return Ok(()) };
        if self.seq > 1 {
            self.file.sync_data().map_err(|e| Error::io("sync the journal", &self.path, e))?;
        }
        std::fs::rename(&fresh, &self.path).map_err(|e| Error::io("create the journal", &self.path, e))?;
        self.unnamed = None;
        Ok(())
    }

    /// Appends one record and returns its sequence number. Either all of it is there or none.
    ///
    /// # Errors
    /// The operating system refuses the write, for instance because the disk is full; or the record is larger
    /// than [`limits::RECORD_BYTES`].
    pub fn append(&mut self, record: &Record) -> Result<u64> {
        let seq = self.seq + 1;
        self.frame.clear();
        self.frame.resize(FRAME_BYTES, 0);
        codec::encode(record, &mut self.frame)?;
        let payload = self.frame.len() - FRAME_BYTES;
        let length =
            u32::try_from(payload).ok().filter(|_| payload <= limits::RECORD_BYTES).ok_or_else(|| {
                Error::new(
                    ErrorKind::Limit,
                    format!("A record of {payload} bytes is larger than {} bytes", limits::RECORD_BYTES),
                )
            })?;
        let crc = checksum(seq, &self.frame[FRAME_BYTES..]);
        self.frame[..4].copy_from_slice(&length.to_le_bytes());
        self.frame[4..FRAME_BYTES].copy_from_slice(&crc.to_le_bytes());
        if let Err(e) = self.write_frame() {
            // Without the part of the frame that may be there, the next record starts where this one should have.
            self.torn = self.file.set_len(self.length).is_err();
            return Err(Error::io("write the journal", &self.path, e));
        }
        self.length += self.frame.len() as u64;
        self.seq = seq;
        if self.frame.capacity() > FRAME_MEMORY_MOST {
            self.frame = Vec::with_capacity(FRAME_MEMORY);
        }
        Ok(seq)
    }

    fn write_frame(&mut self) -> io::Result<()> {
        if self.torn {
            // After half a frame nothing would be found.
            self.file.set_len(self.length)?;
            self.torn = false;
        }
        write_all(&self.file, &self.frame)
    }

    /// Returns the number of bytes written: what a [`JournalReader`] of this journal may read.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Returns the sequence number of the last record; 0 when there is none.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Returns what makes the journal durable, while records are appended.
    ///
    /// # Errors
    /// The process has no file handle left.
    pub fn syncer(&self) -> Result<JournalSync> {
        let file = self.file.try_clone().map_err(|e| Error::io("open", &self.path, e))?;
        Ok(JournalSync::new(file, &self.path))
    }

    /// Says whether the file is at its place: neither it nor a directory above it was moved, deleted or replaced.
    pub fn is_in_place(&self) -> bool {
        is_at(&self.file, &self.path)
    }

    /// Returns where the file is if somebody moved it or a directory above it; `None` while it is in its place, and
    /// when it was deleted.
    pub fn moved_to(&self) -> Option<PathBuf> {
        let linked = self.file.metadata().is_ok_and(|m| m.nlink() > 0);
        let now = std::fs::read_link(format!("/proc/self/fd/{}", self.file.as_raw_fd())).ok()?;
        (linked && !is_at(&self.file, &self.path)).then_some(now)
    }
}

/// Does what [`Write::write_all`] does, without the detour by which libc lets a thread be cancelled in a write.
fn write_all(file: &File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(file, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

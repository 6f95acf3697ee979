//! The journal: an append-only file of framed records, the truth about an attempt until it is sealed.
//!
//! One record is one `write(2)`: what `append` returned from survives the death of the process. The writer holds
//! an exclusive `flock` on the file for as long as it lives ([`super::lock`]), which is how others know that it does.
//! The format is in `docs/format.md`.

use super::codec;
use super::durable::JournalSync;
use super::lock::WriterLock;
use crate::model::{AttemptId, Clock, Error, ErrorKind, Record, Result, SystemClock, limits};
use rustix::fs::{FlockOperation, flock};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

const MAGIC: [u8; 8] = *b"danlujnl";
const VERSION: u32 = 1;
/// Magic, version, four zero bytes, attempt.
const HEADER_BYTES: usize = 32;
/// Length and checksum.
const FRAME_BYTES: usize = 8;
/// Memory kept for the next frame, and how much of it a large one may leave behind.
const FRAME_MEMORY: usize = 512;
const FRAME_MEMORY_MOST: usize = 1 << 20;
/// Bytes hashed at most in search of a record behind a damaged one.
const SEARCH_BYTES: usize = 1 << 28;
/// How far it is searched at first.
const SEARCH_FIRST: usize = 1 << 20;
/// How many records in a row may be lost so that the next one is found.
const SEARCH_RECORDS: usize = 1 << 16;

/// How long after its last change a journal counts as being written, where there are no locks, in microseconds.
const REMOTE_PATIENCE: i64 = 60_000_000;

/// Checksum of a frame: CRC-32 (IEEE 802.3) of the sequence number, little endian, and the payload.
fn checksum(seq: u64, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&seq.to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

/// Finds the first record behind the beginning of these bytes: where it is, and its number, which is `first` or more.
fn record_in(bytes: &[u8], first: u64) -> Option<(usize, u64)> {
    let mut effort = SEARCH_BYTES;
    for at in FRAME_BYTES..bytes.len().saturating_sub(FRAME_BYTES) {
        let (length, crc) = (word(&bytes[at..], 0) as usize, word(&bytes[at..], 4));
        let payload = bytes[at + FRAME_BYTES..].get(..length);
        let Some(payload) = payload.filter(|payload| codec::decode(payload).is_ok()) else { continue };
        effort = effort.checked_sub(length)?;
        if let Some(seq) = number_of(payload, crc, first, at) {
            return Some((at, seq));
        }
    }
    None
}

/// Finds the number of a record by its checksum: from `first`, with as many before it as `gap` bytes have room for.
fn number_of(payload: &[u8], crc: u32, first: u64, gap: usize) -> Option<u64> {
    let mut of_payload = crc32fast::Hasher::new();
    of_payload.update(payload);
    let most = (gap / (FRAME_BYTES + 1)).min(SEARCH_RECORDS) as u64;
    (first..first + most.max(1)).find(|seq| {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&seq.to_le_bytes());
        hasher.combine(&of_payload);
        hasher.finalize() == crc
    })
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Says whether a file that begins so is a journal.
pub(super) fn is_header(head: &[u8]) -> bool {
    head.starts_with(&MAGIC)
}

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

/// How a journal ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tail {
    /// After a whole frame.
    Clean,
    /// Within a frame, or before zeros: the writer was killed or the power cut. The offset is where the whole frames
    /// end.
    Torn(u64),
    /// Before bytes that no killed writer leaves: there may be records behind them. The offset is where the whole frames
    /// end.
    Damaged(u64),
}

/// Reads the records of a journal in order.
#[derive(Debug)]
pub struct JournalReader {
    file: File,
    path: PathBuf,
    attempt: AttemptId,
    offset: u64,
    /// Where reading stops although the file goes on: what is after it may be written or taken back right now.
    until: u64,
    seq: u64,
    /// Bytes read ahead, and how many of them are used.
    buffer: Vec<u8>,
    used: usize,
}

impl JournalReader {
    /// Opens a journal.
    ///
    /// # Errors
    /// It cannot be read, is no journal, or is of a newer version.
    pub fn open(path: &Path) -> Result<Self> {
        let mut file = File::open(path).map_err(|e| Error::io("open the journal", path, e))?;
        let mut header = [0; HEADER_BYTES];
        let no_journal = || Error::damaged(format!("`{}` is no danlu journal", path.display()));
        file.read_exact(&mut header).map_err(|_| no_journal())?;
        if header[..8] != MAGIC {
            return Err(no_journal());
        }
        if header[8..12] != VERSION.to_le_bytes() {
            return Err(Error::new(
                ErrorKind::Version,
                format!("The journal `{}` was written by a newer danlu", path.display()),
            )
            .with_hint("update danlu"));
        }
        let mut attempt = [0; 16];
        attempt.copy_from_slice(&header[16..]);
        Ok(Self {
            file,
            path: path.to_owned(),
            attempt: AttemptId(attempt),
            offset: HEADER_BYTES as u64,
            until: u64::MAX,
            seq: 0,
            buffer: Vec::new(),
            used: 0,
        })
    }

    /// Reads no further than [`Journal::length`] says is written. Without it, to the end of the file.
    pub fn read_until(&mut self, length: u64) {
        self.until = length;
    }

    /// Starts again at the first record.
    pub fn rewind(&mut self) {
        (self.offset, self.seq, self.used) = (HEADER_BYTES as u64, 0, 0);
        self.buffer.clear();
    }

    /// Returns the attempt that writes this journal.
    pub fn attempt(&self) -> AttemptId {
        self.attempt
    }

    /// Returns the sequence number of the last record that was read.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Says whether everything was read that [`Self::read_until`] allows.
    pub fn is_through(&self) -> bool {
        self.offset >= self.until
    }

    /// Reads the next record, or `None` where the whole frames end.
    ///
    /// # Errors
    /// The file cannot be read, or a frame with the right checksum holds no record.
    pub fn read(&mut self) -> Result<Option<Record>> {
        let Some(payload) = self.next_frame()? else { return Ok(None) };
        let record = codec::decode(&self.buffer[payload]);
        record.map(Some).map_err(|e| e.in_context(format!("`{}`", self.path.display())))
    }

    /// Passes over records up to sequence number `seq`, or to where the whole frames end.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn skip_to(&mut self, seq: u64) -> Result<()> {
        while self.seq < seq && self.next_frame()?.is_some() {}
        Ok(())
    }

    /// Returns how long the file is now.
    pub(super) fn length(&self) -> Result<u64> {
        self.file.metadata().map(|m| m.len()).map_err(|e| Error::io("read", &self.path, e))
    }

    /// Forgets what was read ahead of the last whole frame: it may have changed.
    pub(super) fn forget_ahead(&mut self) {
        self.buffer.clear();
        self.used = 0;
    }

    /// Uses up the next frame if it is whole, and returns where in the buffer its payload is.
    fn next_frame(&mut self) -> Result<Option<Range<usize>>> {
        let Some(head) = self.peek(FRAME_BYTES)? else {
            return Ok(None);
        };
        let (length, crc) = (word(head, 0) as usize, word(head, 4));
        if length == 0 || length > limits::RECORD_BYTES {
            return Ok(None);
        }
        let seq = self.seq + 1;
        let Some(frame) = self.peek(FRAME_BYTES + length)? else {
            return Ok(None);
        };
        if checksum(seq, &frame[FRAME_BYTES..]) != crc {
            return Ok(None);
        }
        let payload = self.used + FRAME_BYTES..self.used + FRAME_BYTES + length;
        self.used = payload.end;
        self.offset += (FRAME_BYTES + length) as u64;
        self.seq = seq;
        Ok(Some(payload))
    }

    /// Says how the journal ends, once [`Self::read`] has returned `None`.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn tail(&mut self) -> Result<Tail> {
        self.until = u64::MAX;
        let Some(head) = self.peek(FRAME_BYTES)? else {
            return Ok(if self.length()? == self.offset { Tail::Clean } else { Tail::Torn(self.offset) });
        };
        let length = word(head, 0) as usize;
        let torn = if head == [0; FRAME_BYTES] {
            self.is_zero_to_the_end()?
        } else if length == 0 || length > limits::RECORD_BYTES || self.peek(FRAME_BYTES + length)?.is_some() {
            false
        } else {
            !self.frame_follows(length)?
        };
        Ok(if torn { Tail::Torn(self.offset) } else { Tail::Damaged(self.offset) })
    }

    fn is_zero_to_the_end(&self) -> Result<bool> {
        let mut buffer = vec![0; 1 << 16];
        let mut at = self.offset;
        loop {
            match self.file.read_at(&mut buffer, at) {
                Ok(0) => return Ok(true),
                Ok(n) if buffer[..n].iter().all(|byte| *byte == 0) => at += n as u64,
                Ok(_) => return Ok(false),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(Error::io("read the journal", &self.path, e)),
            }
        }
    }

    /// Says whether the record after the next is within the rest, which is shorter than the next one's head says: then
    /// it is the head that is wrong.
    fn frame_follows(&self, length: usize) -> Result<bool> {
        let rest = self.ahead(FRAME_BYTES + length)?;
        let mut effort = SEARCH_BYTES;
        for at in FRAME_BYTES..rest.len().saturating_sub(FRAME_BYTES) {
            let (length, crc) = (word(&rest[at..], 0) as usize, word(&rest[at..], 4));
            let Some(payload) = rest[at + FRAME_BYTES..].get(..length).filter(|payload| !payload.is_empty())
            else {
                continue;
            };
            let Some(left) = effort.checked_sub(length) else { return Ok(true) };
            effort = left;
            if checksum(self.seq + 2, payload) == crc {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Goes on behind the damage that [`Self::tail`] found: at the next record that can be read. Says whether there is one.
    ///
    /// A record is one if it can be decoded, and its checksum is right for a number that it can have.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn pass_damage(&mut self) -> Result<bool> {
        // Damage is small as a rule, and there may be more of it: not all that is left is read each time.
        for window in [SEARCH_FIRST, SEARCH_BYTES] {
            let rest = self.ahead(window)?;
            if let Some((at, seq)) = record_in(&rest, self.seq + 2) {
                (self.offset, self.seq, self.used) = (self.offset + at as u64, seq - 1, 0);
                self.buffer.clear();
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Reads what comes after the whole frames, up to so many bytes.
    fn ahead(&self, most: usize) -> Result<Vec<u8>> {
        let mut rest = Vec::new();
        let mut file = &self.file;
        file.seek(SeekFrom::Start(self.offset))
            .and_then(|_| file.take(most as u64).read_to_end(&mut rest))
            .map_err(|e| Error::io("read the journal", &self.path, e))?;
        Ok(rest)
    }

    /// Returns the next `wanted` bytes without using them up, or `None` if the file has fewer.
    fn peek(&mut self, wanted: usize) -> Result<Option<&[u8]>> {
        if self.buffer.len() - self.used < wanted {
            self.buffer.drain(..self.used);
            self.used = 0;
            let have = self.buffer.len();
            let left = usize::try_from(self.until - self.offset).unwrap_or(usize::MAX).saturating_sub(have);
            self.buffer.resize(have + wanted.max(1 << 16).min(left), 0);
            let mut filled = have;
            while filled < self.buffer.len() {
                match self.file.read_at(&mut self.buffer[filled..], self.offset + filled as u64) {
                    Ok(0) => break,
                    Ok(n) => filled += n,
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    Err(e) => return Err(Error::io("read the journal", &self.path, e)),
                }
            }
            self.buffer.truncate(filled);
        }
        Ok(self.buffer.get(self.used..self.used + wanted))
    }
}

/// Whether the writer of a journal lives.
#[derive(Debug)]
pub enum Liveness {
    /// Somebody writes it, or somebody else recovers it.
    Alive,
    /// Nobody does. Holding the file keeps others from recovering it at the same time.
    Dead(File),
}

/// Finds out whether the writer of a journal lives, by trying to take its lock.
///
/// Where the file system has no locks, a writer on this host is alive while its process is; one on another host
/// while the journal was changed within the last minute, which a living writer sees to.
///
/// # Errors
/// The journal cannot be opened.
pub fn liveness(path: &Path, this_host: &str, now: i64) -> Result<Liveness> {
    let file = File::open(path).map_err(|e| Error::io("open the journal", path, e))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        // Whoever sealed the run in the meantime has removed the journal, and this is a lock on nothing.
        Ok(()) if !is_at(&file, path) => {
            let message = format!("The journal `{}` was just removed", path.display());
            Err(Error::new(ErrorKind::NotFound, message))
        }
        Ok(()) => Ok(Liveness::Dead(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(Liveness::Alive),
        Err(_) => {
            let alive = match JournalReader::open(path).and_then(|mut reader| reader.read()) {
                Ok(Some(Record::Start(start))) if start.host == this_host => process_lives(start.pid),
                _ => changed_after(&file, now - REMOTE_PATIENCE),
            };
            Ok(if alive { Liveness::Alive } else { Liveness::Dead(file) })
        }
    }
}

/// Says whether somebody may be writing a journal right now, without keeping others from doing so.
pub(super) fn is_written(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => false,
        Err(rustix::io::Errno::WOULDBLOCK) => true,
        Err(_) => changed_after(&file, SystemClock.now() - REMOTE_PATIENCE),
    }
}

/// Says whether an open file is the one that has a name.
pub(super) fn is_at(file: &File, path: &Path) -> bool {
    let same = |(a, b): (std::fs::Metadata, std::fs::Metadata)| (a.dev(), a.ino()) == (b.dev(), b.ino());
    file.metadata().ok().zip(std::fs::metadata(path).ok()).is_some_and(same)
}

fn process_lives(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

fn changed_after(file: &File, micros: i64) -> bool {
    let modified = file.metadata().and_then(|m| m.modified()).ok();
    let since = modified.and_then(|m| m.duration_since(std::time::UNIX_EPOCH).ok());
    since.is_some_and(|s| i64::try_from(s.as_micros()).unwrap_or(i64::MAX) > micros)
}

//! Reading a journal, also one that is being written, was torn or is damaged.

use super::frame::{FRAME_BYTES, HEADER_BYTES, MAGIC, VERSION, checksum, word};
use crate::model::{AttemptId, Error, ErrorKind, Record, Result, limits};
use crate::store::codec;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Bytes hashed at most in search of a record behind a damaged one.
const SEARCH_BYTES: usize = 1 << 28;
/// How far it is searched at first.
const SEARCH_FIRST: usize = 1 << 20;
/// How many records in a row may be lost so that the next one is found.
const SEARCH_RECORDS: usize = 1 << 16;

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

    /// Reads no further than [`super::Journal::length`] says is written. Without it, to the end of the file.
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
    pub(in crate::store) fn length(&self) -> Result<u64> {
        self.file.metadata().map(|m| m.len()).map_err(|e| Error::io("read", &self.path, e))
    }

    /// Forgets what was read ahead of the last whole frame: it may have changed.
    pub(in crate::store) fn forget_ahead(&mut self) {
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
    pub(in crate::store) fn pass_damage(&mut self) -> Result<bool> {
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

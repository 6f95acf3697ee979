//! The blocks of a `.wandb` file: the log format of LevelDB with a header, and CRC-32 as zlib has it.
//!
//! Source: `datastore.py` and `store.go` of wandb; LevelDB's `doc/log_format.md`.

use crate::model::{Error, ErrorKind, Result, limits};
use std::collections::BTreeMap;
use std::io::Read;

/// How a file begins: a mark, and 0xBEE1 with the version 0 behind it.
pub(super) const HEADER: &[u8] = b":W&B\xe1\xbe\x00";

const BLOCK: usize = 32 << 10;
const CHUNK_HEADER: usize = 7;

/// The kinds of chunks: a whole record, and the first and last of one in several blocks; 3 are those between.
const FULL: u8 = 1;
const FIRST: u8 = 2;
const LAST: u8 = 4;

/// Reads the records of a `.wandb` file, whatever it has been through. What cannot be read is counted.
#[derive(Debug)]
pub struct LogReader<R> {
    source: R,
    block: Vec<u8>,
    at: usize,
    /// The block is the last one: the file ends with it.
    is_last: bool,
    record: Vec<u8>,
    /// There are chunks of a record whose end is not there yet.
    is_begun: bool,
    /// Something was lost, so the rest of a record may come next.
    is_torn: bool,
    records: u64,
    lost: BTreeMap<String, u64>,
}

/// A chunk of a block: its kind, and where its data are.
struct Chunk {
    kind: u8,
    from: usize,
    to: usize,
}

/// What is at a place in a block.
enum Next {
    Chunk(Chunk),
    /// Nothing up to the end of the block.
    Padding,
    /// Something that is no chunk, or one whose checksum is wrong and that would end there.
    Damage(Option<usize>),
    /// The beginning of a chunk; the file ends within it.
    Torn,
}

impl<R: Read> LogReader<R> {
    /// Begins to read.
    ///
    /// # Errors
    /// The source does not begin as a `.wandb` file; or it cannot be read.
    pub fn new(source: R) -> Result<Self> {
        let mut reader = Self {
            source,
            block: Vec::with_capacity(BLOCK),
            at: 0,
            is_last: false,
            record: Vec::new(),
            is_begun: false,
            is_torn: false,
            records: 0,
            lost: BTreeMap::new(),
        };
        reader.fill()?;
        if let Some(version) = reader.block.strip_prefix(&HEADER[..6])
            && version.first().is_some_and(|version| *version != 0)
        {
            let message = format!("It has version {} of the format of W&B, and 0 is known", version[0]);
            return Err(Error::new(ErrorKind::Version, message).with_hint("update danlu"));
        }
        if !reader.block.starts_with(HEADER) {
            return Err(Error::damaged("It does not begin as a .wandb file"));
        }
        reader.at = HEADER.len();
        Ok(reader)
    }

    /// Returns how many records were read.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Returns how many records could not be read, at least, by reason.
    pub fn lost(&self) -> &BTreeMap<String, u64> {
        &self.lost
    }

    /// Reads the next record that is whole.
    ///
    /// # Errors
    /// The source cannot be read.
    #[expect(clippy::should_implement_trait, reason = "what it returns is borrowed")]
    pub fn next(&mut self) -> Result<Option<&[u8]>> {
        loop {
            match self.look() {
                Next::Chunk(chunk) => {
                    self.at = chunk.to;
                    if self.take(&chunk) {
                        self.records += 1;
                        return Ok(Some(&self.record));
                    }
                    continue;
                }
                Next::Damage(Some(to)) => {
                    self.damage();
                    self.at = to;
                    continue;
                }
                Next::Damage(None) => self.damage(),
                Next::Torn => {
                    self.give_up();
                    self.lose("the file ends within a record");
                }
                Next::Padding => {}
            }
            if self.is_last {
                if self.give_up() {
                    self.lose("the file ends within a record");
                }
                self.at = self.block.len();
                return Ok(None);
            }
            self.fill()?;
        }
    }

    fn fill(&mut self) -> Result<()> {
        self.block.clear();
        self.at = 0;
        (&mut self.source)
            .take(BLOCK as u64)
            .read_to_end(&mut self.block)
            .map_err(|e| Error::new(ErrorKind::Io, "Cannot read on").with_source(e))?;
        self.is_last = self.block.len() < BLOCK;
        Ok(())
    }

    fn look(&self) -> Next {
        let rest = &self.block[self.at..];
        if rest.len() < CHUNK_HEADER {
            // Where no header has room, the block is filled with zeros.
            let is_room = BLOCK - self.at >= CHUNK_HEADER;
            return match rest.iter().all(|byte| *byte == 0) && !(is_room && self.at < self.block.len()) {
                true => Next::Padding,
                false if self.is_last => Next::Torn,
                false => Next::Damage(None),
            };
        }
        let length = usize::from(u16::from_le_bytes([rest[4], rest[5]]));
        let kind = rest[6];
        if !(FULL..=LAST).contains(&kind) {
            return Next::Damage(None);
        }
        let Some(data) = rest.get(6..CHUNK_HEADER + length) else {
            return if self.is_last { Next::Torn } else { Next::Damage(None) };
        };
        let (from, to) = (self.at + CHUNK_HEADER, self.at + CHUNK_HEADER + length);
        if crc32fast::hash(data) == u32::from_le_bytes([rest[0], rest[1], rest[2], rest[3]]) {
            return Next::Chunk(Chunk { kind, from, to });
        }
        // If a sound chunk follows where this one would end, only this one is damaged.
        let follows = self.block.get(to..).is_some_and(|next| Self::is_sound(next));
        Next::Damage(follows.then_some(to))
    }

    fn is_sound(rest: &[u8]) -> bool {
        let Some(header) = rest.get(..CHUNK_HEADER) else { return false };
        let length = usize::from(u16::from_le_bytes([header[4], header[5]]));
        rest.get(6..CHUNK_HEADER + length).is_some_and(|data| {
            crc32fast::hash(data) == u32::from_le_bytes([header[0], header[1], header[2], header[3]])
        })
    }

    /// Takes in a chunk, and says whether the record is whole with it.
    fn take(&mut self, chunk: &Chunk) -> bool {
        let begins = chunk.kind == FULL || chunk.kind == FIRST;
        if begins {
            if self.give_up() {
                self.lose("a part of the file cannot be read");
            }
            self.record.clear();
        } else if !self.is_begun {
            // The rest of a record whose beginning is lost, which was counted then.
            if !self.is_torn {
                self.lose("a part of the file cannot be read");
            }
            self.is_torn = chunk.kind != LAST;
            return false;
        }
        self.is_torn = false;
        self.is_begun = true;
        self.record.extend_from_slice(&self.block[chunk.from..chunk.to]);
        if self.record.len() > limits::RECORD_BYTES {
            self.give_up();
            self.is_torn = true;
            self.lose("a record is too large");
            return false;
        }
        let is_whole = chunk.kind == FULL || chunk.kind == LAST;
        self.is_begun &= !is_whole;
        is_whole
    }

    fn damage(&mut self) {
        self.give_up();
        self.is_torn = true;
        self.lose("a part of the file cannot be read");
    }

    /// Forgets the beginning of a record, and says whether there was one.
    fn give_up(&mut self) -> bool {
        if self.is_begun {
            self.record = Vec::new();
        }
        std::mem::take(&mut self.is_begun)
    }

    fn lose(&mut self, why: &str) {
        *self.lost.entry(why.to_owned()).or_default() += 1;
    }
}

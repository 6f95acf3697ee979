//! The records of an event file: TFRecord, with masked CRC-32C of the length and of the data.
//!
//! Source: `record_writer.h` of TensorFlow.

use crate::model::{Error, ErrorKind, Result, limits};
use std::collections::BTreeMap;
use std::io::{ErrorKind as Io, Read, sink};

/// Bytes before the data: their length, and its checksum.
const HEADER: usize = 12;
const FOOTER: usize = 4;

/// Reads the events of an event file, whatever it has been through. What cannot be read is counted.
#[derive(Debug)]
pub struct EventReader<R> {
    source: R,
    event: Vec<u8>,
    ended: bool,
    lost: BTreeMap<String, u64>,
}

impl<R: Read> EventReader<R> {
    /// Begins to read.
    pub fn new(source: R) -> Self {
        Self { source, event: Vec::new(), ended: false, lost: BTreeMap::new() }
    }

    /// Returns how many events could not be read, at least, by reason.
    pub fn lost(&self) -> &BTreeMap<String, u64> {
        &self.lost
    }

    /// Reads the next event that is whole. Behind a damaged length nothing can be found any more.
    ///
    /// # Errors
    /// The source cannot be read.
    #[expect(clippy::should_implement_trait, reason = "what it returns is borrowed")]
    pub fn next(&mut self) -> Result<Option<&[u8]>> {
        while !self.ended {
            let mut header = [0; HEADER];
            match self.fill(&mut header)? {
                HEADER => {}
                0 => return self.end(None),
                _ => return self.end(Some("the file ends within an event")),
            }
            let (length, checksum) = header.split_at(8);
            if masked(length) != number(checksum) {
                let zeros = header.iter().all(|byte| *byte == 0);
                return self.end(Some(if zeros {
                    "the file ends in zeros"
                } else {
                    "the length of an event is damaged, and with it all that follows"
                }));
            }
            let length = u64::from(number(&length[..4])) | u64::from(number(&length[4..])) << 32;
            if length > limits::RECORD_BYTES as u64 {
                self.lose("an event is too large");
                self.skip(length.saturating_add(FOOTER as u64))?;
                continue;
            }
            self.event.clear();
            let whole = length + FOOTER as u64;
            let read = (&mut self.source).take(whole).read_to_end(&mut self.event).map_err(cannot)?;
            if read as u64 != whole {
                return self.end(Some("the file ends within an event"));
            }
            let at = self.event.len() - FOOTER;
            if masked(&self.event[..at]) != number(&self.event[at..]) {
                self.lose("an event is damaged");
                continue;
            }
            self.event.truncate(at);
            return Ok(Some(&self.event));
        }
        Ok(None)
    }

    fn end(&mut self, why: Option<&str>) -> Result<Option<&[u8]>> {
        self.ended = true;
        if let Some(why) = why {
            self.lose(why);
        }
        Ok(None)
    }

    fn lose(&mut self, why: &str) {
        *self.lost.entry(why.to_owned()).or_default() += 1;
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut at = 0;
        while at < buffer.len() {
            match self.source.read(&mut buffer[at..]) {
                Ok(0) => break,
                Ok(read) => at += read,
                Err(e) if e.kind() == Io::Interrupted => {}
                Err(e) => return Err(cannot(e)),
            }
        }
        Ok(at)
    }

    fn skip(&mut self, bytes: u64) -> Result<()> {
        std::io::copy(&mut (&mut self.source).take(bytes), &mut sink()).map(|_| ()).map_err(cannot)
    }
}

fn cannot(e: std::io::Error) -> Error {
    Error::new(ErrorKind::Io, "Cannot read on").with_source(e)
}

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

/// A checksum that may itself be checksummed.
fn masked(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

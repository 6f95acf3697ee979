//! The memory of parts: what one was sent from serves for the next.

use super::lock;
use crate::model::{Error, ErrorKind, Result};
use crate::remote::SizedHash;
use crate::sync::source::other_bytes;
use bytes::Bytes;
use std::io::Read;
use std::sync::{Arc, Mutex};

/// The memory of parts that are sent.
#[derive(Default)]
pub(super) struct Buffers(Mutex<Vec<Vec<u8>>>);

/// A part, whose memory goes back when nobody needs it any more.
struct Part {
    bytes: Vec<u8>,
    home: Arc<Buffers>,
}

impl AsRef<[u8]> for Part {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        lock(&self.home.0).push(std::mem::take(&mut self.bytes));
    }
}

impl Buffers {
    /// Reads the next part of a content.
    pub(super) fn part(
        self: &Arc<Self>,
        reader: &mut dyn Read,
        length: u64,
        blob: SizedHash,
    ) -> Result<Bytes> {
        let mut bytes = lock(&self.0).pop().unwrap_or_default();
        bytes.clear();
        bytes.reserve_exact(usize::try_from(length).unwrap_or(0));
        let read = reader.take(length).read_to_end(&mut bytes);
        let part = Part { bytes, home: Arc::clone(self) };
        match read {
            Ok(read) if read as u64 == length => Ok(Bytes::from_owner(part)),
            Ok(_) => Err(other_bytes(blob.sha256)),
            Err(e) => Err(Error::new(ErrorKind::Io, "Cannot read a stored file").with_source(e)),
        }
    }
}

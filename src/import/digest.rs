//! Hashes of what was read and of what is written.

use crate::model::{Error, Hash, Result, limits};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

/// A hash that values are written into.
#[derive(Clone, Default)]
pub(super) struct Hasher(Sha256);

impl Hasher {
    /// Takes in bytes, with their length: no two sequences of them look alike.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    /// Takes in a value, as its JSON.
    pub(super) fn value(&mut self, value: &impl Serialize) -> Result<()> {
        serde_json::to_writer(&mut *self, value)
            .map_err(|e| Error::damaged("Cannot hash what was read").with_source(e))?;
        self.0.update([0]);
        Ok(())
    }

    /// Returns the hash so far.
    pub(super) fn so_far(&self) -> Hash {
        Hash(self.0.clone().finalize().into())
    }
}

impl Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Returns hash and size of a file.
pub(super) fn of_file(path: &Path) -> Result<(Hash, u64)> {
    let in_context = |e| Error::io("read", path, e);
    let mut file = File::open(path).map_err(in_context)?;
    let (mut hasher, mut size, mut buffer) = (Sha256::new(), 0, vec![0; limits::CHUNK_BYTES]);
    loop {
        let read = file.read(&mut buffer).map_err(in_context)?;
        if read == 0 {
            return Ok((Hash(hasher.finalize().into()), size));
        }
        hasher.update(&buffer[..read]);
        size += read as u64;
    }
}

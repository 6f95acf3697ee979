//! Blobs: the contents of files, kept once each by their SHA-256, in chunks of a mebibyte. [`super::put_blob`] stores
//! them.

use crate::model::{Error, ErrorKind, Hash, Result, limits};
use rusqlite::{Connection, OptionalExtension};
use sha2::{Digest, Sha256};
use std::io::Read;

/// Bits of a chunk's id that hold its place in the blob; those above hold the blob's number.
pub(super) const CHUNK_BITS: u32 = 24;

/// A blob in a run file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// Its name.
    pub sha256: Hash,
    /// Its length in bytes.
    pub size: u64,
    n: i64,
}

/// Lists the blobs of a run file.
///
/// # Errors
/// The file is damaged.
pub fn blobs(connection: &Connection) -> Result<Vec<Blob>> {
    let mut statement = connection.prepare("SELECT sha256, size, n FROM blob ORDER BY n")?;
    let rows = statement.query_map([], read)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Says whether a run file has the blob of this name.
///
/// # Errors
/// The file is damaged.
pub fn has_blob(connection: &Connection, sha256: Hash) -> Result<bool> {
    find(connection, sha256).map(|found| found.is_some())
}

pub(super) fn find(connection: &Connection, sha256: Hash) -> Result<Option<Blob>> {
    let mut statement = connection.prepare_cached("SELECT sha256, size, n FROM blob WHERE sha256 = ?")?;
    Ok(statement.query_row([sha256.0], read).optional()?)
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Blob> {
    Ok(Blob { sha256: Hash(row.get(0)?), size: row.get::<_, i64>(1)?.cast_unsigned(), n: row.get(2)? })
}

pub(super) fn fill(source: &mut impl Read, buffer: &mut [u8]) -> Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(Error::new(ErrorKind::Io, "Cannot read it").with_source(e)),
        }
    }
    Ok(filled)
}

/// Reads the bytes of a blob from a connection of its own, without checking them.
#[derive(Debug)]
pub struct BlobReader {
    connection: Connection,
    next: i64,
    end: i64,
    chunk: Vec<u8>,
    used: usize,
}

impl BlobReader {
    /// Starts at the beginning of a blob.
    pub fn new(connection: Connection, blob: &Blob) -> Self {
        let (next, end) = (blob.n << CHUNK_BITS, (blob.n + 1) << CHUNK_BITS);
        Self { connection, next, end, chunk: Vec::new(), used: 0 }
    }
}

impl BlobReader {
    /// Starts at a place of the blob of this name.
    ///
    /// # Errors
    /// The file does not have it, or is damaged.
    pub fn of(connection: Connection, sha256: Hash, offset: u64) -> Result<Self> {
        let blob = find(&connection, sha256)?.ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("Blob {sha256} is not in the run file"))
        })?;
        let mut reader = Self::new(connection, &blob);
        let chunk = limits::CHUNK_BYTES as u64;
        reader.next = (reader.next + (offset / chunk).cast_signed()).min(reader.end);
        let skipped = std::io::copy(&mut (&mut reader).take(offset % chunk), &mut std::io::sink());
        skipped.map_err(|e| Error::new(ErrorKind::Io, "Cannot read a stored file").with_source(e))?;
        Ok(reader)
    }
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.used == self.chunk.len() && self.next < self.end {
            let sql = "SELECT bytes FROM chunk WHERE id = ?";
            let found = self
                .connection
                .prepare_cached(sql)
                .and_then(|mut statement| statement.query_row([self.next], |row| row.get(0)).optional())
                .map_err(std::io::Error::other)?;
            self.next = if found.is_some() { self.next + 1 } else { self.end };
            self.chunk = found.unwrap_or_default();
            self.used = 0;
        }
        let length = buffer.len().min(self.chunk.len() - self.used);
        buffer[..length].copy_from_slice(&self.chunk[self.used..self.used + length]);
        self.used += length;
        Ok(length)
    }
}

/// Hands the bytes of a blob to `sink`, chunk by chunk, and checks them against its name.
///
/// The sink sees bytes before the check is over: what it makes of them counts only if this returns `Ok`.
///
/// # Errors
/// [`ErrorKind::NotFound`] when the run file does not have it, [`ErrorKind::Damaged`] when its bytes are not
/// those of its name, and what the sink returns.
pub fn read_blob(
    connection: &Connection,
    sha256: Hash,
    mut sink: impl FnMut(&[u8]) -> Result<()>,
) -> Result<u64> {
    let blob = find(connection, sha256)?
        .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("Blob {sha256} is not in the run file")))?;
    let mut hasher = Sha256::new();
    let mut statement =
        connection.prepare_cached("SELECT bytes FROM chunk WHERE id >= ? AND id < ? ORDER BY id")?;
    let mut rows = statement.query([blob.n << CHUNK_BITS, (blob.n + 1) << CHUNK_BITS])?;
    let mut size = 0;
    while let Some(row) = rows.next()? {
        let bytes = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
        hasher.update(bytes);
        size += bytes.len() as u64;
        sink(bytes)?;
    }
    if size != blob.size || Hash(hasher.finalize().into()) != sha256 {
        return Err(Error::damaged(format!("Blob {sha256} is damaged: its bytes have another hash")));
    }
    Ok(size)
}

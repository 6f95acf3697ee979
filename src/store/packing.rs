//! Compressed segments: the form in which a segment is stored outside of run files, and in archived ones.

use crate::model::{Error, Hash, Result, limits};
use rusqlite::Connection;
use sha2::{Digest, Sha256};
use std::io::{BufReader, Read};

/// Tables that a compacted file has as they were.
pub(super) const KEPT: [&str; 5] = ["attempt", "key", "setting", "file", "event"];

/// What a compressed segment may ask a reader to keep at hand: 32 MiB, four times of what we ask for.
const WINDOW_LOG: u32 = 25;

/// Compresses a segment into the form in which it is stored outside of run files.
///
/// # Errors
/// The compressor fails.
pub fn pack(segment: &[u8], level: i32) -> Result<Vec<u8>> {
    zstd::encode_all(segment, level).map_err(|e| Error::damaged("Cannot compress a segment").with_source(e))
}

/// Decompresses a segment and checks it against its name.
///
/// # Errors
/// It is damaged, or larger than a segment can be.
pub fn unpack(name: Hash, packed: impl Read) -> Result<Vec<u8>> {
    let mut segment = Vec::new();
    unpacked(name, packed)?.read_to_end(&mut segment).map_err(|e| damaged(name).with_source(e))?;
    if segment.len() > limits::SEGMENT_BYTES || Hash::of(&segment) != name {
        return Err(damaged(name));
    }
    Ok(segment)
}

/// Checks a compressed segment against its name, without holding it: whoever sends many at once must not decide what memory
/// that takes.
///
/// # Errors
/// As [`unpack`].
pub fn check_packed(name: Hash, packed: impl Read) -> Result<()> {
    let mut segment = unpacked(name, packed)?;
    // Most segments are small: a large buffer would cost more than they do.
    let (mut hasher, mut buffer, mut length) = (Sha256::new(), [0; 8 << 10], 0);
    loop {
        match segment.read(&mut buffer).map_err(|e| damaged(name).with_source(e))? {
            0 => break,
            read => {
                hasher.update(&buffer[..read]);
                length += read;
            }
        }
    }
    if length > limits::SEGMENT_BYTES || Hash(hasher.finalize().into()) != name {
        return Err(damaged(name));
    }
    Ok(())
}

fn damaged(name: Hash) -> Error {
    Error::damaged(format!("Segment {name} is damaged: its bytes have another hash"))
}

/// Decompresses a segment, up to a byte more than one can have.
fn unpacked<R: Read>(name: Hash, packed: R) -> Result<impl Read> {
    let mut decoder =
        zstd::Decoder::with_buffer(BufReader::new(packed)).map_err(|e| damaged(name).with_source(e))?;
    decoder.window_log_max(WINDOW_LOG).map_err(|e| damaged(name).with_source(e))?;
    Ok(decoder.take(limits::SEGMENT_BYTES as u64 + 1))
}

/// Says whether a run file keeps its history as compressed segments.
///
/// # Errors
/// The file is damaged.
pub fn is_compacted(connection: &Connection) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM segment WHERE packed IS NOT NULL)";
    Ok(connection.query_row(sql, [], |row| row.get(0))?)
}

/// Does what [`is_compacted`] does with a look at one segment: in a run file that is no wreck, all are compressed or none.
pub(super) fn is_archive(connection: &Connection) -> Result<bool> {
    let sql = "SELECT coalesce((SELECT packed IS NOT NULL FROM segment ORDER BY id LIMIT 1), 0)";
    Ok(connection.query_row(sql, [], |row| row.get(0))?)
}

/// Compares the tables that a compacted file has with those that its segments lead to. Returns the names of the tables that
/// differ.
///
/// # Errors
/// The database cannot be read.
pub(super) fn differing_tables(whole: &Connection) -> Result<Vec<&'static str>> {
    let mut differing = Vec::new();
    for table in KEPT {
        let one_way =
            |a: &str, b: &str| format!("EXISTS (SELECT * FROM {a}.{table} EXCEPT SELECT * FROM {b}.{table})");
        let sql = format!("SELECT {} OR {}", one_way("main", "packed"), one_way("packed", "main"));
        if whole.query_row(&sql, [], |row| row.get(0))? {
            differing.push(table);
        }
    }
    Ok(differing)
}

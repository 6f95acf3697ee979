//! The frames of a journal: its header, and the checksum before each record.

pub(super) const MAGIC: [u8; 8] = *b"danlujnl";
pub(super) const VERSION: u32 = 1;
/// Magic, version, four zero bytes, attempt.
pub(super) const HEADER_BYTES: usize = 32;
/// Length and checksum.
pub(super) const FRAME_BYTES: usize = 8;

/// Checksum of a frame: CRC-32 (IEEE 802.3) of the sequence number, little endian, and the payload.
pub(super) fn checksum(seq: u64, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&seq.to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

pub(super) fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Says whether a file that begins so is a journal.
pub(in crate::store) fn is_header(head: &[u8]) -> bool {
    head.starts_with(&MAGIC)
}

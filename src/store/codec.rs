//! Records as bytes in the journal. The only module that uses bincode; `docs/format.md` describes the bytes.

use crate::model::{Error, Record, Result, limits};

const CONFIG: bincode::config::Configuration = bincode::config::standard();

/// Appends the encoding of a record to a buffer.
pub(super) fn encode(record: &Record, buffer: &mut Vec<u8>) -> Result<()> {
    bincode::serde::encode_into_std_write(record, buffer, CONFIG)
        .map(|_| ())
        .map_err(|e| Error::usage("Cannot encode a record").with_source(e))
}

/// Decodes one record that takes up all of the bytes.
pub(super) fn decode(bytes: &[u8]) -> Result<Record> {
    let config = CONFIG.with_limit::<{ limits::RECORD_BYTES }>();
    match bincode::serde::decode_from_slice(bytes, config) {
        Ok((record, used)) if used == bytes.len() => Ok(record),
        Ok(_) => Err(Error::damaged("A record is followed by bytes that are not part of it")),
        Err(e) => Err(Error::damaged("Cannot decode a record").with_source(e)),
    }
}

//! Guards around protobuf: what decoding takes is bounded by the number of fields, not only by the bytes.

use crate::model::limits;
use prost::Message;

/// Decodes a message; `None` if it is none, or has too many fields.
pub(super) fn decode<M: Message + Default>(bytes: &[u8]) -> Option<M> {
    if bytes.len() > limits::PROTO_SMALL_BYTES && fields(bytes, 4) > limits::PROTO_FIELDS {
        return None;
    }
    M::decode(bytes).ok()
}

/// Counts the fields of what may be a message, and of the messages that may be within it.
fn fields(mut bytes: &[u8], depth: usize) -> usize {
    let mut count = 0;
    while !bytes.is_empty() && count <= limits::PROTO_FIELDS {
        let Some((tag, rest)) = varint(bytes) else { break };
        if tag >> 3 == 0 {
            break;
        }
        count += 1;
        let skipped = match tag & 7 {
            0 => varint(rest).map(|(_, rest)| rest),
            1 => rest.get(8..),
            5 => rest.get(4..),
            2 => varint(rest).and_then(|(length, rest)| {
                let length = usize::try_from(length).ok()?;
                let within = rest.get(..length)?;
                if depth > 0 {
                    count += fields(within, depth - 1);
                }
                rest.get(length..)
            }),
            _ => None,
        };
        match skipped {
            Some(rest) => bytes = rest,
            None => break,
        }
    }
    count
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (n, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * n).min(63);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[n + 1..]));
        }
    }
    None
}

/// A time.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct Timestamp {
    #[prost(int64, tag = "1")]
    pub(super) seconds: i64,
    #[prost(int32, tag = "2")]
    pub(super) nanos: i32,
}

impl Timestamp {
    /// Returns microseconds.
    pub(super) fn micros(&self) -> i64 {
        self.seconds.saturating_mul(1_000_000).saturating_add(i64::from(self.nanos / 1000))
    }
}

/// Returns microseconds of seconds; `None` for what is no time.
pub(super) fn micros(seconds: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
    (seconds.is_finite() && seconds.abs() < 9e12).then(|| (seconds * 1e6).round() as i64)
}

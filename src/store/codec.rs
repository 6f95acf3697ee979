//! Records as bytes in the journal. The only module that knows them; `docs/format.md` describes them.
//!
//! They are what bincode makes of a record. Rows, which a training loop waits for, are written by hand, without a call for
//! every number: the same bytes, and a test holds the two together.

use crate::model::{Error, Record, Result, Row, Value, limits};

const CONFIG: bincode::config::Configuration = bincode::config::standard();

/// The numbers of [`Record::Row`] and of the variants of a value.
const ROW: u8 = 2;
const FLOAT: u8 = 0;
const INT: u8 = 1;
const JSON: u8 = 2;

/// Numbers up to this one are one byte; larger ones follow a byte that says how many they are.
const ONE_BYTE: u64 = 250;

/// Appends the encoding of a record to a buffer.
pub(super) fn encode(record: &Record, buffer: &mut Vec<u8>) -> Result<()> {
    if let Record::Row(row) = record {
        encode_row(row, buffer);
        return Ok(());
    }
    bincode::serde::encode_into_std_write(record, buffer, CONFIG)
        .map(|_| ())
        .map_err(|e| Error::usage("Cannot encode a record").with_source(e))
}

fn encode_row(row: &Row, buffer: &mut Vec<u8>) {
    buffer.extend([ROW, u8::from(row.step.is_some())]);
    if let Some(step) = row.step {
        put_signed(step, buffer);
    }
    put_signed(row.time, buffer);
    put(row.values.len() as u64, buffer);
    let floats = encode_floats(&row.values, buffer);
    for (key, value) in &row.values[floats..] {
        match value {
            Value::Float(float) => {
                put(*key, buffer);
                buffer.push(FLOAT);
                buffer.extend_from_slice(&float.to_le_bytes());
            }
            Value::Int(int) => {
                put(*key, buffer);
                buffer.push(INT);
                put_signed(*int, buffer);
            }
            Value::Json(text) => {
                put(*key, buffer);
                buffer.push(JSON);
                put(text.len() as u64, buffer);
                buffer.extend_from_slice(text.as_bytes());
            }
        }
    }
}

/// Writes the floats of low keys that a row begins with: most rows have nothing else. Returns how many there are.
fn encode_floats(values: &[(u64, Value)], buffer: &mut Vec<u8>) -> usize {
    const BYTES: usize = 10;
    let start = buffer.len();
    buffer.resize(start + values.len() * BYTES, FLOAT);
    let places = buffer[start..].as_chunks_mut::<BYTES>().0;
    let mut done = 0;
    for ((key, value), place) in values.iter().zip(places) {
        let Value::Float(float) = value else { break };
        if *key > ONE_BYTE {
            break;
        }
        place[0] = key.to_le_bytes()[0];
        place[2..].copy_from_slice(&float.to_le_bytes());
        done += 1;
    }
    buffer.truncate(start + done * BYTES);
    done
}

/// Writes a number in as few bytes as bincode does.
fn put(number: u64, buffer: &mut Vec<u8>) {
    let bytes = number.to_le_bytes();
    let (mark, length) = match number {
        0..=ONE_BYTE => return buffer.push(bytes[0]),
        251..=0xffff => (251, 2),
        0x1_0000..=0xffff_ffff => (252, 4),
        _ => (253, 8),
    };
    buffer.push(mark);
    buffer.extend_from_slice(&bytes[..length]);
}

/// Zigzag, then [`put`].
fn put_signed(number: i64, buffer: &mut Vec<u8>) {
    put((number.wrapping_shl(1) ^ (number >> 63)).cast_unsigned(), buffer);
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Numbers of every length, those at which the length changes among them.
    fn number() -> impl Strategy<Value = u64> {
        prop_oneof![
            any::<u64>(),
            (0u32..64).prop_map(|shift| 1 << shift),
            prop::sample::select(vec![0, 250, 251, 0xffff, 0x1_0000, 0xffff_ffff, 1 << 32, u64::MAX]),
        ]
    }

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<u64>().prop_map(|bits| Value::Float(f64::from_bits(bits))),
            number().prop_map(|number| Value::Int(number.cast_signed())),
            ".{0,300}".prop_map(Value::Json),
        ]
    }

    proptest! {
        #[test]
        fn a_row_is_written_as_bincode_writes_it(
            step in prop::option::of(number().prop_map(u64::cast_signed)),
            time in number().prop_map(u64::cast_signed),
            values in prop::collection::vec((number(), value()), 0..260),
        ) {
            let record = Record::Row(Row { step, time, values });
            let mut ours = b"before".to_vec();
            encode(&record, &mut ours).unwrap();
            let mut expected = b"before".to_vec();
            bincode::serde::encode_into_std_write(&record, &mut expected, CONFIG).unwrap();
            prop_assert_eq!(&ours, &expected);
            let Record::Row(mut canonical) = record else { unreachable!() };
            canonical.values.retain(|(_, value)| !value.as_f64().is_some_and(f64::is_nan));
            let record = Record::Row(canonical);
            ours.clear();
            encode(&record, &mut ours).unwrap();
            prop_assert_eq!(decode(&ours).unwrap(), record);
        }
    }
}

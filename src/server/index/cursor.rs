//! Where a page of a list ends: the place of its last run in the order, so that runs which come or go meanwhile shift nothing.

use super::runs::Values;
use crate::model::{Error, Hash, Result};
use crate::query::{Order, Scalar};
use serde_json::{Value, json};
use std::cmp::Ordering;

/// A place in an order.
#[derive(Debug, PartialEq)]
pub(in crate::server) struct Cursor {
    values: Vec<Scalar<'static>>,
    key: Hash,
}

impl Cursor {
    pub(super) fn at<'a>(values: impl Iterator<Item = Scalar<'a>>, key: Hash) -> Self {
        Self { values: values.map(Scalar::into_owned).collect(), key }
    }

    /// Returns what the first field is.
    pub(super) fn first(&self) -> &Scalar<'static> {
        self.values.first().unwrap_or(&Scalar::Missing)
    }

    /// Compares it with a run.
    pub(super) fn compare(&self, order: &Order, values: &[Values<'_>], place: u32, key: Hash) -> Ordering {
        order
            .compare_by(|n| (self.values[n].borrowed(), values[n].of(place)))
            .then_with(|| self.key.cmp(&key))
    }

    /// Returns it as a text that an address can carry.
    pub(in crate::server) fn encode(&self) -> String {
        // Floats by their bits: NaN has no number in JSON, and a text may be called NaN.
        let values: Vec<Value> = self.values.iter().map(encode).collect();
        let json = json!([self.key, values]).to_string();
        json.bytes().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Reads it back, for an order of so many fields.
    ///
    /// # Errors
    /// It is none.
    pub(in crate::server) fn decode(text: &str, fields: usize) -> Result<Self> {
        let wrong = || {
            Error::usage("The cursor is none of this list")
                .with_hint("give what `next` of the page before says, with the same `sort`")
        };
        let bytes: Option<Vec<u8>> = text
            .as_bytes()
            .chunks(2)
            .map(|pair| {
                u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok().filter(|_| pair.len() == 2)
            })
            .collect();
        let (key, values): (Hash, Vec<Value>) =
            bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).ok_or_else(wrong)?;
        let values: Option<Vec<_>> = values.iter().map(decode).collect();
        let values = values.filter(|values| values.len() == fields).ok_or_else(wrong)?;
        Ok(Self { values, key })
    }
}

fn encode(value: &Scalar<'_>) -> Value {
    match value {
        Scalar::Float(float) if !float.is_nan() => json!({"f": format!("{:016x}", float.to_bits())}),
        Scalar::Text(text) => json!({"t": text}),
        Scalar::Int(int) => json!(int),
        Scalar::Bool(truth) => json!(truth),
        // What has no place in an order.
        _ => Value::Null,
    }
}

fn decode(value: &Value) -> Option<Scalar<'static>> {
    match value {
        Value::Null => Some(Scalar::Missing),
        Value::Bool(truth) => Some(Scalar::Bool(*truth)),
        Value::Number(number) => number.as_i64().map(Scalar::Int),
        Value::Object(_) => match (value["f"].as_str(), value["t"].as_str()) {
            (Some(bits), None) => {
                u64::from_str_radix(bits, 16).ok().map(|bits| Scalar::Float(f64::from_bits(bits)))
            }
            (None, Some(text)) => Some(Scalar::Text(text.to_owned().into())),
            _ => None,
        },
        _ => None,
    }
}

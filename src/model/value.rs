//! What a key can be set to.

use super::limits;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// A value of a history row, of the config or of the summary.
///
/// Numbers are numbers; everything else is JSON text: `true`, `"adam"`, `[1, 2]`, `null`, and whole numbers that
/// do not fit 64 bits. Two floats are equal when their bits are, and every NaN is the same NaN.
#[derive(Clone)]
pub enum Value {
    /// A 64-bit floating-point number, NaN and infinities included.
    Float(f64),
    /// A 64-bit signed integer.
    Int(i64),
    /// JSON text.
    Json(String),
}

impl Value {
    /// Makes a JSON string of a text.
    pub fn text(text: &str) -> Self {
        Self::Json(serde_json::Value::from(text).to_string())
    }

    /// Returns the same value in its one stored form: there is one NaN.
    #[must_use]
    pub fn canonical(self) -> Self {
        match self {
            Self::Float(float) if float.is_nan() => Self::Float(f64::NAN),
            other => other,
        }
    }

    /// Says why the value cannot be stored, if it cannot.
    pub fn problem(&self) -> Option<String> {
        let Self::Json(text) = self else { return None };
        let (bytes, most) = (text.len(), limits::VALUE_BYTES);
        if bytes > most {
            return Some(format!("it has {bytes} bytes, at most {most} can be; use save for large things"));
        }
        let (depth, most) = (depth(text), limits::VALUE_DEPTH);
        (depth > most).then(|| format!("it is nested {depth} levels deep, at most {most} can be"))
    }

    /// Returns the number, when it is one.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Float(float) => Some(*float),
            #[expect(clippy::cast_precision_loss, reason = "charts and comparisons work in floats")]
            Self::Int(int) => Some(*int as f64),
            Self::Json(_) => None,
        }
    }

    /// Returns the value as JSON; the numbers that JSON lacks become `"NaN"`, `"Infinity"` and `"-Infinity"`.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Float(float) => serde_json::Number::from_f64(*float)
                .map_or_else(|| serde_json::Value::from(non_finite(*float)), serde_json::Value::Number),
            Self::Int(int) => serde_json::Value::from(*int),
            Self::Json(text) => {
                serde_json::from_str(text).unwrap_or_else(|_| serde_json::Value::from(text.as_str()))
            }
        }
    }

    /// Returns the weight of the value in a segment, in bytes.
    pub(crate) fn weight(&self) -> u64 {
        match self {
            Self::Float(_) | Self::Int(_) => 8,
            Self::Json(text) => text.len() as u64,
        }
    }
}

/// Returns how deep arrays and objects are nested in JSON text.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Names the floats that JSON has no number for.
fn non_finite(float: f64) -> &'static str {
    match float {
        f if f.is_nan() => "NaN",
        f if f > 0.0 => "Infinity",
        _ => "-Infinity",
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Float(a), Self::Float(b)) => a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()),
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Json(a), Self::Json(b)) => a == b,
            _ => false,
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Float(float) if !float.is_finite() => f.write_str(non_finite(*float)),
            Self::Float(float) => write!(f, "{float:?}"),
            Self::Int(int) => write!(f, "{int}"),
            Self::Json(text) => f.write_str(text),
        }
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<f32> for Value {
    fn from(value: f32) -> Self {
        Self::Float(f64::from(value))
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::Int(i64::from(value))
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Int(i64::from(value))
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        i64::try_from(value).map_or_else(|_| Self::Json(value.to_string()), Self::Int)
    }
}

impl From<usize> for Value {
    fn from(value: usize) -> Self {
        Self::from(value as u64)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Json(value.to_string())
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::text(value)
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::text(&value)
    }
}

impl From<serde_json::Value> for Value {
    fn from(value: serde_json::Value) -> Self {
        match &value {
            serde_json::Value::Number(number) => match (number.as_i64(), number.is_f64(), number.as_f64()) {
                (Some(int), _, _) => Self::Int(int),
                (None, true, Some(float)) => Self::Float(float),
                _ => Self::Json(number.to_string()),
            },
            other => Self::Json(other.to_string()),
        }
    }
}

/// The form for binary formats, which write the variant's number.
#[derive(Serialize, Deserialize)]
enum Binary {
    Float(f64),
    Int(i64),
    Json(String),
}

/// The same, borrowed: writing a row copies no text.
#[derive(Serialize)]
#[serde(rename = "Binary")]
enum BinaryRef<'a> {
    Float(f64),
    Int(i64),
    Json(&'a str),
}

/// The form for readable formats, which digests are computed from: a whole number as it is, a float by its bits, so that
/// no library's way of printing floats matters, and JSON as text.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Readable {
    Int(i64),
    Float { float: String },
    Json { json: String },
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return match self {
                Self::Int(int) => Readable::Int(*int),
                Self::Float(float) => Readable::Float { float: format!("{:016x}", float.to_bits()) },
                Self::Json(text) => Readable::Json { json: text.clone() },
            }
            .serialize(serializer);
        }
        match self {
            Self::Float(float) => BinaryRef::Float(*float),
            Self::Int(int) => BinaryRef::Int(*int),
            Self::Json(text) => BinaryRef::Json(text),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return Ok(match Binary::deserialize(deserializer)? {
                Binary::Float(float) => Self::Float(float),
                Binary::Int(int) => Self::Int(int),
                Binary::Json(text) => Self::Json(text),
            });
        }
        Ok(match Readable::deserialize(deserializer)? {
            Readable::Int(int) => Self::Int(int),
            Readable::Json { json } => Self::Json(json),
            Readable::Float { float } => u64::from_str_radix(&float, 16)
                .map(|bits| Self::Float(f64::from_bits(bits)).canonical())
                .map_err(|_| D::Error::custom(format!("`{float}` is no float")))?,
        })
    }
}

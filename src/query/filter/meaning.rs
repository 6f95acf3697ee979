//! What a value that is written in a filter means to the field beside it.

use super::super::field::Kind;
use super::Meaning;
use crate::model::{from_rfc3339, to_rfc3339};
use crate::query::State;

/// Finds what a value means to a field, or why it can mean nothing.
pub(super) fn meaning(text: &str, quoted: bool, kind: Kind) -> std::result::Result<Meaning, &'static str> {
    let null = text == "null" && !quoted;
    let number = number(text).filter(|_| !quoted);
    match kind {
        Kind::Text => Ok(Meaning::Text),
        Kind::State => match State::ALL.iter().any(|state| state.name() == text) {
            true => Ok(Meaning::Text),
            false => Err("no state: those are running, finished, failed and crashed"),
        },
        _ if null => Ok(Meaning::Null),
        Kind::Time => seconds(text)
            .map(Meaning::Float)
            .ok_or("no time: give 2026-01-31, 2026-01-31T12:00:00Z, or seconds since 1970"),
        Kind::Number => number.ok_or("no number"),
        Kind::Truth => truth(text, quoted).ok_or("neither true nor false"),
        Kind::Any if quoted => Ok(Meaning::Text),
        Kind::Any => Ok(number.or_else(|| truth(text, quoted)).unwrap_or(Meaning::Text)),
    }
}

fn truth(text: &str, quoted: bool) -> Option<Meaning> {
    match text {
        "true" if !quoted => Some(Meaning::Bool(true)),
        "false" if !quoted => Some(Meaning::Bool(false)),
        _ => None,
    }
}

/// Reads a number as JSON has it, or one of those that JSON lacks.
fn number(text: &str) -> Option<Meaning> {
    match text {
        "NaN" => return Some(Meaning::Float(f64::NAN)),
        "Infinity" => return Some(Meaning::Float(f64::INFINITY)),
        "-Infinity" => return Some(Meaning::Float(f64::NEG_INFINITY)),
        _ => {}
    }
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let int = text.parse().ok().map(Meaning::Int);
    int.or_else(|| text.parse().ok().map(Meaning::Float))
}

/// Reads a time, as a date, with the time of day, or in seconds.
fn seconds(text: &str) -> Option<f64> {
    match number(text) {
        Some(Meaning::Float(float)) => return Some(float),
        #[expect(clippy::cast_precision_loss, reason = "seconds are floats")]
        Some(Meaning::Int(int)) => return Some(int as f64),
        _ => {}
    }
    let digits = |c: char| if c.is_ascii_digit() { '0' } else { c };
    let shape: String = text.chars().take(32).map(digits).collect();
    let whole = match shape.as_str() {
        "0000-00-00" => format!("{text}T00:00:00Z"),
        "0000-00-00T00:00" | "0000-00-00 00:00" => format!("{text}:00Z"),
        "0000-00-00T00:00:00" | "0000-00-00 00:00:00" => format!("{text}Z"),
        "0000-00-00T00:00:00Z" => text.to_owned(),
        _ => return None,
    };
    let micros = from_rfc3339(&whole)?;
    // A 31st of February would be another day.
    let back = to_rfc3339(micros);
    #[expect(clippy::cast_precision_loss, reason = "seconds are floats")]
    (back == whole.replace(' ', "T")).then_some(micros as f64 / 1e6)
}

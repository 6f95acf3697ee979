//! JSON as the tools write it: Python's, in which NaN and infinity are bare words.

use crate::model::{Value, limits};
use serde_json::Value as Json;

/// Reads a value; `None` if it is none.
pub(super) fn value(text: &str) -> Option<Value> {
    if let Some(number) = number(text) {
        return Some(number);
    }
    parse(text).map(|json| Value::from(json).canonical())
}

fn number(text: &str) -> Option<Value> {
    match text {
        "NaN" => return Some(Value::Float(f64::NAN)),
        "Infinity" => return Some(Value::Float(f64::INFINITY)),
        "-Infinity" => return Some(Value::Float(f64::NEG_INFINITY)),
        _ => {}
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(text.parse().map_or_else(|_| Value::Json(text.to_owned()), Value::Int));
    }
    text.parse().ok().map(Value::Float)
}

/// Reads JSON; bare words within it become texts, as numbers of JSON cannot be what they say.
pub(super) fn parse(text: &str) -> Option<Json> {
    serde_json::from_str(text).ok().or_else(|| serde_json::from_str(&quoted(text)?).ok())
}

/// Puts quotes around NaN and the infinities outside of strings; `None` if there are none.
fn quoted(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len() + 16);
    let (mut rest, mut in_string, mut found) = (text, false, false);
    while let Some(first) = rest.chars().next() {
        let word =
            ["NaN", "-Infinity", "Infinity"].into_iter().find(|word| !in_string && rest.starts_with(word));
        let taken = match (word, first) {
            (Some(word), _) => {
                found = true;
                out.push('"');
                out.push_str(word);
                out.push('"');
                word.len()
            }
            (None, '\\') if in_string => {
                let length = rest.chars().take(2).map(char::len_utf8).sum();
                out.push_str(&rest[..length]);
                length
            }
            (None, other) => {
                in_string ^= other == '"';
                out.push(other);
                other.len_utf8()
            }
        };
        rest = &rest[taken..];
    }
    found.then_some(out)
}

/// Hands on a value under its name; the members of an object that is no media under names joined with dots.
pub(super) fn flatten(name: String, json: Json, take: &mut impl FnMut(String, Value)) {
    match json {
        Json::Object(members) if !members.is_empty() && !members.contains_key("_type") => {
            for (member, json) in members {
                flatten(format!("{name}.{member}"), json, take);
            }
        }
        other => take(name, Value::from(other).canonical()),
    }
}

/// Sets a value within a config, where a path of names leads. False if that is deeper than a value can be.
pub(super) fn set(config: &mut serde_json::Map<String, Json>, path: &[String], json: Json) -> bool {
    let Some((last, way)) = path.split_last() else { return false };
    if path.len() > limits::VALUE_DEPTH {
        return false;
    }
    let mut at = config;
    for name in way {
        let member = at.entry(name.as_str()).or_insert_with(|| Json::Object(serde_json::Map::new()));
        if !member.is_object() {
            *member = Json::Object(serde_json::Map::new());
        }
        let Some(members) = member.as_object_mut() else { return false };
        at = members;
    }
    at.insert(last.clone(), json);
    true
}

/// Removes what a path of names leads to.
pub(super) fn remove(config: &mut serde_json::Map<String, Json>, path: &[String]) {
    let Some((last, way)) = path.split_last() else { return };
    let mut at = config;
    for name in way {
        let Some(members) = at.get_mut(name).and_then(Json::as_object_mut) else { return };
        at = members;
    }
    at.shift_remove(last);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_words_are_read_and_texts_with_them_stay() {
        assert_eq!(value("NaN"), Some(Value::Float(f64::NAN)));
        assert_eq!(value("-Infinity"), Some(Value::Float(f64::NEG_INFINITY)));
        assert_eq!(value("-3"), Some(Value::Int(-3)));
        assert_eq!(value("1e3"), Some(Value::Float(1000.0)));
        assert_eq!(value("123456789012345678901"), Some(Value::Json("123456789012345678901".into())));
        assert_eq!(
            value(r#"{"a": [NaN, "NaN \" Infinity", -Infinity]}"#),
            Some(Value::Json(r#"{"a":["NaN","NaN \" Infinity","-Infinity"]}"#.into()))
        );
        for none in ["", "nan", "1.2.3", "{", "-", "0x10", "NaN]"] {
            assert_eq!(value(none), None, "{none}");
        }
    }
}

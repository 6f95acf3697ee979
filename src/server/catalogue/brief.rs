//! What the catalogue keeps of a run that says very much: enough to list it, to filter and to order. The rest is in its run file.

use crate::query::RunDetails;
use serde_json::Value;

/// A config, a summary, what was said of writers and metrics, notes, and tags are kept whole up to so many bytes each; of what is
/// larger, so many.
pub(super) const WHOLE: usize = 256 << 10;

/// What is kept of a text in something larger, and of a name.
const TEXT: usize = 1024;

/// Cuts what is too large, and leaves out what no list shows.
pub(in crate::server) fn brief(mut details: RunDetails) -> RunDetails {
    shorten([&mut details.config, &mut details.summary].into_iter().map(|value| vec![value]));
    let past = &mut details.past;
    shorten([
        past.metrics.values_mut().collect(),
        past.writers.iter_mut().map(|writer| &mut writer.info).collect(),
    ]);
    for name in [&mut details.info.name, &mut details.info.host, &mut details.group, &mut details.job_type] {
        cut(name, TEXT);
    }
    cut(&mut details.notes, WHOLE);
    let mut left = WHOLE;
    details.tags.retain(|tag| take(&mut left, tag.len() + 3).is_some());
    (details.keys, details.files, details.losses) = Default::default();
    details
}

/// Cuts those that are too large together.
fn shorten<'a>(together: impl IntoIterator<Item = Vec<&'a mut Value>>) {
    for values in together {
        if values.iter().map(|value| weight(value)).sum::<usize>() > WHOLE {
            let mut left = WHOLE;
            for value in values {
                *value = kept(std::mem::take(value), &mut left).unwrap_or_default();
            }
        }
    }
}

/// Returns about how many bytes of JSON a value is, and rather more.
fn weight(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 6,
        Value::Number(_) => 25,
        Value::String(text) => length(text),
        Value::Array(items) => 2 + items.iter().map(weight).sum::<usize>(),
        Value::Object(members) => {
            2 + members.iter().map(|(key, value)| length(key) + weight(value)).sum::<usize>()
        }
    }
}

fn length(text: &str) -> usize {
    4 + text
        .bytes()
        .map(|byte| if byte < b' ' { 6 } else { 1 + usize::from(b"\"\\".contains(&byte)) })
        .sum::<usize>()
}

/// Takes so many bytes of those that are left.
fn take(left: &mut usize, bytes: usize) -> Option<()> {
    *left = left.checked_sub(bytes)?;
    Some(())
}

/// Returns what there is room for, from the beginning.
fn kept(value: Value, left: &mut usize) -> Option<Value> {
    Some(match value {
        Value::String(mut text) => {
            cut(&mut text, TEXT);
            take(left, length(&text))?;
            Value::String(text)
        }
        Value::Array(items) => Value::Array(items.into_iter().map_while(|item| kept(item, left)).collect()),
        Value::Object(members) => {
            let member = |(key, value): (String, Value)| {
                take(left, length(&key))?;
                Some((key, kept(value, left)?))
            };
            Value::Object(members.into_iter().map_while(member).collect())
        }
        other => {
            take(left, weight(&other))?;
            other
        }
    })
}

fn cut(text: &mut String, most: usize) {
    if text.len() > most {
        let end = (0..=most).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_large_is_cut_and_what_is_not_stays() {
        let small = json!({"a": "x".repeat(100_000), "b": [1, null, {"c": true}], "ü": 1.5});
        assert!(weight(&small) >= small.to_string().len() && weight(&small) < WHOLE);
        let nasty = json!({"q\"\\\u{1}": "\u{1}\"\\\n".repeat(1000)});
        assert!(weight(&nasty) >= nasty.to_string().len());
        let large = json!({"lr": 0.5, "text": "é".repeat(WHOLE), "list": vec!["y".repeat(2000); 500]});
        let cut = kept(large, &mut { WHOLE }).unwrap();
        assert_eq!((&cut["lr"], cut["text"].as_str().unwrap()), (&json!(0.5), &*("é".repeat(512) + "…")));
        assert!((200..300).contains(&cut["list"].as_array().unwrap().len()));
        assert!(cut.to_string().len() <= WHOLE);
    }
}

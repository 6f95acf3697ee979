//! A run as its run file says it, on its way into the catalogue; and its values, one row each.

use crate::model::{Hash, RunKey};
use crate::query::RunDetails;
use crate::server::database::Cell;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// How much of a text can be asked for.
const TEXT_BYTES: usize = 1024;

/// What the run itself says of what people may edit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::server) struct Own {
    /// The display name.
    pub(in crate::server) name: String,
    /// The group.
    pub(in crate::server) job_group: String,
    /// Notes.
    pub(in crate::server) notes: String,
    /// Tags.
    pub(in crate::server) tags: Vec<String>,
    /// Whether it is put away. No run says that of itself.
    pub(in crate::server) archived: bool,
}

/// A run at a glance.
#[derive(Debug)]
pub(in crate::server) struct Glance {
    /// Which.
    pub(in crate::server) run: RunKey,
    /// What its run file says.
    pub(in crate::server) details: RunDetails,
    /// The digest of its manifest.
    pub(in crate::server) digest: Hash,
    /// Whether an attempt is not sealed.
    pub(in crate::server) open: bool,
    /// The length of its segments and files.
    pub(in crate::server) bytes: u64,
    /// How many of its files were left out of the push by choice.
    pub(in crate::server) absent: u64,
}

impl Glance {
    /// Returns what can be edited, as the run says it.
    pub(super) fn own(&self) -> Own {
        let details = &self.details;
        Own {
            name: details.info.name.clone(),
            job_group: details.group.clone(),
            notes: details.notes.clone(),
            tags: details.tags.clone(),
            archived: false,
        }
    }

    /// Returns how many values its history has.
    pub(in crate::server) fn points(&self) -> u64 {
        self.details.keys.iter().map(|key| key.points).sum()
    }

    /// Returns the word for how it is. An open one runs as long as it is heard of.
    pub(super) fn state(&self) -> &'static str {
        if self.open { "running" } else { self.details.info.state.name() }
    }
}

/// A value that can be asked for: kind, number, text. The elements of a list have the kind plus ten.
pub(super) type Field = (i64, Option<f64>, Option<String>);

/// Takes config and summary apart.
pub(super) fn fields_of(config: &Value, summary: &Value, tags: &[String]) -> Vec<(String, Field)> {
    let mut found = BTreeMap::new();
    take_apart("config", config, &mut found);
    take_apart("summary", summary, &mut found);
    let tags = tags.iter().map(|tag| (13, None, Some(cut(tag)))).collect();
    found.insert("tags".to_owned(), tags);
    found
        .into_iter()
        .flat_map(|(name, fields)| fields.into_iter().map(move |field| (name.clone(), field)))
        .collect()
}

fn take_apart(path: &str, value: &Value, found: &mut BTreeMap<String, Vec<Field>>) {
    let Some(members) = value.as_object() else {
        // A key with dots goes before the members of an object.
        found.entry(path.to_owned()).or_insert_with(|| rows_of(value));
        return;
    };
    if members.is_empty() || path.contains('.') {
        found.entry(path.to_owned()).or_insert_with(|| vec![(4, None, None)]);
    }
    let (deep, flat): (Vec<_>, Vec<_>) = members.iter().partition(|(_, value)| value.is_object());
    for (name, value) in flat.into_iter().chain(deep) {
        take_apart(&format!("{path}.{name}"), value, found);
    }
}

fn rows_of(value: &Value) -> Vec<Field> {
    match value.as_array() {
        None => vec![row_of(value)],
        Some(items) => {
            let of_list = |item| {
                let (kind, number, text) = row_of(item);
                (kind + 10, number, text)
            };
            std::iter::once((4, None, None)).chain(items.iter().map(of_list)).collect()
        }
    }
}

fn row_of(value: &Value) -> Field {
    match value {
        Value::Null => (0, None, None),
        Value::Bool(truth) => (1, Some(f64::from(*truth)), None),
        Value::Number(number) => (2, number.as_f64(), None),
        Value::String(text) => match text.as_str() {
            // What JSON has no numbers for.
            "NaN" => (2, None, None),
            "Infinity" => (2, Some(f64::INFINITY), None),
            "-Infinity" => (2, Some(f64::NEG_INFINITY), None),
            text => (3, None, Some(cut(text))),
        },
        Value::Array(_) | Value::Object(_) => (4, None, None),
    }
}

fn cut(text: &str) -> String {
    let end = (0..=TEXT_BYTES.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text[..end.unwrap_or(0)].to_owned()
}

/// Returns a field as values of the table `field`.
pub(super) fn cells_of(run: i64, name: i64, field: Field) -> [Cell; 5] {
    [run.into(), name.into(), field.0.into(), field.1.into(), field.2.into()]
}

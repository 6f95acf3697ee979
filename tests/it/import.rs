//! Runs of other tools: samples that these tools have written, and what they become.

mod broken;
mod command;
mod growth;
mod hostile;
mod mlflow;
mod tensorboard;
mod trackio;
mod wandb;

use crate::support::Place;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Returns where a sample is.
fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import").join(name)
}

/// Reads what the tool's own reader says of a sample.
fn expected(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(sample(name).join("expected.json")).unwrap()).unwrap()
}

/// Copies a directory.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Imports, expects success, and returns what is said.
fn import(place: &Place, source: &Path, more: &[&str]) -> Value {
    place.json(&[&["import", source.to_str().unwrap()], more].concat())
}

/// Imports what cannot be imported in full, and returns what is said.
fn import_with_failures(place: &Place, source: &Path) -> Value {
    let done = place.danlu(&["import", source.to_str().unwrap(), "--json"]);
    assert_eq!(done.code, 1, "{}{}", done.stdout, done.stderr);
    serde_json::from_str(&done.stdout).unwrap()
}

/// Returns the statuses of the runs by their names.
fn statuses(outcome: &Value) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    outcome["runs"].as_array().unwrap().iter().map(|run| (text(&run["run"]), text(&run["status"]))).collect()
}

/// A run file, as it is read.
struct Imported {
    path: PathBuf,
    connection: rusqlite::Connection,
}

impl Imported {
    /// Opens the run file of a run, and verifies it.
    fn of(outcome: &Value, run: &str, place: &Place) -> Self {
        let found = outcome["runs"].as_array().unwrap().iter().find(|found| found["run"] == run);
        let path = place.join(found.expect("there is such a run")["path"].as_str().unwrap());
        let damage = danlu::store::verify(&path).unwrap().damage;
        assert!(damage.is_empty(), "{damage:?}");
        Self { connection: danlu::store::open(&path).unwrap(), path }
    }

    /// Opens the run file of the run with a display name.
    fn named(outcome: &Value, name: &str, place: &Place) -> Self {
        let found = outcome["runs"].as_array().unwrap().iter().find(|found| found["name"] == name);
        Self::of(outcome, found.expect("there is such a run")["run"].as_str().unwrap(), place)
    }

    /// Returns what a query says, row by row.
    fn rows(&self, sql: &str) -> Vec<Vec<Value>> {
        let mut statement = self.connection.prepare(sql).unwrap();
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| (0..columns).map(|n| Ok(shown(row.get_ref(n)?))).collect());
        rows.unwrap().map(Result::unwrap).collect()
    }

    /// Returns the history: values by key and step, in order. A key has at most one value at a step here.
    fn history(&self) -> BTreeMap<(String, i64), Value> {
        let rows = self.rows("SELECT key, step, value FROM history");
        let count = rows.len();
        let by_key: BTreeMap<_, _> = rows
            .into_iter()
            .map(|row| ((row[0].as_str().unwrap().to_owned(), row[1].as_i64().unwrap()), parsed(&row[2])))
            .collect();
        assert_eq!(by_key.len(), count, "there are doubles");
        by_key
    }

    /// Returns the config or the summary.
    fn settings(&self, view: &str) -> BTreeMap<String, Value> {
        let rows = self.rows(&format!("SELECT key, value FROM {view}"));
        rows.into_iter().map(|row| (row[0].as_str().unwrap().to_owned(), parsed(&row[1]))).collect()
    }

    /// Returns the start of the last attempt.
    fn start(&self) -> Value {
        let sql = "SELECT entity, project, run, name, job_group, job_type, notes, tags, host, time, pid, info FROM attempt ORDER BY id DESC LIMIT 1";
        let names = [
            "entity", "project", "id", "name", "group", "job_type", "notes", "tags", "host", "start", "pid",
            "info",
        ];
        let mut start = Map::new();
        for (name, value) in names.into_iter().zip(self.rows(sql).remove(0)) {
            start.insert(
                name.to_owned(),
                if name == "tags" || name == "info" { parsed(&value) } else { value },
            );
        }
        Value::Object(start)
    }

    fn digest(&self) -> String {
        danlu::store::digest(&self.connection).unwrap().expect("it is sealed").to_string()
    }

    fn exit_code(&self) -> Option<i64> {
        let rows =
            self.rows("SELECT data ->> 'exit_code' FROM event WHERE kind = 'end' ORDER BY id DESC LIMIT 1");
        rows.first().and_then(|row| row[0].as_i64())
    }

    /// Returns how much is lost, by reason.
    fn lost(&self) -> BTreeMap<String, i64> {
        let rows = self.rows("SELECT text, data ->> 'records' FROM event WHERE kind = 'lost'");
        rows.into_iter().map(|row| (row[0].as_str().unwrap().to_owned(), row[1].as_i64().unwrap())).collect()
    }

    /// Returns the content of a stored file.
    fn file(&self, path: &str) -> Vec<u8> {
        let sql = format!("SELECT sha256 FROM files WHERE path = '{path}'");
        let hash = danlu::model::Hash::parse(self.rows(&sql)[0][0].as_str().unwrap()).unwrap();
        let mut bytes = Vec::new();
        let take = |chunk: &[u8]| {
            bytes.extend_from_slice(chunk);
            Ok(())
        };
        danlu::store::read_blob(&self.connection, hash, take).unwrap();
        bytes
    }
}

fn shown(value: rusqlite::types::ValueRef<'_>) -> Value {
    use rusqlite::types::ValueRef;
    match value {
        ValueRef::Null => "NaN".into(),
        ValueRef::Integer(int) => int.into(),
        ValueRef::Real(real) if real == f64::INFINITY => "Infinity".into(),
        ValueRef::Real(real) if real == f64::NEG_INFINITY => "-Infinity".into(),
        ValueRef::Real(real) => number(real),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned().into(),
        ValueRef::Blob(_) => Value::Null,
    }
}

/// A number in one form: tools write whole floats as integers, or not.
fn number(float: f64) -> Value {
    json!(float)
}

/// Parses JSON text; numbers, and the words for those that JSON lacks, stay.
fn parsed(value: &Value) -> Value {
    let json = match value.as_str() {
        Some(text) => serde_json::from_str(text).unwrap_or_else(|_| value.clone()),
        None => value.clone(),
    };
    floats(json)
}

/// Lets all numbers be floats.
fn floats(value: Value) -> Value {
    match value {
        Value::Number(n) => number(n.as_f64().unwrap()),
        Value::Array(items) => items.into_iter().map(floats).collect(),
        Value::Object(members) => members.into_iter().map(|(name, value)| (name, floats(value))).collect(),
        other => other,
    }
}

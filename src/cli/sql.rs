//! `danlu sql`.

use super::Common;
use super::output::{Output, warn};
use super::there::{Looked, There};
use crate::model::Result;
use crate::query::{self, Answer};
use clap::Args;
use rusqlite::types::Value;

/// Ask with SQL, read-only
///
/// Over one run, the query sees the tables and views of its file: history(step, time, key, value, rank), config,
/// summary, files, run and more; `schema.sql` describes them. Over several runs, or all of the directory when none is
/// named, and over a run that several ranks wrote, it sees runs(run, project, name, state, …), history(run, step, time,
/// key, value, rank), config(run, key, value), summary(run, key, value) and files(run, path, size, sha256, time).
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  danlu sql latest \"SELECT step, value FROM history WHERE key = 'val_loss'\"
  danlu sql \"SELECT run, value FROM summary WHERE key = 'val_accuracy' ORDER BY value DESC\"")]
pub(super) struct Sql {
    /// Runs, by id, path or `latest`, and last the query
    #[arg(required = true, value_name = "[RUN]... QUERY")]
    arguments: Vec<String>,

    #[command(flatten)]
    there: There,

    #[command(flatten)]
    common: Common,
}

impl Sql {
    pub(super) fn run(mut self, output: &mut Output) -> Result<bool> {
        let query = self.arguments.pop().unwrap_or_default();
        let answer = match self.there.find(self.common.dir)? {
            Looked::There(remote) if remote.server.is_some() => {
                served(&remote.sql(&self.arguments, &query, MOST_ROWS)?)
            }
            looked => query::sql(looked.runs(&self.arguments)?, self.arguments.len() == 1, &query)?,
        };
        if self.common.format.json {
            output.json(&objects(&answer))?;
        } else {
            let rows: Vec<Vec<String>> =
                answer.rows.iter().map(|row| row.iter().map(text).collect()).collect();
            let numbers =
                |n: usize| answer.rows.iter().all(|row| !matches!(row[n], Value::Text(_) | Value::Blob(_)));
            let heading: Vec<String> = answer
                .columns
                .iter()
                .enumerate()
                .map(|(n, name)| if numbers(n) { format!(">{name}") } else { name.clone() })
                .collect();
            output.table(&heading.iter().map(String::as_str).collect::<Vec<_>>(), &rows)?;
        }
        Ok(true)
    }
}

/// Most rows that a server gives.
const MOST_ROWS: usize = 100_000;

/// Reads what a server answers.
fn served(said: &serde_json::Value) -> Answer {
    if said["truncated"] == true {
        warn(format!("The server gives no more than {MOST_ROWS} rows, or 16 MiB: there are more"));
    }
    let list = |value: &serde_json::Value| value.as_array().cloned().unwrap_or_default();
    let value = |value: serde_json::Value| match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(int) => Value::Integer(int),
            None => Value::Real(number.as_f64().unwrap_or(f64::NAN)),
        },
        serde_json::Value::String(text) => Value::Text(text),
        other => Value::Text(other.to_string()),
    };
    let columns =
        list(&said["columns"]).iter().map(|name| name.as_str().unwrap_or_default().to_owned()).collect();
    let rows = list(&said["rows"]).iter().map(|row| list(row).into_iter().map(value).collect()).collect();
    Answer { columns, rows }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Integer(int) => int.to_string(),
        Value::Real(float) => format!("{float:?}"),
        Value::Text(text) => text.clone(),
        Value::Blob(bytes) => hex(bytes),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn objects(answer: &Answer) -> Vec<serde_json::Map<String, serde_json::Value>> {
    let json = query::sql_json;
    answer.rows.iter().map(|row| answer.columns.iter().cloned().zip(row.iter().map(json)).collect()).collect()
}

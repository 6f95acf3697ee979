//! `danlu sql`.

use super::output::Output;
use super::{Common, runs_named};
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
    common: Common,
}

impl Sql {
    pub(super) fn run(mut self, output: &mut Output) -> Result<bool> {
        let query = self.arguments.pop().unwrap_or_default();
        let runs = runs_named(&self.arguments, &self.common.dir)?;
        let answer = query::sql(runs, self.arguments.len() == 1, &query)?;
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

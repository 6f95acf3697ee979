//! SQL over one run, or over many as if they were one database. Read-only.

use super::RunInfo;
use super::tables;
use crate::model::{Error, Result};
use crate::store;
use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::types::Value;

/// What a query answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The rows, each as long as `columns`.
    pub rows: Vec<Vec<Value>>,
}

/// Answers a query over one run, with the tables and views of its file, or over several, with the tables `runs`,
/// `history`, `config`, `summary` and `files`, each with a column `run`.
///
/// # Errors
/// The query is wrong, would write, or a run file cannot be read.
pub fn sql(runs: Vec<RunInfo>, one: bool, query: &str) -> Result<Answer> {
    let mut connection = match runs.as_slice() {
        [run] if one && run.parts.len() == 1 => store::open(&run.path)?,
        _ => tables::open(runs)?,
    };
    connection.authorizer(Some(authorize))?;
    answer(&connection, query).map_err(|e| match e {
        rusqlite::Error::SqlInputError { msg, .. } => Error::usage(format!("Cannot answer the query: {msg}")),
        e if e.sqlite_error_code() == Some(rusqlite::ErrorCode::AuthorizationForStatementDenied) => {
            Error::usage("Cannot answer the query: it would do more than read runs").with_source(e)
        }
        e => Error::usage("Cannot answer the query").with_source(e),
    })
}

fn answer(connection: &Connection, query: &str) -> rusqlite::Result<Answer> {
    let mut statement = connection.prepare(query)?;
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let width = columns.len();
    let rows = statement.query_map([], |row| (0..width).map(|n| row.get(n)).collect())?;
    Ok(Answer { columns, rows: rows.collect::<rusqlite::Result<_>>()? })
}

/// Lets a query read, and nothing else: no writing, no other files, no settings.
fn authorize(context: AuthContext<'_>) -> Authorization {
    match context.action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => Authorization::Allow,
        AuthAction::Function { function_name } if !function_name.eq_ignore_ascii_case("load_extension") => {
            Authorization::Allow
        }
        AuthAction::Pragma { pragma_name: "table_info" | "table_xinfo" | "table_list", .. } => {
            Authorization::Allow
        }
        _ => Authorization::Deny,
    }
}

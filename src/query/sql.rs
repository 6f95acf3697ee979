//! SQL over one run, or over many as if they were one database. Read-only.

use super::RunInfo;
use super::tables;
use crate::model::{Error, Result};
use crate::store;
use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::types::Value;
use std::path::Path;

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
    let path = runs.first().filter(|_| one).map(|run| run.path.clone());
    let mut connection = match runs.as_slice() {
        [run] if one && run.parts.len() == 1 => store::open(&run.path)?,
        _ => tables::open(runs)?,
    };
    connection.authorizer(Some(authorize))?;
    answer(&connection, query, &[]).map_err(|e| refused(e, path.as_deref()))
}

/// Answers a query with parameters over one run file, with its tables and views.
///
/// # Errors
/// As [`sql`].
pub fn sql_of(path: &Path, query: &str, parameters: &[Value]) -> Result<Answer> {
    let mut connection = store::open(path)?;
    connection.authorizer(Some(authorize))?;
    answer(&connection, query, parameters).map_err(|e| refused(e, Some(path)))
}

/// Tells a query that is wrong from a file that cannot be read.
fn refused(error: rusqlite::Error, path: Option<&Path>) -> Error {
    use rusqlite::ErrorCode as Code;
    let cannot = |why: &str| Error::usage(format!("Cannot answer the query: {why}"));
    match (error.sqlite_error_code(), &error, path) {
        (_, rusqlite::Error::SqlInputError { msg, .. }, _) => cannot(msg),
        (Some(Code::AuthorizationForStatementDenied), ..) => {
            cannot("it would do more than read runs").with_source(error)
        }
        (
            Some(Code::DiskFull | Code::SystemIoFailure | Code::CannotOpen | Code::DatabaseCorrupt),
            _,
            Some(path),
        ) => Error::from(error).doing("read", path),
        (Some(Code::Unknown), rusqlite::Error::SqliteFailure(_, Some(said)), _) => cannot(said),
        _ => Error::usage("Cannot answer the query").with_source(error),
    }
}

fn answer(connection: &Connection, query: &str, parameters: &[Value]) -> rusqlite::Result<Answer> {
    let mut statement = connection.prepare(query)?;
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let width = columns.len();
    let rows = statement
        .query_map(rusqlite::params_from_iter(parameters), |row| (0..width).map(|n| row.get(n)).collect())?;
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

//! SQL over one run, or over many as if they were one database. Read-only.

use super::RunInfo;
use super::costly::{self, IsOver};
use super::tables::{self, Bounds};
use super::weigh;
use crate::model::{Error, Result};
use crate::store;
use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::types::{Value, ValueRef};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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
        _ => tables::open(runs, &Bounds::none())?,
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

/// How much a query may take, and answer.
pub struct SqlLimits {
    /// Most rows.
    pub rows: usize,
    /// Most bytes of the rows, about.
    pub bytes: usize,
    /// Most bytes that it may take up while it is answered, about: within SQLite, and as much for what is read of run files.
    pub memory: i64,
    /// Says whether it takes too long, or is not wanted any more. It is asked every few steps, so it is to be quick.
    pub is_over: IsOver,
}

/// Longest query of somebody who is not trusted.
const QUERY_BYTES: usize = 64 << 10;

/// Virtual steps of SQLite after which it is asked how much memory a query takes, and whether it is over. One step can copy the
/// largest value, and read it for a while.
const STEPS: std::ffi::c_int = 4;

/// What SQLite says of a query that begins with EXPLAIN alone: its answer has addresses of memory.
const EXPLAIN: i32 = 1;
const EXPLAINED: &str = "EXPLAIN shows how this process is laid out; EXPLAIN QUERY PLAN says what is read";

/// Answers a query as [`sql`] does, within limits: of somebody who is not trusted. Says also whether there were more rows.
///
/// # Errors
/// As [`sql`]; or it takes too long, or too much memory.
pub fn bounded_sql(runs: Vec<RunInfo>, one: bool, query: &str, limits: SqlLimits) -> Result<(Answer, bool)> {
    let path = runs.first().filter(|_| one).map(|run| run.path.clone());
    let SqlLimits { rows, bytes, memory, is_over } = limits;
    if query.len() > QUERY_BYTES {
        let message = format!("Cannot answer the query: it is longer than {} KiB", QUERY_BYTES >> 10);
        return Err(Error::usage(message).with_hint("ask for less at once"));
    }
    let bounds = Bounds::new(usize::try_from(memory).unwrap_or(0), Arc::clone(&is_over));
    let mut connection = match runs.as_slice() {
        [run] if one && run.parts.len() == 1 => store::open(&run.path)?,
        _ => tables::open(runs, &bounds)?,
    };
    bound(&connection)?;
    costly::bound(&connection, &is_over)?;
    connection.authorizer(Some(authorize))?;
    let longest = weigh::longest(&connection, query);
    connection.set_limit(rusqlite::limits::Limit::SQLITE_LIMIT_LENGTH, longest)?;
    let too_much = Arc::new(AtomicBool::new(false));
    let (says, most) = (Arc::clone(&too_much), memory_used().saturating_add(memory));
    connection.progress_handler(
        STEPS,
        Some(move || {
            let full = memory_used() > most;
            says.fetch_or(full, Ordering::Relaxed);
            full || is_over()
        }),
    )?;
    some(&connection, query, rows, bytes).map_err(|e| match e.sqlite_error_code() {
        Some(rusqlite::ErrorCode::OperationInterrupted) if too_much.load(Ordering::Relaxed) => greedy(),
        Some(rusqlite::ErrorCode::OutOfMemory) => greedy(),
        _ if bounds.was_full() => greedy(),
        Some(rusqlite::ErrorCode::OperationInterrupted) => too_long(),
        _ if bounds.was_over() => too_long(),
        Some(rusqlite::ErrorCode::TooBig) => {
            let hint = format!(
                "this query may have values of {} KiB: the more it does with them at once, the shorter",
                longest >> 10
            );
            Error::usage("Cannot answer the query: it has a value that is too large")
                .with_source(e)
                .with_hint(hint)
        }
        _ => refused(e, path.as_deref()),
    })
}

fn too_long() -> Error {
    Error::usage("Cannot answer the query: it takes too long").with_hint(
        "ask for less, or of fewer runs; tables of several runs that are joined are quicker as `WITH a AS MATERIALIZED (SELECT …)`",
    )
}

fn greedy() -> Error {
    Error::usage("Cannot answer the query: it takes too much memory")
        .with_hint("ask for less at once: fewer and shorter values, or of fewer runs")
}

/// Bounds the memory that SQLite takes up in this process, whatever is asked of it: what a query does between two jumps of its
/// program is not looked at otherwise. It can only be made less.
///
/// # Errors
/// SQLite refuses.
pub fn bound_memory(bytes: i64) -> Result<()> {
    let connection = Connection::open_in_memory()?;
    let sql = format!("PRAGMA hard_heap_limit = {bytes}");
    Ok(connection.query_row(&sql, [], |_| Ok(()))?)
}

/// Bounds what a query can make SQLite do.
fn bound(connection: &Connection) -> Result<()> {
    use rusqlite::limits::Limit;
    for (limit, most) in [
        // Twice what a query may be, as it is explained, too.
        (Limit::SQLITE_LIMIT_SQL_LENGTH, 128 << 10),
        (Limit::SQLITE_LIMIT_EXPR_DEPTH, 100),
        (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 50),
        // Between two jumps of its program a query cannot be interrupted: see `weigh`.
        (Limit::SQLITE_LIMIT_VDBE_OP, 16 << 10),
        (Limit::SQLITE_LIMIT_COLUMN, 500),
        (Limit::SQLITE_LIMIT_FUNCTION_ARG, 100),
        (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000),
        (Limit::SQLITE_LIMIT_ATTACHED, 0),
        (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
    ] {
        connection.set_limit(limit, most)?;
    }
    // What is sorted may be as large as ten seconds can make it.
    connection.pragma_update(None, "temp_store", "FILE")?;
    Ok(())
}

fn some(connection: &Connection, query: &str, most: usize, bytes: usize) -> rusqlite::Result<(Answer, bool)> {
    let mut statement = connection.prepare(query)?;
    if statement.is_explain() == EXPLAIN {
        return Err(rusqlite::Error::ModuleError(EXPLAINED.to_owned()));
    }
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let width = columns.len();
    let mut answer = Answer { columns, rows: Vec::new() };
    let mut found = statement.query([])?;
    let mut left = bytes;
    while let Some(row) = found.next()? {
        if answer.rows.len() == most || left == 0 {
            return Ok((answer, true));
        }
        let mut size = 0;
        for n in 0..width {
            size += weight(row.get_ref(n)?);
        }
        // What is too much is not even copied.
        if size > left {
            return Ok((answer, true));
        }
        left -= size;
        answer.rows.push((0..width).map(|n| row.get(n)).collect::<rusqlite::Result<Vec<Value>>>()?);
    }
    Ok((answer, false))
}

fn weight(value: ValueRef<'_>) -> usize {
    match value {
        ValueRef::Text(text) => text.len() + 2,
        ValueRef::Blob(bytes) => 2 * bytes.len() + 2,
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => 8,
    }
}

/// Returns how much memory SQLite takes up, for all that goes on in this process.
#[expect(unsafe_code, reason = "rusqlite has no function for it; it takes nothing and reads a counter")]
fn memory_used() -> i64 {
    // SAFETY: it may be called at any time, from any thread.
    unsafe { rusqlite::ffi::sqlite3_memory_used() }
}

/// Returns a value of an answer as JSON. Bytes become hexadecimal digits.
pub fn sql_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Integer(int) => (*int).into(),
        Value::Real(float) => crate::Value::Float(*float).to_json(),
        Value::Text(text) => text.clone().into(),
        Value::Blob(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into(),
    }
}

/// Tells a query that is wrong from a file that cannot be read.
fn refused(error: rusqlite::Error, path: Option<&Path>) -> Error {
    use rusqlite::ErrorCode as Code;
    let cannot = |why: &str| Error::usage(format!("Cannot answer the query: {why}"));
    match (error.sqlite_error_code(), &error, path) {
        (_, rusqlite::Error::SqlInputError { msg, .. }, _) => cannot(msg),
        (None, rusqlite::Error::ModuleError(said), _) => cannot(said),
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

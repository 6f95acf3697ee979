//! Functions of SQL of which one call can take hours: their time grows with the product of the lengths of what they are called
//! with, and SQLite cannot be interrupted within a call. For those who are not trusted, each is refused what would take it long.

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Error, ffi, params_from_iter};
use std::ffi::{c_int, c_uint};
use std::sync::{Arc, Mutex, PoisonError};

/// Says whether a query is to end.
pub(super) type IsOver = Arc<dyn Fn() -> bool + Send + Sync>;

/// The functions, with the number of their arguments. It is the first two that count.
const COSTLY: [(&str, c_int); 11] = [
    ("instr", 2),
    ("replace", 3),
    ("like", 2),
    ("like", 3),
    ("glob", 2),
    ("trim", 2),
    ("ltrim", 2),
    ("rtrim", 2),
    ("unhex", 2),
    ("json_patch", 2),
    ("jsonb_patch", 2),
];

/// Largest product of two lengths: some seconds at the very most.
const MOST: usize = 1 << 30;

/// Largest result of a call, as of a query.
const LONGEST: c_int = 16 << 20;

/// What SQLite knows JSON by among texts.
const JSON: c_uint = 74;

/// Puts bounded functions into the place of those.
///
/// # Errors
/// SQLite refuses.
pub(super) fn bound(connection: &Connection, is_over: &IsOver) -> rusqlite::Result<()> {
    let plain = Connection::open_in_memory()?;
    // It answers what it is asked with, and that is bounded.
    plain.set_prepared_statement_cache_capacity(COSTLY.len());
    plain.set_limit(rusqlite::limits::Limit::SQLITE_LIMIT_LENGTH, LONGEST)?;
    let plain = Arc::new(Mutex::new(plain));
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS
        | FunctionFlags::SQLITE_RESULT_SUBTYPE;
    for (name, arguments) in COSTLY {
        let places: Vec<String> = (1..=arguments).map(|n| format!("?{n}")).collect();
        let sql = format!("SELECT {name}({})", places.join(", "));
        let subtype = (name == "json_patch").then_some(JSON);
        let (plain, is_over) = (Arc::clone(&plain), Arc::clone(is_over));
        connection.create_scalar_function(name, arguments, flags, move |context| {
            if is_over() {
                return Err(Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_INTERRUPT), None));
            }
            if length(context, 0).saturating_mul(length(context, 1)) > MOST {
                let said = format!("`{name}` of texts that long takes too long");
                return Err(Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_ERROR), Some(said)));
            }
            let plain = plain.lock().unwrap_or_else(PoisonError::into_inner);
            Ok((answer(&plain, &sql, context)?, subtype))
        })?;
    }
    Ok(())
}

fn length(context: &Context<'_>, n: usize) -> usize {
    match context.get_raw(n) {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.len(),
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => 1,
    }
}

/// Asks SQLite's own function.
fn answer(plain: &Connection, sql: &str, context: &Context<'_>) -> rusqlite::Result<Value> {
    let arguments = (0..context.len()).map(|n| rusqlite::types::ToSqlOutput::Borrowed(context.get_raw(n)));
    plain.prepare_cached(sql)?.query_row(params_from_iter(arguments), |row| row.get(0))
}

//! Reading many rows at once.
//!
//! Stepping through a statement and asking for each column takes several times as long as it takes SQLite to find the values.
//! So an aggregate function of ours, which SQLite calls where it has them, gathers them. Texts are left where they are:
//! whoever meets one reads it by itself.

use crate::model::{Error, Result};
use rusqlite::functions::{Aggregate, Context, FunctionFlags};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Params};
use std::cell::RefCell;

/// A value of a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cell {
    Null,
    Int(i64),
    Real(f64),
    /// A text or a blob.
    Other,
}

impl Cell {
    /// Returns the whole number that must be there.
    ///
    /// # Errors
    /// It is something else, so the file is damaged.
    pub(super) fn int(self, what: &str) -> Result<i64> {
        match self {
            Self::Int(int) => Ok(int),
            other => Err(Error::damaged(format!("{what} is {other:?} instead of a whole number"))),
        }
    }
}

thread_local! {
    /// What the statement under way has gathered: SQLite calls the function in the thread that steps.
    static GATHERED: RefCell<Option<Vec<Cell>>> = const { RefCell::new(None) };
}

/// Makes the function `danlu_gather` known to a connection. It takes any columns, and only [`for_each`] has a use for it.
fn install(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
    connection.create_aggregate_function("danlu_gather", -1, flags, Gather)
}

/// Hands on the rows of a statement that selects one `danlu_gather` of `N` columns, once all of them are there.
///
/// # Errors
/// The file is damaged, or what is handed on is refused.
pub(super) fn for_each<const N: usize>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    mut sink: impl FnMut([Cell; N]) -> Result<()>,
) -> Result<()> {
    let known = connection.prepare_cached(sql);
    let mut statement =
        known.or_else(|_| install(connection).and_then(|()| connection.prepare_cached(sql)))?;
    GATHERED.set(Some(Vec::new()));
    let done = statement.query_row(params, |_| Ok(()));
    let gathered = GATHERED.take().unwrap_or_default();
    done?;
    gathered.as_chunks().0.iter().try_for_each(|row| sink(*row))
}

struct Gather;

impl Aggregate<(), i64> for Gather {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<()> {
        Ok(())
    }

    fn step(&self, context: &mut Context<'_>, (): &mut ()) -> rusqlite::Result<()> {
        GATHERED.with_borrow_mut(|gathered| {
            let columns = 0..context.len();
            if let Some(gathered) = gathered {
                gathered.extend(columns.map(|n| cell(context.get_raw(n))));
            }
        });
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, _: Option<()>) -> rusqlite::Result<i64> {
        Ok(0)
    }
}

fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(int) => Cell::Int(int),
        ValueRef::Real(float) => Cell::Real(float),
        ValueRef::Text(_) | ValueRef::Blob(_) => Cell::Other,
    }
}

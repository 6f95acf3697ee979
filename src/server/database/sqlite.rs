//! The catalogue in a file: one writer, and readers that do not wait for it.

use super::{Cell, Database, Dialect, Row, Session, Work};
use crate::model::{Error, ErrorKind, Hash, Result};
use crate::server::data;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, ToSql, TransactionBehavior, params_from_iter};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How many idle readers are kept.
const READERS: usize = 8;

/// A database file.
pub(in crate::server) struct Sqlite {
    path: PathBuf,
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
}

impl Sqlite {
    /// Opens or makes it.
    ///
    /// # Errors
    /// It cannot be written, or is no database.
    pub(in crate::server) fn open(path: &Path) -> Result<Self> {
        let writer = connect(path)?;
        // The file is ours alone and on a local disk, unlike run files: readers need not wait for the writer.
        let set = writer.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()));
        set.and_then(|()| writer.pragma_update(None, "synchronous", "FULL")).map_err(|e| refused(path, e))?;
        Ok(Self { path: path.to_owned(), writer: Mutex::new(writer), readers: Mutex::default() })
    }

    fn reader(&self) -> Result<Connection> {
        let idle = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match idle {
            Some(connection) => Ok(connection),
            None => {
                let connection = connect(&self.path)?;
                connection.pragma_update(None, "query_only", true).map_err(|e| refused(&self.path, e))?;
                Ok(connection)
            }
        }
    }
}

fn connect(path: &Path) -> Result<Connection> {
    let open = || -> rusqlite::Result<Connection> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(20))?;
        connection.set_prepared_statement_cache_capacity(128);
        connection.pragma_update(None, "foreign_keys", true)?;
        add_regexp(&connection)?;
        Ok(connection)
    };
    open().map_err(|e| refused(path, e).doing("open the catalogue", path))
}

/// Says what cannot be done with the catalogue, and what to do about it, where SQLite says only a code.
fn refused(path: &Path, error: rusqlite::Error) -> Error {
    use rusqlite::ErrorCode as Code;
    let shown = path.display();
    match error.sqlite_error_code() {
        // What SQLite has beside the file in shared memory cannot grow: it says no more of that than that.
        Some(code) if code == Code::DiskFull || code == Code::SystemIoFailure && data::is_full(path) => {
            let message = format!("There is no room on the disk of the catalogue `{shown}`");
            Error::new(ErrorKind::Io, message).for_want_of_room().with_hint(
                "make some: remove runs, and `danlu admin gc --older-than 0s` forgets them at once",
            )
        }
        Some(Code::ReadOnly | Code::CannotOpen | Code::PermissionDenied) => {
            let message = format!("Cannot write the catalogue `{shown}`");
            let why = std::fs::File::options().append(true).open(path).err();
            let error = Error::new(ErrorKind::Io, message).with_hint(data::whose(path));
            why.into_iter().fold(error, Error::with_source)
        }
        _ => Error::from(error),
    }
}

/// `text REGEXP pattern`, which SQLite leaves to whoever uses it. A pattern is compiled once for each statement.
fn add_regexp(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("regexp", 2, flags, |context| {
        let pattern = context.get_or_create_aux(0, |value| -> Result<regex::Regex, crate::Error> {
            let text = value.as_str().map_err(|e| Error::usage("A pattern is a text").with_source(e))?;
            regex::Regex::new(text).map_err(|e| Error::usage("The pattern cannot be read").with_source(e))
        })?;
        match context.get_raw(1) {
            ValueRef::Text(text) => Ok(Some(pattern.is_match(&String::from_utf8_lossy(text)))),
            _ => Ok(None),
        }
    })
}

impl Database for Sqlite {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn read(&self, work: &mut Work<'_>) -> Result<()> {
        let mut connection = self.reader()?;
        let done = {
            let transaction = connection.transaction().map_err(|e| refused(&self.path, e))?;
            work(&mut Of(&transaction, &self.path))
        };
        let mut idle = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < READERS {
            idle.push(connection);
        }
        done
    }

    fn write(&self, work: &mut Work<'_>) -> Result<()> {
        let mut connection = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        // `danlu admin` on the same data directory is another process.
        let begun = connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let transaction = begun.map_err(|e| refused(&self.path, e))?;
        work(&mut Of(&transaction, &self.path))?;
        transaction.commit().map_err(|e| refused(&self.path, e))
    }

    fn jot(&self, sql: &str, values: &[Cell]) -> Result<()> {
        let connection = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        let done = Of(&connection, &self.path).execute(sql, values);
        connection.pragma_update(None, "synchronous", "FULL")?;
        done.map(|_| ())
    }

    fn hold(&self, _: &[Hash]) -> Result<Box<dyn Send>> {
        // One server per file: its own locks are enough.
        Ok(Box::new(()))
    }

    fn copy_to(&self, path: &Path) -> Result<()> {
        let fresh = path.with_extension("new");
        std::fs::remove_file(&fresh).ok();
        let connection = connect(&self.path)?;
        connection.execute("VACUUM INTO ?1", [fresh.to_string_lossy()])?;
        let file = std::fs::File::open(&fresh).map_err(|e| Error::io("open", &fresh, e))?;
        file.sync_all().map_err(|e| Error::io("sync", &fresh, e))?;
        // What belongs to the old file by its name is not of the new one.
        for left in ["sqlite-wal", "sqlite-shm"] {
            std::fs::remove_file(path.with_extension(left)).ok();
        }
        std::fs::rename(&fresh, path).map_err(|e| Error::io("write", path, e))
    }
}

struct Of<'a>(&'a Connection, &'a Path);

impl Of<'_> {
    fn rows(&self, sql: &str, values: &[Cell]) -> rusqlite::Result<Vec<Row>> {
        let mut statement = self.0.prepare_cached(sql)?;
        let columns = statement.column_count();
        let mut rows = statement.query(params_from_iter(values))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let cells = (0..columns).map(|n| row.get_ref(n).map(cell)).collect::<rusqlite::Result<_>>()?;
            found.push(Row(cells));
        }
        Ok(found)
    }
}

impl Session for Of<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn query(&mut self, sql: &str, values: &[Cell]) -> Result<Vec<Row>> {
        self.rows(sql, values).map_err(|e| refused(self.1, e))
    }

    fn execute(&mut self, sql: &str, values: &[Cell]) -> Result<u64> {
        let done =
            self.0.prepare_cached(sql).and_then(|mut statement| statement.execute(params_from_iter(values)));
        done.map(|rows| rows as u64).map_err(|e| refused(self.1, e))
    }

    fn batch(&mut self, sql: &str) -> Result<()> {
        self.0.execute_batch(sql).map_err(|e| refused(self.1, e))
    }
}

fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(value) => Cell::Int(value),
        ValueRef::Real(value) => Cell::Real(value),
        ValueRef::Text(text) => Cell::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Cell::Bytes(bytes.to_vec()),
    }
}

impl ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::Owned(Value::Null),
            Self::Int(value) => ToSqlOutput::Owned(Value::Integer(*value)),
            Self::Real(value) => ToSqlOutput::Owned(Value::Real(*value)),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::Bytes(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
        })
    }
}

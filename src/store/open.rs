//! Opening a run file to read all of it, whatever form its history has.

use super::run_file::open_packed;
use super::{packing, private};
use crate::model::{Error, ErrorKind, Result};
use rusqlite::Connection;
use std::path::Path;

/// Opens a run file to read it. Of a compacted one, and of one that has nothing yet of what its journal has, it is a
/// private database with all rows.
///
/// # Errors
/// It is missing, no run file, damaged at its start, or of a newer version.
pub fn open(path: &Path) -> Result<Connection> {
    let connection = open_packed(path)?;
    let is_empty = "SELECT NOT EXISTS (SELECT 1 FROM attempt)";
    let whole = if packing::is_compacted(&connection)? {
        Some(private::open_compacted(path, &connection).map_err(|e| out_of_room(e, path))?)
    } else if connection.query_row(is_empty, [], |row| row.get(0))? {
        match private::open_begun(path) {
            // Its writer has ended just now: the file has what the journal had.
            Err(e) if e.kind() == ErrorKind::NotFound => None,
            begun => begun.map_err(|e| out_of_room(e, path))?,
        }
    } else {
        None
    };
    let Some(whole) = whole else { return Ok(connection) };
    whole.pragma_update(None, "query_only", true)?;
    Ok(whole)
}

/// Lets an error of a private database name the run file, and say where the room is missing: not on its disk.
fn out_of_room(error: Error, path: &Path) -> Error {
    let error = error.doing("read", path);
    if error.kind() != ErrorKind::Io || error.hint().is_some() {
        return error;
    }
    error.with_hint("its rows go through a temporary file: let TMPDIR be a directory with room")
}

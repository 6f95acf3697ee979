//! SQLite databases that other tools have written: read only, and not trusted.

use crate::model::{Error, Result, from_rfc3339, limits};
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Row};
use std::path::Path;

/// Opens a database to read it. Where nothing can be written beside it, one whose write-ahead log is empty is read as it lies
/// there.
pub(super) fn open(path: &Path) -> Result<Connection> {
    let opened = opened(path, OpenFlags::empty()).or_else(|e| match e.sqlite_error_code() {
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly) if !has_log(path) => {
            let name = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
            opened(Path::new(&format!("file:{name}?immutable=1")), OpenFlags::SQLITE_OPEN_URI)
        }
        _ => Err(e),
    });
    opened.map_err(|e| {
        let error = Error::from(e).doing("read", path);
        if has_log(path) {
            return error.with_hint("it has a write-ahead log: copy both to where danlu can write");
        }
        error
    })
}

fn has_log(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    std::fs::metadata(log).is_ok_and(|log| log.len() > 0)
}

fn opened(name: &Path, more: OpenFlags) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | more;
    let connection = Connection::open_with_flags(name, flags)?;
    connection.busy_timeout(crate::store::BUSY_TIMEOUT)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "mmap_size", 0)?;
    let most = i32::try_from(limits::RECORD_BYTES).unwrap_or(i32::MAX);
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, most)?;
    // Only now it is read.
    connection.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(()))?;
    Ok(connection)
}

/// Says whether there is a table with these columns. A view is none, nor is a table with columns that are computed: that may
/// take for ever.
pub(super) fn has(connection: &Connection, table: &str, columns: &[&str]) -> bool {
    let is_table = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?";
    let found = connection.query_row(is_table, [table], |_| Ok(())).optional();
    let computed = "SELECT 1 FROM pragma_table_xinfo(?) WHERE hidden <> 0";
    let computed = connection.query_row(computed, [table], |_| Ok(())).optional();
    let column = "SELECT 1 FROM pragma_table_info(?) WHERE name = ?";
    let has = |name: &&str| connection.query_row(column, [table, name], |_| Ok(())).optional();
    matches!(found, Ok(Some(())))
        && matches!(computed, Ok(None))
        && columns.iter().all(|name| matches!(has(name), Ok(Some(()))))
}

/// Returns a column as a text, whatever it is; empty for none.
pub(super) fn text(row: &Row<'_>, column: &str) -> Result<String> {
    Ok(match row.get_ref(column)? {
        ValueRef::Null => String::new(),
        ValueRef::Integer(int) => int.to_string(),
        ValueRef::Real(real) => real.to_string(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
    })
}

/// Returns a column as a number, if it is one.
pub(super) fn int(row: &Row<'_>, column: &str) -> Result<Option<i64>> {
    Ok(match row.get_ref(column)? {
        ValueRef::Integer(int) => Some(int),
        _ => None,
    })
}

/// Reads a time as Python writes it: with a fraction and an offset, or without.
pub(super) fn time(text: &str) -> Option<i64> {
    let seconds = from_rfc3339(&format!("{}Z", text.get(..19)?))?;
    let mut rest = &text[19..];
    let mut micros = 0;
    if let Some(fraction) = rest.strip_prefix('.') {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        micros = format!("{:0<6}", &fraction[..digits]).get(..6)?.parse::<i64>().ok()?;
        rest = &fraction[digits..];
    }
    let offset = match rest.chars().next() {
        None | Some('Z') => 0,
        Some(sign) => {
            let (hours, minutes) = rest.get(1..)?.split_once(':')?;
            let minutes = hours.parse::<i64>().ok()? * 60 + minutes.get(..2)?.parse::<i64>().ok()?;
            if sign == '-' { -minutes } else { minutes }
        }
    };
    seconds.checked_add(micros)?.checked_sub(offset.checked_mul(60_000_000)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_python_are_read() {
        let second = 1_795_684_097_000_000;
        for (given, expected) in [
            ("2026-11-26T09:08:17.896691+00:00", Some(second + 896_691)),
            ("2026-11-26T09:08:17", Some(second)),
            ("2026-11-26 10:08:17.5+01:00", Some(second + 500_000)),
            ("2026-11-26T09:08:17.1234567Z", Some(second + 123_456)),
            ("2026-11-26T09:08", None),
            ("2026-11-26T09:08:17+99999999999999999999:00", None),
            ("", None),
            ("ééééééééééééééééééééééé", None),
        ] {
            assert_eq!(time(given), expected, "{given}");
        }
    }
}

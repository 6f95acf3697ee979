//! The versions of the schema: what is different in run files that an earlier danlu made.

use crate::model::Result;
use rusqlite::{Connection, Transaction};

/// `schema.sql` at the root.
pub(super) const SCHEMA: &str = include_str!("../../schema.sql");

/// The version that a fresh run file has.
pub(super) const SCHEMA_VERSION: i64 = 2;

/// Every version that can be read.
pub(super) const READABLE: std::ops::RangeInclusive<i64> = 1..=SCHEMA_VERSION;

/// The one thing that version 1 had otherwise: it knew nothing of what metrics are to be in the summary.
const SUMMARY_1: &str = "CREATE VIEW summary (key, value) AS
SELECT key, value
FROM (
    SELECT key, value, removed, max(id)
    FROM (
        SELECT k.name AS key, p.value, 0 AS removed, p.row AS id
        FROM key AS k
        CROSS JOIN point AS p
            ON p.id = (SELECT e.last FROM extent AS e WHERE e.key = k.id ORDER BY e.first DESC LIMIT 1)
        WHERE k.system = 0
        UNION ALL
        SELECT key, value, removed, id FROM setting WHERE scope = 'summary'
    )
    WHERE id >= (SELECT coalesce(max(id), 0) FROM attempt WHERE origin = 'rewind')
    GROUP BY key
)
WHERE removed = 0";

/// Returns the version of the schema of a run file.
///
/// # Errors
/// The file cannot be read.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Brings a run file of an earlier version to this one. Its rows stay as they are.
///
/// # Errors
/// The file cannot be written.
pub(super) fn upgrade(tx: &Transaction<'_>) -> Result<()> {
    if version(tx)? == SCHEMA_VERSION {
        return Ok(());
    }
    let view: String =
        fresh()?.query_row("SELECT sql FROM sqlite_schema WHERE name = 'summary'", [], |row| row.get(0))?;
    Ok(tx.execute_batch(&format!("DROP VIEW summary; {view}; PRAGMA user_version = {SCHEMA_VERSION};"))?)
}

fn fresh() -> Result<Connection> {
    let connection = Connection::open_in_memory()?;
    connection.execute_batch(SCHEMA)?;
    Ok(connection)
}

/// Returns the SQL text of every object that a run file of a version has, in a fixed order.
pub(super) fn expected(version: i64) -> Result<Vec<String>> {
    let connection = fresh()?;
    if version == 1 {
        connection.execute_batch(&format!("DROP VIEW summary; {SUMMARY_1};"))?;
    }
    found(&connection)
}

/// Returns the SQL text of every object in a database, in the same order.
pub(super) fn found(connection: &Connection) -> Result<Vec<String>> {
    let mut statement =
        connection.prepare("SELECT coalesce(sql, name) FROM sqlite_schema ORDER BY type, name")?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

//! How much there is; and a copy of it all.

use super::Catalogue;
use crate::model::{Error, Result};
use crate::server::Stats;
use crate::server::database::cells;
use std::path::Path;

impl Catalogue {
    /// Counts what there is.
    ///
    /// # Errors
    /// The database cannot be used.
    pub(in crate::server) fn stats(&self, now: i64) -> Result<Stats> {
        let sum = |column: &str| format!("(SELECT CAST(coalesce(sum({column}), 0) AS BIGINT) FROM run)");
        let sql = format!(
            "SELECT (SELECT count(*) FROM account), (SELECT count(*) FROM team),
             (SELECT count(*) FROM api_key WHERE revoked IS NULL AND (expires IS NULL OR expires > ?1)),
             (SELECT count(*) FROM (SELECT DISTINCT entity, project FROM run WHERE removed IS NULL) AS p),
             (SELECT count(*) FROM run WHERE removed IS NULL), (SELECT count(*) FROM run WHERE open = 1),
             (SELECT count(*) FROM run WHERE removed IS NOT NULL), {}, {}, {}",
            sum("records"),
            sum("points"),
            sum("bytes")
        );
        let row = self.database.row(&sql, cells![now])?;
        let row = row.ok_or_else(|| Error::damaged("The catalogue is damaged"))?;
        Ok(Stats {
            accounts: row.get(0)?,
            teams: row.get(1)?,
            keys: row.get(2)?,
            projects: row.get(3)?,
            runs: row.get(4)?,
            open: row.get(5)?,
            removed: row.get(6)?,
            records: row.get(7)?,
            points: row.get(8)?,
            bytes: row.get(9)?,
        })
    }

    /// Copies the database to a file, in place of the one that may be there.
    ///
    /// # Errors
    /// It is not in a file, or the copy cannot be written.
    pub(in crate::server) fn copy_to(&self, path: &Path) -> Result<()> {
        self.database.copy_to(path)
    }
}

//! Comments on runs.

use super::accounts::seconds;
use super::{Catalogue, EventKind, events};
use crate::model::{Error, ErrorKind, Hash, Result, RunKey};
use crate::server::database::cells;
use serde::Serialize;

/// A comment.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(in crate::server) struct Comment {
    /// Its number.
    pub(in crate::server) id: i64,
    /// Who wrote it.
    pub(in crate::server) account: String,
    /// When, in seconds since 1970.
    pub(in crate::server) time: f64,
    /// What it says.
    pub(in crate::server) text: String,
}

impl Catalogue {
    /// Lists the comments on a run, oldest first.
    ///
    /// # Errors
    /// The database cannot be used.
    pub(in crate::server) fn comments(&self, run: Hash) -> Result<Vec<Comment>> {
        let sql = "SELECT id, account, time, text FROM comment WHERE run = ?1 ORDER BY id";
        let rows = self.database.query(sql, cells![run])?;
        let read = |row: &crate::server::database::Row| {
            Ok(Comment {
                id: row.get(0)?,
                account: row.get(1)?,
                time: seconds(row.get(2)?),
                text: row.get(3)?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// Adds a comment, and returns it.
    ///
    /// # Errors
    /// The database cannot be used.
    pub(in crate::server) fn add_comment(
        &self,
        run: &RunKey,
        account: &str,
        text: &str,
        now: i64,
    ) -> Result<Comment> {
        let comment = self.database.writing(|session| {
            let sql = "INSERT INTO comment (run, account, time, text) VALUES (?1, ?2, ?3, ?4) RETURNING id";
            let row = session.row(sql, cells![run.hash(), account, now, text])?;
            let id = row.ok_or_else(|| Error::damaged("The catalogue is damaged"))?.get(0)?;
            events::put(session, EventKind::Run, run, now)?;
            Ok(Comment { id, account: account.to_owned(), time: seconds(now), text: text.to_owned() })
        })?;
        self.tell_of_events()?;
        Ok(comment)
    }

    /// Removes a comment, of one account or whosesoever.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is none.
    pub(in crate::server) fn remove_comment(
        &self,
        run: &RunKey,
        id: i64,
        account: Option<&str>,
        now: i64,
    ) -> Result<()> {
        self.database.writing(|session| {
            let sql = "DELETE FROM comment WHERE run = ?1 AND id = ?2 AND (CAST(?3 AS TEXT) IS NULL OR account = ?3)";
            if session.execute(sql, cells![run.hash(), id, account])? == 0 {
                return Err(Error::new(ErrorKind::NotFound, "There is no such comment of yours"));
            }
            events::put(session, EventKind::Run, run, now)
        })?;
        self.tell_of_events()
    }
}

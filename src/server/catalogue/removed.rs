//! Runs that were removed: a stone stays, so that no syncer brings them back.

use super::edits::no_run;
use super::{Catalogue, EventKind, Listed, events};
use crate::model::{Error, ErrorKind, Hash, Result, RunKey, to_rfc3339};
use crate::remote::Object;
use crate::server::database::cells;

impl Catalogue {
    /// Removes a run from sight. Until it is purged it can be restored.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is none.
    pub(in crate::server) fn remove(&self, run: Hash, account: &str, now: i64) -> Result<()> {
        self.database.writing(|session| {
            let sql =
                format!("SELECT {} FROM run AS r WHERE r.key = ?1 AND r.removed IS NULL", Listed::COLUMNS);
            let row = session.row(&sql, cells![run])?.ok_or_else(|| no_run(run))?;
            let key = Listed::read(&row)?.run;
            session.execute("UPDATE run SET removed = ?2, updated = ?2 WHERE key = ?1", cells![run, now])?;
            session.execute(
                "INSERT INTO tombstone VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
                cells![run, &key.entity, &key.project, key.id.as_str(), account, now],
            )?;
            events::put(session, EventKind::Removed, &key, now)
        })?;
        self.tell_of_events()
    }

    /// Takes a removal back. Of a run that is purged only the stone goes, and it can be pushed again.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if it was not removed.
    pub(in crate::server) fn restore(&self, key: Hash, now: i64) -> Result<()> {
        self.database.writing(|session| {
            if session.execute("DELETE FROM tombstone WHERE run = ?1", cells![key])? == 0 {
                return Err(Error::new(ErrorKind::NotFound, format!("The run {key} was not removed")));
            }
            let sql = format!("SELECT {} FROM run AS r WHERE r.key = ?1", Listed::COLUMNS);
            let Some(row) = session.row(&sql, cells![key])? else { return Ok(()) };
            session
                .execute("UPDATE run SET removed = NULL, updated = ?2 WHERE key = ?1", cells![key, now])?;
            events::put(session, EventKind::Run, &Listed::read(&row)?.run, now)
        })?;
        self.tell_of_events()
    }

    /// Checks that a run was not removed.
    ///
    /// # Errors
    /// [`ErrorKind::Gone`] if it was, with who did it.
    pub(in crate::server) fn check_not_removed(&self, run: &RunKey) -> Result<()> {
        let sql = "SELECT account, time FROM tombstone WHERE run = ?1";
        let Some(row) = self.database.row(sql, cells![run.hash()])? else { return Ok(()) };
        let (account, time): (String, i64) = (row.get(0)?, row.get(1)?);
        let message = format!("The run {run} was removed by `{account}` on {}", to_rfc3339(time));
        Err(Error::new(ErrorKind::Gone, message).with_hint(
            "whoever may write to the project can restore it; the run is whole where it is pushed from",
        ))
    }

    /// Returns what removed a run: its entity and project.
    ///
    /// # Errors
    /// The database cannot be used.
    pub(in crate::server) fn tombstone(&self, key: Hash) -> Result<Option<(String, String)>> {
        let row = self.database.row("SELECT entity, project FROM tombstone WHERE run = ?1", cells![key])?;
        row.map(|row| Ok((row.get(0)?, row.get(1)?))).transpose()
    }

    /// Lists runs that were removed before a time.
    ///
    /// # Errors
    /// The database cannot be used.
    pub(in crate::server) fn removed_before(&self, time: i64) -> Result<Vec<Hash>> {
        let sql = "SELECT key FROM run WHERE removed IS NOT NULL AND removed < ?1";
        self.database.query(sql, cells![time])?.iter().map(|row| row.get(0)).collect()
    }

    /// Forgets a removed run for good, and returns the objects that no run names any more.
    ///
    /// # Errors
    /// The database cannot be used.
    pub(in crate::server) fn purge(&self, run: Hash) -> Result<Vec<Object>> {
        self.database.writing(|session| {
            if session.execute("DELETE FROM run WHERE key = ?1 AND removed IS NOT NULL", cells![run])? == 0 {
                return Ok(Vec::new());
            }
            for table in ["edit", "comment"] {
                session.execute(&format!("DELETE FROM {table} WHERE run = ?1"), cells![run])?;
            }
            let rows = session.query(
                "SELECT o.object, o.kind FROM reference AS o WHERE o.run = ?1 AND o.kind < 2 AND NOT EXISTS
                 (SELECT 1 FROM reference AS p WHERE p.object = o.object AND p.kind = o.kind AND p.run <> ?1)",
                cells![run],
            )?;
            session.execute("DELETE FROM reference WHERE run = ?1", cells![run])?;
            let object = |row: &crate::server::database::Row| {
                let hash = row.get(0)?;
                Ok(if row.get(1)? { Object::Blob(hash) } else { Object::Segment(hash) })
            };
            rows.iter().map(object).collect()
        })
    }
}

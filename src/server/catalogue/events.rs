//! What changed, numbered, so that whoever looks can ask for what is new; also at another server.

use super::Catalogue;
use crate::model::{Hash, Result, RunKey};
use crate::server::database::{Dialect, Session, cells};

/// How many changes are kept.
const KEPT: i64 = 10_000;

/// What happened to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum EventKind {
    /// It is new, or shows differently.
    Run,
    /// It is removed.
    Removed,
}

/// A change.
#[derive(Debug, Clone)]
pub(in crate::server) struct Event {
    /// Its number.
    pub(in crate::server) id: i64,
    /// What happened.
    pub(in crate::server) kind: EventKind,
    /// To which run.
    pub(in crate::server) run: Hash,
    /// The entity of the run.
    pub(in crate::server) entity: String,
    /// The project of the run.
    pub(in crate::server) project: String,
}

/// Writes down a change, as the last thing of a transaction.
pub(super) fn put(session: &mut dyn Session, kind: EventKind, run: &RunKey, now: i64) -> Result<()> {
    if session.dialect() == Dialect::Postgres {
        // Numbers are given out in the order in which they are seen.
        session.query("SELECT 1 FROM pg_advisory_xact_lock(7236839)", &[])?;
    }
    let kind = if kind == EventKind::Run { "run" } else { "removed" };
    let sql = "INSERT INTO event (time, kind, run, entity, project) VALUES (?1, ?2, ?3, ?4, ?5) RETURNING id";
    let row = session.row(sql, cells![now, kind, run.hash(), &run.entity, &run.project])?;
    let id: i64 = row.map_or(Ok(0), |row| row.get(0))?;
    if id % 1000 == 0 {
        session.execute("DELETE FROM event WHERE id <= ?1", cells![id - KEPT])?;
    }
    Ok(())
}

impl Catalogue {
    /// Returns the number of the last change.
    ///
    /// # Errors
    /// The database cannot be used.
    pub(in crate::server) fn last_event(&self) -> Result<i64> {
        let row = self.database.row("SELECT coalesce(max(id), 0) FROM event", &[])?;
        row.map_or(Ok(0), |row| row.get(0))
    }

    /// Lists changes after one; `None` if some of them are not kept any more.
    ///
    /// # Errors
    /// The database cannot be used.
    pub(in crate::server) fn events(&self, after: i64, limit: u64) -> Result<Option<Vec<Event>>> {
        let bounds =
            self.database.row("SELECT coalesce(min(id), 0), coalesce(max(id), 0) FROM event", &[])?;
        let (first, last): (i64, i64) = match bounds {
            Some(row) => (row.get(0)?, row.get(1)?),
            None => (0, 0),
        };
        if after > last || after + 1 < first {
            return Ok(None);
        }
        let sql = "SELECT id, kind, run, entity, project FROM event WHERE id > ?1 ORDER BY id LIMIT ?2";
        let rows = self.database.query(sql, cells![after, limit])?;
        let read = |row: &crate::server::database::Row| {
            let kind: String = row.get(1)?;
            Ok(Event {
                id: row.get(0)?,
                kind: if kind == "removed" { EventKind::Removed } else { EventKind::Run },
                run: row.get(2)?,
                entity: row.get(3)?,
                project: row.get(4)?,
            })
        };
        rows.iter().map(read).collect::<Result<_>>().map(Some)
    }

    /// Returns what tells of new changes at this server. Those at other servers are found by asking.
    pub(in crate::server) fn changes(&self) -> tokio::sync::watch::Receiver<i64> {
        self.changed.subscribe()
    }

    /// Lets those who wait know that something is new.
    pub(super) fn tell_of_events(&self) -> Result<()> {
        if self.changed.receiver_count() > 0 {
            self.changed.send_replace(self.last_event()?);
        }
        Ok(())
    }
}

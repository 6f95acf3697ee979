//! All runs at a glance, in memory: what lists are made from.
//!
//! It follows from the catalogue and is never older than the last change there when a list begins: each change has a number.
//! So lists take milliseconds over either database, filters mean the same over both, and none of them becomes SQL.

mod column;
mod cursor;
mod page;
mod runs;
mod texts;
mod walk;

pub(super) use cursor::Cursor;
pub(super) use page::{Listing, PAGE_BYTES, Page, Wanted};
use runs::Runs;

use super::catalogue::{Catalogue, Event, EventKind, Listed};
use super::database::cells;
use crate::model::{Hash, Result};
use crate::query::Field;
use std::collections::BTreeSet;
use std::sync::mpsc::sync_channel;
use std::sync::{Mutex, PoisonError, RwLock};
use std::thread;

/// Rows that are read at once, so that not all of them are in memory as rows.
const ROWS: usize = 100;

/// How many changes are looked at one by one; of more, everything is read anew.
const CHANGES: u64 = 5000;

/// What lists are made from.
#[derive(Default)]
pub(super) struct Index {
    runs: RwLock<Runs>,
    /// Held by who brings it up to date.
    updating: Mutex<()>,
}

impl Index {
    /// Makes a page of a list.
    ///
    /// # Errors
    /// The catalogue cannot be used.
    pub(super) fn list(
        &self,
        catalogue: &Catalogue,
        wanted: &Wanted<'_>,
        columns: &[Field],
        now: i64,
    ) -> Result<Page> {
        self.update(catalogue)?;
        let runs = self.runs.read().unwrap_or_else(PoisonError::into_inner);
        Ok(page::make(&runs, wanted, columns, now))
    }

    /// Takes in what changed. Whoever comes meanwhile waits for it.
    ///
    /// # Errors
    /// The catalogue cannot be used.
    pub(super) fn update(&self, catalogue: &Catalogue) -> Result<()> {
        let _updating = self.updating.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.runs.read().unwrap_or_else(PoisonError::into_inner).change;
        let last = catalogue.last_event()?;
        if known == Some(last) {
            return Ok(());
        }
        let changes = match known {
            Some(known) if known < last => catalogue.events(known, CHANGES)?,
            _ => None,
        };
        match changes.filter(|changes| (changes.len() as u64) < CHANGES) {
            Some(changes) => self.change(catalogue, &changes),
            None => self.load(catalogue, last),
        }
    }

    fn change(&self, catalogue: &Catalogue, changes: &[Event]) -> Result<()> {
        let Some(last) = changes.last() else { return Ok(()) };
        let keys: BTreeSet<Hash> = changes.iter().map(|change| change.run).collect();
        let keys: Vec<Hash> = keys.into_iter().collect();
        for some in keys.chunks(ROWS) {
            let mut listed = catalogue.runs(some)?;
            let mut runs = self.runs.write().unwrap_or_else(PoisonError::into_inner);
            for key in some {
                match listed.remove(key).filter(|listed| listed.removed.is_none()) {
                    Some(listed) => runs.put(&listed)?,
                    None => runs.remove(*key),
                }
            }
        }
        let mut runs = self.runs.write().unwrap_or_else(PoisonError::into_inner);
        runs.tidy();
        runs.change = Some(last.id);
        Ok(())
    }

    fn load(&self, catalogue: &Catalogue, last: i64) -> Result<()> {
        let mut fresh = Runs::default();
        fresh.change = Some(last);
        // One thread reads while another takes in.
        thread::scope(|scope| {
            let (pages, read) = sync_channel(1);
            let reader = scope.spawn(move || -> Result<()> {
                let mut after = 0;
                while let Some((runs, end)) = page_of_runs(catalogue, after)? {
                    after = end;
                    if pages.send(runs).is_err() {
                        break;
                    }
                }
                Ok(())
            });
            for listed in read.into_iter().flatten() {
                fresh.put(&listed)?;
            }
            reader.join().unwrap_or_else(|broke| std::panic::resume_unwind(broke))
        })?;
        fresh.settle();
        *self.runs.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }
}

/// Reads runs behind a row of the catalogue, without what the index does not have of them, and returns the last row.
fn page_of_runs(catalogue: &Catalogue, after: i64) -> Result<Option<(Vec<Listed>, i64)>> {
    let columns = Listed::COLUMNS.replace("r.past", "'{}'");
    let sql = format!(
        "SELECT {columns}, r.id FROM run AS r WHERE r.id > ?1 AND r.removed IS NULL ORDER BY r.id LIMIT ?2"
    );
    let rows = catalogue.database().query(&sql, cells![after, ROWS as u64])?;
    let Some(end) = rows.last() else { return Ok(None) };
    let end = end.get(columns.split(", ").count())?;
    Ok(Some((rows.iter().map(Listed::read).collect::<Result<_>>()?, end)))
}

/// Says whether a change concerns who asks.
pub(super) fn concerns(change: &Event, (entities, project): &(Option<Vec<String>>, Option<String>)) -> bool {
    entities.as_ref().is_none_or(|entities| entities.contains(&change.entity))
        && project.as_ref().is_none_or(|project| *project == change.project)
        && matches!(change.kind, EventKind::Run | EventKind::Removed)
}

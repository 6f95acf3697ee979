//! All runs at a glance, in memory: what lists are made from.
//!
//! It follows from the catalogue and is never older than the last change there when a list begins: each change has a number.
//! So lists take milliseconds over either database, filters mean the same over both, and none of them becomes SQL.

mod cursor;
mod entry;

pub(super) use cursor::Cursor;
use entry::{Entry, Names, View};

use super::catalogue::{Catalogue, Event, EventKind, Listed, SILENCE, Who};
use super::database::cells;
use crate::model::{Hash, Result};
use crate::query::{Field, Filter, Order, Scalar};
use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError, RwLock};

/// Rows that are read at once, so that not all of them are in memory as rows.
const ROWS: u64 = 1000;

/// How many changes are looked at one by one; of more, everything is read anew.
const CHANGES: u64 = 5000;

/// What lists are made from.
#[derive(Default)]
pub(super) struct Index {
    runs: RwLock<Runs>,
    /// Held by who brings it up to date.
    updating: Mutex<()>,
}

#[derive(Default)]
struct Runs {
    entries: HashMap<Hash, Entry>,
    names: Names,
    /// The last change that is in here; `None` before anything is.
    change: Option<i64>,
}

/// What to list.
pub(super) struct Wanted<'a> {
    pub(super) who: &'a Who,
    pub(super) entity: Option<&'a str>,
    pub(super) project: Option<&'a str>,
    pub(super) filter: Option<&'a Filter>,
    pub(super) order: &'a Order,
    /// Whether to list those that are put away, or the others; `None` for both.
    pub(super) archived: Option<bool>,
    pub(super) after: Option<&'a Cursor>,
    pub(super) limit: usize,
}

/// A page of a list.
pub(super) struct Page {
    /// The keys of its runs, each with the values of the columns that were asked for.
    pub(super) runs: Vec<(Hash, Vec<Scalar<'static>>)>,
    /// Where the next page begins.
    pub(super) next: Option<Cursor>,
    /// How many runs there are on all pages.
    pub(super) total: usize,
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
        let (entities, only) = wanted.who.sees();
        let meant = |entry: &Entry| {
            entities.as_ref().is_none_or(|entities| entities.iter().any(|one| one == entry.entity()))
                && entry.is_in(None, only.as_deref())
                && entry.is_in(wanted.entity, wanted.project)
                && wanted.archived.is_none_or(|archived| entry.is_archived() == archived)
                && wanted.filter.is_none_or(|filter| filter.matches(&runs.view(entry, now)))
        };
        let place = |entry| {
            let view = runs.view(entry, now);
            (wanted.order.fields().map(|field| view.get(field)).collect::<Vec<_>>(), entry)
        };
        let mut found: Vec<(Vec<Scalar<'_>>, &Entry)> =
            runs.entries.values().filter(|e| meant(e)).map(place).collect();
        let total = found.len();
        if let Some(after) = wanted.after {
            found.retain(|(values, entry)| after.is_before(wanted.order, values, entry.key()));
        }
        let by = |a: &(Vec<Scalar<'_>>, &Entry), b: &(Vec<Scalar<'_>>, &Entry)| -> Ordering {
            wanted.order.compare(&a.0, &b.0).then_with(|| a.1.key().cmp(&b.1.key()))
        };
        let more = found.len() > wanted.limit;
        if more {
            found.select_nth_unstable_by(wanted.limit, by);
            found.truncate(wanted.limit);
        }
        found.sort_unstable_by(by);
        let next = found.last().filter(|_| more).map(|(values, entry)| Cursor::at(values, entry.key()));
        let row = |(_, entry): (_, &Entry)| {
            let view = runs.view(entry, now);
            (entry.key(), columns.iter().map(|field| view.get(field).into_owned()).collect())
        };
        Ok(Page { runs: found.into_iter().map(row).collect(), next, total })
    }

    /// Takes in what changed.
    fn update(&self, catalogue: &Catalogue) -> Result<()> {
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
        let listed =
            keys.into_iter().map(|key| Ok((key, catalogue.run(key)?))).collect::<Result<Vec<_>>>()?;
        let mut runs = self.runs.write().unwrap_or_else(PoisonError::into_inner);
        for (key, listed) in listed {
            match listed.filter(|listed| listed.removed.is_none()) {
                Some(listed) => runs.put(&listed),
                None => {
                    runs.entries.remove(&key);
                }
            }
        }
        runs.change = Some(last.id);
        Ok(())
    }

    fn load(&self, catalogue: &Catalogue, last: i64) -> Result<()> {
        let mut fresh = Runs { change: Some(last), ..Runs::default() };
        let sql = format!(
            "SELECT {}, r.id FROM run AS r WHERE r.id > ?1 AND r.removed IS NULL ORDER BY r.id LIMIT ?2",
            Listed::COLUMNS
        );
        let mut after = 0;
        loop {
            let rows = catalogue.database().query(&sql, cells![after, ROWS])?;
            let Some(end) = rows.last() else { break };
            after = end.get(Listed::COLUMNS.split(", ").count())?;
            for row in &rows {
                fresh.put(&Listed::read(row)?);
            }
        }
        *self.runs.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }
}

impl Runs {
    fn view<'a>(&'a self, entry: &'a Entry, now: i64) -> View<'a> {
        View { entry, names: &self.names, silent_since: now - SILENCE }
    }

    fn put(&mut self, listed: &Listed) {
        let entry = self.names.entry(listed);
        self.entries.insert(listed.key, entry);
    }
}

/// Says whether a change concerns who asks.
pub(super) fn concerns(change: &Event, (entities, project): &(Option<Vec<String>>, Option<String>)) -> bool {
    entities.as_ref().is_none_or(|entities| entities.contains(&change.entity))
        && project.as_ref().is_none_or(|project| *project == change.project)
        && matches!(change.kind, EventKind::Run | EventKind::Removed)
}

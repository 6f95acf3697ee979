//! A page of a list, out of all runs.

use super::cursor::Cursor;
use super::runs::{Runs, Values};
use crate::model::Hash;
use crate::query::{Field, Filter, Named, Order, Scalar};
use crate::server::catalogue::Who;
use std::cmp::Ordering;
use std::ops::Range;
use std::thread;

/// What to list.
pub(in crate::server) struct Wanted<'a> {
    pub(in crate::server) who: &'a Who,
    pub(in crate::server) entity: Option<&'a str>,
    pub(in crate::server) project: Option<&'a str>,
    pub(in crate::server) filter: Option<&'a Filter>,
    pub(in crate::server) order: &'a Order,
    /// Whether to list those that are put away, or the others; `None` for both.
    pub(in crate::server) archived: Option<bool>,
    pub(in crate::server) after: Option<&'a Cursor>,
    pub(in crate::server) limit: usize,
}

/// A page of a list.
pub(in crate::server) struct Page {
    /// Its runs.
    pub(in crate::server) runs: Vec<Listing>,
    /// Whether there are more behind them.
    pub(in crate::server) more: bool,
    /// How many runs there are on all pages.
    pub(in crate::server) total: usize,
}

/// A run of a page.
pub(in crate::server) struct Listing {
    /// Its key.
    pub(in crate::server) key: Hash,
    /// The values of the columns that were asked for.
    pub(in crate::server) values: Vec<Scalar<'static>>,
    /// Where the next page begins if this is the last run of its.
    pub(in crate::server) end: Cursor,
}

/// Most bytes of a page, about. One run goes over it if it alone is more.
pub(in crate::server) const PAGE_BYTES: usize = 16 << 20;

/// With so many runs for each, it is worth it to look at them in several threads.
const SHARE: u32 = 16_384;

/// A run that is meant: about where it comes, and its place.
type Found = (u64, u32);

/// Makes a page.
pub(super) fn make(runs: &Runs, wanted: &Wanted<'_>, columns: &[Field], now: i64) -> Page {
    let by: Vec<Values<'_>> = wanted.order.fields().map(|field| runs.values(field, now)).collect();
    let mut found = find(runs, wanted, &by, now);
    let total = found.len();
    if let Some(after) = wanted.after {
        let about = wanted.order.about(after.first());
        found.retain(|(other, place)| {
            let exactly = || after.compare(wanted.order, &by, *place, runs.key(*place));
            about.cmp(other).then_with(exactly) == Ordering::Less
        });
    }
    let compare = |a: &Found, b: &Found| {
        a.0.cmp(&b.0)
            .then_with(|| wanted.order.compare_by(|n| (by[n].of(a.1), by[n].of(b.1))))
            .then_with(|| runs.key(a.1).cmp(&runs.key(b.1)))
    };
    let more = found.len() > wanted.limit;
    if more {
        found.select_nth_unstable_by(wanted.limit, compare);
        found.truncate(wanted.limit);
    }
    found.sort_unstable_by(compare);
    let shown: Vec<Values<'_>> = columns.iter().map(|field| runs.values(field, now)).collect();
    let mut page = Page { runs: Vec::new(), more, total };
    let mut left = PAGE_BYTES;
    for (_, place) in found {
        let values: Vec<_> = shown.iter().map(|values| values.of(place)).collect();
        let size = values.iter().map(weight).sum();
        if size > left && !page.runs.is_empty() {
            page.more = true;
            break;
        }
        left = left.saturating_sub(size);
        let values = values.into_iter().map(Scalar::into_owned).collect();
        let end = Cursor::at(by.iter().map(|values| values.of(place)), runs.key(place));
        page.runs.push(Listing { key: runs.key(place), values, end });
    }
    page
}

/// Returns about how many bytes a value takes.
fn weight(value: &Scalar<'_>) -> usize {
    match value {
        Scalar::Text(text) => 32 + text.len(),
        Scalar::List(items) => 32 + items.iter().map(weight).sum::<usize>(),
        _ => 32,
    }
}

/// Finds the runs that are meant.
fn find(runs: &Runs, wanted: &Wanted<'_>, by: &[Values<'_>], now: i64) -> Vec<Found> {
    let (entities, project) = wanted.who.sees();
    let entities: Option<Vec<&str>> = entities.as_ref().map(|all| all.iter().map(String::as_str).collect());
    let kept = [
        entities.map(|entities| runs.among(Named::Entity, &entities)),
        project.as_deref().map(|project| runs.among(Named::Project, &[project])),
        wanted.entity.map(|entity| runs.among(Named::Entity, &[entity])),
        wanted.project.map(|project| runs.among(Named::Project, &[project])),
    ];
    let archived = runs.values(&Field::Of(Named::Archived), now);
    let filter = wanted.filter.map(|filter| filter.resolve(&|field| runs.values(field, now)));
    let is_meant = |place: u32| {
        // A place without a run has nothing there.
        let Scalar::Bool(away) = archived.of(place) else { return false };
        wanted.archived.is_none_or(|archived| archived == away)
            && kept.iter().flatten().all(|among| among.has(place))
            && filter.as_ref().is_none_or(|filter| filter.matches(&|values| values.of(place)))
    };
    let about = |place: u32| by.first().map_or(0, |values| wanted.order.about(&values.of(place)));
    let look = |places: Range<u32>| -> Vec<Found> {
        places.filter(|place| is_meant(*place)).map(|place| (about(place), place)).collect()
    };
    let all = runs.places();
    let threads = thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(1));
    let share = all.end.div_ceil(threads).max(SHARE);
    thread::scope(|scope| {
        let look = &look;
        let others: Vec<_> = (share..all.end)
            .step_by(share as usize)
            .map(|start| scope.spawn(move || look(start..all.end.min(start + share))))
            .collect();
        let mut found = look(0..all.end.min(share));
        for other in others {
            match other.join() {
                Ok(more) => found.extend(more),
                Err(broke) => std::panic::resume_unwind(broke),
            }
        }
        found
    })
}

//! The order of a run's attempts: of what several say of one thing, the last one counts, and a rewind ends what was before.
//!
//! An attempt that goes on with others names the last of them, so the order follows from the records alone, and is the same
//! wherever they are. Attempts of older versions name none: for those it is the time, and where they were written, the order there.

use super::{AttemptEntry, Manifest, Remote, read_segment};
use crate::model::{AttemptId, Origin, Record, Result, named_before};
use crate::store;
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet};

/// What of an attempt decides when its turn is.
struct Begun {
    attempt: AttemptId,
    time: i64,
    goes_on: bool,
    follows: Option<AttemptId>,
    remains_of: Option<AttemptId>,
}

/// The attempts of a manifest in their order.
pub(super) struct Order<'a> {
    pub(super) entries: Vec<&'a AttemptEntry>,
    /// Whether a run file has what it has of them in this order, with all others after that.
    pub(super) fits: bool,
}

/// Finds the order of the attempts of a manifest, of which a run file may have some.
pub(super) fn order<'a>(remote: &dyn Remote, manifest: &'a Manifest, file: &Connection) -> Result<Order<'a>> {
    if manifest.attempts.len() < 2 {
        return Ok(Order { entries: manifest.attempts.iter().collect(), fits: true });
    }
    let known = known(file)?;
    let names: Vec<AttemptId> = known.iter().map(|begun| begun.attempt).collect();
    let mut all = known;
    for entry in manifest.attempts.iter().filter(|entry| !names.contains(&entry.attempt)) {
        all.push(begun(remote, entry)?);
    }
    let mut entries: BTreeMap<AttemptId, &AttemptEntry> =
        manifest.attempts.iter().map(|entry| (entry.attempt, entry)).collect();
    let sorted = sorted(&all);
    let fits = sorted.starts_with(&names);
    Ok(Order { entries: sorted.iter().filter_map(|attempt| entries.remove(attempt)).collect(), fits })
}

/// Puts attempts in order: each after the one that it follows, and otherwise by time.
fn sorted(all: &[Begun]) -> Vec<AttemptId> {
    let mut stands_for: BTreeMap<AttemptId, AttemptId> =
        all.iter().filter_map(|begun| Some((begun.remains_of?, begun.attempt))).collect();
    stands_for.extend(all.iter().map(|begun| (begun.attempt, begun.attempt)));
    let turn = |begun: &Begun| (begun.time, begun.goes_on, begun.attempt);
    let (mut ready, mut waiting) = (BTreeSet::new(), BTreeMap::<AttemptId, Vec<&Begun>>::new());
    for begun in all {
        let before = begun.follows.or(begun.remains_of).and_then(|before| stands_for.get(&before));
        match before.filter(|before| **before != begun.attempt) {
            Some(before) => waiting.entry(*before).or_default().push(begun),
            None => drop(ready.insert(turn(begun))),
        }
    }
    let mut sorted = Vec::with_capacity(all.len());
    while let Some((.., next)) = ready.pop_first() {
        sorted.push(next);
        ready.extend(waiting.remove(&next).into_iter().flatten().map(turn));
    }
    // What is left waits for itself. Nobody writes that; it has an order all the same.
    let left: BTreeSet<_> = waiting.into_values().flatten().map(turn).collect();
    sorted.extend(left.into_iter().map(|(.., attempt)| attempt));
    sorted
}

/// Lists the attempts of a run file. One that goes on and does not say with what came after the one before it.
fn known(file: &Connection) -> Result<Vec<Begun>> {
    let mut statement = file.prepare("SELECT attempt, time, origin, info FROM attempt ORDER BY id")?;
    let rows = statement.query_map([], |row| {
        let origin: String = row.get(2)?;
        let (follows, remains_of) = named_before(&row.get::<_, String>(3)?);
        let goes_on = matches!(origin.as_str(), "resume" | "rewind");
        Ok(Begun { attempt: AttemptId(row.get(0)?), time: row.get(1)?, goes_on, follows, remains_of })
    })?;
    let mut known: Vec<Begun> = rows.collect::<rusqlite::Result<_>>()?;
    for n in 1..known.len() {
        if known[n].goes_on && known[n].follows.is_none() {
            known[n].follows = Some(known[n - 1].attempt);
        }
    }
    Ok(known)
}

/// Reads how an attempt of a remote began.
fn begun(remote: &dyn Remote, entry: &AttemptEntry) -> Result<Begun> {
    let first = match entry.segments.first() {
        Some(first) => store::decode_segment(&read_segment(remote, first.sha256)?)?.2.into_iter().next(),
        None => None,
    };
    let attempt = entry.attempt;
    let Some(Record::Start(start)) = first else {
        return Ok(Begun { attempt, time: 0, goes_on: false, follows: None, remains_of: None });
    };
    let (follows, remains_of) = named_before(&start.info);
    let goes_on = matches!(start.origin, Origin::Resume | Origin::Rewind { .. });
    Ok(Begun { attempt, time: start.time, goes_on, follows, remains_of })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted_of(all: &[(u8, i64, Option<u8>, Option<u8>)]) -> Vec<u8> {
        let name = |n: u8| AttemptId([n; 16]);
        let begun = |(n, time, follows, remains_of): &(u8, i64, Option<u8>, Option<u8>)| Begun {
            attempt: name(*n),
            time: *time,
            goes_on: follows.is_some(),
            follows: follows.map(name),
            remains_of: remains_of.map(name),
        };
        let all: Vec<Begun> = all.iter().map(begun).collect();
        sorted(&all).into_iter().map(|attempt| attempt.0[0]).collect()
    }

    #[test]
    fn what_goes_on_comes_after_what_it_goes_on_with_whatever_clocks_say() {
        assert_eq!(
            sorted_of(&[(1, 30, None, None), (2, 20, Some(1), None), (3, 10, Some(2), None)]),
            [1, 2, 3]
        );
        // Two that went on with one are in the order of time, and each has its own behind it.
        let two = [(1, 0, None, None), (2, 9, Some(1), None), (3, 5, Some(1), None), (4, 2, Some(2), None)];
        assert_eq!(sorted_of(&two), [1, 3, 2, 4]);
    }

    #[test]
    fn the_remains_of_an_attempt_stand_for_it() {
        assert_eq!(sorted_of(&[(2, 1, Some(1), None), (9, 5, None, Some(1))]), [9, 2]);
        assert_eq!(sorted_of(&[(9, 0, None, Some(1)), (1, 5, None, None)]), [1, 9]);
    }

    #[test]
    fn attempts_that_wait_for_each_other_are_all_there_once() {
        let round =
            [(1, 3, Some(2), None), (2, 2, Some(1), None), (3, 1, Some(3), None), (4, 0, Some(7), None)];
        let mut sorted = sorted_of(&round);
        sorted.sort_unstable();
        assert_eq!(sorted, [1, 2, 3, 4]);
    }
}

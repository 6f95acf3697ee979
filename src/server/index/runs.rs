//! The runs of the index: a column for each field, a place for each run.

use super::column::{Column, Packed};
use super::texts::Texts;
use super::walk::{Paths, Walk, cut};
use crate::model::{Error, Hash, Result};
use crate::query::{Field, Named, Scalar};
use crate::server::catalogue::{Listed, SILENCE};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// Where it stands when an open run was heard of last: how long it took follows from other fields.
const HEARD: usize = Named::Duration as usize;

/// Texts that nothing needs any more are thrown away when there are so many more than there were.
const STALE: usize = 20_000;

/// All runs at a glance.
#[derive(Default)]
pub(super) struct Runs {
    /// By their places.
    keys: Vec<Hash>,
    places: HashMap<Hash, u32>,
    /// Places without a run.
    free: Vec<u32>,
    /// Which of the logged columns the run of a place has. Runs that are like each other share it.
    shapes: Vec<Arc<[u32]>>,
    named: [Column; Named::ALL.len()],
    logged: Vec<Column>,
    config: Paths,
    summary: Paths,
    texts: Texts,
    most_texts: usize,
    /// The last change that is in here; `None` before anything is.
    pub(super) change: Option<i64>,
}

impl Runs {
    /// Takes in a run as it is now.
    ///
    /// # Errors
    /// The catalogue is damaged.
    pub(super) fn put(&mut self, listed: &Listed) -> Result<()> {
        let place = match self.places.get(&listed.key) {
            Some(place) => *place,
            None => self.new_place(listed.key),
        };
        let mut next = u32::try_from(self.logged.len()).unwrap_or(u32::MAX);
        let mut found = Vec::new();
        for (paths, json) in
            [(&mut self.config, listed.config.get()), (&mut self.summary, listed.summary.get())]
        {
            let walk = Walk::new(&mut self.texts, paths, &mut next, &mut found);
            walk.take_apart(json).map_err(|e| Error::damaged("The catalogue is damaged").with_source(e))?;
        }
        self.logged.resize_with(next as usize, Column::default);
        self.clear(place);
        let shape = found.iter().map(|(path, _)| *path);
        self.shapes[place as usize] = match self.shapes.get((place as usize).wrapping_sub(1)) {
            Some(same) if same.iter().copied().eq(shape.clone()) => Arc::clone(same),
            _ => shape.collect(),
        };
        for (path, value) in found {
            self.logged[path as usize].set(place, value);
        }
        for (name, field) in Named::ALL {
            let value = self.named_value(listed, field);
            debug_assert_eq!(field.name(), name);
            self.named[field as usize].set(place, value);
        }
        Ok(())
    }

    fn new_place(&mut self, key: Hash) -> u32 {
        let place = self.free.pop().unwrap_or_else(|| {
            self.keys.push(key);
            self.shapes.push(Arc::default());
            u32::try_from(self.keys.len() - 1).unwrap_or(u32::MAX)
        });
        self.keys[place as usize] = key;
        self.places.insert(key, place);
        place
    }

    fn clear(&mut self, place: u32) {
        for path in std::mem::take(&mut self.shapes[place as usize]).iter() {
            self.logged[*path as usize].set(place, Packed::Missing);
        }
    }

    /// Forgets a run.
    pub(super) fn remove(&mut self, key: Hash) {
        let Some(place) = self.places.remove(&key) else { return };
        self.clear(place);
        self.named.iter_mut().for_each(|column| column.set(place, Packed::Missing));
        self.free.push(place);
    }

    fn named_value(&mut self, listed: &Listed, field: Named) -> Packed {
        let texts = &mut self.texts;
        let mut text = |text: &str| Packed::Text(texts.put(cut(text)));
        match field {
            Named::Id => text(listed.run.id.as_str()),
            Named::Entity => text(&listed.run.entity),
            Named::Project => text(&listed.run.project),
            Named::Name => text(&listed.own.name),
            Named::Group => text(&listed.own.job_group),
            Named::JobType => text(&listed.job_type),
            Named::Host => text(&listed.host),
            Named::Notes => text(&listed.own.notes),
            Named::State => text(listed.state(listed.heard)),
            Named::Tags => {
                let tags = listed.own.tags.iter().map(|tag| text(tag)).collect();
                Packed::List(Box::new(super::column::List(tags)))
            }
            Named::Duration => Packed::maybe(listed.open.then_some(listed.heard)),
            Named::Started => Packed::Float(listed.started),
            Named::Ended => listed.ended.map_or(Packed::Missing, Packed::Float),
            Named::LastStep => Packed::maybe(listed.last_step),
            Named::Records => Packed::Int(listed.records),
            Named::Lost => Packed::Int(listed.lost),
            Named::Bytes => Packed::Int(listed.bytes),
            Named::ExitCode => Packed::maybe(listed.exit_code),
            Named::Archived => Packed::Bool(listed.own.archived),
        }
    }

    /// Throws away what was needed once and is not any more.
    pub(super) fn tidy(&mut self) {
        if self.texts.len() <= self.most_texts {
            return;
        }
        let old = std::mem::take(&mut self.texts);
        for column in self.named.iter_mut().chain(&mut self.logged) {
            column.rehouse(&old, &mut self.texts);
        }
        self.settle();
    }

    /// Gives back what is not needed, once all runs are here.
    pub(super) fn settle(&mut self) {
        self.named.iter_mut().chain(&mut self.logged).for_each(Column::shrink);
        self.texts.shrink();
        self.most_texts = 2 * self.texts.len() + STALE;
    }

    pub(super) fn key(&self, place: u32) -> Hash {
        self.keys[place as usize]
    }

    /// Returns all places.
    pub(super) fn places(&self) -> Range<u32> {
        0..u32::try_from(self.keys.len()).unwrap_or(u32::MAX)
    }

    /// Returns the values of a field, as they are at a time.
    pub(super) fn values(&self, field: &Field, now: i64) -> Values<'_> {
        let named = |field: Named| &self.named[field as usize];
        let logged = |paths: &Paths, path: &str| paths.get(path).map(|path| &self.logged[*path as usize]);
        let of = match field {
            Field::Of(Named::State) => Of::State {
                state: named(Named::State),
                heard: &self.named[HEARD],
                silent_since: now - SILENCE,
            },
            Field::Of(Named::Duration) => {
                Of::Duration { started: named(Named::Started), ended: named(Named::Ended) }
            }
            Field::Of(field) => Of::Column(named(*field)),
            Field::Config(path) => logged(&self.config, path).map_or(Of::Nothing, Of::Column),
            Field::Summary(path) => logged(&self.summary, path).map_or(Of::Nothing, Of::Column),
        };
        Values { texts: &self.texts, of }
    }

    /// Returns what says of a place whether a field of its run is one of these texts, as fast as can be.
    pub(super) fn among(&self, field: Named, texts: &[&str]) -> Among<'_> {
        let numbers = texts.iter().filter_map(|text| self.texts.find(cut(text))).collect();
        Among { column: &self.named[field as usize], numbers }
    }
}

/// Says whether texts are among some.
pub(super) struct Among<'a> {
    column: &'a Column,
    numbers: Vec<u32>,
}

impl Among<'_> {
    pub(super) fn has(&self, place: u32) -> bool {
        matches!(self.column.get(place), Packed::Text(number) if self.numbers.contains(number))
    }
}

/// The values of a field.
pub(super) struct Values<'a> {
    texts: &'a Texts,
    of: Of<'a>,
}

enum Of<'a> {
    Column(&'a Column),
    /// An open run that is silent has crashed.
    State {
        state: &'a Column,
        heard: &'a Column,
        silent_since: i64,
    },
    Duration {
        started: &'a Column,
        ended: &'a Column,
    },
    Nothing,
}

impl<'a> Values<'a> {
    /// Returns that of the run at a place.
    pub(super) fn of(&self, place: u32) -> Scalar<'a> {
        match &self.of {
            Of::Column(column) => column.get(place).scalar(self.texts),
            Of::State { state, heard, silent_since } => match heard.get(place) {
                Packed::Int(heard) if heard < silent_since => Scalar::text("crashed"),
                _ => state.get(place).scalar(self.texts),
            },
            Of::Duration { started, ended } => match (started.get(place), ended.get(place)) {
                (Packed::Float(started), Packed::Float(ended)) => Scalar::Float(ended - started),
                _ => Scalar::Missing,
            },
            Of::Nothing => Scalar::Missing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_needed_any_more_is_thrown_away() {
        let mut runs = Runs::default();
        runs.settle();
        let column = &mut runs.named[Named::Notes as usize];
        for n in 0..STALE {
            column.set(0, Packed::Text(runs.texts.put(&n.to_string())));
        }
        runs.tidy();
        assert_eq!(runs.texts.len(), STALE, "not yet");
        runs.named[Named::Notes as usize].set(1, Packed::Text(runs.texts.put("x")));
        runs.tidy();
        assert_eq!(runs.texts.len(), 2);
        let notes = runs.values(&Field::Of(Named::Notes), 0);
        let last = (STALE - 1).to_string();
        assert_eq!((notes.of(0), notes.of(1)), (Scalar::text(&last), Scalar::text("x")));
    }
}

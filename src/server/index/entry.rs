//! A run as filters, orders and columns see it, in little room.

use crate::query::{Field, Fields, Named, Scalar};
use crate::server::catalogue::Listed;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// How much of a text can be asked for, in bytes.
const TEXT_BYTES: usize = 1024;

/// How many values of one run can be asked for, and how many elements of one list.
const VALUES: usize = 4096;

/// Names of values, each once.
#[derive(Default)]
pub(super) struct Names {
    config: HashMap<Box<str>, u32>,
    summary: HashMap<Box<str>, u32>,
    next: u32,
    texts: HashSet<Arc<str>>,
}

/// A run.
pub(super) struct Entry {
    listed: Small,
    values: Box<[(u32, Scalar<'static>)]>,
}

/// What of [`Listed`] is needed.
struct Small {
    key: crate::model::Hash,
    id: Box<str>,
    entity: Arc<str>,
    project: Arc<str>,
    name: Box<str>,
    group: Arc<str>,
    job_type: Arc<str>,
    host: Arc<str>,
    notes: Box<str>,
    tags: Box<[Arc<str>]>,
    archived: bool,
    /// The state, and what it is after silence.
    state: Arc<str>,
    heard: Option<i64>,
    exit_code: Option<i64>,
    started: f64,
    ended: Option<f64>,
    last_step: Option<i64>,
    counts: [i64; 3],
}

impl Names {
    fn text(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return Arc::clone(known);
        }
        let new: Arc<str> = cut(text).into();
        self.texts.insert(Arc::clone(&new));
        new
    }

    fn number(&mut self, summary: bool, path: &str) -> u32 {
        let names = if summary { &mut self.summary } else { &mut self.config };
        if let Some(known) = names.get(path) {
            return *known;
        }
        self.next += 1;
        names.insert(path.into(), self.next);
        self.next
    }

    /// Makes an entry of a run.
    pub(super) fn entry(&mut self, listed: &Listed) -> Entry {
        let mut values = Vec::new();
        self.take_apart(false, "", &listed.config, &mut values);
        self.take_apart(true, "", &listed.summary, &mut values);
        // Stable: of what comes twice, the first counts.
        values.sort_by_key(|(name, _)| *name);
        values.dedup_by_key(|(name, _)| *name);
        Entry { listed: self.small(listed), values: values.into() }
    }

    fn small(&mut self, listed: &Listed) -> Small {
        let heard = listed.open.then_some(listed.heard);
        Small {
            key: listed.key,
            id: listed.run.id.as_str().into(),
            entity: self.text(&listed.run.entity),
            project: self.text(&listed.run.project),
            name: cut(&listed.own.name).into(),
            group: self.text(&listed.own.job_group),
            job_type: self.text(&listed.job_type),
            host: self.text(&listed.host),
            notes: cut(&listed.own.notes).into(),
            tags: listed.own.tags.iter().map(|tag| self.text(tag)).collect(),
            archived: listed.own.archived,
            state: self.text(listed.state(listed.heard)),
            heard,
            exit_code: listed.exit_code,
            started: listed.started,
            ended: listed.ended,
            last_step: listed.last_step,
            counts: [listed.records, listed.lost, listed.bytes],
        }
    }

    fn take_apart(
        &mut self,
        summary: bool,
        path: &str,
        value: &serde_json::Value,
        found: &mut Vec<(u32, Scalar<'static>)>,
    ) {
        if found.len() >= VALUES {
            return;
        }
        if !path.is_empty() || !value.is_object() {
            found.push((self.number(summary, path), scalar(value)));
        }
        let Some(members) = value.as_object() else { return };
        // A key with dots goes before the members of an object.
        let (deep, flat): (Vec<_>, Vec<_>) = members.iter().partition(|(_, value)| value.is_object());
        for (name, value) in flat.into_iter().chain(deep) {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            self.take_apart(summary, &path, value, found);
        }
    }
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(TEXT_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn scalar(value: &serde_json::Value) -> Scalar<'static> {
    match value {
        serde_json::Value::String(text) => Scalar::of(&cut(text).into()).into_owned(),
        serde_json::Value::Array(items) => Scalar::List(items.iter().take(VALUES).map(scalar).collect()),
        value => Scalar::of(value).into_owned(),
    }
}

impl Entry {
    pub(super) fn key(&self) -> crate::model::Hash {
        self.listed.key
    }

    pub(super) fn is_in(&self, entity: Option<&str>, project: Option<&str>) -> bool {
        entity.is_none_or(|entity| *self.listed.entity == *entity)
            && project.is_none_or(|project| *self.listed.project == *project)
    }

    pub(super) fn entity(&self) -> &str {
        &self.listed.entity
    }

    pub(super) fn is_archived(&self) -> bool {
        self.listed.archived
    }
}

/// A run together with what its names mean and when it is looked at.
pub(super) struct View<'a> {
    pub(super) entry: &'a Entry,
    pub(super) names: &'a Names,
    /// Open runs that were last heard of before have crashed.
    pub(super) silent_since: i64,
}

impl<'a> View<'a> {
    fn logged(&self, names: &HashMap<Box<str>, u32>, path: &str) -> Scalar<'a> {
        let Some(name) = names.get(path) else { return Scalar::Missing };
        let values = &self.entry.values;
        let place = values.binary_search_by_key(name, |(name, _)| *name);
        place.map_or(Scalar::Missing, |place| values[place].1.borrowed())
    }

    /// Returns the value of a field, which outlives this view.
    pub(super) fn get(&self, field: &Field) -> Scalar<'a> {
        let named = match field {
            Field::Of(named) => named,
            Field::Config(path) => return self.logged(&self.names.config, path),
            Field::Summary(path) => return self.logged(&self.names.summary, path),
        };
        let run = &self.entry.listed;
        match named {
            Named::Id => Scalar::text(&run.id),
            Named::Entity => Scalar::text(&run.entity),
            Named::Project => Scalar::text(&run.project),
            Named::Name => Scalar::text(&run.name),
            Named::Group => Scalar::text(&run.group),
            Named::JobType => Scalar::text(&run.job_type),
            Named::Host => Scalar::text(&run.host),
            Named::Notes => Scalar::text(&run.notes),
            Named::State if run.heard.is_some_and(|heard| heard < self.silent_since) => {
                Scalar::text("crashed")
            }
            Named::State => Scalar::text(&run.state),
            Named::Started => Scalar::Float(run.started),
            Named::Ended => Scalar::maybe_float(run.ended),
            Named::Duration => Scalar::maybe_float(run.ended.map(|ended| ended - run.started)),
            Named::LastStep => Scalar::maybe(run.last_step),
            Named::Records => Scalar::Int(run.counts[0]),
            Named::Lost => Scalar::Int(run.counts[1]),
            Named::Bytes => Scalar::Int(run.counts[2]),
            Named::ExitCode => Scalar::maybe(run.exit_code),
            Named::Tags => Scalar::List(run.tags.iter().map(|tag| Scalar::text(tag)).collect()),
            Named::Archived => Scalar::Bool(run.archived),
        }
    }
}

impl Fields for View<'_> {
    fn value(&self, field: &Field) -> Scalar<'_> {
        self.get(field)
    }
}

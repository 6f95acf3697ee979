//! What of a run can be asked for: in a filter, as an order, as a column.

use super::runs::{RunDetails, RunInfo};
use super::spelling::{is_word, quoted};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

/// Something that a run has.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Field {
    /// One that every run has.
    Of(Named),
    /// A value of the config, by its path.
    Config(String),
    /// A value of the summary, by its path.
    Summary(String),
}

/// The fields that have a name of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "`docs/filters.md` says what each is")]
pub enum Named {
    Id,
    Entity,
    Project,
    Name,
    Group,
    JobType,
    State,
    Host,
    Notes,
    Started,
    Ended,
    Duration,
    LastStep,
    Records,
    Lost,
    Bytes,
    ExitCode,
    Tags,
    Archived,
}

/// What a field can be compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    State,
    Time,
    Number,
    Truth,
    /// Whatever was logged.
    Any,
}

impl Named {
    /// All of them, with their names.
    pub const ALL: [(&'static str, Self); 19] = [
        ("id", Self::Id),
        ("entity", Self::Entity),
        ("project", Self::Project),
        ("name", Self::Name),
        ("group", Self::Group),
        ("job_type", Self::JobType),
        ("state", Self::State),
        ("host", Self::Host),
        ("notes", Self::Notes),
        ("started", Self::Started),
        ("ended", Self::Ended),
        ("duration", Self::Duration),
        ("last_step", Self::LastStep),
        ("records", Self::Records),
        ("lost", Self::Lost),
        ("bytes", Self::Bytes),
        ("exit_code", Self::ExitCode),
        ("tags", Self::Tags),
        ("archived", Self::Archived),
    ];

    /// Finds a field by its name; `created` is another one for `started`.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let name = if name == "created" { "started" } else { name };
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, field)| field)
    }

    /// Returns its name.
    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(_, field)| *field == self).map_or("", |(name, _)| name)
    }

    fn kind(self) -> Kind {
        match self {
            Self::State => Kind::State,
            Self::Started | Self::Ended => Kind::Time,
            Self::Duration | Self::LastStep | Self::Records | Self::Lost | Self::Bytes | Self::ExitCode => {
                Kind::Number
            }
            Self::Archived => Kind::Truth,
            _ => Kind::Text,
        }
    }
}

impl Field {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Of(named) => named.kind(),
            Self::Config(_) | Self::Summary(_) => Kind::Any,
        }
    }

    /// Says whether it is known of a run at a glance, without a look at all that it says.
    pub fn is_at_a_glance(&self) -> bool {
        use Named::{Archived, Group, JobType, Notes, Tags};
        matches!(self, Self::Of(named) if ![Group, JobType, Notes, Tags, Archived].contains(named))
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scope, path) = match self {
            Self::Of(named) => return f.write_str(named.name()),
            Self::Config(path) => ("config", path),
            Self::Summary(path) => ("summary", path),
        };
        if path.chars().all(is_word) && !path.is_empty() {
            write!(f, "{scope}.{path}")
        } else {
            write!(f, "{scope}.{}", quoted(path))
        }
    }
}

/// The value of a field of a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar<'a> {
    /// There is none.
    Missing,
    /// JSON's null.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Another number.
    Float(f64),
    /// A text.
    Text(Cow<'a, str>),
    /// A list. What a condition says of it holds if it holds for one of its elements.
    List(Vec<Scalar<'a>>),
    /// A JSON object, of which only its members can be asked for.
    Object,
}

impl<'a> Scalar<'a> {
    /// Takes a text.
    pub fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    /// Takes a number that there may be.
    pub fn maybe(number: Option<i64>) -> Self {
        number.map_or(Self::Missing, Self::Int)
    }

    /// Takes a number that there may be.
    pub fn maybe_float(number: Option<f64>) -> Self {
        number.map_or(Self::Missing, Self::Float)
    }

    /// Takes a count.
    pub fn count(number: u64) -> Self {
        Self::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }

    /// Takes a value of the config or summary. The texts that stand for the floats that JSON lacks are those floats.
    pub fn of(value: &'a serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(truth) => Self::Bool(*truth),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(int) => Self::Int(int),
                None => Self::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            serde_json::Value::String(text) => Self::of_text(text),
            serde_json::Value::Array(items) => Self::List(items.iter().map(Self::of).collect()),
            serde_json::Value::Object(_) => Self::Object,
        }
    }

    /// Takes a text of the config or summary.
    pub fn of_text(text: &'a str) -> Self {
        match text {
            "NaN" => Self::Float(f64::NAN),
            "Infinity" => Self::Float(f64::INFINITY),
            "-Infinity" => Self::Float(f64::NEG_INFINITY),
            text => Self::text(text),
        }
    }

    /// Returns the same value, which borrows from this one.
    pub fn borrowed(&self) -> Scalar<'_> {
        match self {
            Self::Text(text) => Scalar::text(text),
            Self::List(items) => Scalar::List(items.iter().map(Scalar::borrowed).collect()),
            Self::Missing => Scalar::Missing,
            Self::Null => Scalar::Null,
            Self::Bool(truth) => Scalar::Bool(*truth),
            Self::Int(int) => Scalar::Int(*int),
            Self::Float(float) => Scalar::Float(*float),
            Self::Object => Scalar::Object,
        }
    }

    /// Returns the same value, which borrows from nothing.
    pub fn into_owned(self) -> Scalar<'static> {
        match self {
            Self::Missing => Scalar::Missing,
            Self::Null => Scalar::Null,
            Self::Bool(truth) => Scalar::Bool(truth),
            Self::Int(int) => Scalar::Int(int),
            Self::Float(float) => Scalar::Float(float),
            Self::Text(text) => Scalar::Text(Cow::Owned(text.into_owned())),
            Self::List(items) => Scalar::List(items.into_iter().map(Scalar::into_owned).collect()),
            Self::Object => Scalar::Object,
        }
    }

    /// Returns its number, if it is one.
    #[expect(clippy::cast_precision_loss, reason = "an order of numbers is one of floats")]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Int(int) => Some(*int as f64),
            Self::Float(float) => Some(*float),
            _ => None,
        }
    }

    /// Returns it as JSON, as the API shows it.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Missing | Self::Null | Self::Object => serde_json::Value::Null,
            Self::Bool(truth) => (*truth).into(),
            Self::Int(int) => (*int).into(),
            Self::Float(float) => crate::Value::Float(*float).to_json(),
            Self::Text(text) => text.as_ref().into(),
            Self::List(items) => items.iter().map(Self::to_json).collect(),
        }
    }

    /// Says which of two comes first in an order: numbers, then texts, then truth values, then the rest. `None` stands for what
    /// has no place in an order: nothing, NaN, lists and objects.
    pub(super) fn place(&self) -> Option<Place<'_>> {
        match self {
            Self::Int(int) => Some(Place::Int(*int)),
            Self::Float(float) if !float.is_nan() => Some(Place::Float(*float)),
            Self::Text(text) => Some(Place::Text(text)),
            Self::Bool(truth) => Some(Place::Bool(*truth)),
            _ => None,
        }
    }
}

/// A value that has a place in an order.
pub(super) enum Place<'a> {
    Int(i64),
    Float(f64),
    Text(&'a str),
    Bool(bool),
}

impl Place<'_> {
    fn rank(&self) -> u8 {
        match self {
            Self::Int(_) | Self::Float(_) => 0,
            Self::Text(_) => 1,
            Self::Bool(_) => 2,
        }
    }

    /// Returns a number below `3 << 62` that is in the same order, as far as so few bits tell.
    pub(super) fn about(&self) -> u64 {
        #[expect(clippy::cast_precision_loss, reason = "it is about the number")]
        let bits = match self {
            Self::Int(int) => ordered(*int as f64),
            Self::Float(float) => ordered(*float),
            Self::Text(text) => {
                let mut first = [0; 8];
                first.iter_mut().zip(text.bytes()).for_each(|(place, byte)| *place = byte);
                u64::from_be_bytes(first)
            }
            Self::Bool(truth) => u64::from(*truth) << 2,
        };
        (u64::from(self.rank()) << 62) | (bits >> 2)
    }

    pub(super) fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (Self::Int(a), Self::Float(b)) => int_with_float(*a, *b),
            (Self::Float(a), Self::Int(b)) => int_with_float(*b, *a).reverse(),
            (Self::Float(a), Self::Float(b)) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

/// Returns the bits of a float so that they are in the order of floats.
fn ordered(float: f64) -> u64 {
    // There are two zeros, and they are equal.
    let bits = (float + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | (1 << 63) }
}

/// Compares as they are, not rounded: an order in which two are equal to a third and not to each other is none.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "what is lost is looked at")]
fn int_with_float(int: i64, float: f64) -> Ordering {
    let rounded = (int as f64).partial_cmp(&float).unwrap_or(Ordering::Equal);
    // Equal floats of this size are whole; 2^63 itself is beyond every whole number.
    rounded.then_with(|| i128::from(int).cmp(&(float as i128)))
}

/// What has fields.
pub trait Fields {
    /// Returns the value of a field.
    fn value(&self, field: &Field) -> Scalar<'_>;
}

impl Fields for RunInfo {
    fn value(&self, field: &Field) -> Scalar<'_> {
        let Field::Of(named) = field else { return Scalar::Missing };
        match named {
            Named::Id => Scalar::text(&self.id),
            Named::Entity => Scalar::text(&self.entity),
            Named::Project => Scalar::text(&self.project),
            Named::Name => Scalar::text(&self.name),
            Named::State => Scalar::text(self.state.name()),
            Named::Host => Scalar::text(&self.host),
            Named::Started => Scalar::Float(self.started),
            Named::Ended => Scalar::maybe_float(self.ended),
            Named::Duration => Scalar::maybe_float(self.ended.map(|ended| ended - self.started)),
            Named::LastStep => Scalar::maybe(self.last_step),
            Named::Records => Scalar::count(self.records),
            Named::Lost => Scalar::count(self.lost),
            Named::Bytes => Scalar::count(self.bytes),
            Named::ExitCode => Scalar::maybe(self.exit_code),
            Named::Archived => Scalar::Bool(false),
            Named::Group | Named::JobType | Named::Notes | Named::Tags => Scalar::Missing,
        }
    }
}

impl Fields for RunDetails {
    fn value(&self, field: &Field) -> Scalar<'_> {
        match field {
            Field::Config(path) => descend(&self.config, path),
            Field::Summary(path) => descend(&self.summary, path),
            Field::Of(Named::Group) => Scalar::text(&self.group),
            Field::Of(Named::JobType) => Scalar::text(&self.job_type),
            Field::Of(Named::Notes) => Scalar::text(&self.notes),
            Field::Of(Named::Tags) => Scalar::List(self.tags.iter().map(|tag| Scalar::text(tag)).collect()),
            Field::Of(_) => self.info.value(field),
        }
    }
}

/// Finds the value that a path leads to. Keys may have dots themselves.
pub fn descend<'a>(value: &'a serde_json::Value, path: &str) -> Scalar<'a> {
    found_at(value, path).map_or(Scalar::Missing, Scalar::of)
}

fn found_at<'a>(value: &'a serde_json::Value, path: &str) -> Option<&'a serde_json::Value> {
    let members = value.as_object()?;
    if let Some(found) = members.get(path) {
        return Some(found);
    }
    let dots = path.match_indices('.');
    dots.filter_map(|(at, _)| found_at(members.get(&path[..at])?, &path[at + 1..])).next()
}

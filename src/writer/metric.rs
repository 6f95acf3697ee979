//! What can be said of a metric: the definition that a caller makes, and how definitions add up.

use crate::model::{Error, Result};
use serde::{Deserialize, Deserializer, Serialize};

/// What the summary of a metric is, in place of its last value: each becomes a key of the summary, as `loss.min`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SummaryOp {
    /// The smallest number.
    Min,
    /// The largest number.
    Max,
    /// The mean of all numbers.
    Mean,
    /// The first value.
    First,
    /// The last value.
    Last,
    /// The largest number if the goal is to maximize, else the smallest.
    Best,
    /// Nothing: the metric is not in the summary.
    None,
    /// The last value itself, under the name of the metric, as without a definition.
    Copy,
}

impl SummaryOp {
    /// Returns the name that definitions and keys of the summary have it under.
    pub fn name(self) -> &'static str {
        match self {
            Self::Min => "min",
            Self::Max => "max",
            Self::Mean => "mean",
            Self::First => "first",
            Self::Last => "last",
            Self::Best => "best",
            Self::None => "none",
            Self::Copy => "copy",
        }
    }
}

/// Which way a metric is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Goal {
    /// Smaller is better.
    Minimize,
    /// Larger is better.
    Maximize,
}

/// The definition of a metric, for [`Run::define_metric`](super::Run::define_metric).
///
/// ```no_run
/// # fn main() -> danlu::Result<()> {
/// use danlu::{Metric, SummaryOp};
/// # let run = danlu::Run::builder("mnist").start()?;
/// run.define_metric(Metric::new("val/*").step_metric("epoch").summary(SummaryOp::Min).summary(SummaryOp::Last));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    pub(super) name: String,
    pub(super) definition: Definition,
    pub(super) overwrite: bool,
}

impl Metric {
    /// Names a metric, or with a `*` at the end all whose names begin so and not with `_`. The exact name counts before a
    /// beginning, and a longer beginning before a shorter one.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), definition: Definition::default(), overwrite: false }
    }

    /// Sets the metric that it is to be drawn over.
    #[must_use]
    pub fn step_metric(mut self, name: impl Into<String>) -> Self {
        self.definition.step_metric = Some(name.into());
        self
    }

    /// Sets whether a row that has this metric and lacks its step metric gets the last value of that, 0 if there is none. It
    /// does by default.
    #[must_use]
    pub fn step_sync(mut self, sync: bool) -> Self {
        self.definition.step_sync = Some(sync);
        self
    }

    /// Sets whether it has no chart of its own.
    #[must_use]
    pub fn hidden(mut self, hidden: bool) -> Self {
        self.definition.hidden = Some(hidden);
        self
    }

    /// Adds to what the summary is to have of it.
    #[must_use]
    pub fn summary(mut self, op: SummaryOp) -> Self {
        self.definition.summary.push(op);
        self
    }

    /// Sets which way it is better.
    #[must_use]
    pub fn goal(mut self, goal: Goal) -> Self {
        self.definition.goal = Some(goal);
        self
    }

    /// Lets this take the place of an earlier definition of the same name, rather than add to it.
    #[must_use]
    pub fn overwrite(mut self, overwrite: bool) -> Self {
        self.overwrite = overwrite;
        self
    }

    /// Reads the data of an event.
    pub(super) fn parse(name: &str, data: &str) -> Result<Self> {
        let refused = |e| Error::usage(format!("The definition of metric `{name}` is none")).with_source(e);
        let data = if data.is_empty() { "{}" } else { data };
        let overwrite: Overwrite = serde_json::from_str(data).map_err(refused)?;
        let definition = serde_json::from_str(data).map_err(refused)?;
        Ok(Self { name: name.to_owned(), definition, overwrite: overwrite.overwrite.unwrap_or(false) })
    }

    /// Brings its names into the form that keys have, and checks them.
    pub(super) fn checked(mut self) -> Result<Self> {
        self.name = literal(&self.name);
        if self.name.is_empty() || stem(&self.name).unwrap_or(&self.name).contains('*') {
            let name = &self.name;
            return Err(Error::usage(format!(
                "Metric `{name}` cannot be defined: a name is not empty and has a `*` at its end at most"
            )));
        }
        let step = self.definition.step_metric.take().map(|step| literal(&step));
        self.definition.step_metric = step.filter(|step| !step.is_empty());
        match &self.definition.step_metric {
            Some(step) if step.contains('*') => {
                Err(Error::usage(format!("`{step}` is no name of a step metric: it has a `*`")))
            }
            _ => Ok(self),
        }
    }
}

/// Takes the backslashes away that tell a dot in a name from one between names: here they are the same.
fn literal(name: &str) -> String {
    name.replace("\\.", ".")
}

/// Returns what names begin with that a name with a `*` stands for.
pub(super) fn stem(name: &str) -> Option<&str> {
    name.strip_suffix('*')
}

/// Says whether a definition of this name is one of a key.
pub(super) fn covers(name: &str, key: &str) -> bool {
    stem(name).map_or(name == key, |stem| key.starts_with(stem) && !key.starts_with('_'))
}

#[derive(Deserialize)]
struct Overwrite {
    overwrite: Option<bool>,
}

/// What is known of a metric, as the data of an event has it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Definition {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) step_metric: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) step_sync: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hidden: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "list")]
    pub(super) summary: Vec<SummaryOp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) goal: Option<Goal>,
    /// The definition with a `*` that this follows from, for a key that was logged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) glob: Option<String>,
}

/// Reads a list, or one text with commas.
fn list<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Vec<SummaryOp>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given {
        List(Vec<SummaryOp>),
        Text(String),
        Nothing,
    }
    Ok(match Given::deserialize(deserializer)? {
        Given::List(ops) => ops,
        Given::Nothing => Vec::new(),
        Given::Text(text) => {
            let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
            let ops = words
                .map(|word| SummaryOp::deserialize(serde::de::value::StrDeserializer::<D::Error>::new(word)));
            ops.collect::<std::result::Result<_, _>>()?
        }
    })
}

impl Definition {
    /// Adds a newer definition to this one. What that leaves open stays.
    pub(super) fn add(&self, newer: &Self) -> Self {
        Self {
            step_metric: newer.step_metric.clone().or_else(|| self.step_metric.clone()),
            step_sync: newer.step_sync.or(self.step_sync),
            hidden: newer.hidden.or(self.hidden),
            summary: self.add_summary(&newer.summary),
            goal: newer.goal.or(self.goal),
            glob: None,
        }
    }

    /// `none` and `copy` take the place of what was there before, and something newer takes theirs.
    fn add_summary(&self, newer: &[SummaryOp]) -> Vec<SummaryOp> {
        if newer.contains(&SummaryOp::None) {
            return vec![SummaryOp::None];
        }
        let given = newer.iter().filter(|op| **op != SummaryOp::Copy);
        let before = if newer.contains(&SummaryOp::Copy) { &[] } else { self.summary.as_slice() };
        let before = before.iter().filter(|op| newer.is_empty() || **op != SummaryOp::None);
        let mut ops: Vec<SummaryOp> = before.chain(given).copied().collect();
        ops.sort_unstable();
        ops.dedup();
        ops
    }

    /// Returns the metric whose last value a row with this one is to have.
    pub(super) fn synced(&self) -> Option<&str> {
        self.step_metric.as_deref().filter(|_| self.step_sync.unwrap_or(true))
    }

    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

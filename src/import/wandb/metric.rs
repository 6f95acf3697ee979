//! How definitions of metrics add up: W&B records what each call says, danlu what is defined after it.

use super::messages::{Metric, MetricSummary};
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, HashSet};

/// The definitions so far.
#[derive(Default)]
pub(super) struct Definitions {
    by_name: BTreeMap<String, Map<String, Json>>,
    /// Keys of the history that were looked up.
    seen: HashSet<String>,
}

impl Definitions {
    /// Adds what a call said, and returns the name and what is defined of it now.
    pub(super) fn add(&mut self, metric: Metric) -> (String, String) {
        let name = if metric.name.is_empty() { metric.glob_name } else { metric.name };
        let defined = self.by_name.entry(name.clone()).or_default();
        if metric.control.is_some_and(|control| control.overwrite) {
            defined.clear();
        }
        if !metric.step_metric.is_empty() {
            defined.insert("step_metric".to_owned(), metric.step_metric.into());
        }
        if let Some(options) = metric.options {
            if options.step_sync {
                defined.insert("step_sync".to_owned(), true.into());
            }
            if options.hidden {
                defined.insert("hidden".to_owned(), true.into());
            }
        }
        if let Some(summary) = metric.summary {
            let ops = ops(&summary);
            if !ops.is_empty() {
                defined.insert("summary".to_owned(), ops.into());
            }
        }
        if let Some(goal) =
            ["minimize", "maximize"].get(usize::try_from(metric.goal - 1).unwrap_or(usize::MAX))
        {
            defined.insert("goal".to_owned(), (*goal).into());
        }
        (name, Json::Object(defined.clone()).to_string())
    }

    /// Returns what is defined of a key that comes for the first time, if that follows from a name with a `*`: older versions
    /// of W&B leave it to who reads.
    pub(super) fn of_key(&mut self, key: &str) -> Option<String> {
        if self.by_name.is_empty() || self.seen.contains(key) {
            return None;
        }
        self.seen.insert(key.to_owned());
        if self.by_name.contains_key(key) || key.starts_with('_') {
            return None;
        }
        let covers = |name: &str| name.strip_suffix('*').is_some_and(|stem| key.starts_with(stem));
        let (glob, defined) =
            self.by_name.iter().filter(|(name, _)| covers(name)).max_by_key(|(name, _)| name.len())?;
        let mut defined = defined.clone();
        defined.insert("glob".to_owned(), glob.as_str().into());
        Some(Json::Object(defined).to_string())
    }
}

fn ops(summary: &MetricSummary) -> Vec<&'static str> {
    if summary.none {
        return vec!["none"];
    }
    let all = [
        (summary.min, "min"),
        (summary.max, "max"),
        (summary.mean, "mean"),
        (summary.first, "first"),
        (summary.last, "last"),
        (summary.best, "best"),
    ];
    all.into_iter().filter_map(|(given, op)| given.then_some(op)).collect()
}

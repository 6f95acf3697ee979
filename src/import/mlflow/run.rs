//! What MLflow knows of a run, wherever it keeps it.

use crate::import::files;
use crate::import::head::Head;
use crate::import::json;
use crate::model::{Result, Value, limits};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Whether a run, or its experiment, was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Active,
    Deleted,
}

/// What is known before a run is read.
pub(super) struct About {
    pub(super) id: String,
    pub(super) experiment: String,
    pub(super) stage: Stage,
}

/// How a run stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum RunStatus {
    /// It runs, or it was killed in a way that MLflow did not see.
    #[default]
    Running,
    Finished,
    Failed,
    Killed,
}

impl RunStatus {
    /// Reads the number or the word that MLflow writes.
    pub(super) fn parse(text: &str) -> Self {
        match text {
            "3" | "FINISHED" => Self::Finished,
            "4" | "FAILED" => Self::Failed,
            "5" | "KILLED" => Self::Killed,
            _ => Self::Running,
        }
    }

    fn exit_code(self) -> Option<i32> {
        match self {
            Self::Running => None,
            Self::Finished => Some(0),
            Self::Failed => Some(1),
            // As a shell has it for SIGKILL.
            Self::Killed => Some(137),
        }
    }
}

/// All that is known of a run but its metrics.
#[derive(Default)]
pub(super) struct Read {
    pub(super) name: String,
    pub(super) user: String,
    pub(super) status: RunStatus,
    /// Times in microseconds.
    pub(super) start: Option<i64>,
    pub(super) end: Option<i64>,
    pub(super) params: BTreeMap<String, String>,
    pub(super) tags: BTreeMap<String, String>,
    /// How long these are.
    pub(super) texts: usize,
    /// Where the artifacts are, if they are here.
    pub(super) artifacts: Option<PathBuf>,
    pub(super) lost: BTreeMap<String, u64>,
    pub(super) left_out: Vec<String>,
}

impl Read {
    /// Takes a parameter or a tag, as long as they are not too many.
    pub(super) fn text(&mut self, kind: &str, name: String, text: String) {
        self.texts += name.len() + text.len();
        if self.texts > limits::IMPORT_TEXTS_BYTES {
            return self.lose(format!("{kind} are too many"), 1);
        }
        if kind == "params" { &mut self.params } else { &mut self.tags }.insert(name, text);
    }

    /// Counts what is lost.
    pub(super) fn lose(&mut self, why: impl Into<String>, how_much: u64) {
        if how_much > 0 {
            *self.lost.entry(why.into()).or_default() += how_much;
        }
    }

    /// Brings it into the form that runs have here.
    pub(super) fn head(mut self, times: Option<(i64, i64)>, follow_links: bool) -> Result<Head> {
        let mut head = Head { lost: self.lost, left_out: self.left_out, ..Head::default() };
        for time in
            times.into_iter().flat_map(|(first, last)| [first, last]).chain(self.start).chain(self.end)
        {
            head.heard(time);
        }
        head.time = self.start.unwrap_or(head.time);
        head.end = self.status.exit_code().map(|code| (self.end.unwrap_or(head.last), code));
        head.name = self.tags.get("mlflow.runName").cloned().unwrap_or(self.name);
        head.notes = self.tags.remove("mlflow.note.content").unwrap_or_default();
        if let Some(parent) = self.tags.get("mlflow.parentRunId") {
            head.group.clone_from(parent);
        }
        let mut info = Map::new();
        for (name, value) in &self.tags {
            if name.starts_with("mlflow.") {
                info.insert(name.clone(), value.as_str().into());
            } else {
                head.tags.push(if value.is_empty() { name.clone() } else { format!("{name}={value}") });
            }
        }
        if !self.user.is_empty() {
            info.insert("user".to_owned(), self.user.into());
        }
        head.info.insert("mlflow".to_owned(), Json::Object(info));
        // MLflow keeps all of them as texts; numbers are to be compared as numbers.
        head.config = self.params.into_iter().map(|(name, text)| (name, param(text))).collect();
        if let Some(artifacts) = self.artifacts {
            head.files = files::below(&artifacts, "", follow_links, &mut head.left_out)?;
        }
        Ok(head)
    }
}

fn param(text: String) -> Value {
    match json::value(&text) {
        Some(number @ (Value::Int(_) | Value::Float(_))) => number,
        _ => match text.as_str() {
            "True" => Value::from(true),
            "False" => Value::from(false),
            _ => Value::from(text),
        },
    }
}

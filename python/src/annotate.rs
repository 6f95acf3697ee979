//! Saying more about a run that is over.

use crate::read::telling;
use danlu::model::{Clock, ErrorKind, EventKind, SystemClock};
use danlu::query::{self, RunInfo, State};
use danlu::{Error, Resume, Value, writer};
use pyo3::prelude::*;
use std::path::{Path, PathBuf};

/// Appends to a run that is over, as an attempt of its own after which the run is as it was before: finished, failed or
/// crashed. Each change is an operation, a name, and a text: `config` and `summary` take JSON, `unset_config` and
/// `unset_summary` nothing, `rename` (of `name`, `notes`, `group`, `job_type`), `tag`, `untag`, `artifact` (text: `made`, `used`
/// and so on; JSON after a line feed).
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "an argument that Python hands over is owned")]
pub(crate) fn annotate(
    py: Python<'_>,
    dir: PathBuf,
    run: &str,
    changes: Vec<(String, String, String)>,
) -> PyResult<()> {
    telling(py, |warn| {
        let found = query::find(&dir, run, &writer::host_name(), SystemClock.now(), warn)?;
        if found.state == State::Running {
            let message = format!("Cannot change run {}: it is being written", query::full_name(&found));
            return Err(Error::new(ErrorKind::Conflict, message).with_hint("wait until it is finished"));
        }
        let changes = changes.into_iter().map(Change::parse).collect::<danlu::Result<Vec<_>>>()?;
        let run = begin(&found)?;
        changes.into_iter().for_each(|change| change.make(&run));
        if run.lost() > 0 {
            let message = format!("Some changes of run {} could not be stored", found.id);
            return Err(
                Error::new(ErrorKind::Io, message).with_hint("their values are too large or too deep")
            );
        }
        match found.exit_code.and_then(|code| i32::try_from(code).ok()) {
            Some(code) => run.finish(code),
            // Dropped without an end it counts as crashed, as before.
            None => run.flush(),
        }
    })
}

/// Begins an attempt in the directory that a run file is in.
fn begin(found: &RunInfo) -> danlu::Result<danlu::Run> {
    let above = found.path.parent().and_then(Path::parent).unwrap_or(Path::new("."));
    let builder = danlu::Run::builder(&found.project);
    // The part of a rank is gone on with by its number.
    let builder = found.rank.into_iter().fold(builder, danlu::RunBuilder::rank);
    builder
        .entity(&found.entity)
        .id(&found.id)
        .resume(Resume::Must)
        .beside()
        .dir(above)
        .info("{\"annotation\":true}")
        .start()
}

/// A change that is understood.
enum Change {
    Config(String, Option<Value>),
    Summary(String, Option<Value>),
    Event(EventKind, String, String, String),
}

impl Change {
    fn parse((operation, name, text): (String, String, String)) -> danlu::Result<Self> {
        Ok(match &*operation {
            "config" => Self::Config(name, Some(value_of(&text)?)),
            "summary" => Self::Summary(name, Some(value_of(&text)?)),
            "unset_config" => Self::Config(name, None),
            "unset_summary" => Self::Summary(name, None),
            "rename" => Self::Event(EventKind::Rename, name, text, String::new()),
            "tag" => Self::Event(EventKind::Tag, name, "add".into(), String::new()),
            "untag" => Self::Event(EventKind::Tag, name, "remove".into(), String::new()),
            "artifact" => {
                let (relation, data) = text.split_once('\n').unwrap_or((&text, ""));
                Self::Event(EventKind::Artifact, name, relation.into(), data.into())
            }
            _ => return Err(Error::usage(format!("There is no operation `{operation}` on runs"))),
        })
    }

    fn make(self, run: &danlu::Run) {
        match self {
            Self::Config(key, Some(value)) => run.config(key, value),
            Self::Config(key, None) => run.remove_config(key),
            Self::Summary(key, Some(value)) => run.summary(key, value),
            Self::Summary(key, None) => run.remove_summary(key),
            Self::Event(kind, name, text, data) => run.event(kind, name, text, data),
        }
    }
}

/// Reads JSON text, and the floats that Python's `json` writes and JSON does not have.
fn value_of(text: &str) -> danlu::Result<Value> {
    Ok(match text {
        "NaN" => Value::Float(f64::NAN),
        "Infinity" => Value::Float(f64::INFINITY),
        "-Infinity" => Value::Float(f64::NEG_INFINITY),
        _ => {
            let json: serde_json::Value = serde_json::from_str(text)
                .map_err(|e| Error::usage(format!("`{text}` is no JSON")).with_source(e))?;
            Value::from(json)
        }
    })
}

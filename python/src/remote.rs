//! Looking at the runs of a remote.

use crate::connection::Connection;
use crate::error::sentence;
use danlu::Result;
use danlu::cli::Place;
use danlu::mirror::{Brought, Wanted};
use danlu::model::{Clock, Error, ErrorKind, Hash, SystemClock};
use danlu::remote::RunHead;
use danlu::sync;
use pyo3::prelude::*;
use std::path::PathBuf;
use std::sync::Arc;

/// A remote, by its address or the name that it has in a directory. Nothing is asked before something is wanted.
#[pyclass(frozen, module = "danlu._core")]
pub(crate) struct Remote(Connection);

#[pymethods]
impl Remote {
    #[new]
    #[pyo3(signature = (address, dir, key=None))]
    #[expect(clippy::needless_pass_by_value, reason = "an argument that Python hands over is owned")]
    fn new(py: Python<'_>, address: &str, dir: PathBuf, key: Option<String>) -> PyResult<Self> {
        let open = || {
            let connection = Connection::new(Place::named(address, &dir, key)?);
            // What is wrong with the address is said now.
            connection.server()?;
            Ok(Self(connection))
        };
        py.detach(open).map_err(|e| to_python(py, &e))
    }

    /// The address.
    #[getter]
    fn name(&self) -> &str {
        self.0.address()
    }

    /// Whether it is a server, which answers `ask`.
    #[getter]
    fn is_server(&self) -> bool {
        danlu::remote::is_server(self.name())
    }

    /// Asks the API of a server at a path below `/api/v1/`; takes and returns JSON.
    #[pyo3(signature = (method, path, body=None))]
    fn ask(&self, py: Python<'_>, method: &str, path: &str, body: Option<String>) -> PyResult<String> {
        let ask = || {
            let server = self.0.server()?;
            let server = server.ok_or_else(|| Error::usage(format!("`{}` is no server", self.name())))?;
            let body = body.map(|body| serde_json::from_str(&body)).transpose();
            let body = body.map_err(|e| Error::usage("The body is no JSON").with_source(e))?;
            server.ask(method, path, body.as_ref()).map(|answer| answer.to_string())
        };
        py.detach(ask).map_err(|e| to_python(py, &e))
    }

    /// The directory that records are brought to.
    fn directory(&self, py: Python<'_>) -> PyResult<PathBuf> {
        let found = py.detach(|| self.0.mirror().map(|mirror| mirror.directory().to_owned()));
        found.map_err(|e| to_python(py, &e))
    }

    /// Lists all runs: JSON with key, entity, project, id, digest, records and whether it is open.
    fn heads(&self, py: Python<'_>) -> PyResult<String> {
        let heads = py.detach(|| self.0.mirror()?.heads()).map_err(|e| to_python(py, &e))?;
        let shown = |head: &RunHead| {
            serde_json::json!({
                "key": head.key, "entity": head.run.entity, "project": head.run.project, "id": head.run.id,
                "digest": head.digest, "records": head.records, "open": head.open,
            })
        };
        Ok(serde_json::Value::from_iter(heads.iter().map(shown)).to_string())
    }

    /// Brings the records of runs here, by their keys, each with its digest if that is known. Returns JSON with what `danlu ls --json` says of each, and its key. Those
    /// that are gone are left out; what cannot be read is warned about, unless it is all that was asked for.
    fn fetch(&self, py: Python<'_>, runs: Vec<(String, Option<String>)>) -> PyResult<String> {
        let (found, warnings) = py.detach(|| self.bring(runs)).map_err(|e| to_python(py, &e))?;
        let say = py.import("danlu._say")?.getattr("warn")?;
        warnings.into_iter().try_for_each(|warning| say.call1((warning,)).map(|_| ()))?;
        Ok(serde_json::Value::from(found).to_string())
    }

    /// Writes a content into `dest`, checked, whole or not at all; returns its size.
    #[expect(clippy::needless_pass_by_value, reason = "an argument that Python hands over is owned")]
    fn content(&self, py: Python<'_>, sha256: &str, dest: PathBuf) -> PyResult<u64> {
        let read = || self.0.mirror()?.content(parse(sha256)?, &dest, &|_| {});
        py.detach(read).map_err(|e| to_python(py, &e))
    }

    /// Pushes the runs of a directory, all of which have ended.
    #[expect(clippy::needless_pass_by_value, reason = "an argument that Python hands over is owned")]
    fn push(&self, py: Python<'_>, dir: PathBuf) -> PyResult<()> {
        let push = || {
            let clock = Arc::new(SystemClock);
            sync::push_all(&dir, &danlu::writer::host_name(), self.0.mirror()?.remote(), clock)
        };
        py.detach(push).map_err(|e| to_python(py, &e))
    }
}

impl Remote {
    fn bring(&self, runs: Vec<(String, Option<String>)>) -> Result<(Vec<serde_json::Value>, Vec<String>)> {
        let mirror = self.0.mirror()?;
        let now = SystemClock.now();
        let wanted = |(key, digest): (String, Option<String>)| {
            Ok(Wanted { key: parse(&key)?, digest: digest.as_deref().map(parse).transpose()? })
        };
        let wanted = runs.into_iter().map(wanted).collect::<Result<Vec<_>>>()?;
        if let [only] = wanted.as_slice() {
            let found = mirror.bring_run(*only, now)?;
            return Ok((found.iter().map(shown).collect::<Result<_>>()?, Vec::new()));
        }
        let (mut found, mut warnings) = (Vec::new(), Vec::new());
        for (key, brought) in mirror.bring(&wanted, now)? {
            match brought {
                Ok(brought) => found.push(shown(&brought)?),
                Err(e) => warnings.push(format!("Run {key} is left out: {}", sentence(&e))),
            }
        }
        Ok((found, warnings))
    }
}

fn parse(hash: &str) -> Result<Hash> {
    Hash::parse(hash)
        .ok_or_else(|| Error::usage(format!("`{hash}` is no SHA-256: it takes 64 hexadecimal digits")))
}

fn shown(brought: &Brought) -> Result<serde_json::Value> {
    let mut value = serde_json::to_value(&brought.info)
        .map_err(|e| Error::damaged("Cannot show a run").with_source(e))?;
    if let Some(object) = value.as_object_mut() {
        object.insert("key".to_owned(), brought.key.to_string().into());
    }
    Ok(value)
}

/// Makes the exception that programs for wandb catch.
fn to_python(py: Python<'_>, error: &Error) -> PyErr {
    let (module, name) = match error.kind() {
        ErrorKind::Unreachable => ("danlu.errors", "CommError"),
        ErrorKind::Denied => ("danlu.errors", "AuthenticationError"),
        ErrorKind::NotFound | ErrorKind::Gone => ("danlu.apis.public.errors", "NotFoundError"),
        _ => return crate::error::to_python(py, error),
    };
    let class = py.import(module).and_then(|module| module.getattr(name));
    let made = class.and_then(|class| class.call1((sentence(error),)));
    made.map_or_else(|e| e, PyErr::from_value)
}

/// Finds where the runs of a directory are sent when no remote is named.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "an argument that Python hands over is owned")]
pub(crate) fn default_remote(py: Python<'_>, dir: PathBuf) -> PyResult<Option<String>> {
    py.detach(|| danlu::cli::default_remote(&dir)).map_err(|e| to_python(py, &e))
}

//! Stored contents, read out into files.

use crate::error::to_python;
use danlu::model::{Error, ErrorKind, Hash};
use danlu::query::{self, SqlValue as Sqlite};
use pyo3::prelude::*;
use std::path::PathBuf;

/// Writes the newest version of a stored file of a run into `dest`, whole or not at all; returns its SHA-256 and size.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "an argument that Python hands over is owned")]
pub(crate) fn read_file(
    py: Python<'_>,
    paths: Vec<PathBuf>,
    name: &str,
    dest: PathBuf,
) -> PyResult<(String, u64)> {
    let read = || {
        let sha256 = newest(&paths, name)?;
        query::extract_blob(&paths, sha256, &dest).map(|size| (sha256.to_string(), size))
    };
    py.detach(read).map_err(|e| to_python(py, &e))
}

/// Finds the newest content that the files of a run have under a name.
fn newest(paths: &[PathBuf], name: &str) -> danlu::Result<Hash> {
    let sql = "SELECT time, sha256 FROM files WHERE path = ?";
    let mut found: Option<(f64, String)> = None;
    for path in paths {
        for row in query::sql_of(path, sql, &[Sqlite::Text(name.to_owned())])?.rows {
            let [Sqlite::Real(time), Sqlite::Text(sha256)] = row.as_slice() else { continue };
            if found.as_ref().is_none_or(|(newest, _)| newest <= time) {
                found = Some((*time, sha256.clone()));
            }
        }
    }
    found.and_then(|(_, sha256)| Hash::parse(&sha256)).ok_or_else(|| {
        Error::new(ErrorKind::NotFound, format!("The run has no file `{name}`"))
            .with_hint("`danlu files` lists them")
    })
}

/// Writes a content of a run into `dest`, whole or not at all; returns its size.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "an argument that Python hands over is owned")]
pub(crate) fn read_blob(py: Python<'_>, paths: Vec<PathBuf>, sha256: &str, dest: PathBuf) -> PyResult<u64> {
    let read = || {
        let unknown = || Error::usage(format!("`{sha256}` is no SHA-256: it takes 64 hexadecimal digits"));
        query::extract_blob(&paths, Hash::parse(sha256).ok_or_else(unknown)?, &dest)
    };
    py.detach(read).map_err(|e| to_python(py, &e))
}

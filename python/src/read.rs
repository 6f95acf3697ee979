//! Reading runs back.

use crate::error::to_python;
use danlu::model::{Clock, SystemClock};
use danlu::query::{self, Axis, Column, SqlValue as Sqlite};
use danlu::{store, writer};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyFloat, PyString, PyTuple};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Reads what a key of a run comes to in columns; see `danlu.envelope`.
#[pyfunction]
pub(crate) fn envelope<'py>(
    py: Python<'py>,
    dir: &str,
    run: &str,
    key: &str,
    x: &str,
    x_range: Option<(f64, f64)>,
    columns: usize,
) -> PyResult<Bound<'py, PyDict>> {
    let found = telling(py, |warn| {
        let now = SystemClock.now();
        let run = query::find(Path::new(dir), run, &writer::host_name(), now, warn)?;
        let files = run.parts.iter().map(|path| store::open(path)).collect::<Result<Vec<_>, _>>()?;
        query::envelope(&files, key, Axis::named(x), x_range, columns)
    })?;
    table(py, &found)
}

/// Reads without the GIL, and says afterwards what there was to warn about.
pub(crate) fn telling<T: Send>(
    py: Python<'_>,
    read: impl Send + FnOnce(&dyn Fn(String)) -> danlu::Result<T>,
) -> PyResult<T> {
    let (found, warnings) = py.detach(|| {
        let warnings = RefCell::new(Vec::new());
        let found = read(&|warning| warnings.borrow_mut().push(warning));
        (found, warnings.into_inner())
    });
    let say = py.import("danlu._say")?.getattr("warn")?;
    warnings.into_iter().try_for_each(|warning| say.call1((warning,)).map(|_| ()))?;
    found.map_err(|e| to_python(py, &e))
}

/// Lists the runs of a directory, oldest first, as `danlu ls --json` does. What cannot be read is warned about.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "an argument that Python hands over is owned")]
pub(crate) fn runs(py: Python<'_>, dir: PathBuf) -> PyResult<Bound<'_, PyAny>> {
    let found = telling(py, |warn| {
        let found = query::list(&dir, &writer::host_name(), SystemClock.now(), warn)?;
        found.unreadable.iter().for_each(|(_, e)| warn(e.to_string()));
        query::unite(found.runs)
    })?;
    let text = serde_json::to_string(&found).map_err(|e| PyValueError::new_err(e.to_string()))?;
    py.import("json")?.call_method1("loads", (text,))
}

/// Answers an SQL query over the files of one run, the rows of each after those of the one before.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "an argument that Python hands over is owned")]
pub(crate) fn sql<'py>(
    py: Python<'py>,
    paths: Vec<PathBuf>,
    query: &str,
    parameters: Vec<Bound<'py, PyAny>>,
) -> PyResult<(Vec<String>, Vec<Bound<'py, PyTuple>>)> {
    let parameters = parameters.iter().map(to_sqlite).collect::<PyResult<Vec<_>>>()?;
    let answers = py.detach(|| {
        let answers = paths.iter().map(|path| query::sql_of(path, query, &parameters));
        answers.collect::<Result<Vec<_>, _>>()
    });
    let answers = answers.map_err(|e| to_python(py, &e))?;
    let columns = answers.first().map(|answer| answer.columns.clone()).unwrap_or_default();
    let rows = answers.iter().flat_map(|answer| &answer.rows);
    let row = |row: &Vec<Sqlite>| {
        PyTuple::new(py, row.iter().map(|value| from_sqlite(py, value)).collect::<PyResult<Vec<_>>>()?)
    };
    Ok((columns, rows.map(row).collect::<PyResult<_>>()?))
}

fn to_sqlite(object: &Bound<'_, PyAny>) -> PyResult<Sqlite> {
    if object.is_none() {
        return Ok(Sqlite::Null);
    }
    if let Ok(int) = object.extract::<i64>() {
        return Ok(Sqlite::Integer(int));
    }
    if let Ok(float) = object.extract::<f64>() {
        return Ok(Sqlite::Real(float));
    }
    match object.extract::<Vec<u8>>() {
        Ok(bytes) if object.is_instance_of::<PyBytes>() => Ok(Sqlite::Blob(bytes)),
        _ => object.extract().map(Sqlite::Text),
    }
}

fn from_sqlite<'py>(py: Python<'py>, value: &Sqlite) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Sqlite::Null => py.None().into_bound(py),
        Sqlite::Integer(int) => int.into_pyobject(py)?.into_any(),
        Sqlite::Real(float) => PyFloat::new(py, *float).into_any(),
        Sqlite::Text(text) => PyString::new(py, text).into_any(),
        Sqlite::Blob(bytes) => PyBytes::new(py, bytes).into_any(),
    })
}

/// The steps, times in seconds and values of a key: eight bytes each, little-endian.
type Arrays<'py> = (Bound<'py, PyBytes>, Bound<'py, PyBytes>, Bound<'py, PyBytes>);

/// Reads the numbers of keys of the history as arrays: steps (i64, the lowest for none), times (f64) and values (f64, NaN for
/// what is no number).
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "an argument that Python hands over is owned")]
pub(crate) fn series<'py>(
    py: Python<'py>,
    paths: Vec<PathBuf>,
    keys: Vec<String>,
) -> PyResult<BTreeMap<String, Arrays<'py>>> {
    let mut all = BTreeMap::new();
    for key in keys {
        let arrays = py.detach(|| {
            let mut arrays: [Vec<u8>; 3] = Default::default();
            for path in &paths {
                let series = query::series(&store::open(path)?, &key)?;
                arrays[0].extend(series.step.iter().flat_map(|step| step.unwrap_or(i64::MIN).to_le_bytes()));
                arrays[1].extend(series.time.iter().flat_map(|time| time.to_le_bytes()));
                let values = series.value.iter().map(|value| value.as_f64().unwrap_or(f64::NAN));
                arrays[2].extend(values.flat_map(f64::to_le_bytes));
            }
            danlu::Result::Ok(arrays)
        });
        let [steps, times, values] = arrays.map_err(|e| to_python(py, &e))?;
        all.insert(key, (PyBytes::new(py, &steps), PyBytes::new(py, &times), PyBytes::new(py, &values)));
    }
    Ok(all)
}

/// Makes lists of the same length, which any data frame takes.
fn table<'py>(py: Python<'py>, columns: &[Column]) -> PyResult<Bound<'py, PyDict>> {
    let table = PyDict::new(py);
    let floats = |name, float: fn(&Column) -> Option<f64>| {
        table.set_item(name, columns.iter().map(float).collect::<Vec<_>>())
    };
    let counts =
        |name, count: fn(&Column) -> u64| table.set_item(name, columns.iter().map(count).collect::<Vec<_>>());
    floats("x_min", |column| Some(column.x.0))?;
    floats("x_max", |column| Some(column.x.1))?;
    floats("first", |column| column.first)?;
    floats("min", |column| column.min)?;
    floats("max", |column| column.max)?;
    floats("last", |column| column.last)?;
    floats("mean", |column| column.mean)?;
    counts("count", |column| column.count)?;
    counts("nan", |column| column.nan)?;
    counts("inf", |column| column.inf)?;
    Ok(table)
}

//! Reading runs back.

use crate::error::to_python;
use danlu::model::{Clock, SystemClock};
use danlu::query::{self, Axis, Column};
use danlu::{store, writer};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::path::Path;

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
    let (found, warnings) = py.detach(|| {
        let warnings = std::cell::RefCell::new(Vec::new());
        let warn = |warning: String| warnings.borrow_mut().push(warning);
        let now = SystemClock.now();
        let found = query::find(Path::new(dir), run, &writer::host_name(), now, &warn).and_then(|run| {
            let files = run.parts.iter().map(|path| store::open(path)).collect::<Result<Vec<_>, _>>()?;
            query::envelope(&files, key, Axis::named(x), x_range, columns)
        });
        (found, warnings.into_inner())
    });
    let say = py.import("danlu._say")?.getattr("warn")?;
    warnings.into_iter().try_for_each(|warning| say.call1((warning,)).map(|_| ()))?;
    table(py, &found.map_err(|e| to_python(py, &e))?)
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

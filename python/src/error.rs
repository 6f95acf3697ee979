//! From errors of the core to exceptions.

use danlu::ErrorKind;
use pyo3::exceptions::{PyException, PyRuntimeError};
use pyo3::prelude::*;

/// Makes a `danlu.UsageError` of what the caller did wrong, and a `danlu.Error` of everything else.
pub(crate) fn to_python(py: Python<'_>, error: &danlu::Error) -> PyErr {
    let name = match error.kind() {
        ErrorKind::Usage | ErrorKind::Limit => "UsageError",
        _ => "Error",
    };
    let make = || {
        let class = py.import("danlu._errors")?.getattr(name)?;
        class.call1((sentence(error),))
    };
    make().map_or_else(|e| PyRuntimeError::new_err(format!("{error} ({e})")), PyErr::from_value)
}

/// Returns the message of an error with its hint.
pub(crate) fn sentence(error: &danlu::Error) -> String {
    match error.hint() {
        Some(hint) => format!("{error} ({hint})"),
        None => error.to_string(),
    }
}

/// Gives an error of user code as a reason, or passes it on: `KeyboardInterrupt` and `SystemExit` end the program.
pub(crate) fn reason(py: Python<'_>, error: PyErr) -> PyResult<String> {
    if error.is_instance_of::<PyException>(py) {
        return Ok(error
            .value(py)
            .str()
            .map_or_else(|_| "it raised an error".to_owned(), |text| text.to_string_lossy().into_owned()));
    }
    Err(error)
}

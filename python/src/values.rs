//! From Python objects to values and back.

use danlu::Value;
use pyo3::exceptions::{PyException, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyString, PyTuple};

/// Converts what needs no Python code to run: exact `int`, `bool`, `str` and `None`, and every kind of `float`.
pub(crate) fn simple(object: &Bound<'_, PyAny>) -> Option<Value> {
    // Also numpy.float64, which is a float; its own `__float__` is not asked.
    if let Ok(float) = object.cast::<PyFloat>() {
        return Some(Value::Float(float.value()));
    }
    if let Ok(int) = object.cast_exact::<PyInt>() {
        return int.extract().ok().map(Value::Int);
    }
    if let Ok(flag) = object.cast_exact::<PyBool>() {
        return Some(Value::from(flag.is_true()));
    }
    if let Ok(text) = object.cast_exact::<PyString>() {
        return text.to_cow().ok().map(|text| Value::text(&text));
    }
    object.is_none().then(|| Value::Json("null".to_owned()))
}

/// Converts a scalar of numpy, torch or another library, which loops log most of what is no plain number.
/// `None` where that takes more, or fails: `danlu._values` then finds out why.
///
/// # Errors
/// Only what ends the program, such as `KeyboardInterrupt`.
pub(crate) fn scalar(object: &Bound<'_, PyAny>) -> PyResult<Option<Value>> {
    let py = object.py();
    let ask = || -> PyResult<Option<Value>> {
        let Some(shape) = object.getattr_opt(intern!(py, "shape"))? else { return Ok(None) };
        if !shape.cast::<PyTuple>().is_ok_and(|shape| shape.is_empty()) {
            return Ok(None);
        }
        Ok(simple(&object.call_method0(intern!(py, "item"))?))
    };
    ask().or_else(|e| if e.is_instance_of::<PyException>(py) { Ok(None) } else { Err(e) })
}

/// What `danlu._values` makes of an object: the values to store by key, why others are not stored, and what takes longer
/// and is stored later.
#[derive(FromPyObject)]
pub(crate) struct Converted(
    pub(crate) Vec<(String, Leaf)>,
    pub(crate) Vec<String>,
    pub(crate) Vec<(String, Py<PyAny>)>,
);

/// A converted value.
pub(crate) struct Leaf(pub(crate) Value);

impl FromPyObject<'_, '_> for Leaf {
    type Error = PyErr;

    /// Takes a float, an int of 64 bits, or a str, which is JSON text.
    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        if let Ok(text) = object.cast_exact::<PyString>() {
            return Ok(Self(Value::Json(text.to_cow()?.into_owned())));
        }
        simple(&object).map(Self).ok_or_else(|| PyTypeError::new_err("danlu._values gave something else"))
    }
}

/// Converts any object, by Python code. A nested dict becomes several values.
pub(crate) fn flatten(key: &Bound<'_, PyAny>, object: &Bound<'_, PyAny>) -> PyResult<Converted> {
    static FUNCTION: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    FUNCTION.import(key.py(), "danlu._values", "flatten")?.call1((key, object))?.extract()
}

/// Converts any object, by Python code. A nested dict becomes one JSON object.
pub(crate) fn whole(key: &Bound<'_, PyAny>, object: &Bound<'_, PyAny>) -> PyResult<Converted> {
    static FUNCTION: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    FUNCTION.import(key.py(), "danlu._values", "whole")?.call1((key, object))?.extract()
}

/// Makes a dict of what was given to `log` and is none, or raises a `TypeError` that says why not.
pub(crate) fn as_dict<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    static FUNCTION: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let dict = FUNCTION.import(object.py(), "danlu._values", "as_dict")?.call1((object,))?;
    Ok(dict.cast_into::<PyDict>()?)
}

/// Makes the Python object of a value.
pub(crate) fn to_python<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    static LOADS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    match value {
        Value::Float(float) => Ok(PyFloat::new(py, *float).into_any()),
        Value::Int(int) => Ok(int.into_pyobject(py)?.into_any()),
        Value::Json(text) => LOADS.import(py, "json", "loads")?.call1((text,)),
    }
}

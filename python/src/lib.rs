//! The Python binding of danlu: the private module `danlu._core`.
//!
//! What training code calls in its loop is here; what it calls once is Python, in `python/danlu`.

mod annotate;
mod columns;
mod connection;
mod error;
mod files;
mod read;
mod recording;
mod remote;
mod run;
mod sink;
mod values;

use pyo3::prelude::*;

/// Runs the command line with `sys.argv` and returns its exit code.
#[pyfunction]
fn main(py: Python<'_>, args: Vec<String>) -> u8 {
    py.detach(|| danlu::cli::main(args))
}

/// Waits until no thread is inside SQLite, and keeps them out until the fork is made.
#[pyfunction]
fn before_fork(py: Python<'_>) {
    // Without the GIL: the thread that is waited for may be one that forks too.
    py.detach(danlu::writer::before_fork);
}

/// Lets the threads of this process go on, be it the parent or the child.
#[pyfunction]
fn after_fork() {
    danlu::writer::after_fork();
}

/// The part of danlu that is written in Rust. Private.
#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", danlu::VERSION)?;
    module.add_class::<remote::Remote>()?;
    module.add_class::<run::Run>()?;
    module.add_function(wrap_pyfunction!(main, module)?)?;
    module.add_function(wrap_pyfunction!(remote::default_remote, module)?)?;
    module.add_function(wrap_pyfunction!(read::envelope, module)?)?;
    module.add_function(wrap_pyfunction!(read::runs, module)?)?;
    module.add_function(wrap_pyfunction!(read::sql, module)?)?;
    module.add_function(wrap_pyfunction!(read::series, module)?)?;
    module.add_function(wrap_pyfunction!(files::read_file, module)?)?;
    module.add_function(wrap_pyfunction!(files::read_blob, module)?)?;
    module.add_function(wrap_pyfunction!(annotate::annotate, module)?)?;
    module.add_function(wrap_pyfunction!(recording::machine, module)?)?;
    module.add_function(wrap_pyfunction!(before_fork, module)?)?;
    module.add_function(wrap_pyfunction!(after_fork, module)?)
}

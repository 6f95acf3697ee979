//! The Python binding of danlu: the private module `danlu._core`.
//!
//! What training code calls in its loop is here; what it calls once is Python, in `python/danlu`.

mod annotate;
mod columns;
mod error;
mod files;
mod read;
mod recording;
mod remote;
mod run;
mod sink;
mod values;

use danlu::writer::ForkGuard;
use pyo3::prelude::*;
use std::cell::RefCell;

/// Runs the command line with `sys.argv` and returns its exit code.
#[pyfunction]
fn main(py: Python<'_>, args: Vec<String>) -> u8 {
    py.detach(|| danlu::cli::main(args))
}

thread_local! {
    /// What a fork that this thread is about to make waits for and holds.
    static FORK: RefCell<Option<ForkGuard>> = const { RefCell::new(None) };
}

/// Waits until no thread is inside SQLite, and keeps them out until the fork is made.
#[pyfunction]
fn before_fork(py: Python<'_>) {
    // Without the GIL: the thread that is waited for may be one that forks too.
    py.detach(|| {
        let guard = danlu::writer::before_fork();
        FORK.with(|fork| fork.replace(Some(guard)));
    });
}

/// Lets the threads of the parent go on.
#[pyfunction]
fn after_fork_in_parent() {
    FORK.with(RefCell::take);
}

/// Tells the runs of this process that it is the child of a fork: they belong to the parent.
#[pyfunction]
fn after_fork_in_child() {
    FORK.with(RefCell::take);
    danlu::writer::forked();
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
    module.add_function(wrap_pyfunction!(after_fork_in_parent, module)?)?;
    module.add_function(wrap_pyfunction!(after_fork_in_child, module)?)
}

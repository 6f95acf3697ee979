//! An offline-first run store for machine-learning training: one run is one SQLite file.
//!
//! ```no_run
//! # fn main() -> danlu::Result<()> {
//! let run = danlu::Run::builder("mnist").config("lr", 0.1).start()?;
//! for step in 0..100 {
//!     run.log([("loss", 1.0 / f64::from(step + 1))]);
//! }
//! run.save("model.bin")?;
//! run.finish(0)?;
//! # Ok(())
//! # }
//! ```
//!
//! Everything a run says is a [`model::Record`] in a stream. [`writer`] appends records to a journal and lets
//! [`store`] turn them into rows of the run file; [`query`] reads them; [`remote`] and [`sync`] carry them to
//! where people look; [`server`] takes them in with the same function. See `docs/architecture.md`.
//!
//! The library never prints, reads no environment and no home directory. What it has to say while training goes
//! on reaches the caller through [`RunBuilder::on_warning`].

#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "import")]
pub mod import;
#[cfg(feature = "http")]
pub mod mirror;
pub mod model;
pub mod query;
#[cfg(feature = "http")]
pub mod remote;
#[cfg(feature = "server")]
pub mod server;
pub mod store;
#[cfg(feature = "watch")]
pub mod sync;
#[cfg(feature = "system")]
pub mod system;
pub mod writer;

pub use model::{Error, ErrorKind, Result, Value};
pub use writer::{Goal, Key, Metric, Policy, Resume, Run, RunBuilder, SummaryOp};

/// The version of this library, as `major.minor.patch`.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

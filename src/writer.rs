//! The logging side: a run that is being written.
//!
//! [`Run::log`] appends to the journal and returns; a background thread syncs the journal and applies it to the run
//! file about once a second. Nothing here returns an error to, or waits for long in, the loop that logs: what goes
//! wrong is said once through [`RunBuilder::on_warning`], counted, and written into the run when that works again.

mod builder;
mod column;
mod define;
mod drain;
mod ears;
mod entry;
mod files;
mod fork;
mod ignore;
mod live;
mod metric;
mod metrics;
mod not_utf8;
mod put;
mod resume;
mod rows;
mod run;
mod save;
mod shared;
mod source;
mod store_files;
mod turns;
mod warnings;

pub use builder::{RunBuilder, Storage, host_name};
pub use fork::{after_fork, before_fork};
pub use metric::{Goal, Metric, SummaryOp};
pub use resume::Resume;
pub use rows::is_of_row;
pub use run::{Key, Logged, Restored, Run};
pub use save::{Policy, Saved};

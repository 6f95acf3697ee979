//! Carrying runs to a remote.
//!
//! [`pass`] pushes what is pending and returns; [`watch`] does so whenever a run finishes or a remote comes back. What
//! they know lives in `sync.sqlite` beside the runs; losing it costs a round of questions. They never write into a
//! run file, except to complete a run whose writer died.
//!
//! [`Hooks`] tell people of alerts, once each.

mod book;
mod hooks;
mod pass;
pub mod plan;
mod push;
mod state;
mod watch;

pub use book::Book;
pub use hooks::Hooks;
pub use pass::{Outcome, RunOutcome, Settings, Status, pass};
pub use push::{Progress, Sent, push};
pub use state::State;
pub use watch::watch;

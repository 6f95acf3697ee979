//! Carrying runs to a remote.
//!
//! [`pass`] pushes what is pending and returns; [`watch`] does so whenever a run finishes or a remote comes back. What
//! they know lives in `sync.sqlite` beside the runs; losing it costs a round of questions. They never write into a
//! run file, except to complete a run whose writer died.
//!
//! [`Hooks`] tell people of alerts, once each.

mod bell;
mod book;
mod hooks;
mod limit;
mod pass;
pub mod plan;
mod progress;
mod pull;
mod push_all;
mod selection;
mod source;
mod standing;
mod state;
mod watch;

pub use bell::Bell;
pub use book::Book;
pub use hooks::Hooks;
pub use limit::Limiter;
pub use pass::{Session, Settings, pass};
pub use progress::{Counts, Outcome, Progress, RunOutcome, Silent, Status};
pub use pull::{Open, Pulled, PulledRun, Pulling, local_files, pull};
pub use push_all::push_all;
pub use selection::{Selection, check_named};
pub use source::{Candidate, Content, Listed, LocalRuns, Name, Place, Relay, Source};
pub use standing::{At, RunAt, compare, standing};
pub use state::{Facts, Held, Peer, Stamp, State};
pub use watch::{Watched, watch};

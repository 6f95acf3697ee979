//! Pushing a whole directory, with nobody watching.

use super::{LocalRuns, Session, Settings, Source, State, Status, pass};
use crate::model::{Clock, Error, ErrorKind, Result};
use crate::remote::Remote;
use std::path::Path;
use std::sync::Arc;

/// Pushes every run of a directory once, asks the remote about all of them, and remembers nothing of it.
///
/// # Errors
/// A run cannot be pushed, or is still written; the others are pushed as far as the remote can be reached.
pub fn push_all(dir: &Path, host: &str, remote: &dyn Remote, clock: Arc<dyn Clock>) -> Result<()> {
    let runs = LocalRuns::new(dir, host, Arc::clone(&clock), Arc::new(|_| {}));
    let settings = Settings::silent(clock);
    let outcome = pass(&runs, remote, &State::in_memory()?, &mut Session::default(), &settings)?;
    if let Some(error) = outcome.error {
        return Err(error);
    }
    let Some(run) = outcome.runs.into_iter().find(|run| run.status != Status::Pushed) else { return Ok(()) };
    let name = run.name();
    let why = run.error.unwrap_or_else(|| format!("Run {name} of `{}` has not ended", runs.name()));
    let error = Error::new(ErrorKind::Conflict, why);
    Err(run.hint.into_iter().fold(error, Error::with_hint))
}

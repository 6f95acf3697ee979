//! What the server knows in one database: who may, every run at a glance, what people said about runs, what is removed.

mod accounts;
mod brief;
mod comments;
mod edits;
mod events;
mod glance;
mod keys;
mod projects;
mod proofs;
mod references;
mod removed;
mod runs;
mod schema;
mod scope;
mod stats;
mod teams;
mod who;

pub use accounts::Account;
pub(super) use accounts::{check_entity, seconds};
pub(super) use brief::brief;
pub(super) use comments::Comment;
pub(super) use edits::Edit;
pub(super) use events::{Event, EventKind};
pub(super) use glance::{Glance, Own};
pub use keys::{KeyInfo, NewKey};
pub(super) use projects::Project;
pub(super) use runs::{Listed, SILENCE};
pub use scope::Scope;
pub use teams::{Member, Team};
pub(super) use who::Who;

use super::database::{Database, Postgres, Sqlite};
use crate::model::{Hash, Result};
use std::path::Path;

/// The database, as the server's words.
pub(super) struct Catalogue {
    database: Box<dyn Database>,
    changed: tokio::sync::watch::Sender<i64>,
}

impl Catalogue {
    /// Opens or makes one in a file.
    ///
    /// # Errors
    /// The file cannot be written, is damaged, or is of a newer danlu.
    pub(super) fn in_file(path: &Path, now: i64) -> Result<Self> {
        Self::over(Box::new(Sqlite::open(path)?), now)
    }

    /// Opens or makes one in a PostgreSQL database.
    ///
    /// # Errors
    /// It cannot be reached, refuses, or is of a newer danlu.
    pub(super) fn in_postgres(address: &str, now: i64) -> Result<Self> {
        Self::over(Box::new(Postgres::open(address)?), now)
    }

    fn over(database: Box<dyn Database>, now: i64) -> Result<Self> {
        schema::prepare(&*database, now)?;
        proofs::prepare(&*database)?;
        let catalogue = Self { database, changed: tokio::sync::watch::Sender::new(0) };
        catalogue.changed.send_replace(catalogue.last_event()?);
        Ok(catalogue)
    }

    /// Returns the database, for questions that are put together elsewhere.
    pub(super) fn database(&self) -> &dyn Database {
        &*self.database
    }

    /// Keeps other servers away from runs, in the order of their keys, until the guard is dropped.
    ///
    /// # Errors
    /// The database cannot be used, or another server is at one of them for too long.
    pub(super) fn hold(&self, runs: &[Hash]) -> Result<Box<dyn Send>> {
        self.database.hold(runs)
    }

    /// Checks that the database answers.
    ///
    /// # Errors
    /// It does not.
    pub(super) fn check(&self) -> Result<()> {
        self.database.query("SELECT 1", &[]).map(|_| ())
    }
}

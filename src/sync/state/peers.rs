//! How it went with remotes as a whole.

use super::State;
use crate::model::{AttemptId, Error, Result};
use rusqlite::{OptionalExtension, params};

/// A remote as it was met last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its address.
    pub name: String,
    /// Who it said it is; none if it never answered.
    pub identity: Option<AttemptId>,
    /// When its runs were last compared with what it proved.
    pub looked: i64,
    /// What is wrong with it.
    pub error: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// When it was met last.
    pub time: i64,
}

impl Peer {
    /// Says whether more than the time is another.
    pub(in crate::sync) fn says_other_than(&self, other: &Self) -> bool {
        *self != Self { time: self.time, ..other.clone() }
    }
}

impl State {
    /// Returns what is known of a remote by its address.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn peer(&self, name: &str) -> Result<Option<Peer>> {
        let sql = "SELECT name, identity, looked, error, hint, time FROM peer WHERE name = ?";
        let connection = self.lock();
        let found = connection.query_row(sql, [name], |row| {
            Ok(Peer {
                name: row.get(0)?,
                identity: AttemptId::parse(&row.get::<_, String>(1)?),
                looked: row.get(2)?,
                error: row.get(3)?,
                hint: row.get(4)?,
                time: row.get(5)?,
            })
        });
        Ok(found.optional()?)
    }

    /// Returns the addresses of all remotes that were synced to.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn peers(&self) -> Result<Vec<String>> {
        let connection = self.lock();
        let mut statement = connection.prepare("SELECT name FROM peer ORDER BY name")?;
        let names = statement.query_map([], |row| row.get(0))?;
        Ok(names.collect::<rusqlite::Result<_>>()?)
    }

    /// Writes down how it went with a remote.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn meet(&self, peer: &Peer) -> Result<()> {
        let identity = peer.identity.map(|identity| identity.to_string()).unwrap_or_default();
        self.lock().execute(
            "INSERT OR REPLACE INTO peer VALUES (?, ?, ?, ?, ?, ?)",
            params![peer.name, identity, peer.looked, peer.error, peer.hint, peer.time],
        )?;
        Ok(())
    }

    /// Writes down what is wrong with a remote that did not say who it is.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn missed(&self, name: &str, error: &Error, now: i64) -> Result<()> {
        let known = self.peer(name)?;
        self.meet(&Peer {
            name: name.to_owned(),
            identity: known.as_ref().and_then(|peer| peer.identity),
            looked: known.as_ref().map_or(0, |peer| peer.looked),
            error: Some(error.to_string()),
            hint: error.hint().map(str::to_owned),
            time: now,
        })
    }
}

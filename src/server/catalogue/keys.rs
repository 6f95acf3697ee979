//! API keys. Only their hashes are kept.

use super::accounts::seconds;
use super::teams::no_team;
use super::{Catalogue, Scope};
use crate::model::{AttemptId, Error, ErrorKind, Hash, Result};
use crate::server::database::{Row, cells};
use serde::Serialize;

/// How much of a key is its id: `dk_` and eight digits, so that 224 bits stay secret.
pub(super) const ID_LENGTH: usize = 11;

/// A key, without what makes it one.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[schema(as = ApiKey)]
pub struct KeyInfo {
    /// The beginning of the key.
    pub id: String,
    /// The account that has it.
    pub account: String,
    /// What it is for, in words.
    pub name: String,
    /// What it is good for.
    pub scope: Scope,
    /// The only team that it is good for.
    pub team: Option<String>,
    /// And the only project.
    pub project: Option<String>,
    /// Times in seconds since 1970.
    pub created: f64,
    /// When it ends to be good.
    pub expires: Option<f64>,
    /// When it was revoked.
    pub revoked: Option<f64>,
    /// When it was used last, to within a minute.
    pub last_used: Option<f64>,
}

/// A key to be made.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// The account that gets it.
    pub account: String,
    /// What it is for, in words.
    pub name: String,
    /// What it is good for.
    pub scope: Scope,
    /// The only team that it is good for.
    pub team: Option<String>,
    /// And the only project.
    pub project: Option<String>,
    /// When it ends to be good, in microseconds since 1970.
    pub expires: Option<i64>,
}

impl Catalogue {
    /// Makes a key, and returns it: it is kept nowhere.
    ///
    /// # Errors
    /// There is no such account, or it cannot have such a key.
    pub(in crate::server) fn add_key(&self, new: &NewKey, now: i64) -> Result<String> {
        let (account, admin) = self.account_id(&new.account)?;
        if new.scope == Scope::Admin && !admin {
            return Err(Error::usage(format!("The account `{}` cannot have admin keys", new.account))
                .with_hint("make one that can: `danlu admin account add NAME --admin`"));
        }
        if let Some(team) = new.team.as_deref()
            && !self.is_entity(team)?
        {
            return Err(no_team(team));
        }
        if new.expires.is_some_and(|expires| expires <= now) {
            return Err(Error::usage("The key would be expired already"));
        }
        let key = format!("dk_{}{}", AttemptId::random()?, AttemptId::random()?);
        self.database.execute(
            "INSERT INTO api_key (id, sha256, account, name, scope, team, project, created, expires)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            cells![
                &key[..ID_LENGTH],
                Hash::of(key.as_bytes()),
                account,
                &new.name,
                new.scope.number(),
                new.team.as_ref(),
                new.project.as_ref(),
                now,
                new.expires,
            ],
        )?;
        Ok(key)
    }

    /// Lists the keys, of one account or of all.
    ///
    /// # Errors
    /// The database cannot be used.
    pub(in crate::server) fn keys(&self, account: Option<&str>) -> Result<Vec<KeyInfo>> {
        let rows = self.database.query(
            "SELECT k.id, a.name, k.name, k.scope, k.team, k.project, k.created, k.expires, k.revoked, k.last_used
             FROM api_key AS k JOIN account AS a ON a.id = k.account
             WHERE CAST(?1 AS TEXT) IS NULL OR a.name = ?1 ORDER BY k.created, k.id",
            cells![account],
        )?;
        rows.iter().map(read).collect()
    }

    /// Finds a key by its id, as it is shown or a part of it that is only its.
    ///
    /// # Errors
    /// There is none, or more than one.
    pub(in crate::server) fn key(&self, id: &str) -> Result<KeyInfo> {
        let id = id.trim_end_matches('…');
        let mut found = self.keys(None)?;
        found.retain(|key| id.len() >= 4 && (key.id.starts_with(id) || id.starts_with(&key.id)));
        match found.pop() {
            Some(key) if found.is_empty() => Ok(key),
            Some(_) => Err(Error::usage(format!("Several keys begin with `{}`", id.escape_debug()))),
            None => Err(Error::new(ErrorKind::NotFound, "There is no key of this id")
                .with_hint("`danlu admin key ls` lists them")),
        }
    }

    /// Ends a key. One that was ended before stays as it is.
    ///
    /// # Errors
    /// The database cannot be used.
    pub(in crate::server) fn revoke_key(&self, id: &str, now: i64) -> Result<()> {
        let sql = "UPDATE api_key SET revoked = ?2 WHERE id = ?1 AND revoked IS NULL";
        self.database.execute(sql, cells![id, now]).map(|_| ())
    }

    /// Makes a key like another one, which goes on until `until`. The new one ends to be good no later than `end`.
    ///
    /// # Errors
    /// There is no such key, or it is not good any more.
    pub(in crate::server) fn rotate_key(
        &self,
        id: &str,
        until: i64,
        end: Option<i64>,
        now: i64,
    ) -> Result<String> {
        let old = self.key(id)?;
        if old.revoked.is_some() {
            return Err(Error::usage(format!("The key `{}…` is revoked", old.id)));
        }
        let expires =
            self.database.row("SELECT expires, created FROM api_key WHERE id = ?1", cells![&old.id])?;
        let expires = match expires {
            // As long as the old one was good for.
            Some(row) => {
                let created: i64 = row.get(1)?;
                row.get::<Option<i64>>(0)?.map(|at| now + at - created)
            }
            None => None,
        };
        let expires = expires.into_iter().chain(end).min();
        let new = NewKey {
            account: old.account,
            name: old.name,
            scope: old.scope,
            team: old.team,
            project: old.project,
            expires,
        };
        let key = self.add_key(&new, now)?;
        self.database.execute(
            "UPDATE api_key SET expires = ?2 WHERE id = ?1 AND (expires IS NULL OR expires > ?2)",
            cells![&old.id, until],
        )?;
        Ok(key)
    }

    /// Notes that keys were used.
    ///
    /// # Errors
    /// The database cannot be used.
    pub(in crate::server) fn keys_used(&self, used: &[(String, i64)]) -> Result<()> {
        self.database.writing(|session| {
            for (id, time) in used {
                session.execute("UPDATE api_key SET last_used = ?2 WHERE id = ?1", cells![id, *time])?;
            }
            Ok(())
        })
    }
}

fn read(row: &Row) -> Result<KeyInfo> {
    let time = |column| Ok::<_, Error>(row.get::<Option<i64>>(column)?.map(seconds));
    Ok(KeyInfo {
        id: row.get(0)?,
        account: row.get(1)?,
        name: row.get(2)?,
        scope: Scope::of_number(row.get(3)?),
        team: row.get(4)?,
        project: row.get(5)?,
        created: seconds(row.get(6)?),
        expires: time(7)?,
        revoked: time(8)?,
        last_used: time(9)?,
    })
}

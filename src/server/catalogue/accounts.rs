//! Accounts: who has keys.

use super::Catalogue;
use crate::model::{Error, ErrorKind, Result, check_project};
use crate::server::database::cells;
use serde::Serialize;

/// Somebody who has keys.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Account {
    /// The name, which is also the entity of runs of their own.
    pub name: String,
    /// Whether their keys may have the scope `admin`.
    pub admin: bool,
    /// When it was made, in seconds since 1970.
    pub created: f64,
    /// How many keys of it are good.
    pub keys: i64,
    /// Its teams.
    pub teams: Vec<String>,
}

/// Microseconds as seconds.
#[expect(clippy::cast_precision_loss, reason = "seconds are floats")]
pub(in crate::server) fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

/// Checks the name of a team or an account. In an address, dots lead elsewhere and `~` means none.
pub(in crate::server) fn check_entity(what: &str, name: &str) -> Result<()> {
    if matches!(name, "." | ".." | "~") {
        return Err(Error::usage(format!(
            "The {what} `{name}` cannot be used: it means something in an address"
        )));
    }
    check_project(what, name)
}

impl Catalogue {
    /// Makes an account.
    ///
    /// # Errors
    /// The name is bad or taken.
    pub(in crate::server) fn add_account(&self, name: &str, admin: bool, now: i64) -> Result<()> {
        check_entity("account", name)?;
        self.check_free(name)?;
        self.database.execute(
            "INSERT INTO account (name, admin, created) VALUES (?1, ?2, ?3)",
            cells![name, admin, now],
        )?;
        Ok(())
    }

    /// Checks that no account and no team has a name: both are entities of runs.
    pub(super) fn check_free(&self, name: &str) -> Result<()> {
        let sql = "SELECT 'an account' FROM account WHERE name = ?1 UNION SELECT 'a team' FROM team WHERE name = ?1";
        match self.database.row(sql, cells![name])? {
            None => Ok(()),
            Some(row) => {
                let what: String = row.get(0)?;
                Err(Error::new(ErrorKind::Conflict, format!("There is {what} `{name}` already")))
            }
        }
    }

    /// Lists the accounts by name.
    ///
    /// # Errors
    /// The database cannot be used.
    pub(in crate::server) fn accounts(&self, now: i64) -> Result<Vec<Account>> {
        self.database.reading(|session| {
            let rows = session.query(
                "SELECT a.id, a.name, a.admin, a.created, (SELECT count(*) FROM api_key AS k WHERE k.account = a.id
                   AND k.revoked IS NULL AND (k.expires IS NULL OR k.expires > ?1)) FROM account AS a ORDER BY a.name",
                cells![now],
            )?;
            let mut accounts = Vec::new();
            for row in rows {
                let teams = session.query(
                    "SELECT t.name FROM member AS m JOIN team AS t ON t.id = m.team WHERE m.account = ?1 ORDER BY t.name",
                    cells![row.get::<i64>(0)?],
                )?;
                accounts.push(Account {
                    name: row.get(1)?,
                    admin: row.get(2)?,
                    created: seconds(row.get(3)?),
                    keys: row.get(4)?,
                    teams: teams.iter().map(|row| row.get(0)).collect::<Result<_>>()?,
                });
            }
            Ok(accounts)
        })
    }

    /// Removes an account with its keys. Its runs stay.
    ///
    /// # Errors
    /// There is none of that name, or it is the last one that can manage the server.
    pub(in crate::server) fn remove_account(&self, name: &str) -> Result<()> {
        self.database.writing(|session| {
            let others = "SELECT 1 FROM account WHERE admin = 1 AND name <> ?1";
            if session.row(others, cells![name])?.is_none() {
                return Err(Error::usage(format!("`{name}` is the only account that can manage the server")));
            }
            if session.execute("DELETE FROM account WHERE name = ?1", cells![name])? == 0 {
                return Err(no_account(name));
            }
            Ok(())
        })
    }

    /// Finds the number of an account.
    pub(super) fn account_id(&self, name: &str) -> Result<(i64, bool)> {
        let row = self.database.row("SELECT id, admin FROM account WHERE name = ?1", cells![name])?;
        let row = row.ok_or_else(|| no_account(name))?;
        Ok((row.get(0)?, row.get(1)?))
    }

    /// Says whether there is no account yet.
    ///
    /// # Errors
    /// The database cannot be used.
    pub(in crate::server) fn has_no_account(&self) -> Result<bool> {
        Ok(self.database.row("SELECT 1 FROM account", &[])?.is_none())
    }
}

fn no_account(name: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("There is no account `{}`", name.escape_debug()))
        .with_hint("`danlu admin account ls` lists them")
}

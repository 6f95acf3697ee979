//! Who asks, and what they may.

use super::{Catalogue, Scope};
use crate::model::{Error, ErrorKind, Hash, Result, to_rfc3339};
use crate::server::database::Cell;
use std::collections::BTreeMap;

/// The owner of a key, with what the key is good for.
#[derive(Debug, Clone)]
pub(in crate::server) struct Who {
    /// The account.
    pub(in crate::server) account: String,
    /// The beginning of the key, which is no secret.
    pub(in crate::server) key: String,
    /// What the key is good for at most.
    pub(in crate::server) scope: Scope,
    /// The only entity that it is good for, if there is one.
    pub(in crate::server) team: Option<String>,
    /// And the only project.
    pub(in crate::server) project: Option<String>,
    /// When the key ends to be good, in microseconds since 1970.
    pub(in crate::server) expires: Option<i64>,
    /// The teams of the account.
    pub(in crate::server) teams: BTreeMap<String, Scope>,
}

impl Who {
    /// Checks that they may do something with runs of a project.
    ///
    /// # Errors
    /// [`ErrorKind::Forbidden`], with what is needed.
    pub(in crate::server) fn may(&self, scope: Scope, entity: &str, project: &str) -> Result<()> {
        self.may_at_all(scope)?;
        if let Some(only) = self.team.as_deref().filter(|only| *only != entity) {
            return Err(
                self.forbidden(&format!("is good for the team `{only}` alone, not for {}", place(entity)))
            );
        }
        if let Some(only) = self.project.as_deref().filter(|only| *only != project) {
            return Err(
                self.forbidden(&format!("is good for the project `{only}` alone, not for `{project}`"))
            );
        }
        if self.role_in(entity) >= Some(scope.min(Scope::Write)) {
            return Ok(());
        }
        let message =
            format!("The account `{}` has no {} access to the team `{entity}`", self.account, scope.name());
        Err(Error::new(ErrorKind::Forbidden, message).with_hint(format!(
            "an admin can change that: `danlu admin team member {entity} {} --role {}`",
            self.account,
            scope.min(Scope::Write).name()
        )))
    }

    /// Checks that the key is good for something, wherever.
    ///
    /// # Errors
    /// [`ErrorKind::Forbidden`], with what is needed.
    pub(in crate::server) fn may_at_all(&self, scope: Scope) -> Result<()> {
        if self.scope >= scope {
            return Ok(());
        }
        let needed = format!("has the scope `{}`, and this needs `{}`", self.scope.name(), scope.name());
        Err(self.forbidden(&needed))
    }

    /// Checks that they may manage a team: admins of the server and of the team.
    ///
    /// # Errors
    /// [`ErrorKind::Forbidden`], with what is needed.
    pub(in crate::server) fn may_manage(&self, team: &str) -> Result<()> {
        let limited = self.team.is_some() || self.project.is_some();
        if !limited && self.scope >= Scope::Write && self.teams.get(team) == Some(&Scope::Admin) {
            return Ok(());
        }
        self.may_administer()
    }

    /// Checks that they may manage the server.
    ///
    /// # Errors
    /// [`ErrorKind::Forbidden`], with what is needed.
    pub(in crate::server) fn may_administer(&self) -> Result<()> {
        self.may_at_all(Scope::Admin)?;
        if self.team.is_some() || self.project.is_some() {
            return Err(self.forbidden("is good for one team or project alone"));
        }
        Ok(())
    }

    /// Returns the entities whose runs they may see, and the project; `None` for all.
    pub(in crate::server) fn sees(&self) -> (Option<Vec<String>>, Option<String>) {
        let entities = match &self.team {
            Some(only) => {
                Some(vec![only.clone()].into_iter().filter(|e| self.role_in(e).is_some()).collect())
            }
            None if self.scope == Scope::Admin => None,
            None => {
                let own = [String::new(), self.account.clone()];
                Some(own.into_iter().chain(self.teams.keys().cloned()).collect())
            }
        };
        (entities, self.project.clone())
    }

    fn role_in(&self, entity: &str) -> Option<Scope> {
        // The common space is open to every account, and each has one of its own name.
        if self.scope == Scope::Admin || entity.is_empty() || entity == self.account {
            return Some(Scope::Admin);
        }
        self.teams.get(entity).copied()
    }

    fn forbidden(&self, why: &str) -> Error {
        Error::new(ErrorKind::Forbidden, format!("The key `{}…` {why}", self.key))
    }
}

fn place(entity: &str) -> String {
    if entity.is_empty() { "runs without a team".to_owned() } else { format!("`{entity}`") }
}

impl Catalogue {
    /// Finds who has a key. The look-up is by hash, so its time says nothing about the key.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`] for an unknown, expired or revoked key.
    pub(in crate::server) fn who(&self, key: &str, now: i64) -> Result<Who> {
        let shown: String =
            key.chars().take(super::keys::ID_LENGTH).filter(char::is_ascii_alphanumeric).collect();
        self.who_by("sha256", Hash::of(key.as_bytes()).into(), &shown.replacen("dk", "dk_", 1), now)
    }

    /// Finds again who has a key that was good.
    ///
    /// # Errors
    /// As [`Self::who`].
    pub(in crate::server) fn who_still(&self, who: &Who, now: i64) -> Result<Who> {
        self.who_by("id", Cell::from(&who.key), &who.key, now)
    }

    fn who_by(&self, column: &str, value: Cell, shown: &str, now: i64) -> Result<Who> {
        let denied = |why: &str| Error::new(ErrorKind::Denied, format!("The API key `{shown}…` {why}"));
        let sql = format!(
            "SELECT k.id, k.scope, k.team, k.project, k.expires, k.revoked, a.name, a.admin, a.id
             FROM api_key AS k JOIN account AS a ON a.id = k.account WHERE k.{column} = ?1"
        );
        let row = self.database.row(&sql, &[value])?.ok_or_else(|| denied("is not known"))?;
        if let Some(revoked) = row.get::<Option<i64>>(5)? {
            return Err(denied(&format!("was revoked on {}", to_rfc3339(revoked))));
        }
        if let Some(expired) = row.get::<Option<i64>>(4)?.filter(|expires| *expires <= now) {
            return Err(denied(&format!("expired on {}", to_rfc3339(expired))));
        }
        let scope = Scope::of_number(row.get(1)?);
        let scope = if row.get(7)? { scope } else { scope.min(Scope::Write) };
        let teams = self.teams_of(row.get(8)?)?;
        Ok(Who {
            account: row.get(6)?,
            key: row.get(0)?,
            scope,
            team: row.get(2)?,
            project: row.get(3)?,
            expires: row.get(4)?,
            teams,
        })
    }
}

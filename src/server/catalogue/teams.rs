//! Teams: the entities of runs, with their members.

use super::accounts::{check_entity, seconds};
use super::{Catalogue, Scope};
use crate::model::{Error, ErrorKind, Result};
use crate::server::database::cells;
use serde::Serialize;
use std::collections::BTreeMap;

/// A team.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Team {
    /// The name, which is the entity of its runs.
    pub name: String,
    /// When it was made, in seconds since 1970.
    pub created: f64,
    /// Its members.
    pub members: Vec<Member>,
}

/// A member of a team.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Member {
    /// The account.
    pub account: String,
    /// What they may do in it.
    pub role: Scope,
}

impl Catalogue {
    /// Makes a team.
    ///
    /// # Errors
    /// The name is bad or taken.
    pub(in crate::server) fn add_team(&self, name: &str, now: i64) -> Result<()> {
        check_entity("team", name)?;
        self.check_free(name)?;
        self.database.execute("INSERT INTO team (name, created) VALUES (?1, ?2)", cells![name, now])?;
        Ok(())
    }

    /// Makes a team of an entity that has none and is no account's.
    ///
    /// # Errors
    /// The database cannot be used.
    pub(in crate::server) fn see_to_team(&self, entity: &str, now: i64) -> Result<()> {
        if self.is_entity(entity)? {
            return Ok(());
        }
        let sql = "INSERT INTO team (name, created) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        self.database.execute(sql, cells![entity, now]).map(|_| ())
    }

    /// Says whether there are or can be runs of an entity: of a team, of an account, or of none.
    pub(super) fn is_entity(&self, entity: &str) -> Result<bool> {
        let taken = "SELECT 1 FROM team WHERE name = ?1 UNION SELECT 1 FROM account WHERE name = ?1";
        Ok(entity.is_empty() || self.database.row(taken, cells![entity])?.is_some())
    }

    /// Lists the teams by name.
    ///
    /// # Errors
    /// The database cannot be used.
    pub(in crate::server) fn teams(&self) -> Result<Vec<Team>> {
        let rows = self.database.query(
            "SELECT t.name, t.created, a.name, m.role FROM team AS t LEFT JOIN member AS m ON m.team = t.id
             LEFT JOIN account AS a ON a.id = m.account ORDER BY t.name, a.name",
            &[],
        )?;
        let mut teams: Vec<Team> = Vec::new();
        for row in rows {
            let name: String = row.get(0)?;
            if teams.last().is_none_or(|team| team.name != name) {
                teams.push(Team { name, created: seconds(row.get(1)?), members: Vec::new() });
            }
            if let (Some(account), Some(team)) = (row.get(2)?, teams.last_mut()) {
                team.members.push(Member { account, role: Scope::of_number(row.get(3)?) });
            }
        }
        Ok(teams)
    }

    /// Removes a team that has no runs.
    ///
    /// # Errors
    /// There is none of that name, or it has runs.
    pub(in crate::server) fn remove_team(&self, name: &str) -> Result<()> {
        self.database.writing(|session| {
            if session.row("SELECT 1 FROM run WHERE entity = ?1", cells![name])?.is_some() {
                return Err(Error::new(ErrorKind::Conflict, format!("The team `{name}` has runs"))
                    .with_hint("remove its runs first, or take its members out of it"));
            }
            if session.execute("DELETE FROM team WHERE name = ?1", cells![name])? == 0 {
                return Err(no_team(name));
            }
            Ok(())
        })
    }

    /// Gives a member of a team a role, or takes it away.
    ///
    /// # Errors
    /// There is no such team or account.
    pub(in crate::server) fn set_member(&self, team: &str, account: &str, role: Option<Scope>) -> Result<()> {
        let row = self.database.row("SELECT id FROM team WHERE name = ?1", cells![team])?;
        let team: i64 = row.ok_or_else(|| no_team(team))?.get(0)?;
        let (account, _) = self.account_id(account)?;
        match role {
            Some(role) => self.database.execute(
                "INSERT INTO member VALUES (?1, ?2, ?3) ON CONFLICT (team, account) DO UPDATE SET role = excluded.role",
                cells![team, account, role.number()],
            ),
            None => self
                .database
                .execute("DELETE FROM member WHERE team = ?1 AND account = ?2", cells![team, account]),
        }?;
        Ok(())
    }

    /// Returns the teams of an account.
    pub(super) fn teams_of(&self, account: i64) -> Result<BTreeMap<String, Scope>> {
        let sql =
            "SELECT t.name, m.role FROM member AS m JOIN team AS t ON t.id = m.team WHERE m.account = ?1";
        let rows = self.database.query(sql, cells![account])?;
        rows.iter().map(|row| Ok((row.get(0)?, Scope::of_number(row.get(1)?)))).collect()
    }
}

pub(super) fn no_team(name: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("There is no team `{}`", name.escape_debug()))
        .with_hint("`danlu admin team ls` lists them")
}

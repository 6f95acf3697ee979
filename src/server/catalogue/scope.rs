//! How much somebody may do.

use crate::model::{Error, Result};
use serde::{Deserialize, Serialize};

/// What a key, or a member of a team, may do. Each may what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Look at runs.
    Read,
    /// Push runs, and edit, remove and restore them.
    Write,
    /// Of a key: manage accounts, teams and keys, and do everything in every team. Of a member: manage the team.
    Admin,
}

impl Scope {
    /// Reads its name.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "read" => Ok(Self::Read),
            "write" => Ok(Self::Write),
            "admin" => Ok(Self::Admin),
            _ => {
                let name = name.escape_debug();
                Err(Error::usage(format!("There is no scope `{name}`: it is read, write or admin")))
            }
        }
    }

    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }

    pub(super) fn number(self) -> i64 {
        match self {
            Self::Read => 1,
            Self::Write => 2,
            Self::Admin => 3,
        }
    }

    /// What the database does not know grants the least.
    pub(super) fn of_number(number: i64) -> Self {
        match number {
            3 => Self::Admin,
            2 => Self::Write,
            _ => Self::Read,
        }
    }
}

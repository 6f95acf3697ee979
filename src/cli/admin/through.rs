//! The way to a server's data: its directory, or the server itself.

use super::add::AddKey;
use super::data_only;
use crate::cli::config;
use crate::cli::server_settings::Where;
use crate::model::{Clock, Error, Result, SystemClock};
use crate::remote::Http;
use crate::server::{Admin, NewKey, Scope, Verified};
use serde::Serialize;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The way to a server's data. Answers are as the HTTP API has them.
pub(super) enum Through {
    /// The data directory.
    Data(Box<Admin>),
    /// A server that runs.
    Server(Http),
}

impl Through {
    pub(super) fn open(at: &Where, server: Option<&str>) -> Result<Self> {
        match server {
            Some(url) => Ok(Self::Server(config::options_for(url)?.server(url)?)),
            None => Ok(Self::Data(Box::new(Admin::open(&at.settings()?, Arc::new(SystemClock))?))),
        }
    }

    pub(super) fn add_account(&self, name: &str, admin: bool) -> Result<()> {
        match self {
            Self::Data(data) => data.add_account(name, admin),
            Self::Server(server) => {
                done(server.ask("POST", "accounts", Some(&json!({"name": name, "admin": admin}))))
            }
        }
    }

    pub(super) fn accounts(&self) -> Result<Value> {
        match self {
            Self::Data(data) => as_json(data.accounts()?),
            Self::Server(server) => server.ask("GET", "accounts", None),
        }
    }

    pub(super) fn remove_account(&self, name: &str) -> Result<()> {
        match self {
            Self::Data(data) => data.remove_account(name),
            Self::Server(server) => done(server.ask("DELETE", &path(&["accounts", name]), None)),
        }
    }

    pub(super) fn add_team(&self, name: &str) -> Result<()> {
        match self {
            Self::Data(data) => data.add_team(name),
            Self::Server(server) => done(server.ask("POST", "teams", Some(&json!({"name": name})))),
        }
    }

    pub(super) fn teams(&self) -> Result<Value> {
        match self {
            Self::Data(data) => as_json(data.teams()?),
            Self::Server(server) => server.ask("GET", "teams", None),
        }
    }

    pub(super) fn remove_team(&self, name: &str) -> Result<()> {
        match self {
            Self::Data(data) => data.remove_team(name),
            Self::Server(server) => done(server.ask("DELETE", &path(&["teams", name]), None)),
        }
    }

    pub(super) fn set_member(&self, team: &str, account: &str, role: Option<Scope>) -> Result<()> {
        let member = path(&["teams", team, "members", account]);
        match (self, role) {
            (Self::Data(data), role) => data.set_member(team, account, role),
            (Self::Server(server), Some(role)) => {
                done(server.ask("PUT", &member, Some(&json!({"role": role}))))
            }
            (Self::Server(server), None) => done(server.ask("DELETE", &member, None)),
        }
    }

    pub(super) fn add_key(&self, wanted: &AddKey) -> Result<String> {
        match self {
            Self::Data(data) => data.add_key(&NewKey {
                account: wanted.account.clone(),
                name: wanted.name.clone(),
                scope: wanted.scope,
                team: wanted.team.clone(),
                project: wanted.project.clone(),
                expires: wanted.expires.map(|seconds| SystemClock.now().saturating_add(micros(seconds))),
            }),
            Self::Server(server) => key_of(&server.ask(
                "POST",
                "keys",
                Some(&json!({
                    "account": wanted.account,
                    "name": wanted.name,
                    "scope": wanted.scope,
                    "team": wanted.team,
                    "project": wanted.project,
                    "expires_in": wanted.expires,
                })),
            )?),
        }
    }

    pub(super) fn keys(&self) -> Result<Value> {
        match self {
            Self::Data(data) => as_json(data.keys(None)?),
            Self::Server(server) => server.ask("GET", "keys", None),
        }
    }

    pub(super) fn revoke_key(&self, id: &str) -> Result<String> {
        match self {
            Self::Data(data) => data.revoke_key(id),
            Self::Server(server) => {
                server.ask("DELETE", &path(&["keys", id]), None).map(|_| id.trim_end_matches('…').to_owned())
            }
        }
    }

    pub(super) fn rotate_key(&self, id: &str, overlap: u64) -> Result<String> {
        match self {
            Self::Data(data) => data.rotate_key(id, micros(overlap)),
            Self::Server(server) => {
                let body = json!({"overlap": overlap});
                key_of(&server.ask("POST", &path(&["keys", id, "rotate"]), Some(&body))?)
            }
        }
    }

    pub(super) fn stats(&self) -> Result<Value> {
        match self {
            Self::Data(data) => as_json(data.stats()?),
            Self::Server(server) => server.ask("GET", "stats", None),
        }
    }

    pub(super) fn gc(&self, older_than: Option<u64>) -> Result<Value> {
        match self {
            Self::Data(data) => {
                let (runs, objects) = data.gc(older_than.map(Duration::from_secs))?;
                Ok(json!({"runs": runs, "objects": objects}))
            }
            Self::Server(server) => {
                let older_than =
                    older_than.map_or_else(String::new, |seconds| format!("?older_than={seconds}"));
                server.ask("POST", &format!("gc{older_than}"), None)
            }
        }
    }

    pub(super) fn verify(&self) -> Result<Verified> {
        match self {
            Self::Data(data) => data.verify(),
            Self::Server(_) => Err(data_only("verify")),
        }
    }

    pub(super) fn backup(&self, to: &Path) -> Result<(usize, usize)> {
        match self {
            Self::Data(data) => data.backup(to, Arc::new(SystemClock)),
            Self::Server(_) => Err(data_only("backup")),
        }
    }
}

fn done(answer: Result<Value>) -> Result<()> {
    answer.map(|_| ())
}

fn as_json(value: impl Serialize) -> Result<Value> {
    serde_json::to_value(value).map_err(|e| Error::damaged("Cannot make JSON").with_source(e))
}

fn key_of(answer: &Value) -> Result<String> {
    let key = answer["key"].as_str().map(str::to_owned);
    key.ok_or_else(|| Error::new(crate::ErrorKind::Unreachable, "The server does not say the key"))
}

fn micros(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000)
}

/// Makes an address of segments, whatever is in them.
fn path(segments: &[&str]) -> String {
    let escaped = |segment: &&str| -> String {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        segment
            .bytes()
            .map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") })
            .collect()
    };
    segments.iter().map(escaped).collect::<Vec<_>>().join("/")
}

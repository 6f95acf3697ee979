//! `danlu admin`: accounts, teams and keys of a server, and what whoever runs it needs.

mod add;
mod through;

use super::output::Output;
use super::server_settings::Where;
use crate::model::{Clock, Error, Result, SystemClock, to_rfc3339};
use crate::server::Scope;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::path::PathBuf;
use through::Through;

/// Manage a server: accounts, teams, keys, backups
///
/// Directly on its data directory, also while it runs, or with `--server` over HTTP with an admin key stored by `danlu
/// login`.
#[derive(Debug, Args)]
pub(super) struct AdminCommand {
    #[command(flatten)]
    at: Where,

    /// The address of a server that runs, in place of `--data`
    #[arg(long, value_name = "URL", global = true)]
    server: Option<String>,

    /// Answer in JSON, for programs
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Accounts: who has keys
    #[command(subcommand)]
    Account(AccountCommand),
    /// Teams: whose runs they are, as the entity of a run
    #[command(subcommand)]
    Team(TeamCommand),
    /// API keys
    #[command(subcommand)]
    Key(KeyCommand),
    /// How much there is
    Stats,
    /// Forget runs for good that were removed a week ago, with the files that no other run has, and what was never committed
    Gc {
        /// Forget what was removed, or sent and never committed, longer ago than this, such as 1d; 0s for all of it
        #[arg(long, value_name = "TIME", value_parser = add::seconds)]
        older_than: Option<u64>,
    },
    /// Read everything and check it
    Verify,
    /// Copy everything to a directory, also while the server runs; `danlu serve --data` serves the copy
    Backup {
        /// The directory; what it has of an earlier backup is not copied again
        #[arg(value_name = "DIR")]
        to: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
enum AccountCommand {
    /// Make an account
    Add {
        /// Its name
        name: String,
        /// Let its keys have the scope `admin`
        #[arg(long)]
        admin: bool,
    },
    /// List the accounts
    Ls,
    /// Remove an account with its keys; its runs stay
    Rm {
        /// Its name
        name: String,
    },
}

#[derive(Debug, Subcommand)]
enum TeamCommand {
    /// Make a team
    Add {
        /// Its name
        name: String,
    },
    /// List the teams with their members
    Ls,
    /// Remove a team that has no runs
    Rm {
        /// Its name
        name: String,
    },
    /// Let an account be a member of a team
    Member {
        /// The team
        team: String,
        /// The account
        account: String,
        /// What it may do in it: read, write, or admin, who manages the members
        #[arg(long, value_name = "ROLE", default_value = "write", value_parser = role)]
        role: Scope,
        /// Take it out of the team
        #[arg(long, conflicts_with = "role")]
        rm: bool,
    },
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Make a key; it is shown this once
    Add(add::AddKey),
    /// List the keys
    Ls {
        /// Only those of an account
        #[arg(long)]
        account: Option<String>,
    },
    /// End a key
    Revoke {
        /// Its id: how it begins
        id: String,
    },
    /// Make a key in place of another one, which ends after a while
    Rotate {
        /// The id of the old one: how it begins
        id: String,
        /// How long the old one stays good, such as 2h or 7d
        #[arg(long, value_name = "TIME", default_value = "1h", value_parser = add::seconds)]
        overlap: u64,
    },
}

fn scope(name: &str) -> std::result::Result<Scope, String> {
    Scope::parse(name).map_err(|e| e.to_string())
}

fn role(name: &str) -> std::result::Result<Scope, String> {
    Scope::parse(name).map_err(|_| format!("There is no role `{name}`: it is read, write or admin"))
}

impl AdminCommand {
    pub(super) fn run(self, output: &mut Output) -> Result<bool> {
        let through = Through::open(&self.at, self.server.as_deref())?;
        let json = self.json;
        match self.what {
            What::Account(command) => accounts(&through, command, json, output),
            What::Team(command) => teams(&through, command, json, output),
            What::Key(command) => keys(&through, command, json, output),
            What::Stats => show(&through.stats()?, output, json),
            What::Gc { older_than } => show(&through.gc(older_than)?, output, json),
            What::Verify => verify(&through, json, output),
            What::Backup { to } => {
                let (runs, objects) = through.backup(&to)?;
                let done = json!({"directory": to, "runs": runs, "new_objects": objects});
                say(
                    &done,
                    format!("{runs} runs are in `{}`, {objects} objects were new", to.display()),
                    json,
                    output,
                )
            }
        }
    }
}

fn accounts(through: &Through, command: AccountCommand, json: bool, output: &mut Output) -> Result<bool> {
    match command {
        AccountCommand::Add { name, admin } => {
            through.add_account(&name, admin)?;
            let hint =
                format!("The account `{name}` is made; `danlu admin key add {name}` makes a key for it");
            say(&json!({"name": name, "admin": admin}), hint, json, output)
        }
        AccountCommand::Ls => {
            let found = through.accounts()?;
            if json {
                return output.json(&found).map(|()| true);
            }
            let row = |account: &Value| {
                let admin = if account["admin"] == true { "admin" } else { "" };
                vec![
                    text(&account["name"]),
                    admin.to_owned(),
                    text(&account["keys"]),
                    list(&account["teams"]),
                ]
            };
            output.table(&["ACCOUNT", "", ">KEYS", "TEAMS"], &rows(&found, row)).map(|()| true)
        }
        AccountCommand::Rm { name } => {
            through.remove_account(&name)?;
            say(
                &json!({"name": name}),
                format!("The account `{name}` and its keys are removed"),
                json,
                output,
            )
        }
    }
}

fn teams(through: &Through, command: TeamCommand, json: bool, output: &mut Output) -> Result<bool> {
    match command {
        TeamCommand::Add { name } => {
            through.add_team(&name)?;
            let hint =
                format!("The team `{name}` is made; `danlu admin team member {name} ACCOUNT` adds members");
            say(&json!({"name": name}), hint, json, output)
        }
        TeamCommand::Ls => {
            let found = through.teams()?;
            if json {
                return output.json(&found).map(|()| true);
            }
            let row = |team: &Value| {
                let member = |m: &Value| format!("{} ({})", text(&m["account"]), text(&m["role"]));
                let members: Vec<String> =
                    team["members"].as_array().into_iter().flatten().map(member).collect();
                vec![text(&team["name"]), members.join(", ")]
            };
            output.table(&["TEAM", "MEMBERS"], &rows(&found, row)).map(|()| true)
        }
        TeamCommand::Rm { name } => {
            through.remove_team(&name)?;
            say(&json!({"name": name}), format!("The team `{name}` is removed"), json, output)
        }
        TeamCommand::Member { team, account, role, rm } => {
            through.set_member(&team, &account, (!rm).then_some(role))?;
            let words = if rm {
                format!("`{account}` is no member of `{team}` any more")
            } else {
                format!("`{account}` has {} access to `{team}`", role.name())
            };
            let role = if rm { Value::Null } else { role.name().into() };
            say(&json!({"team": team, "account": account, "role": role}), words, json, output)
        }
    }
}

fn keys(through: &Through, command: KeyCommand, json: bool, output: &mut Output) -> Result<bool> {
    match command {
        KeyCommand::Add(add) => shown_once(&through.add_key(&add)?, json, output),
        KeyCommand::Ls { account } => {
            let mut found = through.keys()?;
            if let (Some(account), Some(keys)) = (account, found.as_array_mut()) {
                keys.retain(|key| key["account"] == account.as_str());
            }
            if json {
                return output.json(&found).map(|()| true);
            }
            let heading = ["KEY", "ACCOUNT", "NAME", "SCOPE", "FOR", "STATE", "LAST USED"];
            let now = SystemClock.now();
            output.table(&heading, &rows(&found, |key| key_row(key, now))).map(|()| true)
        }
        KeyCommand::Revoke { id } => {
            let id = through.revoke_key(&id)?;
            say(&json!({"id": id}), format!("The key `{id}…` is revoked"), json, output)
        }
        KeyCommand::Rotate { id, overlap } => shown_once(&through.rotate_key(&id, overlap)?, json, output),
    }
}

fn key_row(key: &Value, now: i64) -> Vec<String> {
    let limits: Vec<String> =
        [&key["team"], &key["project"]].into_iter().filter(|limit| !limit.is_null()).map(text).collect();
    let state = match (&key["revoked"], &key["expires"]) {
        (Value::Null, Value::Null) => "good".to_owned(),
        (Value::Null, expires) => {
            let over = micros(expires).is_some_and(|expires| expires <= now);
            format!("{} {}", if over { "expired" } else { "until" }, time(expires))
        }
        (revoked, _) => format!("revoked {}", time(revoked)),
    };
    vec![
        format!("{}…", text(&key["id"])),
        text(&key["account"]),
        text(&key["name"]),
        text(&key["scope"]),
        limits.join("/"),
        state,
        time(&key["last_used"]),
    ]
}

fn shown_once(key: &str, json: bool, output: &mut Output) -> Result<bool> {
    if json {
        return output.json(&json!({"key": key})).map(|()| true);
    }
    output.line(key)?;
    super::output::to_stderr("It is shown this once. `danlu login URL` stores it where it is used.");
    Ok(true)
}

fn verify(through: &Through, json: bool, output: &mut Output) -> Result<bool> {
    let found = through.verify()?;
    let whole = found.damage.is_empty() && found.unchecked.is_empty();
    if json {
        return output.json(&found).map(|()| whole);
    }
    for damage in &found.damage {
        output.line(damage)?;
    }
    for unchecked in &found.unchecked {
        output.line(format!("not checked: {unchecked}"))?;
    }
    let mended = match found.mended {
        0 => String::new(),
        n => format!("; the catalogue was behind on {n} of them"),
    };
    let damage = match (found.damage.len(), found.unchecked.len()) {
        (0, 0) => "whole".to_owned(),
        (0, unchecked) => format!("no damage seen, {unchecked} could not be checked"),
        (damaged, 0) => format!("{damaged} of them damaged"),
        (damaged, unchecked) => format!("{damaged} of them damaged, {unchecked} could not be checked"),
    };
    output.line(format!("{} runs, {} objects: {damage}{mended}", found.runs, found.objects))?;
    Ok(whole)
}

fn say(value: &Value, words: String, json: bool, output: &mut Output) -> Result<bool> {
    if json { output.json(value) } else { output.line(words) }.map(|()| true)
}

fn show(value: &Value, output: &mut Output, json: bool) -> Result<bool> {
    if json {
        return output.json(value).map(|()| true);
    }
    let row = |(name, value): (&String, &Value)| vec![name.replace('_', " "), text(value)];
    let rows: Vec<_> = value.as_object().into_iter().flatten().map(row).collect();
    output.table(&["", ">"], &rows).map(|()| true)
}

fn rows(found: &Value, row: impl Fn(&Value) -> Vec<String>) -> Vec<Vec<String>> {
    found.as_array().into_iter().flatten().map(row).collect()
}

fn list(value: &Value) -> String {
    value.as_array().into_iter().flatten().map(text).collect::<Vec<_>>().join(", ")
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| if value.is_null() { String::new() } else { value.to_string() }, str::to_owned)
}

fn time(value: &Value) -> String {
    micros(value).map_or_else(String::new, to_rfc3339)
}

#[expect(clippy::cast_possible_truncation, reason = "no time of ours is that far away")]
fn micros(value: &Value) -> Option<i64> {
    value.as_f64().map(|seconds| (seconds * 1e6) as i64)
}

/// Says that something is done on the data directory alone.
fn data_only(what: &str) -> Error {
    Error::usage(format!("`danlu admin {what}` works on the data directory, not over HTTP"))
        .with_hint("run it where the server runs, with `--data DIR`; it may run meanwhile")
}

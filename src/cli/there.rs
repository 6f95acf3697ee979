//! Runs of a remote, for the commands that look at runs.

use super::look::{Place, bring};
use super::output::warn;
use crate::mirror::{Mirror, Wanted};
use crate::model::{Clock, Error, ErrorKind, Hash, Result, SystemClock};
use crate::query::{self, RunDetails, RunInfo};
use crate::remote::{Http, RunHead};
use clap::Args;
use serde_json::Value;
use std::path::PathBuf;

/// A remote to look at in place of a directory.
#[derive(Debug, Default, Args)]
pub(super) struct There {
    /// Look at a remote in place of a directory: a server, a bucket, a directory that was synced to, by its address or name
    #[arg(long, value_name = "REMOTE", conflicts_with = "dir")]
    remote: Option<String>,
}

/// Where the runs are that a command looks at.
pub(super) enum Looked {
    /// In a directory.
    Here(PathBuf),
    /// At a remote.
    There(Box<Remote>),
}

/// A remote that is looked at.
pub(super) struct Remote {
    pub(super) place: Place,
    /// What answers questions, if it is a server.
    pub(super) server: Option<Http>,
}

impl There {
    /// Finds where to look.
    pub(super) fn find(self, dir: PathBuf) -> Result<Looked> {
        let Some(name) = self.remote else { return Ok(Looked::Here(dir)) };
        let place = Place::named(&name, &dir, None)?;
        let server = place.server()?;
        Ok(Looked::There(Box::new(Remote { place, server })))
    }
}

impl Looked {
    /// Finds a run that the user named.
    pub(super) fn run(&self, name: &str) -> Result<RunInfo> {
        match self {
            Self::Here(dir) => {
                let (host, now) = super::here_and_now();
                query::find(dir, name, &host, now, &warn)
            }
            Self::There(remote) => remote.run(&remote.place.mirror()?, name),
        }
    }

    /// Finds the runs that the user named, or all.
    pub(super) fn runs(&self, names: &[String]) -> Result<Vec<RunInfo>> {
        match self {
            Self::Here(dir) => super::runs_named(names, dir),
            Self::There(remote) => remote.runs(names),
        }
    }

    /// Opens what the contents of files come from that are not in the run files.
    pub(super) fn mirror(&self) -> Result<Option<Mirror>> {
        match self {
            Self::Here(_) => Ok(None),
            Self::There(remote) => remote.place.mirror().map(Some),
        }
    }
}

impl Remote {
    /// Lists all runs, oldest first. Returns whether each could be read.
    pub(super) fn list(&self) -> Result<(Vec<RunInfo>, bool)> {
        let mirror = self.place.mirror()?;
        bring(&mirror, &mirror.heads()?)
    }

    fn runs(&self, names: &[String]) -> Result<Vec<RunInfo>> {
        if names.is_empty() {
            let (runs, _) = self.list()?;
            return if runs.is_empty() { Err(self.empty()) } else { Ok(runs) };
        }
        let mirror = self.place.mirror()?;
        names.iter().map(|name| self.run(&mirror, name)).collect()
    }

    fn run(&self, mirror: &Mirror, name: &str) -> Result<RunInfo> {
        if self.server.is_some() {
            let (key, glance) = self.key_of(name)?;
            let wanted = Wanted { key, digest: glance.digest };
            let brought = mirror.bring_run(wanted, SystemClock.now())?.ok_or_else(|| self.missing(name))?;
            // Name and state are as the server sees them.
            let mut info = brought.info;
            (info.name, info.state) = (glance.name, glance.state);
            return Ok(info);
        }
        let may_be = |head: &RunHead| {
            let id = name.rsplit_once('/').map_or(name, |(_, id)| id);
            name == "latest" || (!id.is_empty() && head.run.id.as_str().starts_with(id))
        };
        let heads: Vec<RunHead> = mirror.heads()?.into_iter().filter(may_be).collect();
        let (mut runs, whole) = bring(mirror, &heads)?;
        if name == "latest" {
            return runs.pop().ok_or_else(|| self.empty());
        }
        match query::named(&runs, name)? {
            Some(place) => Ok(runs.swap_remove(place)),
            None if whole => Err(self.missing(name)),
            None => {
                Err(Error::damaged(format!("Run `{name}` cannot be read from `{}`", self.place.address())))
            }
        }
    }

    /// Finds a run of a server: its key, and the run at a glance.
    fn key_of(&self, name: &str) -> Result<(Hash, RunInfo)> {
        let id = name.rsplit_once('/').map_or(name, |(_, id)| id);
        let (filter, limit) = match name {
            "" => {
                return Err(
                    Error::usage("The name of the run is empty").with_hint("`danlu ls` lists the runs")
                );
            }
            "latest" => ("id exists".to_owned(), 1),
            _ => {
                (format!("id ~ \"^{}\"", regex::escape(id).replace('\\', "\\\\").replace('"', "\\\"")), 1000)
            }
        };
        let asked = [("filter", &*filter), ("sort", "-started"), ("archived", "all")];
        let mut found = self.listed(&asked, limit)?;
        found.reverse();
        if name == "latest" {
            return found.pop().ok_or_else(|| self.empty());
        }
        let runs: Vec<RunInfo> = found.iter().map(|(_, run)| run.clone()).collect();
        let place = query::named(&runs, name)?.ok_or_else(|| self.missing(name))?;
        Ok(found.swap_remove(place))
    }

    /// Asks a server for a list of runs, page by page.
    pub(super) fn listed(&self, asked: &[(&str, &str)], limit: usize) -> Result<Vec<(Hash, RunInfo)>> {
        let mut found = self.pages(asked, limit)?.into_iter().map(glance).collect::<Result<Vec<_>>>()?;
        for (key, run) in &mut found {
            run.path = self.address_of(*key).into();
        }
        Ok(found)
    }

    /// Asks a server for a list of runs, page by page, and returns what it says of each.
    pub(super) fn pages(&self, asked: &[(&str, &str)], limit: usize) -> Result<Vec<Value>> {
        let (mut found, mut cursor): (Vec<Value>, Option<String>) = (Vec::new(), None);
        loop {
            let rest = (limit - found.len()).clamp(1, 1000).to_string();
            let mut pairs = asked.to_vec();
            pairs.push(("limit", &rest));
            pairs.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let mut page = self.ask("GET", &format!("runs?{}", query_of(&pairs)), None)?;
            let Value::Array(runs) = page["runs"].take() else { return Err(self.no_answer()) };
            found.extend(runs);
            cursor = page["next"].as_str().map(str::to_owned);
            if cursor.is_none() || found.len() >= limit {
                found.truncate(limit);
                return Ok(found);
            }
        }
    }

    /// Asks a server for all of a run but its rows.
    pub(super) fn details(&self, name: &str) -> Result<RunDetails> {
        let (key, _) = self.key_of(name)?;
        let mut answer = self.ask("GET", &format!("runs/{key}"), None)?;
        if let Some(object) = answer.as_object_mut() {
            object.insert("path".to_owned(), self.address_of(key).into());
        }
        serde_json::from_value(answer).map_err(|e| self.no_answer().with_source(e))
    }

    /// Asks a server with SQL over runs, or over all.
    pub(super) fn sql(&self, names: &[String], query: &str, limit: usize) -> Result<Value> {
        let mut body = serde_json::json!({"query": query, "limit": limit});
        if names.is_empty() {
            body["filter"] = "id exists".into();
        } else {
            let keys = names.iter().map(|name| self.key_of(name).map(|(key, _)| key.to_string()));
            body["runs"] = keys.collect::<Result<Vec<_>>>()?.into();
        }
        self.ask("POST", "sql", Some(&body))
    }

    fn address_of(&self, key: Hash) -> String {
        format!("{}#{key}", self.place.address())
    }

    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        self.server.as_ref().ok_or_else(|| Error::usage("It is no server"))?.ask(method, path, body)
    }

    fn no_answer(&self) -> Error {
        let message = format!("`{}` gives an answer that is none of a danlu server", self.place.address());
        Error::new(ErrorKind::Unreachable, message).with_hint("it may be older than this danlu")
    }

    fn empty(&self) -> Error {
        Error::new(ErrorKind::NotFound, format!("There are no runs in `{}`", self.place.address()))
    }

    fn missing(&self, name: &str) -> Error {
        let message = format!("There is no run `{name}` in `{}`", self.place.address());
        Error::new(ErrorKind::NotFound, message).with_hint("`danlu ls --remote` lists the runs there")
    }
}

/// Reads what a server says of a run at a glance.
fn glance(said: Value) -> Result<(Hash, RunInfo)> {
    let broken = || Error::new(ErrorKind::Unreachable, "The server does not say which run it means");
    let key = said["key"].as_str().and_then(Hash::parse).ok_or_else(broken)?;
    Ok((key, serde_json::from_value(said).map_err(|e| broken().with_source(e))?))
}

/// Makes the query of an address.
fn query_of(pairs: &[(&str, &str)]) -> String {
    let url = reqwest::Url::parse_with_params("http://server/", pairs);
    url.ok().and_then(|url| url.query().map(str::to_owned)).unwrap_or_default()
}

//! What is kept for the user: keys of servers, in a file that only they can read.

use super::output::to_stderr;
use crate::model::{Error, ErrorKind, Result};
use crate::remote;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::Duration;

/// Keys by server. It is never printed.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Credentials {
    keys: BTreeMap<String, String>,
    default: Option<String>,
}

impl Credentials {
    /// Reads them; none if there is no file yet.
    pub(super) fn load() -> Result<Self> {
        let path = path()?;
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|e| {
                Error::damaged(format!("Cannot read the keys in `{}`", path.display()))
                    .with_source(e)
                    .with_hint("mend or remove the file, then `danlu login` again")
            }),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(e) => Err(Error::io("read the keys in", &path, e)),
        }
    }

    /// Returns the key for a server: `$DANLU_API_KEY`, else the stored one.
    pub(super) fn key_for(&self, address: &str) -> Option<String> {
        if !remote::is_server(address) {
            return None;
        }
        let stored = self.keys.get(address.trim_end_matches('/')).cloned();
        std::env::var("DANLU_API_KEY").ok().filter(|key| !key.is_empty()).or(stored)
    }

    /// Returns the server of the last login.
    pub(super) fn default_server(&self) -> Option<String> {
        self.default.clone()
    }

    /// Stores the key for a server, which becomes the one to sync to by default.
    pub(super) fn store(mut self, address: &str, key: String) -> Result<PathBuf> {
        let address = address.trim_end_matches('/').to_owned();
        self.keys.insert(address.clone(), key);
        self.default = Some(address);
        let path = path()?;
        let json = serde_json::to_vec_pretty(&self)
            .map_err(|e| Error::damaged("Cannot make JSON").with_source(e))?;
        let fresh = path.with_extension("json.new");
        let write = || -> std::io::Result<()> {
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            let mut file =
                std::fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
            file.write_all(&json)?;
            file.sync_all()?;
            std::fs::rename(&fresh, &path)
        };
        write().map_err(|e| Error::io("write", &path, e))?;
        Ok(path)
    }
}

fn path() -> Result<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let directory = set("DANLU_CONFIG_DIR")
        .or_else(|| Some(set("XDG_CONFIG_HOME")?.join("danlu")))
        .or_else(|| Some(set("HOME")?.join(".config").join("danlu")));
    directory.map(|directory| directory.join("credentials.json")).ok_or_else(|| {
        Error::new(ErrorKind::NotFound, "There is no place for the user's settings")
            .with_hint("set DANLU_CONFIG_DIR or HOME")
    })
}

/// What the environment may say to remotes.
const OF_REMOTES: [&str; 4] = ["AWS_", "GOOGLE_", "AZURE_", "DANLU_SSH"];

/// Returns what opening a remote needs beside its address. A directory needs none of the user's settings.
pub(super) fn options_for(address: &str) -> Result<remote::Options> {
    let key = if remote::is_server(address) { Credentials::load()?.key_for(address) } else { None };
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| OF_REMOTES.iter().any(|prefix| name.starts_with(prefix)))
        .collect();
    let tell = remote::Tell::new(to_stderr);
    Ok(remote::Options { key, environment, timeout: seconds("DANLU_TIMEOUT")?, tell })
}

/// Returns the time in seconds that a variable of the environment says, if it is set.
pub(super) fn seconds(name: &str) -> Result<Option<Duration>> {
    let Some(text) = std::env::var(name).ok().filter(|text| !text.is_empty()) else { return Ok(None) };
    let parsed = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    parsed.filter(|time| !time.is_zero()).map(Some).ok_or_else(|| {
        Error::usage(format!("{name} is `{text}`, which is no time"))
            .with_hint("give seconds, such as 60 or 0.5")
    })
}

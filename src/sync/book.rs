//! The remotes of a directory by name, in `remotes.json` beside the runs: a file that people can read and mend.

use crate::model::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

const FILE: &str = "remotes.json";

/// Longest name, in bytes.
const NAME_BYTES: usize = 64;

/// The remotes of a directory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Book {
    /// The name of the one to sync to when none is named.
    #[serde(default)]
    pub default: Option<String>,
    /// Addresses by name.
    #[serde(default)]
    pub remotes: BTreeMap<String, String>,
}

impl Book {
    /// Reads it; it is empty if there is no such file.
    ///
    /// # Errors
    /// The file cannot be read, or is none.
    pub fn load(directory: &Path) -> Result<Self> {
        let path = place(directory);
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|e| {
                Error::damaged(format!("Cannot read the remotes in `{}`", path.display()))
                    .with_source(e)
                    .with_hint("mend or remove the file; `danlu remote add NAME ADDRESS` writes it anew")
            }),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(e) => Err(Error::io("read the remotes in", &path, e)),
        }
    }

    /// Writes it.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn store(&self, directory: &Path) -> Result<()> {
        let path = place(directory);
        let mut json =
            serde_json::to_vec_pretty(self).map_err(|e| Error::damaged("Cannot make JSON").with_source(e))?;
        json.push(b'\n');
        let fresh = path.with_extension(format!("json.{}.new", std::process::id()));
        let write = || -> std::io::Result<()> {
            let mut file = std::fs::File::create(&fresh)?;
            file.write_all(&json)?;
            file.sync_all()?;
            std::fs::rename(&fresh, &path)
        };
        write().map_err(|e| {
            std::fs::remove_file(&fresh).ok();
            Error::io("write the remotes to", &path, e)
        })
    }

    /// Adds a remote. The first one becomes the default.
    ///
    /// # Errors
    /// The name is none, or another remote has it.
    pub fn add(&mut self, name: &str, address: &str) -> Result<()> {
        check_name(name)?;
        match self.remotes.get(name) {
            Some(known) if known != address => {
                let message = format!("There is a remote `{name}` already: {known}");
                return Err(Error::usage(message).with_hint(format!("`danlu remote rm {name}` removes it")));
            }
            _ => {}
        }
        self.remotes.insert(name.to_owned(), address.to_owned());
        self.default.get_or_insert_with(|| name.to_owned());
        Ok(())
    }

    /// Removes a remote. If it was the default, there is none then.
    ///
    /// # Errors
    /// There is no such remote.
    pub fn remove(&mut self, name: &str) -> Result<String> {
        let removed = self.remotes.remove(name).ok_or_else(|| self.unknown(name))?;
        self.default.take_if(|default| default == name);
        Ok(removed)
    }

    /// Makes a remote the default.
    ///
    /// # Errors
    /// There is no such remote.
    pub fn set_default(&mut self, name: &str) -> Result<()> {
        if !self.remotes.contains_key(name) {
            return Err(self.unknown(name));
        }
        self.default = Some(name.to_owned());
        Ok(())
    }

    /// Returns the address of the default, if there is one.
    pub fn default_address(&self) -> Option<&str> {
        self.remotes.get(self.default.as_deref()?).map(String::as_str)
    }

    /// Returns what a name stands for; what is no name of a remote is an address.
    pub fn resolve<'a>(&'a self, named: &'a str) -> &'a str {
        self.remotes.get(named).map_or(named, String::as_str)
    }

    fn unknown(&self, name: &str) -> Error {
        let names: Vec<&str> = self.remotes.keys().map(String::as_str).collect();
        let error = Error::usage(format!("There is no remote `{name}`"));
        match names.as_slice() {
            [] => error.with_hint("`danlu remote add NAME ADDRESS` adds one"),
            names => error.with_hint(format!("there are: {}", names.join(", "))),
        }
    }
}

fn place(directory: &Path) -> PathBuf {
    directory.join(FILE)
}

fn check_name(name: &str) -> Result<()> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let is_one = !name.is_empty()
        && name.len() <= NAME_BYTES
        && name.chars().all(fits)
        && !name.starts_with(['.', '-']);
    if is_one {
        return Ok(());
    }
    Err(Error::usage(format!("`{name}` is no name for a remote"))
        .with_hint("letters, digits, `-`, `_` and `.`, such as `lab` or `usb-2`"))
}

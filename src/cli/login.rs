//! `danlu login`.

use super::Format;
use super::config::Credentials;
use super::output::{Output, to_stderr};
use crate::model::{Error, Result};
use crate::remote::{self, Http};
use clap::Args;
use std::io::{BufRead, IsTerminal};

/// Store the API key of a danlu server, and make it the one to sync to
///
/// Asks the server whether it knows the key. To train, no login is needed.
#[derive(Debug, Args)]
pub(super) struct Login {
    /// The address of the server
    url: String,

    /// The key; without it, it is read from standard input
    #[arg(long)]
    key: Option<String>,

    #[command(flatten)]
    format: Format,
}

impl Login {
    pub(super) fn run(self, output: &mut Output) -> Result<bool> {
        if !remote::is_server(&self.url) {
            return Err(Error::usage(format!("`{}` is no address of a server", self.url))
                .with_hint("it begins with http:// or https://; a directory needs no login"));
        }
        let key = match self.key {
            Some(key) => key,
            None => read_key()?,
        };
        let key = key.trim().to_owned();
        if key.is_empty() {
            return Err(
                Error::usage("No API key was given").with_hint("the server prints one at its first start")
            );
        }
        Http::new(&self.url, Some(key.clone()))?.check()?;
        let path = Credentials::load()?.store(&self.url, key)?;
        if self.format.json {
            output.json(&serde_json::json!({"url": self.url, "stored_in": path}))?;
        } else {
            output.line(format!("The key for {} is stored in {}", self.url, path.display()))?;
        }
        Ok(true)
    }
}

fn read_key() -> Result<String> {
    if std::io::stdin().is_terminal() {
        to_stderr("API key:");
    }
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).map_err(|e| {
        Error::new(crate::ErrorKind::Io, "Cannot read the key from standard input").with_source(e)
    })?;
    Ok(line)
}

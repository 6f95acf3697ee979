//! `danlu login`.

use super::Format;
use super::config::{Credentials, options_for};
use super::output::{Output, to_stderr};
use crate::model::{Error, ErrorKind, Result};
use crate::remote;
use clap::Args;
use std::io::{BufRead, IsTerminal};

/// Store the API key of a danlu server, and make it the one to sync to
///
/// Asks the server whether it knows the key. To train, no login is needed: without a server this does nothing.
#[derive(Debug, Args)]
pub(super) struct Login {
    /// The address of the server, or with `--host` the key
    #[arg(value_name = "URL|KEY")]
    argument: Option<String>,

    /// The address of the server
    #[arg(long, visible_alias = "base-url", value_name = "URL")]
    host: Option<String>,

    /// The key; without it, it is read from standard input
    #[arg(long)]
    key: Option<String>,

    /// Accepted for scripts written for wandb
    #[arg(long, hide = true)]
    relogin: bool,

    /// Accepted for scripts written for wandb: keys are always verified
    #[arg(long, hide = true)]
    verify: bool,

    #[command(flatten)]
    format: Format,
}

impl Login {
    pub(super) fn run(mut self, output: &mut Output) -> Result<bool> {
        let named = self.argument.take_if(|argument| self.key.is_some() || remote::is_server(argument));
        let Some(url) = self.host.take().or(named) else {
            return self.without_server(output);
        };
        remote::check_no_secret(&url)?;
        if !remote::is_server(&url) {
            return Err(Error::usage(format!("`{url}` is no address of a server")).with_hint(
                "it begins with http:// or https://; neither a directory nor training needs a login",
            ));
        }
        // Copied from where the API is described.
        let url = remote::server_of(&url).to_owned();
        let key = match self.key.or(self.argument) {
            Some(key) => key,
            None => read_key()?,
        };
        let key = key.trim().to_owned();
        if key.is_empty() {
            return Err(
                Error::usage("No API key was given").with_hint("the server prints one at its first start")
            );
        }
        let options = remote::Options { key: Some(key.clone()), ..options_for(&url)? };
        options.server(&url)?.check().map_err(|e| match e.kind() {
            ErrorKind::Denied => e.with_hint(
                "was all of it copied? whoever runs the server makes keys: `danlu admin key add` there",
            ),
            _ => e,
        })?;
        let path = Credentials::load()?.store(&url, key)?;
        if self.format.json {
            output.json(&serde_json::json!({"url": url, "stored_in": path}))?;
        } else {
            output.line(format!("The key for {} is stored in {}", url, path.display()))?;
            output.line(super::remote::after_login(&url)?)?;
        }
        Ok(true)
    }
}

impl Login {
    /// Says that there is nothing to log in to. A key is not repeated.
    fn without_server(&self, output: &mut Output) -> Result<bool> {
        if self.argument.is_some() {
            return Err(Error::usage("A key is for a server, and none was named")
                .with_hint("`danlu login URL --key KEY`; neither a directory nor training needs a login"));
        }
        if self.format.json {
            output.json(&serde_json::json!({"url": null, "stored_in": null}))?;
        } else {
            output.line("Training needs no login, and no server was named: there is nothing to do")?;
        }
        Ok(true)
    }
}

fn read_key() -> Result<String> {
    if std::io::stdin().is_terminal() {
        to_stderr("API key:");
    }
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|e| Error::new(ErrorKind::Io, "Cannot read the key from standard input").with_source(e))?;
    Ok(line)
}

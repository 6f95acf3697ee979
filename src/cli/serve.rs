//! `danlu serve`.

use super::Format;
use super::output::{Output, to_stderr};
use crate::model::{Error, Result, SystemClock};
use crate::server::Server;
use clap::Args;
use serde_json::json;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// Take in runs from `danlu sync`, and show them on a page
///
/// The first start of a data directory prints an API key, once.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// The directory to keep everything in; it is made if it is new
    #[arg(long, value_name = "DIR")]
    data: PathBuf,

    /// The address to listen on; port 0 takes a free one
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8080")]
    listen: String,

    #[command(flatten)]
    format: Format,
}

impl Serve {
    pub(super) fn run(self, output: &mut Output) -> Result<bool> {
        let listen: SocketAddr = self.listen.parse().map_err(|e| {
            Error::usage(format!("`{}` is no address to listen on", self.listen))
                .with_source(e)
                .with_hint("give an IP address and a port, such as 127.0.0.1:8080 or 0.0.0.0:8080")
        })?;
        let server = Server::bind(&self.data, listen, Arc::new(SystemClock))?;
        if self.format.json {
            let line = match server.new_key() {
                Some(key) => json!({"url": server.url(), "api_key": key}),
                None => json!({"url": server.url()}),
            };
            output.line(line.to_string())?;
        } else {
            output.line(format!("danlu is listening on {}", server.url()))?;
            if let Some(key) = server.new_key() {
                output.line(format!("API key: {key}"))?;
                output
                    .line("It is shown this once. Store it with `danlu login`, or open the page with it:")?;
                output.line(format!("  {}/?key={key}", server.url()))?;
            }
        }
        if !listen.ip().is_loopback() {
            to_stderr(
                "warning: others on the network can reach this server; keys and data go over it unencrypted",
            );
        }
        server.run().map(|()| true)
    }
}

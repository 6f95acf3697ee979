//! `danlu serve`.

use super::Format;
use super::output::{Output, to_stderr};
use super::server_settings::Where;
use crate::model::{Error, Result, SystemClock};
use crate::server::{Limits, Server, Settings};
use clap::{Args, ValueEnum};
use serde_json::json;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tracing_subscriber::EnvFilter;

/// Take in runs from `danlu sync`, and show them on a page
///
/// The first start of a data directory prints an API key, once. `danlu admin` makes accounts, teams and more keys.
#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    at: Where,

    /// The address to listen on; port 0 takes a free one
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8080")]
    listen: String,

    /// A name under which the server is reached, such as runs.example.org; may be repeated, `*` for any
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,

    /// The certificate with its chain, PEM; read again at SIGHUP
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// The private key of the certificate, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// How to log requests, to standard error
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,

    /// What to log: error, warn, info, or a filter such as `danlu::http=warn`
    #[arg(long, value_name = "FILTER", default_value = "info")]
    log: String,

    #[command(flatten)]
    limits: LimitArgs,

    #[command(flatten)]
    format: Format,
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// What is allowed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
struct LimitArgs {
    /// Connections at once
    #[arg(long, value_name = "N", default_value_t = Limits::default().connections)]
    max_connections: usize,

    /// Connections at once from one address
    #[arg(long, value_name = "N", default_value_t = Limits::default().connections_per_address)]
    max_connections_per_address: usize,

    /// Requests per second of one key
    #[arg(long, value_name = "N", default_value_t = Limits::default().per_key)]
    rate_per_key: u32,

    /// Requests per second from one address
    #[arg(long, value_name = "N", default_value_t = Limits::default().per_address)]
    rate_per_address: u32,

    /// Seconds that the head of a request may take
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().head.as_secs())]
    head_timeout: u64,

    /// Seconds that a body, or a client that reads, may make no progress
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().progress.as_secs())]
    progress_timeout: u64,

    /// Seconds that a query in SQL may take
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().query.as_secs())]
    query_timeout: u64,

    /// Seconds that requests under way may take when the server is asked to end
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().stop.as_secs())]
    stop_timeout: u64,
}

impl Serve {
    pub(super) fn run(self, output: &mut Output) -> Result<bool> {
        self.start_log()?;
        let settings = self.settings()?;
        let server = Server::bind(&settings, Arc::new(SystemClock))?;
        if self.format.json {
            let line = match server.new_key() {
                Some(key) => json!({"url": server.url(), "api_key": key}),
                None => json!({"url": server.url()}),
            };
            output.json_line(&line)?;
        } else {
            output.line(format!("danlu is listening on {}", server.url()))?;
            if let Some(key) = server.new_key() {
                output.line(format!("API key: {key}"))?;
                output
                    .line("It is shown this once. Store it with `danlu login`, or open the page with it:")?;
                output.line(format!("  {}/?key={key}", server.url()))?;
            }
        }
        if !settings.listen.ip().is_loopback() {
            if settings.tls.is_none() {
                to_stderr(
                    "warning: others on the network can reach this server; keys and data go over it unencrypted: give `--tls-cert` and `--tls-key`",
                );
            }
            if settings.hosts.is_empty() && settings.listen.ip().is_unspecified() {
                to_stderr(
                    "warning: others on the network are refused as long as no `--host NAME` says under which name they come",
                );
            }
        }
        server.run().map(|()| true)
    }

    fn settings(&self) -> Result<Settings> {
        let listen: SocketAddr = self.listen.parse().map_err(|e| {
            Error::usage(format!("`{}` is no address to listen on", self.listen))
                .with_source(e)
                .with_hint("give an IP address and a port, such as 127.0.0.1:8080 or 0.0.0.0:8080")
        })?;
        let limits = &self.limits;
        let mut settings = self.at.settings()?;
        settings.listen = listen;
        settings.hosts.clone_from(&self.hosts);
        settings.tls = self.tls_cert.clone().zip(self.tls_key.clone());
        settings.limits = Limits {
            connections: limits.max_connections,
            connections_per_address: limits.max_connections_per_address,
            per_key: limits.rate_per_key,
            per_address: limits.rate_per_address,
            head: Duration::from_secs(limits.head_timeout),
            progress: Duration::from_secs(limits.progress_timeout),
            query: Duration::from_secs(limits.query_timeout),
            stop: Duration::from_secs(limits.stop_timeout),
            ..Limits::default()
        };
        Ok(settings)
    }

    /// Lets what the server has to say go to standard error.
    fn start_log(&self) -> Result<()> {
        let filter = EnvFilter::try_new(&self.log)
            .map_err(|e| Error::usage(format!("`{}` is no filter of logs", self.log)).with_source(e))?;
        let log =
            tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter).with_ansi(false);
        let started = match self.log_format {
            LogFormat::Text => log.try_init(),
            LogFormat::Json => log.json().flatten_event(true).try_init(),
        };
        started.map_err(|e| Error::new(crate::ErrorKind::Io, "Cannot start the log").with_source(e))
    }
}

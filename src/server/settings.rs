//! What a server is given.

use crate::remote::Options;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// How to serve.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The data directory; it is made if it is new.
    pub data: PathBuf,
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Names under which the server is reached, beside the address that it listens on and those of this machine. With `*` any
    /// name will do.
    pub hosts: Vec<String>,
    /// The certificate chain and the private key, PEM files.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// The address of a PostgreSQL database for the catalogue, in place of a file in the data directory.
    pub catalogue: Option<String>,
    /// The address of a directory or bucket for the objects, in place of one in the data directory.
    pub objects: Option<String>,
    /// What opening the bucket needs.
    pub options: Options,
    /// What is allowed.
    pub limits: Limits,
}

impl Settings {
    /// Serves a data directory at an address, with nothing special.
    pub fn new(data: PathBuf, listen: SocketAddr) -> Self {
        Self {
            data,
            listen,
            hosts: Vec::new(),
            tls: None,
            catalogue: None,
            objects: None,
            options: Options::default(),
            limits: Limits::default(),
        }
    }
}

/// What is allowed, and how long to wait.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at once; further ones are closed.
    pub connections: usize,
    /// Connections at once from one address; of IPv6, from one network of 64 bits.
    pub connections_per_address: usize,
    /// Requests per second of one key, over some seconds.
    pub per_key: u32,
    /// Requests per second from one address, over some seconds.
    pub per_address: u32,
    /// Requests per second from one address whose keys are refused, over some seconds.
    pub refused: u32,
    /// How long the head of a request may take, and how long a connection may be idle.
    pub head: Duration,
    /// How long a body, or a client that reads, may make no progress.
    pub progress: Duration,
    /// How long a query in SQL may take.
    pub query: Duration,
    /// How long requests under way may take after the server was asked to end.
    pub stop: Duration,
    /// How long a removed run can be restored.
    pub removed: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            connections_per_address: 256,
            per_key: 500,
            per_address: 1000,
            refused: 5,
            head: Duration::from_secs(30),
            progress: Duration::from_secs(30),
            query: Duration::from_secs(10),
            stop: Duration::from_secs(20),
            removed: Duration::from_secs(7 * 24 * 3600),
        }
    }
}

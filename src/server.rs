//! `danlu serve`: takes pushes, keeps each run as the same run file, and shows them.
//!
//! Only records come in: a pushed segment is checked against its name, and its records go through the same function
//! as those of a live run. A SQLite file that somebody sent is never opened, because none can be sent.

mod access;
mod admin;
mod answer;
mod artifacts;
mod auth;
mod backup;
mod bodies;
mod catalogue;
mod charts;
mod chores;
mod connections;
mod data;
mod database;
mod described;
mod edit;
mod events;
mod extract;
mod files;
mod gate;
mod health;
mod history;
mod index;
mod ingest;
mod list;
mod listen;
mod locks;
mod media;
mod metrics;
mod objects;
mod open_files;
mod openapi;
mod page;
mod people;
mod proofs;
mod rates;
mod reserve;
mod room;
mod router;
mod run;
mod run_files;
mod settings;
mod sql;
mod stream;
mod target;
mod tls;
mod traces;

pub use admin::{Admin, Stats, Verified};
pub use catalogue::{Account, KeyInfo, Member, NewKey, Scope, Team};
pub use listen::Server;
pub use settings::{Limits, Settings};

use crate::model::{AttemptId, Clock, Error, Hash, Result};
use crate::remote::{self, Directory, Options, Remote, Tell};
use catalogue::Catalogue;
use gate::Hosts;
use locks::Locks;
use metrics::Metrics;
use rates::Rates;
use reserve::Reserve;
use room::Room;
use run_files::RunFiles;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// What every request shares.
struct App {
    data: PathBuf,
    objects: Box<dyn Remote>,
    files: RunFiles,
    catalogue: Catalogue,
    /// Room for what makes room.
    reserve: Reserve,
    /// The runs that are being written.
    locks: Locks,
    clock: Arc<dyn Clock>,
    limits: Limits,
    rates: Rates,
    hosts: Hosts,
    metrics: Metrics,
    room: Room,
    /// When keys were used, until that is written down.
    uses: Mutex<BTreeMap<String, i64>>,
    /// Runs that are among the objects and that the catalogue could not be told of.
    half: Mutex<BTreeSet<Hash>>,
    /// Whether browsers reach it over TLS.
    tls: bool,
    /// Tells the requests of this process from those of others.
    process: String,
    /// Whether the server is about to end: whoever answers for long stops.
    stopping: tokio::sync::watch::Sender<bool>,
    /// What lists are made from.
    index: index::Index,
    /// Turns of queries in SQL.
    queries: Arc<tokio::sync::Semaphore>,
    /// Turns of checks of how the server is.
    checks: Arc<tokio::sync::Semaphore>,
    /// Places of those who hear of changes.
    listeners: Arc<tokio::sync::Semaphore>,
    /// What runs said of artifacts.
    artifacts: artifacts::Heard,
    /// Lines that charts were drawn from.
    traces: traces::Traces,
    /// The description of the API, once somebody has asked for it.
    document: std::sync::OnceLock<String>,
}

impl App {
    fn open(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Self> {
        let data = &settings.data;
        data::make(data)?;
        let reserve = Reserve::new(data, settings.catalogue.is_none());
        Ok(Self {
            data: data.clone(),
            objects: objects(settings)?,
            files: reserve.spend(|| RunFiles::open(&data.join("runs"), clock.now()))?,
            catalogue: reserve.spend(|| catalogue(settings, clock.now()))?,
            reserve,
            locks: Locks::default(),
            limits: settings.limits,
            rates: Rates::new(&settings.limits),
            hosts: Hosts::new(&settings.hosts, settings.listen),
            metrics: Metrics::new(),
            room: Room::new(),
            uses: Mutex::default(),
            half: Mutex::default(),
            tls: settings.tls.is_some(),
            process: AttemptId::random()?.to_string()[..8].to_owned(),
            stopping: tokio::sync::watch::Sender::new(false),
            index: index::Index::default(),
            queries: Arc::new(tokio::sync::Semaphore::new(sql::AT_ONCE)),
            checks: Arc::new(tokio::sync::Semaphore::new(health::CHECKS)),
            listeners: Arc::new(tokio::sync::Semaphore::new(events::LISTENERS)),
            artifacts: artifacts::Heard::default(),
            traces: traces::Traces::default(),
            document: std::sync::OnceLock::new(),
            clock,
        })
    }
}

/// Returns the directory that has the objects, if one has them.
fn place_of_objects(settings: &Settings) -> Option<PathBuf> {
    match settings.objects.as_deref() {
        None => Some(settings.data.join("objects")),
        Some(address) => remote::directory_of(address).map(Path::to_owned),
    }
}

fn objects(settings: &Settings) -> Result<Box<dyn Remote>> {
    let tell = Tell::new(|what| tracing::warn!(target: "danlu::server", "{what}"));
    let options = Options { tell, ..settings.options.clone() };
    match settings.objects.as_deref() {
        // Another server over this catalogue would look for them elsewhere.
        None if settings.catalogue.as_deref().is_some_and(is_postgres) => {
            Err(Error::usage("A catalogue in PostgreSQL is for objects that all of its servers reach")
                .with_hint("give their directory or bucket with `--objects`"))
        }
        None => Ok(Box::new(Directory::create_with(&settings.data.join("objects"), &options)?)),
        Some(address) if remote::is_server(address) => {
            Err(Error::usage("A server keeps its objects in a directory or a bucket, not at another server"))
        }
        Some(address) => remote::open(address, &options).map_err(|e| {
            let error = e.in_context("The objects");
            match remote::directory_of(address) {
                Some(directory) if error.hint().is_none() => error.with_hint(data::in_the_way(directory)),
                _ => error,
            }
        }),
    }
}

fn catalogue(settings: &Settings, now: i64) -> Result<Catalogue> {
    match settings.catalogue.as_deref() {
        None => Catalogue::in_file(&file_of_catalogue(&settings.data), now),
        Some(address) if is_postgres(address) => Catalogue::in_postgres(address, now),
        Some(_) => {
            Err(Error::usage("The catalogue is a file in the data directory, or a PostgreSQL database")
                .with_hint("give an address such as postgres://danlu@db.example.org/danlu"))
        }
    }
}

fn is_postgres(address: &str) -> bool {
    address.starts_with("postgres://") || address.starts_with("postgresql://")
}

/// The file of the catalogue in a data directory.
const CATALOGUE: &str = "catalogue.sqlite";

fn file_of_catalogue(data: &Path) -> PathBuf {
    data.join(CATALOGUE)
}

//! `danlu serve`: takes pushes, keeps each run as the same run file, and shows them.
//!
//! Only records come in: a pushed segment is checked against its name, and its records go through the same function
//! as those of a live run. A SQLite file that somebody sent is never opened, because none can be sent.

mod answer;
mod auth;
mod catalogue;
mod database;
mod ingest;
mod objects;
mod page;
mod runs;

use crate::model::{Clock, Error, ErrorKind, Result};
use crate::remote::Directory;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post, put};
use catalogue::Catalogue;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// Largest body that is read into memory: a manifest, or a list of object names.
const JSON_BYTES: usize = crate::model::limits::MANIFEST_BYTES + (1 << 20);

/// What every request shares.
struct App {
    objects: Directory,
    runs: PathBuf,
    catalogue: Catalogue,
    /// Held while run files are written: one commit at a time.
    commits: Mutex<()>,
    clock: Arc<dyn Clock>,
}

/// A server that listens.
pub struct Server {
    runtime: tokio::runtime::Runtime,
    listener: tokio::net::TcpListener,
    address: SocketAddr,
    app: Arc<App>,
    new_key: Option<String>,
}

impl Server {
    /// Opens a data directory, making it if it is new, and listens. Port 0 takes a free one.
    ///
    /// # Errors
    /// The directory cannot be written, or the address cannot be listened on, for instance because the port is in use.
    pub fn bind(data: &Path, listen: SocketAddr, clock: Arc<dyn Clock>) -> Result<Self> {
        let runs = data.join("runs");
        std::fs::create_dir_all(&runs).map_err(|e| Error::io("create the directory", &runs, e))?;
        let objects = Directory::create(&data.join("objects"))?;
        let catalogue = Catalogue::in_file(&data.join("catalogue.sqlite"), clock.now())?;
        let new_key = auth::first_key(&catalogue, clock.now())?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|e| Error::new(ErrorKind::Io, "Cannot start the server's threads").with_source(e))?;
        let listener = runtime.block_on(tokio::net::TcpListener::bind(listen)).map_err(|e| {
            Error::new(ErrorKind::Io, format!("Cannot listen on {listen}"))
                .with_source(e)
                .with_hint("choose another port with `--listen`; port 0 takes a free one")
        })?;
        let address =
            listener.local_addr().map_err(|e| Error::new(ErrorKind::Io, "Cannot listen").with_source(e))?;
        let app = Arc::new(App { objects, runs, catalogue, commits: Mutex::new(()), clock });
        Ok(Self { runtime, listener, address, app, new_key })
    }

    /// Returns the address to reach it under.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the API key that was made because the data directory is new. It is not kept anywhere.
    pub fn new_key(&self) -> Option<&str> {
        self.new_key.as_deref()
    }

    /// Answers requests until the process is asked to end (SIGINT or SIGTERM); those under way are answered first.
    ///
    /// # Errors
    /// The operating system ends it.
    pub fn run(self) -> Result<()> {
        let Self { runtime, listener, app, .. } = self;
        runtime
            .block_on(async move {
                axum::serve(listener, router(app)).with_graceful_shutdown(asked_to_end()).await
            })
            .map_err(|e| Error::new(ErrorKind::Io, "The server broke off").with_source(e))
    }
}

fn router(app: Arc<App>) -> Router {
    let guarded = Router::new()
        .route("/projects", get(runs::projects))
        .route("/runs", get(runs::list))
        .route("/runs/{key}", get(runs::one))
        .route("/runs/{key}/history", get(runs::history))
        .route("/runs/{key}/envelope", get(runs::envelope))
        .route("/runs/{key}/files", get(runs::files))
        .route("/runs/{key}/files/{*path}", get(runs::file))
        .route("/remote", get(objects::identity))
        .route("/objects/missing", post(objects::missing))
        .route("/segments/{hash}", put(objects::put_segment).get(objects::get_segment))
        .route("/blobs/{hash}", put(objects::put_blob).get(objects::get_blob))
        .route("/manifests", post(objects::commit))
        .route("/manifests/{key}", get(objects::manifest))
        .fallback(answer::no_route)
        .layer(DefaultBodyLimit::max(JSON_BYTES))
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&app), auth::require_key));
    Router::new()
        .nest("/api/v1", guarded)
        .route("/", get(page::page))
        .route("/login", post(page::login))
        .route("/healthz", get(page::health))
        .fallback(answer::no_route)
        .layer(axum::middleware::map_response(answer::with_headers))
        .with_state(app)
}

async fn asked_to_end() {
    let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

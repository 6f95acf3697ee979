//! A server that listens, with TLS or without, until it is asked to end.

use super::connections::Doorkeeper;
use super::router::router;
use super::settings::Settings;
use super::{App, auth, backup, chores, data, tls};
use crate::model::{Clock, Error, ErrorKind, Result};
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use axum_server::{Handle, Server as Listening};
use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Threads that wait for disks and databases.
const WAITING_THREADS: usize = 128;

/// Bytes that a connection reads ahead of who reads its body.
const READ_AHEAD: usize = 256 << 10;

/// A server that listens.
pub struct Server {
    runtime: tokio::runtime::Runtime,
    listener: TcpListener,
    address: SocketAddr,
    name: Option<String>,
    app: Arc<App>,
    tls: Option<(PathBuf, PathBuf)>,
    ends: Ends,
    reloads: Signal,
    new_key: Option<String>,
    /// The lock of the data directory.
    _held: File,
}

/// What asks the process to end. It is listened to before anybody is told that the server is there.
struct Ends(Signal, Signal);

impl Ends {
    fn listen() -> std::io::Result<Self> {
        Ok(Self(signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?))
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
        }
    }
}

impl Server {
    /// Opens a data directory, making it if it is new, and listens. Port 0 takes a free one.
    ///
    /// # Errors
    /// The directory cannot be written or another server has it, the catalogue or the objects cannot be reached, the certificate cannot be read, or the
    /// address cannot be listened on, for instance because the port is in use.
    pub fn bind(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Self> {
        if let Some((certificate, key)) = &settings.tls {
            tls::configuration(certificate, key)?;
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .max_blocking_threads(WAITING_THREADS)
            .build()
            .map_err(|e| Error::new(ErrorKind::Io, "Cannot start the server's threads").with_source(e))?;
        let listen = settings.listen;
        let cannot = |e: std::io::Error| {
            Error::new(ErrorKind::Io, format!("Cannot listen on {listen}"))
                .with_source(e)
                .with_hint("choose another port with `--listen`; port 0 takes a free one")
        };
        let listener = TcpListener::bind(listen).map_err(cannot)?;
        listener.set_nonblocking(true).map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        data::make(&settings.data)?;
        data::check_is_ours(&settings.data)?;
        let held = data::hold(&settings.data)?;
        backup::becomes_a_server(&settings.data)?;
        crate::query::bound_memory(super::sql::HEAP)?;
        let app = Arc::new(App::open(settings, clock)?);
        if let Some(directory) = super::place_of_objects(settings) {
            data::check_objects(&directory)?;
        }
        let new_key = auth::first_key(&app.catalogue, app.clock.now())?;
        app.take_over_objects()?;
        if let Err(error) = app.reserve.keep() {
            tracing::warn!(target: "danlu::server", %error, "there is no room for pushes");
        }
        let (ends, reloads) = {
            let _in_runtime = runtime.enter();
            Ends::listen()
                .and_then(|ends| Ok((ends, signal(SignalKind::hangup())?)))
                .map_err(|e| Error::new(ErrorKind::Io, "Cannot listen to signals").with_source(e))?
        };
        let name = settings.hosts.iter().find(|name| *name != "*" && listen.ip().is_unspecified());
        let name = name.map(|name| name.trim_matches(['[', ']']).to_owned());
        Ok(Self {
            runtime,
            listener,
            address,
            name,
            app,
            tls: settings.tls.clone(),
            ends,
            reloads,
            new_key,
            _held: held,
        })
    }

    /// Returns the address to reach it under: with the first name that was given, if it listens on all addresses.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        match &self.name {
            Some(name) if name.contains(':') => format!("{scheme}://[{name}]:{}", self.address.port()),
            Some(name) => format!("{scheme}://{name}:{}", self.address.port()),
            None => format!("{scheme}://{}", self.address),
        }
    }

    /// Returns the API key that was made because the data directory is new. It is not kept anywhere.
    pub fn new_key(&self) -> Option<&str> {
        self.new_key.as_deref()
    }

    /// Answers requests until the process is asked to end (SIGINT or SIGTERM); those under way are answered first, as long as
    /// that does not take too long.
    ///
    /// # Errors
    /// The operating system ends it.
    pub fn run(self) -> Result<()> {
        let Self { runtime, listener, app, tls, ends, reloads, .. } = self;
        let served = runtime.block_on(serve(listener, Arc::clone(&app), tls, ends, reloads));
        // What still waits for a disk is not waited for.
        runtime.shutdown_background();
        let ended = app.chores(false);
        tracing::info!(target: "danlu::server", "ended");
        served.and(ended)
    }
}

impl App {
    /// Runs that are among the objects and in no catalogue come from an older version, or from a copy. The catalogue of an
    /// older version knows less of each.
    fn take_over_objects(&self) -> Result<()> {
        let knows_less = self.catalogue.is_to_be_reread()?;
        if !knows_less && !self.catalogue.heads(None, 1)?.is_empty() {
            return Ok(());
        }
        let (taken, failed) = self.reconcile()?;
        if taken > 0 {
            tracing::info!(target: "danlu::server", runs = taken, "runs were taken over from the objects");
        }
        for error in failed {
            tracing::warn!(target: "danlu::server", %error, "a run among the objects cannot be read");
        }
        if knows_less {
            self.catalogue.was_reread()?;
        }
        Ok(())
    }
}

async fn serve(
    listener: TcpListener,
    app: Arc<App>,
    tls: Option<(PathBuf, PathBuf)>,
    ends: Ends,
    reloads: Signal,
) -> Result<()> {
    let broke_off = |e: std::io::Error| Error::new(ErrorKind::Io, "The server broke off").with_source(e);
    let handle = Handle::new();
    tokio::spawn(end_when_asked(ends, handle.clone(), Arc::clone(&app)));
    tokio::spawn(chores::do_chores(Arc::clone(&app)));
    // So that the first list need not wait for all of it; whatever fails now is told to whoever asks.
    let early = Arc::clone(&app);
    tokio::task::spawn_blocking(move || early.index.update(&early.catalogue));
    let limits = app.limits;
    let mut server: Listening<SocketAddr> = axum_server::from_tcp(listener).map_err(broke_off)?;
    server.http_builder().http1().header_read_timeout(limits.head).max_buf_size(READ_AHEAD);
    let door = Doorkeeper::new(&limits);
    let server = server.http1_only().handle(handle).first_request_timeout(limits.head);
    let service = router(app).into_make_service_with_connect_info::<SocketAddr>();
    match tls {
        None => {
            tokio::spawn(say_that_nothing_is_reloaded(reloads));
            server.acceptor(door).serve(service).await
        }
        Some((certificate, key)) => {
            let configuration = RustlsConfig::from_config(tls::configuration(&certificate, &key)?);
            tokio::spawn(reload_when_asked(reloads, configuration.clone(), certificate, key));
            server.acceptor(RustlsAcceptor::new(configuration).acceptor(door)).serve(service).await
        }
    }
    .map_err(broke_off)
}

async fn end_when_asked(mut ends: Ends, handle: Handle<SocketAddr>, app: Arc<App>) {
    ends.asked().await;
    tracing::info!(target: "danlu::server", "asked to end");
    app.stopping.send_replace(true);
    handle.graceful_shutdown(Some(app.limits.stop));
}

/// A renewed certificate takes effect at SIGHUP, without an end to anything.
async fn reload_when_asked(mut asked: Signal, tls: RustlsConfig, certificate: PathBuf, key: PathBuf) {
    while asked.recv().await.is_some() {
        match tls::configuration(&certificate, &key) {
            Ok(configuration) => {
                tls.reload_from_config(configuration);
                tracing::info!(target: "danlu::server", "the certificate was read again");
            }
            Err(error) => {
                tracing::error!(target: "danlu::server", %error, "the certificate stays as it was");
            }
        }
    }
}

/// Without a certificate SIGHUP is for nothing, and no reason to end.
async fn say_that_nothing_is_reloaded(mut asked: Signal) {
    while asked.recv().await.is_some() {
        tracing::info!(target: "danlu::server", "SIGHUP: there is no certificate to read again");
    }
}

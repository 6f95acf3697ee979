//! Something between a client and a server that counts what goes to the server.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Passes everything on, and counts it.
pub struct Proxy {
    pub url: String,
    bytes: Arc<AtomicU64>,
    requests: Arc<AtomicU64>,
}

impl Proxy {
    /// Listens on a free port, in front of a server.
    pub fn before(url: &str) -> Self {
        let server = url.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let proxy = Self { url, bytes: Arc::default(), requests: Arc::default() };
        let (bytes, requests) = (Arc::clone(&proxy.bytes), Arc::clone(&proxy.requests));
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(&server) else { continue };
                let (mut from_server, mut to_client) =
                    (server.try_clone().unwrap(), client.try_clone().unwrap());
                std::thread::spawn(move || {
                    std::io::copy(&mut from_server, &mut to_client).ok();
                    to_client.shutdown(std::net::Shutdown::Both).ok();
                });
                let (bytes, requests) = (Arc::clone(&bytes), Arc::clone(&requests));
                std::thread::spawn(move || pass_on(client, server, &bytes, &requests));
            }
        });
        proxy
    }

    /// Returns how many bytes went to the server so far.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Returns how many requests were made so far.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}

fn pass_on(mut client: TcpStream, mut server: TcpStream, bytes: &AtomicU64, requests: &AtomicU64) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(read @ 1..) = client.read(&mut buffer) {
        bytes.fetch_add(read as u64, Ordering::Relaxed);
        let piece = &buffer[..read];
        let ends = piece.windows(11).filter(|window| window == b" HTTP/1.1\r\n").count();
        requests.fetch_add(ends as u64, Ordering::Relaxed);
        if server.write_all(piece).is_err() {
            break;
        }
    }
    server.shutdown(std::net::Shutdown::Both).ok();
}

//! Requests that no client makes, byte by byte.

use socket2::{Domain, Socket, Type};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long a server may take to answer or to hang up before a test gives up.
const PATIENCE: Duration = Duration::from_secs(120);

/// Connects to a server.
pub fn connect(url: &str) -> TcpStream {
    let stream = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends bytes and returns all that comes back until the server hangs up, as text.
pub fn ask(url: &str, request: &[u8]) -> String {
    let mut stream = connect(url);
    // A server may refuse before it has read all.
    stream.write_all(request).ok();
    rest(&mut stream)
}

/// As [`ask`], from an address of this machine that only requests with the same number come from.
pub fn ask_from(number: usize, url: &str, request: &[u8]) -> String {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let [.., high, low] = (number + 2).to_be_bytes();
    socket.bind(&SocketAddr::from(([127, 1, high, low], 0)).into()).unwrap();
    let server: SocketAddr = url.trim_start_matches("http://").parse().unwrap();
    socket.connect(&server.into()).unwrap();
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request).ok();
    rest(&mut stream)
}

/// Returns what comes until the other side hangs up.
pub fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    if let Err(e) = stream.read_to_end(&mut answer) {
        assert_ne!(e.kind(), std::io::ErrorKind::WouldBlock, "the server neither answers nor hangs up");
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// Returns the status of an answer; 0 if there was none.
pub fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

/// Makes a request with a key and further headers, for a connection of its own.
pub fn request(method: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

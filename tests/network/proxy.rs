//! A proxy between a syncer and a server that does what networks do.
//!
//! It takes one request for each connection, so that what a fault hits is known to the byte.

use socket2::SockRef;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// A request as it came in.
#[derive(Debug, Clone)]
pub struct Request {
    /// All of it: head and body.
    pub bytes: Vec<u8>,
    pub method: String,
    pub path: String,
}

impl Request {
    pub fn is(&self, method: &str, part_of_path: &str) -> bool {
        self.method == method && self.path.contains(part_of_path)
    }

    pub fn body(&self) -> &[u8] {
        body_of(&self.bytes)
    }

    /// Says whether it changes something at the server.
    pub fn is_commit(&self) -> bool {
        self.is("POST", "/manifests")
    }

    pub fn is_put(&self) -> bool {
        self.method == "PUT" || self.path.ends_with("/objects") && self.method == "POST"
    }
}

/// What happens to a request on its way.
pub enum Way {
    /// It arrives.
    Clear,
    /// It is answered here, and never arrives.
    Answered(Vec<u8>),
    /// So many bytes of it arrive, then both connections are reset.
    CutAfter(usize),
    /// It arrives nowhere, and nobody answers until the proxy ends.
    Lost,
    /// It arrives twice.
    Twice,
}

/// What happens to an answer on its way.
pub enum Back {
    /// It arrives.
    Clear,
    /// So many bytes of it arrive, then the connection is reset.
    CutAfter(usize),
    /// It arrives a byte at a time, with so much time before each of its head and of its body.
    Drips(Duration, Duration),
    /// Its first so many bytes arrive, then nothing more until the proxy ends.
    StopsAfter(usize),
}

/// What a network does.
pub trait Fault: Send + Sync {
    fn request(&self, _request: &Request) -> Way {
        Way::Clear
    }

    /// May change the answer, too.
    fn answer(&self, _request: &Request, _answer: &mut Vec<u8>) -> Back {
        Back::Clear
    }
}

/// A network without faults.
pub struct Clear;

impl Fault for Clear {}

/// A fault of requests alone.
pub struct OnRequest<F>(pub F);

impl<F: Fn(&Request) -> Way + Send + Sync> Fault for OnRequest<F> {
    fn request(&self, request: &Request) -> Way {
        (self.0)(request)
    }
}

/// A fault of answers alone.
pub struct OnAnswer<F>(pub F);

impl<F: Fn(&Request, &mut Vec<u8>) -> Back + Send + Sync> Fault for OnAnswer<F> {
    fn answer(&self, request: &Request, answer: &mut Vec<u8>) -> Back {
        (self.0)(request, answer)
    }
}

/// The proxy. It ends with the test.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: Mutex<SocketAddr>,
    fault: Mutex<Arc<dyn Fault>>,
    seen: Mutex<Vec<Request>>,
    ended: Mutex<bool>,
    end: Condvar,
}

impl Proxy {
    /// Listens, and passes on to a server.
    pub fn before(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            upstream: Mutex::new(address_of(upstream)),
            fault: Mutex::new(Arc::new(Clear)),
            seen: Mutex::default(),
            ended: Mutex::default(),
            end: Condvar::new(),
        });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                if *serving.ended.lock().unwrap() {
                    return;
                }
                let (shared, connection) = (Arc::clone(&serving), connection.unwrap());
                // A connection that breaks is what this is for.
                std::thread::spawn(move || shared.pass_on(connection).ok());
            }
        });
        Self { address, shared }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on this is what happens.
    pub fn set(&self, fault: impl Fault + 'static) {
        *self.shared.fault.lock().unwrap() = Arc::new(fault);
    }

    /// From now on everything arrives.
    pub fn clear(&self) {
        self.set(Clear);
    }

    /// From now on this is the server.
    pub fn lead_to(&self, upstream: &str) {
        *self.shared.upstream.lock().unwrap() = address_of(upstream);
    }

    /// Returns the requests that came in since the last time.
    pub fn seen(&self) -> Vec<Request> {
        std::mem::take(&mut *self.shared.seen.lock().unwrap())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        *self.shared.ended.lock().unwrap() = true;
        self.shared.end.notify_all();
        TcpStream::connect(self.address).ok();
    }
}

impl Shared {
    fn pass_on(&self, mut client: TcpStream) -> std::io::Result<()> {
        let request = read_request(&client)?;
        let fault = Arc::clone(&self.fault.lock().unwrap());
        self.seen.lock().unwrap().push(request.clone());
        let mut answer = match fault.request(&request) {
            Way::Clear => self.ask(&request.bytes)?,
            Way::Twice => {
                self.ask(&request.bytes)?;
                self.ask(&request.bytes)?
            }
            Way::Answered(answer) => return client.write_all(&answer),
            Way::Lost => {
                self.wait_for_the_end();
                return Ok(());
            }
            Way::CutAfter(bytes) => {
                let mut server = TcpStream::connect(*self.upstream.lock().unwrap())?;
                server.write_all(&request.bytes[..bytes])?;
                reset(&server);
                reset(&client);
                return Ok(());
            }
        };
        match fault.answer(&request, &mut answer) {
            Back::Clear => client.write_all(&answer),
            Back::CutAfter(bytes) => {
                client.write_all(&answer[..bytes.min(answer.len())])?;
                reset(&client);
                Ok(())
            }
            Back::Drips(head, body) => {
                let body_at = answer.len() - body_of(&answer).len();
                answer.iter().enumerate().try_for_each(|(n, byte)| {
                    std::thread::park_timeout(if n < body_at { head } else { body });
                    client.write_all(&[*byte])
                })
            }
            Back::StopsAfter(bytes) => {
                client.write_all(&answer[..bytes.min(answer.len())])?;
                self.wait_for_the_end();
                Ok(())
            }
        }
    }

    /// Sends a request to the server, and returns all that it answers.
    fn ask(&self, request: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut server = TcpStream::connect(*self.upstream.lock().unwrap())?;
        let mut answer = Vec::new();
        let sent = server.write_all(request);
        // A server may answer before it has read all.
        let read = server.read_to_end(&mut answer);
        if answer.is_empty() {
            sent?;
            read?;
        }
        Ok(answer)
    }

    fn wait_for_the_end(&self) {
        let ended = self.ended.lock().unwrap();
        drop(self.end.wait_while(ended, |ended| !*ended).unwrap());
    }
}

/// Makes closing a connection a reset.
fn reset(stream: &TcpStream) {
    SockRef::from(stream).set_linger(Some(Duration::ZERO)).unwrap();
}

fn address_of(url: &str) -> SocketAddr {
    url.trim_start_matches("http://").parse().unwrap()
}

/// Returns the body of a message.
pub fn body_of(message: &[u8]) -> &[u8] {
    let end = message.windows(4).position(|four| four == b"\r\n\r\n").map_or(message.len(), |at| at + 4);
    &message[end..]
}

/// Reads one request, and asks for the connection to be closed after it.
fn read_request(stream: &TcpStream) -> std::io::Result<Request> {
    let mut reader = BufReader::new(stream);
    let mut bytes = Vec::new();
    let (mut first, mut length, mut chunked) = (String::new(), 0, false);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if first.is_empty() {
            first.clone_from(&line);
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        chunked |= lower.starts_with("transfer-encoding:") && lower.contains("chunked");
        if line == "\r\n" {
            bytes.extend(b"connection: close\r\n\r\n");
            break;
        }
        if !lower.starts_with("connection:") {
            bytes.extend(line.as_bytes());
        }
    }
    if chunked {
        while !bytes.ends_with(b"\r\n0\r\n\r\n") {
            let mut line = Vec::new();
            if reader.read_until(b'\n', &mut line)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            bytes.extend(line);
        }
    } else {
        let start = bytes.len();
        bytes.resize(start + length, 0);
        reader.read_exact(&mut bytes[start..])?;
    }
    let mut words = first.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    Ok(Request { bytes, method, path })
}

/// Makes an answer that no danlu server gives.
pub fn stranger(status: &str, headers: &str, body: &str) -> Way {
    let text = format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    Way::Answered(text.into_bytes())
}

/// Makes an answer as a danlu server gives it.
pub fn danlu(status: &str, headers: &str, body: &str) -> Way {
    stranger(status, &format!("danlu-version: 0.1.0\r\ncontent-type: application/json\r\n{headers}"), body)
}

//! A danlu server as a remote. `docs/protocol.md` describes the requests.

use super::frames::write_frame;
use super::{Manifest, Object, Receipt, Remote, RunHead, SizedHash};
use crate::model::{AttemptId, Error, ErrorKind, Hash, Result};
use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::blocking::{Body, Client, RequestBuilder, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a request may take, beside the time for its bytes at [`SLOWEST`].
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a question may take, beside the time for its bytes, until one is answered: whoever has no answer to the first one has none
/// to others. Who it is, it may be asked at any time, and has no longer for that.
const FIRST_TIMEOUT: Duration = Duration::from_secs(30);

/// The slowest line that a request is given time for, in bytes per second.
const SLOWEST: u64 = 8 << 10;

/// Objects that are asked about, and manifests that are committed, in one request.
const ASKED_AT_ONCE: usize = 100_000;
const COMMITTED_AT_ONCE: usize = 250;

/// What goes into one request with many small objects.
const FRAMES_AT_ONCE: usize = 4096;
const BYTES_AT_ONCE: usize = 8 << 20;

const JSON: &str = "application/json";

/// A server.
#[derive(Debug)]
pub struct Http {
    address: String,
    key: Option<String>,
    client: Client,
    timeout: Duration,
    /// The same until it has answered, and for the question who it is.
    first: Client,
    first_timeout: Duration,
    /// Whether it has said who it is.
    introduced: AtomicBool,
    /// Whether it has answered anything else.
    answered: AtomicBool,
}

impl Http {
    /// Prepares to talk to a server; does not connect yet.
    ///
    /// # Errors
    /// The address is none, or the system's certificates cannot be read.
    pub fn new(address: &str, key: Option<String>) -> Result<Self> {
        super::check_no_secret(address)?;
        // Another part of the process may have chosen a provider already; that one is as good.
        rustls::crypto::ring::default_provider().install_default().ok();
        let no_address = || {
            Error::usage(format!("`{address}` is no address of a server"))
                .with_hint("one looks like http://localhost:8080 or https://runs.example.org")
        };
        let url = reqwest::Url::parse(address).map_err(|e| no_address().with_source(e))?;
        if !super::is_server(address) || !url.has_host() {
            return Err(no_address());
        }
        let server = super::server_of(address);
        if server != address.trim_end_matches('/') {
            return Err(Error::usage(format!("`{address}` is the address of an API, not of a server"))
                .with_hint(format!("the server is {server}")));
        }
        let address = server.to_owned();
        let timeout = REQUEST_TIMEOUT;
        Ok(Self {
            address,
            key,
            client: client(timeout)?,
            timeout,
            first: client(FIRST_TIMEOUT)?,
            first_timeout: FIRST_TIMEOUT,
            introduced: AtomicBool::new(false),
            answered: AtomicBool::new(false),
        })
    }

    /// Gives the server so long to answer, and each piece of what it sends so long to come, in place of a minute, or of half a
    /// minute until it has answered.
    ///
    /// # Errors
    /// The system's certificates cannot be read.
    pub fn with_timeout(self, timeout: Duration) -> Result<Self> {
        Ok(Self { client: client(timeout)?, timeout, ..self.with_first_timeout(timeout)? })
    }

    /// Gives the server so long for its first answer, and to say who it is.
    ///
    /// # Errors
    /// The system's certificates cannot be read.
    pub fn with_first_timeout(self, first_timeout: Duration) -> Result<Self> {
        Ok(Self { first: client(first_timeout)?, first_timeout, ..self })
    }

    /// Returns who asks: with the patience that there is for the next answer.
    fn client(&self) -> &Client {
        if self.answered.load(Ordering::Relaxed) { &self.client } else { &self.first }
    }

    fn url(&self, path: &str) -> String {
        format!("{}/api/v1/{path}", self.address)
    }

    /// Asks the server who it is and whether it knows the key.
    ///
    /// # Errors
    /// It cannot be reached, is no danlu server, or refuses the key.
    pub fn check(&self) -> Result<()> {
        self.json::<serde_json::Value>(self.client().get(self.url("projects")), 0).map(|_| ())
    }

    /// Asks an address of the API with a JSON body or none, and returns the answer; nothing for an empty one.
    ///
    /// # Errors
    /// It cannot be reached, is no danlu server, or refuses.
    pub fn ask(
        &self,
        method: &str,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> Result<serde_json::Value> {
        let method = reqwest::Method::from_bytes(method.as_bytes())
            .map_err(|e| Error::usage(format!("`{method}` is no method")).with_source(e))?;
        let request = self.client().request(method, self.url(path));
        let request = body.iter().fold(request, |request, body| request.json(body));
        let answer = self.body(self.send(request, 0)?)?;
        if answer.is_empty() {
            return Ok(serde_json::Value::Null);
        }
        serde_json::from_slice(&answer).map_err(|e| self.broke_off().with_source(e))
    }

    fn send(&self, request: RequestBuilder, bytes: u64) -> Result<Response> {
        let answered = self.answered.load(Ordering::Relaxed);
        let patience = if answered { self.timeout } else { self.first_timeout };
        let more = Duration::from_secs(bytes / SLOWEST);
        // A time of its own is for all of a request, to the end of its answer: one that is long has more to say than to hear.
        let request = if more.is_zero() { request } else { request.timeout(patience + more) };
        self.answer(request, patience + more, &self.answered)
    }

    /// Returns the answer to a request, and notes in `answered` that there is one.
    fn answer(&self, request: RequestBuilder, patience: Duration, answered: &AtomicBool) -> Result<Response> {
        let request = match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        };
        let response = request.send().map_err(|e| self.no_answer(e, patience))?;
        if response.headers().get("danlu-version").is_none() {
            let message =
                format!("`{}` answers with {}, but is no danlu server", self.address, response.status());
            return Err(Error::new(ErrorKind::Unreachable, message)
                .with_hint("check the address; a proxy or a login page may answer in its place"));
        }
        answered.store(true, Ordering::Relaxed);
        if response.status().is_success() {
            return Ok(response);
        }
        Err(self.refusal(response))
    }

    /// Says why there is no answer. A server that is there and silent is another thing than one that cannot be reached.
    fn no_answer(&self, error: reqwest::Error, patience: Duration) -> Error {
        if !error.is_timeout() || error.is_connect() {
            let hint = way_out(&error);
            return Error::new(ErrorKind::Unreachable, format!("Cannot reach `{}`", self.address))
                .with_source(error.without_url())
                .with_hint(hint);
        }
        let said = |what: &AtomicBool| what.load(Ordering::Relaxed);
        let does = if said(&self.introduced) && !said(&self.answered) {
            "says who it is, and nothing more: it"
        } else {
            "takes connections, but"
        };
        let seconds = patience.as_secs_f64();
        let what = format!("`{}` {does} did not answer within {seconds} s", self.address);
        Error::new(ErrorKind::Unreachable, what).with_source(error.without_url()).after_silence().with_hint(
            "is it overloaded, or stopped? `danlu sync --watch` waits for it; DANLU_TIMEOUT gives it more seconds",
        )
    }

    /// Makes an error of what the server says.
    fn refusal(&self, response: Response) -> Error {
        let status = response.status();
        let wait = response.headers().get("retry-after").and_then(|wait| wait.to_str().ok()?.parse().ok());
        let body = self.read::<serde_json::Value>(response).unwrap_or_default();
        let error = self.refused(status, body["error"].as_str(), body["hint"].as_str());
        wait.map(Duration::from_secs).into_iter().fold(error, Error::with_retry_after)
    }

    fn refused(&self, status: StatusCode, said: Option<&str>, hint: Option<&str>) -> Error {
        let kind = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ErrorKind::Denied,
            StatusCode::NOT_FOUND => ErrorKind::NotFound,
            StatusCode::CONFLICT => ErrorKind::Conflict,
            StatusCode::GONE => ErrorKind::Gone,
            StatusCode::PAYLOAD_TOO_LARGE => ErrorKind::Limit,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => ErrorKind::Unreachable,
            status if status.is_server_error() => ErrorKind::Unreachable,
            _ => ErrorKind::Usage,
        };
        let said = said.unwrap_or("it does not say why");
        let error = Error::new(kind, format!("`{}` refuses ({}): {said}", self.address, status.as_u16()));
        if status == StatusCode::INSUFFICIENT_STORAGE {
            return error
                .for_want_of_room()
                .with_hint("make room there, then sync again; `danlu sync --watch` waits for it");
        }
        match (status, hint) {
            (StatusCode::UNAUTHORIZED, _) => {
                error.with_hint(format!("`danlu login {}` stores a key", self.address))
            }
            // Nothing says when it is restored there: another try finds out.
            (StatusCode::GONE, _) => {
                let said = hint.map_or_else(String::new, |hint| format!("{hint}; "));
                error.with_hint(format!(
                    "{said}when it is restored there, `danlu sync --retry` pushes it again"
                ))
            }
            (_, Some(hint)) => error.with_hint(hint),
            (_, None) => error,
        }
    }

    fn commit_some(&self, mut body: Vec<u8>, manifests: usize) -> Result<Vec<Result<Receipt>>> {
        body.push(b']');
        let length = body.len() as u64;
        let request = self.client().post(self.url("manifests/batch")).header("content-type", JSON);
        let answers: Vec<Committed> = self.json(request.body(body), length).map_err(|e| self.as_older(e))?;
        if answers.len() != manifests {
            return Err(self.broke_off());
        }
        Ok(answers.into_iter().map(|answer| self.committed(answer)).collect())
    }

    fn committed(&self, answer: Committed) -> Result<Receipt> {
        answer.receipt.ok_or_else(|| {
            let status = answer.status.and_then(|status| StatusCode::from_u16(status).ok());
            let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            self.refused(status, answer.error.as_deref(), answer.hint.as_deref())
        })
    }

    fn put_frames(&self, body: Vec<u8>) -> Result<()> {
        let length = body.len() as u64;
        let request =
            self.client().post(self.url("objects")).header("content-type", "application/octet-stream");
        self.send(request.body(body), length).map(|_| ()).map_err(|e| self.as_older(e))
    }

    /// Says what it means that there is nothing at an address that every danlu server has by now.
    fn as_older(&self, error: Error) -> Error {
        if error.kind() != ErrorKind::NotFound {
            return error;
        }
        Error::new(ErrorKind::Version, format!("The danlu at `{}` is older than this one", self.address))
            .with_source(error)
            .with_hint("update danlu there")
    }

    fn broke_off(&self) -> Error {
        Error::new(ErrorKind::Unreachable, format!("`{}` broke off its answer", self.address))
    }

    fn json<T: DeserializeOwned>(&self, request: RequestBuilder, bytes: u64) -> Result<T> {
        self.read(self.send(request, bytes)?)
    }

    fn read<T: DeserializeOwned>(&self, response: Response) -> Result<T> {
        serde_json::from_slice(&self.body(response)?).map_err(|e| self.broke_off().with_source(e))
    }

    /// Reads an answer for as long as more of it comes.
    fn body(&self, mut response: Response) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        response.read_to_end(&mut body).map_err(|e| self.broke_off().with_source(e))?;
        Ok(body)
    }
}

impl Remote for Http {
    fn name(&self) -> &str {
        &self.address
    }

    fn identity(&self) -> Result<AttemptId> {
        #[derive(Deserialize)]
        struct Identity {
            id: AttemptId,
        }
        let patience = self.first_timeout;
        let request = self.first.get(self.url("remote"));
        let response = self.answer(request, patience, &self.introduced)?;
        Ok(self.read::<Identity>(response)?.id)
    }

    fn missing(&self, objects: &[Object]) -> Result<Vec<Object>> {
        let mut missing = Vec::new();
        for some in objects.chunks(ASKED_AT_ONCE) {
            let request = self.client().post(self.url("objects/missing")).json(some);
            // The names that are asked for, and those that are answered.
            missing.extend(self.json::<Vec<Object>>(request, some.len() as u64 * 160)?);
        }
        Ok(missing)
    }

    fn put(&self, object: Object, length: u64, bytes: Box<dyn Read + Send>) -> Result<()> {
        let body = Body::sized(bytes, length);
        self.send(self.client().put(self.url(&path_of(object))).body(body), length).map(|_| ())
    }

    fn put_all(&self, objects: Vec<(Object, Vec<u8>)>) -> Result<()> {
        let mut body = Vec::new();
        let mut frames = 0;
        for (object, bytes) in objects {
            if frames > 0 && (frames == FRAMES_AT_ONCE || body.len() + bytes.len() > BYTES_AT_ONCE) {
                self.put_frames(std::mem::take(&mut body))?;
                frames = 0;
            }
            write_frame(&mut body, object, &bytes)?;
            frames += 1;
        }
        if frames == 0 { Ok(()) } else { self.put_frames(body) }
    }

    fn held(&self, blob: SizedHash) -> Result<u64> {
        #[derive(Deserialize)]
        struct Held {
            held: u64,
        }
        let path = format!("blobs/{}/held?size={}", blob.sha256, blob.size);
        Ok(self.json::<Held>(self.client().get(self.url(&path)), 0)?.held)
    }

    fn put_part(&self, blob: SizedHash, offset: u64, bytes: Bytes) -> Result<()> {
        let path = format!("blobs/{}?offset={offset}&size={}", blob.sha256, blob.size);
        let length = bytes.len() as u64;
        self.send(self.client().put(self.url(&path)).body(bytes), length).map(|_| ())
    }

    fn get(&self, object: Object, offset: u64) -> Result<Box<dyn Read + Send>> {
        let mut request = self.client.get(self.url(&path_of(object)));
        if offset > 0 {
            request = request.header("range", format!("bytes={offset}-"));
        }
        let mut response = self.answer(request, self.timeout, &self.answered)?;
        if offset > 0 && response.status() != StatusCode::PARTIAL_CONTENT {
            // It gives all or nothing.
            std::io::copy(&mut response.by_ref().take(offset), &mut std::io::sink())
                .map_err(|e| self.broke_off().with_source(e))?;
        }
        Ok(Box::new(response))
    }

    fn commit(&self, manifest: &Manifest) -> Result<Receipt> {
        let body = manifest.to_json()?;
        let length = body.len() as u64;
        let request = self.client().post(self.url("manifests")).header("content-type", JSON).body(body);
        self.json(request, length)
    }

    fn commit_all(&self, manifests: &[Manifest]) -> Result<Vec<Result<Receipt>>> {
        let (mut done, mut body, mut waiting) = (Vec::new(), Vec::new(), 0);
        for manifest in manifests {
            let json = manifest.to_json()?;
            if waiting > 0 && (waiting == COMMITTED_AT_ONCE || body.len() + json.len() > BYTES_AT_ONCE) {
                done.extend(self.commit_some(std::mem::take(&mut body), waiting)?);
                waiting = 0;
            }
            body.push(if waiting == 0 { b'[' } else { b',' });
            body.extend(json);
            waiting += 1;
        }
        if waiting > 0 {
            done.extend(self.commit_some(body, waiting)?);
        }
        Ok(done)
    }

    fn manifest_of(&self, key: Hash) -> Result<Option<Manifest>> {
        match self.send(self.client().get(self.url(&format!("manifests/{key}"))), 0) {
            Ok(response) => Manifest::parse(&self.body(response)?).map(Some),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn runs(&self, after: Option<Hash>) -> Result<Vec<RunHead>> {
        let after = after.map_or_else(String::new, |after| format!("?after={after}"));
        self.json(self.client().get(self.url(&format!("manifests{after}"))), 0)
    }
}

/// What a server says of each manifest of a batch.
#[derive(Deserialize)]
struct Committed {
    receipt: Option<Receipt>,
    error: Option<String>,
    hint: Option<String>,
    status: Option<u16>,
}

/// Makes a client whose requests may take so long, if they do not say it themselves. After the head of an answer this holds for
/// each piece of it.
fn client(patience: Duration) -> Result<Client> {
    Client::builder()
        .user_agent(concat!("danlu/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(patience)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|e| Error::new(ErrorKind::Io, "Cannot prepare for HTTP").with_source(e))
}

fn path_of(object: Object) -> String {
    match object {
        Object::Segment(hash) => format!("segments/{hash}"),
        Object::Blob(hash) => format!("blobs/{hash}"),
    }
}

/// Says what to do about a server that cannot be reached. What TLS says is only there as text.
fn way_out(error: &reqwest::Error) -> &'static str {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    let said = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
    if said.contains("certificate") {
        "this machine does not trust who signed the certificate of the server: SSL_CERT_FILE names a file with more whom it trusts, PEM"
    } else if said.contains("InvalidContentType") {
        "it does not speak TLS: is its address http://… and not https://…?"
    } else if said.contains("invalid HTTP version") {
        "it does not speak plain HTTP: is its address https://… and not http://…?"
    } else {
        "check the address and the network; `danlu sync --watch` waits for it"
    }
}

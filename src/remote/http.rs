//! A danlu server as a remote. `docs/protocol.md` describes the requests.

use super::{Manifest, Object, Receipt, Remote};
use crate::model::{AttemptId, Error, ErrorKind, Result, RunKey};
use reqwest::StatusCode;
use reqwest::blocking::{Body, Client, RequestBuilder, Response};
use serde::de::DeserializeOwned;
use std::io::Read;
use std::time::Duration;

/// How long to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a request may take, beside the time for its bytes at [`SLOWEST`].
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// The slowest line that a request is given time for, in bytes per second.
const SLOWEST: u64 = 8 << 10;

/// A server.
#[derive(Debug)]
pub struct Http {
    address: String,
    key: Option<String>,
    client: Client,
}

impl Http {
    /// Prepares to talk to a server; does not connect yet.
    ///
    /// # Errors
    /// The address is none, or the system's certificates cannot be read.
    pub fn new(address: &str, key: Option<String>) -> Result<Self> {
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
        let address = address.trim_end_matches('/').to_owned();
        let client = Client::builder()
            .user_agent(concat!("danlu/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(None)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|e| Error::new(ErrorKind::Io, "Cannot prepare for HTTP").with_source(e))?;
        Ok(Self { address, key, client })
    }

    fn url(&self, path: &str) -> String {
        format!("{}/api/v1/{path}", self.address)
    }

    /// Asks the server who it is and whether it knows the key.
    ///
    /// # Errors
    /// It cannot be reached, is no danlu server, or refuses the key.
    pub fn check(&self) -> Result<()> {
        self.json::<serde_json::Value>(self.client.get(self.url("projects")), 0).map(|_| ())
    }

    fn send(&self, request: RequestBuilder, bytes: u64) -> Result<Response> {
        let request = match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        };
        let response =
            request.timeout(REQUEST_TIMEOUT + Duration::from_secs(bytes / SLOWEST)).send().map_err(|e| {
                Error::new(ErrorKind::Unreachable, format!("Cannot reach `{}`", self.address))
                    .with_source(e.without_url())
                    .with_hint("check the address and the network; `danlu sync --watch` waits for it")
            })?;
        if response.headers().get("danlu-version").is_none() {
            let message =
                format!("`{}` answers with {}, but is no danlu server", self.address, response.status());
            return Err(Error::new(ErrorKind::Unreachable, message)
                .with_hint("check the address; a proxy or a login page may answer in its place"));
        }
        if response.status().is_success() {
            return Ok(response);
        }
        Err(self.refusal(response))
    }

    /// Makes an error of what the server says.
    fn refusal(&self, response: Response) -> Error {
        let status = response.status();
        let body: serde_json::Value = response.json().unwrap_or_default();
        let said = body["error"].as_str().unwrap_or("it does not say why").to_owned();
        let kind = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ErrorKind::Denied,
            StatusCode::NOT_FOUND => ErrorKind::NotFound,
            StatusCode::CONFLICT => ErrorKind::Conflict,
            StatusCode::PAYLOAD_TOO_LARGE => ErrorKind::Limit,
            StatusCode::TOO_MANY_REQUESTS => ErrorKind::Unreachable,
            status if status.is_server_error() => ErrorKind::Unreachable,
            _ => ErrorKind::Usage,
        };
        let error = Error::new(kind, format!("`{}` refuses ({}): {said}", self.address, status.as_u16()));
        if status == StatusCode::INSUFFICIENT_STORAGE {
            return error.with_hint("make room there, then sync again; `danlu sync --watch` waits for it");
        }
        match (kind, body["hint"].as_str()) {
            (ErrorKind::Denied, _) => error.with_hint(format!("`danlu login {}` stores a key", self.address)),
            (_, Some(hint)) => error.with_hint(hint),
            (_, None) => error,
        }
    }

    fn json<T: DeserializeOwned>(&self, request: RequestBuilder, bytes: u64) -> Result<T> {
        self.send(request, bytes)?.json().map_err(|e| {
            Error::new(ErrorKind::Unreachable, format!("`{}` broke off its answer", self.address))
                .with_source(e.without_url())
        })
    }
}

impl Remote for Http {
    fn name(&self) -> &str {
        &self.address
    }

    fn identity(&self) -> Result<AttemptId> {
        #[derive(serde::Deserialize)]
        struct Identity {
            id: AttemptId,
        }
        Ok(self.json::<Identity>(self.client.get(self.url("remote")), 0)?.id)
    }

    fn missing(&self, objects: &[Object]) -> Result<Vec<Object>> {
        self.json(self.client.post(self.url("objects/missing")).json(objects), objects.len() as u64 * 80)
    }

    fn put(&self, object: Object, length: u64, bytes: Box<dyn Read + Send>) -> Result<()> {
        let body = Body::sized(bytes, length);
        self.send(self.client.put(self.url(&path_of(object))).body(body), length).map(|_| ())
    }

    fn get(&self, object: Object) -> Result<Box<dyn Read + Send>> {
        Ok(Box::new(self.send(self.client.get(self.url(&path_of(object))), u64::from(u32::MAX))?))
    }

    fn commit(&self, manifest: &Manifest) -> Result<Receipt> {
        let body = manifest.to_json()?;
        let length = body.len() as u64;
        let request =
            self.client.post(self.url("manifests")).header("content-type", "application/json").body(body);
        self.json(request, length)
    }

    fn manifest(&self, run: &RunKey) -> Result<Option<Manifest>> {
        let answer = self.send(self.client.get(self.url(&format!("manifests/{}", run.hash()))), 0);
        match answer {
            Ok(response) => {
                let bytes = response.bytes().map_err(|e| {
                    Error::new(ErrorKind::Unreachable, format!("`{}` broke off its answer", self.address))
                        .with_source(e.without_url())
                })?;
                Manifest::parse(&bytes).map(Some)
            }
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }
}

fn path_of(object: Object) -> String {
    match object {
        Object::Segment(hash) => format!("segments/{hash}"),
        Object::Blob(hash) => format!("blobs/{hash}"),
    }
}

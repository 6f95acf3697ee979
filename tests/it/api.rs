//! The server's API: lists, one run, its history and files, edits, SQL and events.

mod access;
mod artifacts;
mod describe;
mod documented;
mod edits;
mod events;
mod files;
mod history;
mod hostile;
mod lists;
mod servers;
mod sql;

use crate::support::{Place, Serving, client};
use reqwest::Method;
use reqwest::blocking::Response;
use serde_json::Value;

/// A server with the runs of a place, and an admin's key.
pub struct Api {
    pub place: Place,
    pub server: Serving,
    pub key: String,
}

impl Api {
    /// Serves the runs that `make` writes.
    pub fn with(make: impl FnOnce(&Place)) -> Self {
        Self::served(make, &[])
    }

    /// As [`Api::with`], with further options of the server.
    pub fn served(make: impl FnOnce(&Place), more: &[&str]) -> Self {
        let place = Place::new();
        make(&place);
        let server = place.serve_with(more);
        let key = server.key.clone().unwrap();
        let api = Self { place, server, key };
        api.push();
        api
    }

    /// Pushes what is new.
    pub fn push(&self) {
        let (url, key) = (self.server.url.as_str(), self.key.as_str());
        assert_eq!(self.place.danlu(&["login", url, "--key", key]).code, 0);
        let done = self.place.danlu(&["sync", url]);
        assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    }

    /// Begins a request.
    pub fn ask(&self, method: Method, path: &str) -> reqwest::blocking::RequestBuilder {
        client().request(method, format!("{}/api/v1{path}", self.server.url)).bearer_auth(&self.key)
    }

    /// Returns the answer to a request that succeeds.
    pub fn get(&self, path: &str) -> Value {
        json(self.ask(Method::GET, path).send().unwrap())
    }

    /// Returns the answer to a request with a JSON body that succeeds.
    pub fn send(&self, method: Method, path: &str, body: &Value) -> Value {
        json(self.ask(method, path).json(body).send().unwrap())
    }

    /// Returns status and error of a request that is refused.
    pub fn refused(&self, request: reqwest::blocking::RequestBuilder) -> (u16, String) {
        let answer = request.send().unwrap();
        let status = answer.status().as_u16();
        let body: Value = answer.json().expect("every refusal is JSON");
        let said =
            format!("{} [{}]", body["error"].as_str().unwrap(), body["hint"].as_str().unwrap_or_default());
        assert!(status >= 400, "{body}");
        (status, said)
    }

    /// Returns the key of a run by its id.
    pub fn key_of(&self, id: &str) -> String {
        let found = self.get(&format!("/runs?filter=id%3D{id}&archived=all"));
        found["runs"][0]["key"].as_str().unwrap_or_else(|| panic!("no run {id}")).to_owned()
    }
}

/// Returns the JSON of an answer that is a success.
pub fn json(answer: Response) -> Value {
    let (status, text) = (answer.status(), answer.text().unwrap());
    assert!(status.is_success(), "{status}: {text}");
    serde_json::from_str(&text).unwrap()
}

/// Encodes a text as a parameter.
pub fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

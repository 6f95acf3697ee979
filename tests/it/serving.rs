//! `danlu serve` as those see it who push, who manage it, and who attack it.

mod backup;
mod door;
mod ended;
mod half;
mod keys;
mod live;
mod pairs;
pub mod postgres;
mod pushing;
mod removed;
mod strange;
mod theirs;
mod tls;

use crate::support::{Place, Serving, client};
use reqwest::blocking::Response;
use serde_json::Value;

/// Asks a server with a key, with a JSON body or none.
pub fn ask(server: &Serving, method: &str, path: &str, key: &str, body: Option<&Value>) -> (u16, Value) {
    let answer = send(server, method, path, key, body);
    (answer.status().as_u16(), answer.json().unwrap_or_default())
}

fn send(server: &Serving, method: &str, path: &str, key: &str, body: Option<&Value>) -> Response {
    let request = client().request(method.parse().unwrap(), format!("{}{path}", server.url)).bearer_auth(key);
    let request = body.iter().fold(request, |request, body| request.json(body));
    request.send().unwrap()
}

/// Stores a key of a server where `danlu` finds it.
fn login(place: &Place, server: &Serving, key: &str) {
    let done = place.danlu(&["login", &server.url, "--key", key]);
    assert_eq!(done.code, 0, "{}", done.stderr);
}

/// A place with a server, at which it is logged in with the first key.
fn serving() -> (Place, Serving, String) {
    let place = Place::new();
    let server = place.serve();
    let key = server.key.clone().unwrap();
    login(&place, &server, &key);
    (place, server, key)
}

/// Writes a finished run of a team.
fn run_of(place: &Place, entity: &str, project: &str, id: &str) {
    let run = danlu::Run::builder(project)
        .entity(entity)
        .id(id)
        .config("lr", 0.5)
        .dir(place.path())
        .start()
        .unwrap();
    run.log([("loss", 0.25)]);
    run.finish(0).unwrap();
}

//! 55 and 56: keys that end, that are good for less, or that are those of others.

use crate::line::{Line, claimed};
use crate::proxy::{OnRequest, Request, Way};
use crate::raw::{ask, ask_from, request, status};
use crate::support::{Place, wait_until};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What an address needs.
#[derive(Clone, Copy, PartialEq)]
enum Needs {
    Read,
    Write,
    Admin,
}

use Needs::{Admin, Read, Write};

const ZEROS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Every address of the API, with a body that it takes. `KEY` is the key of a run of ours, `ZEROS` a hash.
const ADDRESSES: [(&str, &str, Needs, &str); 57] = [
    ("GET", "projects", Read, ""),
    ("GET", "artifacts", Read, ""),
    ("GET", "artifacts/lineage", Read, ""),
    ("GET", "runs", Read, ""),
    ("GET", "runs/KEY", Read, ""),
    ("GET", "runs/KEY/history?keys=acc", Read, ""),
    ("GET", "runs/KEY/envelope?key=acc", Read, ""),
    ("GET", "runs/KEY/console", Read, ""),
    ("GET", "runs/KEY/system", Read, ""),
    ("GET", "runs/KEY/alerts", Read, ""),
    ("GET", "runs/KEY/artifacts", Read, ""),
    ("GET", "runs/KEY/artifacts/lineage", Read, ""),
    ("GET", "runs/KEY/metrics", Read, ""),
    ("GET", "runs/KEY/files", Read, ""),
    ("GET", "runs/KEY/files/model.bin", Read, ""),
    ("GET", "runs/KEY/comments", Read, ""),
    ("POST", "envelopes", Read, r#"{"runs":["KEY"],"keys":["acc"]}"#),
    ("POST", "sql", Read, r#"{"runs":["KEY"],"query":"SELECT 1"}"#),
    ("GET", "openapi.json", Read, ""),
    ("GET", "remote", Read, ""),
    ("POST", "objects/missing", Write, "[]"),
    ("GET", "segments/ZEROS", Read, ""),
    ("GET", "blobs/ZEROS", Read, ""),
    ("GET", "blobs/ZEROS/held?size=1", Write, ""),
    ("GET", "manifests", Read, ""),
    ("GET", "manifests/KEY", Read, ""),
    ("GET", "me", Read, ""),
    ("GET", "keys", Read, ""),
    ("GET", "teams", Read, ""),
    ("GET", "teams/ours/members", Read, ""),
    ("POST", "objects", Write, ""),
    ("PUT", "segments/ZEROS", Write, ""),
    ("PUT", "blobs/ZEROS", Write, "x"),
    ("PUT", "blobs/ZEROS?offset=0&size=1", Write, "x"),
    ("POST", "manifests", Write, "{}"),
    ("POST", "manifests/batch", Write, "[]"),
    ("PATCH", "runs/KEY", Write, r#"{"name":"x"}"#),
    ("POST", "runs/KEY/comments", Write, r#"{"text":"x"}"#),
    ("DELETE", "runs/KEY/comments/1", Write, ""),
    ("DELETE", "runs/KEY", Write, ""),
    ("POST", "runs/KEY/restore", Write, ""),
    ("GET", "accounts", Admin, ""),
    ("POST", "accounts", Admin, r#"{"name":"eve"}"#),
    ("DELETE", "accounts/bob", Admin, ""),
    ("POST", "teams", Admin, r#"{"name":"new"}"#),
    ("DELETE", "teams/theirs", Admin, ""),
    ("PUT", "teams/theirs/members/ann", Admin, r#"{"role":"admin"}"#),
    ("DELETE", "teams/theirs/members/bob", Admin, ""),
    ("POST", "keys", Admin, r#"{"account":"bob","scope":"admin"}"#),
    // Everybody may do so with keys of their own; these are nobody's.
    ("DELETE", "keys/dk_00000000", Read, ""),
    ("POST", "keys/dk_00000000/rotate", Read, ""),
    ("GET", "stats", Admin, ""),
    ("POST", "gc", Admin, ""),
    ("GET", "nothing", Read, ""),
    ("PUT", "nothing", Read, ""),
    ("DELETE", "runs/KEY/files/model.bin", Read, ""),
    ("TRACE", "runs", Read, ""),
];

/// A server with two teams, an account in each, and a run of the first.
struct House {
    line: Line,
    run: String,
}

impl House {
    fn new() -> Self {
        let line = Line::new();
        let place = Place::new();
        let run = danlu::Run::builder("demo").entity("ours").id("r").dir(place.path()).start().unwrap();
        run.log([("acc", 1.0)]);
        std::fs::write(place.join("model.bin"), "ours").unwrap();
        run.save("model.bin").unwrap();
        run.finish(0).unwrap();
        let house = Self { line, run: String::new() };
        for (account, team) in [("ann", "ours"), ("bob", "theirs")] {
            house.admin(&["account", "add", account]);
            house.admin(&["team", "add", team]);
            house.admin(&["team", "member", team, account, "--role", "admin"]);
        }
        house.line.completes(&place);
        let (_, runs) = house.line.server.get("/api/v1/runs", &house.line.key);
        let run = runs.get("runs").unwrap_or(&runs)[0]["key"].as_str().unwrap().to_owned();
        Self { run, ..house }
    }

    fn admin(&self, args: &[&str]) -> Value {
        admin(&self.line, args)
    }

    /// Makes a key and returns it.
    fn key(&self, account: &str, more: &[&str]) -> String {
        let made = self.admin(&[&["key", "add", account], more].concat());
        made["key"].as_str().unwrap().to_owned()
    }

    /// Sends a request with a key, or without one if it is empty, from an address of its own: nobody is slowed down for another.
    fn send(&self, from: usize, method: &str, path: &str, body: &str, key: &str) -> (u16, String) {
        let path = format!("/api/v1/{}", path.replace("KEY", &self.run).replace("ZEROS", ZEROS));
        let authorization =
            if key.is_empty() { String::new() } else { format!("authorization: Bearer {key}\r\n") };
        let headers = format!("{authorization}content-type: application/json\r\n");
        let request = request(method, &path, &headers, body.replace("KEY", &self.run).as_bytes());
        let answer = ask_from(from, &self.line.server.url, &request);
        (status(&answer), answer)
    }
}

/// Runs `danlu admin` beside the server, on its data.
fn admin(line: &Line, args: &[&str]) -> Value {
    let data = line.data().display().to_string();
    Place::new().json(&[&["admin", "--data", &data], args].concat())
}

/// 55: without a good key no address says or does anything, whichever it is.
#[test]
fn f55_no_address_answers_without_a_good_key() {
    let house = House::new();
    let expired = house.key("ann", &["--expires", "1s"]);
    let revoked = house.key("ann", &[]);
    house.admin(&["key", "revoke", &revoked[..11]]);
    wait_until("the key has expired", || house.send(1, "GET", "me", "", &expired).0 == 401);
    let unknown = format!("dk_{}", "0".repeat(64));
    let longer = format!("{}0", house.line.key);
    let good = house.line.key.clone();
    let keys =
        ["", "dk_", &unknown, &expired, &revoked, &longer, &good.to_uppercase(), &good[..good.len() - 1]];
    let before = house.line.held();
    let mut from = 2;
    for (method, path, _, body) in ADDRESSES {
        for key in keys {
            let (status, answer) = house.send(from, method, path, body, key);
            from += 1;
            assert_eq!(status, 401, "{method} {path} with `{key}`: {answer}");
        }
    }
    assert_eq!(house.line.held(), before);
}

/// 55: the addresses that the server describes are those that are tried here.
#[test]
fn f55_every_described_address_is_among_those_that_are_tried() {
    let line = Line::new();
    let (status, document) = line.server.get("/api/v1/openapi.json", &line.key);
    assert_eq!(status, 200, "the server describes itself");
    // A parameter is a parameter, whatever its name.
    let shape = |path: &str| {
        let path =
            path.split('?').next().unwrap().trim_start_matches("/api/v1").trim_start_matches('/').to_owned();
        path.split('/')
            .map(|part| {
                if part.contains('{')
                    || part.contains(|c: char| c.is_ascii_uppercase())
                    || part.contains(['.', '_']) && part != "openapi.json"
                {
                    "*"
                } else {
                    part
                }
                .to_owned()
            })
            .collect::<Vec<_>>()
    };
    let fits = |described: &[String], tried: &[String]| {
        described.len() == tried.len() && described.iter().zip(tried).all(|(d, t)| d == "*" || d == t)
    };
    let mut missing = BTreeSet::new();
    let paths = document["paths"].as_object().unwrap();
    for (path, methods) in paths.iter().filter(|(path, _)| path.starts_with("/api/v1/")) {
        for method in methods.as_object().unwrap().keys().filter(|name| *name != "parameters") {
            let described = shape(path);
            let is_tried = ADDRESSES.iter().any(|(tried, at, ..)| {
                tried.eq_ignore_ascii_case(method)
                    && fits(
                        &described,
                        &at.split('?').next().unwrap().split('/').map(str::to_owned).collect::<Vec<_>>(),
                    )
            });
            if !is_tried && !path.ends_with("/events") {
                missing.insert(format!("{method} {path}"));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
}

/// 56: a key that is good for reading changes nothing, and one that is good for writing manages nothing.
#[test]
fn f56_a_key_does_no_more_than_it_is_good_for() {
    let house = House::new();
    let (read, write) = (house.key("ann", &["--scope", "read"]), house.key("ann", &["--scope", "write"]));
    let before = house.line.held();
    for (n, (method, path, needs, body)) in ADDRESSES.into_iter().enumerate() {
        for (key, may) in [(&read, needs == Read), (&write, needs != Admin)] {
            let (status, answer) = house.send(n + 1, method, path, body, key);
            if may {
                assert!(
                    ![401, 403].contains(&status) || key == &read && needs != Read,
                    "{method} {path}: {answer}"
                );
            } else {
                // What was not removed cannot be restored by anybody.
                let none = path.ends_with("/restore") && status == 404;
                assert!(none || status == 403, "{method} {path}: {answer}");
            }
        }
        if path == "runs/KEY" && method == "DELETE" {
            house.send(n + 1, "POST", "runs/KEY/restore", "", &write);
        }
    }
    assert_eq!(house.line.held(), before);
}

/// 56: a key of another team sees nothing of ours and changes nothing of it.
#[test]
fn f56_a_key_of_others_sees_and_changes_nothing() {
    let house = House::new();
    let theirs = house.key("bob", &["--scope", "write"]);
    let elsewhere = house.key("ann", &["--scope", "write", "--project", "other"]);
    let before = house.line.held();
    let manifest =
        std::fs::read_to_string(house.line.data().join(format!("objects/runs/{}.json", house.run))).unwrap();
    let described: Value = serde_json::from_str(&manifest).unwrap();
    let (segment, blob) =
        (&described["attempts"][0]["segments"][0]["sha256"], &described["blobs"][0]["sha256"]);
    for key in [&theirs, &elsewhere] {
        for (n, (method, path, _, body)) in ADDRESSES.into_iter().enumerate() {
            if path.contains("KEY") || body.contains("KEY") {
                let (status, answer) = house.send(n + 1, method, path, body, key);
                assert!([403, 404, 405].contains(&status), "{method} {path}: {answer}");
                assert!(!answer.contains("model.bin") || path.contains("model.bin"), "{answer}");
            }
        }
        for path in ["runs", "projects", "manifests", "runs?entity=ours", "runs?filter=id%20%3D%20r"] {
            let (status, answer) = house.send(1, "GET", path, "", key);
            assert!([200, 403].contains(&status), "{path}: {answer}");
            assert!(!answer.contains(&house.run) && !answer.contains("demo"), "{path}: {answer}");
        }
        for (method, path, body) in [
            ("POST", "manifests".to_owned(), manifest.clone()),
            ("POST", "manifests/batch".to_owned(), format!("[{manifest}]")),
            ("GET", format!("segments/{}", segment.as_str().unwrap()), String::new()),
            ("GET", format!("blobs/{}", blob.as_str().unwrap()), String::new()),
        ] {
            let (status, answer) = house.send(1, method, &path, &body, key);
            let refused =
                [403, 404].contains(&status) || path.ends_with("batch") && answer.contains("\"status\":403");
            assert!(refused, "{method} {path}: {answer}");
        }
    }
    assert_eq!(house.line.held(), before);
}

/// 55: a key that is revoked in the middle of a push: one line that says so, no storm, and another key completes it.
#[test]
fn f55_a_key_that_is_revoked_in_the_middle_ends_the_push_at_once() {
    let line = Line::new();
    let place = Place::new();
    for n in 0..5 {
        place.run(&format!("r{n}"), 3);
    }
    admin(&line, &["account", "add", "ann"]);
    let key = admin(&line, &["key", "add", "ann"])["key"].as_str().unwrap().to_owned();
    let (id, data) = (key[..11].to_owned(), line.data().display().to_string());
    let (requests, before) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted, noted) = (Arc::clone(&requests), Arc::clone(&before));
    line.proxy.set(OnRequest(move |_: &Request| {
        if counted.fetch_add(1, Ordering::SeqCst) == 2 {
            drop(Place::new().json(&["admin", "--data", &data, "key", "revoke", &id]));
            // Others went on with the key meanwhile.
            noted.store(counted.load(Ordering::SeqCst), Ordering::SeqCst);
        }
        Way::Clear
    }));
    let url = line.proxy.url();
    let output = place.command(&["sync", &url, "--json"]).env("DANLU_API_KEY", &key).output().unwrap();
    let done = crate::support::done(output, &place);
    assert_eq!(done.code, 1, "{}{}", done.stdout, done.stderr);
    let said = format!("{}{}", done.stdout, done.stderr);
    assert!(said.contains("revoked") || said.contains("not known"), "{said}");
    assert!(said.contains("danlu login") && !said.contains(&key), "{said}");
    let asked = requests.load(Ordering::SeqCst) - before.load(Ordering::SeqCst);
    assert!(asked <= 8, "{asked} requests since then");
    for id in claimed(&done.stdout) {
        assert!(line.held().contains_key(&id), "{id}");
    }
    line.proxy.clear();
    line.completes(&place);
}

/// 55: while one server refuses the key, what another one may have goes there.
#[test]
fn f55_another_remote_goes_on() {
    let (bad, good) = (Line::new(), Line::new());
    let place = bad.place(&["r"]);
    bad.proxy.set(OnRequest(|_: &Request| {
        crate::proxy::danlu("401 Unauthorized", "", r#"{"error":"The API key has expired"}"#)
    }));
    assert_eq!(bad.sync(&place).code, 1);
    good.completes(&place);
    assert_eq!(place.danlu(&["sync", "./usb"]).code, 0);
    bad.proxy.clear();
    bad.completes(&place);
}

/// 55: who guesses is slowed down, and nobody else.
#[test]
fn f55_who_guesses_keys_is_slowed_down() {
    let line = Line::new();
    let guess = |n: u32| {
        let headers = format!("authorization: Bearer dk_{n:064}\r\n");
        status(&ask_from(7, &line.server.url, &request("GET", "/api/v1/me", &headers, b"")))
    };
    let answers: Vec<u16> = (0..200).map(guess).collect();
    assert!(answers.iter().all(|status| [401, 429].contains(status)), "{answers:?}");
    assert!(answers.contains(&429), "two hundred guesses, and nobody minds");
    let mine = request("GET", "/api/v1/projects", &line.authorization(), b"");
    assert_eq!(status(&ask(&line.server.url, &mine)), 200);
    assert_eq!(line.server.get("/api/v1/projects", &line.key), (200, json!([])));
}

//! What is refused at the door: other hosts, other pages, slow and greedy clients, bombs.

use super::serving;
use crate::support::{Place, Serving, client, wait_until};
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

fn connect(server: &Serving) -> TcpStream {
    let stream = TcpStream::connect(server.url.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

/// Sends bytes as they are, and returns the status and all that is said.
fn raw(server: &Serving, bytes: &str) -> (u16, String) {
    let mut stream = connect(server);
    stream.write_all(bytes.as_bytes()).unwrap();
    let mut said = Vec::new();
    stream.read_to_end(&mut said).ok();
    let said = String::from_utf8_lossy(&said).into_owned();
    let status = said.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    (status, said)
}

#[test]
fn only_requests_for_this_server_are_answered() {
    let place = Place::new();
    let server = place.serve_with(&["--host", "runs.example.org"]);
    for (host, status) in [
        ("localhost", 200),
        ("localhost:1234", 200),
        ("127.0.0.1", 200),
        ("[::1]:80", 200),
        ("runs.example.org.", 200),
        ("RUNS.example.org:443", 200),
        ("evil.example", 421),
        ("runs.example.org.evil.example", 421),
        ("0.0.0.0", 421),
        ("localhost.evil.example", 421),
        ("", 421),
        ("169.254.169.254", 421),
    ] {
        let (got, said) =
            raw(&server, &format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
        assert_eq!(got, status, "{host}: {said}");
    }
    let (status, _) = raw(&server, "GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n");
    assert!(status == 400 || status == 421, "{status}");
    // A target with a host of its own counts, not the header.
    let absolute = "GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert_eq!(raw(&server, absolute).0, 421);
}

#[test]
fn another_page_changes_nothing() {
    let (_place, server, key) = serving();
    let host = server.url.trim_start_matches("http://").to_owned();
    let post = |headers: &[(&str, &str)]| {
        let request = client().post(format!("{}/api/v1/teams", server.url)).json(&json!({"name": "x"}));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.send().unwrap().status().as_u16()
    };
    let cookie = format!("danlu_key={key}");
    let (same, bearer) = (format!("http://{host}"), format!("Bearer {key}"));
    for origin in [
        "http://evil.example",
        "null",
        "https://localhost.evil.example",
        &format!("http://{host}.evil.example"),
    ] {
        assert_eq!(post(&[("cookie", &cookie), ("origin", origin)]), 403, "{origin}");
        assert_eq!(post(&[("authorization", &bearer), ("origin", origin)]), 403, "{origin}");
    }
    assert_eq!(post(&[("cookie", &cookie)]), 403, "it does not say where it comes from");
    assert_eq!(post(&[("cookie", &cookie), ("sec-fetch-site", "cross-site")]), 403);
    assert_eq!(post(&[("cookie", &cookie), ("origin", &same)]), 201);
    assert_eq!(post(&[("authorization", &bearer)]), 409, "it is there, so the last one was taken");
    // Without JSON's type a form of another page could send it.
    let form =
        client().post(format!("{}/api/v1/teams", server.url)).bearer_auth(&key).body("{\"name\":\"y\"}");
    assert_eq!(form.header("content-type", "text/plain").send().unwrap().status(), 415);
}

#[test]
fn every_refusal_is_an_object_with_a_sentence() {
    let (_place, server, key) = serving();
    for (method, path, body, status) in [
        ("GET", "/nothing", None, 404),
        ("DELETE", "/healthz", None, 405),
        ("GET", "/api/v1/nothing", None, 404),
        ("POST", "/api/v1/teams", Some("{"), 400),
        ("POST", "/api/v1/teams", Some("{\"other\":1}"), 422),
        ("POST", "/api/v1/objects/missing", Some("[{\"blob\":\"short\"}]"), 422),
        ("PUT", "/api/v1/blobs/short", Some("x"), 400),
        ("PUT", "/api/v1/blobs/0?offset=x", Some("x"), 400),
        ("GET", "/api/v1/manifests?after=short", None, 400),
        ("POST", "/api/v1/manifests/batch", Some("{}"), 400),
        ("POST", "/api/v1/objects", Some("frames that are none"), 400),
    ] {
        let request =
            client().request(method.parse().unwrap(), format!("{}{path}", server.url)).bearer_auth(&key);
        let request = request.header("content-type", "application/json").body(body.unwrap_or_default());
        let answer = request.send().unwrap();
        assert_eq!(answer.status().as_u16(), status, "{method} {path}");
        assert!(
            answer.headers().contains_key("danlu-version") && answer.headers().contains_key("x-request-id")
        );
        let said: serde_json::Value = answer.json().unwrap_or_default();
        assert!(said["error"].as_str().is_some_and(|error| !error.is_empty()), "{method} {path}: {said}");
    }
}

#[test]
fn slow_clients_are_given_up_and_others_are_answered_meanwhile() {
    let place = Place::new();
    let server =
        place.serve_with(&["--head-timeout", "1", "--progress-timeout", "1", "--max-connections", "20"]);
    let key = server.key.clone().unwrap();
    // Heads that never end.
    let mut slow: Vec<TcpStream> = (0..10).map(|_| connect(&server)).collect();
    slow.iter_mut().for_each(|stream| stream.write_all(b"GET / HTTP/1.1\r\nHost: loc").unwrap());
    // A body that stops.
    let blob = "0".repeat(64);
    let mut body = connect(&server);
    let head = format!(
        "PUT /api/v1/blobs/{blob} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\nContent-Length: 1000\r\n\r\nabc"
    );
    body.write_all(head.as_bytes()).unwrap();
    assert_eq!(server.get("/api/v1/projects", &key).0, 200, "others are answered");
    let mut rest = Vec::new();
    for stream in &mut slow {
        stream.read_to_end(&mut rest).ok();
    }
    assert!(!String::from_utf8_lossy(&rest).contains("HTTP/1.1 2"), "a half head is no request");
    rest.clear();
    body.read_to_end(&mut rest).ok();
    let said = String::from_utf8_lossy(&rest);
    assert!(said.starts_with("HTTP/1.1 408") && said.contains("\"error\":"), "{said}");
    // More connections than there may be: some are closed at once, and the server lives.
    let many: Vec<TcpStream> = (0..40).map(|_| connect(&server)).collect();
    wait_until("some of them are closed", || {
        let closed = |stream: &TcpStream| {
            stream.set_nonblocking(true).unwrap();
            !matches!(stream.peek(&mut [0]), Err(e) if e.kind() == std::io::ErrorKind::WouldBlock)
        };
        many.iter().filter(|stream| closed(stream)).count() >= 20
    });
    drop(many);
    wait_until("there is room again", || {
        client().get(format!("{}/healthz", server.url)).send().is_ok_and(|answer| answer.status() == 200)
    });
}

#[test]
fn bodies_that_do_not_come_keep_nobody_waiting() {
    let place = Place::new();
    let mut command = place.command(&["serve", "--data", "server", "--listen", "127.0.0.1:0", "--json"]);
    let server = Serving::start({
        command.args(["--log", "error", "--progress-timeout", "3600", "--stop-timeout", "0"]);
        command
    });
    let key = server.key.clone().unwrap();
    let made = place.json(&["admin", "--data", "server", "account", "add", "ann"]);
    assert_eq!(made["name"], "ann");
    let anns = place.json(&["admin", "--data", "server", "key", "add", "ann"]);
    let anns = anns["key"].as_str().unwrap();
    let stall = |method: &str, path: &str, length: u64| {
        let mut stream = connect(&server);
        let head = format!(
            "{method} /api/v1/{path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {anns}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n["
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream
    };
    let name = "0".repeat(64);
    let stalled: Vec<TcpStream> = (0..40)
        .flat_map(|_| {
            [
                stall("PUT", &format!("segments/{name}"), 1000),
                stall("PUT", &format!("blobs/{name}"), 1 << 30),
                stall("POST", "objects", 1000),
                stall("POST", "objects/missing", 1000),
            ]
        })
        .collect();
    assert_eq!(server.get("/healthz", "").0, 200);
    assert_eq!(server.get("/api/v1/me", anns).0, 200);
    let (status, said) = super::ask(&server, "POST", "/api/v1/objects/missing", &key, Some(&json!([])));
    assert_eq!(status, 200, "{said}");
    drop(stalled);
    // Who may not is told so before the body comes.
    let reads = place.json(&["admin", "--data", "server", "key", "add", "ann", "--scope", "read"]);
    let head = format!(
        "POST /api/v1/objects/missing HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: 50000000\r\n\r\n",
        reads["key"].as_str().unwrap()
    );
    assert_eq!(raw(&server, &head).0, 403);
}

#[test]
fn a_bomb_takes_no_memory() {
    let (_place, server, key) = serving();
    let memory = |server: &Serving| {
        let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    let before = memory(&server);
    // 10 GiB of zeros in about a MiB, as frames one after the other; and some with a window of 128 MiB.
    let bomb = zstd::encode_all(std::io::repeat(0).take(256 << 20), 1).unwrap().repeat(40);
    let mut wide = Vec::new();
    let mut encoder = zstd::Encoder::new(&mut wide, 1).unwrap();
    encoder.window_log(27).unwrap();
    std::io::copy(&mut std::io::repeat(0).take(200 << 20), &mut encoder).unwrap();
    encoder.finish().unwrap();
    for bytes in [&bomb, &wide] {
        let url = format!("{}/api/v1/segments/{}", server.url, "0".repeat(64));
        let answer = client().put(url).bearer_auth(&key).body(bytes.clone()).send().unwrap();
        assert_eq!(answer.status(), 400);
        let mut frame = vec![0];
        frame.extend([0; 32]);
        frame.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
        frame.extend(bytes);
        let url = format!("{}/api/v1/objects", server.url);
        assert_eq!(client().post(url).bearer_auth(&key).body(frame).send().unwrap().status(), 400);
    }
    let grown = memory(&server) - before;
    assert!(grown < 200 << 10, "{grown} KiB");
}

#[test]
fn whoever_asks_too_often_is_told_to_wait() {
    let place = Place::new();
    let server = place.serve_with(&["--rate-per-key", "2"]);
    let key = server.key.clone().unwrap();
    let client = client();
    let ask = |key: &str| {
        let answer = client.get(format!("{}/api/v1/me", server.url)).bearer_auth(key).send().unwrap();
        let wait =
            answer.headers().get("retry-after").map(|wait| wait.to_str().unwrap().parse::<u64>().unwrap());
        (answer.status().as_u16(), wait)
    };
    let limited = (0..60).map(|_| ask(&key)).find(|(status, _)| *status != 200);
    let (status, wait) = limited.expect("60 requests at once are too many for 2 a second");
    assert!(status == 429 && wait.is_some_and(|wait| (1..=2).contains(&wait)), "{status} {wait:?}");
    // Guesses are slowed down more.
    let limited = (0..200).map(|n| ask(&format!("dk_{n:064x}"))).find(|(status, _)| *status != 401);
    assert!(limited.is_some_and(|(status, wait)| status == 429 && wait.is_some()), "{limited:?}");
    let (_, metrics) = raw(&server, "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert!(metrics.contains("danlu_rate_limited_total 2"), "{metrics}");
}

#[test]
fn one_client_does_not_lock_out_the_others() {
    let place = Place::new();
    let server = Serving::start(place.command(&[
        "serve",
        "--data",
        "server",
        "--listen",
        "127.0.0.1:0",
        "--log",
        "error",
        "--json",
        "--max-connections",
        "20",
        "--max-connections-per-address",
        "10",
    ]));
    let greedy: Vec<TcpStream> = (0..40).map(|_| connect(&server)).collect();
    let address: std::net::SocketAddr = server.url.trim_start_matches("http://").parse().unwrap();
    let other = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    other.bind(&std::net::SocketAddr::from(([127, 0, 0, 2], 0)).into()).unwrap();
    other.connect(&address.into()).unwrap();
    let mut other = TcpStream::from(other);
    other.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    other.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut said = String::new();
    other.read_to_string(&mut said).unwrap();
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    drop(greedy);
}

#[test]
fn the_address_that_is_printed_has_the_name_that_was_given() {
    let place = Place::new();
    let url = |data: &str, listen: &str, hosts: &[&str]| {
        let mut command = place.server(data, listen);
        command.args(hosts.iter().flat_map(|host| ["--host", *host]));
        let url = Serving::start(command).url.clone();
        url.rsplit_once(':').unwrap().0.to_owned()
    };
    assert_eq!(url("a", "0.0.0.0:0", &["*", "runs.example.org", "other"]), "http://runs.example.org");
    assert_eq!(url("b", "0.0.0.0:0", &["fd00::1"]), "http://[fd00::1]");
    assert_eq!(url("c", "0.0.0.0:0", &["*"]), "http://0.0.0.0");
    assert_eq!(url("d", "127.0.0.1:0", &["runs.example.org"]), "http://127.0.0.1");
}

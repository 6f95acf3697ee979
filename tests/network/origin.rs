//! 66: pages of others that use the browser of somebody who is signed in here.

use crate::line::Line;
use crate::raw::{ask, status};

/// Sends a request with exactly these headers.
fn send(line: &Line, method: &str, path: &str, headers: &str, body: &str) -> String {
    let text = format!(
        "{method} {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        body.len()
    );
    ask(&line.server.url, text.as_bytes())
}

/// 66: a name that somebody made point here is not ours: an answer would be readable to the page of that name.
#[test]
fn f66_only_hosts_that_are_ours_are_answered() {
    let line = Line::new();
    let authority = line.server.url.trim_start_matches("http://").to_owned();
    let port = authority.rsplit_once(':').unwrap().1.to_owned();
    let cookie = format!("cookie: danlu_key={}\r\n", line.key);
    let ours = [
        authority.clone(),
        format!("localhost:{port}"),
        format!("LocalHost:{port}"),
        format!("[::1]:{port}"),
        "127.0.0.1".to_owned(),
        "localhost".to_owned(),
    ];
    for host in ours {
        let answer = send(&line, "GET", "/api/v1/projects", &format!("host: {host}\r\n{cookie}"), "");
        assert_eq!(status(&answer), 200, "{host}: {answer}");
    }
    let others = [
        "evil.example".to_owned(),
        format!("evil.example:{port}"),
        format!("localhost.evil.example:{port}"),
        format!("127.0.0.1.evil.example:{port}"),
        format!("evil.example#127.0.0.1:{port}"),
        format!("127.0.0.1@evil.example:{port}"),
        format!("0.0.0.0.evil.example:{port}"),
        "169.254.169.254".to_owned(),
        String::new(),
    ];
    for host in others {
        for path in ["/api/v1/projects", "/", "/api/v1/nothing"] {
            let answer = send(&line, "GET", path, &format!("host: {host}\r\n{cookie}"), "");
            assert!([400, 421].contains(&status(&answer)), "{host} {path}: {answer}");
        }
    }
    for headers in ["", "host: localhost\r\nhost: evil.example\r\n"] {
        let answer = send(&line, "GET", "/api/v1/projects", &format!("{headers}{cookie}"), "");
        assert!([400, 421].contains(&status(&answer)), "{headers}: {answer}");
    }
    let absolute = send(
        &line,
        "GET",
        "http://evil.example/api/v1/projects",
        &format!("host: {authority}\r\n{cookie}"),
        "",
    );
    assert!([400, 421].contains(&status(&absolute)), "{absolute}");
}

/// 66: what changes something is refused if a page of another origin asks for it, whatever key the browser adds.
#[test]
fn f66_requests_from_pages_of_others_change_nothing() {
    let line = Line::new();
    let authority = line.server.url.trim_start_matches("http://").to_owned();
    let base = format!("host: {authority}\r\ncookie: danlu_key={}\r\n", line.key);
    for origin in [
        "http://evil.example",
        "https://evil.example",
        "null",
        &format!("http://evil.example/{authority}"),
        "http://localhost:1",
        "file://",
        "",
    ] {
        for (method, path) in [
            ("POST", "/api/v1/objects/missing"),
            ("POST", "/api/v1/manifests"),
            ("PUT", "/api/v1/blobs/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("POST", "/login"),
        ] {
            let headers = format!("{base}origin: {origin}\r\ncontent-type: application/json\r\n");
            let body = if path == "/login" { format!("{{\"key\":\"{}\"}}", line.key) } else { String::new() };
            let answer = send(&line, method, path, &headers, &body);
            assert_eq!(status(&answer), 403, "{origin} {path}: {answer}");
        }
    }
    // Ours may.
    let headers = format!("{base}origin: http://{authority}\r\ncontent-type: application/json\r\n");
    assert_eq!(status(&send(&line, "POST", "/api/v1/objects/missing", &headers, "[]")), 200);
    assert!(crate::support::names(&line.data().join("objects/blobs")).is_empty());
}

/// 66: a form of another page cannot send JSON, so nothing else counts as JSON.
#[test]
fn f66_json_needs_its_content_type() {
    let line = Line::new();
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "text/plain; application/json",
    ] {
        let headers = format!("host: 127.0.0.1\r\n{}content-type: {kind}\r\n", line.authorization());
        let answer = send(&line, "POST", "/api/v1/objects/missing", &headers, "[]");
        assert_eq!(status(&answer), 415, "{kind}: {answer}");
        let login = format!("host: 127.0.0.1\r\ncontent-type: {kind}\r\n");
        let answer = send(&line, "POST", "/login", &login, &format!("{{\"key\":\"{}\"}}", line.key));
        assert_eq!(status(&answer), 415, "{kind}: {answer}");
    }
}

/// 66: no page of another origin is allowed to read anything.
#[test]
fn f66_no_answer_allows_other_origins() {
    let line = Line::new();
    for (method, path) in [
        ("OPTIONS", "/api/v1/projects"),
        ("GET", "/api/v1/projects"),
        ("GET", "/"),
        ("GET", "/healthz"),
        ("GET", "/api/v1/events"),
    ] {
        for origin in ["http://evil.example", "null"] {
            let headers = format!(
                "host: 127.0.0.1\r\norigin: {origin}\r\naccess-control-request-method: PUT\r\naccess-control-request-headers: authorization\r\n"
            );
            let answer = send(&line, method, path, &headers, "").to_ascii_lowercase();
            assert!(!answer.contains("access-control-allow"), "{method} {path}: {answer}");
        }
    }
}

/// 66: without being told otherwise it can be reached from this machine only, and a key is needed there too.
#[test]
fn f66_it_listens_on_loopback_and_needs_a_key_there() {
    let help = crate::support::Place::new().danlu(&["serve", "--help"]).stdout;
    assert!(help.contains("[default: 127.0.0.1:"), "{help}");
    let line = Line::new();
    assert_eq!(line.server.get("/api/v1/projects", "").0, 401);
}

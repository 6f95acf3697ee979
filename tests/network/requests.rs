//! 61 and 62: requests that are too large, too deep, too slow, too many.

use crate::line::Line;
use crate::means::{long, times};
use crate::raw::{ask, connect, request, rest, status};
use crate::support::{client, wait_until};
use crate::watched::Watched;
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

/// Sends a JSON body to an address of the API.
fn post(line: &Line, path: &str, body: &[u8]) -> String {
    let headers = format!("{}content-type: application/json\r\n", line.authorization());
    ask(&line.server.url, &request("POST", path, &headers, body))
}

/// A server that soon gives up who makes no progress, but in a long run, which takes the times as they are.
fn impatient() -> Line {
    Line::with(if long() { &[] } else { &["--head-timeout", "3", "--progress-timeout", "3"] })
}

const JSON: [&str; 3] = ["/api/v1/objects/missing", "/api/v1/manifests", "/api/v1/manifests/batch"];

/// Says whether a request was refused as what the client did wrong, or its connection was closed while it was still sending.
fn is_refused(answer: &str) -> bool {
    [0, 400, 401, 404, 405, 408, 411, 413, 414, 415, 421, 422, 431].contains(&status(answer))
}

/// 61: a body over the limit is refused, with a length and without.
#[test]
fn f61_a_body_over_the_limit_is_refused_in_little_memory() {
    let line = Line::new();
    let server = Watched::new(&line);
    let spaces = vec![b' '; 80 << 20];
    let chunks: Vec<u8> =
        (0..80).flat_map(|_| [b"100000\r\n".as_slice(), &spaces[..1 << 20], b"\r\n"].concat()).collect();
    for path in JSON {
        let answer = post(&line, path, &spaces);
        assert!([0, 405, 413].contains(&status(&answer)), "{path}: {answer}");
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\ntransfer-encoding: chunked\r\ncontent-type: application/json\r\n{}\r\n",
            line.authorization()
        );
        let answer = ask(&line.server.url, &[head.as_bytes(), &chunks].concat());
        assert!([0, 405, 413].contains(&status(&answer)), "{path}: {answer}");
    }
    server.stayed_within(150, "bodies over the limit");
}

/// 61: JSON that no client of ours makes.
#[test]
fn f61_deep_huge_and_ambiguous_json_is_refused() {
    let line = Line::new();
    let place = line.place(&["r"]);
    line.completes(&place);
    let manifest =
        std::fs::read_dir(line.data().join("objects/runs")).unwrap().next().unwrap().unwrap().path();
    let manifest = std::fs::read_to_string(manifest).unwrap();
    let digest = manifest.rsplit_once(r#""digest":"#).unwrap().1.trim_end_matches('}');
    let (before, server) = (line.held(), Watched::new(&line));
    let bodies = [
        "[".repeat(1 << 20),
        r#"{"a":"#.repeat(1 << 18),
        format!("[{}]", "1".repeat(1 << 20)),
        "[1e999999999]".to_owned(),
        "[-1e-999999999]".to_owned(),
        r#"[{"segment":1}]"#.to_owned(),
        r#"[{"segment":"\ud800"}]"#.to_owned(),
        r#"[{"blob":"../../../../etc/passwd"}]"#.to_owned(),
        "\u{feff}[]".to_owned(),
        "[]]".to_owned(),
        "NaN".to_owned(),
        String::new(),
        // Each field once: else two readers may read two manifests.
        manifest.replace(r#""version":"#, r#""version":1,"version":"#),
        manifest.trim_end().trim_end_matches('}').to_owned() + r#","digest":"# + digest + "}",
        manifest.replace(r#""records":"#, r#""records":18446744073709551616,"x":"#),
        manifest.replace(r#""records":"#, r#""records":-1,"x":"#),
    ];
    for path in JSON {
        for body in &bodies {
            let answer = post(&line, path, body.as_bytes());
            // A batch is answered manifest by manifest.
            let each = path.ends_with("/batch") && status(&answer) == 200 && !answer.contains("\"receipt\"");
            assert!(each || is_refused(&answer), "{path} {}: {answer}", &body[..body.len().min(60)]);
        }
    }
    assert_eq!(line.held(), before);
    server.stayed_within(64, "strange JSON");
}

/// 61: heads without end.
#[test]
fn f61_endless_headers_and_addresses_are_refused() {
    let line = Line::new();
    let server = Watched::new(&line);
    let authorization = line.authorization();
    let heads = [
        (
            "a million headers",
            format!("GET /healthz HTTP/1.1\r\nhost: a\r\n{}\r\n", "x: y\r\n".repeat(1_000_000)),
        ),
        (
            "a header of 16 MB",
            format!("GET /healthz HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "y".repeat(16 << 20)),
        ),
        (
            "an address of 16 MB",
            format!("GET /api/v1/{} HTTP/1.1\r\nhost: a\r\n{authorization}\r\n", "y".repeat(16 << 20)),
        ),
        (
            "a query of 1 MB",
            format!(
                "GET /api/v1/runs?project={} HTTP/1.1\r\nhost: a\r\n{authorization}\r\n",
                "y".repeat(1 << 20)
            ),
        ),
        ("a line without end", "G".repeat(16 << 20)),
    ];
    for (name, head) in heads {
        let answer = ask(&line.server.url, head.as_bytes());
        assert!(is_refused(&answer), "{name}: {answer}");
    }
    server.stayed_within(32, "endless heads");
}

/// 61: requests that are none, and such as two readers could read as two different ones.
#[test]
fn f61_requests_that_can_be_read_in_two_ways_are_refused() {
    let line = Line::new();
    let authorization = line.authorization();
    let server = Watched::new(&line);
    let start = format!(
        "POST /api/v1/objects/missing HTTP/1.1\r\nhost: 127.0.0.1\r\n{authorization}content-type: application/json\r\n"
    );
    for (name, rest) in [
        ("two lengths", "content-length: 2\r\ncontent-length: 50\r\n\r\n[]"),
        ("a negative length", "content-length: -2\r\n\r\n[]"),
        ("a signed length", "content-length: +2\r\n\r\n[]"),
        ("no number", "content-length: two\r\n\r\n[]"),
        ("a chunk of no number", "transfer-encoding: chunked\r\n\r\nzz\r\n[]\r\n0\r\n\r\n"),
        ("a chunk of too many", "transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n[]\r\n0\r\n\r\n"),
        ("another coding", "transfer-encoding: cow\r\n\r\n[]"),
        ("a NUL in a header", "x: \0\r\ncontent-length: 2\r\n\r\n[]"),
        ("a blank before the colon", "content-length : 2\r\n\r\n[]"),
        ("a folded header", "x: a\r\n b\r\ncontent-length: 2\r\n\r\n[]"),
    ] {
        let answer = ask(&line.server.url, format!("{start}{rest}").as_bytes());
        assert!(is_refused(&answer), "{name}: {answer}");
    }
    for bytes in [
        "GET /healthz HTTP/9.9\r\nhost: a\r\n\r\n",
        "GET\r\n\r\n",
        "\0\0\0\0\r\n\r\n",
        "GET  /  HTTP/1.1\r\n\r\n",
        "\u{16}\u{3}\u{1}",
    ] {
        let mut stream = connect(&line.server.url);
        stream.write_all(bytes.as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let answer = rest(&mut stream);
        assert!(is_refused(&answer) || status(&answer) == 505, "{bytes:?}: {answer}");
    }
    server.stayed_within(32, "requests that are none");
}

/// 61: a length and chunks together: one request is answered, and what follows is not taken for another.
#[test]
fn f61_nothing_is_smuggled_behind_a_length_that_lies() {
    let line = Line::new();
    let hidden = format!("GET /api/v1/projects HTTP/1.1\r\nhost: 127.0.0.1\r\n{}\r\n", line.authorization());
    let outer = format!(
        "POST /api/v1/nothing HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n0\r\n\r\n{hidden}",
        5 + hidden.len()
    );
    let answer = ask(&line.server.url, outer.as_bytes());
    assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
    assert!(is_refused(&answer), "{answer}");
}

/// 62: heads and bodies that do not come to their end, and connections that say nothing, are hung up on.
#[test]
fn f62_connections_that_make_no_progress_are_hung_up_on() {
    let line = impatient();
    let server = Watched::new(&line);
    let put = format!(
        "PUT /api/v1/blobs/{} HTTP/1.1\r\nhost: 127.0.0.1\r\n{}content-length: 1000000\r\n\r\nx",
        "0".repeat(64),
        line.authorization()
    );
    let post = format!(
        "POST /api/v1/manifests HTTP/1.1\r\nhost: 127.0.0.1\r\n{}content-length: 1000000\r\n\r\n{{",
        line.authorization()
    );
    std::thread::scope(|scope| {
        for begun in
            ["", "GET /healthz HTTP/1.1\r\n", "GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nx: ", &put, &post]
        {
            let mut stream = connect(&line.server.url);
            scope.spawn(move || {
                stream.write_all(begun.as_bytes()).unwrap();
                let answer = rest(&mut stream);
                // What broke off may be tried again.
                assert!(is_refused(&answer) || status(&answer) == 500, "{begun}: {answer}");
            });
        }
        for _ in 0..20 {
            server.answers();
        }
    });
    server.stayed_within(32, "slow connections");
}

/// 62: a head that comes a byte at a time does not come for ever.
#[test]
fn f62_a_head_that_drips_is_hung_up_on() {
    let line = impatient();
    let server = Watched::new(&line);
    let drip = || {
        let mut stream = connect(&line.server.url);
        stream.write_all(b"GET /healthz HTTP/1.1\r\nx: ").unwrap();
        (0..1200).any(|_| {
            std::thread::park_timeout(Duration::from_millis(100));
            stream.write_all(b"y").is_err()
        })
    };
    std::thread::scope(|scope| {
        let dripping: Vec<_> = (0..50).map(|_| scope.spawn(drip)).collect();
        server.answers();
        assert!(dripping.into_iter().all(|one| one.join().unwrap()), "the server listened for two minutes");
    });
    server.stayed_within(32, "dripping heads");
}

/// 62: a body that is slow but comes is taken.
#[test]
fn f62_a_body_that_is_slow_but_comes_is_taken() {
    let line = Line::new();
    let body = b"slow is no fault";
    let whole = request(
        "PUT",
        &format!("/api/v1/blobs/{}", danlu::model::Hash::of(body)),
        &line.authorization(),
        body,
    );
    let mut stream = connect(&line.server.url);
    for byte in whole.chunks(1) {
        stream.write_all(byte).unwrap();
        std::thread::park_timeout(Duration::from_millis(times(2, 50)));
    }
    assert_eq!(status(&rest(&mut stream)), 204);
}

/// 62: connections that do nothing keep nobody out for longer than it takes to see that they do nothing, and cost little.
#[test]
fn f62_thousands_of_idle_connections_keep_nobody_out() {
    let line = impatient();
    let server = Watched::new(&line);
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX);
    let many = times(1500, 10_000).min(limit / 2);
    // What is over a cap may be closed at once.
    let idle: Vec<TcpStream> = (0..many).map(|_| connect(&line.server.url)).collect();
    wait_until("the server answers again", || {
        client().get(format!("{}/healthz", line.server.url)).send().is_ok_and(|answer| answer.status() == 200)
    });
    let place = line.place(&["r"]);
    line.completes(&place);
    drop(idle);
    server.stayed_within(100, "idle connections");
}

/// 62: requests that come before the answers to those before them are answered in order.
#[test]
fn f62_pipelined_requests_are_answered_in_order() {
    let line = Line::new();
    let one = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{}", line.authorization());
    let mut requests = String::new();
    for _ in 0..30 {
        requests += &(one("/healthz") + "\r\n" + &one("/api/v1/nothing") + "\r\n");
    }
    requests += &(one("/healthz") + "connection: close\r\n\r\n");
    let answer = ask(&line.server.url, requests.as_bytes());
    let answers: Vec<u16> = answer.split("HTTP/1.1 ").skip(1).map(|one| one[..3].parse().unwrap()).collect();
    let expected: Vec<u16> = (0..61).map(|n| if n % 2 == 0 { 200 } else { 404 }).collect();
    assert_eq!(answers, expected);
}

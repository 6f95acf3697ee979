//! Servers that take connections and say nothing, or only who they are.

use crate::support::{Place, wait_until};
use danlu::ErrorKind;
use danlu::remote::{Http, Remote};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A server that says who it is, and nothing more. What is asked of it stays open.
struct Known {
    address: String,
    /// What it was asked beside who it is.
    asked: Arc<AtomicUsize>,
}

impl Known {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let counting = Arc::clone(&asked);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let counting = Arc::clone(&counting);
                std::thread::spawn(move || answer(client, &counting));
            }
        });
        Self { address, asked }
    }
}

fn answer(mut client: TcpStream, asked: &AtomicUsize) {
    let said = format!(r#"{{"id":"{}"}}"#, "0123456789abcdef".repeat(2));
    let mut lines = BufReader::new(client.try_clone().unwrap()).lines();
    while let Some(Ok(line)) = lines.next() {
        if line.starts_with("GET /api/v1/remote ") {
            let head =
                format!("HTTP/1.1 200 OK\r\ndanlu-version: 0\r\ncontent-length: {}\r\n\r\n", said.len());
            client.write_all(format!("{head}{said}").as_bytes()).unwrap();
        } else if line.contains(" HTTP/1.1") {
            asked.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[test]
fn a_server_that_only_says_who_it_is_is_given_up_at_the_first_question() {
    let place = Place::new();
    place.run("abc", 3);
    let server = Known::start();
    let address = &*server.address;
    let calls: [&[&str]; 4] = [
        &["sync", address],
        &["pull", address, "--all"],
        &["login", address, "--key", "k"],
        &["ls", "--remote", address],
    ];
    for call in calls {
        let before = server.asked.load(Ordering::Relaxed);
        let done =
            place.command(call).env("DANLU_TIMEOUT", "0.3").env("DANLU_BACKOFF", "0.01").output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(1), "{call:?}: {said}");
        let words = if call[0] == "sync" {
            "says who it is, and nothing more"
        } else {
            "did not answer within 0.3 s"
        };
        assert!(said.contains(words), "{call:?}: {said}");
        assert_eq!(server.asked.load(Ordering::Relaxed) - before, 1, "{call:?}: {said}");
    }
}

#[test]
fn the_first_question_has_less_time_than_others() {
    let server = Known::start();
    let new = || {
        let remote =
            Http::new(&server.address, None).unwrap().with_timeout(Duration::from_secs(600)).unwrap();
        remote.with_first_timeout(Duration::from_millis(200)).unwrap()
    };
    assert_eq!(new().check().unwrap_err().kind(), ErrorKind::Unreachable);
    assert_eq!(new().ask("GET", "runs", None).unwrap_err().kind(), ErrorKind::Unreachable);
    let remote = new();
    remote.identity().unwrap();
    let error = remote.runs(None).unwrap_err();
    assert!(error.is_silence() && error.to_string().contains("within 0.2 s"), "{error}");
}

#[test]
fn remotes_are_asked_for_their_state_side_by_side() {
    let place = Place::new();
    place.run("abc", 3);
    assert_eq!(place.danlu(&["sync", "./usb"]).code, 0);
    let servers = [0, 1].map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    for (n, server) in servers.iter().enumerate() {
        let address = format!("http://{}", server.local_addr().unwrap());
        assert_eq!(place.danlu(&["remote", "add", &format!("s{n}"), &address]).code, 0);
        server.set_nonblocking(true).unwrap();
    }
    let mut command = place.command(&["status", "--check"]);
    let child = command.env("DANLU_TIMEOUT", "600").stdout(Stdio::piped()).spawn().unwrap();
    // The second one is asked while the first one says nothing.
    let mut asked = Vec::new();
    for server in &servers {
        wait_until("it is asked", || server.accept().map(|(client, _)| asked.push(client)).is_ok());
    }
    drop((asked, servers));
    let said = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(said.matches("Cannot reach").count(), 2, "{said}");
    assert!(said.contains("pushed      demo/abc"), "{said}");
}

//! Whatever names say, a terminal gets lines of text: nothing that moves its cursor, and nothing that turns its direction.

use crate::support::{Place, done};
use serde_json::json;

/// A bell, a sequence of escapes in seven bits and in eight, a line of its own, and everything that turns the direction.
const BAD: &str = "a\u{7}\u{1b}[2J\u{9b}2J\rb\npushed      demo/forged\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}\u{200e}\u{200f}\u{61c}c";
/// The same without control characters, which some names may not have, and without blanks.
const TURNED: &str =
    "a\u{202e}\u{202a}\u{202b}\u{202c}\u{202d}\u{2066}\u{2067}\u{2068}\u{2069}\u{200e}\u{200f}\u{61c}c";

/// Runs a command with and without a fault, and looks at what it says.
fn check(place: &Place, args: &[&str]) {
    let done = done(place.command(args).output().unwrap(), place);
    let said = format!("{}{}", done.stdout, done.stderr);
    let bad = said.chars().find(|c| {
        (c.is_control() && *c != '\n')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}')
    });
    assert_eq!(bad, None, "{args:?}: {said:?}");
    assert!(
        !said.lines().any(|line| line.trim_start().starts_with("pushed      demo/forged")),
        "{args:?}: {said:?}"
    );
    assert!(!said.is_empty(), "{args:?}");
}

fn bad_run(place: &Place) {
    let run = danlu::Run::builder(TURNED)
        .id(TURNED)
        .entity(TURNED)
        .name(BAD)
        .group(BAD)
        .job_type(BAD)
        .notes(BAD)
        .tag(BAD)
        .config(BAD, BAD)
        .dir(place.path())
        .start()
        .unwrap();
    run.log([(BAD, 1.0)]);
    run.summary(BAD, BAD);
    run.lose(BAD);
    run.event(danlu::model::EventKind::Alert, BAD, BAD, json!({"level": BAD, "id": "0"}).to_string());
    std::fs::write(place.join("x"), "x").unwrap();
    run.save_as(&place.join("x"), &format!("{TURNED}.txt")).unwrap();
    run.finish(0).unwrap();
}

#[test]
fn names_of_runs_and_files_do_nothing_to_a_terminal() {
    let place = Place::new();
    bad_run(&place);
    let (file, run) = (format!("{TURNED}.txt"), format!("{TURNED}/{TURNED}"));
    let remote = format!("./{TURNED}");
    for args in [
        &["ls"][..],
        &["ls", "--columns", "id,name,project,tags,notes,group"],
        &["ls", "--filter", "id = \u{202e}\u{7}"],
        &["show", &run],
        &["show", BAD],
        &["files", &run],
        &["files", &run, "--all"],
        &["files", BAD],
        &["alerts"],
        &["sql", "SELECT key, value FROM config UNION ALL SELECT key, value FROM summary"],
        &["get", &run, &file, "-o", &file],
        &["get", &run, BAD],
        &["verify"],
        &["verify", BAD],
        &["remote", "add", TURNED, &remote],
        &["remote", "ls"],
        &["remote", "rm", BAD],
        &["sync", "--dry-run"],
        &["sync"],
        &["sync", "--recheck"],
        &["sync", &remote],
        &["sync", BAD],
        &["status"],
        &["ls", "--remote", &remote],
        &["show", &run, "--remote", &remote],
        &["pull", &remote, "--all"],
        &["pull", &remote, BAD],
        &["verify", &remote],
        &["compact"],
        &["expand"],
        &["gc"],
    ] {
        check(&place, args);
    }
    let away = place.join(TURNED);
    std::fs::rename(&away, place.join("away")).unwrap();
    for args in [&["sync"][..], &["status"], &["pull", &remote, "--all"]] {
        check(&place, args);
    }
}

#[test]
fn what_a_server_says_does_nothing_to_a_terminal() {
    use std::io::{Read, Write};
    let place = Place::new();
    place.run("abc", 1);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            let mut asked = [0; 4096];
            assert!(client.read(&mut asked).is_ok_and(|read| read > 0));
            let body = json!({"error": BAD, "hint": BAD}).to_string();
            let head = "HTTP/1.1 403 Forbidden\r\ndanlu-version: 0\r\nconnection: close\r\ncontent-length: ";
            client.write_all(format!("{head}{}\r\n\r\n{body}", body.len()).as_bytes()).ok();
        }
    });
    for args in [
        &["sync", &address][..],
        &["status"],
        &["status", "--check"],
        &["sync", "--watch", &address],
        &["pull", &address, "--all"],
        &["ls", "--remote", &address],
        &["show", "abc", "--remote", &address],
        &["login", &address, "--key", "k"],
    ] {
        check(&place, args);
    }
}

//! 54: a server that lies, or does not know any more what it knew.

use crate::line::{Line, claimed};
use crate::proxy::{Back, OnAnswer, OnRequest, Request, Way, body_of, danlu};
use serde_json::Value;

/// What a server makes of the truth.
type Lie = fn(&mut Value);

/// Changes the JSON of an answer.
fn change(answer: &mut Vec<u8>, change: impl Fn(&mut Value)) {
    let Ok(mut body) = serde_json::from_slice::<Value>(body_of(answer)) else { return };
    change(&mut body);
    let body = body.to_string();
    *answer = format!(
        "HTTP/1.1 200 OK\r\ndanlu-version: 0.1.0\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
    .into_bytes();
}

/// Changes every receipt, whether it comes alone or in a batch.
fn change_receipts(lie: Lie) -> impl crate::proxy::Fault {
    OnAnswer(move |request: &Request, answer: &mut Vec<u8>| {
        if request.is_commit() {
            change(answer, |body| match body {
                Value::Array(answers) => {
                    answers.iter_mut().filter_map(|one| one.get_mut("receipt")).for_each(lie);
                }
                one => lie(one),
            });
        }
        Back::Clear
    })
}

fn each_attempt(receipt: &mut Value, change: Lie) {
    receipt["attempts"].as_object_mut().unwrap().values_mut().for_each(change);
}

/// 54: receipts that do not prove what was sent.
#[test]
fn f54_a_receipt_with_another_count_or_digest_proves_nothing() {
    let lies: [(&str, Lie); 5] = [
        ("fewer records", |receipt| each_attempt(receipt, |held| held[0] = 1.into())),
        ("more records", |receipt| each_attempt(receipt, |held| held[0] = 1_000_000.into())),
        ("another digest", |receipt| each_attempt(receipt, |held| held[1] = "0".repeat(64).into())),
        ("another attempt", |receipt| {
            receipt["attempts"] = serde_json::json!({"0".repeat(32): [3, "0".repeat(64)]});
        }),
        ("nothing", |receipt| receipt["attempts"] = serde_json::json!({})),
    ];
    for (name, lie) in lies {
        let line = Line::new();
        let place = line.place(&["r"]);
        line.proxy.set(change_receipts(lie));
        let done = line.sync(&place);
        assert_ne!(done.code, 0, "{name}");
        assert_eq!(claimed(&done.stdout), Vec::<String>::new(), "{name}: {}", done.stdout);
        let said = format!("{}{}", done.stdout, done.stderr);
        assert!(said.contains("does not prove that it holds all of it"), "{name}: {said}");
        line.completes_again(&place);
    }
}

/// 54: a server that says that it has everything, or stores nothing of what it takes.
#[test]
fn f54_a_server_that_stores_nothing_is_found_out_at_the_commit() {
    let line = Line::new();
    let place = line.place(&["r"]);
    line.proxy.set(OnRequest(|request: &Request| {
        if request.path.ends_with("/objects/missing") {
            danlu("200 OK", "", "[]")
        } else if request.is_put() {
            danlu("204 No Content", "", "")
        } else {
            Way::Clear
        }
    }));
    let done = line.sync(&place);
    assert_ne!(done.code, 0, "{}", done.stdout);
    assert_eq!(claimed(&done.stdout), Vec::<String>::new());
    line.completes_again(&place);
}

/// 54: answers of another shape than was agreed on.
#[test]
fn f54_answers_of_another_shape_prove_nothing() {
    for body in [
        "",
        "null",
        "{}",
        "[]",
        "[[]]",
        "7",
        "{\"attempts\":[]}",
        "{\"attempts\":{}}",
        "\u{0}",
        "[{\"receipt\":null}]",
    ] {
        let line = Line::new();
        let place = line.place(&["r"]);
        line.proxy.set(OnRequest(
            move |request: &Request| {
                if request.is_commit() { danlu("200 OK", "", body) } else { Way::Clear }
            },
        ));
        let done = line.sync(&place);
        assert_ne!(done.code, 0, "{body}: {}", done.stdout);
        assert_eq!(claimed(&done.stdout), Vec::<String>::new(), "{body}: {}", done.stdout);
        line.completes_again(&place);
    }
}

/// 54: a server that lists the same page for ever.
#[test]
fn f54_a_list_that_never_ends_is_given_up() {
    let line = Line::new();
    let place = line.place(&["a", "b"]);
    line.completes(&place);
    let asked = crate::support::client().get(format!("{}/api/v1/manifests", line.server.url));
    let page = asked.bearer_auth(&line.key).send().unwrap().text().unwrap();
    assert!(page.contains("demo"), "{page}");
    line.proxy.set(OnRequest(move |request: &Request| {
        if request.is("GET", "/manifests") { danlu("200 OK", "", &page) } else { Way::Clear }
    }));
    let other = crate::support::Place::new();
    let mut command = other.command(&["pull", &line.proxy.url(), "--all"]);
    let done = crate::support::done(command.env("DANLU_API_KEY", &line.key).output().unwrap(), &other);
    assert_eq!(done.code, 1, "{}", done.stderr);
    assert!(done.stderr.contains("does not list its runs in order"), "{}", done.stderr);
}

/// 54: a server whose data was lost, and that is another one now, gets everything again.
#[test]
fn f54_a_server_that_begins_anew_gets_everything_again() {
    let (first, second) = (Line::new(), Line::new());
    let place = first.place(&["a", "b"]);
    first.completes(&place);
    second.completes(&place);
    assert_eq!(first.held(), second.held());
}

/// 54: a server that was set back to an older state. Nothing is removed here on its word, and what it lacks goes there again.
#[test]
fn f54_a_server_set_back_to_an_old_backup_gets_what_it_lacks() {
    let mut line = Line::new();
    let place = line.place(&["old"]);
    line.completes(&place);
    let backup = line.data().with_extension("backup");
    copy(&line.data(), &backup);
    place.run("new", 3);
    line.completes(&place);
    line.stop();
    std::fs::remove_dir_all(line.data()).unwrap();
    copy(&backup, &line.data());
    line.restart();
    assert!(!line.held().contains_key("new"), "it is an old state");
    line.completes_again(&place);
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    assert!(std::process::Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
}

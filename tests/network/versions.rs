//! 59: danlu of different ages.

use crate::line::{Line, claimed};
use crate::proxy::{Back, OnAnswer, OnRequest, Request, Way, body_of, danlu};
use crate::support::Place;
use serde_json::Value;

/// 59: a newer server, which says more than this client knows.
#[test]
fn f59_what_a_newer_server_adds_is_passed_over() {
    let line = Line::new();
    let place = line.place(&["r"]);
    line.proxy.set(OnAnswer(|_: &Request, answer: &mut Vec<u8>| {
        let body = body_of(answer);
        let added = match serde_json::from_slice::<Value>(body) {
            Ok(Value::Object(mut fields)) => {
                fields.insert("new_in_9".to_owned(), serde_json::json!({"a": [1]}));
                Value::Object(fields).to_string().into_bytes()
            }
            _ => body.to_vec(),
        };
        let status = String::from_utf8_lossy(answer).lines().next().unwrap().to_owned();
        let head = format!(
            "{status}\r\ndanlu-version: 9.9.9\r\nx-new: yes\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            added.len()
        );
        *answer = [head.as_bytes(), &added].concat();
        Back::Clear
    }));
    line.completes(&place);
}

/// 59: an older server, which does not know the newer addresses: it is pushed to in the old way, or it is said what to update.
#[test]
fn f59_an_older_server_is_pushed_to_or_named() {
    let line = Line::new();
    let place = line.place(&["a", "b"]);
    line.proxy.set(OnRequest(|request: &Request| {
        let path = request.path.split('?').next().unwrap();
        let new = request.method == "POST"
            && (path.ends_with("/objects") || path.ends_with("/manifests/batch"))
            || path.ends_with("/held")
            || path.ends_with("/manifests") && request.method == "GET";
        if new {
            danlu("404 Not Found", "", r#"{"error":"There is nothing at this address"}"#)
        } else {
            Way::Clear
        }
    }));
    let done = line.sync(&place);
    let said = format!("{}{}", done.stdout, done.stderr);
    assert!(
        done.code == 0 && line.held().len() == 2 || said.contains("update") || said.contains("older"),
        "{said}"
    );
    line.completes_again(&place);
}

/// 59: a run file of a newer danlu is left alone and named; the others are pushed.
#[test]
fn f59_a_run_file_from_the_future_is_named_and_left_alone() {
    let line = Line::new();
    let place = line.place(&["now"]);
    let future = place.run("future", 3);
    rusqlite::Connection::open(&future).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let done = line.sync(&place);
    assert_eq!(done.code, 1, "{}{}", done.stdout, done.stderr);
    let said = format!("{}{}", done.stdout, done.stderr);
    assert!(said.contains("newer") && said.contains("update danlu"), "{said}");
    assert_eq!(claimed(&done.stdout), ["now"]);
    assert_eq!(line.held().len(), 1);
}

/// 59: a manifest of a newer danlu at the remote is not overwritten.
#[test]
fn f59_a_manifest_from_the_future_is_not_overwritten() {
    let place = Place::new();
    let path = place.run("future", 3);
    place.run("now", 3);
    assert_eq!(place.danlu(&["sync", "./usb"]).code, 0);
    let key = danlu::store::run_key(&danlu::store::open(&path).unwrap()).unwrap().hash();
    let manifest = place.join(&format!("usb/runs/{key}.json"));
    let newer = std::fs::read_to_string(&manifest).unwrap().replace(r#""version":1"#, r#""version":99"#);
    std::fs::write(&manifest, &newer).unwrap();
    place.run("later", 3);
    let done = place.danlu(&["sync", "./usb", "--recheck", "--json"]);
    assert_eq!(done.code, 1, "{}{}", done.stdout, done.stderr);
    let said = format!("{}{}", done.stdout, done.stderr);
    assert!(said.contains("99") && said.contains("update danlu"), "{said}");
    let mut claimed = claimed(&done.stdout);
    claimed.sort();
    assert_eq!(claimed, ["later", "now"]);
    assert_eq!(std::fs::read_to_string(&manifest).unwrap(), newer);
}

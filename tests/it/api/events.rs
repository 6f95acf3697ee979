//! Changes are heard of as they happen, and again by who was away.

use super::Api;
use reqwest::Method;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// An event as it came: id, kind, data.
pub type Event = (String, String, Value);

/// Listens in a thread until the stream ends.
pub fn listen(api: &Api, query: &str, last: Option<&str>) -> Receiver<Event> {
    let mut request = api.ask(Method::GET, &format!("/events?{query}")).timeout(Duration::from_secs(120));
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    let answer = request.send().unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut event = Event::default();
        for line in BufReader::new(answer).lines().map_while(Result::ok) {
            match line.split_once(": ") {
                Some(("id", id)) => event.0 = id.to_owned(),
                Some(("event", kind)) => event.1 = kind.to_owned(),
                Some(("data", data)) => event.2 = serde_json::from_str(data).unwrap(),
                _ if line.is_empty()
                    && !event.1.is_empty()
                    && sender.send(std::mem::take(&mut event)).is_err() =>
                {
                    return;
                }
                _ => {}
            }
        }
    });
    receiver
}

pub fn next(events: &Receiver<Event>) -> Event {
    events.recv_timeout(Duration::from_secs(30)).expect("an event comes")
}

#[test]
fn changes_come_as_they_happen_and_again_to_who_was_away() {
    let api = Api::with(|place| {
        place.run("abc", 1);
        place.run("other", 1);
    });
    let (key, other) = (api.key_of("abc"), api.key_of("other"));
    let all = listen(&api, "project=demo", None);
    let one = listen(&api, &format!("run={key}"), None);
    let none = listen(&api, "project=elsewhere", None);
    api.send(Method::PATCH, &format!("/runs/{other}"), &json!({"name": "a\nb"}));
    let (first, kind, data) = next(&all);
    assert_eq!((&*kind, &data["key"], &data["name"]), ("run", &json!(other), &json!("a\nb")));
    assert!(data.get("config").is_none());
    api.send(Method::PATCH, &format!("/runs/{key}"), &json!({"name": "new"}));
    for heard in [&all, &one] {
        let (_, kind, data) = next(heard);
        assert_eq!((&*kind, &data["name"]), ("run", &json!("new")));
    }
    assert_eq!(api.ask(Method::DELETE, &format!("/runs/{key}")).send().unwrap().status(), 204);
    for heard in [&all, &one] {
        let (_, kind, data) = next(heard);
        assert_eq!((&*kind, &data["key"]), ("removed", &json!(key)));
    }
    // Who was away hears of it: of each run how it is now.
    let again = listen(&api, "", Some(&first));
    let (id, kind, data) = next(&again);
    assert_eq!((&*kind, &data["key"]), ("removed", &json!(key)));
    assert!(id.parse::<i64>().unwrap() > first.parse::<i64>().unwrap());
    // What the server cannot know is to be read anew.
    let lost = listen(&api, "", Some("999999999"));
    let (id_now, kind, _) = next(&lost);
    assert_eq!((&*kind, id_now), ("resync", id));
    assert!(none.try_recv().is_err(), "nothing happened there");
    // Listeners do not keep the server from ending.
    assert!(api.server.stop().success());
    for heard in [all, one, none, again, lost] {
        assert!(heard.recv_timeout(Duration::from_secs(30)).is_err(), "the stream ends");
    }
}

#[test]
fn a_stream_ends_when_its_key_does() {
    let api = Api::with(|place| {
        place.run("abc", 1);
    });
    let made = api.send(Method::POST, "/keys", &json!({"scope": "read", "name": "to be revoked"}));
    let first = api.key.clone();
    let own = Api { key: made["key"].as_str().unwrap().to_owned(), ..api };
    let heard = listen(&own, "", None);
    let still = Api { key: first, ..own };
    let others = listen(&still, "", None);
    let keys = still.get("/keys");
    let id =
        keys.as_array().unwrap().iter().find(|key| key["name"] == "to be revoked").unwrap()["id"].clone();
    let revoked = still.ask(Method::DELETE, &format!("/keys/{}", id.as_str().unwrap())).send().unwrap();
    assert_eq!(revoked.status(), 204);
    assert_eq!(heard.recv_timeout(Duration::from_secs(60)), Err(RecvTimeoutError::Disconnected));
    // Others go on.
    still.send(Method::PATCH, &format!("/runs/{}", still.key_of("abc")), &json!({"name": "new"}));
    assert_eq!(next(&others).1, "run");
}

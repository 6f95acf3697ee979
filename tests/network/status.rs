//! 47 and 48: a server that says no, for now or for good.

use crate::line::{Line, claimed};
use crate::proxy::{OnRequest, Request, Way, danlu, stranger};
use crate::support::{Place, terminate, wait_until};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const BUSY: &str = r#"{"error":"busy"}"#;

/// What a server may say about when to come back.
const RETRY_AFTER: [&str; 8] = [
    "",
    "retry-after: 1\r\n",
    "retry-after: 0\r\n",
    "retry-after: Fri, 01 Jan 2100 00:00:00 GMT\r\n",
    "retry-after: Thu, 01 Jan 1970 00:00:00 GMT\r\n",
    "retry-after: 99999999999999999999999\r\n",
    "retry-after: -5\r\n",
    "retry-after: soon\r\n",
];

/// 47: trouble that passes is no reason to call a run pushed, nor to give it up.
#[test]
fn f47_trouble_at_the_server_leaves_the_runs_queued() {
    for status in
        ["500 Internal Server Error", "502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout"]
    {
        let line = Line::new();
        let place = line.place(&["a", "b"]);
        // A gateway answers in its own words; danlu's own server in danlu's.
        line.fails_then_completes(&place, OnRequest(move |_: &_| stranger(status, "", "oops")));
        let place = line.place(&["c", "d"]);
        line.fails_then_completes(&place, OnRequest(move |_: &_| danlu(status, "", BUSY)));
    }
}

/// 47: too many requests, with every form of `Retry-After`: it ends in time, and the next sync completes.
#[test]
fn f47_retry_after_may_say_anything() {
    for header in RETRY_AFTER {
        let line = Line::new();
        let place = line.place(&["r"]);
        let said = line.fails_then_completes(
            &place,
            OnRequest(move |_: &_| danlu("429 Too Many Requests", header, BUSY)),
        );
        assert!(said.contains("429"), "{header}: {said}");
    }
}

/// 47: a server that is busy once, at any request of a push, costs nothing but another sync.
#[test]
fn f47_busy_once_at_any_request() {
    let line = Line::new();
    for at in 0.. {
        let place = line.place(&[&format!("r{at}")]);
        let requests = std::sync::Arc::new(AtomicUsize::new(0));
        let counted = std::sync::Arc::clone(&requests);
        line.proxy.set(OnRequest(move |_: &Request| {
            if counted.fetch_add(1, Ordering::SeqCst) == at {
                danlu("503 Service Unavailable", "retry-after: 1\r\n", BUSY)
            } else {
                Way::Clear
            }
        }));
        let done = line.sync(&place);
        let reached = requests.load(Ordering::SeqCst) > at;
        assert!(reached || done.code == 0, "{}{}", done.stdout, done.stderr);
        line.proxy.clear();
        line.completes(&place);
        if !reached {
            assert!(at >= 3, "a push has more than {at} requests");
            break;
        }
    }
}

/// 47: under `--watch` a server that is down is asked ever less often, and not before it said; when it is back, the run is pushed.
#[test]
fn f47_watch_waits_as_long_as_it_was_told_and_then_pushes() {
    let line = Line::new();
    let place = line.place(&["r"]);
    let times = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let noted = std::sync::Arc::clone(&times);
    line.proxy.set(OnRequest(move |_: &Request| {
        let mut times = noted.lock().unwrap();
        times.push(Instant::now());
        if times.len() <= 3 {
            danlu("503 Service Unavailable", "retry-after: 2\r\n", BUSY)
        } else {
            Way::Clear
        }
    }));
    let mut watch = place
        .command(&["sync", "--watch", &line.proxy.url()])
        .env("DANLU_API_KEY", &line.key)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("the run is pushed", || line.held().contains_key("r"));
    terminate(&watch);
    watch.wait().unwrap();
    let times = times.lock().unwrap().clone();
    for pair in times.windows(2).take(3) {
        assert!(pair[1] - pair[0] >= Duration::from_secs(2), "asked again after {:?}", pair[1] - pair[0]);
    }
    line.check_all_there(&place);
}

/// 48: what the server refuses for good is said once, with its reason; the other runs are pushed.
#[test]
fn f48_a_run_that_is_refused_is_parked_with_the_reason_and_the_others_go_on() {
    for status in [
        "400 Bad Request",
        "404 Not Found",
        "409 Conflict",
        "410 Gone",
        "413 Payload Too Large",
        "422 Unprocessable Entity",
        "451 Unavailable For Legal Reasons",
    ] {
        let line = Line::new();
        let place = line.place(&["bad", "good"]);
        line.proxy.set(OnRequest(move |request: &Request| {
            let of_bad = |request: &Request| {
                let text = String::from_utf8_lossy(request.body()).into_owned();
                text.contains(r#""id":"bad""#)
            };
            if request.path.contains("/manifests") && of_bad(request) {
                if request.path.ends_with("/batch") {
                    return refuse_in_batch(request, status);
                }
                return danlu(status, "", r#"{"error":"not this one","hint":"do that"}"#);
            }
            Way::Clear
        }));
        let done = line.sync(&place);
        assert_eq!(done.code, 1, "{status}: {}{}", done.stdout, done.stderr);
        assert!(done.stdout.contains("not this one"), "{status}: {}{}", done.stdout, done.stderr);
        let (held, claimed) = (line.held(), claimed(&done.stdout));
        assert!(held.contains_key("good") && claimed == ["good"], "{status}: {}{}", done.stdout, done.stderr);
        line.completes_again(&place);
    }
}

/// Answers a batch of manifests: every one of the run `bad` is refused, and the others are left for later.
fn refuse_in_batch(request: &Request, status: &str) -> Way {
    let manifests: Vec<serde_json::Value> = serde_json::from_slice(request.body()).unwrap();
    let number: u16 = status[..3].parse().unwrap();
    let answers: Vec<serde_json::Value> = manifests
        .iter()
        .map(|manifest| {
            if manifest["run"]["id"] == "bad" {
                serde_json::json!({"error": "not this one", "hint": "do that", "status": number})
            } else {
                serde_json::json!({"error": "busy", "status": 503})
            }
        })
        .collect();
    danlu("200 OK", "", &serde_json::Value::from(answers).to_string())
}

/// 48 and 55: a key that is refused ends it at once: one request, one line that tells what to do, no storm.
#[test]
fn f48_a_key_that_is_refused_ends_the_sync_at_once() {
    for status in ["401 Unauthorized", "403 Forbidden"] {
        let line = Line::new();
        let place = line.place(&["a", "b", "c"]);
        line.proxy.set(OnRequest(move |_: &_| danlu(status, "", r#"{"error":"The API key has expired"}"#)));
        let done = line.sync(&place);
        assert_eq!(done.code, 1);
        let said = format!("{}{}", done.stdout, done.stderr);
        assert!(said.contains("The API key has expired"), "{said}");
        assert!(status.starts_with("403") || said.contains("danlu login"), "{said}");
        assert!(line.proxy.seen().len() <= 2, "{}", line.proxy.seen().len());
        line.proxy.clear();
        line.completes(&place);
    }
}

/// 47: a queue of many runs is not asked one by one of a server that is down.
#[test]
fn f47_a_server_that_is_down_is_not_asked_once_for_each_run() {
    let line = Line::new();
    let place = Place::new();
    for n in 0..20 {
        place.run(&format!("r{n}"), 1);
    }
    line.proxy.set(OnRequest(|_: &_| danlu("503 Service Unavailable", "", BUSY)));
    assert_ne!(line.sync(&place).code, 0);
    let asked = line.proxy.seen().len();
    assert!(asked <= 8, "{asked} requests");
    line.proxy.clear();
    line.completes(&place);
}

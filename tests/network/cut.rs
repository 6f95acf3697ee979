//! 49 to 51: connections that break at any byte, answers that are lost, requests that come twice or late.

use crate::line::{Line, hurry};
use crate::means::{long, note, times};
use crate::proxy::{Back, Clear, Fault, OnAnswer, OnRequest, Request, Way};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Breaks one connection: after so many bytes of all requests, or of all answers.
struct CutOnce {
    requests: bool,
    left: Mutex<Option<usize>>,
}

impl CutOnce {
    /// Says where to cut within the next so many bytes, if there.
    fn within(&self, bytes: usize) -> Option<usize> {
        let mut left = self.left.lock().unwrap();
        let at = (*left)?;
        if at < bytes {
            *left = None;
            return Some(at);
        }
        *left = Some(at - bytes);
        None
    }
}

impl Fault for CutOnce {
    fn request(&self, request: &Request) -> Way {
        let cut = if self.requests { self.within(request.bytes.len()) } else { None };
        cut.map_or(Way::Clear, Way::CutAfter)
    }

    fn answer(&self, _: &Request, answer: &mut Vec<u8>) -> Back {
        let cut = if self.requests { None } else { self.within(answer.len()) };
        cut.map_or(Back::Clear, Back::CutAfter)
    }
}

/// Cuts at every so many bytes of a push until a push goes through uncut. Returns how many cuts there were.
fn cut_everywhere(requests: bool, stride: usize) -> usize {
    let line = Line::new();
    let mut cuts = 0;
    for (n, at) in (0..).step_by(stride).enumerate() {
        let place = line.place(&[&format!("r{n}")]);
        let fault = Arc::new(CutOnce { requests, left: Mutex::new(Some(at)) });
        line.proxy.set(Shared(Arc::clone(&fault)));
        // It may have been made good by the syncer itself: then it is there.
        let done = line.sync(&place);
        let uncut = fault.left.lock().unwrap().is_some();
        assert!(!uncut || done.code == 0, "{}{}", done.stdout, done.stderr);
        line.proxy.clear();
        line.completes(&place);
        assert_eq!(line.held().len(), n + 1, "each run is there once");
        if uncut {
            break;
        }
        cuts += 1;
    }
    cuts
}

struct Shared<F>(Arc<F>);

impl<F: Fault> Fault for Shared<F> {
    fn request(&self, request: &Request) -> Way {
        self.0.request(request)
    }

    fn answer(&self, request: &Request, answer: &mut Vec<u8>) -> Back {
        self.0.answer(request, answer)
    }
}

fn stride() -> usize {
    usize::try_from(times(157, 5)).unwrap()
}

/// 49: a connection that breaks within any request.
#[test]
fn f49_reset_at_any_byte_of_the_requests_the_next_sync_completes() {
    let cuts = cut_everywhere(true, stride());
    assert!(cuts >= 5, "{cuts}");
    note(&format!("reset at one byte in {} of the requests of a push: {cuts} resets", stride()));
}

/// 49: a connection that breaks within any answer.
#[test]
fn f49_reset_at_any_byte_of_the_answers_the_next_sync_completes() {
    let cuts = cut_everywhere(false, stride());
    assert!(cuts >= 5, "{cuts}");
    note(&format!("reset at one byte in {} of the answers of a push: {cuts} resets", stride()));
}

/// 50: each request happens, and its answer is lost.
#[test]
fn f50_an_answer_that_is_lost_after_any_request_costs_nothing() {
    let line = Line::new();
    for lost in 0.. {
        let place = line.place(&[&format!("r{lost}")]);
        let answers = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&answers);
        line.proxy.set(OnAnswer(move |_: &Request, _: &mut Vec<u8>| {
            if counted.fetch_add(1, Ordering::SeqCst) == lost { Back::CutAfter(0) } else { Back::Clear }
        }));
        let done = line.sync(&place);
        let reached = answers.load(Ordering::SeqCst) > lost;
        assert!(reached || done.code == 0, "{}{}", done.stdout, done.stderr);
        line.proxy.clear();
        line.completes(&place);
        if !reached {
            assert!(lost >= 3, "{lost}");
            break;
        }
    }
}

/// 50: the commit happens, its answer is lost: the run is there, and nobody calls it pushed before the server has said so.
#[test]
fn f50_a_commit_whose_answer_is_lost_is_a_no_op_the_second_time() {
    let line = Line::new();
    let place = line.place(&["r"]);
    line.proxy.set(OnAnswer(
        |request: &Request, _: &mut Vec<u8>| {
            if request.is_commit() { Back::CutAfter(0) } else { Back::Clear }
        },
    ));
    let done = line.sync(&place);
    assert_ne!(done.code, 0, "no answer ever came: {}", done.stdout);
    assert_eq!(crate::line::claimed(&done.stdout), Vec::<String>::new());
    let before = line.held();
    assert!(before.contains_key("r"), "the server has it");
    line.proxy.clear();
    line.proxy.seen();
    line.completes(&place);
    assert_eq!(line.held(), before);
    let again = line.proxy.seen();
    assert!(!again.iter().any(Request::is_put), "objects were sent again");
}

/// 51: every request arrives twice.
#[test]
fn f51_doubled_requests_end_in_the_same_state() {
    let (once, twice) = (Line::new(), Line::new());
    let place = once.place(&["a", "b"]);
    once.completes(&place);
    std::fs::remove_file(place.join("wandb/sync.sqlite")).unwrap();
    twice.proxy.set(OnRequest(|_: &Request| Way::Twice));
    twice.completes(&place);
    assert_eq!(once.held(), twice.held());
    assert_eq!(objects(&once), objects(&twice));
}

/// Lists what a server stored.
fn objects(line: &Line) -> std::collections::BTreeSet<String> {
    let mut found = std::collections::BTreeSet::new();
    let mut left = vec![line.data().join("objects")];
    while let Some(directory) = left.pop() {
        for path in std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                left.push(path);
            } else if path.file_name().unwrap() != "danlu-remote.json" {
                found.insert(path.strip_prefix(line.data()).unwrap().display().to_string());
            }
        }
    }
    found
}

/// Captures the requests of a push of some runs.
fn captured(line: &Line, ids: &[&str]) -> Vec<Request> {
    let place = line.place(ids);
    line.proxy.set(Clear);
    line.completes(&place);
    line.proxy.seen()
}

/// 51 and 56: the requests of a push, repeated in any order, doubled and left out, lead to the same state or to a part of it.
#[test]
fn f51_reordered_and_delayed_requests_end_in_the_same_state() {
    let whole = Line::new();
    let requests = captured(&whole, &["a", "b", "c"]);
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    for _ in 0..times(10, 300) {
        let other = Line::new();
        // The key differs from server to server; all else is sent as it was.
        let mut sent: Vec<Vec<u8>> = requests
            .iter()
            .chain(&requests)
            .map(|request| with_key(request, &whole.key, &other.key))
            .collect();
        for n in (1..sent.len()).rev() {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            sent.swap(n, usize::try_from(random >> 33).unwrap() % (n + 1));
        }
        for request in &sent {
            crate::raw::ask(&other.server.url, request);
            for (id, digest) in other.held() {
                assert_eq!(whole.held().get(&id), Some(&digest), "what is seen is whole");
            }
        }
        // Whatever came before its objects comes again.
        for request in &requests {
            crate::raw::ask(&other.server.url, &with_key(request, &whole.key, &other.key));
        }
        assert_eq!(other.held(), whole.held());
        assert_eq!(objects(&other), objects(&whole));
    }
}

fn with_key(request: &Request, old: &str, new: &str) -> Vec<u8> {
    let at = request.bytes.windows(old.len()).position(|part| part == old.as_bytes()).unwrap();
    [&request.bytes[..at], new.as_bytes(), &request.bytes[at + old.len()..]].concat()
}

/// 56: a request that was overheard and is sent again does nothing.
#[test]
fn f56_a_captured_push_that_is_replayed_changes_nothing() {
    let line = Line::new();
    let requests = captured(&line, &["a"]);
    let (held, stored) = (line.held(), objects(&line));
    for request in &requests {
        let answer = crate::raw::ask(&line.server.url, &request.bytes);
        assert!(answer.starts_with("HTTP/1.1 2"), "{answer}");
    }
    assert_eq!((line.held(), objects(&line)), (held, stored));
}

/// 49: the server dies in the middle of a push, at any request, and comes back on the same data.
#[test]
fn f49_a_server_that_is_killed_at_any_request_loses_nothing() {
    let rounds = if long() { usize::MAX } else { 6 };
    for at in 0..rounds {
        let mut line = Line::new();
        let place = line.place(&["a", "b"]);
        let (requests, dead) = (AtomicUsize::new(0), Arc::new(AtomicBool::new(false)));
        let (pid, was) =
            (rustix::process::Pid::from_raw(line.server.id().cast_signed()).unwrap(), Arc::clone(&dead));
        line.proxy.set(OnRequest(move |request: &Request| {
            if requests.fetch_add(1, Ordering::SeqCst) == at {
                rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
                was.store(true, Ordering::SeqCst);
                return Way::CutAfter(request.bytes.len() / 2);
            }
            Way::Clear
        }));
        let url = line.proxy.url();
        let mut command = place.command(&["sync", &url]);
        let output = hurry(&mut command).env("DANLU_API_KEY", &line.key).output().unwrap();
        assert_eq!(output.status.success(), !dead.load(Ordering::SeqCst));
        if output.status.success() {
            assert!(at >= 6, "a push has {at} requests");
            return;
        }
        line.restart();
        line.proxy.clear();
        line.completes(&place);
    }
}

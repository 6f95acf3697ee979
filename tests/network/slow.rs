//! 52 and 53: lines that are slow, servers that say nothing, machines that are off for a month.

use crate::line::Line;
use crate::means::long;
use crate::proxy::{Back, OnAnswer, OnRequest, Request, Way};
use crate::support::Place;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// 52: answers that come a byte at a time are answers, also where they take longer than the next byte may. The head of one has
/// that time in all.
#[test]
fn f52_an_answer_that_drips_is_read_to_its_end() {
    let mut line = Line::new();
    line.timeout = (!long()).then_some("2");
    let place = line.place(&["r"]);
    let [head, body] = if long() { [50, 1000] } else { [1, 20] }.map(Duration::from_millis);
    line.proxy.set(OnAnswer(
        move |request: &Request, _: &mut Vec<u8>| {
            if request.is_commit() { Back::Drips(head, body) } else { Back::Clear }
        },
    ));
    line.completes(&place);
}

/// 52: a request that nobody answers is given up after its time, whichever of a push it is; the run stays queued until then.
#[test]
fn f52_a_server_that_never_answers_is_given_up() {
    std::thread::scope(|scope| {
        for lost in 0..5 {
            scope.spawn(move || {
                let mut line = Line::new();
                let place = line.place(&["r"]);
                let requests = AtomicUsize::new(0);
                line.proxy.set(OnRequest(move |_: &Request| {
                    if requests.fetch_add(1, Ordering::SeqCst) == lost { Way::Lost } else { Way::Clear }
                }));
                tries_again(&mut line, &place);
            });
        }
    });
}

/// 52: an answer that stops in the middle is given up as well.
#[test]
fn f52_an_answer_that_stops_in_the_middle_is_given_up() {
    let mut line = Line::new();
    let place = line.place(&["r"]);
    let stopped = AtomicUsize::new(0);
    line.proxy.set(OnAnswer(move |request: &Request, answer: &mut Vec<u8>| {
        if request.is_commit() && stopped.fetch_add(1, Ordering::SeqCst) == 0 {
            return Back::StopsAfter(answer.len() - 1);
        }
        Back::Clear
    }));
    tries_again(&mut line, &place);
}

/// Syncs once: it ends, and what it did not do the next one does.
fn tries_again(line: &mut Line, place: &Place) {
    line.timeout = (!long()).then_some("2");
    let done = line.sync(place);
    assert!([0, 1].contains(&done.code), "{}{}", done.stdout, done.stderr);
    line.proxy.clear();
    line.timeout = None;
    line.completes(place);
}

/// 53: half of it went up, then the machine is off for long, what the syncer knew is gone, and the key is another one.
#[test]
fn f53_a_push_that_was_broken_off_goes_on_with_what_is_there() {
    let line = Line::new();
    let place = line.place(&["a", "b", "c", "d"]);
    let puts = AtomicUsize::new(0);
    line.proxy.set(OnRequest(move |request: &Request| {
        if request.is_put() && puts.fetch_add(1, Ordering::SeqCst) >= 3 || request.is_commit() {
            return Way::CutAfter(request.bytes.len() / 2);
        }
        Way::Clear
    }));
    assert_ne!(line.sync(&place).code, 0);
    let sent: Vec<Request> = line.proxy.seen().into_iter().filter(Request::is_put).collect();
    std::fs::remove_file(place.join("wandb/sync.sqlite")).ok();
    line.proxy.clear();
    line.completes(&place);
    let again: Vec<Request> = line.proxy.seen().into_iter().filter(Request::is_put).collect();
    let arrived = &sent[..3.min(sent.len())];
    for put in again.iter().filter(|put| put.method == "PUT") {
        assert!(!arrived.iter().any(|known| known.path == put.path), "{} was sent again", put.path);
    }
}

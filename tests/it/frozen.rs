//! A remote that says who it is, and then nothing more, or that takes nothing any more: a sync that nobody watches ends soon.

use crate::remotes::hooked::{Call, Hooked};
use crate::remotes::sample::{Sample, memory};
use danlu::model::{Clock, SystemClock};
use danlu::remote::Remote;
use danlu::sync::plan::Policy;
use danlu::sync::{Relay, Session, Settings, State, pass};
use danlu::{Error, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

/// A clock that goes on by itself, and can be put forward.
#[derive(Default)]
struct Forward(AtomicI64);

impl Clock for Forward {
    fn now(&self) -> i64 {
        SystemClock.now() + self.0.load(Ordering::SeqCst)
    }
}

/// What it costs to find out that nothing comes, in seconds, and how that is said.
type Failure = (i64, Error);

fn silence() -> Error {
    Error::new(ErrorKind::Unreachable, "It does not answer")
}

/// Pushes two runs to a remote at which some calls fail, until the pass has enough of it.
fn push(fails: impl Fn(Call) -> Option<Failure> + Send + Sync) {
    let from = memory("from");
    for id in ["one", "two"] {
        let sample = Sample::run(id, 3, &[b"content"]);
        from.put_all(sample.objects.clone()).unwrap();
        from.commit(&sample.manifest).unwrap();
    }
    let clock = Arc::new(Forward::default());
    let to = Hooked::before(memory("to"), |call| {
        let Some((seconds, error)) = fails(call) else { return Ok(()) };
        clock.0.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
        Err(error)
    });
    let policy = Policy { first: 1000, ..Policy::default() };
    let settings = Settings { jobs: 1, patience: 4, policy, ..Settings::silent(Arc::clone(&clock) as _) };
    let relay = Relay::new(Arc::new(from));
    let state = State::in_memory().unwrap();
    let outcome = pass(&relay, &to, &state, &mut Session::default(), &settings).unwrap();
    assert_eq!(outcome.error.unwrap().to_string(), silence().to_string());
}

/// Pushes to a server that says who it is once and then nothing, and returns how often it was asked that.
fn asked(seconds: i64) -> usize {
    let asked = AtomicUsize::new(0);
    push(|call| match call {
        Call::Identity if asked.fetch_add(1, Ordering::SeqCst) == 0 => None,
        Call::Identity => Some((seconds, silence())),
        Call::Runs => None,
        _ => Some((60, silence())),
    });
    asked.into_inner()
}

#[test]
fn a_server_that_froze_is_not_asked_for_minutes() {
    // Once in the beginning, and once more when a question had no answer in a minute.
    assert_eq!(asked(30), 2);
    // Packets that are lost.
    assert_eq!(asked(10), 3);
    // Where it costs no time, it is tried as often as was said.
    assert_eq!(asked(0), 5);
}

#[test]
fn a_remote_that_answers_and_takes_nothing_is_waited_for_twice() {
    let waited = AtomicUsize::new(0);
    push(|call| {
        call.writes().then(|| waited.fetch_add(1, Ordering::SeqCst))?;
        Some((60, silence().after_silence()))
    });
    assert_eq!(waited.into_inner(), 2);
}

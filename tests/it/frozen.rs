//! A server that says who it is, and then nothing more: a sync that nobody watches ends soon.

use crate::remotes::sample::Sample;
use bytes::Bytes;
use danlu::model::{AttemptId, Clock, Hash, SystemClock};
use danlu::remote::{Manifest, Memory, Object, Receipt, Remote, RunHead, SizedHash};
use danlu::sync::plan::Policy;
use danlu::sync::{Relay, Session, Settings, State, pass};
use danlu::{Error, ErrorKind, Result};
use std::io::Read;
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

/// Says who it is once. Then each question costs its time, and has no answer.
struct Frozen {
    memory: Memory,
    clock: Arc<Forward>,
    /// How long it takes to find out that nothing comes, in seconds.
    silence: i64,
    asked: AtomicUsize,
}

impl Frozen {
    fn say_nothing<T>(&self, seconds: i64) -> Result<T> {
        self.clock.0.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
        Err(Error::new(ErrorKind::Unreachable, "It does not answer"))
    }
}

impl Remote for Frozen {
    fn name(&self) -> &str {
        self.memory.name()
    }

    fn identity(&self) -> Result<AttemptId> {
        match self.asked.fetch_add(1, Ordering::SeqCst) {
            0 => self.memory.identity(),
            _ => self.say_nothing(self.silence),
        }
    }

    fn missing(&self, _: &[Object]) -> Result<Vec<Object>> {
        self.say_nothing(60)
    }

    fn put(&self, _: Object, _: u64, _: Box<dyn Read + Send>) -> Result<()> {
        self.say_nothing(60)
    }

    fn held(&self, _: SizedHash) -> Result<u64> {
        self.say_nothing(60)
    }

    fn put_part(&self, _: SizedHash, _: u64, _: Bytes) -> Result<()> {
        self.say_nothing(60)
    }

    fn get(&self, _: Object, _: u64) -> Result<Box<dyn Read + Send>> {
        self.say_nothing(60)
    }

    fn commit(&self, _: &Manifest) -> Result<Receipt> {
        self.say_nothing(60)
    }

    fn manifest_of(&self, _: Hash) -> Result<Option<Manifest>> {
        self.say_nothing(60)
    }

    fn runs(&self, after: Option<Hash>) -> Result<Vec<RunHead>> {
        self.memory.runs(after)
    }
}

/// Pushes to a remote that freezes, and returns how often it was asked who it is.
fn asked(silence: i64) -> usize {
    let from = Memory::new("from", AttemptId::random().unwrap());
    let sample = Sample::run("one", 3, &[b"content"]);
    from.put_all(sample.objects.clone()).unwrap();
    from.commit(&sample.manifest).unwrap();
    let clock = Arc::new(Forward::default());
    let memory = Memory::new("to", AttemptId::random().unwrap());
    let to = Frozen { memory, clock: Arc::clone(&clock), silence, asked: AtomicUsize::new(0) };
    let policy = Policy { first: 1000, ..Policy::default() };
    let settings = Settings { jobs: 1, patience: 4, policy, ..Settings::silent(clock) };
    let relay = Relay::new(Arc::new(from));
    let state = State::in_memory().unwrap();
    let outcome = pass(&relay, &to, &state, &mut Session::default(), &settings).unwrap();
    assert_eq!(outcome.error.unwrap().to_string(), "It does not answer");
    to.asked.load(Ordering::SeqCst)
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

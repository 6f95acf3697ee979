//! Two runs on their way at once that both lack the same content: it goes over the line once.

use crate::remotes::sample::Sample;
use bytes::Bytes;
use danlu::Result;
use danlu::model::{AttemptId, Hash, SystemClock};
use danlu::remote::{Manifest, Memory, Object, Receipt, Remote, RunHead, SizedHash};
use danlu::sync::{Relay, Session, Settings, State, pass};
use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};

/// Answers the first two questions only when both are asked, and notes what is put.
struct Both {
    memory: Memory,
    asked: AtomicUsize,
    together: Barrier,
    put: Mutex<Vec<Object>>,
}

impl Remote for Both {
    fn name(&self) -> &str {
        self.memory.name()
    }

    fn identity(&self) -> Result<AttemptId> {
        self.memory.identity()
    }

    fn missing(&self, objects: &[Object]) -> Result<Vec<Object>> {
        let missing = self.memory.missing(objects);
        if self.asked.fetch_add(1, Ordering::SeqCst) < 2 {
            self.together.wait();
        }
        missing
    }

    fn put(&self, object: Object, length: u64, bytes: Box<dyn Read + Send>) -> Result<()> {
        self.put.lock().unwrap().push(object);
        self.memory.put(object, length, bytes)
    }

    fn held(&self, blob: SizedHash) -> Result<u64> {
        self.memory.held(blob)
    }

    fn put_part(&self, blob: SizedHash, offset: u64, bytes: Bytes) -> Result<()> {
        self.memory.put_part(blob, offset, bytes)
    }

    fn get(&self, object: Object, offset: u64) -> Result<Box<dyn Read + Send>> {
        self.memory.get(object, offset)
    }

    fn commit(&self, manifest: &Manifest) -> Result<Receipt> {
        self.memory.commit(manifest)
    }

    fn manifest_of(&self, key: Hash) -> Result<Option<Manifest>> {
        self.memory.manifest_of(key)
    }

    fn runs(&self, after: Option<Hash>) -> Result<Vec<RunHead>> {
        self.memory.runs(after)
    }
}

fn memory(name: &str) -> Memory {
    Memory::new(name, AttemptId::random().unwrap())
}

#[test]
fn what_two_runs_lack_is_sent_once() {
    let from = memory("from");
    for id in ["one", "two"] {
        let sample = Sample::run(id, 3, &[b"what both have"]);
        from.put_all(sample.objects.clone()).unwrap();
        from.commit(&sample.manifest).unwrap();
    }
    let to = Both {
        memory: memory("to"),
        asked: AtomicUsize::new(0),
        together: Barrier::new(2),
        put: Mutex::default(),
    };
    let settings = Settings { jobs: 2, patience: 3, ..Settings::silent(Arc::new(SystemClock)) };
    let relay = Relay::new(Arc::new(from));
    let state = State::in_memory().unwrap();
    let outcome = pass(&relay, &to, &state, &mut Session::default(), &settings).unwrap();
    assert!(outcome.error.is_none(), "{:?}", outcome.error);
    let put = std::mem::take(&mut *to.put.lock().unwrap());
    let mut once = put.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!((put.len(), outcome.objects_sent), (once.len(), once.len() as u64));
    assert_eq!(to.runs(None).unwrap().len(), 2);
}

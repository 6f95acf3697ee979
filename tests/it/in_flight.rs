//! Two runs on their way at once that both lack the same content: it goes over the line once.

use crate::remotes::hooked::{Call, Hooked};
use crate::remotes::sample::{Sample, memory};
use danlu::model::SystemClock;
use danlu::remote::Remote;
use danlu::sync::{Relay, Session, Settings, State, pass};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};

#[test]
fn what_two_runs_lack_is_sent_once() {
    let from = memory("from");
    for id in ["one", "two"] {
        let sample = Sample::run(id, 3, &[b"what both have"]);
        from.put_all(sample.objects.clone()).unwrap();
        from.commit(&sample.manifest).unwrap();
    }
    let (asked, together, put) = (AtomicUsize::new(0), Barrier::new(2), Mutex::new(Vec::new()));
    let to = Hooked::after(memory("to"), |call| {
        match call {
            // The first two have their answers only when both are asked.
            Call::Missing if asked.fetch_add(1, Ordering::SeqCst) < 2 => drop(together.wait()),
            Call::Put(object) => put.lock().unwrap().push(object),
            _ => {}
        }
        Ok(())
    });
    let settings = Settings { jobs: 2, patience: 3, ..Settings::silent(Arc::new(SystemClock)) };
    let relay = Relay::new(Arc::new(from));
    let state = State::in_memory().unwrap();
    let outcome = pass(&relay, &to, &state, &mut Session::default(), &settings).unwrap();
    assert!(outcome.error.is_none(), "{:?}", outcome.error);
    let put = std::mem::take(&mut *put.lock().unwrap());
    let mut once = put.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!((put.len(), outcome.objects_sent), (once.len(), once.len() as u64));
    assert_eq!(to.runs(None).unwrap().len(), 2);
}

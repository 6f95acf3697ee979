//! Lines of charts in memory: who looks at one looks again, at a part of it or with more runs beside it.

use crate::model::Hash;
use crate::query::Trace;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How many points are kept, each of 16 bytes.
const POINTS: usize = 1 << 20;

/// What a line counts for beside its points and its name, in points.
const LINE: usize = 16;

/// Bytes of a point.
const POINT: usize = 16;

/// Which line it is: the run, the digest of what it was read from, the key and the axis.
pub(super) type Name = (Hash, Hash, String, String);

/// Lines, and when each was asked for last.
#[derive(Default)]
pub(super) struct Traces(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    lines: HashMap<Name, (u64, Arc<Trace>)>,
    weight: usize,
    asked: u64,
}

fn weight((_, _, key, axis): &Name, trace: &Trace) -> usize {
    LINE + trace.len() + (key.len() + axis.len()) / POINT
}

impl Traces {
    /// Returns a line if it is here.
    pub(super) fn get(&self, name: &Name) -> Option<Arc<Trace>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.asked += 1;
        let now = kept.asked;
        let (asked, trace) = kept.lines.get_mut(name)?;
        *asked = now;
        Some(Arc::clone(trace))
    }

    /// Keeps a line. The half that nobody has asked for the longest makes room if need be.
    pub(super) fn put(&self, name: Name, trace: Trace) -> Arc<Trace> {
        let trace = Arc::new(trace);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = &mut *kept;
        let own = weight(&name, &trace);
        if kept.weight + own > POINTS {
            let mut times: Vec<u64> = kept.lines.values().map(|(asked, _)| *asked).collect();
            times.sort_unstable();
            let old = times.get(times.len() / 2).copied().unwrap_or(0);
            kept.lines.retain(|_, (asked, _)| *asked > old);
            kept.weight = kept.lines.iter().map(|(name, (_, trace))| weight(name, trace)).sum();
        }
        kept.asked += 1;
        kept.weight += own;
        let name_weighs = own - trace.len();
        if let Some((_, replaced)) = kept.lines.insert(name, (kept.asked, Arc::clone(&trace))) {
            kept.weight -= name_weighs + replaced.len();
        }
        trace
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_last_is_kept() {
        let traces = Traces::default();
        let name = |n: usize| (Hash([0; 32]), Hash([0; 32]), n.to_string(), String::new());
        for n in 0..POINTS / LINE {
            traces.put(name(n), Trace::default());
            assert!(traces.get(&name(0)).is_some());
        }
        traces.put(name(POINTS), Trace::default());
        assert!(traces.get(&name(0)).is_some() && traces.get(&name(POINTS)).is_some());
        assert!(traces.get(&name(1)).is_none());
        let kept = traces.0.lock().unwrap();
        assert_eq!(kept.weight, kept.lines.len() * LINE);
        assert!(kept.weight < POINTS);
    }
}

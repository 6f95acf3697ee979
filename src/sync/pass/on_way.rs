//! Objects that several runs lack at once: one of them sends each, the others wait for it.

use super::lock;
use crate::remote::Object;
use std::collections::HashMap;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Most objects that are remembered as sent. To forget one costs sending it twice at worst.
const MOST: usize = 1 << 16;

/// The longest that a worker waits before it looks again whether the pass is over.
const NAP: Duration = Duration::from_millis(200);

/// Who may send an object.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Whoever asked: it is to say how that ended.
    Yours,
    /// Another one sends it.
    Theirs,
    /// Nobody: it was sent since it was found to be missing.
    Nobodys,
}

/// What is on its way, and what was sent.
#[derive(Debug, Default)]
pub(super) struct OnWay {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    time: u64,
    /// When each was sent; none while it is on its way.
    objects: HashMap<Object, Option<u64>>,
}

impl OnWay {
    /// Returns a moment: what is sent from now on is sent after it.
    pub(super) fn moment(&self) -> u64 {
        lock(&self.state).time
    }

    /// Asks to send an object that was missing at a moment.
    pub(super) fn take(&self, object: Object, missing_at: u64) -> Turn {
        let mut state = lock(&self.state);
        match state.objects.get(&object) {
            Some(None) => Turn::Theirs,
            Some(Some(sent)) if *sent > missing_at => Turn::Nobodys,
            _ => {
                state.objects.insert(object, None);
                Turn::Yours
            }
        }
    }

    /// Says how the sending of an object ended.
    pub(super) fn end(&self, object: Object, sent: bool) {
        let mut state = lock(&self.state);
        state.time += 1;
        if state.objects.len() > MOST {
            state.objects.retain(|_, sent| sent.is_none());
        }
        let time = state.time;
        if sent {
            state.objects.insert(object, Some(time));
        } else {
            state.objects.remove(&object);
        }
        drop(state);
        self.ended.notify_all();
    }

    /// Waits until something ends, or a little. Whoever waits must have nothing on its way: others may wait for that.
    pub(super) fn wait(&self, object: Object) {
        let state = lock(&self.state);
        if state.objects.get(&object) == Some(&None) {
            drop(self.ended.wait_timeout(state, NAP).unwrap_or_else(PoisonError::into_inner));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Hash;

    #[test]
    fn one_sends_and_what_is_lacked_again_is_sent_again() {
        let (on_way, object) = (OnWay::default(), Object::Blob(Hash::of(b"x")));
        let before = on_way.moment();
        assert_eq!(on_way.take(object, before), Turn::Yours);
        assert_eq!(on_way.take(object, before), Turn::Theirs);
        on_way.end(object, false);
        assert_eq!(on_way.take(object, before), Turn::Yours, "that came to nothing");
        on_way.end(object, true);
        assert_eq!(on_way.take(object, before), Turn::Nobodys);
        assert_eq!(on_way.take(object, on_way.moment()), Turn::Yours, "it was lost since");
    }
}

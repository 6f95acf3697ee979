//! A lock that is handed over in the order in which it was asked for.
//!
//! Whoever stores a large file takes the run file again as soon as it has let go of it. A mutex would let it have it each
//! time, and the background thread would wait until all of the file is stored.

use std::sync::{Condvar, Mutex, PoisonError};

/// Who comes next.
#[derive(Debug, Default)]
pub(super) struct Turns {
    tickets: Mutex<Tickets>,
    next: Condvar,
}

#[derive(Debug, Default)]
struct Tickets {
    drawn: u64,
    called: u64,
}

impl Turns {
    /// Waits for those who asked before.
    pub(super) fn take(&self) -> Turn<'_> {
        let mut tickets = self.tickets.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = tickets.drawn;
        tickets.drawn += 1;
        let waited = self.next.wait_while(tickets, |tickets| tickets.called != mine);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        Turn(self)
    }
}

/// The lock, for as long as this lives.
#[derive(Debug)]
pub(super) struct Turn<'a>(&'a Turns);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.tickets.lock().unwrap_or_else(PoisonError::into_inner).called += 1;
        self.0.next.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_again_at_once_comes_after_those_who_wait() {
        let (turns, order) = (Turns::default(), Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            let first = turns.take();
            let other = scope.spawn(|| {
                let _turn = turns.take();
                order.lock().unwrap().push("other");
            });
            while turns.tickets.lock().unwrap().drawn < 2 {
                std::thread::yield_now();
            }
            drop(first);
            let _turn = turns.take();
            order.lock().unwrap().push("first again");
            other.join().unwrap();
        });
        assert_eq!(*order.lock().unwrap(), ["other", "first again"]);
    }
}

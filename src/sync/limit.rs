//! How fast bytes may go: one bucket of tokens for all that sends.

use crate::model::Clock;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A bound on the bytes of a second, over all workers.
///
/// What is sent at once is sent whole, once all of it may go: no second has more than was saved up before it, however large
/// the first piece is.
#[derive(Debug)]
pub struct Limiter {
    rate: u64,
    bucket: Mutex<Bucket>,
}

#[derive(Debug, Default)]
struct Bucket {
    /// Bytes that may go, times a million; below zero it is debt.
    tokens: i128,
    /// When that was so.
    at: Option<i64>,
}

const MICROS: i128 = 1_000_000;

impl Limiter {
    /// Allows so many bytes in a second.
    pub fn new(rate: u64) -> Self {
        Self { rate: rate.max(1), bucket: Mutex::default() }
    }

    /// Takes bytes out of the bucket, and returns how long to wait before they are sent.
    pub fn take(&self, bytes: u64, clock: &dyn Clock) -> Duration {
        let now = clock.now();
        let rate = i128::from(self.rate);
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        // A second's worth may be saved up. A clock that was set back gives nothing.
        let passed = bucket.at.map_or(MICROS, |at| i128::from(now.saturating_sub(at).max(0)));
        bucket.tokens = (bucket.tokens + passed * rate).min(rate * MICROS);
        bucket.at = Some(now);
        bucket.tokens -= i128::from(bytes) * MICROS;
        let debt = -bucket.tokens;
        let micros = (debt.max(0) + rate - 1) / rate;
        Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicI64, Ordering};

    struct Hand(AtomicI64);

    impl Clock for Hand {
        fn now(&self) -> i64 {
            self.0.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn the_mean_rate_is_kept_whatever_the_pieces() {
        for piece in [1_000, 100_000, 8_000_000] {
            let (limiter, clock) = (Limiter::new(1_000_000), Hand(AtomicI64::new(5)));
            let mut sent = 0;
            while sent < 80_000_000 {
                let wait = limiter.take(piece, &clock);
                clock.0.fetch_add(i64::try_from(wait.as_micros()).expect("a short wait"), Ordering::Relaxed);
                sent += piece;
            }
            let seconds = (clock.0.load(Ordering::Relaxed) - 5) / 1_000_000;
            // The first second's worth is there.
            assert_eq!(seconds, 79, "80 MB in pieces of {piece} took {seconds} s");
        }
    }

    #[test]
    fn what_was_saved_up_is_a_second_at_most_and_a_clock_set_back_does_no_harm() {
        let (limiter, clock) = (Limiter::new(1_000), Hand(AtomicI64::new(0)));
        assert_eq!(limiter.take(1_000, &clock), Duration::ZERO);
        clock.0.store(3_600_000_000, Ordering::Relaxed);
        assert_eq!(limiter.take(2_000, &clock), Duration::from_secs(1), "before it is sent");
        assert_eq!(limiter.take(1_000, &clock), Duration::from_secs(2));
        clock.0.store(0, Ordering::Relaxed);
        assert!(limiter.take(1, &clock) <= Duration::from_secs(3));
    }
}

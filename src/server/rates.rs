//! How often somebody may ask.

use super::settings::Limits;
use crate::model::{Error, ErrorKind};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

/// For how many seconds' requests may come at once.
const BURST: u32 = 10;

/// The limits, with what was asked lately.
pub(super) struct Rates {
    keys: DefaultKeyedRateLimiter<String>,
    addresses: DefaultKeyedRateLimiter<IpAddr>,
    refused: DefaultKeyedRateLimiter<IpAddr>,
}

fn limiter<K: Hash + Eq + Clone>(per_second: u32) -> DefaultKeyedRateLimiter<K> {
    let number = |n: u32| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
    RateLimiter::keyed(
        Quota::per_second(number(per_second)).allow_burst(number(per_second.saturating_mul(BURST))),
    )
}

fn ask<K: Hash + Eq + Clone>(limiter: &DefaultKeyedRateLimiter<K>, key: &K) -> Result<(), Duration> {
    limiter.check_key(key).map_err(|not_until| not_until.wait_time_from(DefaultClock::default().now()))
}

impl Rates {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            keys: limiter(limits.per_key),
            addresses: limiter(limits.per_address),
            refused: limiter(limits.refused),
        }
    }

    /// Counts a request from an address.
    ///
    /// # Errors
    /// How long to wait, if there were too many.
    pub(super) fn address(&self, address: IpAddr) -> Result<(), Duration> {
        ask(&self.addresses, &address)
    }

    /// Counts a request with a key.
    ///
    /// # Errors
    /// How long to wait, if there were too many.
    pub(super) fn key(&self, id: &str) -> Result<(), Duration> {
        ask(&self.keys, &id.to_owned())
    }

    /// Counts a request without a good key.
    ///
    /// # Errors
    /// How long to wait, if there were too many.
    pub(super) fn refused(&self, address: IpAddr) -> Result<(), Duration> {
        ask(&self.refused, &address)
    }

    /// Forgets those who have not asked lately.
    pub(super) fn forget(&self) {
        self.keys.retain_recent();
        self.addresses.retain_recent();
        self.refused.retain_recent();
    }
}

/// Says that somebody asks too often.
pub(super) fn too_many(wait: Duration) -> Error {
    // Whole seconds: that is what the header can say.
    let wait = Duration::from_secs(wait.as_secs() + 1);
    Error::new(ErrorKind::Limit, "There were too many requests").with_retry_after(wait)
}

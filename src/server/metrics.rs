//! What `/metrics` tells, for Prometheus.

use crate::model::{Error, ErrorKind, Result};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// A kind of request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Route {
    /// The method.
    pub(super) method: String,
    /// The address as it is declared, so that there are few of them.
    pub(super) route: String,
}

/// A kind of request with how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Answered {
    /// The method.
    pub(super) method: String,
    /// The address as it is declared.
    pub(super) route: String,
    /// The status.
    pub(super) status: u16,
}

/// Everything that is counted.
pub(super) struct Metrics {
    registry: Registry,
    /// Requests by route and status.
    pub(super) requests: Family<Answered, Counter>,
    /// How long they took, in seconds.
    pub(super) duration: Family<Route, Histogram>,
    /// Requests under way.
    pub(super) under_way: Gauge,
    /// Bytes of bodies.
    pub(super) bytes_in: Counter,
    /// Bytes of bodies.
    pub(super) bytes_out: Counter,
    /// Commits of manifests that succeeded.
    pub(super) commits: Counter,
    /// Records taken in.
    pub(super) records: Counter,
    /// Values of the history taken in.
    pub(super) points: Counter,
    /// Runs that are new.
    pub(super) runs: Counter,
    /// Requests without a good key.
    pub(super) refused: Counter,
    /// Requests that were too many.
    pub(super) limited: Counter,
}

impl Metrics {
    pub(super) fn new() -> Self {
        let buckets = || Histogram::new(exponential_buckets(0.001, 4.0, 8));
        let mut metrics = Self {
            registry: Registry::with_prefix("danlu"),
            requests: Family::default(),
            duration: Family::new_with_constructor(buckets),
            under_way: Gauge::default(),
            bytes_in: Counter::default(),
            bytes_out: Counter::default(),
            commits: Counter::default(),
            records: Counter::default(),
            points: Counter::default(),
            runs: Counter::default(),
            refused: Counter::default(),
            limited: Counter::default(),
        };
        let registry = &mut metrics.registry;
        registry.register("requests", "Requests answered", metrics.requests.clone());
        registry.register("request_duration_seconds", "How long requests took", metrics.duration.clone());
        registry.register("requests_under_way", "Requests under way", metrics.under_way.clone());
        for (name, help, counter) in [
            ("received_bytes", "Bytes of bodies of requests", &metrics.bytes_in),
            ("sent_bytes", "Bytes of bodies of answers", &metrics.bytes_out),
            ("commits", "Manifests committed", &metrics.commits),
            ("records", "Records taken in", &metrics.records),
            ("points", "Values of the history taken in", &metrics.points),
            ("runs", "Runs that were new", &metrics.runs),
            ("keys_refused", "Requests without a good key", &metrics.refused),
            ("rate_limited", "Requests that were too many", &metrics.limited),
        ] {
            registry.register(name, help, counter.clone());
        }
        metrics
    }

    /// Returns them as Prometheus reads them.
    ///
    /// # Errors
    /// They cannot be written as text.
    pub(super) fn text(&self) -> Result<String> {
        let mut out = String::new();
        text::encode(&mut out, &self.registry)
            .map_err(|e| Error::new(ErrorKind::Io, "Cannot write the metrics").with_source(e))?;
        Ok(out)
    }
}

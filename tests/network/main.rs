//! The faults of the network and hostile input: a real syncer and a real server, and between them what goes wrong.
//!
//! `docs/faults.md` lists the faults by their numbers with the tests that hold the outcome. `make test` tries a sample of
//! each; `make test-faults` sets `DANLU_FAULTS=long` and tries all: every byte of an exchange, as many connections as there may be.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "tests say what went wrong by panicking, and are used by nobody"
)]

mod bombs;
mod crowd;
mod cut;
mod full;
mod inject;
mod keys;
mod lies;
mod line;
#[expect(dead_code, reason = "the other test binary uses the rest")]
#[path = "../faults/means.rs"]
mod means;
#[expect(dead_code, reason = "the other test binary uses the rest")]
#[path = "../faults/mount.rs"]
mod mount;
mod origin;
mod proxy;
mod raw;
mod reach;
mod records;
mod requests;
mod shown;
mod slow;
mod status;
#[expect(dead_code, reason = "the other test binary uses the rest")]
#[path = "../it/support.rs"]
mod support;
mod versions;
mod watched;

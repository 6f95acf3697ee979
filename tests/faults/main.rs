//! The fault suite: what happens to runs when processes die, disks fail, the power goes, and others interfere.
//!
//! What is promised, and which test holds which promise, is in `docs/durability.md`. `make test` runs each fault a few
//! times; `make test-faults` sets `DANLU_FAULTS=long` and runs them at full density.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "tests say what went wrong by panicking, and are used by nobody"
)]

mod check;
mod copies;
mod death;
mod disk;
mod journal;
mod large;
mod live;
#[expect(dead_code, reason = "the other test binary uses the rest")]
mod means;
mod mount;
mod others;
mod power;
mod process;
mod push;
mod strace;
#[expect(dead_code, reason = "the other test binary uses the rest")]
#[path = "../it/support.rs"]
mod support;

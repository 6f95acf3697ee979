//! Whole-program tests, by what a user does. One binary: linking is what takes time on a small machine.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    unreachable_pub,
    reason = "tests say what went wrong by panicking, and are used by nobody"
)]

mod addresses;
mod alerts;
mod apart;
mod api;
mod away;
mod behind;
mod child;
mod cli;
mod compact;
mod cut_short;
mod damage;
mod docs;
mod envelope;
mod files;
mod filters;
mod fixtures;
mod forged;
mod format;
mod frozen;
mod fuzz;
mod gc;
mod get;
mod hot;
mod import;
mod in_flight;
mod journal;
mod kept;
mod kill;
mod layers;
mod limits;
mod look;
mod machine;
mod metric;

mod partly;
mod paths;
mod proxy;
mod pull;
mod pull_open;
mod remotes;
mod rescue;
mod resume;
mod run;
mod server;
mod serving;
mod side_by_side;
mod silent;
mod sql;
mod stalled;
mod stranger;
mod stream;
mod support;
mod sync;
mod sync_kill;
mod syncer;
mod system;
mod terminal;
mod together;
mod waiting;
mod watching;
mod words;

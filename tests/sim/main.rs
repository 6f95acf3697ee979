//! A simulator of writers, syncers and a remote, all from one seed. `docs/simulation.md` says what it is for.
#![expect(
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "tests say what went wrong by panicking, and are used by nobody"
)]

mod bug;
mod cases;
mod check;
mod count;
mod dir;
mod place;
mod rng;
mod syncer;
mod weather;
mod world;

use bug::Bug;
use count::Counts;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use world::World;

/// Runs seeds on all processors until they are through or some failed; returns what they reached, and those that failed.
fn run_seeds(seeds: u64, bug: Option<Bug>, most: usize) -> (Counts, Vec<(u64, String)>) {
    let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let (all, failed) = (Mutex::new(Counts::default()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                let mut counts = Counts::default();
                while !stop.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds {
                        break;
                    }
                    let (reached, wrong) = World::new(seed, bug, false).run();
                    counts.add(&reached);
                    if let Some(wrong) = wrong {
                        let mut failed = failed.lock().unwrap();
                        failed.push((seed, wrong));
                        stop.store(failed.len() >= most, Ordering::Relaxed);
                    }
                }
                all.lock().unwrap().merge(&counts);
            });
        }
    });
    (all.into_inner().unwrap(), failed.into_inner().unwrap())
}

#[test]
fn ten_thousand_seeds_lose_repeat_and_hide_nothing() {
    if let Some(seed) = std::env::var("DANLU_SEED").ok().map(|seed| seed.parse().expect("a number")) {
        let (_, wrong) = World::new(seed, None, true).run();
        assert_eq!(wrong, None, "seed {seed}");
        return;
    }
    let seeds = std::env::var("DANLU_SEEDS").map_or(10_000, |seeds| seeds.parse().expect("a number"));
    let (counts, failed) = run_seeds(seeds, None, 10);
    for (seed, wrong) in &failed {
        println!("seed {seed}: {wrong}");
    }
    assert!(failed.is_empty(), "DANLU_SEED={} replays the first with all that happens", failed[0].0);
    println!("{}", counts.table());
    assert_eq!(counts.gaps(), Vec::<String>::new(), "these were never reached");
}

#[test]
fn planted_bugs_are_found() {
    for bug in bug::ALL {
        let (_, failed) = run_seeds(2_000, Some(bug), 1);
        let (seed, wrong) = failed.first().unwrap_or_else(|| panic!("{bug:?} is not found"));
        println!("{bug:?}: seed {seed}: {wrong}");
    }
}

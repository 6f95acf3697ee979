//! `save` of a file that takes many pages and several buffers.

use crate::check::{check, runs};
use crate::death::kill_at_most;
use crate::means::{can_trace, note, times};
use crate::process::{Process, Said};
use crate::strace::Strace;
use crate::support::{Place, ask};
use std::sync::LazyLock;

const BYTES: u32 = 32 << 20;

static CONTENT: LazyLock<Vec<u8>> =
    LazyLock::new(|| (0..BYTES / 4).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect());

fn prepare(place: &Place) {
    std::fs::write(place.join("model.bin"), CONTENT.as_slice()).unwrap();
}

#[test]
fn killed_at_any_call_of_a_large_save_the_file_is_there_whole_or_not_at_all() {
    if !can_trace() {
        return;
    }
    let look = |place: &Place, said: &Said| {
        check(place, said);
        let run_file = &runs(place)[0];
        let size: Option<i64> = ask(run_file, "SELECT sum(size) FROM blob");
        assert!(size.is_none() || size == Some(i64::from(BYTES)), "{size:?}");
    };
    // Pages are written by thousands of calls that are alike.
    let most = usize::try_from(times(3, 100)).unwrap();
    let begin = ["start 3600000", "settle"];
    let kills =
        kill_at_most(most, prepare, &begin, |process| process.thread, &["log 1", "save model.bin"], look);
    assert!(kills > 12, "{kills}");
    note(&format!("kill within a save of 32 MiB: {kills} kills"));
}

#[test]
fn a_disk_that_fills_up_within_a_large_save_leaves_no_part_of_the_file() {
    if !can_trace() {
        return;
    }
    let tries = times(4, 40);
    for n in 0..tries {
        let place = Place::new();
        prepare(&place);
        let mut process = Process::new(place.path());
        process.does("start 3600000");
        process.does("settle");
        process.does("log 10");
        // About 4100 pages are written.
        let full = format!("inject=pwrite64:error=ENOSPC:when={}+", 2 + n * 4000 / tries);
        let strace = Strace::thread(process.thread, &["-e", &full]);
        let why = process.fails("save model.bin");
        assert!(why.contains("full"), "{why}");
        assert!(strace.detach() > 0);
        process.does("log 10");
        let run_file = process.said.run_file.clone().unwrap();
        assert_eq!(ask::<i64>(&run_file, "SELECT count(*) FROM blob"), 0);
        process.does("save model.bin");
        process.does("finish");
        let (_, said) = process.end();
        assert_eq!(check(&place, &said), 20);
        assert_eq!(ask::<i64>(&run_file, "SELECT sum(size) FROM blob"), i64::from(BYTES));
        assert_eq!(ask::<i64>(&run_file, "SELECT count(*) FROM file"), 1);
    }
    note(&format!("disk full within a save of 32 MiB: {tries} times, no part of it is left"));
}

//! Processes that die: at each system call that changes something, and at any moment.

use crate::check::{check, check_after_loss, rows, runs};
use crate::means::{can_trace, long, note, times};
use crate::process::{Process, Said};
use crate::strace::Strace;
use crate::support::{Place, wait_until};
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;

/// The calls that change something that outlives the process. To die between two of them is to die at the second.
const CHANGES: &str = "write,pwrite64,writev,pwritev,fsync,fdatasync,ftruncate,fallocate,mkdir,mkdirat,rename,renameat,\
                       renameat2,unlink,unlinkat,link,linkat,symlink,symlinkat,flock,utimensat,openat";

/// Counts the calls of each kind in a trace.
fn count(calls: Vec<String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    calls.into_iter().for_each(|call| *counts.entry(call).or_default() += 1);
    counts
}

/// Kills at each call of one thread: does `before`, attaches to the thread that `which` returns, does `then`.
///
/// Each kind of call is gone through for itself, until the process gets to its end.
fn kill_at_each_call(
    before: &[&str],
    which: fn(&Process) -> u32,
    then: &[&str],
    look: impl Fn(&Place, &Said),
) -> usize {
    let prepare = |place: &Place| {
        std::fs::write(place.join("model.bin"), "weights ".repeat(5000)).unwrap();
    };
    kill_at_most(usize::MAX, prepare, before, which, then, look)
}

/// As [`kill_at_each_call`], with a directory that is prepared, and at about so many calls of each kind.
pub fn kill_at_most(
    most: usize,
    prepare: impl Fn(&Place),
    before: &[&str],
    which: fn(&Process) -> u32,
    then: &[&str],
    look: impl Fn(&Place, &Said),
) -> usize {
    let trial = |inject: &str| {
        let place = Place::new();
        prepare(&place);
        let mut process = Process::new(place.path());
        before.iter().for_each(|command| drop(process.does(command)));
        let strace = Strace::thread(which(&process), &["-e", inject]);
        then.iter().for_each(|command| process.tell(command));
        let (status, said) = process.end();
        (place, strace, status, said)
    };
    let (_, strace, status, _) = trial(&format!("trace={CHANGES}"));
    assert!(status.success());
    let mut kills = 0;
    for (call, times) in count(strace.calls()) {
        for n in (1..).step_by((times / most).max(1)) {
            let (place, _strace, status, said) = trial(&format!("inject={call}:signal=KILL:when={n}"));
            if status.signal() != Some(9) {
                assert!(status.success() && n > 1, "{status:?} at call {n} of {call}");
                break;
            }
            kills += 1;
            assert!(n <= 2 * times + 10, "no end of {call}");
            look(&place, &said);
        }
    }
    kills
}

/// Checks a directory, and that another run of the same id can be made in it.
fn check_and_go_on(place: &Place, said: &Said) {
    check(place, said);
    let before = runs(place).len();
    let run = danlu::Run::builder("faults").id("r").dir(place.path()).start().unwrap();
    run.log([("n", 0), ("twice", 0)]);
    run.finish(0).unwrap();
    assert_eq!(runs(place).len(), before + 1);
    assert_eq!(place.danlu(&["verify"]).code, 0);
}

#[test]
fn killed_at_any_call_of_the_start_there_is_no_run_or_a_whole_one() {
    if !can_trace() {
        return;
    }
    let kills =
        kill_at_each_call(&[], |process| process.thread, &["start 3600000", "log 1"], check_and_go_on);
    assert!(kills > 20, "{kills}");
    note(&format!("kill at each call of the start: {kills} kills"));
}

#[test]
fn killed_at_any_call_of_logging_every_row_whose_log_returned_is_there() {
    if !can_trace() {
        return;
    }
    let begin = ["start 3600000", "settle"];
    let kills = kill_at_each_call(
        &begin,
        |process| process.thread,
        &["log 5"],
        |place, said| {
            check(place, said);
        },
    );
    assert!(kills >= 10, "{kills}");
    let drained = kill_at_each_call(&begin, Process::background, &["log 5", "drop"], |place, said| {
        assert_eq!(said.rows, 5);
        check(place, said);
    });
    assert!(drained > 10, "{drained}");
    note(&format!("kill at each call of logging and draining: {} kills", kills + drained));
}

#[test]
fn killed_at_any_call_of_save_the_file_is_there_whole_or_not_at_all() {
    if !can_trace() {
        return;
    }
    let begin = ["start 3600000", "settle"];
    let kills = kill_at_each_call(
        &begin,
        |process| process.thread,
        &["log 1", "save model.bin"],
        |place, said| {
            check(place, said);
        },
    );
    assert!(kills > 15, "{kills}");
    note(&format!("kill at each call of save: {kills} kills"));
}

#[test]
fn killed_at_any_call_of_finish_the_run_is_sealed_or_is_sealed_by_the_next_look() {
    if !can_trace() {
        return;
    }
    let begin = ["start 3600000", "log 5", "save model.bin", "settle"];
    let whole = |place: &Place, said: &Said| {
        assert_eq!(check(place, said), 5);
        let digest = &place.json(&["ls"])[0]["digest"];
        assert!(digest.is_string(), "{digest}");
    };
    let mut kills = kill_at_each_call(&begin, |process| process.thread, &["finish"], whole);
    kills += kill_at_each_call(&begin, Process::background, &["finish"], whole);
    assert!(kills > 30, "{kills}");
    note(&format!("kill at each call of finish: {kills} kills"));
}

/// Copies a directory with its files.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// Kills `danlu ls` at each call while it completes a run that was killed.
fn kill_recovery(killed: &Place, said: &Said) -> usize {
    let mut kills = 0;
    let trial = |args: &[&str]| {
        let place = Place::new();
        copy(&killed.join("wandb"), &place.join("wandb"));
        let (output, _) = Strace::run(args, &place.command(&["ls", "--json"]));
        (place, output)
    };
    for call in CHANGES.split(',').filter(|call| *call != "openat") {
        for n in 1.. {
            let (place, output) = trial(&["-e", &format!("inject={call}:signal=KILL:when={n}")]);
            if output.status.signal() != Some(9) {
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                break;
            }
            kills += 1;
            assert!(n < 1000, "no end of {call}");
            check(&place, said);
        }
    }
    kills
}

#[test]
fn killed_at_any_call_of_recovery_the_next_one_completes_it() {
    if !can_trace() {
        return;
    }
    let place = Place::new();
    std::fs::write(place.join("model.bin"), "weights ".repeat(50)).unwrap();
    let mut process = Process::new(place.path());
    for command in ["start 3600000", "log 3", "settle", "save model.bin", "log 4"] {
        process.does(command);
    }
    let said = process.kill();
    let kills = kill_recovery(&place, &said);
    assert!(kills > 20, "{kills}");
    note(&format!("kill at each call of recovery: {kills} kills"));
}

#[test]
fn killed_at_any_call_of_rebuilding_the_next_one_completes_it() {
    if !can_trace() {
        return;
    }
    let place = Place::new();
    let mut process = Process::new(place.path());
    for command in ["start 3600000", "log 3", "settle"] {
        process.does(command);
    }
    let said = process.kill();
    std::fs::remove_file(said.run_file.as_ref().unwrap()).unwrap();
    // Its warning is said by whoever builds anew, which may be the killed one or the next.
    let mut kills = 0;
    for call in CHANGES.split(',').filter(|call| *call != "openat") {
        for n in (1..).step_by(if long() { 1 } else { 3 }) {
            let copied = Place::new();
            copy(&place.join("wandb"), &copied.join("wandb"));
            let inject = format!("inject={call}:signal=KILL:when={n}");
            let (output, _) = Strace::run(&["-e", &inject], &copied.command(&["ls", "--json"]));
            if output.status.signal() != Some(9) {
                break;
            }
            kills += 1;
            assert!(copied.danlu(&["ls"]).stdout.contains("crashed"));
            assert_eq!(check(&copied, &said), 3);
        }
    }
    assert!(kills > 10, "{kills}");
    note(&format!("kill at each call of rebuilding: {kills} kills"));
}

#[test]
fn killed_at_any_moment_every_acknowledged_row_and_file_is_there() {
    let cycles = times(8, 1000);
    let (mut acknowledged, mut kept, mut files) = (0, 0, 0);
    for cycle in 0..cycles {
        let place = Place::new();
        let mut process = Process::new(place.path());
        process.does("start 30");
        process.tell("log for ever 0");
        // From the first row to many drains later, at no regular distance.
        let until = cycle * 7919 % 4001;
        while process.said.rows < until {
            process.hear("ack ").expect("it lives");
        }
        let said = process.kill();
        let found = check(&place, &said);
        acknowledged += said.rows;
        kept += found.min(said.rows);
        files += said.saved.len();
        assert!(found <= said.rows + 1, "{found} rows, {} acknowledged", said.rows);
    }
    assert!(acknowledged > cycles * 100 && files > 0, "{acknowledged} rows, {files} files");
    note(&format!(
        "kill -9 at any moment: {cycles} cycles, {acknowledged} rows acknowledged, {} lost, {files} files saved, 0 lost",
        acknowledged - kept
    ));
}

#[test]
fn a_run_that_is_looked_at_while_it_is_killed_is_whole_in_the_end() {
    let place = Place::new();
    let mut process = Process::new(place.path());
    process.does("start 5");
    process.tell("log for ever 0");
    let mut looked = 0;
    while process.said.rows < times(3000, 50_000) {
        process.hear("ack ").expect("it lives");
        if process.said.rows.is_multiple_of(300) {
            let ls = place.danlu(&["ls"]);
            assert!(ls.stdout.contains("running"), "{}{}", ls.stdout, ls.stderr);
            looked += 1;
        }
    }
    let said = process.kill();
    assert!(looked >= 10);
    check_after_loss(&place, &said, 0);
    assert!(rows(&runs(&place)[0]) >= said.rows);
}

#[test]
fn a_background_thread_that_breaks_down_costs_no_row() {
    let place = Place::new();
    let broken = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let breaks = std::sync::Arc::clone(&broken);
    let run = danlu::Run::builder("p")
        .dir(place.path())
        .tick(std::time::Duration::from_millis(10))
        .on_warning(move |_| {
            breaks.store(true, std::sync::atomic::Ordering::Relaxed);
            panic!("on purpose");
        })
        .start()
        .unwrap();
    let log = |n: u64| run.log([("n", n), ("twice", 2 * n)]);
    (0..50).for_each(log);
    // It cannot update the run file, says so, and whoever is told takes the thread down.
    std::fs::remove_file(run.path()).unwrap();
    log(50);
    wait_until("the thread breaks down", || broken.load(std::sync::atomic::Ordering::Relaxed));
    (51..100).for_each(log);
    assert_eq!(run.lost(), 0);
    let error = run.finish(0).unwrap_err();
    assert!(error.to_string().contains("broke down"), "{error}");
    let looked = place.danlu(&["ls"]);
    assert!(looked.stdout.contains("finished"), "{}{}", looked.stdout, looked.stderr);
    assert_eq!(check(&place, &Said { rows: 100, ..Said::default() }), 100);
}

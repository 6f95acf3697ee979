//! Others: programs that touch the same files, file systems without locks, clocks that jump, disks that are slow.

use crate::check::{check, count, rows, runs};
use crate::means::{can_trace, times};
use crate::process::Process;
use crate::strace::{Strace, journal_of};
use crate::support::{Place, ask, names, wait_until};
use danlu::Run;
use danlu::model::Clock;
use rustix::process::Signal;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

#[test]
fn handles_that_others_in_the_process_open_and_close_cost_no_row() {
    // Closing any handle on a file drops all POSIX locks of the process on it. Python's own SQLite does that; the test
    // with it is in python/tests.
    let place = Place::new();
    let run = Run::builder("p").dir(place.path()).tick(Duration::from_millis(5)).start().unwrap();
    let path = run.path().to_owned();
    let mut reader = Process::new(place.path());
    let logged = times(3000, 30_000);
    for n in 0..logged {
        run.log([("n", n), ("twice", 2 * n)]);
        drop(std::fs::File::open(&path).unwrap());
        if n % 500 == 0 {
            // A reader outside takes a transaction without a lock for one of a dead writer.
            assert_eq!(place.danlu(&["ls"]).code, 0);
        }
    }
    run.finish(0).unwrap();
    reader.tell("drop");
    assert_eq!(rows(&path), logged);
    assert_eq!(place.danlu(&["verify"]).code, 0);
}

#[test]
fn a_reader_with_an_open_transaction_delays_the_run_file_and_nothing_else() {
    let place = Place::new();
    let mut process = Process::new(place.path());
    process.does("start 10");
    process.does("settle");
    let path = process.said.run_file.clone().unwrap();
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch("BEGIN; SELECT count(*) FROM row;").unwrap();
    process.does("log 100");
    process.warns("Cannot update the run file");
    process.does("flush");
    connection.execute_batch("COMMIT").unwrap();
    // What could not be applied is applied as soon as it can be, without another row.
    wait_until("the rows are in the run file", || count(&path) == 100);
    process.does("finish");
    assert_eq!(check(&place, &process.end().1), 100);
}

#[test]
fn a_writer_that_is_stopped_is_not_taken_for_dead() {
    let place = Place::new();
    let mut process = Process::new(place.path());
    process.does("start 10");
    process.does("log 50");
    process.does("settle");
    let journal = journal_of(process.said.run_file.as_ref().unwrap());
    // Long ago, as far as the file system knows.
    process.signal(Signal::STOP);
    let old = std::time::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    std::fs::File::open(&journal).unwrap().set_modified(old).unwrap();
    for _ in 0..3 {
        assert_eq!(place.json(&["ls"])[0]["state"], "running");
    }
    assert!(journal.exists());
    process.signal(Signal::CONT);
    process.does("log 50");
    process.does("finish");
    assert_eq!(check(&place, &process.end().1), 100);
}

#[test]
fn two_writers_with_one_id_write_beside_each_other_and_lose_nothing() {
    let place = Place::new();
    let mut writers = [Process::new(place.path()), Process::new(place.path())];
    for writer in &mut writers {
        writer.does("start 5");
        writer.tell("log 500");
    }
    for mut writer in writers {
        writer.does("finish");
        assert_eq!(writer.said.rows, 500);
    }
    let files = runs(&place);
    assert_eq!(files.iter().map(|file| rows(file)).collect::<Vec<_>>(), [500, 500]);
    assert_eq!(place.danlu(&["verify"]).code, 0);
}

/// What a file system without locks answers, from `flock` and from `fcntl` on the files of a run.
const NO_LOCKS: [&str; 2] = ["ENOLCK", "EOPNOTSUPP"];

#[test]
fn without_locks_runs_are_written_killed_and_completed_as_with_them() {
    if !can_trace() {
        return;
    }
    for error in NO_LOCKS {
        let place = Place::new();
        let mut process = Process::new(place.path());
        let inject = format!("inject=flock,fcntl:error={error}");
        // Only on the run file, whose name is known but for the second: `fcntl` has other uses.
        let now = danlu::model::SystemClock.now();
        let stamps = (0..10).map(|second| danlu::model::file_stamp(now + second * 1_000_000));
        let paths: Vec<String> = stamps
            .map(|stamp| place.join(&format!("wandb/run-{stamp}-r.sqlite")).to_str().unwrap().to_owned())
            .collect();
        let mut args: Vec<&str> = paths.iter().flat_map(|path| ["-P", path.as_str()]).collect();
        args.extend(["-e", &inject]);
        let strace = Strace::process(process.pid(), &args);
        process.does("start 10");
        process.does("log 100");
        let path = process.said.run_file.clone().unwrap();
        strace.wait_for(2);
        let told = process.said.warnings.join("\n");
        assert!(told.contains("has no locks: the run file is filled when the run ends"), "{error}: {told}");
        // Who looks at it asks whether its process lives, and reads the journal: the run file is left alone.
        let journal = journal_of(&path);
        let (looked, injected) = look(&place, &inject, &[&path, &journal]);
        assert!(looked.contains("running") && injected > 0, "{error}: {looked}");
        let rows = place.json(&["sql", "r", "SELECT count(*) AS rows FROM history WHERE key = 'n'"]);
        assert_eq!(rows[0]["rows"], 100);
        assert_eq!(ask::<i64>(&path, "SELECT count(*) FROM attempt"), 0);
        assert!(journal.exists());
        strace.detach();
        let said = process.kill();
        let (looked, _) = look(&place, &inject, &[&path, &journal]);
        assert!(looked.contains("crashed"), "{error}: {looked}");
        assert!(!journal.exists(), "{error}: it is completed");
        assert_eq!(check(&place, &said), 100, "{error}");
    }
}

#[test]
fn a_run_starts_where_its_journal_cannot_be_locked() {
    if !can_trace() {
        return;
    }
    for error in NO_LOCKS {
        let place = Place::new();
        let mut process = Process::new(place.path());
        let strace = Strace::process(process.pid(), &["-e", &format!("inject=flock:error={error}")]);
        process.does("start 10");
        process.does("log 100");
        assert!(strace.detach() > 0);
        process.does("finish");
        assert_eq!(check(&place, &process.end().1), 100, "{error}");
    }
}

/// Runs `danlu ls` while calls on these files fail.
fn look(place: &Place, inject: &str, files: &[&std::path::Path]) -> (String, usize) {
    let mut args: Vec<&str> = files.iter().flat_map(|file| ["-P", file.to_str().unwrap()]).collect();
    args.extend(["-e", inject]);
    let (output, injected) = Strace::run(&args, &place.command(&["ls"]));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout) + &text(&output.stderr), injected)
}

#[test]
fn without_locks_a_writer_on_another_host_lives_while_its_journal_changes() {
    if !can_trace() {
        return;
    }
    let place = Place::new();
    let mut process = Process::new(place.path());
    process.does("start 3600000");
    process.does("log 5");
    process.does("settle");
    let said = process.kill();
    let (path, journal) = (said.run_file.clone().unwrap(), journal_of(said.run_file.as_ref().unwrap()));
    // The same start record, as another host would have written it.
    let mut reader = danlu::store::JournalReader::open(&journal).unwrap();
    let mut records = Vec::new();
    while let Some(record) = reader.read().unwrap() {
        records.push(record);
    }
    let danlu::model::Record::Start(start) = &mut records[0] else { panic!("no start") };
    start.host = "elsewhere".to_owned();
    std::fs::remove_file(&journal).unwrap();
    std::fs::remove_file(&path).unwrap();
    let mut written = danlu::store::Journal::create(&journal, reader.attempt(), &records[0]).unwrap();
    for record in &records[1..] {
        written.append(record).unwrap();
    }
    drop(written);
    let handle = std::fs::File::open(&journal).unwrap();
    let now = std::time::UNIX_EPOCH + Duration::from_micros(danlu::model::SystemClock.now().cast_unsigned());
    let inject = "inject=flock:error=ENOLCK";
    handle.set_modified(now - Duration::from_secs(30)).unwrap();
    let (_, injected) = look(&place, inject, &[&journal]);
    assert!(journal.exists() && injected > 0, "half a minute is not long enough to be dead");
    handle.set_modified(now - Duration::from_secs(90)).unwrap();
    look(&place, inject, &[&journal]);
    assert!(!journal.exists(), "a minute and a half is");
    assert_eq!(check(&place, &said), 5);
}

#[test]
fn reads_that_are_interrupted_or_fail_for_a_while_cost_nothing() {
    if !can_trace() {
        return;
    }
    for error in ["EINTR", "ESTALE", "EIO", "EAGAIN"] {
        let place = Place::new();
        let mut process = Process::new(place.path());
        process.does("start 20");
        process.does("settle");
        let path = process.said.run_file.clone().unwrap();
        let journal = journal_of(&path);
        let files = ["-P", path.to_str().unwrap(), "-P", journal.to_str().unwrap()];
        // Every third read of the background thread.
        let inject = format!("inject=pread64,read:error={error}:when=1+3");
        let strace = Strace::thread(process.background(), &[&files[..], &["-e", &inject]].concat());
        process.does("log 200");
        strace.wait_for(3);
        if error == "EINTR" {
            // Where `strace` lets go within a call that it injects into, the call ends with ENOSYS.
            wait_until("all is drained", || count(&path) == 200);
            process.does("settle");
        }
        let injected = strace.detach();
        assert!(injected >= 3, "{error}: {injected}");
        process.does("log 200");
        process.does("finish");
        let said = process.end().1;
        assert_eq!(check(&place, &said), 400, "{error}");
        assert!(error != "EINTR" || said.warnings.is_empty(), "{:?}", said.warnings);
    }
}

#[test]
fn a_directory_that_is_renamed_while_it_is_written_keeps_every_row() {
    let place = Place::new();
    let mut process = Process::new(place.path());
    process.does("start 10");
    process.does("log 50");
    process.does("settle");
    std::fs::rename(place.join("wandb"), place.join("elsewhere")).unwrap();
    process.does("log 50");
    process.warns("Cannot update the run file");
    let why = process.fails("finish");
    let journal =
        names(&place.join("elsewhere")).into_iter().find(|name| name.ends_with(".journal")).unwrap();
    assert!(why.contains("was moved while it was written") && why.contains("elsewhere"), "{why}");
    assert!(why.contains(&journal), "{why} names {journal}");
    let (_, said) = process.end();
    assert_eq!(said.rows, 100);
    // Where it is now, it is completed.
    assert!(place.danlu(&["ls", "--dir", "elsewhere"]).stdout.contains("finished"));
    std::fs::rename(place.join("elsewhere"), place.join("wandb")).unwrap();
    assert_eq!(check(&place, &said), 100);
}

#[test]
fn a_directory_that_is_deleted_while_it_is_written_is_named_and_does_not_stop_the_training() {
    let place = Place::new();
    let mut process = Process::new(place.path());
    process.does("start 10");
    process.does("log 50");
    std::fs::remove_dir_all(place.join("wandb")).unwrap();
    process.does("log 50");
    process.warns("Cannot update the run file");
    let why = process.fails("finish");
    assert!(why.contains("was deleted while it was written"), "{why}");
    assert!(process.end().0.success());
    assert!(!place.join("wandb").exists(), "nothing is made again");
}

#[test]
fn a_directory_that_is_replaced_by_a_link_is_not_followed() {
    let place = Place::new();
    let mut process = Process::new(place.path());
    process.does("start 10");
    process.does("log 50");
    process.does("settle");
    std::fs::rename(place.join("wandb"), place.join("elsewhere")).unwrap();
    std::fs::create_dir(place.join("target")).unwrap();
    std::fs::write(place.join("target/precious"), "precious").unwrap();
    std::os::unix::fs::symlink("target", place.join("wandb")).unwrap();
    process.does("log 50");
    let why = process.fails("finish");
    assert!(why.contains("was moved while it was written") && why.contains("elsewhere"), "{why}");
    assert_eq!(names(&place.join("target")), ["precious"], "nothing is written through the link");
    let (_, said) = process.end();
    std::fs::remove_file(place.join("wandb")).unwrap();
    std::fs::rename(place.join("elsewhere"), place.join("wandb")).unwrap();
    assert_eq!(check(&place, &said), 100);
}

/// A clock that stands where it was put.
struct Put(AtomicI64);

impl Clock for Put {
    fn now(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[test]
fn a_clock_that_jumps_moves_no_row() {
    let place = Place::new();
    let today = 1_795_478_399_000_000;
    let clock = Arc::new(Put(AtomicI64::new(today)));
    let run =
        Run::builder("p").dir(place.path()).clock(Arc::clone(&clock) as Arc<dyn Clock>).start().unwrap();
    let path = run.path().to_owned();
    let day = 86_400_000_000;
    for (n, jump) in [0, -day, 3650 * day, 0, -today - day, i64::MAX - today].into_iter().enumerate() {
        clock.0.store(today + jump, Ordering::Relaxed);
        run.log([("n", n as u64), ("twice", 2 * n as u64)]);
    }
    run.finish(0).unwrap();
    assert_eq!(rows(&path), 6);
    let order: String = ask(
        &path,
        "SELECT group_concat(value) FROM (SELECT value FROM history WHERE key = 'n' ORDER BY step)",
    );
    assert_eq!(order, "0,1,2,3,4,5");
    let times: String =
        ask(&path, "SELECT group_concat(time) FROM (SELECT time FROM row ORDER BY id LIMIT 3)");
    assert_eq!(
        times,
        format!("{today},{},{}", today - day, today + 3650 * day),
        "they are kept as they were told"
    );
    assert_eq!(place.danlu(&["verify"]).code, 0);
    assert_eq!(place.danlu(&["ls"]).code, 0);
}

#[test]
fn a_disk_whose_sync_takes_seconds_does_not_hold_up_the_logging() {
    if !can_trace() {
        return;
    }
    let place = Place::new();
    let mut process = Process::new(place.path());
    process.does("start 10");
    process.does("settle");
    let seconds = times(2, 10);
    let inject = format!("inject=fdatasync,fsync:delay_enter={}", seconds * 1_000_000);
    let strace = Strace::thread(process.background(), &["-e", &inject]);
    let path = process.said.run_file.clone().unwrap();
    process.does("log 1");
    let begun = Instant::now();
    process.does("log 2000");
    let took = begun.elapsed();
    assert!(took < Duration::from_millis(seconds * 500), "2000 rows took {took:?}");
    assert_eq!(count(&path), 0, "the background thread is still in its first sync");
    strace.wait_for(1);
    assert!(strace.detach() > 0);
    process.does("finish");
    assert_eq!(check(&place, &process.end().1), 2001);
}

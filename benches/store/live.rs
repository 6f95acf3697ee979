//! What a run costs while it runs and when it ends.

use super::{Noise, Target, claim, median, names, per_call, timed};
use danlu::query::{self, Axis};
use danlu::{Run, store};
use std::path::Path;
use std::time::{Duration, Instant};

const KEYS: usize = 10;

/// `log()` in a tight loop while the drain works behind it all the time, beside the same with nothing behind it; and
/// how fast the run file follows.
pub(super) fn log_while_draining(scratch: &Path) {
    const ROWS: usize = 300_000;
    let (mut behind, mut alone, mut speeds) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..3 {
        let run = Run::builder("bench").dir(scratch).tick(Duration::from_secs(3600)).start().unwrap();
        alone.push(log_rows(&run, ROWS));
        drop(run);
        let run = Run::builder("bench").dir(scratch).tick(Duration::from_millis(1)).start().unwrap();
        let path = run.path().to_owned();
        let began = Instant::now();
        behind.push(log_rows(&run, ROWS));
        wait_for_rows(&path, ROWS);
        speeds.push((ROWS * KEYS) as f64 / began.elapsed().as_secs_f64() / 1e6);
        run.finish(0).unwrap();
        std::fs::remove_file(path).unwrap();
    }
    claim(
        "Rust `log`, 10 scalars, while the drain is running",
        median(behind),
        "µs",
        Some((median(alone), "nothing behind it")),
        Some(Target::Ratio(1.2)),
    );
    claim(
        "drain behind a tight loop, from the journal to the run file",
        median(speeds),
        "M points/s",
        None,
        Some(Target::AtLeast(1.0)),
    );
}

/// Logs rows and returns what a call takes, in microseconds.
fn log_rows(run: &Run, rows: usize) -> f64 {
    let (names, mut noise) = (names(KEYS), Noise(31));
    per_call(rows, || run.log(names.iter().map(|name| (name, noise.next())))) * 1e6
}

/// Waits until a run file has so many rows.
fn wait_for_rows(path: &Path, rows: usize) {
    let connection = store::open(path).unwrap();
    let deadline = Instant::now() + Duration::from_secs(600);
    loop {
        // Rows follow the start and the keys.
        let last: i64 =
            connection.query_row("SELECT coalesce(max(id), 0) FROM row", [], |row| row.get(0)).unwrap();
        if last >= (1 + KEYS + rows) as i64 {
            return;
        }
        assert!(Instant::now() < deadline, "the run file does not follow");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

/// A run of ten million points.
pub(super) fn long_run(scratch: &Path) {
    run_of(scratch, 1_000_000, "10 million");
}

/// A run of a hundred million points: a minute, and two gigabytes.
pub(super) fn very_long_run(scratch: &Path) {
    run_of(scratch, 10_000_000, "100 million");
}

/// How much the process grows while it writes a long run, and whether that stays as fast and as small.
fn run_of(scratch: &Path, rows: usize, points: &str) {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = memory("VmRSS");
    let run = Run::builder("bench").dir(scratch).start().unwrap();
    let path = run.path().to_owned();
    let took = log_rows(&run, rows);
    wait_for_rows(&path, rows);
    let finish = timed(|| run.finish(0).unwrap());
    let grown = memory("VmHWM") - before;
    claim(
        &format!("memory that a run of {points} points adds"),
        grown,
        "MiB",
        None,
        Some(Target::AtMost(16.0)),
    );
    claim("Rust `log`, 10 scalars, in that run", took, "µs", None, None);
    claim("Rust `finish` of that run", finish, "s", None, None);
    let bytes = std::fs::metadata(&path).unwrap().len() as f64 / (rows * KEYS) as f64;
    claim("bytes per point of that run", bytes, "B", None, Some(Target::AtMost(25.0)));
    let connection = store::open(&path).unwrap();
    let drawing = timed(|| {
        let columns =
            query::envelope(std::slice::from_ref(&connection), "metric_0", Axis::Step, None, 2000).unwrap();
        assert_eq!(columns.iter().map(|column| column.count).sum::<u64>(), rows as u64);
    });
    claim("envelope of one of its keys in 2000 columns, the first time", drawing * 1e3, "ms", None, None);
    std::fs::remove_file(path).unwrap();
}

/// The size of a run whose rows reach the run file one by one, as in a loop of a step a second.
pub(super) fn slow_run(scratch: &Path) {
    const ROWS: usize = 500;
    let run = Run::builder("bench").dir(scratch).tick(Duration::from_millis(1)).start().unwrap();
    let (path, names, mut noise) = (run.path().to_owned(), names(KEYS), Noise(41));
    for row in 1..=ROWS {
        run.log(names.iter().map(|name| (name, noise.next())));
        wait_for_rows(&path, row);
    }
    run.finish(0).unwrap();
    let bytes = std::fs::metadata(&path).unwrap().len() as f64 - EMPTY_BYTES;
    let points = (ROWS * KEYS) as f64;
    claim("bytes per point where every row comes by itself, 10 keys a row", bytes / points, "B", None, None);
    std::fs::remove_file(path).unwrap();
}

/// What an empty run takes.
const EMPTY_BYTES: f64 = 131_072.0;

/// Reads a line of `/proc/self/status`, in MiB.
fn memory(what: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(what)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

/// `finish` after a million points that have reached the run file, beside reading that file and syncing it.
pub(super) fn start_and_finish(scratch: &Path) {
    const ROWS: usize = 100_000;
    let (mut start, mut finish, mut floor) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..5 {
        let mut run = None;
        start.push(timed(|| run = Some(Run::builder("bench").dir(scratch).start().unwrap())) * 1e3);
        let run = run.unwrap();
        let path = run.path().to_owned();
        log_rows(&run, ROWS);
        wait_for_rows(&path, ROWS);
        finish.push(timed(|| run.finish(0).unwrap()) * 1e3);
        floor.push(timed(|| read_and_sync(&path)) * 1e3);
        std::fs::remove_file(path).unwrap();
    }
    claim("Rust `start`", median(start), "ms", None, Some(Target::AtMost(5.0)));
    claim(
        "Rust `finish` after a million points",
        median(finish),
        "ms",
        Some((median(floor), "reading that file")),
        Some(Target::AtMost(300.0)),
    );
}

fn read_and_sync(path: &Path) {
    let mut file = std::fs::File::open(path).unwrap();
    std::io::copy(&mut file, &mut std::io::sink()).unwrap();
    file.sync_all().unwrap();
}

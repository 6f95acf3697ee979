//! What danlu claims about speed and size, measured beside a floor in the same run on the same file system.
//!
//! `cargo bench --bench store` prints one row for each claim; with words after `--` only those sections, `many` among
//! them, which writes gigabytes and is left out else. Medians of
//! several rounds; A and B take turns, so that a machine that is busy for a while slows both. A missed target is said
//! and fails nothing. `DANLU_BENCH_DIR` says where to measure; the default is the target directory, which is on the
//! disk that the code is on.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints, and stops at what it did not expect"
)]

use danlu::model::limits::SEGMENT_RECORDS;
use danlu::model::{AttemptId, Origin, Record, Row, Value};
use danlu::store::{self, Appender, BUSY_TIMEOUT, Stream};
use danlu::{Run, remote, sync};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

#[path = "store/live.rs"]
mod live;
#[path = "store/read.rs"]
mod read;

const ROUNDS: usize = 5;

/// The section that runs only when it is asked for.
const MANY: &str = "many";

fn main() {
    let root = std::env::var_os("DANLU_BENCH_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from);
    let scratch = root.join(format!("bench-{}", std::process::id()));
    std::fs::create_dir_all(&scratch).unwrap();
    println!("| what | danlu | floor | ratio | target | |\n|---|---|---|---|---|---|");
    type Section = (&'static str, fn(&Path));
    let sections: [Section; 13] = [
        // First: what they measure is how much a process grows that has done nothing yet.
        ("long", live::long_run),
        (MANY, live::very_long_run),
        ("log", log),
        ("drain", drain),
        ("live", live::log_while_draining),
        ("slow", live::slow_run),
        ("life", live::start_and_finish),
        ("read", read::series),
        ("envelope", read::envelope),
        ("compact", read::compacted),
        ("save", save),
        ("sync", sync_directory),
        ("empty", empty),
    ];
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    for (name, section) in sections {
        if wanted.is_empty() && name != MANY || wanted.iter().any(|word| word == name) {
            section(&scratch);
        }
    }
    std::fs::remove_dir_all(&scratch).unwrap();
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn timed(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

/// Returns the median of what a call takes over groups of a hundred: reading the clock costs as much as a part of a call, and
/// one group that is interrupted does not count.
fn per_call(calls: usize, mut call: impl FnMut()) -> f64 {
    const GROUP: usize = 100;
    median((0..calls / GROUP).map(|_| timed(|| (0..GROUP).for_each(|_| call())) / GROUP as f64).collect())
}

/// Values that do not compress, as measurements do not.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        f64::from_bits(0x3ff0_0000_0000_0000 | (self.0 >> 12)) - 1.0
    }
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("metric_{n}")).collect()
}

fn row(file: &str, what: &str, ours: f64, floor: f64, unit: &str) {
    claim(what, ours, unit, Some((floor, file)), None);
}

/// What is claimed of a number.
#[derive(Clone, Copy)]
enum Target {
    AtMost(f64),
    AtLeast(f64),
    /// At most so many times the floor.
    Ratio(f64),
}

/// Prints a claim: what was measured, beside the floor and the target.
fn claim(what: &str, ours: f64, unit: &str, floor: Option<(f64, &str)>, target: Option<Target>) {
    let ratio = floor.map(|(floor, _)| ours / floor);
    let (aim, met) = match target {
        Some(Target::AtMost(most)) => (format!("≤ {most} {unit}"), Some(ours <= most)),
        Some(Target::AtLeast(least)) => (format!("≥ {least} {unit}"), Some(ours >= least)),
        Some(Target::Ratio(most)) => (format!("≤ {most} × the floor"), ratio.map(|ratio| ratio <= most)),
        None => (String::new(), None),
    };
    let floor = floor.map_or_else(|| "-".into(), |(floor, what)| format!("{floor:.2} {unit} ({what})"));
    let ratio = ratio.map_or_else(|| "-".into(), |ratio| format!("{ratio:.2}"));
    let word = met.map_or("", |met| if met { "OK" } else { "missed" });
    println!("| {what} | {ours:.2} {unit} | {floor} | {ratio} | {aim} | {word} |");
}

/// `log()` of 1, 10 and 100 scalars, beside one `write(2)` of as many bytes and one autocommitted row of SQLite.
fn log(scratch: &Path) {
    const CALLS: usize = 20_000;
    for keys in [1, 10, 100] {
        let names = names(keys);
        let (mut ours, mut write, mut sqlite) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let mut noise = Noise(7);
            // The tick is far away: this is what the training thread pays; the drain is measured below.
            let run = Run::builder("bench").dir(scratch).tick(Duration::from_secs(3600)).start().unwrap();
            run.log(names.iter().map(|name| (name, 0.5)));
            std::thread::park_timeout(Duration::from_millis(50)); // The first tick is over then.
            let journal = store::journals_of(run.path()).unwrap().remove(0);
            let before = journal.metadata().unwrap().len();
            ours.push(per_call(CALLS, || run.log(names.iter().map(|name| (name, noise.next())))));
            let bytes = usize::try_from(journal.metadata().unwrap().len() - before).unwrap() / CALLS;
            drop(run);
            write.push(bare_write(&scratch.join(format!("write-{round}")), bytes, CALLS));
            if keys == 10 {
                sqlite.push(autocommit(&scratch.join(format!("rows-{round}.sqlite")), &names, CALLS / 4));
            }
        }
        claim(
            &format!("Rust `log`, {keys} scalars"),
            median(ours.clone()) * 1e6,
            "µs",
            Some((median(write) * 1e6, "write")),
            (keys == 10).then_some(Target::Ratio(1.3)),
        );
        if !sqlite.is_empty() {
            row(
                "autocommitted SQLite row",
                &format!("Rust `log`, {keys} scalars"),
                median(ours) * 1e6,
                median(sqlite) * 1e6,
                "µs",
            );
        }
    }
}

fn bare_write(path: &Path, bytes: usize, calls: usize) -> f64 {
    let mut file = File::options().append(true).create(true).open(path).unwrap();
    let frame = vec![0x5au8; bytes];
    let took = per_call(calls, || file.write_all(&frame).unwrap());
    std::fs::remove_file(path).unwrap();
    took
}

/// The row as JSON text in a table, committed by itself, in the fastest mode that survives the death of the process.
fn autocommit(path: &Path, names: &[String], calls: usize) -> f64 {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; CREATE TABLE t (step INTEGER PRIMARY KEY, row TEXT)").unwrap();
    let mut noise = Noise(9);
    let mut statement = connection.prepare("INSERT INTO t (row) VALUES (?)").unwrap();
    per_call(calls, || {
        let row: serde_json::Map<String, serde_json::Value> =
            names.iter().map(|name| (name.clone(), noise.next().into())).collect();
        statement.execute([serde_json::Value::from(row).to_string()]).unwrap();
    })
}

/// From records to a committed run file, and what a point takes there and on the wire.
fn drain(scratch: &Path) {
    const ROWS: u32 = 100_000;
    const KEYS: u64 = 10;
    let mut speeds = Vec::new();
    let mut floors = Vec::new();
    let (mut in_file, mut on_wire) = (0.0, 0.0);
    for round in 0..3 {
        let path = scratch.join(format!("drain-{round}.sqlite"));
        let records = stream(ROWS, KEYS, |value| value);
        store::create(&path).unwrap();
        let mut file = Appender::open(&path, BUSY_TIMEOUT).unwrap();
        let mut target = Stream::open(&file.begin().unwrap(), AttemptId([1; 16])).unwrap();
        let points = f64::from(ROWS) * KEYS as f64;
        speeds.push(
            points
                / timed(|| {
                    let mut first = 1;
                    let mut left = records.into_iter().peekable();
                    while left.peek().is_some() {
                        let batch: Vec<Record> = left.by_ref().take(16_384).collect();
                        let next = first + batch.len() as u64;
                        let tx = file.begin().unwrap();
                        target.apply(&tx, first, batch).unwrap();
                        tx.commit().unwrap();
                        first = next;
                    }
                })
                / 1e6,
        );
        let tx = file.begin().unwrap();
        target.seal(&tx).unwrap();
        tx.commit().unwrap();
        drop(file);
        let connection = store::open(&path).unwrap();
        in_file = path.metadata().unwrap().len() as f64 / points;
        on_wire = wire_bytes(&connection) as f64 / points;
        floors.push(points / bare_rows(&scratch.join(format!("bare-{round}.sqlite")), points) / 1e6);
        drop(connection);
        std::fs::remove_file(&path).unwrap();
    }
    claim(
        "drain",
        median(speeds),
        "M points/s",
        Some((median(floors), "the same points as bare rows in one transaction")),
        Some(Target::AtLeast(1.0)),
    );
    let number = Some((8.0, "the number itself"));
    let noise = "10 keys a row, float64 noise";
    claim(
        &format!("bytes per point in the run file, {noise}"),
        in_file,
        "B",
        number,
        Some(Target::AtMost(25.0)),
    );
    claim(&format!("bytes per point on the wire, {noise}"), on_wire, "B", number, Some(Target::AtMost(9.0)));
    #[expect(clippy::cast_possible_truncation, reason = "that is what is measured")]
    let narrow = wire_bytes_of(&stream(ROWS, KEYS, |value| f64::from(value as f32)));
    let points = f64::from(ROWS) * KEYS as f64;
    claim(
        "bytes per point on the wire, noise of float32 precision",
        narrow as f64 / points,
        "B",
        Some((4.0, "the float32 itself")),
        Some(Target::AtMost(4.5)),
    );
}

/// Bytes of a stream on the wire, in segments of as many records as a run file has.
fn wire_bytes_of(records: &[Record]) -> usize {
    let mut first = 1;
    let segments = records.chunks(usize::try_from(SEGMENT_RECORDS).unwrap()).map(|records| {
        let bytes = store::encode_segment(AttemptId([1; 16]), first, records).unwrap();
        first += records.len() as u64;
        store::pack(&bytes, 3).unwrap().len()
    });
    segments.sum()
}

/// The records of a run of noise, which `narrow` may take precision from.
fn stream(rows: u32, keys: u64, narrow: fn(f64) -> f64) -> Vec<Record> {
    let run = danlu::model::RunKey {
        entity: String::new(),
        project: "bench".into(),
        id: danlu::model::RunId::new("b").unwrap(),
    };
    let start = danlu::model::Start {
        run,
        attempt: AttemptId([1; 16]),
        time: 0,
        name: String::new(),
        group: String::new(),
        job_type: String::new(),
        notes: String::new(),
        tags: Vec::new(),
        host: String::new(),
        pid: 0,
        danlu: String::new(),
        info: String::new(),
        rank: None,
        origin: Origin::New,
    };
    let mut records = vec![Record::Start(Box::new(start))];
    records.extend((0..keys).map(|n| Record::Key { name: format!("metric_{n}"), system: false }));
    let mut noise = Noise(3);
    records.extend((0..rows).map(|n| {
        let values = (0..keys).map(|key| (key + 2, Value::Float(narrow(noise.next())))).collect();
        Record::Row(Row {
            step: Some(i64::from(n)),
            time: 1_700_000_000_000_000 + i64::from(n) * 1234,
            values,
        })
    }));
    records
}

fn wire_bytes(connection: &rusqlite::Connection) -> usize {
    let attempt = store::attempts(connection).unwrap().remove(0);
    let segments = store::segments(connection, attempt.base).unwrap();
    (0..segments.len())
        .map(|n| {
            let records = store::segment_records(connection, attempt.base, &segments, n).unwrap();
            let bytes = store::encode_segment(attempt.attempt, segments[n].first, &records).unwrap();
            store::pack(&bytes, 3).unwrap().len()
        })
        .sum()
}

fn bare_rows(path: &Path, points: f64) -> f64 {
    let mut connection = rusqlite::Connection::open(path).unwrap();
    connection
        .execute_batch(
            "PRAGMA page_size = 8192; CREATE TABLE t (id INTEGER PRIMARY KEY, row INTEGER, value REAL)",
        )
        .unwrap();
    let mut noise = Noise(5);
    #[expect(clippy::cast_possible_truncation, reason = "a million")]
    let count = points as i64;
    let took = timed(|| {
        let tx = connection.transaction().unwrap();
        let mut statement = tx.prepare("INSERT INTO t (row, value) VALUES (?, ?)").unwrap();
        for n in 0..count {
            statement.execute((n, noise.next())).unwrap();
        }
        drop(statement);
        tx.commit().unwrap();
    });
    drop(connection);
    std::fs::remove_file(path).unwrap();
    took
}

/// `save` of a large file and reading it back, beside copying and syncing it; `DANLU_BENCH_MIB` says how large.
fn save(scratch: &Path) {
    let mib: usize = std::env::var("DANLU_BENCH_MIB").map_or(512, |text| text.parse().unwrap());
    let source = scratch.join("model.bin");
    let speed = |took: f64| mib as f64 / took;
    let (mut ours, mut copy, mut again, mut back) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut written, mut memory) = (Vec::new(), Vec::new());
    for round in 0..3u8 {
        write_file(&source, mib, round);
        let run = Run::builder("bench").dir(scratch).start().unwrap();
        let path = run.path().to_owned();
        copy.push(speed(timed(|| copy_and_sync(&source, &scratch.join("copy")))));
        let (bytes, resident) = (bytes_written(), reset_peak());
        ours.push(speed(timed(|| drop(run.save(&source).unwrap()))));
        written.push((bytes_written() - bytes) / (mib << 20) as f64);
        memory.push((peak() - resident) / 1024.0);
        again.push(speed(timed(|| drop(run.save(&source).unwrap()))));
        drop(run);
        back.push(speed(timed(|| read_back(&path))));
        std::fs::remove_file(path).unwrap();
    }
    let floor = median(copy);
    row("copy+fsync", &format!("`save` of {mib} MiB"), median(ours), floor, "MiB/s");
    row("copy+fsync", "`save` of the same content again", median(again), floor, "MiB/s");
    row("copy+fsync", "reading it back, checked", median(back), floor, "MiB/s");
    println!("| bytes written by `save`, per byte of the file | {:.3} | 1 | - |", median(written));
    println!("| memory that `save` takes at most | {:.1} MiB | - | - |", median(memory));
    std::fs::remove_file(source).unwrap();
    std::fs::remove_file(scratch.join("copy")).unwrap();
    save_small(scratch);
}

/// `save` of a glob of many small files, beside writing as many and syncing once.
fn save_small(scratch: &Path) {
    let directory = scratch.join("small");
    for count in [1000u32, 10_000] {
        let copy = timed(|| {
            std::fs::create_dir_all(&directory).unwrap();
            for n in 0..count {
                std::fs::write(directory.join(n.to_string()), n.to_le_bytes().repeat(256)).unwrap();
            }
            rustix::fs::syncfs(File::open(&directory).unwrap()).unwrap();
        });
        let run = Run::builder("bench").dir(scratch).start().unwrap();
        let path = run.path().to_owned();
        let ours = timed(|| assert_eq!(run.save("small/*").unwrap().len(), count as usize));
        drop(run);
        row(
            "writing them+syncfs",
            &format!("`save` of {count} files of 1 KiB"),
            ours * 1e3,
            copy * 1e3,
            "ms",
        );
        std::fs::remove_file(path).unwrap();
        std::fs::remove_dir_all(&directory).unwrap();
    }
}

fn read_back(path: &Path) {
    let connection = store::open(path).unwrap();
    for blob in store::blobs(&connection).unwrap() {
        store::read_blob(&connection, blob.sha256, |_| Ok(())).unwrap();
    }
}

fn proc_value(file: &str, name: &str) -> f64 {
    let text = std::fs::read_to_string(file).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap()
}

fn bytes_written() -> f64 {
    proc_value("/proc/self/io", "write_bytes")
}

/// The most memory that this process had since [`reset_peak`], in KiB.
fn peak() -> f64 {
    proc_value("/proc/self/status", "VmHWM")
}

fn reset_peak() -> f64 {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    peak()
}

fn write_file(path: &Path, mib: usize, seed: u8) {
    let mut noise = Noise(u64::from(seed) + 11);
    let block: Vec<u8> = (0..1 << 17).flat_map(|_| noise.next().to_bits().to_le_bytes()).collect();
    let mut file = File::create(path).unwrap();
    for n in 0..mib {
        file.write_all(&n.to_le_bytes()).unwrap();
        file.write_all(&block[8..]).unwrap();
    }
    file.sync_all().unwrap();
}

fn copy_and_sync(from: &Path, to: &Path) {
    let (mut from, mut to) = (File::open(from).unwrap(), File::create(to).unwrap());
    std::io::copy(&mut from, &mut to).unwrap();
    to.sync_all().unwrap();
}

fn push(directory: &Path, remote: &remote::Directory) {
    sync::push_all(directory, "bench", remote, Arc::new(danlu::model::SystemClock)).unwrap();
}

/// A push of a run with large files to a directory, beside copying the run file.
fn sync_directory(scratch: &Path) {
    const MIB: usize = 64;
    let directory = scratch.join("sync");
    std::fs::create_dir_all(&directory).unwrap();
    let run = Run::builder("bench").dir(&directory).start().unwrap();
    for n in 0..4u8 {
        let file = directory.join(format!("model-{n}.bin"));
        write_file(&file, MIB, n + 50);
        run.save(file.file_name().unwrap()).unwrap();
    }
    let path = run.path().to_owned();
    run.finish(0).unwrap();
    let mib = path.metadata().unwrap().len() as f64 / f64::from(1 << 20);
    let (mut ours, mut copy) = (Vec::new(), Vec::new());
    for round in 0..3 {
        let remote = remote::Directory::create(&directory.join(format!("remote-{round}"))).unwrap();
        ours.push(mib / timed(|| push(&directory, &remote)));
        copy.push(mib / timed(|| copy_and_sync(&path, &directory.join("copy.sqlite"))));
    }
    row("cp+fsync", &format!("sync of {mib:.0} MiB to a directory"), median(ours), median(copy), "MiB/s");
}

fn empty(scratch: &Path) {
    let (mut start, mut finish) = (Vec::new(), Vec::new());
    let mut size = 0;
    for _ in 0..10 {
        let began = Instant::now();
        let run = Run::builder("bench").dir(scratch).start().unwrap();
        start.push(began.elapsed().as_secs_f64() * 1e3);
        let path = run.path().to_owned();
        let began = Instant::now();
        run.finish(0).unwrap();
        finish.push(began.elapsed().as_secs_f64() * 1e3);
        size = path.metadata().unwrap().len() >> 10;
    }
    claim("an empty finished run", size as f64, "KiB", None, Some(Target::AtMost(128.0)));
    claim("Rust `start` of an empty run", median(start), "ms", None, Some(Target::AtMost(5.0)));
    claim("Rust `finish` of an empty run", median(finish), "ms", None, None);
}

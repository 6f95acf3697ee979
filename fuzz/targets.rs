//! What bytes that anybody may have made are fed to. None of it may panic, hang, or take memory without bound, and what
//! is accepted must mean one thing only.

#![allow(dead_code, reason = "each fuzz target uses one of them")]

use danlu::import::{self, EventReader, LogReader, Progress, Settings};
use danlu::query::{self, Field, Fields, Filter, Order, Scalar};
use danlu::remote::{self, Manifest};
use danlu::store::{self, JournalReader};
use std::cell::RefCell;
use std::io::Read;

/// Reads the bytes as a journal, to its end.
pub fn journal(bytes: &[u8]) {
    let directory = tempfile::tempdir().expect("there is a place for temporary files");
    let path = directory.path().join("run-20260101_000000-r.01234567.journal");
    std::fs::write(&path, bytes).expect("it can be written");
    let Ok(mut journal) = JournalReader::open(&path) else { return };
    let mut records = 0;
    while let Ok(Some(_)) = journal.read() {
        records += 1;
        assert_eq!(journal.seq(), records);
    }
}

/// Decodes the bytes as a segment. What is accepted has one encoding, and if these bytes are not it, their hash differs.
pub fn segment(bytes: &[u8]) {
    let Ok((attempt, first, records)) = store::decode_segment(bytes) else { return };
    let again = store::encode_segment(attempt, first, &records).expect("what was decoded can be encoded");
    let (_, _, twice) = store::decode_segment(&again).expect("what was encoded can be decoded");
    assert_eq!(records, twice);
}

/// Parses the bytes as a manifest. What is accepted is written and read back alike.
pub fn manifest(bytes: &[u8]) {
    let Ok(manifest) = Manifest::parse(bytes) else { return };
    let again = manifest.to_json().expect("what was read can be written");
    assert_eq!(Manifest::parse(&again).expect("what was written can be read"), manifest);
    // What a remote does with it: it is united with itself, and proves itself.
    let united = manifest.merge(&manifest).expect("a manifest is no contradiction to itself");
    assert_eq!(united, manifest);
    assert!(manifest.is_proved_by(&united.receipt()));
}

/// Reads the bytes as the body of a request with many objects, also a byte at a time. What is taken is written as it came.
pub fn frames(bytes: &[u8]) {
    struct Dripping<'a>(&'a [u8]);
    impl Read for Dripping<'_> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let few = into.len().min(1);
            self.0.read(&mut into[..few])
        }
    }
    let taken = |mut body: &mut dyn Read| {
        let again = RefCell::new(Vec::new());
        let read = remote::read_frames(&mut body, |objects| {
            let mut again = again.borrow_mut();
            objects.iter().try_for_each(|(object, content)| remote::write_frame(&mut again, *object, content))
        });
        (again.into_inner(), read.is_ok())
    };
    let (again, whole) = taken(&mut &*bytes);
    assert!(bytes.starts_with(&again));
    assert!(!whole || again.len() == bytes.len());
    assert_eq!(taken(&mut Dripping(bytes)), (again, whole));
}

/// A run that has every field, each with its own name in it.
struct Everything;

impl Fields for Everything {
    fn value(&self, field: &Field) -> Scalar<'_> {
        Scalar::Text(field.to_string().into())
    }
}

/// Reads the bytes as a filter, an order, and a list of columns. A filter that is accepted is written and read back alike.
pub fn filter(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(order) = Order::parse(text) {
        order.values(&Everything);
    }
    let _ = query::columns(text);
    let Ok(filter) = Filter::parse(text) else { return };
    filter.matches(&Everything);
    let again = filter.to_string();
    assert_eq!(Filter::parse(&again).expect("what was written can be read"), filter, "{again}");
}

/// Opens the bytes as a run file, verifies it, reads all of it, and saves what can be saved.
pub fn run_file(bytes: &[u8]) {
    let directory = tempfile::tempdir().expect("there is a place for temporary files");
    let path = directory.path().join("run-20260101_000000-r.sqlite");
    std::fs::write(&path, bytes).expect("it can be written");
    let _ = store::verify(&path);
    let fresh = directory.path().join("fresh.sqlite");
    if store::rescue(&path, &fresh, 0).is_ok() {
        let report = store::verify(&fresh).expect("what was saved can be read");
        let damage: Vec<_> = report.damage.iter().filter(|damage| damage.kind != "file").collect();
        assert!(damage.is_empty(), "{damage:?}");
    }
    let Ok(connection) = store::open(&path) else { return };
    for attempt in store::attempts(&connection).unwrap_or_default() {
        let _ = store::records(&connection, &attempt);
    }
}

/// Reads the bytes as a `.wandb` file: its records are within them, and importing it makes a run file that is whole.
pub fn wandb(bytes: &[u8]) {
    let Ok(mut reader) = LogReader::new(bytes) else { return };
    let mut length = 0;
    while let Some(record) = reader.next().expect("memory can be read") {
        length += record.len();
        assert!(length <= bytes.len());
    }
    imported(bytes, "offline-run-20260101_000000-fuzz", "run-fuzz.wandb");
}

/// Reads the bytes as an event file of TensorBoard, likewise.
pub fn events(bytes: &[u8]) {
    let mut reader = EventReader::new(bytes);
    let mut length = 0;
    while let Some(event) = reader.next().expect("memory can be read") {
        length += event.len();
        assert!(length <= bytes.len());
    }
    imported(bytes, "logs", "events.out.tfevents.1700000000.node7.1.0");
}

/// Reads the bytes as the file of a metric of MLflow: what is taken of a line stands in it.
pub fn metrics(bytes: &[u8]) {
    let (mut taken, lines) = (0, bytes.split(|byte| *byte == b'\n').count() as u64);
    let lost = import::read_metrics(bytes, |line, point| {
        taken += 1;
        let text = std::str::from_utf8(line).expect("it was read as text");
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        assert_eq!(words[0].parse::<i64>().ok().map(|ms| ms * 1000), Some(point.time));
        Ok(())
    });
    let lost = lost.expect("memory can be read");
    assert!(taken + lost <= lines + bytes.len() as u64 / (1 << 16));
}

/// Imports bytes as a file, twice; whatever comes of it is whole, and the second time there is nothing new.
fn imported(bytes: &[u8], directory: &str, name: &str) {
    struct Quiet;
    impl Progress for Quiet {
        fn total(&self, _: u64) {}
        fn run(&self, _: &str) {}
        fn read(&self, _: u64) {}
    }
    let place = tempfile::tempdir().expect("there is a place for temporary files");
    let source = place.path().join(directory);
    std::fs::create_dir(&source).expect("it can be made");
    std::fs::write(source.join(name), bytes).expect("it can be written");
    let settings = Settings {
        directory: place.path().join("wandb"),
        tool: None,
        project: None,
        entity: None,
        dry_run: false,
        deleted: false,
        follow_links: false,
        progress: &Quiet,
    };
    for time in 0..2 {
        let Ok(outcome) = import::import(std::slice::from_ref(&source), &settings) else { return };
        for run in outcome.runs {
            let Some(path) = run.path.filter(|_| run.error.is_none()) else { continue };
            assert!(time == 0 || run.status == import::Status::UpToDate);
            let damage = store::verify(&path).expect("it can be read").damage;
            assert!(damage.is_empty(), "{damage:?}");
        }
    }
}

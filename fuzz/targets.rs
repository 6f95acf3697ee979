//! What bytes that anybody may have made are fed to. None of it may panic, hang, or take memory without bound, and what
//! is accepted must mean one thing only.

#![allow(dead_code, reason = "each fuzz target uses one of them")]

use danlu::query::{self, Field, Fields, Filter, Order, Scalar};
use danlu::remote::Manifest;
use danlu::store::{self, JournalReader};

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

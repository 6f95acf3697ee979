//! The journal: cut anywhere or flipped anywhere, what is read is a prefix of what was written.

use danlu::model::{AttemptId, Record, Row, Value};
use danlu::store::{Journal, JournalReader, Tail};

fn written(path: &std::path::Path) -> Vec<Record> {
    let mut journal = Journal::create(path, AttemptId([1; 16]), &crate::stream::start()).unwrap();
    let mut records = vec![crate::stream::start(), Record::Key { name: "loss".into(), system: false }];
    for n in 0..20i64 {
        let values = vec![(2, Value::Float(n as f64)), (3, Value::text("x"))];
        records.push(Record::Row(Row { step: Some(n), time: n, values }));
    }
    for record in &records[1..] {
        journal.append(record).unwrap();
    }
    records
}

fn read(path: &std::path::Path) -> danlu::Result<(Vec<Record>, Tail)> {
    let mut reader = JournalReader::open(path)?;
    let mut records = Vec::new();
    while let Some(record) = reader.read()? {
        records.push(record);
    }
    Ok((records, reader.tail()?))
}

#[test]
fn what_was_appended_is_read_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.journal");
    let records = written(&path);
    assert_eq!(read(&path).unwrap(), (records, Tail::Clean));
}

#[test]
fn cut_at_any_byte_it_reads_as_a_prefix() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.journal");
    let records = written(&path);
    let bytes = std::fs::read(&path).unwrap();
    let mut lengths = std::collections::BTreeSet::new();
    for length in 0..bytes.len() {
        let cut = directory.path().join("cut.journal");
        std::fs::write(&cut, &bytes[..length]).unwrap();
        match read(&cut) {
            Ok((found, tail)) => {
                assert_eq!(found, records[..found.len()], "cut at {length}");
                assert!(found.len() < records.len());
                lengths.insert(found.len());
                assert!(tail == Tail::Clean || matches!(tail, Tail::Torn(_)));
            }
            Err(e) => assert!(length < 32, "cut at {length}: {e}"),
        }
    }
    assert_eq!(lengths.len(), records.len(), "every prefix was seen");
}

#[test]
fn with_any_bit_flipped_it_reads_as_a_prefix_or_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.journal");
    let records = written(&path);
    let bytes = std::fs::read(&path).unwrap();
    let flipped = directory.path().join("flipped.journal");
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        std::fs::write(&flipped, &damaged).unwrap();
        if let Ok((found, tail)) = read(&flipped) {
            assert_eq!(found, records[..found.len()], "flipped at {at}");
            // Bytes 12 to 31 are the reserved word and the attempt, which the start record repeats.
            assert!(
                found.len() < records.len() && tail != Tail::Clean || (12..32).contains(&at),
                "flipped at {at}"
            );
        }
    }
}

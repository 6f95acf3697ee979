//! `docs/format.md` shows bytes: they must be those that danlu writes.

use crate::support::Place;
use danlu::model::{AttemptId, Hash, Origin, Record, Row, RunId, RunKey, Setting, Start, Value};
use danlu::store::{self, Journal};

const DOCUMENT: &str = include_str!("../../docs/format.md");
const TIME: i64 = 1_795_476_262_532_229;

fn attempt() -> AttemptId {
    AttemptId::parse("51b70f2a4a1a363bc4e23cdcfb54593f").unwrap()
}

fn run() -> RunKey {
    RunKey { entity: String::new(), project: "line".into(), id: RunId::new("568ao44s").unwrap() }
}

/// The run of the examples: a training that was killed at its sixth step.
fn records() -> Vec<Record> {
    let losses = [
        0.6931471805599468,
        0.6640151524954178,
        0.6373866039684944,
        0.6130150466085343,
        0.590674331048392,
        0.5701591302135008,
    ];
    let accuracies = [0.55, 0.942, 0.944, 0.948, 0.95, 0.952];
    let after = [3923, 4029, 4132, 4235, 4337, 4439];
    let mut records = vec![
        Record::Start(Box::new(Start {
            run: run(),
            attempt: attempt(),
            time: TIME,
            name: "logistic".into(),
            group: String::new(),
            job_type: String::new(),
            notes: String::new(),
            tags: Vec::new(),
            host: "vm".into(),
            pid: 1251,
            danlu: "0.1.0".into(),
            info: "{}".into(),
            rank: None,
            origin: Origin::New,
        })),
        Record::Config(Setting { key: "rate".into(), value: Some(Value::Float(0.5)) }),
        Record::Key { name: "loss".into(), system: false },
        Record::Key { name: "accuracy".into(), system: false },
    ];
    records.extend((0usize..6).map(|n| {
        Record::Row(Row {
            step: Some(i64::try_from(n).unwrap()),
            time: TIME + after[n],
            values: vec![(3, Value::Float(losses[n])), (4, Value::Float(accuracies[n]))],
        })
    }));
    records
}

/// The bytes as `xxd` shows them.
fn dump(bytes: &[u8]) -> Vec<String> {
    let line = |(n, bytes): (usize, &[u8])| {
        let pairs: Vec<String> =
            bytes.chunks(2).map(|pair| pair.iter().map(|byte| format!("{byte:02x}")).collect()).collect();
        let plain = |byte: &u8| if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '.' };
        let text: String = bytes.iter().map(plain).collect();
        format!("{:08x}: {:<39}  {text}", n * 16, pairs.join(" "))
    };
    bytes.chunks(16).enumerate().map(line).collect()
}

/// The lines of a dump that the section of this heading shows.
fn shown(heading: &str) -> Vec<&'static str> {
    let section = DOCUMENT.split(heading).nth(1).expect("the section is there");
    let block = section.split("```").nth(1).expect("the section has a dump");
    block.lines().filter(|line| line.get(8..10) == Some(": ")).collect()
}

fn assert_shows(heading: &str, bytes: &[u8]) {
    let lines = dump(bytes);
    let shown = shown(heading);
    assert!(shown.len() > 10);
    for line in shown {
        assert!(
            lines.iter().any(|ours| ours.trim_end() == line),
            "{heading}: {line}\nis not in\n{}",
            lines.join("\n")
        );
    }
}

#[test]
fn the_journal_of_the_document_is_ours() {
    let place = Place::new();
    let path = place.join("run.51b70f2a.journal");
    let records = records();
    let mut journal = Journal::create(&path, attempt(), &records[0]).unwrap();
    records[1..].iter().for_each(|record| assert!(journal.append(record).is_ok()));
    let bytes = std::fs::read(&path).unwrap();
    assert_shows("### A journal, byte by byte", &bytes);
    assert!(DOCUMENT.contains(&format!("five more rows, to byte {}", bytes.len())), "{}", bytes.len());
    for n in [0x20, 0x24] {
        let word: Vec<String> = bytes[n..n + 4].iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(DOCUMENT.contains(&word.join(" ")), "{word:?}");
    }
}

#[test]
fn the_segment_and_the_digests_of_the_document_are_ours() {
    let bytes = store::encode_segment(attempt(), 1, &records()).unwrap();
    assert_shows("### A segment, byte by byte", &bytes);
    let segment = Hash::of(&bytes);
    let digest = store::attempt_digest(attempt(), 10, &[segment]);
    let of_run = store::run_digest(&run(), vec![(attempt(), digest)]);
    for found in [
        format!("bytes.fromhex(\"{segment}\")"),
        format!("{{\"sha256\":\"{segment}\",\"size\":{}}}", bytes.len()),
        format!("`attempt_digest` is `{digest}`"),
        "\"records\":10,\n    \"segments\"".to_owned(),
        format!("\"digest\":\"{digest}\"}}]"),
        format!("`{}`, and `run_digest` is\n`{of_run}`", run().hash()),
        format!("\"digest\":\"{of_run}\"}}"),
        format!("uncompressed, {} bytes", bytes.len()),
    ] {
        assert!(DOCUMENT.contains(&found), "the document lacks {found}");
    }
}

//! Records to rows and back: apply and its inverse, segments, digests.

use danlu::model::{
    AttemptId, Event, EventKind, File, Hash, Origin, Record, Row, RunId, RunKey, Setting, Start, Value,
};
use danlu::store::{self, Appender, BUSY_TIMEOUT, Stream};
use proptest::prelude::*;
use rusqlite::Connection;

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => any::<f64>().prop_map(Value::Float),
        2 => prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(f64::NEG_INFINITY), Just(-0.0), Just(5e-324), Just(1.0)]
            .prop_map(Value::Float),
        2 => any::<i64>().prop_map(Value::Int),
        1 => prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(0)].prop_map(Value::Int),
        1 => any::<String>().prop_map(|text| Value::text(&text)),
        1 => prop_oneof![Just("null"), Just("true"), Just("[1,\"NaN\"]"), Just("99999999999999999999")]
            .prop_map(|text| Value::Json(text.to_owned())),
    ]
    .prop_map(Value::canonical)
}

fn other() -> impl Strategy<Value = Record> {
    let setting =
        || (any::<String>(), proptest::option::of(value())).prop_map(|(key, value)| Setting { key, value });
    prop_oneof![
        setting().prop_map(Record::Config),
        setting().prop_map(Record::Summary),
        (any::<i64>(), any::<String>(), any::<[u8; 32]>(), 0..i64::MAX).prop_map(
            |(time, path, hash, size)| {
                Record::File(File { time, path, sha256: Hash(hash), size: size.cast_unsigned() })
            }
        ),
        (any::<i64>(), 0..EventKind::ALL.len(), any::<String>(), any::<String>(), any::<String>()).prop_map(
            |(time, kind, name, text, data)| Record::Event(Event {
                time,
                kind: EventKind::ALL[kind],
                name,
                text,
                data
            })
        ),
    ]
}

/// A record, or the outline of a row: which of the known keys it has is settled when they are known.
#[derive(Debug, Clone)]
enum Outline {
    Key(String, bool),
    Row(Option<i64>, i64, Vec<(prop::sample::Index, Value)>),
    Other(Record),
}

fn outline() -> impl Strategy<Value = Outline> {
    prop_oneof![
        1 => (any::<String>(), any::<bool>()).prop_map(|(name, system)| Outline::Key(name, system)),
        6 => (proptest::option::of(any::<i64>()), any::<i64>(), prop::collection::vec((any::<prop::sample::Index>(), value()), 0..6))
            .prop_map(|(step, time, values)| Outline::Row(step, time, values)),
        2 => other().prop_map(Outline::Other),
    ]
}

pub fn start() -> Record {
    Record::Start(Box::new(Start {
        run: RunKey { entity: String::new(), project: "p".into(), id: RunId::new("r").unwrap() },
        attempt: AttemptId([7; 16]),
        time: 1_700_000_000_000_000,
        name: "né\u{0}\u{1f525}".into(),
        group: String::new(),
        job_type: "train".into(),
        notes: String::new(),
        tags: vec!["a".into(), "b\"c".into()],
        host: "host".into(),
        pid: 42,
        danlu: "0.1.0".into(),
        info: "{}".into(),
        rank: None,
        origin: Origin::New,
    }))
}

fn origin() -> impl Strategy<Value = Origin> {
    let run = "[a-z0-9]{1,8}";
    prop_oneof![
        Just(Origin::New),
        Just(Origin::Resume),
        (run, any::<i64>()).prop_map(|(run, step)| Origin::Fork { run, step }),
        any::<i64>().prop_map(|step| Origin::Rewind { step }),
    ]
}

fn stream() -> impl Strategy<Value = Vec<Record>> {
    let first = (origin(), prop::option::of(any::<u32>())).prop_map(|(origin, rank)| match start() {
        Record::Start(start) => Record::Start(Box::new(Start { origin, rank, ..*start })),
        other => other,
    });
    (first, prop::collection::vec(outline(), 0..60)).prop_map(|(first, outlines)| {
        let mut records = vec![first];
        let mut keys: Vec<u64> = Vec::new();
        for outline in outlines {
            let seq = records.len() as u64 + 1;
            records.push(match outline {
                Outline::Other(record) => record,
                Outline::Key(name, system) => {
                    keys.push(seq);
                    Record::Key { name, system }
                }
                Outline::Row(step, time, values) => {
                    let mut values: Vec<(u64, Value)> = if keys.is_empty() {
                        Vec::new()
                    } else {
                        values.into_iter().map(|(key, value)| (*key.get(&keys), value)).collect()
                    };
                    values.sort_by_key(|(key, _)| *key);
                    values.dedup_by_key(|(key, _)| *key);
                    Record::Row(Row { step, time, values })
                }
            });
        }
        records
    })
}

/// Applies records to a new run file in batches of these sizes, each of them twice, and seals it.
fn applied(records: &[Record], batches: &[usize]) -> (tempfile::TempDir, Connection) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run.sqlite");
    store::create(&path).unwrap();
    let mut file = Appender::open(&path, BUSY_TIMEOUT).unwrap();
    let mut sizes = batches.iter().copied().cycle();
    let mut rest = records;
    let mut first = 1;
    while !rest.is_empty() {
        let (batch, after) = rest.split_at(sizes.next().unwrap().min(rest.len()));
        for _ in 0..2 {
            let tx = file.begin().unwrap();
            Stream::open(&tx, AttemptId([7; 16])).unwrap().apply(&tx, first, batch.to_vec()).unwrap();
            tx.commit().unwrap();
        }
        first += batch.len() as u64;
        rest = after;
    }
    let tx = file.begin().unwrap();
    Stream::open(&tx, AttemptId([7; 16])).unwrap().seal(&tx).unwrap();
    tx.commit().unwrap();
    drop(file);
    let connection = rusqlite::Connection::open(&path).unwrap();
    (directory, connection)
}

fn read_back(connection: &Connection) -> Vec<Record> {
    let attempts = store::attempts(connection).unwrap();
    assert_eq!(attempts.len(), 1);
    store::records(connection, &attempts[0]).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_applied_is_read_back(records in stream(), batches in prop::collection::vec(1..20usize, 1..4)) {
        let (_directory, connection) = applied(&records, &batches);
        prop_assert_eq!(read_back(&connection), records);
    }

    #[test]
    fn the_digest_depends_on_the_records_and_not_on_the_batches(records in stream(), batches in prop::collection::vec(1..20usize, 1..4)) {
        let (_one, at_once) = applied(&records, &[records.len()]);
        let (_two, in_batches) = applied(&records, &batches);
        prop_assert_eq!(store::digest(&at_once).unwrap(), store::digest(&in_batches).unwrap());
    }

    #[test]
    fn a_segment_decodes_to_what_was_encoded(records in stream(), first in 1..1_000_000u64) {
        let bytes = store::encode_segment(AttemptId([9; 16]), first, &records).unwrap();
        let (attempt, seq, decoded) = store::decode_segment(&bytes).unwrap();
        prop_assert_eq!((attempt, seq), (AttemptId([9; 16]), first));
        prop_assert_eq!(decoded, records);
    }

    #[test]
    fn a_damaged_segment_is_refused_or_decodes_to_something_that_encodes_differently(
        records in stream(), place in any::<prop::sample::Index>(), bit in 0..8u8, cut in any::<bool>()
    ) {
        let bytes = store::encode_segment(AttemptId([9; 16]), 1, &records).unwrap();
        let mut damaged = bytes.clone();
        let at = place.index(bytes.len());
        if cut { damaged.truncate(at) } else { damaged[at] ^= 1 << bit }
        if let Ok((attempt, first, decoded)) = store::decode_segment(&damaged) {
            // JSON has several spellings of one record, so other bytes may mean the same; they never mean more.
            let again = store::encode_segment(attempt, first, &decoded).unwrap();
            prop_assert!(again != bytes || decoded == records);
        }
    }
}

/// The bytes are a format: if this fails, files and remotes that exist already no longer verify.
#[test]
fn the_same_records_have_the_same_digest_on_every_machine() {
    let mut records = vec![
        start(),
        Record::Key { name: "loss".into(), system: false },
        Record::Key { name: "n".into(), system: false },
    ];
    for n in 0..20_000i64 {
        #[expect(clippy::cast_precision_loss, reason = "small")]
        let loss = 1.0 / (n as f64 + 1.0);
        let values = vec![(2, Value::Float(loss)), (3, Value::Int(n * n))];
        records.push(Record::Row(Row { step: Some(n), time: 1_700_000_000_000_000 + n * 1000, values }));
    }
    let (_directory, connection) = applied(&records, &[4096]);
    let attempt = &store::attempts(&connection).unwrap()[0];
    let segments = store::segments(&connection, attempt.base).unwrap();
    let shown: Vec<String> = segments
        .iter()
        .map(|s| format!("{} to {}: {} bytes, {}", s.first, s.last, s.size, s.sha256))
        .collect();
    insta::assert_snapshot!(format!(
        "{}\n{}",
        shown.join("\n"),
        store::digest(&connection).unwrap().unwrap()
    ));
    assert_eq!(read_back(&connection), records);
}

#[test]
fn another_record_under_the_same_number_is_refused() {
    let (directory, _) = applied(&[start()], &[1]);
    let mut file = Appender::open(&directory.path().join("run.sqlite"), BUSY_TIMEOUT).unwrap();
    let event = Record::Event(Event {
        time: 0,
        kind: EventKind::End,
        name: String::new(),
        text: String::new(),
        data: String::new(),
    });
    for (attempt, first, record, reason) in [
        (7, 2, &event, "it has ended"),
        (8, 1, &start(), "its start says"),
        (8, 2, &event, "follows record 0"),
        (8, 1, &event, "must begin with its start"),
    ] {
        let tx = file.begin().unwrap();
        let mut stream = Stream::open(&tx, AttemptId([attempt; 16])).unwrap();
        let error = stream.apply(&tx, first, vec![record.clone()]).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[test]
fn run_files_can_only_be_appended_to() {
    let (_directory, connection) = applied(&[start()], &[1]);
    for table in
        ["attempt", "key", "row", "point", "extent", "setting", "file", "blob", "chunk", "event", "segment"]
    {
        let triggers: i64 = connection
            .query_row(
                "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?",
                [table],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(triggers, 2, "{table}");
    }
    for change in ["DELETE FROM attempt", "UPDATE attempt SET name = 'x'", "DELETE FROM segment"] {
        let error = connection.execute(change, []).unwrap_err();
        assert!(error.to_string().contains("append-only"), "{error}");
    }
}

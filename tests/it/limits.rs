//! Every bound, on both sides.

use crate::support::{Place, ask};
use danlu::model::{AttemptId, Clock, Record, Row, limits};
use danlu::query::{self, Axis};
use danlu::{Run, RunBuilder, Value, store};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

fn builder(place: &Place) -> RunBuilder {
    Run::builder("p").dir(place.path())
}

/// Logs one value under a name, and returns how many values could not be stored.
fn lost(place: &Place, key: &str, value: Value) -> u64 {
    let run = builder(place).start().unwrap();
    run.log([(key, value)]);
    let lost = run.lost();
    run.finish(0).unwrap();
    lost
}

#[test]
fn names_of_runs_and_what_they_belong_to() {
    let place = Place::new();
    let text = |length: usize| "x".repeat(length);
    let most = limits::NAME_BYTES;
    assert!(builder(&place).name(text(most)).group(text(most)).job_type(text(most)).start().is_ok());
    for too_long in [
        builder(&place).name(text(most + 1)),
        builder(&place).group(text(most + 1)),
        builder(&place).job_type(text(most + 1)),
        builder(&place).entity(text(most + 1)),
        builder(&place).id(text(limits::RUN_ID_BYTES + 1)),
        Run::builder(text(most + 1)).dir(place.path()),
    ] {
        let error = too_long.start().unwrap_err();
        assert!(error.to_string().contains("at most"), "{error}");
    }
}

#[test]
fn names_and_values_of_keys() {
    let place = Place::new();
    assert_eq!(lost(&place, &"k".repeat(limits::KEY_BYTES), 1.into()), 0);
    assert_eq!(lost(&place, &"k".repeat(limits::KEY_BYTES + 1), 1.into()), 1);
    let json = |bytes: usize| Value::Json(format!("\"{}\"", "v".repeat(bytes - 2)));
    assert_eq!(lost(&place, "k", json(limits::VALUE_BYTES)), 0);
    assert_eq!(lost(&place, "k", json(limits::VALUE_BYTES + 1)), 1);
    assert_eq!(lost(&place, "k", json(1 << 30)), 1);
    let nested = |depth: usize| Value::Json(format!("{}\"]\"{}", "[".repeat(depth), "]".repeat(depth)));
    assert_eq!(lost(&place, "k", nested(limits::VALUE_DEPTH)), 0);
    assert_eq!(lost(&place, "k", nested(limits::VALUE_DEPTH + 1)), 1);
    let run = builder(&place).start().unwrap();
    run.config("large", json(1 << 30));
    run.config("deep", nested(limits::VALUE_DEPTH + 1));
    run.summary("deep", nested(limits::VALUE_DEPTH));
    assert_eq!(run.lost(), 2);
    run.finish(0).unwrap();
}

#[test]
fn keys_of_a_row() {
    let place = Place::new();
    let run = builder(&place).start().unwrap();
    let names: Vec<String> = (0..=limits::ROW_KEYS).map(|n| n.to_string()).collect();
    run.log(names.iter().map(|name| (name, 1)));
    assert_eq!(run.lost(), 1);
    drop(run);
    let segment = |keys: usize| {
        let values = (1..=keys as u64).map(|key| (key, Value::Int(1))).collect();
        let row = Record::Row(Row { step: Some(0), time: 0, values });
        store::decode_segment(&store::encode_segment(AttemptId([7; 16]), 2, &[row]).unwrap())
    };
    assert!(segment(limits::ROW_KEYS).is_ok());
    assert!(segment(limits::ROW_KEYS + 1).is_err());
}

/// A clock that goes on by a number of microseconds each time somebody looks.
struct Leaping(AtomicI64, i64);

impl Clock for Leaping {
    fn now(&self) -> i64 {
        self.0.fetch_add(self.1, Ordering::Relaxed)
    }
}

#[test]
fn a_run_of_thirty_days() {
    const DAY: i64 = 86_400_000_000;
    let place = Place::new();
    let (start, rows) = (1_800_000_000_000_000, 30 * 8640u32);
    let run = builder(&place).clock(Arc::new(Leaping(start.into(), 10_000_000))).start().unwrap();
    let path = run.path().to_owned();
    for n in 0..rows {
        run.log([("loss", if n == 100_000 { 50.0 } else { 1.0 })]);
    }
    run.finish(0).unwrap();
    let lasted: f64 = ask(&path, "SELECT max(time) - min(time) FROM history");
    assert!((lasted * 1e6 / DAY as f64 - 30.0).abs() < 0.01, "{lasted} s");
    let files = [store::open(&path).unwrap()];
    let columns = query::envelope(&files, "loss", Axis::Time, None, 1000).unwrap();
    assert_eq!(columns.iter().map(|column| column.count).sum::<u64>(), u64::from(rows));
    assert_eq!(columns.iter().filter(|column| column.max == Some(50.0)).count(), 1);
    assert!(query::envelope(&files, "loss", Axis::Step, None, limits::CHART_COLUMNS).is_ok());
    assert!(query::envelope(&files, "loss", Axis::Step, None, limits::CHART_COLUMNS + 1).is_err());
    assert_eq!(place.danlu(&["verify"]).code, 0);
}

#[test]
fn a_row_of_values_that_are_too_large_together_is_refused_whole_and_the_next_is_kept() {
    let place = Place::new();
    let run = builder(&place).start().unwrap();
    let path = run.path().to_owned();
    let large = Value::Json("0".repeat(limits::VALUE_BYTES));
    run.log((0..5).map(|n| (format!("k{n}"), large.clone())));
    run.log([("after", 1)]);
    assert_eq!(run.lost(), 1);
    run.finish(0).unwrap();
    assert_eq!(ask::<i64>(&path, "SELECT count(*) FROM history"), 1);
    assert_eq!(place.json(&["ls"])[0]["lost"], 1);
}

#[test]
fn names_of_files() {
    let place = Place::new();
    std::fs::write(place.join("f"), "content").unwrap();
    let run = builder(&place).start().unwrap();
    let name = "d/".repeat(limits::FILE_NAME_BYTES / 2);
    assert!(run.save_as(&place.join("f"), &format!("{}f", &name[2..])).is_ok());
    assert!(run.save_as(&place.join("f"), &format!("{name}f")).is_err());
}

#[test]
fn ten_thousand_keys_in_a_row_and_a_hundred_thousand_in_a_run() {
    let place = Place::new();
    let run = builder(&place).start().unwrap();
    let path = run.path().to_owned();
    for part in 0..10 {
        run.log((0..10_000u32).map(|n| (format!("key-{part}-{n}"), f64::from(n))));
    }
    run.log((0..10_000u32).map(|n| (format!("key-0-{n}"), f64::from(n + 1))));
    assert_eq!(run.lost(), 0);
    run.finish(0).unwrap();
    assert_eq!(ask::<i64>(&path, "SELECT count(DISTINCT key) FROM history"), 100_000);
    assert_eq!(ask::<f64>(&path, "SELECT value FROM summary WHERE key = 'key-0-9999'"), 10_000.0);
    assert_eq!(place.danlu(&["verify"]).code, 0);
}

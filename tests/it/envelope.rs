//! Envelopes: every chart is as wide as asked, and no spike is hidden.

use crate::support::{Place, ask};
use danlu::model::{AttemptId, Record, Row};
use danlu::query::{Axis, Column, envelope};
use danlu::store::{self, Appender, BUSY_TIMEOUT, Stream};
use danlu::{Run, Value};
use proptest::prelude::*;
use std::path::{Path, PathBuf};

/// Writes a run of one key, each point with its step, as it comes in so many points at a time.
fn written(place: &Place, points: &[(i64, Value)], batch: usize) -> PathBuf {
    let path = place.join("run-20260101_000000-r.sqlite");
    store::create(&path).unwrap();
    let mut records = vec![crate::stream::start(), Record::Key { name: "y".into(), system: false }];
    records.extend((0i64..).zip(points).map(|(n, (step, value))| {
        Record::Row(Row {
            step: Some(*step),
            time: 1_700_000_000_000_000 + n,
            values: vec![(2, value.clone())],
        })
    }));
    let mut file = Appender::open(&path, BUSY_TIMEOUT).unwrap();
    let mut stream = Stream::open(&file.begin().unwrap(), AttemptId([7; 16])).unwrap();
    let mut first = 1;
    for batch in records.chunks(batch) {
        let tx = file.begin().unwrap();
        stream.apply(&tx, first, batch.to_vec()).unwrap();
        tx.commit().unwrap();
        first += batch.len() as u64;
    }
    let tx = file.begin().unwrap();
    stream.seal(&tx).unwrap();
    tx.commit().unwrap();
    path
}

fn read(path: &Path, axis: Axis<'_>, range: Option<(f64, f64)>, columns: usize) -> Vec<Column> {
    envelope(&[store::open(path).unwrap()], "y", axis, range, columns).unwrap()
}

/// What a range of points comes to, counted one by one.
fn counted(points: &[(i64, Value)], range: Option<(f64, f64)>) -> (u64, u64, u64, f64, f64) {
    let mut sums = (0, 0, 0, f64::INFINITY, f64::NEG_INFINITY);
    for (step, value) in points {
        #[expect(clippy::cast_precision_loss, reason = "steps of a test")]
        let inside = range.is_none_or(|(low, high)| (low..=high).contains(&(*step as f64)));
        match value.as_f64().filter(|_| inside) {
            Some(number) if number.is_nan() => sums.1 += 1,
            Some(number) if number.is_infinite() => sums.2 += 1,
            Some(number) => {
                sums = (sums.0 + 1, sums.1, sums.2, sums.3.min(number), sums.4.max(number));
            }
            None => {}
        }
    }
    sums
}

fn shown(columns: &[Column]) -> (u64, u64, u64, f64, f64) {
    let sum = |of: fn(&Column) -> u64| columns.iter().map(of).sum();
    let min = columns.iter().filter_map(|column| column.min).fold(f64::INFINITY, f64::min);
    let max = columns.iter().filter_map(|column| column.max).fold(f64::NEG_INFINITY, f64::max);
    (sum(|c| c.count), sum(|c| c.nan), sum(|c| c.inf), min, max)
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        20 => (-1e3..1e3f64).prop_map(Value::Float),
        3 => (-5..5i64).prop_map(Value::Int),
        1 => Just(Value::Float(f64::NAN)),
        1 => Just(Value::Float(f64::NEG_INFINITY)),
        1 => Just(Value::text("no number")),
    ]
}

/// Steps that mostly ascend, sometimes by a lot, and now and then go back.
fn points() -> impl Strategy<Value = Vec<(i64, Value)>> {
    let stride = prop_oneof![30 => 1..3i64, 1 => -500..500i64];
    prop::collection::vec((stride, value()), 1..9000).prop_map(|drawn| {
        let mut step = 0;
        drawn
            .into_iter()
            .map(|(stride, value)| {
                step += stride;
                (step, value)
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_chart_shows_what_the_points_come_to(
        points in points(), batch in 40..3000usize, columns in 1..700usize, low in 0.0..1.0f64, width in 0.0..1.0f64,
    ) {
        let place = Place::new();
        let path = written(&place, &points, batch);
        let all = read(&path, Axis::Step, None, columns);
        prop_assert!(all.len() <= columns);
        prop_assert_eq!(shown(&all), counted(&points, None));
        prop_assert_eq!(shown(&read(&path, Axis::Time, None, columns)), counted(&points, None));
        #[expect(clippy::cast_precision_loss, reason = "steps of a test")]
        let (first, last) = (
            points.iter().map(|(step, _)| *step).min().unwrap() as f64,
            points.iter().map(|(step, _)| *step).max().unwrap() as f64,
        );
        let from = first + (last - first) * low;
        let range = Some((from, from + (last - from) * width));
        let zoomed = read(&path, Axis::Step, range, columns);
        prop_assert_eq!(shown(&zoomed), counted(&points, range));
        prop_assert_eq!(store::verify(&path).unwrap().damage, Vec::new());
    }
}

#[test]
fn one_spike_in_many_points_is_in_every_chart_that_covers_it() {
    const POINTS: i64 = 200_000;
    const SPIKE: i64 = 123_457;
    let place = Place::new();
    #[expect(clippy::cast_precision_loss, reason = "steps of a test")]
    let points: Vec<(i64, Value)> = (0..POINTS)
        .map(|n| (n, Value::Float(if n == SPIKE { 50.0 } else { 1.0 + (n % 7) as f64 * 1e-3 })))
        .collect();
    let path = written(&place, &points, 50_000);
    for zoom in 0..17 {
        let width = POINTS >> zoom;
        for columns in [1, 100, 2000] {
            let low = (SPIKE - width / 2).clamp(0, POINTS - width);
            #[expect(clippy::cast_precision_loss, reason = "steps of a test")]
            let range = (low as f64, (low + width) as f64);
            let found = read(&path, Axis::Step, Some(range), columns);
            let spikes: Vec<&Column> = found.iter().filter(|column| column.max == Some(50.0)).collect();
            assert_eq!(spikes.len(), 1, "zoom {zoom}, {columns} columns");
            #[expect(clippy::cast_precision_loss, reason = "steps of a test")]
            let spike = SPIKE as f64;
            assert!((spikes[0].x.0..=spikes[0].x.1).contains(&spike));
        }
    }
}

#[test]
fn a_chart_may_lie_over_another_key() {
    let place = Place::new();
    let run = Run::builder("p").dir(place.path()).start().unwrap();
    let path = run.path().to_owned();
    for n in 0..5000 {
        run.log([("x", Value::from(f64::from(n) / 10.0)), ("y", Value::from(n))]);
        if n % 10 == 0 {
            run.log([("rare", n)]);
        }
    }
    run.log_at(17, [("late", 1)]);
    run.finish(0).unwrap();
    let files = [store::open(&path).unwrap()];
    let together = envelope(&files, "y", Axis::Key("x"), None, 100).unwrap();
    assert_eq!(shown(&together), (5000, 0, 0, 0.0, 4999.0));
    for column in &together {
        let (first, last) = (column.first.unwrap(), column.last.unwrap());
        assert!(
            (column.x.0 * 10.0 - first).abs() < 1e-6 && (column.x.1 * 10.0 - last).abs() < 1e-6,
            "{column:?}"
        );
    }
    let zoomed = envelope(&files, "y", Axis::Key("x"), Some((100.0, 200.0)), 10).unwrap();
    assert_eq!(shown(&zoomed), (1001, 0, 0, 1000.0, 2000.0));
    // Logged in other rows, or at steps that the other key has too.
    let rare = envelope(&files, "rare", Axis::Key("y"), None, 50).unwrap();
    assert!(rare.is_empty(), "no row and no step has both: {rare:?}");
    assert_eq!(shown(&envelope(&files, "late", Axis::Key("y"), None, 50).unwrap()).0, 1);
    assert!(envelope(&files, "y", Axis::Key("none"), None, 50).unwrap().is_empty());
    assert!(envelope(&files, "y", Axis::Step, None, 0).is_err());
    for range in [(2.0, 1.0), (f64::NAN, 1.0), (0.0, f64::INFINITY)] {
        assert!(envelope(&files, "y", Axis::Step, Some(range), 5).is_err());
    }
}

#[test]
fn a_resumed_run_is_one_chart_and_a_rewound_one_begins_anew() {
    let place = Place::new();
    let start = || Run::builder("p").id("r").dir(place.path());
    for attempt in 0..2 {
        let run = start().resume(danlu::Resume::Allow).start().unwrap();
        for n in 0..3000 {
            run.log([("y", f64::from(attempt * 3000 + n))]);
        }
        run.finish(0).unwrap();
    }
    let path = start().resume(danlu::Resume::Must).start().map(|run| run.path().to_owned()).unwrap();
    assert_eq!(shown(&read(&path, Axis::Step, None, 500)), (6000, 0, 0, 0.0, 5999.0));
    start().rewind_to(1999).start().unwrap().finish(0).unwrap();
    assert_eq!(shown(&read(&path, Axis::Step, None, 500)), (2000, 0, 0, 0.0, 1999.0));
}

#[test]
fn the_files_of_ranks_are_one_chart_and_a_server_draws_the_same() {
    let place = Place::new();
    let ranks: Vec<Run> =
        (0..2).map(|rank| Run::builder("p").id("r").rank(rank).dir(place.path()).start().unwrap()).collect();
    for n in 0..3000 {
        ranks.iter().for_each(|run| run.log([("y", f64::from(n))]));
    }
    ranks[1].log_at(1500, [("y", 50_000.0)]);
    let paths: Vec<PathBuf> = ranks.iter().map(|run| run.path().to_owned()).collect();
    ranks.into_iter().for_each(|run| run.finish(0).unwrap());
    let files: Vec<_> = paths.iter().map(|path| store::open(path).unwrap()).collect();
    let drawn = envelope(&files, "y", Axis::Step, None, 100).unwrap();
    assert_eq!(shown(&drawn), (6001, 0, 0, 0.0, 50_000.0));

    let serving = place.serve();
    let key = serving.key.clone().unwrap();
    assert_eq!(place.danlu(&["login", &serving.url, "--key", &key]).code, 0);
    assert_eq!(place.danlu(&["sync", &serving.url]).code, 0);
    let (_, runs) = serving.get("/api/v1/runs", &key);
    let runs = runs["runs"].clone();
    let of_run = format!("/api/v1/runs/{}/envelope", runs[0]["key"].as_str().unwrap());
    let (status, answer) = serving.get(&format!("{of_run}?key=y&columns=100"), &key);
    assert_eq!((status, &answer), (200, &serde_json::to_value(&drawn).unwrap()));
    let (_, zoomed) = serving.get(&format!("{of_run}?key=y&x=_step&from=1490&to=1510&columns=5"), &key);
    assert!(zoomed.as_array().unwrap().iter().any(|column| column["max"] == 50_000.0), "{zoomed}");
    for bad in ["", "?key=y&from=1", "?key=y&columns=0", "?key=y&columns=1000000", "?key=y&from=2&to=1"] {
        assert_eq!(serving.get(&format!("{of_run}{bad}"), &key).0, 400, "{bad}");
    }
}

#[test]
fn a_flipped_bit_in_an_envelope_is_named() {
    let place = Place::new();
    let points: Vec<(i64, Value)> = (0..5000).map(|n| (n, Value::Int(n))).collect();
    let path = written(&place, &points, 700);
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch("DROP TRIGGER envelope_update").unwrap();
    let rows: i64 = ask(&path, "SELECT count(*) FROM envelope");
    assert_eq!(rows, 4 + 1);
    for id in 1..=rows {
        let data: Vec<u8> = ask(&path, &format!("SELECT data FROM envelope WHERE id = {id}"));
        for at in (0..data.len()).step_by(37) {
            let mut damaged = data.clone();
            damaged[at] ^= 1 << (at % 8);
            connection.execute("UPDATE envelope SET data = ? WHERE id = ?", (&damaged, id)).unwrap();
            let report = store::verify(&path).unwrap();
            assert!(report.damage.iter().any(|damage| damage.kind == "envelope"), "row {id}, byte {at}");
        }
        connection.execute("UPDATE envelope SET data = ? WHERE id = ?", (&data, id)).unwrap();
    }
}

//! Metrics: what definitions make of rows and of the summary.

use crate::support::{Place, ask, wait_until};
use danlu::model::EventKind;
use danlu::{Goal, Metric, Resume, Run, RunBuilder, SummaryOp, Value, query, store};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn builder(place: &Place) -> RunBuilder {
    Run::builder("metrics").id("one").dir(place.path())
}

fn summary(path: &Path) -> BTreeMap<String, Value> {
    store::summary(&store::open(path).unwrap()).unwrap().into_iter().collect()
}

fn rows(path: &Path) -> Vec<(i64, String, Value)> {
    let file = store::open(path).unwrap();
    let mut statement = file.prepare("SELECT step, key, value FROM history ORDER BY step, key").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

/// What is written as JSON, as a summary.
#[expect(clippy::needless_pass_by_value, reason = "it is made where it is given")]
fn pairs(expected: serde_json::Value) -> BTreeMap<String, Value> {
    let expected = expected.as_object().unwrap().clone();
    expected.into_iter().map(|(key, value)| (key, Value::from(value))).collect()
}

#[test]
fn a_summary_has_what_the_definition_asks_for_wherever_it_is_read() {
    let place = Place::new();
    let run = builder(&place).start().unwrap();
    let path = run.path().to_owned();
    let all = [SummaryOp::Min, SummaryOp::Max, SummaryOp::Mean, SummaryOp::First, SummaryOp::Last];
    run.define_metric(all.into_iter().fold(Metric::new("loss"), Metric::summary));
    run.define_metric(Metric::new("acc").summary(SummaryOp::Best).goal(Goal::Maximize));
    run.define_metric(Metric::new("noise").summary(SummaryOp::None));
    run.define_metric(Metric::new("plain").summary(SummaryOp::Copy));
    for value in [3.0, f64::NAN, 5.0, f64::INFINITY] {
        run.log([("loss", value), ("acc", value.min(9.0)), ("noise", 1.0), ("plain", value), ("other", 2.0)]);
    }
    run.log([("acc", 0.5)]);
    run.finish(0).unwrap();
    let inf = f64::INFINITY;
    let expected: BTreeMap<String, Value> = [
        ("loss.min", 3.0),
        ("loss.max", inf),
        ("loss.mean", inf),
        ("loss.first", 3.0),
        ("loss.last", inf),
        ("acc.best", 9.0),
        ("plain", inf),
        ("other", 2.0),
    ]
    .map(|(key, value)| (key.to_owned(), value.into()))
    .into();
    assert_eq!(summary(&path), expected);
    let shown = place.json(&["show", "one"])["summary"].clone();
    assert_eq!(shown["loss.min"], 3.0);
    assert_eq!(shown["loss.max"], "Infinity");
    assert_eq!(shown.as_object().unwrap().len(), expected.len());
    let over_many = place.json(&["sql", "SELECT key FROM summary WHERE run = 'one' ORDER BY key"]);
    assert_eq!(over_many.as_array().unwrap().len(), expected.len());
    assert_eq!(place.danlu(&["verify"]).code, 0);
}

#[test]
fn an_exact_name_beats_a_beginning_and_a_longer_one_a_shorter() {
    let place = Place::new();
    let run = builder(&place).start().unwrap();
    let path = run.path().to_owned();
    run.define_metric(Metric::new("*").summary(SummaryOp::Min));
    run.define_metric(Metric::new("train/*").summary(SummaryOp::Max));
    run.define_metric(Metric::new("train/loss").summary(SummaryOp::First));
    run.define_metric(Metric::new("a\\.b").summary(SummaryOp::Mean));
    for value in [1, 2] {
        run.log([("train/loss", value), ("train/acc", value), ("x", value), ("a.b", value), ("_own", value)]);
    }
    run.finish(0).unwrap();
    let expected = serde_json::json!({
        "train/loss.first": 1, "train/acc.max": 2, "x.min": 1, "a.b.mean": 1.5, "_own": 2
    });
    assert_eq!(summary(&path), pairs(expected));
    let expanded: String = ask(&path, "SELECT data FROM metrics WHERE name = 'train/acc'");
    assert_eq!(expanded, r#"{"summary":["max"],"glob":"train/*"}"#);
}

#[test]
fn definitions_add_up_unless_they_overwrite() {
    let place = Place::new();
    let run = builder(&place).start().unwrap();
    let path = run.path().to_owned();
    run.define_metric(Metric::new("a").summary(SummaryOp::Min).hidden(true));
    run.define_metric(Metric::new("a").summary(SummaryOp::Max));
    run.define_metric(Metric::new("a").summary(SummaryOp::Max));
    run.define_metric(Metric::new("b").summary(SummaryOp::Min));
    run.log([("a", 1), ("b", 1)]);
    run.log([("a", 2), ("b", 2)]);
    run.event(EventKind::Metric, "b", "", r#"{"summary":["last"],"overwrite":true,"goal":null}"#);
    // As danlu 0.1 described it.
    run.event(EventKind::Metric, "c", "", r#"{"summary":"min, max","step_metric":null}"#);
    run.log([("c", 4)]);
    assert_eq!(run.lost(), 0);
    run.finish(0).unwrap();
    let expected = serde_json::json!({"a.min": 1, "a.max": 2, "b.last": 2, "c.min": 4, "c.max": 4});
    assert_eq!(summary(&path), pairs(expected));
    assert_eq!(
        ask::<String>(&path, "SELECT data FROM metrics WHERE name = 'a'"),
        r#"{"hidden":true,"summary":["min","max"]}"#
    );
    assert_eq!(ask::<i64>(&path, "SELECT count(*) FROM event WHERE kind = 'metric' AND name = 'a'"), 2);
}

#[test]
fn what_cannot_be_a_definition_is_counted_and_said() {
    let place = Place::new();
    let said = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&said);
    let run = builder(&place).on_warning(move |warning| sink.lock().unwrap().push(warning.to_owned()));
    let run = run.start().unwrap();
    run.define_metric(Metric::new(""));
    run.define_metric(Metric::new("a*b"));
    run.define_metric(Metric::new("a").step_metric("b*"));
    run.define_metric(Metric::new("x".repeat(5000)));
    run.event(EventKind::Metric, "a", "", "no JSON");
    run.event(EventKind::Metric, "a", "", r#"{"summary":["worst"]}"#);
    assert_eq!(run.lost(), 6);
    run.finish(0).unwrap();
    run_says(&said.lock().unwrap(), "Metric `a*b` cannot be defined");
}

fn run_says(said: &[String], words: &str) {
    assert!(said.iter().any(|warning| warning.contains(words)), "{said:?}");
}

#[test]
fn a_row_gets_the_step_metric_that_it_lacks() {
    let place = Place::new();
    let run = builder(&place).start().unwrap();
    let path = run.path().to_owned();
    run.define_metric(Metric::new("val/*").step_metric("epoch"));
    run.define_metric(Metric::new("loose").step_metric("epoch").step_sync(false));
    run.define_metric(Metric::new("own").step_metric("_step"));
    run.log([("val/loss", 1.0)]);
    run.log([("epoch", 3)]);
    run.log([("val/loss", 0.5), ("val/acc", 0.9)]);
    run.log([("val/loss", 0.25), ("epoch", 4.0)]);
    run.log([("loose", 1)]);
    run.log([("own", 1)]);
    run.finish(0).unwrap();
    let run = builder(&place).resume(Resume::Must).start().unwrap();
    run.log([("val/loss", 0.125)]);
    run.finish(0).unwrap();
    let at = |step: i64, key: &str, value: Value| (step, key.to_owned(), value);
    let expected = [
        at(0, "epoch", 0.into()),
        at(0, "val/loss", 1.0.into()),
        at(1, "epoch", 3.into()),
        at(2, "epoch", 3.into()),
        at(2, "val/acc", 0.9.into()),
        at(2, "val/loss", 0.5.into()),
        at(3, "epoch", 4.0.into()),
        at(3, "val/loss", 0.25.into()),
        at(4, "loose", 1.into()),
        at(5, "own", 1.into()),
        at(6, "epoch", 4.0.into()),
        at(6, "val/loss", 0.125.into()),
    ];
    assert_eq!(rows(&path), expected);
}

#[test]
fn a_row_gets_the_step_metric_of_a_value_that_comes_later() {
    let place = Place::new();
    let run = builder(&place).start().unwrap();
    let path = run.path().to_owned();
    run.define_metric(Metric::new("*").step_metric("epoch"));
    run.log([("epoch", 1)]);
    let mut row = Vec::new();
    run.add_steps_of(["image", "epoch"], &mut row);
    run.add_steps_of(["image"], &mut row);
    let logged = run.log_keys(None, None, &mut row).unwrap();
    run.log([("epoch", 2)]);
    run.log_late(logged, [("image", Value::text("media/a.png"))]);
    run.finish(0).unwrap();
    let at = |step: i64, key: &str, value: Value| (step, key.to_owned(), value);
    let image = at(1, "image", Value::text("media/a.png"));
    let expected = [at(0, "epoch", 1.into()), at(1, "epoch", 1.into()), image, at(2, "epoch", 2.into())];
    assert_eq!(rows(&path), expected);
}

#[test]
fn what_is_set_by_hand_counts_until_the_key_is_logged_again() {
    let place = Place::new();
    let run = builder(&place).start().unwrap();
    let now = |run: &Run| -> BTreeMap<String, Option<Value>> { run.metric_summary().into_iter().collect() };
    run.define_metric(Metric::new("a").summary(SummaryOp::Min).summary(SummaryOp::Max));
    run.log([("a", 1)]);
    run.log([("a", 5)]);
    run.drain();
    assert_eq!(summary(run.path()), pairs(serde_json::json!({"a.min": 1, "a.max": 5})));
    run.summary("a", 9);
    run.drain();
    assert_eq!(summary(run.path()), pairs(serde_json::json!({"a": 9})));
    assert!(!now(&run).contains_key("a"));
    run.log([("a", 3)]);
    run.summary("a.min", -1);
    run.drain();
    assert_eq!(summary(run.path()), pairs(serde_json::json!({"a.min": -1, "a.max": 3})));
    assert!(!now(&run).contains_key("a.min"));
    run.log([("a", 4)]);
    run.drain();
    assert_eq!(summary(run.path()), pairs(serde_json::json!({"a.min": 3, "a.max": 4})));
    run.remove_summary("a");
    let path = run.path().to_owned();
    run.finish(0).unwrap();
    assert_eq!(summary(&path), BTreeMap::new());
}

#[test]
fn a_summary_is_written_while_the_run_goes_on_and_not_with_each_row() {
    let place = Place::new();
    let run = builder(&place).tick(Duration::from_millis(10)).start().unwrap();
    run.define_metric(Metric::new("a").summary(SummaryOp::Min).summary(SummaryOp::Mean));
    for n in 0..10_000 {
        run.log([("a", n)]);
    }
    wait_until("the summary is there", || summary(run.path()).get("a.mean") == Some(&4999.5.into()));
    let settings: i64 = ask(run.path(), "SELECT count(*) FROM setting");
    assert!(settings < 2000, "{settings}");
    // It is killed, as far as its file can tell.
    let path = run.path().to_owned();
    drop(run);
    assert_eq!(summary(&path), pairs(serde_json::json!({"a.min": 0, "a.mean": 4999.5})));
}

#[test]
fn a_late_definition_in_a_run_that_goes_on_counts_each_row_once() {
    let place = Place::new();
    let run = builder(&place).start().unwrap();
    run.log([("a", 1)]);
    run.summary("b", 1);
    run.finish(0).unwrap();
    let run = builder(&place).resume(Resume::Must).start().unwrap();
    run.log([("a", 2), ("b", 4)]);
    run.summary("c", 1);
    run.drain();
    run.log([("a", 6), ("b", 5)]);
    run.define_metric(Metric::new("*").summary(SummaryOp::Mean));
    let path = run.path().to_owned();
    run.finish(0).unwrap();
    assert_eq!(summary(&path), pairs(serde_json::json!({"a.mean": 3.0, "b.mean": 4.5, "c": 1})));
}

#[test]
fn a_fork_and_a_rewind_sum_up_what_they_copy() {
    let place = Place::new();
    let run = builder(&place).start().unwrap();
    let path = run.path().to_owned();
    run.define_metric(Metric::new("a*").summary(SummaryOp::Min).summary(SummaryOp::Max).step_metric("t"));
    for n in 0..3000 {
        run.log([("a", n), ("t", 2 * n)]);
    }
    run.finish(0).unwrap();
    let fork = Run::builder("metrics").id("two").dir(place.path()).fork_from("one", 1499).start().unwrap();
    let restored: BTreeMap<String, Value> = fork.restored().summary.iter().cloned().collect();
    assert_eq!(restored, pairs(serde_json::json!({"a.min": 0, "a.max": 1499, "t": 2998})));
    fork.log([("a", -1)]);
    let forked = fork.path().to_owned();
    fork.finish(0).unwrap();
    assert_eq!(summary(&forked), pairs(serde_json::json!({"a.min": -1, "a.max": 1499, "t": 2998})));
    let back = builder(&place).rewind_to(9).start().unwrap();
    back.finish(0).unwrap();
    assert_eq!(summary(&path), pairs(serde_json::json!({"a.min": 0, "a.max": 9, "t": 18})));
    let again = builder(&place).resume(Resume::Must).start().unwrap();
    again.log([("a", 4)]);
    again.finish(0).unwrap();
    assert_eq!(summary(&path), pairs(serde_json::json!({"a.min": 0, "a.max": 9, "t": 18})));
    assert_eq!(place.danlu(&["verify"]).code, 0);
}

#[test]
fn metrics_of_a_compacted_run_go_on() {
    let place = Place::new();
    let run = builder(&place).start().unwrap();
    run.define_metric(Metric::new("a").summary(SummaryOp::Min).summary(SummaryOp::Mean));
    for n in 1..=5000 {
        run.log([("a", n)]);
    }
    run.finish(0).unwrap();
    assert_eq!(place.danlu(&["compact", "one"]).code, 0);
    let run = builder(&place).resume(Resume::Must).start().unwrap();
    run.log([("a", -5000)]);
    run.finish(0).unwrap();
    let shown = place.json(&["show", "one"])["summary"].clone();
    assert_eq!(shown["a.min"], -5000);
    assert!((shown["a.mean"].as_f64().unwrap() - 12_497_500.0 / 5001.0).abs() < 1e-6);
}

#[test]
fn the_names_of_what_a_row_is_are_no_keys() {
    let place = Place::new();
    let said = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&said);
    let run = builder(&place).on_warning(move |warning| sink.lock().unwrap().push(warning.to_owned()));
    let run = run.start().unwrap();
    let path = run.path().to_owned();
    run.log([("_timestamp", 1.7e9 + 0.25), ("_step", 7.0), ("a", 1.0), ("_runtime", 3.0)]);
    run.log([("a", Value::from(2)), ("_timestamp", Value::from("soon"))]);
    run.finish(0).unwrap();
    let mut found = rows(&path);
    assert_eq!(found.remove(0), (0, "a".to_owned(), 1.0.into()));
    assert_eq!(found, [(1, "a".to_owned(), 2.into())]);
    assert_eq!(ask::<f64>(&path, "SELECT time FROM history WHERE step = 0"), 1.7e9 + 0.25);
    assert!(ask::<f64>(&path, "SELECT time FROM history WHERE step = 1") > 1.7e9 + 1.0);
    run_says(&said.lock().unwrap(), "`_timestamp` is to be in seconds");
}

#[test]
fn each_way_of_logging_goes_where_wandb_has_it() {
    let place = Place::new();
    let said = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&said);
    let run = builder(&place).on_warning(move |warning| sink.lock().unwrap().push(warning.to_owned()));
    let run = run.start().unwrap();
    let path = run.path().to_owned();
    // The step, whether to commit, and the step after it.
    let calls = [
        (None, None, 1),
        (None, Some(false), 1),
        (Some(1), None, 1),
        (Some(1), Some(true), 2),
        (Some(5), None, 5),
        (None, None, 6),
        (Some(9), Some(true), 10),
    ];
    for (n, (step, commit, then)) in (0..).zip(calls) {
        run.log_values(step, commit, [("a", n)]);
        assert_eq!(run.step(), then, "call {n}");
    }
    run.log(std::iter::empty::<(&str, i64)>());
    assert_eq!(run.step(), 11);
    run.log_values(None, Some(false), std::iter::empty::<(&str, i64)>());
    assert_eq!(run.step(), 11);
    run.log([("b", 1), ("b", 2)]);
    assert!(said.lock().unwrap().is_empty());
    run.log_values(Some(3), None, [("a", 100)]);
    run.log_values(Some(4), Some(true), [("a", 101)]);
    assert_eq!(run.step(), 12);
    run.finish(0).unwrap();
    let expected = [(0, 0), (1, 1), (1, 2), (1, 3), (3, 100), (4, 101), (5, 4), (5, 5), (9, 6)];
    let found: Vec<(i64, Value)> = rows(&path)
        .into_iter()
        .filter(|(_, key, _)| key == "a")
        .map(|(step, _, value)| (step, value))
        .collect();
    assert_eq!(found, expected.map(|(step, value)| (step, Value::from(value))));
    assert_eq!(ask::<i64>(&path, "SELECT value FROM history WHERE key = 'b'"), 2);
    let said = said.lock().unwrap();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("step 3 when the run was at step 12"), "{said:?}");
    // The rows that went back are those whose step is lower than one before them.
    let back = "SELECT group_concat(step) FROM (SELECT step, max(step) OVER (ORDER BY id) AS highest FROM row) WHERE step < highest";
    assert_eq!(ask::<String>(&path, back), "3,4");
}

#[test]
fn a_run_file_of_the_first_schema_gets_the_view_when_it_goes_on() {
    let place = Place::new();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/0.1/wandb");
    std::fs::create_dir(place.join("wandb")).unwrap();
    let name =
        crate::support::names(&fixture).into_iter().find(|name| name.ends_with("-whole.sqlite")).unwrap();
    let path = place.join("wandb").join(&name);
    std::fs::copy(fixture.join(&name), &path).unwrap();
    assert_eq!(ask::<i64>(&path, "PRAGMA user_version"), 1);
    assert_eq!(place.danlu(&["verify"]).code, 0);
    let run = Run::builder("fixtures").entity("lab").id("whole").dir(place.path()).resume(Resume::Must);
    let run = run.start().unwrap();
    run.log([("loss", 100)]);
    run.finish(0).unwrap();
    assert_eq!(ask::<i64>(&path, "PRAGMA user_version"), 2);
    assert_eq!(summary(&path)["loss.min"], query_min(&path));
    assert!(!summary(&path).contains_key("loss"));
    assert_eq!(place.danlu(&["verify"]).code, 0);
}

fn query_min(path: &Path) -> Value {
    let series = query::series(&store::open(path).unwrap(), "loss").unwrap();
    let least =
        series.value.iter().filter_map(Value::as_f64).filter(|n| !n.is_nan()).fold(f64::INFINITY, f64::min);
    least.into()
}

const KEYS: [&str; 4] = ["a", "b", "t/x", "_own"];
const NAMES: [&str; 6] = ["a", "b", "t/x", "t/*", "*", "_own"];
const OPS: [SummaryOp; 8] = [
    SummaryOp::Min,
    SummaryOp::Max,
    SummaryOp::Mean,
    SummaryOp::First,
    SummaryOp::Last,
    SummaryOp::Best,
    SummaryOp::None,
    SummaryOp::Copy,
];

#[derive(Debug, Clone)]
enum Action {
    Log(Vec<(usize, Value)>),
    LogMany(usize, Vec<Value>, usize),
    Define(Definition),
    Set(usize, Option<Value>),
    Resume(End),
}

#[derive(Debug, Clone, Copy)]
enum End {
    Finished,
    Dropped,
    Killed,
}

#[derive(Debug, Clone, Default)]
struct Definition {
    name: usize,
    ops: Vec<SummaryOp>,
    step: Option<usize>,
    sync: Option<bool>,
    maximize: Option<bool>,
    overwrite: bool,
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        8 => (-100i32..100).prop_map(|n| Value::Float(f64::from(n) / 4.0)),
        4 => (-100i64..100).prop_map(Value::Int),
        1 => Just(Value::Float(f64::NAN)),
        1 => Just(Value::Float(f64::INFINITY)),
        1 => Just(Value::Float(f64::NEG_INFINITY)),
        1 => Just(Value::text("words")),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    let definition = (
        0..NAMES.len(),
        prop::sample::subsequence(OPS.to_vec(), 0..3),
        prop::option::weighted(0.3, 0..KEYS.len()),
        prop::option::weighted(0.2, any::<bool>()),
        prop::option::of(any::<bool>()),
        prop::bool::weighted(0.2),
    );
    let definition = definition.prop_map(|(name, ops, step, sync, maximize, overwrite)| {
        Action::Define(Definition { name, ops, step, sync, maximize, overwrite })
    });
    prop_oneof![
        8 => prop::collection::vec((0..KEYS.len(), value()), 0..4).prop_map(Action::Log),
        1 => (0..KEYS.len(), prop::collection::vec(value(), 1..20), 1000usize..3000)
            .prop_map(|(key, values, n)| Action::LogMany(key, values, n)),
        4 => definition,
        2 => (0..KEYS.len(), prop::option::of(value())).prop_map(|(key, value)| Action::Set(key, value)),
        2 => prop_oneof![Just(End::Finished), Just(End::Dropped), Just(End::Killed)].prop_map(Action::Resume),
    ]
}

/// What happened to a key.
#[derive(Debug, Clone)]
enum Happened {
    Logged(Value),
    Set(Option<Value>),
}

/// The same in the simplest way: everything is kept, and the summary is computed from all of it.
#[derive(Default)]
struct Model {
    definitions: BTreeMap<&'static str, Definition>,
    keys: BTreeMap<&'static str, Vec<Happened>>,
}

impl Model {
    fn define(&mut self, new: &Definition) {
        let old =
            self.definitions.get(NAMES[new.name]).filter(|_| !new.overwrite).cloned().unwrap_or_default();
        let mut ops = old.ops;
        if new.ops.contains(&SummaryOp::None) {
            ops = vec![SummaryOp::None];
        } else if !new.ops.is_empty() {
            ops.retain(|op| *op != SummaryOp::None && !new.ops.contains(&SummaryOp::Copy));
            ops.extend(new.ops.iter().filter(|op| **op != SummaryOp::Copy));
        }
        let step = new.step.or(old.step);
        let (sync, maximize) = (new.sync.or(old.sync), new.maximize.or(old.maximize));
        let merged = Definition { ops, step, sync, maximize, ..new.clone() };
        if let Some(step) = step.map(|step| KEYS[step]) {
            self.definitions.entry(step).or_default();
        }
        self.definitions.insert(NAMES[new.name], merged);
    }

    fn definition(&self, key: &str) -> Definition {
        let glob = || {
            let globs = ["t/*", "*"].into_iter().filter(|glob| key.starts_with(glob.trim_end_matches('*')));
            globs.filter(|_| !key.starts_with('_')).find_map(|glob| self.definitions.get(glob))
        };
        self.definitions.get(key).or_else(glob).cloned().unwrap_or_default()
    }

    fn log(&mut self, row: &[(usize, Value)]) {
        let mut row: BTreeMap<&'static str, Value> =
            row.iter().map(|(key, value)| (KEYS[*key], value.clone())).collect();
        for key in row.keys().copied().collect::<Vec<_>>() {
            let definition = self.definition(key);
            let step = definition.step.map(|step| KEYS[step]);
            if let Some(step) = step.filter(|step| *step != key && definition.sync != Some(false)) {
                let logged = self.keys.get(step).into_iter().flatten().rev();
                let mut logged = logged.filter_map(|happened| match happened {
                    Happened::Logged(value) => Some(value.clone()),
                    Happened::Set(_) => None,
                });
                let last = logged.next().unwrap_or(Value::Int(0));
                row.entry(step).or_insert(last);
            }
        }
        for (key, value) in row {
            self.keys.entry(key).or_default().push(Happened::Logged(value));
        }
    }

    /// The last value of each key, as a caller knows it who asks the run for what definitions make of that.
    fn last(&self) -> BTreeMap<String, Value> {
        let last = self.keys.iter().filter_map(|(key, happened)| match happened.last()? {
            Happened::Logged(value) | Happened::Set(Some(value)) => Some(((*key).to_owned(), value.clone())),
            Happened::Set(None) => None,
        });
        last.collect()
    }

    fn summary(&self) -> BTreeMap<String, Value> {
        let mut summary = BTreeMap::new();
        for (key, happened) in &self.keys {
            let definition = self.definition(key);
            match happened.last() {
                Some(Happened::Set(value)) => {
                    summary.extend(value.clone().map(|value| ((*key).to_owned(), value)));
                }
                Some(Happened::Logged(value)) if definition.ops.is_empty() => {
                    summary.insert((*key).to_owned(), value.clone());
                }
                _ => {
                    let values = happened.iter().rev().map_while(|happened| match happened {
                        Happened::Logged(value) => Some(value.clone()),
                        Happened::Set(_) => None,
                    });
                    let values: Vec<Value> = values.collect();
                    for op in &definition.ops {
                        let value = compute(*op, &values, definition.maximize == Some(true));
                        summary.extend(value.map(|value| (format!("{key}.{}", op.name()), value)));
                    }
                }
            }
        }
        summary
    }
}

/// Copies what a kill of the writer would leave now to another place.
fn as_if_killed(place: &Place) -> Place {
    let other = Place::new();
    std::fs::create_dir(other.join("wandb")).unwrap();
    for name in crate::support::names(&place.join("wandb")).iter().filter(|name| name.ends_with(".journal")) {
        std::fs::copy(place.join("wandb").join(name), other.join("wandb").join(name)).unwrap();
    }
    for name in crate::support::names(&place.join("wandb")).iter().filter(|name| name.starts_with("run-")) {
        let (from, to) = (place.join("wandb").join(name), other.join("wandb").join(name));
        if name.ends_with(".sqlite") {
            // In one piece, while its writer writes.
            rusqlite::Connection::open(from)
                .unwrap()
                .execute("VACUUM INTO ?", [to.to_str().unwrap()])
                .unwrap();
        }
    }
    other
}

/// Computes one thing of values, newest first.
fn compute(op: SummaryOp, values: &[Value], maximize: bool) -> Option<Value> {
    let numbers = || values.iter().filter_map(Value::as_f64).filter(|number| !number.is_nan());
    let count = numbers().count();
    let some = |number: f64| (count > 0).then_some(Value::Float(number));
    match op {
        SummaryOp::Best if maximize => compute(SummaryOp::Max, values, maximize),
        SummaryOp::Min | SummaryOp::Best => some(numbers().fold(f64::INFINITY, f64::min)),
        SummaryOp::Max => some(numbers().fold(f64::NEG_INFINITY, f64::max)),
        SummaryOp::Mean => some(numbers().sum::<f64>() / count as f64),
        SummaryOp::First => values.last().cloned(),
        SummaryOp::Last => values.first().cloned(),
        SummaryOp::None | SummaryOp::Copy => None,
    }
}

/// Compares numbers as numbers; sums depend on their order.
fn check(found: &BTreeMap<String, Value>, expected: &BTreeMap<String, Value>, what: &str) {
    let close = |a: &Value, b: &Value| match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => {
            a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()) || (a - b).abs() < 1e-9
        }
        _ => a == b,
    };
    let same = found.len() == expected.len()
        && found.iter().zip(expected).all(|((a, x), (b, y))| a == b && close(x, y));
    assert!(same, "{what}: found {found:?}, expected {expected:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_summary_is_what_a_naive_model_says(actions in prop::collection::vec(action(), 1..24)) {
        let mut place = Place::new();
        let mut run = builder(&place).start().unwrap();
        let mut path = run.path().to_owned();
        let mut model = Model::default();
        for action in actions {
            let mut live = model.last();
            for (key, value) in run.metric_summary() {
                live.remove(&key);
                live.extend(value.map(|value| (key, value)));
            }
            check(&live, &model.summary(), "while it is written");
            match action {
                Action::Log(row) => {
                    run.log(row.iter().map(|(key, value)| (KEYS[*key], value.clone())));
                    model.log(&row);
                }
                Action::LogMany(key, values, n) => {
                    for value in values.iter().cycle().take(n) {
                        run.log([(KEYS[key], value.clone())]);
                        model.log(&[(key, value.clone())]);
                    }
                }
                Action::Define(definition) => {
                    let mut metric = Metric::new(NAMES[definition.name]).overwrite(definition.overwrite);
                    metric = definition.ops.iter().fold(metric, |metric, op| metric.summary(*op));
                    if let Some(step) = definition.step {
                        metric = metric.step_metric(KEYS[step]);
                    }
                    if let Some(sync) = definition.sync {
                        metric = metric.step_sync(sync);
                    }
                    if let Some(maximize) = definition.maximize {
                        metric = metric.goal(if maximize { Goal::Maximize } else { Goal::Minimize });
                    }
                    run.define_metric(metric);
                    model.define(&definition);
                }
                Action::Set(key, value) => {
                    match value.clone() {
                        Some(value) => run.summary(KEYS[key], value),
                        None => run.remove_summary(KEYS[key]),
                    }
                    model.keys.entry(KEYS[key]).or_default().push(Happened::Set(value));
                }
                Action::Resume(end) => {
                    match end {
                        End::Finished => {
                            run.finish(0).unwrap();
                            check(&summary(&path), &model.summary(), "at the end");
                        }
                        End::Dropped => drop(run),
                        End::Killed => {
                            place = as_if_killed(&place);
                            drop(run);
                        }
                    }
                    run = builder(&place).resume(Resume::Must).start().unwrap();
                    path = run.path().to_owned();
                    let restored = run.restored().summary.iter().cloned().collect();
                    check(&restored, &model.summary(), "restored");
                }
            }
        }
        run.finish(0).unwrap();
        check(&summary(&path), &model.summary(), "in the end");
    }
}

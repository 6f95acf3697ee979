//! A run from the inside: what the Rust API promises.

use crate::support::{Place, ask, names, wait_until};
use danlu::writer::Storage;
use danlu::{Run, Value};
use std::sync::{Arc, Mutex};

/// Collects warnings.
fn warnings() -> (Arc<Mutex<Vec<String>>>, impl Fn(&str) + Send + Sync + 'static) {
    let said = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&said);
    (said, move |warning: &str| {
        sink.lock().unwrap().push(warning.to_owned());
    })
}

#[test]
fn after_a_clean_finish_a_run_is_exactly_one_file() {
    let place = Place::new();
    let path = place.run("abc", 10);
    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
    assert_eq!(names(&place.join("wandb")), ["latest-run.sqlite", &name]);
    assert!(name.starts_with("run-") && name.ends_with("-abc.sqlite"), "{name}");
    assert_eq!(
        std::fs::canonicalize(place.join("wandb/latest-run.sqlite")).unwrap(),
        path.canonicalize().unwrap()
    );
}

#[test]
fn an_empty_finished_run_is_at_most_128_kib() {
    let place = Place::new();
    let run = Run::builder("empty").dir(place.path()).start().unwrap();
    let path = run.path().to_owned();
    run.finish(0).unwrap();
    assert!(path.metadata().unwrap().len() <= 128 << 10, "{}", path.metadata().unwrap().len());
}

#[test]
fn a_running_run_can_be_read_by_others() {
    let place = Place::new();
    let run =
        Run::builder("live").dir(place.path()).tick(std::time::Duration::from_millis(10)).start().unwrap();
    run.log([("loss", 0.5)]);
    let path = run.path().to_owned();
    wait_until("the row is in the run file", || ask::<i64>(&path, "SELECT count(*) FROM history") == 1);
    assert_eq!(place.json(&["ls"])[0]["state"], "running");
    run.finish(3).unwrap();
    assert_eq!(place.json(&["ls"])[0]["state"], "failed");
    assert_eq!(place.json(&["ls"])[0]["exit_code"], 3);
}

#[test]
fn a_run_file_that_is_filled_at_the_end_is_read_from_its_journal_until_then() {
    let place = Place::new();
    let run = Run::builder("live").id("r").dir(place.path()).storage(Storage::AtEnd).start().unwrap();
    run.log([("loss", 0.5)]);
    std::fs::write(place.join("model.bin"), "weights").unwrap();
    run.save("model.bin").unwrap();
    let shown = place.json(&["show", "r"]);
    assert_eq!((&shown["state"], &shown["summary"]["loss"]), (&"running".into(), &0.5.into()));
    assert_eq!(place.json(&["sql", "r", "SELECT value FROM history"]), serde_json::json!([{"value": 0.5}]));
    assert_eq!(place.danlu(&["get", "r", "model.bin", "-o", "-"]).stdout, "weights");
    assert_eq!(ask::<i64>(run.path(), "SELECT count(*) FROM attempt"), 0, "nobody has written the file");
    run.log([("loss", 0.25)]);
    run.finish(0).unwrap();
    let shown = place.json(&["show", "r"]);
    assert_eq!((&shown["state"], &shown["summary"]["loss"]), (&"finished".into(), &0.25.into()));
    assert_eq!(place.danlu(&["verify"]).code, 0);
}

#[test]
fn values_come_back_as_they_were() {
    let place = Place::new();
    let run = Run::builder("values").dir(place.path()).start().unwrap();
    let path = run.path().to_owned();
    run.log([
        ("float", Value::from(0.1)),
        ("nan", Value::from(f64::NAN)),
        ("inf", Value::from(f64::INFINITY)),
        ("int", Value::from(i64::MIN)),
        ("big", Value::from(u64::MAX)),
        ("bool", Value::from(true)),
        ("text", Value::from("a \"quoted\" text")),
        ("float", Value::from(0.2)),
    ]);
    run.finish(0).unwrap();
    let one = |key: &str| {
        ask::<rusqlite::types::Value>(&path, &format!("SELECT value FROM history WHERE key = '{key}'"))
    };
    use rusqlite::types::Value::{Integer, Null, Real, Text};
    assert_eq!(one("float"), Real(0.2), "of a key that is given twice the last value stays");
    assert_eq!(one("nan"), Null);
    assert_eq!(one("inf"), Real(f64::INFINITY));
    assert_eq!(one("int"), Integer(i64::MIN));
    assert_eq!(one("big"), Text("18446744073709551615".into()));
    assert_eq!(one("bool"), Text("true".into()));
    assert_eq!(one("text"), Text("\"a \\\"quoted\\\" text\"".into()));
    let shown = place.json(&["show", "latest"]);
    assert_eq!(shown["summary"]["nan"], "NaN");
    assert_eq!(shown["summary"]["inf"], "Infinity");
    assert_eq!(shown["summary"]["bool"], true);
}

#[test]
fn steps_go_on_by_themselves_and_lower_ones_are_kept() {
    let place = Place::new();
    let run = Run::builder("steps").dir(place.path()).start().unwrap();
    let path = run.path().to_owned();
    run.log([("a", 1)]);
    run.log([("a", 2)]);
    run.log_at(10, [("a", 3)]);
    run.log([("b", 4)]);
    run.log_at(5, [("a", 5)]);
    run.log_values(None, Some(false), [("c", 6)]);
    run.log([("d", 7)]);
    assert_eq!(run.step(), 12);
    run.finish(0).unwrap();
    let steps: String = ask(
        &path,
        "SELECT group_concat(step || key, ' ') FROM (SELECT step, key FROM history ORDER BY time, step)",
    );
    let mut sorted: Vec<&str> = steps.split(' ').collect();
    sorted.sort_unstable();
    assert_eq!(sorted, ["0a", "10a", "10b", "11c", "11d", "1a", "5a"]);
}

#[test]
fn a_summary_is_the_last_value_until_it_is_set_by_hand() {
    let place = Place::new();
    let run = Run::builder("summary").dir(place.path()).start().unwrap();
    run.log([("loss", 1.0), ("acc", 0.1)]);
    run.summary("loss", 9);
    run.summary("gone", 1);
    run.remove_summary("gone");
    run.log([("acc", 0.2)]);
    run.summary("best", 0.2);
    run.finish(0).unwrap();
    let shown = place.json(&["show", "latest"]);
    assert_eq!(shown["summary"], serde_json::json!({"acc": 0.2, "best": 0.2, "loss": 9}));
}

#[test]
fn saving_the_same_content_again_adds_no_bytes() {
    let place = Place::new();
    let run = Run::builder("files").dir(place.path()).start().unwrap();
    let path = run.path().to_owned();
    std::fs::create_dir(place.join("models")).unwrap();
    let content: Vec<u8> = (0..3_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    std::fs::write(place.join("models/a.pt"), &content).unwrap();
    std::fs::write(place.join("models/b.pt"), &content).unwrap();
    std::fs::write(place.join("models/empty.pt"), b"").unwrap();
    assert_eq!(run.save("models/*.pt").unwrap(), ["models/a.pt", "models/b.pt", "models/empty.pt"]);
    let once = path.metadata().unwrap().len();
    run.save("models/a.pt").unwrap();
    assert_eq!(path.metadata().unwrap().len(), once);
    run.finish(0).unwrap();
    assert!(once < 3_400_000, "{once}");
    assert_eq!(place.json(&["show", "latest"])["files"].as_array().unwrap().len(), 3);
    assert_eq!(place.danlu(&["verify"]).code, 0);
}

#[test]
fn files_that_cannot_be_saved_are_refused_with_the_reason() {
    let place = Place::new();
    let run = Run::builder("files").dir(place.join("below")).start().unwrap();
    std::fs::write(place.join("outside"), "x").unwrap();
    std::fs::create_dir(place.join("below/folder")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, place.join("below/fifo"), rustix::fs::Mode::RWXU).unwrap();
    let refused = |pattern: &str| run.save(pattern).unwrap_err().to_string();
    assert!(refused("nothing.pt").contains("No such file"), "{}", refused("nothing.pt"));
    assert!(refused("../outside").contains("leads out of the directory"));
    assert!(refused("folder").contains("it is a directory"));
    assert!(refused("fifo").contains("no regular file"), "{}", refused("fifo"));
    assert!(refused("[").contains("no glob") || refused("[").contains("No such file"));
    assert_eq!(run.save("*.nothing").unwrap(), Vec::<String>::new());
    // An absolute path elsewhere keeps its last part.
    assert_eq!(run.save(place.join("outside")).unwrap(), ["outside"]);
    run.finish(0).unwrap();
}

#[test]
fn names_that_cannot_be_used_are_refused_at_the_start() {
    let place = Place::new();
    let refused = |builder: danlu::RunBuilder| builder.dir(place.path()).start().unwrap_err().to_string();
    assert!(refused(Run::builder("")).contains("it is empty"));
    assert!(refused(Run::builder("p").id("a/b")).contains("`/` cannot be in it"));
    assert!(refused(Run::builder("p").entity("a/b")).contains("entity"));
    let latest = refused(Run::builder("p").id("latest"));
    assert_eq!(latest, "The run id `latest` cannot be used: it means the newest run");
    assert_eq!(names(place.path()), Vec::<String>::new(), "nothing was made");
    std::fs::write(place.join("wandb"), "a file in its place").unwrap();
    let error = Run::builder("p").dir(place.path()).start().unwrap_err();
    assert_eq!(error.kind(), danlu::ErrorKind::Io);
    assert!(error.to_string().contains("Cannot create the directory"), "{error}");
}

#[test]
fn a_key_that_cannot_be_stored_is_counted_and_said_once() {
    let place = Place::new();
    let (said, sink) = warnings();
    let run = Run::builder("p").dir(place.path()).on_warning(sink).start().unwrap();
    let long = "x".repeat(5000);
    for _ in 0..3 {
        run.log([("", 1.0), (&long, 2.0), ("good", 3.0)]);
    }
    assert_eq!(run.lost(), 6);
    run.finish(0).unwrap();
    assert_eq!(said.lock().unwrap().len(), 2, "{:?}", said.lock().unwrap());
    assert_eq!(place.json(&["ls"])[0]["lost"], 6);
    assert_eq!(place.json(&["sql", "latest", "SELECT count(*) AS n FROM history"])[0]["n"], 3);
}

#[test]
fn a_value_beyond_the_limit_is_refused_and_one_at_it_is_kept() {
    let place = Place::new();
    let (said, sink) = warnings();
    let run = Run::builder("p").dir(place.path()).on_warning(sink).start().unwrap();
    let limit = danlu::model::limits::VALUE_BYTES;
    run.log([("text", Value::Json(format!("\"{}\"", "x".repeat(limit - 2))))]);
    run.log([("text", Value::Json(format!("\"{}\"", "x".repeat(limit - 1))))]);
    assert_eq!(run.lost(), 1);
    run.finish(0).unwrap();
    let said = said.lock().unwrap();
    assert!(said[0].starts_with("A value of `text` is not stored: it has 16777217 bytes"), "{said:?}");
    assert!(said[0].contains("use save"), "{said:?}");
}

#[test]
fn a_run_file_that_is_deleted_or_destroyed_while_it_is_written_is_built_anew() {
    for damage in [
        |path: &std::path::Path| std::fs::remove_file(path).unwrap(),
        |path: &std::path::Path| {
            std::fs::write(path, vec![0x5a; 50_000]).unwrap();
        },
    ] {
        let place = Place::new();
        let (said, sink) = warnings();
        let run = Run::builder("p").dir(place.path()).on_warning(sink).start().unwrap();
        let path = run.path().to_owned();
        run.log([("n", 1)]);
        wait_until("the row is in the run file", || ask::<i64>(&path, "SELECT count(*) FROM history") == 1);
        damage(&path);
        run.log([("n", 2)]);
        run.finish(0).unwrap();
        assert_eq!(ask::<i64>(&path, "SELECT count(*) FROM history"), 2);
        assert!(!said.lock().unwrap().is_empty());
        assert_eq!(place.danlu(&["verify", "latest"]).code, 0);
    }
}

#[test]
fn what_is_logged_after_the_end_is_warned_about() {
    let place = Place::new();
    let (said, sink) = warnings();
    let run = Run::builder("p").dir(place.path()).on_warning(sink).start().unwrap();
    run.log([("n", 1)]);
    run.end(0).unwrap();
    run.end(0).unwrap();
    run.log([("n", 2)]);
    assert!(run.save("x").is_err());
    assert_eq!(said.lock().unwrap().len(), 1);
    assert_eq!(place.json(&["sql", "latest", "SELECT count(*) AS n FROM history"])[0]["n"], 1);
}

#[test]
fn a_run_that_is_dropped_counts_as_crashed_and_keeps_everything() {
    let place = Place::new();
    let run = Run::builder("p").dir(place.path()).start().unwrap();
    run.log([("n", 1)]);
    drop(run);
    let listed = place.json(&["ls"]);
    assert_eq!((&listed[0]["state"], &listed[0]["last_step"]), (&"crashed".into(), &0.into()));
}

#[test]
fn two_runs_with_one_id_in_the_same_second_are_two_files() {
    let place = Place::new();
    struct Still;
    impl danlu::model::Clock for Still {
        fn now(&self) -> i64 {
            1_700_000_000_000_000
        }
    }
    let runs: Vec<Run> = (0..3)
        .map(|_| Run::builder("p").id("same").dir(place.path()).clock(Arc::new(Still)).start().unwrap())
        .collect();
    for run in runs {
        run.log([("n", 1)]);
        run.finish(0).unwrap();
    }
    let listed = names(&place.join("wandb"));
    assert_eq!(listed.len(), 4, "{listed:?}");
    assert!(listed.contains(&"run-20231114_221320-same-2.sqlite".to_owned()), "{listed:?}");
}

#[test]
fn threads_may_log_at_once() {
    let place = Place::new();
    let run = Run::builder("p").dir(place.path()).start().unwrap();
    let path = run.path().to_owned();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let run = &run;
            scope.spawn(move || (0..500).for_each(|n| run.log([(format!("t{thread}"), n)])));
        }
    });
    run.finish(0).unwrap();
    assert_eq!(ask::<i64>(&path, "SELECT count(*) FROM history"), 2000);
    assert_eq!(ask::<i64>(&path, "SELECT count(DISTINCT step) FROM history"), 2000);
}

#[test]
fn a_journal_that_is_taken_away_costs_no_row_that_was_applied() {
    let place = Place::new();
    let (said, sink) = warnings();
    let run = Run::builder("p").dir(place.path()).on_warning(sink).start().unwrap();
    let path = run.path().to_owned();
    (0..200).for_each(|n| run.log([("n", n)]));
    std::fs::remove_file(&danlu::store::journals_of(&path).unwrap()[0]).unwrap();
    run.log([("n", 200)]);
    run.finish(0).unwrap();
    assert!(said.lock().unwrap()[0].contains("is gone"), "{:?}", said.lock().unwrap());
    assert_eq!(ask::<i64>(&path, "SELECT count(*) FROM history"), 201);
    assert_eq!(place.danlu(&["verify"]).code, 0);
}

#[test]
fn a_journal_that_lost_records_is_no_success() {
    let place = Place::new();
    let run = Run::builder("p").dir(place.path()).tick(std::time::Duration::from_secs(3600)).start().unwrap();
    let journal = danlu::store::journals_of(run.path()).unwrap().remove(0);
    (0..200).for_each(|n| run.log([("n", n)]));
    std::fs::OpenOptions::new().write(true).open(&journal).unwrap().set_len(2000).unwrap();
    (0..200).for_each(|n| run.log([("n", n)]));
    let error = run.finish(0).unwrap_err();
    assert!(error.to_string().contains("records that were written"), "{error}");
}

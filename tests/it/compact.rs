//! Archiving runs, bringing them back, and tidying up.

use crate::support::{Place, ask, names, wait_until};
use danlu::query::{Axis, envelope};
use danlu::{Resume, Run, store};

/// A run with everything in it, long enough for several segments and envelopes.
fn written(place: &Place, rows: u32) -> std::path::PathBuf {
    let run = Run::builder("p").id("r").name("n").config("lr", 0.1).dir(place.path()).start().unwrap();
    for n in 0..rows {
        run.log([("loss", f64::from(n).sin()), ("n", f64::from(n))]);
    }
    run.summary("best", 7);
    std::fs::write(place.join("model.bin"), b"weights".repeat(100_000)).unwrap();
    run.save("model.bin").unwrap();
    let path = run.path().to_owned();
    run.finish(0).unwrap();
    path
}

/// All that commands say of the run; what differs between the two forms is left out.
fn said(place: &Place) -> Vec<serde_json::Value> {
    let mut said = vec![
        place.json(&["ls"]),
        place.json(&["show", "r"]),
        place.json(&[
            "sql",
            "r",
            "SELECT count(*), sum(value), min(step), max(step) FROM history WHERE key = 'loss'",
        ]),
        place.json(&["sql", "SELECT run, key, count(*), max(value) FROM history GROUP BY run, key"]),
        place.json(&["sql", "r", "SELECT * FROM files"]),
        place.json(&["verify", "r"]),
    ];
    said[0][0]["bytes"].take();
    said[1]["bytes"].take();
    said
}

#[test]
fn a_compacted_run_says_the_same_in_less_space_and_comes_back() {
    let place = Place::new();
    let path = written(&place, 20_000);
    let before = said(&place);
    let chart = |path| envelope(&[store::open(path).unwrap()], "loss", Axis::Step, None, 300).unwrap();
    let columns = chart(&path);
    let digest = store::digest(&store::open(&path).unwrap()).unwrap();

    let report = place.json(&["compact", "r"]);
    let (large, small) =
        (report[0]["bytes_before"].as_u64().unwrap(), report[0]["bytes_after"].as_u64().unwrap());
    assert!(small - 700_000 < (large - 700_000) / 2, "{large} to {small}");
    assert_eq!(said(&place), before);
    assert_eq!(chart(&path), columns);
    assert_eq!(place.json(&["sync", "./usb"])["runs"][0]["digest"], digest.unwrap().to_string());
    assert_eq!(place.danlu(&["verify", "usb"]).code, 0);
    // Stock sqlite3 sees everything but the history.
    assert_eq!(ask::<i64>(&path, "SELECT count(*) FROM history"), 0);
    assert_eq!(ask::<f64>(&path, "SELECT value FROM config WHERE key = 'lr'"), 0.1);
    let again = place.danlu(&["compact", "r"]);
    assert!(again.code == 2 && again.stderr.contains("is compacted already"), "{}", again.stderr);
    assert_eq!(place.danlu(&["compact", "--all"]).stdout, "no run was compacted\n");

    assert_eq!(place.json(&["expand", "--all"])[0]["run"], "r");
    assert_eq!(said(&place), before);
    assert_eq!(ask::<i64>(&path, "SELECT count(*) FROM history"), 40_000);
    assert_eq!(names(&place.join("wandb")).len(), 3, "one file, the link, and what the syncer knows");
}

#[test]
fn damage_in_a_compacted_run_is_named_and_a_damaged_run_is_not_compacted() {
    let place = Place::new();
    let path = written(&place, 3000);
    let whole = std::fs::read(&path).unwrap();
    let records = |path: &std::path::Path| {
        let connection = store::open(path).unwrap();
        store::attempts(&connection)
            .unwrap()
            .iter()
            .map(|a| store::records(&connection, a).unwrap())
            .collect::<Vec<_>>()
    };
    let said = records(&path);
    assert_eq!(place.danlu(&["compact", "r"]).code, 0);
    let compacted = std::fs::read(&path).unwrap();
    let (mut noticed, mut harmless) = (0, 0);
    for at in (0..compacted.len()).step_by(6007) {
        let mut damaged = compacted.clone();
        damaged[at] ^= 1 << (at % 8);
        std::fs::write(&path, damaged).unwrap();
        if store::verify(&path).is_ok_and(|report| report.damage.is_empty()) {
            assert_eq!(records(&path), said, "the flip at {at} changed what is read, and was not noticed");
            harmless += 1;
        } else {
            noticed += 1;
        }
    }
    assert!(noticed > 20, "{noticed} noticed, {harmless} harmless");
    std::fs::write(&path, &whole).unwrap();
    let sql = "DROP TRIGGER point_update; UPDATE point SET value = 1e9 WHERE id = 77";
    rusqlite::Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    let damaged = std::fs::read(&path).unwrap();
    let done = place.danlu(&["compact", "r"]);
    assert!(
        done.code == 1 && done.stderr.contains("damaged") || done.stderr.contains("checksums"),
        "{}",
        done.stderr
    );
    assert_eq!(std::fs::read(&path).unwrap(), damaged, "it is as it was");
}

#[test]
fn a_running_run_is_left_alone_and_a_compacted_one_goes_on_in_a_file_of_its_own() {
    let place = Place::new();
    let start = || Run::builder("p").id("r").dir(place.path()).resume(Resume::Allow);
    let run = start().start().unwrap();
    run.log([("a", 1)]);
    (0..20_000).for_each(|n| run.log_at(0, [("b", n)]));
    wait_until("the run is listed", || place.json(&["ls"])[0]["records"].as_u64() > Some(0));
    let done = place.danlu(&["compact", "r"]);
    assert!(done.code == 1 && done.stderr.contains("it is still being written"), "{}", done.stderr);
    assert_eq!(place.danlu(&["compact", "--all"]).stdout, "no run was compacted\n");
    run.finish(0).unwrap();
    assert_eq!(place.danlu(&["compact", "r"]).code, 0);
    let rewind = start().resume(Resume::No).rewind_to(0).start().unwrap_err();
    assert!(rewind.to_string().ends_with("it is compacted"), "{rewind}");
    let run = start().start().unwrap();
    assert_eq!(run.step(), 1);
    run.log([("a", 2)]);
    run.finish(0).unwrap();
    let rows = place.json(&["sql", "SELECT step, value FROM history WHERE key = 'a' ORDER BY step"]);
    assert_eq!(rows, serde_json::json!([{"step": 0, "value": 1}, {"step": 1, "value": 2}]));
    assert_eq!(place.json(&["ls"]).as_array().unwrap().len(), 1);
}

#[test]
fn a_run_that_would_not_become_smaller_is_left_alone() {
    let place = Place::new();
    let path = place.run("small", 1);
    let before = std::fs::read(&path).unwrap();
    let done = place.danlu(&["compact", "small"]);
    assert_eq!(
        (done.code, done.stdout.as_str()),
        (0, "left alone small: 132 kB, and compacted it would not be smaller\n"),
        "{}",
        done.stderr
    );
    assert!(std::fs::read(&path).unwrap() == before);
    assert_eq!(names(&place.join("wandb")).len(), 2, "the file and the link");
}

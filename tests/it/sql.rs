//! `danlu sql`: one run, many runs, nothing but reading.

use crate::support::Place;
use serde_json::json;

#[test]
fn over_one_run_the_query_sees_its_views() {
    let place = Place::new();
    place.run("abc", 3);
    let answer =
        place.json(&["sql", "abc", "SELECT step, value FROM history WHERE key = 'acc' ORDER BY step"]);
    assert_eq!(
        answer,
        json!([{"step": 0, "value": 0.0}, {"step": 1, "value": 1.0}, {"step": 2, "value": 2.0}])
    );
}

#[test]
fn over_many_runs_every_table_says_which_run() {
    let place = Place::new();
    place.run("one", 2);
    place.run("two", 5);
    let rows = |query: &str| place.json(&["sql", query]);
    assert_eq!(
        rows(
            "SELECT run, count(*) AS n, max(value) AS top FROM history WHERE key = 'acc' GROUP BY run ORDER BY run"
        ),
        json!([{"run": "one", "n": 2, "top": 1.0}, {"run": "two", "n": 5, "top": 4.0}])
    );
    assert_eq!(
        rows(
            "SELECT r.run, s.value FROM runs r JOIN summary s ON s.run = r.run AND s.key = 'loss' ORDER BY s.value"
        ),
        json!([{"run": "two", "value": 0.2}, {"run": "one", "value": 0.5}])
    );
    assert_eq!(rows("SELECT DISTINCT value FROM config WHERE key = 'lr'"), json!([{"value": 0.5}]));
    assert_eq!(rows("SELECT count(*) AS n FROM files WHERE path = 'model.bin'"), json!([{"n": 2}]));
    assert_eq!(
        rows("SELECT count(*) AS n FROM history WHERE run = 'two' AND key = 'loss' AND step > 1"),
        json!([{"n": 3}])
    );
    let two = place.json(&["sql", "one", "two", "SELECT count(DISTINCT run) AS n FROM history"]);
    assert_eq!(two, json!([{"n": 2}]));
}

#[test]
fn a_query_can_only_read() {
    let place = Place::new();
    place.run("abc", 1);
    for query in [
        "DELETE FROM row",
        "INSERT INTO event VALUES (1, 1, 'x', '', '', '')",
        "ATTACH 'elsewhere.db' AS x",
        "PRAGMA query_only = 0",
        "CREATE TABLE x (y)",
        "VACUUM INTO 'copy.db'",
        "SELECT load_extension('x')",
    ] {
        for run in [&["abc"][..], &[][..]] {
            let done = place.danlu(&[&["sql"], run, &[query]].concat());
            assert_eq!(done.code, 2, "{query}: {}{}", done.stdout, done.stderr);
            assert!(done.stderr.starts_with("error: Cannot answer the query"), "{query}: {}", done.stderr);
        }
    }
    assert_eq!(place.danlu(&["verify"]).code, 0);
    assert!(!place.join("copy.db").exists() && !place.join("elsewhere.db").exists());
}

#[test]
fn the_answer_is_a_table_for_people() {
    let place = Place::new();
    place.run("abc", 3);
    let done =
        place.danlu(&["sql", "SELECT key, count(*) AS n, min(value) AS low FROM history GROUP BY key"]);
    insta::assert_snapshot!(done.stdout);
}

#[test]
fn of_several_runs_with_one_name_none_is_taken_in_silence() {
    let place = Place::new();
    let (first, second) = (place.run("r", 2), place.run("r", 5));
    let query = "SELECT count(*) AS n FROM history WHERE key = 'loss'";
    for command in [&["sql", "r", query][..], &["show", "r"], &["files", "r"]] {
        let done = place.danlu(command);
        let name = first.file_name().unwrap().to_str().unwrap();
        let is_said =
            done.stderr.starts_with("warning: Several runs are called demo/r") && done.stderr.contains(name);
        assert!(done.code == 0 && is_said, "{command:?}: {}", done.stderr);
    }
    for (path, rows) in [(first, 2), (second, 5)] {
        let path = path.to_str().unwrap().to_owned();
        let done = place.danlu(&["sql", &path, query, "--json"]);
        assert_eq!(done.stderr, "");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&done.stdout).unwrap()[0]["n"], rows);
    }
}

//! Samples of Trackio before and after it gave runs ids, compared with what is in their tables.

use super::{Imported, Place, copy, expected, floats, import, sample, statuses};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const VERSIONS: [&str; 2] = ["trackio-0.9.1", "trackio-0.43.0"];

fn of_run<'a>(all: &'a Value, table: &str, run: &str) -> Vec<&'a Value> {
    all["tables"][table].as_array().unwrap().iter().filter(|row| row["run_name"] == run).collect()
}

fn json_of(row: &Value, column: &str) -> serde_json::Map<String, Value> {
    serde_json::from_str(row[column].as_str().unwrap()).unwrap()
}

#[test]
fn rows_configs_and_times() {
    for version in VERSIONS {
        let (place, all) = (Place::new(), expected(version));
        let outcome = import(&place, &sample(version), &[]);
        for name in ["first", "second run"] {
            let run = Imported::named(&outcome, name, &place);
            assert_eq!(run.start()["project"], "digits");
            let history = run.history();
            let mut plain = BTreeMap::new();
            for row in of_run(&all, "metrics", name) {
                for (key, value) in
                    json_of(row, "metrics").into_iter().filter(|(_, value)| !value.is_object())
                {
                    plain.insert((key, row["step"].as_i64().unwrap()), floats(value));
                }
            }
            assert!(plain.len() > 5);
            for (at, value) in &plain {
                assert_eq!(history[at], *value, "{version} {name} {at:?}");
            }
            let config = run.settings("config");
            assert_eq!((&config["lr"], &config["layers"]), (&json!(0.1), &json!([8.0, 4.0])));
            assert!(!config.contains_key("_Created"));
            let row = of_run(&all, "metrics", name)[0];
            let second = row["timestamp"].as_str().unwrap().split('.').next().unwrap();
            let time = run.rows(
                "SELECT strftime('%Y-%m-%dT%H:%M:%S', time / 1000000, 'unixepoch') FROM row WHERE step = 0",
            );
            assert_eq!(time[0][0], second);
        }
        assert_eq!(
            Imported::named(&outcome, "second run", &place).settings("config")["_import"]["run"],
            "second run"
        );
    }
}

#[test]
fn media_system_metrics_and_alerts() {
    let (place, version) = (Place::new(), "trackio-0.43.0");
    let outcome = import(&place, &sample(version), &[]);
    let run = Imported::of(&outcome, "digits/first", &place);
    let history = run.history();
    let image = &history[&("sample".to_owned(), 4)];
    assert_eq!(
        (&image["_type"], &image["caption"], &image["format"]),
        (&json!("image-file"), &json!("one pixel"), &json!("png"))
    );
    assert!(run.file(image["path"].as_str().unwrap()).starts_with(b"\x89PNG"));
    assert_eq!(
        history[&("weights".to_owned(), 5)],
        json!({"_type": "histogram", "bins": [0.0, 0.5, 1.0, 1.5], "values": [1.0, 2.0, 3.0]})
    );
    assert_eq!(run.rows("SELECT value FROM system WHERE key = 'cpu'"), [[json!(12.5)]]);
    assert_eq!(
        run.rows("SELECT title, text, data FROM alerts"),
        [["Loss is low", "below a tenth", "{\"level\":\"WARN\"}"]]
    );
    let old = import(&Place::new(), &sample("trackio-0.9.1"), &[]);
    assert_eq!(old["runs"][0]["files"], 1);
}

#[test]
fn a_database_that_got_ids_later_is_the_same_runs() {
    let place = Place::new();
    copy(&sample("trackio-0.9.1"), &place.join("trackio"));
    import(&place, &place.join("trackio"), &[]);
    let database = rusqlite::Connection::open(place.join("trackio/digits.db")).unwrap();
    for table in ["metrics", "configs"] {
        // As Trackio 0.24 does it: each name gets an id.
        let sql =
            format!("ALTER TABLE {table} ADD COLUMN run_id TEXT; UPDATE {table} SET run_id = hex(run_name)");
        database.execute_batch(&sql).unwrap();
    }
    let again = import(&place, &place.join("trackio"), &[]);
    assert!(statuses(&again).values().all(|status| status == "up_to_date"), "{again}");
}

/// Runs an import of a directory in which nothing can be written.
fn read_only(place: &Place, directory: &str) -> crate::support::Done {
    let mut danlu = std::process::Command::new("unshare");
    let mount = "mount --bind $1 $1 && mount -o remount,bind,ro $1 && exec $0 import $1";
    danlu.args(["-m", "sh", "-c", mount, env!("CARGO_BIN_EXE_danlu")]).arg(place.join(directory));
    crate::support::done(danlu.current_dir(place.path()).output().unwrap(), place)
}

#[test]
fn a_database_with_a_write_ahead_log_where_nothing_can_be_written() {
    let place = Place::new();
    copy(&sample("trackio-0.43.0"), &place.join("t"));
    let path = place.join("t/digits.db");
    let database = rusqlite::Connection::open(&path).unwrap();
    database.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).unwrap();
    database.execute("UPDATE metrics SET step = step", []).unwrap();
    // Somebody has copied both while it was written.
    std::fs::create_dir(place.join("copied")).unwrap();
    for end in ["", "-wal"] {
        let from = format!("{}{end}", path.display());
        std::fs::copy(from, place.join("copied").join(format!("x.db{end}"))).unwrap();
    }
    drop(database);
    let done = read_only(&place, "copied");
    assert!(done.stderr.contains("x.db") && done.code == 1, "{}{}", done.stdout, done.stderr);
    let done = read_only(&place, "t");
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("digits"), "{}", done.stdout);
}

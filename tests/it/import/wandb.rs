//! Samples of wandb 0.16 to 0.31, compared with what its own reader of `.wandb` files says.

use super::{Imported, Place, copy, expected, floats, import, sample, statuses};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const VERSIONS: [&str; 4] = ["wandb-0.16.6", "wandb-0.19.11", "wandb-0.22.3", "wandb-0.31.0"];

/// Reads a JSON text of W&B.
fn value(text: &str) -> Value {
    match text {
        "NaN" | "Infinity" | "-Infinity" => text.into(),
        _ => floats(serde_json::from_str(text).unwrap()),
    }
}

/// Brings what W&B's reader says into the form of danlu: names joined with dots, media whole, nothing of W&B's own.
fn flat(texts: &Value) -> BTreeMap<String, Value> {
    fn put(flat: &mut BTreeMap<String, Value>, name: &str, value: Value) {
        match value {
            Value::Object(members) if !members.contains_key("_type") => {
                for (member, value) in members {
                    put(flat, &format!("{name}.{member}"), value);
                }
            }
            other => {
                flat.insert(name.to_owned(), other);
            }
        }
    }
    let texts = texts.as_object().unwrap();
    let media: Vec<&str> = texts.keys().filter_map(|name| name.strip_suffix("._type")).collect();
    let mut found = BTreeMap::new();
    for (name, text) in texts {
        let value = value(text.as_str().unwrap());
        let own = ["_step", "_timestamp", "_runtime", "_wandb"].contains(&name.split('.').next().unwrap());
        match name.split_once('.').filter(|(object, _)| media.contains(object)) {
            _ if own => {}
            Some((object, member)) => {
                found.entry(object.to_owned()).or_insert_with(|| json!({}))[member] = value;
            }
            None => put(&mut found, name, value),
        }
    }
    found
}

/// Finds what W&B's reader says of the run with an id, file by file.
fn parts<'a>(all: &'a Value, id: &str) -> Vec<&'a Value> {
    let runs = all["runs"].as_object().unwrap();
    let mut found: Vec<(&String, &Value)> = runs.iter().filter(|(_, run)| run["run"]["id"] == id).collect();
    found.sort_by_key(|(name, _)| *name);
    found.into_iter().map(|(_, run)| run).collect()
}

#[test]
fn a_run_has_all_that_wandbs_own_reader_finds() {
    for version in VERSIONS {
        let place = Place::new();
        let outcome = import(&place, &sample(version), &[]);
        let all = expected(version);
        let rich = Imported::of(&outcome, "lab/digits/rich0001", &place);
        let said = parts(&all, "rich0001")[0];

        let mut history = BTreeMap::new();
        for row in said["rows"].as_array().unwrap() {
            for (key, value) in flat(&row[1]) {
                history.insert((key, row[0].as_i64().unwrap()), value);
            }
        }
        assert_eq!(rich.history(), history, "{version}");
        let mut summary = flat(&said["summary"]);
        if version == "wandb-0.16.6" {
            // It has no nested values in its summary; danlu has the last value of every key.
            summary.insert("nested.deep.a".to_owned(), json!(4.0));
        }
        assert_eq!(rich.settings("summary"), summary, "{version}");
        let config = said["config"].as_object().unwrap().iter();
        let config: BTreeMap<_, _> = config
            .filter(|(k, _)| *k != "_wandb")
            .map(|(k, v)| (k.clone(), value(v.as_str().unwrap())))
            .collect();
        assert_eq!(rich.settings("config"), config, "{version}");

        let start = rich.start();
        for (name, value) in said["run"].as_object().unwrap().iter().filter(|(name, _)| *name != "exit_code")
        {
            assert_eq!(start[name], *value, "{version} {name}");
        }
        assert_eq!(rich.exit_code(), Some(0));
        assert_eq!(start["info"]["import"]["tool"], "wandb");
        assert!(rich.lost().is_empty());
    }
}

#[test]
fn rows_have_the_times_at_which_they_were_logged() {
    for version in VERSIONS {
        let place = Place::new();
        let outcome = import(&place, &sample(version), &[]);
        let rich = Imported::of(&outcome, "lab/digits/rich0001", &place);
        let all = expected(version);
        for (found, row) in rich
            .rows("SELECT step, time FROM row WHERE step IS NOT NULL ORDER BY id")
            .iter()
            .zip(parts(&all, "rich0001")[0]["rows"].as_array().unwrap())
        {
            assert_eq!(found[0], row[0]);
            let seconds: f64 = row[1]["_timestamp"].as_str().unwrap().parse().unwrap();
            assert!((found[1].as_f64().unwrap() - seconds * 1e6).abs() < 1.0, "{version}: {found:?}");
        }
    }
}

#[test]
fn the_rest_of_a_run_is_there_too() {
    for version in VERSIONS {
        let place = Place::new();
        let outcome = import(&place, &sample(version), &[]);
        let rich = Imported::of(&outcome, "lab/digits/rich0001", &place);
        let kinds = &parts(&expected(version), "rich0001")[0]["kinds"].clone();
        assert_eq!(
            rich.rows("SELECT count(*) FROM row WHERE step IS NULL")[0][0],
            kinds["stats"],
            "{version}"
        );
        assert!(!rich.rows("SELECT * FROM system WHERE key = 'cpu'").is_empty());
        assert_eq!(
            rich.rows("SELECT stream, text FROM console ORDER BY stream"),
            [[json!("stderr"), json!("an error\n")], [json!("stdout"), json!("printed by the script\n")]]
        );
        assert_eq!(
            rich.rows("SELECT title, text, data FROM alerts"),
            [[json!("Loss is low"), json!("below a tenth"), json!("{\"level\":\"WARN\"}")]]
        );
        let artifact = &rich.rows("SELECT relation, data FROM artifacts WHERE name = 'weights'")[0];
        let data: Value = serde_json::from_str(artifact[1].as_str().unwrap()).unwrap();
        assert_eq!(
            (&data["type"], &data["size"], &data["metadata"]),
            (&json!("model"), &json!(7), &json!({"size": 3}))
        );
        let metrics: BTreeMap<_, _> =
            rich.settings("(SELECT name AS key, data AS value FROM metrics)").into_iter().collect();
        assert_eq!(metrics["epoch"]["hidden"], true);
        assert_eq!(metrics["val/f1"]["step_metric"], "epoch");
        assert_eq!(metrics["loss"]["summary"], json!(["min", "max"]));
        if version != "wandb-0.31.0" {
            assert_eq!(metrics["loss"]["goal"], "minimize");
        }
    }
}

#[test]
fn the_files_of_a_run_are_kept() {
    for version in VERSIONS {
        let place = Place::new();
        let outcome = import(&place, &sample(version), &[]);
        let rich = Imported::of(&outcome, "lab/digits/rich0001", &place);
        assert_eq!(rich.file("saved.txt"), b"saved\n");
        let image = &rich.history()[&("sample".to_owned(), 10)];
        let content = rich.file(image["path"].as_str().unwrap());
        assert!(content.starts_with(b"\x89PNG"));
        assert_eq!(danlu::model::Hash::of(&content).to_string(), image["sha256"].as_str().unwrap());
        assert!(rich.path.file_name().unwrap().to_str().unwrap().ends_with("-rich0001.sqlite"));
    }
}

#[test]
fn the_files_of_a_run_are_kept_whatever_its_directory_is_called() {
    let place = Place::new();
    copy(&sample("wandb-0.31.0").join("wandb"), &place.join("before"));
    let named = |id: &str| {
        let runs = std::fs::read_dir(place.join("before")).unwrap().map(|entry| entry.unwrap().path());
        runs.into_iter().find(|path| path.to_str().unwrap().ends_with(id)).unwrap()
    };
    let renamed = place.join("lr0.1");
    std::fs::rename(named("-rich0001"), &renamed).unwrap();
    let outcome = import(&place, &renamed, &[]);
    assert!(outcome["runs"][0]["files"].as_u64().unwrap() > 0, "{outcome}");
    // Beside another run it cannot be said whose files they are.
    let other = Place::new();
    let name = "run-failed01.wandb";
    std::fs::copy(named("-failed01").join(name), renamed.join(name)).unwrap();
    let outcome = import(&other, &renamed, &[]);
    assert!(outcome["runs"].as_array().unwrap().iter().all(|run| run["files"] == 0), "{outcome}");
    assert!(outcome.to_string().contains("several runs lie beside it"), "{outcome}");
}

#[test]
fn a_run_that_failed_and_one_of_two_processes() {
    for version in VERSIONS {
        let place = Place::new();
        let outcome = import(&place, &sample(version), &[]);
        assert_eq!(Imported::of(&outcome, "digits/failed01", &place).exit_code(), Some(3));
        let again = Imported::of(&outcome, "digits/again001", &place);
        let losses: Vec<f64> = again.history().values().map(|value| value.as_f64().unwrap()).collect();
        assert_eq!(losses, [0.0, 1.0, 2.0, 10.0, 11.0, 12.0]);
        assert_eq!(again.rows("SELECT origin FROM attempt ORDER BY id"), [["new"], ["resume"]]);
        assert_eq!(again.settings("config")["part"], 1.0);
        assert_eq!(again.settings("summary")["loss"], 12.0);
    }
}

#[test]
fn importing_again_changes_nothing_wherever_the_source_is() {
    let place = Place::new();
    let first = import(&place, &sample(VERSIONS[2]), &[]);
    let before = std::fs::read(&Imported::of(&first, "lab/digits/rich0001", &place).path).unwrap();
    copy(&sample(VERSIONS[2]), &place.join("moved"));
    let again = import(&place, &place.join("moved"), &[]);
    assert!(statuses(&again).values().all(|status| status == "up_to_date"), "{again}");
    assert_eq!(std::fs::read(&Imported::of(&again, "lab/digits/rich0001", &place).path).unwrap(), before);

    // On another machine it becomes the same run, to the last byte of its digest.
    let other = Place::new();
    let there = import(&other, &place.join("moved"), &[]);
    for run in ["lab/digits/rich0001", "digits/again001", "digits/failed01"] {
        assert_eq!(Imported::of(&first, run, &place).digest(), Imported::of(&there, run, &other).digest());
    }
}

#[test]
fn what_was_imported_can_be_pushed() {
    let place = Place::new();
    import(&place, &sample(VERSIONS[1]), &[]);
    let outcome = place.json(&["sync", place.join("stick").to_str().unwrap()]);
    assert!(outcome["runs"].as_array().unwrap().iter().all(|run| run["status"] == "pushed"), "{outcome}");
}

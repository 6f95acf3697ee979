//! Samples of MLflow's file store and database, compared with what its client says.

use super::{Imported, Place, expected, import, number, sample};
use serde_json::{Value, json};

const STORES: [&str; 2] = ["mlflow-3.17.2-files", "mlflow-3.17.2-sqlite"];

fn run_of<'a>(all: &'a Value, name: &str) -> &'a Value {
    all["runs"].as_array().unwrap().iter().find(|run| run["name"] == name).unwrap()
}

#[test]
fn metrics_with_their_times_and_steps() {
    for store in STORES {
        let (place, all) = (Place::new(), expected(store));
        let outcome = import(&place, &sample(store), &["--deleted"]);
        for said in all["runs"].as_array().unwrap() {
            let run = Imported::of(&outcome, &format!("digits/{}", said["id"].as_str().unwrap()), &place);
            let mut points = 0;
            for (key, values) in said["metrics"].as_object().unwrap() {
                for value in values.as_array().unwrap() {
                    let sql = format!(
                        "SELECT CAST(round(time * 1000) AS INTEGER), value FROM history WHERE key = '{key}' AND step = {}",
                        value[1]
                    );
                    let expected = match value[2].as_str().unwrap() {
                        "nan" => json!("NaN"),
                        "inf" => json!("Infinity"),
                        float => number(float.parse().unwrap()),
                    };
                    assert_eq!(run.rows(&sql), [[value[0].clone(), expected]], "{store} {key}");
                    points += 1;
                }
            }
            assert_eq!(run.history().len(), points);
            let sql = "SELECT (SELECT time FROM attempt), (SELECT time FROM event WHERE kind = 'end')";
            let times = [said["start"].as_i64().unwrap() * 1000, said["end"].as_i64().unwrap() * 1000];
            assert_eq!(run.rows(sql), [times]);
        }
    }
}

#[test]
fn what_else_is_known_of_a_run() {
    for store in STORES {
        let (place, all) = (Place::new(), expected(store));
        let outcome = import(&place, &sample(store), &[]);
        let parent = Imported::named(&outcome, "parent", &place);
        let config = parent.settings("config");
        assert_eq!(
            (&config["lr"], &config["layers"], &config["opt/name"]),
            (&json!(0.1), &json!("[8, 4]"), &json!("adam"))
        );
        let start = parent.start();
        assert_eq!(
            (&start["notes"], &start["tags"]),
            (&json!("a note\nof two lines"), &json!(["team=vision"]))
        );
        assert_eq!(start["info"]["mlflow"]["mlflow.source.name"], "train.py");
        assert_eq!(parent.file("model/model.bin"), b"weights".repeat(100));
        assert_eq!(parent.exit_code(), Some(0));
        let child = Imported::named(&outcome, "child", &place);
        assert_eq!(child.start()["group"], run_of(&all, "parent")["id"]);
        assert_eq!(Imported::named(&outcome, "broken", &place).exit_code(), Some(1));
    }
}

#[test]
fn deleted_runs_are_left_out_unless_they_are_asked_for() {
    for store in STORES {
        let (place, all) = (Place::new(), expected(store));
        let outcome = import(&place, &sample(store), &[]);
        let unwanted = run_of(&all, "unwanted")["id"].as_str().unwrap();
        assert_eq!(outcome["runs"].as_array().unwrap().len(), 3);
        assert!(outcome["left_out"][0]["path"].as_str().unwrap().ends_with(unwanted), "{outcome}");
        assert_eq!(outcome["left_out"][0]["failed"], false);
        let more = import(&place, &sample(store), &["--deleted"]);
        assert_eq!(more["runs"].as_array().unwrap().len(), 4);
    }
}

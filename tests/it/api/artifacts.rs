//! Artifacts over all runs of a project.

use super::Api;
use danlu::Run;
use danlu::model::EventKind;
use reqwest::Method;
use serde_json::{Value, json};

/// Lets a run of its own say things of artifacts.
fn say(place: &crate::support::Place, id: &str, said: &[(&str, &str, Value)]) {
    let run = Run::builder("demo").id(id).dir(place.path()).start().unwrap();
    for (name, text, data) in said {
        run.event(EventKind::Artifact, *name, *text, data.to_string());
    }
    run.finish(0).unwrap();
}

fn made(uid: &str, version: &str, seq: u32, aliases: &[&str]) -> Value {
    json!({"uid": uid, "version": version, "seq": seq, "time": seq, "type": "data", "digest": uid, "project": "demo",
        "aliases": aliases, "size": 10, "file_count": 1, "manifest": {"a": {"digest": "x"}}})
}

#[test]
fn what_all_runs_said_makes_one_catalogue() {
    let api = Api::with(|place| {
        say(place, "first", &[("cells:v0", "made", made("a", "v0", 1, &["best"]))]);
        say(
            place,
            "second",
            &[
                ("cells:v0", "used", json!({"of": "a", "uid": "u1", "seq": 2, "project": "demo"})),
                ("model:v0", "made", made("m", "v0", 3, &[])),
                ("cells:v1", "made", made("b", "v1", 4, &["best"])),
            ],
        );
        say(
            place,
            "third",
            &[("model:v0", "used", json!({"of": "m", "uid": "u2", "seq": 5, "project": "demo"}))],
        );
        say(
            place,
            "fourth",
            &[
                ("cells:v1", "made", made("c", "v1", 6, &[])),
                (
                    "cells:v0",
                    "changed",
                    json!({"of": "a", "uid": "x", "seq": 7, "time": 7, "tags": ["old"], "aliases": ["prod"]}),
                ),
                ("gone:v0", "made", made("g", "v0", 8, &["latest"])),
                ("gone:v0", "deleted", json!({"of": "g", "uid": "y", "seq": 9, "project": "demo"})),
                ("odd:v0", "made", json!("no object")),
            ],
        );
    });
    let all = api.get("/artifacts?project=demo");
    let seen: Vec<_> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|v| (v["name"].as_str().unwrap(), v["version"].as_str().unwrap(), v["aliases"].to_string()))
        .collect();
    let wanted = [
        ("cells", "v0", r#"["prod"]"#),
        ("cells", "v1", r#"["best"]"#),
        ("cells", "v2", r#"["latest"]"#),
        ("model", "v0", r#"["latest"]"#),
    ];
    assert_eq!(seen, wanted.map(|(name, version, aliases)| (name, version, aliases.to_owned())));
    assert_eq!(
        (&all[0]["tags"], &all[0]["used_by"], &all[0]["made_by"]),
        (&json!(["old"]), &json!(["second"]), &json!(["first"]))
    );
    let of_run = api.get(&format!("/runs/{}/artifacts", api.key_of("second")));
    assert_eq!((&of_run["used"][0]["uid"], of_run["made"].as_array().unwrap().len()), (&json!("a"), 2));
    let around = api.get("/artifacts/lineage?project=demo&artifact=model");
    let uids: Vec<_> =
        around["artifacts"].as_array().unwrap().iter().map(|v| v["uid"].as_str().unwrap()).collect();
    assert_eq!(uids, ["a", "m"]);
    assert_eq!(around["runs"], json!(["first", "second", "third"]));
    assert!(
        around["edges"]
            .as_array()
            .unwrap()
            .contains(&json!({"run": "third", "artifact": "m", "how": "used"}))
    );
    assert_eq!(api.refused(api.ask(Method::GET, "/artifacts/lineage?project=demo&artifact=none")).0, 404);
    assert_eq!(api.refused(api.ask(Method::GET, "/artifacts?project=none")).0, 404);
    assert_eq!(api.refused(api.ask(Method::GET, "/artifacts")).0, 400);
}

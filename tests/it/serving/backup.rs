//! A backup while the server runs, a wreck, and the server on the backup.

use super::{login, run_of, serving};
use crate::support::names;
use serde_json::json;

#[test]
fn a_backup_is_a_data_directory() {
    let (place, server, key) = serving();
    place.run("one", 5);
    run_of(&place, "vision", "cats", "two");
    assert_eq!(place.danlu(&["sync", &server.url]).code, 0);
    let backup = || place.json(&["admin", "--data", "server", "backup", "copy"]);
    let first = backup();
    assert_eq!((&first["runs"], &first["new_objects"]), (&json!(2), &json!(3)), "{first}");
    // A second one takes what is new.
    place.run("three", 5);
    assert_eq!(place.danlu(&["sync", &server.url]).code, 0);
    let second = backup();
    assert_eq!((&second["runs"], &second["new_objects"]), (&json!(3), &json!(2)), "{second}");
    let (_, before) = server.get("/api/v1/manifests", &key);
    assert!(server.stop().success());
    std::fs::remove_dir_all(place.join("server")).unwrap();
    std::fs::rename(place.join("copy"), place.join("server")).unwrap();
    let server = place.serve();
    assert_eq!(server.key, None, "the keys are those of before");
    login(&place, &server, &key);
    assert_eq!(server.get("/api/v1/manifests", &key).1, before);
    for run in before.as_array().unwrap() {
        let (status, one) = server.get(&format!("/api/v1/runs/{}", run["key"].as_str().unwrap()), &key);
        assert_eq!((status, &one["digest"]), (200, &run["digest"]));
    }
    let verified = place.json(&["admin", "--data", "server", "verify"]);
    assert_eq!(verified, json!({"runs": 3, "objects": 5, "mended": 0, "damage": []}));
    // It is another remote: who believes that runs are pushed asks again, so what the backup lacks would be pushed.
    place.run("four", 1);
    let outcome = place.json(&["sync", &server.url]);
    assert!(outcome["runs"].as_array().unwrap().iter().all(|run| run["status"] == "pushed"), "{outcome}");
    assert_eq!(outcome["objects_sent"], 2);
}

#[test]
fn verify_finds_what_is_damaged_and_mends_the_catalogue() {
    let (place, server, _) = serving();
    place.run("one", 5);
    place.run("two", 5);
    assert_eq!(place.danlu(&["sync", &server.url]).code, 0);
    assert!(server.stop().success());
    // The catalogue is lost: everything but people and what they said follows from the objects.
    for name in names(&place.join("server")).into_iter().filter(|name| name.starts_with("catalogue")) {
        std::fs::remove_file(place.join("server").join(name)).unwrap();
    }
    let server = place.serve();
    let key = server.key.clone().expect("there are no accounts, so one is made");
    assert_eq!(server.get("/api/v1/manifests", &key).1.as_array().unwrap().len(), 2);
    assert_eq!(place.danlu(&["admin", "--data", "server", "verify"]).code, 0);
    let blob = danlu::model::Hash::of("one".repeat(1000).as_bytes()).to_string();
    let path = place.join("server/objects/blobs").join(&blob[..2]).join(&blob);
    std::fs::write(&path, "other bytes").unwrap();
    let done = place.danlu(&["admin", "--data", "server", "verify"]);
    assert!(
        done.code == 1 && done.stdout.contains(&blob) && done.stdout.contains("part of run demo/one"),
        "{}",
        done.stdout
    );
    let done = place.danlu(&["admin", "--data", "server", "backup", "copy"]);
    assert!(done.code == 1 && done.stderr.contains("Run demo/one"), "{}", done.stderr);
}

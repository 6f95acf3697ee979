//! A backup while the server runs, a wreck, and the server on the backup.

use super::{login, run_of, serving};
use crate::support::{Serving, names};
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
    assert_eq!(verified, json!({"runs": 3, "objects": 5, "mended": 0, "damage": [], "unchecked": []}));
    // It is another remote: who believes that runs are pushed asks again, so what the backup lacks would be pushed.
    place.run("four", 1);
    let outcome = place.json(&["sync", &server.url]);
    assert!(outcome["runs"].as_array().unwrap().iter().all(|run| run["status"] == "pushed"), "{outcome}");
    assert_eq!(outcome["objects_sent"], 2);
}

#[test]
fn a_backup_goes_over_nothing_but_an_earlier_one() {
    let (place, server, _) = serving();
    place.run("one", 5);
    assert_eq!(place.danlu(&["sync", &server.url]).code, 0);
    let other = Serving::start(place.command(&[
        "serve",
        "--data",
        "other",
        "--listen",
        "127.0.0.1:0",
        "--log",
        "error",
        "--json",
    ]));
    let key = other.key.clone().unwrap();
    std::fs::create_dir(place.join("full")).unwrap();
    std::fs::write(place.join("full/x"), "mine").unwrap();
    std::os::unix::fs::symlink("server", place.join("alias")).unwrap();
    let refused = |to: &str, why: &str| {
        let done = place.danlu(&["admin", "--data", "server", "backup", to]);
        assert!(done.code != 0 && done.stderr.contains(why), "{to}: {} {}", done.stdout, done.stderr);
    };
    for own in ["server", "server/objects", "server/sub/copy", "alias", "./server/../server"] {
        refused(own, "it is where the data is that is to be copied");
    }
    refused("other", "a server serves it");
    assert!(other.stop().success());
    refused("other", "it has the data of a server, and no `backup.json` says that this is a backup");
    refused("full", "it has other things in it");
    refused(".", "it has other things in it");
    // A backup of before there was such a file.
    refused(
        "other",
        "if this one is a backup that an older danlu has made, remove it once the new one is there",
    );
    assert_eq!(place.danlu(&["admin", "--data", "server", "backup", "copy"]).code, 0);
    let done = place.danlu(&["admin", "--data", "other", "backup", "copy"]);
    assert!(done.code != 0 && done.stderr.contains("the backup of another server"), "{}", done.stderr);
    // What is served goes its own way.
    let serve = |data: &str| {
        let args = ["serve", "--data", data, "--listen", "127.0.0.1:0", "--log", "error", "--json"];
        Serving::start(place.command(&args))
    };
    let copy = serve("copy");
    refused("copy", "a server serves it");
    assert!(copy.stop().success());
    refused("copy", "it has the data of a server");
    assert_eq!(serve("other").get("/api/v1/me", &key).0, 200, "it is as it was");
}

#[test]
fn a_data_directory_has_one_server_and_is_for_its_owner() {
    use std::os::unix::fs::PermissionsExt;
    let (place, server, _) = serving();
    let mode = std::fs::metadata(place.join("server")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let second = place.danlu(&["serve", "--data", "server", "--listen", "127.0.0.1:0"]);
    assert!(
        second.code == 1 && second.stderr.contains("Another server serves the data directory"),
        "{}",
        second.stderr
    );
    assert_eq!(place.danlu(&["admin", "--data", "server", "stats"]).code, 0);
    drop(server);
    assert!(place.serve().stop().success());
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

//! Remotes that have a run without some of its files.

use crate::support::{Place, names};
use serde_json::Value;

/// Writes a run with the files `a.bin` and `b.bin`.
fn two_files(place: &Place) {
    let run = danlu::Run::builder("demo").id("r").dir(place.path()).start().unwrap();
    for (name, length) in [("a.bin", 70_000), ("b.bin", 70_001)] {
        std::fs::write(place.join(name), name.as_bytes().repeat(length).get(..length).unwrap()).unwrap();
        run.save_as(&place.join(name), name).unwrap();
    }
    run.finish(0).unwrap();
}

/// Returns the status of the run of a sync, the objects that were sent, and the files that are left out.
fn synced(place: &Place, args: &[&str]) -> (String, u64, u64) {
    let outcome = place.json(&[&["sync"], args].concat());
    let run = &outcome["runs"][0];
    (
        run["status"].as_str().unwrap().to_owned(),
        outcome["objects_sent"].as_u64().unwrap(),
        run["left_out"].as_u64().unwrap(),
    )
}

/// Returns how the run stands at a remote.
fn at(place: &Place, remote: &str, args: &[&str]) -> Value {
    let status = place.json(&[&["status"], args].concat());
    let is_it = |at: &&Value| at["address"].as_str().unwrap().ends_with(&format!("/{remote}"));
    status["remotes"].as_array().unwrap().iter().find(is_it).unwrap()["runs"][0].clone()
}

fn absent(place: &Place, remote: &str) -> usize {
    let runs = place.join(remote).join("runs");
    let manifest = std::fs::read(runs.join(&names(&runs)[0])).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    manifest["absent"].as_array().map_or(0, Vec::len)
}

#[test]
fn a_relay_sends_the_files_that_the_target_lacks_also_if_it_has_as_many() {
    let place = Place::new();
    two_files(&place);
    assert_eq!(synced(&place, &["./target", "--exclude", "a.bin"]), ("pushed".into(), 2, 1));
    assert_eq!(synced(&place, &["./stick", "--exclude", "b.bin"]), ("pushed".into(), 2, 1));
    // The same files are left out at both.
    assert_eq!(synced(&place, &["--from", "./target", "./other"]).0, "pushed");
    assert_eq!(synced(&place, &["--from", "./target", "./other"]), ("up_to_date".into(), 0, 1));
    let relayed = synced(&place, &["--from", "./stick", "./target"]);
    assert_eq!((relayed.0.as_str(), relayed.1, absent(&place, "target")), ("pushed", 1, 0));
    assert_eq!(synced(&place, &["--from", "./stick", "./target"]).0, "up_to_date");
    assert_eq!(place.danlu(&["verify", "./target"]).code, 0);
}

#[test]
fn how_a_run_stands_at_a_remote_is_what_that_remote_has() {
    let place = Place::new();
    two_files(&place);
    assert_eq!(synced(&place, &["./all"]), ("pushed".into(), 3, 0));
    assert_eq!(synced(&place, &["./some", "--include", "a.bin"]), ("pushed".into(), 2, 1));
    let (all, some) = (at(&place, "all", &[]), at(&place, "some", &[]));
    assert_eq!((&all["status"], &all["why"]), (&"pushed".into(), &Value::Null), "{all}");
    assert_eq!((&some["status"], &some["left_out"]), (&"partly".into(), &1.into()), "{some}");
    // Nothing is left out of what is there, whatever this sync is about.
    assert_eq!((synced(&place, &["./all", "--exclude", "*.bin"]).1, absent(&place, "all")), (0, 0));
    let all = at(&place, "all", &[]);
    assert_eq!((&all["status"], &all["left_out"]), (&"pushed".into(), &0.into()), "{all}");
}

#[test]
fn a_remote_that_has_fewer_files_than_it_had_is_told() {
    let place = Place::new();
    two_files(&place);
    assert_eq!(synced(&place, &["./usb", "--exclude", "a.bin"]).0, "pushed");
    let runs = place.join("usb").join("runs");
    let manifest = runs.join(&names(&runs)[0]);
    let backup = std::fs::read(&manifest).unwrap();
    assert_eq!(synced(&place, &["./usb"]), ("pushed".into(), 1, 0));
    assert_eq!(at(&place, "usb", &["--check"])["status"], "pushed");
    std::fs::write(&manifest, backup).unwrap();
    let lost = at(&place, "usb", &["--check"]);
    assert_eq!(lost["status"], "partly", "{lost}");
    assert!(lost["why"].as_str().unwrap().contains("fewer of its files"), "{lost}");
    assert_eq!((synced(&place, &["./usb", "--recheck"]).0.as_str(), absent(&place, "usb")), ("pushed", 0));
    assert_eq!(at(&place, "usb", &["--check"])["status"], "pushed");
}

#[test]
fn a_dry_run_counts_what_several_runs_have_once() {
    let place = Place::new();
    std::fs::write(place.join("same.bin"), [7; 70_000]).unwrap();
    for id in ["one", "two", "three"] {
        let run = danlu::Run::builder("demo").id(id).dir(place.path()).start().unwrap();
        run.save_as(&place.join("same.bin"), "same.bin").unwrap();
        run.finish(0).unwrap();
    }
    let would = place.json(&["sync", "./usb", "--dry-run"]);
    assert_eq!(would["runs"].as_array().unwrap().len(), 3);
    assert_eq!(would["objects_sent"], 4, "{would}");
    assert_eq!(place.json(&["sync", "./usb"])["objects_sent"], 4);
}

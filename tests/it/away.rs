//! Remotes that are not there, that are not what they were, or have less than they had.

use crate::support::{Place, names, terminate, wait_until};
use serde_json::Value;
use std::process::Stdio;

#[test]
fn a_remote_that_lost_runs_is_noticed_by_a_plain_sync() {
    let place = Place::new();
    place.run("abc", 3);
    assert_eq!(place.danlu(&["sync", "./usb"]).code, 0);
    let runs = place.join("usb/runs");
    let lose = || names(&runs).iter().for_each(|name| std::fs::remove_file(runs.join(name)).unwrap());
    lose();
    // It was looked at just now.
    assert_eq!(place.json(&["sync", "./usb"])["runs"][0]["status"], "up_to_date");
    let later = |micros: i64| {
        let state = rusqlite::Connection::open(place.join("wandb/sync.sqlite")).unwrap();
        assert_eq!(state.execute("UPDATE peer SET looked = looked - ?", [micros]).unwrap(), 1);
    };
    later(1_300_000_000);
    let done = place.json(&["sync", "./usb"]);
    assert_eq!(done["runs"][0]["status"], "pushed", "{done}");
    assert_eq!(names(&place.join("usb/runs")).len(), 1);
    // Also by a watch.
    lose();
    later(1_300_000_000);
    let mut watching = place.command(&["sync", "./usb", "--watch"]).stdout(Stdio::null()).spawn().unwrap();
    wait_until("the run is there again", || !names(&place.join("usb/runs")).is_empty());
    terminate(&watching);
    watching.wait().unwrap();
}

#[test]
fn a_stick_that_is_not_mounted_is_not_made_up_for() {
    let place = Place::new();
    place.run("abc", 1);
    std::fs::create_dir(place.join("media")).unwrap();
    assert_eq!(place.danlu(&["sync", "media/usb"]).code, 0);
    std::fs::rename(place.join("media/usb"), place.join("pulled")).unwrap();
    // The directory of the mount is gone, or there and empty.
    for is_there in [false, true] {
        if is_there {
            std::fs::create_dir(place.join("media/usb")).unwrap();
        }
        for call in [&["sync"][..], &["sync", "media/usb"], &["sync", "media/usb", "--dry-run"]] {
            let done = place.danlu(call);
            assert_eq!(done.code, 1, "{call:?}: {}", done.said());
            assert!(
                done.stderr.contains("The remote that was in `[DIR]/media/usb` is not there")
                    && done.stderr.contains("--new"),
                "{}",
                done.stderr
            );
        }
        assert_eq!(place.join("media/usb").exists(), is_there);
    }
    assert!(names(&place.join("media/usb")).is_empty());
    // A watch waits for it.
    let events = std::fs::File::create(place.join("events")).unwrap();
    let mut watching =
        place.command(&["sync", "media/usb", "--watch", "--json"]).stdout(events).spawn().unwrap();
    let heard = |event: &str| {
        let text = std::fs::read_to_string(place.join("events")).unwrap();
        text.lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .any(|line| line["event"] == event)
    };
    wait_until("it is known to be away", || heard("away"));
    place.run("def", 1);
    std::fs::remove_dir(place.join("media/usb")).unwrap();
    std::fs::rename(place.join("pulled"), place.join("media/usb")).unwrap();
    wait_until("the new run is on it", || names(&place.join("media/usb/runs")).len() == 2);
    terminate(&watching);
    watching.wait().unwrap();
    // Whoever wants a new one says so.
    std::fs::remove_dir_all(place.join("media/usb")).unwrap();
    assert_eq!(place.danlu(&["sync", "media/usb", "--new"]).code, 0);
    assert_eq!(names(&place.join("media/usb/runs")).len(), 2);
}

#[test]
fn what_is_wrong_with_a_remote_is_said_in_plain_words() {
    let place = Place::new();
    place.run("abc", 1);
    for call in [&["pull", "/nonexist", "--all"][..], &["sync", "--from", "/nonexist", "./usb"]] {
        let done = place.danlu(call);
        let words = ["There is no remote `/nonexist`", "mounted", "danlu remote ls"];
        assert!(done.code == 1 && words.iter().all(|word| done.stderr.contains(word)), "{}", done.said());
    }
    // Nothing listens there any more; and nothing is made where the runs would have gone.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let done = place.danlu(&["sync", "--from", &format!("http://{address}"), "./usb"]);
    assert!(done.code == 1 && done.stderr.contains("Cannot reach"), "{}", done.said());
    assert!(!place.join("usb").exists());
    assert_eq!(place.danlu(&["sync", "./usb"]).code, 0);
    for garbage in
        ["", "{", "[]", r#"{"format":"danlu-remote","version":1}"#, r#"{"format":"x","version":9}"#]
    {
        std::fs::write(place.join("usb/danlu-remote.json"), garbage).unwrap();
        let done = place.danlu(&["sync", "./usb"]);
        assert!(done.code == 1 && done.stderr.contains("is damaged"), "{garbage}: {}", done.said());
        assert!(!done.stderr.contains("newer"), "{garbage}: {}", done.said());
    }
    std::fs::write(place.join("usb/danlu-remote.json"), r#"{"format":"danlu-remote","version":2}"#).unwrap();
    assert!(place.danlu(&["sync", "./usb"]).stderr.contains("was made by a newer danlu"));
}

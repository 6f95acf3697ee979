//! `danlu sync --watch`, from before the first run to after the last.

use crate::support::{Place, names, terminate, wait_until};
use danlu::Run;
use std::process::{Child, Stdio};

/// A sync that watches. What it says on standard error is in a file.
struct Watch {
    child: Child,
    said: std::path::PathBuf,
}

impl Watch {
    fn start(place: &Place, args: &[&str]) -> Self {
        let said = place.join("said");
        let mut command = place.command(&[&["sync", "--watch"], args].concat());
        let stderr = std::fs::File::create(&said).unwrap();
        let child = command.stdout(Stdio::null()).stderr(stderr).spawn().unwrap();
        let watch = Self { child, said };
        wait_until("it watches", || watch.said().contains("watching"));
        watch
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.said).unwrap()
    }

    fn end(mut self) {
        terminate(&self.child);
        self.child.wait().unwrap();
    }
}

fn pushed(place: &Place, remote: &str) -> usize {
    let runs = place.join(remote).join("runs");
    if runs.is_dir() { names(&runs).len() } else { 0 }
}

#[test]
fn a_watch_that_begins_before_the_first_run_sees_it() {
    for more in [&["./usb"][..], &["./usb", "--live"], &["./usb", "--dir", "wandb"]] {
        let place = Place::new();
        if more.contains(&"wandb") {
            std::fs::create_dir(place.join("wandb")).unwrap();
        }
        let watch = Watch::start(&place, more);
        wait_until("the remote is made", || place.join("usb").is_dir());
        place.run("abc", 3);
        wait_until("the run is pushed", || pushed(&place, "usb") == 1);
        watch.end();
        assert!(!place.join("sync.sqlite").exists() && !place.join("wandb/wandb").exists(), "{more:?}");
        assert!(place.join("wandb/sync.sqlite").exists());
    }
    let place = Place::new();
    let done = place.danlu(&["sync", "./usb", "--watch", "--until-done"]);
    assert!(done.code == 0 && done.stderr.contains("no runs to push in ./wandb"), "{}", done.stderr);
    let typo = place.danlu(&["sync", "./usb", "--watch", "--dir", "wanbd"]);
    assert!(typo.code == 1 && !place.join("wanbd").exists(), "{}", typo.stderr);
}

#[test]
fn a_directory_that_is_moved_and_made_anew_is_watched_on() {
    let place = Place::new();
    place.run("abc", 3);
    let watch = Watch::start(&place, &["./usb"]);
    wait_until("the run is pushed", || pushed(&place, "usb") == 1);
    std::fs::rename(place.join("wandb"), place.join("before")).unwrap();
    wait_until("it says what is wrong", || watch.said().contains("error: "));
    place.run("def", 3);
    wait_until("the next run is pushed", || pushed(&place, "usb") == 2);
    wait_until("it is written down", || place.join("wandb/sync.sqlite").exists());
    watch.end();
}

#[test]
fn a_directory_that_is_moved_away_or_removed_is_heard_again_when_it_is_made_anew() {
    let place = Place::new();
    // It would look by itself in an hour, and must hear of everything before.
    let watch = Watch::start(&place, &["./usb", "--live", "--live-interval", "3600"]);
    place.run("first", 3);
    wait_until("the run is pushed", || pushed(&place, "usb") == 1);
    for (n, gone) in [(2, true), (4, false)] {
        if gone {
            // The watch may just be writing down what it has pushed.
            wait_until("it is removed", || std::fs::remove_dir_all(place.join("wandb")).is_ok());
        } else {
            std::fs::rename(place.join("wandb"), place.join("before")).unwrap();
        }
        place.run(&format!("anew-{n}"), 3);
        wait_until("the run of the new directory is pushed", || pushed(&place, "usb") == n);
        place.run(&format!("next-{n}"), 3);
        wait_until("the next run of it is pushed", || pushed(&place, "usb") == n + 1);
    }
    watch.end();
}

#[test]
fn a_directory_that_another_one_replaces_is_heard() {
    let place = Place::new();
    let watch = Watch::start(&place, &["./usb", "--live", "--live-interval", "3600"]);
    place.run("first", 3);
    wait_until("the run is pushed", || pushed(&place, "usb") == 1);
    let other = Place::new();
    other.run("other", 3);
    std::fs::rename(other.join("wandb"), place.join("other")).unwrap();
    // There is a directory of this name all the time.
    let (at, flags) = (rustix::fs::CWD, rustix::fs::RenameFlags::EXCHANGE);
    rustix::fs::renameat_with(at, place.join("wandb"), at, place.join("other"), flags).unwrap();
    wait_until("what was there before it was heard of is pushed", || pushed(&place, "usb") == 2);
    place.run("next", 3);
    wait_until("the next run of it is pushed", || pushed(&place, "usb") == 3);
    watch.end();
}

#[test]
fn a_watch_that_ends_with_parked_runs_fails() {
    let place = Place::new();
    let path = place.run("abc", 3);
    std::fs::write(&path, b"no run file").unwrap();
    let run = Run::builder("demo").id("well").dir(place.path()).start().unwrap();
    run.finish(0).unwrap();
    let done = place.danlu(&["sync", "./usb", "--watch", "--until-done"]);
    assert_eq!(done.code, 1, "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("PARKED") && done.stdout.contains("pushed"), "{}", done.stdout);
}

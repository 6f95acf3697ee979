//! `danlu gc`: what killed processes and repairs leave behind.

use crate::support::{Place, names};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Every name that danlu gives for a while, behind the name of a run file without its ending.
const ENDINGS: [&str; 12] = [
    ".sqlite.damaged",
    ".sqlite.damaged-journal",
    ".rebuilt",
    ".rebuilt-journal",
    ".rescued",
    ".rescued-journal",
    ".short",
    ".short-journal",
    ".0123abcd.sqlite.new",
    ".0123abcd.sqlite.new-journal",
    ".0123abcd.journal.new",
    "-1.sqlite-journal",
];

fn make_old(path: &Path) {
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    std::fs::File::options().write(true).open(path).unwrap().set_modified(old).unwrap();
}

/// Leaves a file of each name beside a run.
fn leave(run: &Path) -> Vec<PathBuf> {
    let stem = run.with_extension("").display().to_string();
    let mut left: Vec<PathBuf> = ENDINGS.iter().map(|ending| format!("{stem}{ending}").into()).collect();
    left.push(run.with_file_name(".best.pth.4711.danlu"));
    left.iter().for_each(|path| std::fs::write(path, b"left over").unwrap());
    let begun = run.with_file_name("run-20240101_000000-begun.sqlite");
    danlu::store::create(&begun).unwrap();
    left.push(begun);
    left
}

#[test]
fn what_is_left_over_is_shown_before_it_goes() {
    let place = Place::new();
    let path = place.run("r", 3);
    assert_eq!(place.danlu(&["gc"]).stdout, "nothing is left over\n");
    let before = names(&place.join("wandb"));
    let left = leave(&path);
    left.iter().for_each(|path| make_old(path));
    std::fs::write(place.join("wandb/notes.txt"), b"mine").unwrap();
    let shown = place.danlu(&["gc"]);
    assert_eq!((shown.code, shown.stdout.lines().count()), (0, left.len() + 1), "{}", shown.stdout);
    assert!(left.iter().all(|path| path.exists()), "nothing has gone yet");
    let gone = place.json(&["gc", "--delete"]);
    assert!(gone.as_array().unwrap().iter().all(|one| one["deleted"] == true), "{gone}");
    let mut after = names(&place.join("wandb"));
    after.retain(|name| name != "notes.txt");
    assert_eq!(after, before);
    assert_eq!(place.danlu(&["verify"]).code, 0);
}

#[test]
fn what_is_younger_than_an_hour_is_kept_and_counted() {
    let place = Place::new();
    let path = place.run("r", 3);
    let left = leave(&path);
    std::os::unix::fs::symlink("nowhere", place.join("wandb/.latest-run.4711")).unwrap();
    let shown = place.danlu(&["gc"]).stdout;
    let kept = left.iter().filter(|path| !path.display().to_string().contains(".damaged")).count() + 1;
    assert!(shown.contains(&format!("kept: {kept} younger than an hour\n")), "{shown}");
    assert!(!shown.contains("nothing is left over"), "{shown}");
    assert_eq!(place.danlu(&["gc", "--delete"]).code, 0);
    assert_eq!(left.iter().filter(|path| path.exists()).count(), kept - 1);
}

#[test]
fn the_only_copy_of_something_is_no_leftover() {
    let place = Place::new();
    let path = place.run("r", 3);
    let rebuilt = path.with_extension("rebuilt");
    std::fs::rename(&path, &rebuilt).unwrap();
    make_old(&rebuilt);
    assert_eq!(place.danlu(&["gc", "--delete"]).stdout, "nothing is left over\n");
    assert!(rebuilt.exists());
}

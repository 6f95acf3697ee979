//! Crashed runs whose journal cannot be put into the run file.

use crate::support::{Done, Place, done};
use danlu::writer::Storage;
use danlu::{Resume, Run, store};

/// Runs a command that can write no file beyond its first 48 KiB.
fn without_room(place: &Place, args: &str) -> Done {
    let danlu = env!("CARGO_BIN_EXE_danlu");
    let script = format!("trap '' XFSZ; ulimit -f 48; exec {danlu} {args}");
    let mut command = std::process::Command::new("bash");
    done(command.args(["-c", &script]).current_dir(place.path()).output().unwrap(), place)
}

#[test]
fn records_that_wait_in_a_journal_are_no_whole_run() {
    let place = Place::new();
    let run = Run::builder("p").id("r").dir(place.path()).start().unwrap();
    (0..1000).for_each(|n| run.log([("loss", n)]));
    let path = run.path().to_owned();
    drop(run);
    std::fs::remove_file(&path).unwrap();
    store::create(&path).unwrap();
    let file = path.strip_prefix(place.path()).unwrap().display().to_string();
    for target in ["", "r", &file] {
        let verified = without_room(&place, &format!("verify {target}"));
        assert_eq!(verified.code, 1, "{target}: {}{}", verified.stdout, verified.stderr);
        assert!(
            verified.stdout.contains("1002 records wait in `")
                && verified.stdout.contains(".journal` and could"),
            "{target}: {}",
            verified.stdout
        );
    }
    let compacted = without_room(&place, "compact r");
    assert_eq!(compacted.code, 1);
    assert!(compacted.stderr.contains("its writer is dead, and what is in `"), "{}", compacted.stderr);
    assert!(!compacted.stderr.contains("still being written"), "{}", compacted.stderr);
    // With room, to look by path is enough.
    let verified = place.danlu(&["verify", &file]);
    assert_eq!((verified.code, verified.stderr.as_str()), (0, ""), "{}", verified.stdout);
    assert_eq!(place.danlu(&["compact", "r"]).code, 0);
}

/// Goes on with the run `r`, and dies with rows that only the journal has.
fn go_on_and_die(place: &Place) {
    let again = Run::builder("demo").id("r").resume(Resume::Must).storage(Storage::AtEnd);
    let run = again.dir(place.path()).start().unwrap();
    (0..1000).for_each(|n| run.log([("loss", n)]));
    drop(run);
}

#[test]
fn rows_of_a_run_that_went_on_and_was_killed_are_pushed() {
    for more in [&["sync", "./usb", "--json"][..], &["sync", "./usb", "--json", "--watch", "--until-done"]] {
        let place = Place::new();
        place.run("r", 5);
        assert_eq!(place.json(&["sync", "./usb"])["runs"][0]["status"], "pushed");
        go_on_and_die(&place);
        let done = place.danlu(more);
        assert_eq!((done.code, done.stderr.contains("warning")), (0, false), "{}", done.stderr);
        assert!(done.stdout.contains(r#""status":"pushed""#), "{}", done.stdout);
        let digest = place.json(&["ls"])[0]["digest"].clone();
        let there = place.json(&["status", "--check"]);
        assert_eq!(there["remotes"][0]["runs"][0]["digest"], digest, "{there}");
        assert_eq!(place.json(&["sync", "./usb"])["runs"][0]["status"], "up_to_date");
    }
}

#[test]
fn a_journal_of_another_run_keeps_a_run_from_nothing() {
    let place = Place::new();
    let (r, other) = (place.run("r", 5), Run::builder("demo").id("other").dir(place.path()).start().unwrap());
    other.log([("loss", 1)]);
    let theirs = other.path().to_owned();
    drop(other);
    let journal = store::journals_of(&theirs).unwrap().remove(0);
    let beside = r.with_extension("0123abcd.journal");
    std::fs::rename(journal, beside).unwrap();
    let first = place.danlu(&["sync", "./usb", "--run", "r"]);
    assert_eq!((first.code, first.stderr.contains("it is left alone")), (0, true), "{}", first.stderr);
    let again = place.danlu(&["sync", "./usb", "--run", "r"]);
    assert_eq!((again.code, again.stderr.as_str()), (0, ""), "it is as it was, and is not opened");
}

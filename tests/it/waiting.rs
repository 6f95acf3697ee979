//! Crashed runs whose journal cannot be put into the run file.

use crate::support::{Done, Place, done};
use danlu::{Run, store};

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

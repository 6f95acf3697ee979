//! Forks and rewinds that die in the middle of their copy.

use crate::check::rows;
use crate::death::kill_at_most;
use crate::means::{can_trace, note, times};
use crate::support::Place;
use danlu::Run;
use std::path::{Path, PathBuf};

/// What the run that is copied has, and up to which step it is copied.
const ROWS: u64 = 120;
const STEP: u64 = 79;

fn written(place: &Place, id: &str) -> PathBuf {
    let run = Run::builder("faults").id(id).config("lr", 0.1).dir(place.path()).start().unwrap();
    for n in 0..ROWS {
        run.log([("n", n), ("twice", 2 * n)]);
    }
    let path = run.path().to_owned();
    run.finish(0).unwrap();
    std::fs::copy(&path, place.join("as-it-was")).unwrap();
    path
}

/// Lists the runs, in which everything must be in order, as the id and the file of each.
fn listed(place: &Place) -> Vec<(String, PathBuf)> {
    let verified = place.danlu(&["verify"]);
    assert_eq!((verified.code, verified.stderr.as_str()), (0, ""), "{}", verified.stdout);
    let text = |run: &serde_json::Value, name: &str| run[name].as_str().unwrap().to_owned();
    let runs = place.json(&["ls"]);
    let runs = runs.as_array().unwrap().iter();
    runs.map(|run| (text(run, "id"), place.path().join(text(run, "path")))).collect()
}

fn is_as_it_was(place: &Place, run_file: &Path) -> bool {
    std::fs::read(run_file).unwrap() == std::fs::read(place.join("as-it-was")).unwrap()
}

fn config(run_file: &Path) -> i64 {
    crate::support::ask(run_file, "SELECT count(*) FROM config WHERE key = 'lr' AND value = 0.1")
}

#[test]
fn killed_at_any_call_of_a_fork_its_source_is_as_it_was_and_the_copy_is_there_whole_or_not_at_all() {
    if !can_trace() {
        return;
    }
    let look = |place: &Place, _: &crate::process::Said| {
        let runs = listed(place);
        let (_, source) = runs.iter().find(|(id, _)| id == "source").unwrap();
        assert!(is_as_it_was(place, source));
        for (_, fork) in runs.iter().filter(|(id, _)| id == "r") {
            assert_eq!((rows(fork), config(fork)), (STEP + 1, 1));
        }
        assert!(runs.len() <= 2, "{runs:?}");
        let again =
            Run::builder("faults").id("again").dir(place.path()).fork_from("source", 79).start().unwrap();
        let path = again.path().to_owned();
        again.finish(0).unwrap();
        assert_eq!(rows(&path), STEP + 1);
    };
    let most = usize::try_from(times(12, 100_000)).unwrap();
    let source = |place: &Place| drop(written(place, "source"));
    let kills = kill_at_most(most, source, &[], |process| process.thread, &["fork source 79"], look);
    assert!(kills > 20, "{kills}");
    note(&format!("kill at each call of a fork: {kills} kills"));
}

#[test]
fn killed_at_any_call_of_a_rewind_the_run_is_as_it_was_or_rewound() {
    if !can_trace() {
        return;
    }
    let look = |place: &Place, _: &crate::process::Said| {
        let runs = listed(place);
        let [(_, run)] = &runs[..] else { panic!("{runs:?}") };
        let rewound = rows(run) == STEP + 1;
        assert!(rewound || (is_as_it_was(place, run) && rows(run) == ROWS), "{} rows", rows(run));
        assert_eq!(config(run), 1);
        let again = Run::builder("faults").id("r").dir(place.path()).rewind_to(40).start().unwrap();
        again.finish(0).unwrap();
        assert_eq!(rows(run), 41);
        assert_eq!(listed(place).len(), 1);
    };
    let most = usize::try_from(times(12, 100_000)).unwrap();
    let source = |place: &Place| drop(written(place, "r"));
    let kills = kill_at_most(most, source, &[], |process| process.thread, &["rewind 79"], look);
    assert!(kills > 20, "{kills}");
    note(&format!("kill at each call of a rewind: {kills} kills"));
}

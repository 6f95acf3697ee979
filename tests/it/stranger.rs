//! Journals that lie under the name of a run that they are not of.

use crate::support::{Place, ask, names};
use danlu::{Run, store};
use std::path::{Path, PathBuf};

/// A run that logged so many rows and was given up: its journal is there.
fn crashed(place: &Place, id: &str, rows: u32) -> PathBuf {
    let run = Run::builder("p").id(id).dir(place.path()).start().unwrap();
    for n in 0..rows {
        run.log([("loss", n)]);
    }
    let path = run.path().to_owned();
    drop(run);
    path
}

fn journal_of(run: &Path) -> PathBuf {
    store::journals_of(run).unwrap().remove(0)
}

/// Puts a copy of a journal under the name of a run, with a name of this attempt or with its own.
fn put(journal: &Path, run: &Path, attempt: Option<&str>) -> PathBuf {
    let own = journal.file_stem().unwrap().to_str().unwrap().rsplit_once('.').unwrap().1.to_owned();
    let target = run.with_extension(format!("{}.journal", attempt.unwrap_or(&own)));
    std::fs::copy(journal, &target).unwrap();
    target
}

fn rows(path: &Path) -> i64 {
    ask(path, "SELECT count(*) FROM history WHERE key = 'loss'")
}

/// Looks at a directory in every way, and checks that a run in it is as it was and that the stranger is left alone and named.
fn look(place: &Place, run: &Path, stranger: &Path, expected: i64) {
    let before = std::fs::read(stranger).unwrap();
    let name = stranger.file_name().unwrap().to_str().unwrap();
    for command in ["ls", "verify", "ls"] {
        let done = place.danlu(&[command]);
        let said = done.stdout + &done.stderr;
        assert!(said.contains(name) && said.contains("is the journal of attempt "), "{command}: {said}");
    }
    assert_eq!(place.danlu(&["show", "a"]).code, 0);
    assert_eq!(rows(run), expected);
    assert_eq!(std::fs::read(stranger).unwrap(), before);
    assert!(!names(&place.join("wandb")).iter().any(|name| name.contains("damaged")));
    std::fs::remove_file(stranger).unwrap();
    let done = place.danlu(&["verify"]);
    assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{}", done.stdout);
    assert_eq!(place.json(&["ls"]).as_array().unwrap().len(), 2);
}

#[test]
fn the_journal_of_another_run_is_left_alone_and_spoken_of() {
    for (finished, attempt) in
        [(true, None), (false, None), (false, Some("00000000")), (false, Some("ffffffff"))]
    {
        let place = Place::new();
        let other = crashed(&place, "b", 7);
        let run = if finished { place.run("a", 5) } else { crashed(&place, "a", 5) };
        let stranger = put(&journal_of(&other), &run, attempt);
        look(&place, &run, &stranger, 5);
    }
}

#[test]
fn a_run_file_that_is_built_anew_takes_nothing_of_another_run() {
    for attempt in ["00000000", "ffffffff"] {
        let place = Place::new();
        let (other, run) = (crashed(&place, "b", 7), crashed(&place, "a", 5));
        let stranger = put(&journal_of(&other), &run, Some(attempt));
        std::fs::remove_file(&run).unwrap();
        look(&place, &run, &stranger, 5);
    }
}

#[test]
fn a_damaged_run_file_is_not_replaced_by_another_run() {
    let place = Place::new();
    let (other, run) = (crashed(&place, "b", 7), place.run("a", 5));
    let journal = journal_of(&other);
    std::fs::remove_file(other).unwrap();
    let stranger = put(&journal, &run, None);
    std::fs::write(&run, "spoilt").unwrap();
    let done = place.danlu(&["ls"]);
    assert!(done.stderr.contains(stranger.file_name().unwrap().to_str().unwrap()), "{}", done.stderr);
    assert_eq!(std::fs::read(&run).unwrap(), b"spoilt");
    assert!(stranger.exists());
}

#[test]
fn the_journal_of_another_attempt_under_the_name_of_one_is_left_alone() {
    let place = Place::new();
    let (other, run) = (crashed(&place, "b", 7), crashed(&place, "a", 5));
    drop(other);
    let journal = journal_of(&run);
    let stranger = put(&journal, &run, Some("0badcafe"));
    look(&place, &run, &stranger, 5);
}

//! Journals with damage in the middle: what is behind it is saved, and what is lost is counted.

use crate::support::{Place, ask, names};
use danlu::{Run, store};
use std::path::{Path, PathBuf};

/// A run that was given up with all its rows in the journal alone. From row 50 it has a second key.
fn crashed(place: &Place) -> (PathBuf, PathBuf) {
    let (path, journal) = applied(place);
    std::fs::remove_file(&path).unwrap();
    store::create(&path).unwrap();
    (path, journal)
}

/// The same run, whose file has all rows.
fn applied(place: &Place) -> (PathBuf, PathBuf) {
    let run = Run::builder("p").id("r").dir(place.path()).start().unwrap();
    for n in 0..100 {
        match n {
            0..50 => run.log([("n", n)]),
            _ => run.log([("n", n), ("late", n)]),
        };
    }
    let path = run.path().to_owned();
    drop(run);
    let journal = store::journals_of(&path).unwrap().remove(0);
    (path, journal)
}

/// Where each record of a journal begins, and where the last one ends.
fn frames(bytes: &[u8]) -> Vec<usize> {
    let mut places = vec![32];
    while let Some(length) = bytes.get(places[places.len() - 1]..).and_then(|rest| rest.get(..4)) {
        let length = u32::from_le_bytes(length.try_into().unwrap()) as usize;
        places.push(places[places.len() - 1] + 8 + length);
    }
    places
}

fn kept(path: &Path) -> Vec<String> {
    let all = names(path.parent().unwrap());
    all.into_iter().filter(|name| name.ends_with(".journal.damaged")).collect()
}

fn rows(path: &Path, key: &str) -> i64 {
    ask(path, &format!("SELECT count(DISTINCT step) FROM history WHERE key = '{key}'"))
}

#[test]
fn one_flipped_bit_costs_one_record() {
    // In a length, in a checksum and in a record.
    for (at, records) in [(0, 1), (2, 1), (5, 1), (12, 1)] {
        let place = Place::new();
        let (path, journal) = crashed(&place);
        let mut bytes = std::fs::read(&journal).unwrap();
        let places = frames(&bytes);
        bytes[places[30] + at] ^= 4;
        std::fs::write(&journal, &bytes).unwrap();
        let done = place.danlu(&["recover", "r"]);
        assert_eq!(done.code, 0, "{at}: {}{}", done.stdout, done.stderr);
        assert!(done.stderr.contains("damaged at byte"), "{at}: {}", done.stderr);
        assert!(done.stderr.contains(&format!("at least {records} are lost")), "{at}: {}", done.stderr);
        assert_eq!((rows(&path, "n"), rows(&path, "late")), (99, 50), "{at}");
        let shown = place.json(&["show", "r"]);
        assert_eq!((&shown["lost"], &shown["last_step"]), (&1.into(), &99.into()));
        let verified = place.danlu(&["verify"]);
        assert!(
            verified.code == 0 && verified.stdout.contains("it is incomplete: 1 lost"),
            "{}",
            verified.stdout
        );
        assert_eq!(std::fs::read(path.with_file_name(&kept(&path)[0])).unwrap(), bytes);
    }
}

#[test]
fn a_lost_sector_and_a_lost_key_cost_what_they_held() {
    let place = Place::new();
    let (path, journal) = crashed(&place);
    let mut bytes = std::fs::read(&journal).unwrap();
    let places = frames(&bytes);
    // Records 20 to 29, and at another place the second key with the row before it.
    bytes[places[20]..places[30]].fill(0xa5);
    let late = bytes.windows(4).position(|window| window == b"late").unwrap();
    bytes[late] ^= 1;
    std::fs::write(&journal, &bytes).unwrap();
    assert_eq!(place.danlu(&["ls"]).code, 0);
    assert_eq!((rows(&path, "n"), rows(&path, "late")), (90, 0));
    assert_eq!(place.json(&["ls"])[0]["lost"], 10 + 1 + 50);
    assert_eq!(place.danlu(&["verify"]).code, 0);
    // A journal that lies there from an earlier danlu is read by `recover`, once.
    for _ in 0..2 {
        let done = place.danlu(&["recover", "r"]);
        assert!(done.code == 0 && done.stdout.ends_with("is whole\n"), "{}{}", done.stdout, done.stderr);
    }
    assert_eq!(rows(&path, "n"), 90);
}

#[test]
fn a_journal_that_was_kept_before_is_read_by_recover() {
    let place = Place::new();
    let (path, journal) = crashed(&place);
    let whole = std::fs::read(&journal).unwrap();
    let places = frames(&whole);
    std::fs::write(&journal, &whole[..places[40]]).unwrap();
    assert_eq!(place.danlu(&["ls"]).code, 0);
    let mut damaged = whole;
    damaged[places[40] + 9] ^= 1;
    std::fs::write(journal.with_extension("journal.damaged"), damaged).unwrap();
    assert!(rows(&path, "n") < 40);
    let verified = place.danlu(&["verify"]);
    assert!(verified.code == 1 && verified.stdout.contains("`danlu recover` reads"), "{}", verified.stdout);
    let done = place.danlu(&["recover", "r"]);
    assert!(done.code == 0 && done.stderr.contains("62 behind it, at least 1 are lost"), "{}", done.stderr);
    assert_eq!(rows(&path, "n"), 99);
    assert_eq!(place.danlu(&["verify"]).code, 0);
}

#[test]
fn a_journal_whose_start_is_damaged_is_not_removed() {
    let place = Place::new();
    let (path, journal) = crashed(&place);
    let mut bytes = std::fs::read(&journal).unwrap();
    bytes[50] ^= 1;
    std::fs::write(&journal, &bytes).unwrap();
    let done = place.danlu(&["ls"]);
    assert!(done.stderr.contains("is still in the journal"), "{}", done.stderr);
    assert_eq!((std::fs::read(&journal).unwrap(), path.exists()), (bytes, true));
}

#[test]
fn damage_in_what_the_run_file_has_costs_nothing() {
    let place = Place::new();
    let (path, journal) = applied(&place);
    let mut bytes = std::fs::read(&journal).unwrap();
    bytes[50] ^= 1;
    std::fs::write(&journal, &bytes).unwrap();
    let done = place.danlu(&["ls"]);
    assert!(done.stderr.contains("and 0 behind it, which is all"), "{}", done.stderr);
    assert_eq!((rows(&path, "n"), kept(&path)), (100, Vec::new()));
    assert_eq!(place.danlu(&["verify"]).stdout.matches("incomplete").count(), 0);
}

#[test]
fn gc_names_what_recoveries_keep_and_removes_it_never() {
    let place = Place::new();
    let (path, journal) = crashed(&place);
    let mut bytes = std::fs::read(&journal).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&journal, &bytes).unwrap();
    assert_eq!(place.danlu(&["ls"]).code, 0);
    let original = path.with_extension("sqlite.original");
    std::fs::write(&original, "damaged").unwrap();
    let done = place.danlu(&["gc", "--delete"]);
    let lines: Vec<&str> = done.stdout.lines().filter(|line| line.starts_with("kept ")).collect();
    assert_eq!(lines.len(), 2, "{}", done.stdout);
    assert!(
        done.stdout.contains("a journal with damage in it") && done.stdout.contains("by hand"),
        "{}",
        done.stdout
    );
    assert!(original.exists() && kept(&path).len() == 1);
}

#[test]
fn copies_that_are_recovered_apart_are_the_same_run() {
    let place = Place::new();
    let (path, journal) = crashed(&place);
    let mut bytes = std::fs::read(&journal).unwrap();
    let places = frames(&bytes);
    bytes[places[30] + 12] ^= 4;
    std::fs::write(&journal, &bytes).unwrap();
    let digests = ["one", "two"].map(|copy| {
        let directory = place.join(copy).join("wandb");
        std::fs::create_dir_all(&directory).unwrap();
        for file in [&path, &journal] {
            std::fs::copy(file, directory.join(file.file_name().unwrap())).unwrap();
        }
        place.json(&["ls", copy])[0]["digest"].clone()
    });
    assert!(digests[0].is_string(), "{digests:?}");
    assert_eq!(digests[0], digests[1]);
    // At a remote they meet as one.
    for copy in ["one", "two"] {
        assert_eq!(place.danlu(&["sync", "./usb", "--dir", copy]).code, 0, "{copy}");
    }
}

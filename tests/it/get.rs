//! Reading saved files out: `danlu files` and `danlu get`.

use crate::support::Place;
use danlu::Run;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// A clock that goes on by a second each time it is asked.
struct Steps(AtomicI64);

impl danlu::model::Clock for Steps {
    fn now(&self) -> i64 {
        self.0.fetch_add(1_000_000, Ordering::Relaxed)
    }
}

/// A finished run with two files, one of them in three versions.
fn saved() -> Place {
    let place = Place::new();
    let clock = Arc::new(Steps(AtomicI64::new(1_700_000_000_000_000)));
    let run = Run::builder("demo").id("abc").dir(place.path()).clock(clock).start().unwrap();
    std::fs::create_dir(place.join("models")).unwrap();
    for version in ["one", "two", "three"] {
        std::fs::write(place.join("models/best.pt"), version.repeat(1000)).unwrap();
        run.save("models/best.pt").unwrap();
    }
    std::fs::write(place.join("notes.txt"), "hello").unwrap();
    run.save("notes.txt").unwrap();
    run.finish(0).unwrap();
    std::fs::remove_dir_all(place.join("models")).unwrap();
    std::fs::remove_file(place.join("notes.txt")).unwrap();
    place
}

fn said(place: &Place, args: &[&str]) -> String {
    let done = place.danlu(args);
    format!("exit {}\n{}{}", done.code, done.stdout, done.stderr)
}

fn read(place: &Place, name: &str) -> String {
    std::fs::read_to_string(place.join(name)).unwrap()
}

#[test]
fn files_lists_the_newest_or_all_versions() {
    let place = saved();
    insta::assert_snapshot!(said(&place, &["files"]));
    insta::assert_snapshot!(said(&place, &["files", "abc", "--all"]));
    let listed = place.json(&["files", "abc"]);
    assert_eq!(listed[0]["path"], "models/best.pt");
    assert_eq!((&listed[0]["versions"], &listed[0]["size"]), (&3.into(), &5000.into()));
    assert_eq!(place.json(&["files", "abc", "--all"]).as_array().unwrap().len(), 4);
    let empty = Place::new();
    Run::builder("p").id("none").dir(empty.path()).start().unwrap().finish(0).unwrap();
    assert_eq!(said(&empty, &["files", "none"]), "exit 0\nNo files in run none\n");
}

#[test]
fn get_writes_where_it_is_told() {
    let place = saved();
    assert_eq!(
        said(&place, &["get", "abc", "models/best.pt"]),
        "exit 0\n./models/best.pt: 5000 B, version 3 of models/best.pt\n"
    );
    assert_eq!(read(&place, "models/best.pt"), "three".repeat(1000));
    assert_eq!(place.danlu(&["get", "abc", "models/best.pt", "--version", "1", "-o", "first"]).code, 0);
    assert_eq!(read(&place, "first"), "one".repeat(1000));
    assert_eq!(place.danlu(&["get", "abc", "**/*", "-o", "out/"]).code, 0);
    assert_eq!(
        (read(&place, "out/notes.txt").as_str(), read(&place, "out/models/best.pt").len()),
        ("hello", 5000)
    );
    assert_eq!(said(&place, &["get", "abc", "notes.txt", "-o", "-"]), "exit 0\nhello");
    let got = place.json(&["get", "abc", "notes.txt", "-o", "again"]);
    assert_eq!((&got[0]["written_to"], &got[0]["version"]), (&"again".into(), &1.into()));
    assert_eq!(crate::support::names(&place.join("out")), ["models", "notes.txt"], "nothing else is left");
}

#[test]
fn get_says_what_is_wrong() {
    let place = saved();
    std::fs::write(place.join("there"), "mine").unwrap();
    insta::assert_snapshot!(
        [
            said(&place, &["get", "abc", "note.txt"]),
            said(&place, &["get", "abc", "best.pt"]),
            said(&place, &["get", "abc", "something else"]),
            said(&place, &["get", "abc", "models/best.pt", "--version", "4"]),
            said(&place, &["get", "abc", "**/*", "-o", "one-file"]),
            said(&place, &["get", "abc", "notes.txt", "-o", "there"]),
            said(&place, &["get", "abc", "[", "-o", "x"]),
        ]
        .join("\n")
    );
    assert_eq!(read(&place, "there"), "mine");
    assert_eq!(place.danlu(&["get", "abc", "notes.txt", "-o", "there", "--force"]).code, 0);
    assert_eq!(read(&place, "there"), "hello");
}

#[test]
fn get_never_writes_outside_of_its_destination() {
    let place = saved();
    std::fs::create_dir_all(place.join("out")).unwrap();
    std::fs::create_dir_all(place.join("elsewhere")).unwrap();
    std::os::unix::fs::symlink(place.join("elsewhere"), place.join("out/models")).unwrap();
    let done = place.danlu(&["get", "abc", "models/best.pt", "-o", "out"]);
    assert_eq!(done.code, 2);
    assert!(done.stderr.contains("Cannot write below `out/models`"), "{}", done.stderr);
    assert_eq!(crate::support::names(&place.join("elsewhere")), Vec::<String>::new());
}

#[test]
fn get_puts_no_damaged_content_in_place() {
    let place = saved();
    let run = std::fs::canonicalize(place.join("wandb/latest-run.sqlite")).unwrap();
    let mut bytes = std::fs::read(&run).unwrap();
    let at = bytes.windows(15).position(|window| window == b"threethreethree").unwrap();
    bytes[at + 100] ^= 1;
    std::fs::write(&run, bytes).unwrap();
    let done = place.danlu(&["get", "abc", "models/best.pt"]);
    assert_eq!(done.code, 1);
    assert!(
        done.stderr.contains("Cannot read `models/best.pt`: Blob") && done.stderr.contains("is damaged"),
        "{}",
        done.stderr
    );
    assert_eq!(crate::support::names(&place.join("models")), Vec::<String>::new());
}

#[test]
fn files_of_several_writers_are_one_list() {
    let place = Place::new();
    let ranks: Vec<Run> = (0..2)
        .map(|rank| Run::builder("p").id("abc").rank(rank).dir(place.path()).start().unwrap())
        .collect();
    for (rank, run) in ranks.iter().enumerate() {
        std::fs::write(place.join("shared"), format!("rank {rank}")).unwrap();
        std::fs::write(place.join(&format!("own-{rank}")), "x").unwrap();
        run.save("shared").unwrap();
        run.save(format!("own-{rank}")).unwrap();
    }
    for run in ranks {
        run.finish(0).unwrap();
    }
    let listed = place.json(&["files", "abc"]);
    let paths: Vec<&str> =
        listed.as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["own-0", "own-1", "shared"]);
    assert_eq!(said(&place, &["get", "abc", "shared", "-o", "-"]), "exit 0\nrank 1");
    assert_eq!(said(&place, &["get", "abc", "shared", "--version", "1", "-o", "-"]), "exit 0\nrank 0");
}

#[test]
fn names_as_long_as_can_be_are_read_out_and_one_failure_does_not_stop_the_rest() {
    let place = Place::new();
    let run = Run::builder("p").id("r").dir(place.path()).start().unwrap();
    let long = format!("{}.bin", "n".repeat(251));
    for name in ["a.bin", &long, "z.bin"] {
        std::fs::write(place.join(name), name).unwrap();
        run.save(name).unwrap();
    }
    run.finish(0).unwrap();
    std::fs::create_dir_all(place.join("out/a.bin")).unwrap();
    let done = place.danlu(&["get", "r", "*", "-o", "out/"]);
    assert_eq!(done.code, 1, "{}", done.stderr);
    assert!(done.stderr.starts_with("error: ") && done.stderr.contains("out/a.bin"), "{}", done.stderr);
    assert_eq!(done.stderr.matches("error: ").count(), 1, "{}", done.stderr);
    assert_eq!(read(&place, &format!("out/{long}")), long);
    assert_eq!(read(&place, "out/z.bin"), "z.bin");
    assert_eq!(done.stdout.lines().count(), 2, "{}", done.stdout);
    assert_eq!(crate::support::names(&place.join("out")).len(), 3, "nothing is left over");
}

#[test]
fn an_empty_name_is_that_of_no_run() {
    let place = saved();
    for name in ["", "demo/"] {
        let done = place.danlu(&["get", name, "notes.txt"]);
        assert!(done.code != 0 && done.stdout.is_empty(), "`{name}`: {}", done.stdout);
    }
    assert!(place.danlu(&["show", ""]).stderr.starts_with("error: The name of the run is empty\n"));
    assert!(!place.join("notes.txt").exists());
}

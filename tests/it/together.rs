//! Commands that replace run files, at the same time as each other and as training that goes on.

use crate::support::{Place, done, names};
use danlu::{ErrorKind, Resume, Run, store};
use std::path::Path;
use std::process::Child;
use std::sync::{Arc, Mutex};

fn write(place: &Place, rows: u32) -> (u32, Vec<String>) {
    let said = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&said);
    let start = Run::builder("p").id("r").dir(place.path()).resume(Resume::Allow);
    let start = start.tick(std::time::Duration::from_millis(5));
    let run = start.on_warning(move |warning| sink.lock().unwrap().push(warning.to_owned())).start().unwrap();
    for n in 0..rows {
        run.log([("loss", f64::from(n).sin()), ("n", f64::from(n))]);
    }
    run.finish(0).unwrap();
    (rows, Arc::into_inner(said).map(|said| said.into_inner().unwrap()).unwrap_or_default())
}

/// What a command may say that meets another one, or a run that goes on.
const EXPECTED: [&str; 5] = [
    "is being compacted, expanded or recovered by another process",
    "the run went on meanwhile; it is left as it is",
    "it is still being written",
    "is compacted already",
    "is not compacted",
];

fn check(command: &str, child: Child, place: &Place) {
    let done = done(child.wait_with_output().unwrap(), place);
    for line in done.stderr.lines().filter(|line| line.starts_with("error") || line.starts_with("warning")) {
        assert!(EXPECTED.iter().any(|said| line.contains(said)), "{command}: {}", done.stderr);
    }
    assert!(done.code == 0 || !done.stderr.is_empty(), "{command}: {}", done.stdout);
}

fn start(place: &Place, command: &str) -> Child {
    let names = [command, "r"];
    let mut command = place.command(if command == "ls" { &["ls"] } else { &names });
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
}

#[test]
fn compacting_expanding_recovering_and_training_leave_each_other_alone() {
    let place = Place::new();
    let (mut rows, _) = write(&place, 6000);
    let commands = ["compact", "compact", "expand", "recover", "expand", "compact", "recover", "ls"];
    for round in 0..6 {
        let children: Vec<_> = commands.iter().map(|command| (*command, start(&place, command))).collect();
        if round % 2 == 1 {
            for n in 0..4 {
                let (more, said) = write(&place, 50 + n);
                assert_eq!(said, Vec::<String>::new(), "training is told nothing");
                rows += more;
            }
        }
        children.into_iter().for_each(|(command, child)| check(command, child, &place));
        let verified = place.danlu(&["verify"]);
        assert_eq!(verified.code, 0, "{}", verified.stdout);
    }
    let counted = place.json(&["sql", "SELECT count(*) AS n FROM history WHERE key = 'n'"]);
    assert_eq!(counted[0]["n"], rows);
    let left: Vec<String> =
        names(&place.join("wandb")).into_iter().filter(|name| !name.ends_with(".sqlite")).collect();
    assert_eq!(left, Vec::<String>::new());
}

/// Has the right to replace a run file, and so stands for a command that is at it.
fn at_it(run: &Path) -> store::Replacing {
    store::Replacing::begin(run).unwrap()
}

#[test]
fn a_second_command_says_that_another_is_at_it() {
    let place = Place::new();
    let path = place.run("r", 2000);
    let before = std::fs::read(&path).unwrap();
    let first = at_it(&path);
    for command in ["compact", "expand", "recover"] {
        let second = place.danlu(&[command, "r"]);
        assert_eq!(second.code, 1);
        let error = second.stderr.lines().next().unwrap();
        assert!(
            error.ends_with("-r.sqlite` is being compacted, expanded or recovered by another process"),
            "{error}"
        );
    }
    assert_eq!(store::rebuild(&path).unwrap_err().kind(), ErrorKind::Busy);
    assert!(std::fs::read(&path).unwrap() == before);
    drop(first);
    assert_eq!(place.danlu(&["compact", "r"]).code, 0);
}

#[test]
fn what_a_run_wrote_meanwhile_is_not_replaced() {
    let place = Place::new();
    write(&place, 10);
    let path = place.json(&["ls"])[0]["path"].as_str().unwrap().to_owned();
    let path = Path::new(&path);
    let path = if path.is_absolute() { path.to_owned() } else { place.path().join(path) };
    let right = at_it(&path);
    let fresh = path.with_extension("rebuilt");
    std::fs::copy(&path, &fresh).unwrap();
    write(&place, 10);
    let error = right.put_in_place(&fresh, None).unwrap_err();
    assert!(error.kind() == ErrorKind::Busy && error.to_string().contains("went on meanwhile"), "{error}");
    std::fs::remove_file(&fresh).unwrap();
    assert_eq!(place.json(&["sql", "SELECT count(*) AS n FROM history WHERE key = 'n'"])[0]["n"], 20);
}

#[test]
fn a_run_that_was_compacted_under_a_writer_gets_its_rows_back() {
    let place = Place::new();
    let path = place.run("r", 2000);
    store::compact(&path).unwrap();
    assert!(store::is_compacted(&store::open_packed(&path).unwrap()).unwrap());
    drop(store::Appender::open(&path, store::BUSY_TIMEOUT).unwrap());
    assert!(!store::is_compacted(&store::open_packed(&path).unwrap()).unwrap());
    assert_eq!(place.danlu(&["verify"]).code, 0);
}

//! Paths that are given to commands: what is no regular file, what belongs to a run, and which run a name means.

use crate::support::{Place, done, names};
use danlu::Run;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Runs `danlu`, and kills it if it does not end.
fn ends(place: &Place, args: &[&str]) -> (i32, String) {
    let pipes = || Stdio::piped();
    let mut child = place.command(args).stdin(Stdio::null()).stdout(pipes()).stderr(pipes()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("`danlu {}` does not end", args.join(" "));
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
    let done = done(child.wait_with_output().unwrap(), place);
    (done.code, done.stdout + &done.stderr)
}

fn pipe(path: &std::path::Path) {
    rustix::fs::mkfifoat(rustix::fs::CWD, path, rustix::fs::Mode::RWXU).unwrap();
}

#[test]
fn what_is_no_regular_file_is_said_and_never_waited_for() {
    let place = Place::new();
    let path = place.run("abc", 3);
    for name in ["pipe", "pipe.sqlite"] {
        pipe(&place.join(name));
    }
    let _socket = std::os::unix::net::UnixListener::bind(place.join("socket.sqlite")).unwrap();
    std::fs::create_dir(place.join("folder.sqlite")).unwrap();
    for (name, what) in [
        ("pipe", "a named pipe"),
        ("pipe.sqlite", "a named pipe"),
        ("./pipe", "a named pipe"),
        ("socket.sqlite", "a socket"),
        ("folder.sqlite", "a directory"),
        ("/dev/zero", "a device"),
    ] {
        for command in ["show", "files", "verify", "recover", "compact", "expand", "sql", "get"] {
            let arguments: &[&str] = match command {
                "sql" => &["sql", name, "SELECT 1"],
                "get" => &["get", name, "model.bin"],
                _ => &[command, name],
            };
            let (code, said) = ends(&place, arguments);
            assert_eq!(code, 2, "{arguments:?}: {said}");
            assert!(
                said.contains(&format!("error: `{name}` is no run file: it is {what}")),
                "{arguments:?}: {said}"
            );
        }
        for arguments in
            [&["ls", name][..], &["sync", name], &["sync", "./usb", "--dir", name], &["gc", "--dir", name]]
        {
            if what != "a directory" {
                let (code, said) = ends(&place, arguments);
                assert!(code != 0 && said.contains("Not a directory"), "{arguments:?}: {said}");
            }
        }
    }
    std::fs::create_dir(place.join("usb")).unwrap();
    pipe(&place.join("usb/danlu-remote.json"));
    let (code, said) = ends(&place, &["sync", "./usb"]);
    assert!(code == 2 && said.contains("/usb` is no danlu remote"), "{said}");
    std::fs::remove_file(place.join("usb/danlu-remote.json")).unwrap();
    // Where runs and journals are looked for.
    let stem = path.with_extension("").display().to_string();
    pipe(&place.join(&format!("{stem}.0123abcd.journal")));
    pipe(&place.join("wandb/run-20260101_000000-pipe.sqlite"));
    for arguments in
        [&["ls"][..], &["show", &format!("{stem}.sqlite")], &["verify"], &["gc"], &["sync", "./usb"]]
    {
        let (code, said) = ends(&place, arguments);
        assert_eq!(code, 0, "{arguments:?}: {said}");
    }
}

#[test]
fn get_never_replaces_a_run_nor_a_device() {
    let place = Place::new();
    let other = place.run("other", 3);
    place.run("abc", 3);
    let running = Run::builder("demo").id("live").dir(place.path()).start().unwrap();
    running.log([("a", 1)]);
    let journal = names(&place.join("wandb")).into_iter().find(|name| name.ends_with(".journal")).unwrap();
    let archived = place.join("kept.db");
    std::fs::copy(&other, &archived).unwrap();
    std::os::unix::fs::symlink(&other, place.join("link")).unwrap();
    let before = std::fs::read(&other).unwrap();
    let run_file = format!("wandb/{}", other.file_name().unwrap().to_str().unwrap());
    let live = format!("wandb/{}", running.path().file_name().unwrap().to_str().unwrap());
    for target in
        [&run_file, &live, &format!("wandb/{journal}"), "kept.db", "link", "wandb/latest-run.sqlite"]
    {
        let done = place.danlu(&["get", "abc", "model.bin", "--force", "-o", target]);
        assert_eq!(done.code, 2, "{target}: {}", done.stderr);
        let message = format!("error: Cannot write to `{target}`: it is a run file or a journal of danlu");
        assert!(done.stderr.starts_with(&message), "{}", done.stderr);
    }
    assert!(std::fs::read(&other).unwrap() == before && std::fs::read(&archived).unwrap() == before);
    pipe(&place.join("pipe"));
    let done = place.danlu(&["get", "abc", "model.bin", "--force", "-o", "pipe"]);
    assert!(done.code == 2 && done.stderr.contains("it is a named pipe"), "{}", done.stderr);
    std::fs::write(place.join("mine"), "old").unwrap();
    assert_eq!(place.danlu(&["get", "abc", "model.bin", "--force", "-o", "mine"]).code, 0);
    running.finish(0).unwrap();
}

#[test]
fn a_name_that_fits_several_runs_lists_them_and_one_of_those_names_is_enough() {
    let place = Place::new();
    let make = |entity: &str, project: &str, id: &str| {
        let run = Run::builder(project).entity(entity).id(id).dir(place.path()).start().unwrap();
        run.finish(0).unwrap();
    };
    make("", "a", "one");
    make("team", "b", "one");
    make("team", "b", "other");
    make("", "a", "model.sqlite");
    make("", "b", "one");
    let done = place.danlu(&["show", "one"]);
    assert_eq!(done.code, 2);
    assert_eq!(
        done.stderr,
        "error: `one` is the id of several runs: a/one, b/one, team/b/one\nhint: give one of these names, such as `a/one`\n"
    );
    let done = place.danlu(&["show", "o"]);
    assert!(
        done.stderr.starts_with(
            "error: `o` is the beginning of the id of several runs: a/one, b/one, team/b/one, team/b/other\n"
        ),
        "{}",
        done.stderr
    );
    for (name, entity, project, id) in [
        ("a/one", "", "a", "one"),
        ("b/one", "", "b", "one"),
        ("team/b/one", "team", "b", "one"),
        ("b/oth", "team", "b", "other"),
        ("a/o", "", "a", "one"),
        ("model.sqlite", "", "a", "model.sqlite"),
    ] {
        let shown = place.json(&["show", name]);
        assert_eq!(
            (&shown["entity"], &shown["project"], &shown["id"]),
            (&entity.into(), &project.into(), &id.into())
        );
    }
    let done = place.danlu(&["show", "c/one"]);
    assert!(done.code == 1 && done.stderr.starts_with("error: There is no run `c/one`"), "{}", done.stderr);
    let done = place.danlu(&["show", "gone.sqlite"]);
    assert!(
        done.stderr.starts_with("error: Cannot open the run file `gone.sqlite`: No such file"),
        "{}",
        done.stderr
    );
}

#[test]
fn one_of_a_thing_is_not_several() {
    let place = Place::new();
    let run = Run::builder("p").id("abc").dir(place.path()).start().unwrap();
    run.finish(0).unwrap();
    let said = place.danlu(&["verify"]).stdout;
    assert!(said.contains(": 2 records in 1 segment, 0 blobs, digest"), "{said}");
    let said = place.danlu(&["sync", "./usb"]).stdout;
    assert!(said.contains("1 pushed; 1 object, "), "{said}");
    assert!(place.danlu(&["verify", "usb"]).stdout.contains("(1 run, 1 object)"));
}

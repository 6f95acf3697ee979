//! `--remote`: commands that look at runs say of a remote what they say of the directory that was synced to it.

use crate::support::{Place, Serving};
use danlu::model::EventKind;
use danlu::{Resume, Run};
use serde_json::{Value, json};

/// A directory with runs of all kinds, synced to a stick and to a server.
struct World {
    place: Place,
    server: Serving,
}

impl World {
    fn new() -> Self {
        let place = Place::new();
        place.run("alpha", 30);
        place.run("beta", 10);
        // Several attempts, whose ids are in no order: what the last one says counts.
        for n in 0..6_i32 {
            let run = Run::builder("demo").id("again").resume(Resume::Allow).dir(place.path());
            let run = run.start().unwrap();
            run.config("lr", f64::from(n));
            run.log([("loss", f64::from(n))]);
            run.event(EventKind::Alert, "look", format!("try {n}"), "{}");
            run.finish(0).unwrap();
        }
        for rank in 0..2_u32 {
            let run = Run::builder("demo").entity("team").id("ranks").rank(rank).dir(place.path());
            let run = run.start().unwrap();
            run.log([("loss", f64::from(rank))]);
            run.finish(i32::from(rank == 1)).unwrap();
        }
        let server = place.serve();
        let key = server.key.clone().unwrap();
        assert_eq!(place.danlu(&["login", &server.url, "--key", &key]).code, 0);
        for remote in ["./stick", &server.url] {
            let done = place.danlu(&["sync", remote]);
            assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
        }
        Self { place, server }
    }

    /// Returns what a command says of the directory, and checks that it says the same of the remotes.
    fn same(&self, args: &[&str]) -> String {
        let here = self.place.danlu(args);
        for remote in ["stick", &self.server.url] {
            let there = self.place.danlu(&[args, &["--remote", remote]].concat());
            assert_eq!(
                (there.code, &there.stdout),
                (here.code, &here.stdout),
                "{args:?} {remote}: {}",
                there.stderr
            );
        }
        assert_eq!(here.code, 0, "{args:?}: {}", here.stderr);
        here.stdout
    }
}

const COLUMNS: &str =
    "id,entity,project,name,state,exit_code,started,ended,last_step,records,config.lr,summary.loss";

#[test]
fn runs_are_listed_shown_and_asked_as_where_they_were_written() {
    let world = World::new();
    assert_eq!(world.same(&["ls", "--columns", COLUMNS]).lines().count(), 5);
    let some =
        world.same(&["ls", "--columns", "id", "--filter", "summary.loss < 1 and project = demo", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&some).unwrap(), json!([{"id": "alpha"}, {"id": "beta"}]));
    let best = world.same(&["ls", "--columns", "id,summary.loss", "--sort=-summary.loss,id", "--limit", "1"]);
    assert!(best.contains("again") && best.contains("5.0"), "{best}");
    world.same(&["sql", "alpha", "SELECT step, key, value FROM history WHERE key = 'loss' ORDER BY step"]);
    world.same(&["sql", "alpha", "beta", "SELECT run, key, value FROM summary ORDER BY run, key"]);
    world.same(&[
        "sql",
        "SELECT run, count(*), max(value) FROM history WHERE key = 'loss' GROUP BY run ORDER BY run",
    ]);
    world.same(&["sql", "again", "SELECT key, value FROM config", "--json"]);
    world.same(&["files", "alpha"]);
    world.same(&["files", "alp", "--all", "--json"]);
    assert_eq!(world.same(&["alerts", "demo/again"]).lines().count(), 7);
    for run in ["alpha", "demo/beta", "again", "team/demo/ranks"] {
        let here = world.place.json(&["show", run]);
        for remote in ["stick", &world.server.url] {
            let there = world.place.json(&["show", run, "--remote", remote]);
            for field in ["id", "state", "started", "config", "summary", "files", "tags", "digest", "past"] {
                assert_eq!(here[field], there[field], "{run} {field} {remote}");
            }
        }
    }
    let latest = world.place.json(&["show", "latest", "--remote", &world.server.url]);
    assert_eq!(latest["id"], "ranks");
    let ranks = "SELECT rank, step, value FROM history ORDER BY rank, step";
    let here = world.place.danlu(&["sql", "ranks", ranks]).stdout;
    assert_eq!(world.place.danlu(&["sql", "ranks", ranks, "--remote", "stick"]).stdout, here);
}

#[test]
fn files_are_read_out_and_checked() {
    let world = World::new();
    let whole = "alpha".repeat(1000);
    for (n, remote) in ["stick", &world.server.url].into_iter().enumerate() {
        let target = format!("out{n}/");
        let done = world.place.danlu(&["get", "alpha", "*.bin", "-o", &target, "--remote", remote]);
        assert_eq!(done.code, 0, "{}", done.stderr);
        assert_eq!(std::fs::read_to_string(world.place.join(&target).join("model.bin")).unwrap(), whole);
        let done = world.place.danlu(&["get", "alpha", "model.bin", "-o", "-", "--remote", remote]);
        assert_eq!((done.code, done.stdout), (0, whole.clone()));
    }
    let sha256 = world.place.json(&["files", "alpha"])[0]["sha256"].as_str().unwrap().to_owned();
    let blob = world.place.join("stick/blobs").join(&sha256[..2]).join(&sha256);
    std::fs::write(&blob, "alphb".repeat(1000)).unwrap();
    let done = world.place.danlu(&["get", "alpha", "model.bin", "-o", "x", "--remote", "stick"]);
    assert_eq!(done.code, 1);
    assert!(done.stderr.contains("is damaged at `stick`"), "{}", done.stderr);
    std::fs::remove_file(&blob).unwrap();
    let done = world.place.danlu(&["get", "alpha", "model.bin", "-o", "x", "--remote", "stick"]);
    assert_eq!(done.code, 1);
    assert!(
        done.stderr.contains("Cannot read `model.bin`: `stick` does not have the content"),
        "{}",
        done.stderr
    );
    assert!(done.stderr.contains("hint: it is not pushed there yet"), "{}", done.stderr);
    assert!(!world.place.join("x").exists());
}

#[test]
fn what_was_brought_is_kept_and_never_in_the_way() {
    let place = Place::new();
    place.run("alpha", 30);
    assert_eq!(place.danlu(&["sync", "./stick"]).code, 0);
    let before = place.danlu(&["ls", "--remote", "stick"]).stdout;
    std::fs::rename(place.join("stick/segments"), place.join("gone")).unwrap();
    assert_eq!(place.danlu(&["ls", "--remote", "stick"]).stdout, before, "nothing had to come again");
    std::fs::remove_dir_all(place.join("cache")).unwrap();
    let done = place.danlu(&["ls", "--remote", "stick"]);
    assert_eq!(done.code, 1, "what cannot be brought is said");
    assert!(done.stderr.contains("error: "), "{}", done.stderr);
    std::fs::rename(place.join("gone"), place.join("stick/segments")).unwrap();
    assert_eq!(place.danlu(&["ls", "--remote", "stick"]).stdout, before);
    assert_eq!(place.json(&["ls"]).as_array().unwrap().len(), 1);
}

#[test]
fn a_remote_has_a_name_and_what_is_wrong_is_said() {
    let world = World::new();
    let book = json!({"remotes": {"lab": world.server.url}}).to_string();
    std::fs::write(world.place.join("wandb/remotes.json"), book).unwrap();
    assert_eq!(world.place.json(&["ls", "--remote", "lab", "--limit", "2"]).as_array().unwrap().len(), 2);
    let said = |args: &[&str], code: i32, words: &str| {
        let done = world.place.danlu(args);
        assert_eq!(done.code, code, "{args:?} {}{}", done.stdout, done.stderr);
        assert!(done.stderr.contains(words), "{args:?} {}", done.stderr);
    };
    for remote in ["lab", "stick"] {
        said(&["show", "nope", "--remote", remote], 1, "There is no run `nope` in `");
        said(&["show", "demo/nope", "--remote", remote], 1, "There is no run `demo/nope` in `");
        said(&["get", "alpha", "x.bin", "--remote", remote], 1, "has no file `x.bin`");
        said(&["sql", "alpha", "DELETE FROM point", "--remote", remote], 2, "Cannot answer the query");
        said(&["show", "a", "--remote", remote], 2, "is the beginning of the id of several runs");
    }
    said(&["ls", "--remote", "nowhere"], 1, "`nowhere` is no remote");
    said(&["ls", "--remote", "lab", "--filter", "colour = red"], 2, "colour");
    said(&["ls", "--remote", "http://127.0.0.1:9"], 1, "Cannot reach `http://127.0.0.1:9`");
    said(&["ls", "--remote", "stick", "--dir", "."], 2, "cannot be used with");
    let mut wrong = world.place.command(&["ls", "--remote", "lab"]);
    let done = wrong.env("DANLU_API_KEY", "dk_wrong").output().unwrap();
    assert_eq!(done.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&done.stderr).contains("refuses (401)"));
}

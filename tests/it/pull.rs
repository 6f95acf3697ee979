//! Runs that come back while others are at them, or that went on in several places.

use crate::api::Api;
use crate::remotes::hooked::{Call, Hooked};
use crate::support::{Place, ask, names, wait_until};
use danlu::model::Clock;
use danlu::remote::{Directory, Remote, add_records};
use danlu::{Resume, Run, RunBuilder};
use rustix::fs::{FlockOperation, flock};
use serde_json::Value;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

/// A second of 2023, in microseconds.
const THEN: i64 = 1_700_000_000_000_000;

const SECOND: i64 = 1_000_000;

/// A clock that stands still.
struct At(i64);

impl Clock for At {
    fn now(&self) -> i64 {
        self.0
    }
}

/// Expects a command to succeed, and returns what it says.
pub fn well(place: &Place, args: &[&str]) -> String {
    let done = place.danlu(args);
    assert_eq!(done.code, 0, "{args:?}: {}", done.said());
    done.said()
}

/// Finds the only run file of an id.
pub fn file_of(place: &Place, id: &str) -> PathBuf {
    let found: Vec<String> = names(&place.join("wandb"))
        .into_iter()
        .filter(|name| name.ends_with(&format!("-{id}.sqlite")))
        .collect();
    assert_eq!(found.len(), 1, "{found:?}");
    place.join("wandb").join(&found[0])
}

/// A remote at which something happens when an object is read first.
pub fn meanwhile<'a>(usb: &Path, event: impl FnOnce() + Send + 'a) -> Hooked<'a, Directory> {
    let event = Mutex::new(Some(event));
    Hooked::before(Directory::open(usb).unwrap(), move |call| {
        if let Some(event) = event.lock().unwrap().take_if(|_| call == Call::Get) {
            event();
        }
        Ok(())
    })
}

#[test]
fn a_run_file_that_came_meanwhile_is_added_to_and_never_replaced() {
    let (here, there) = (Place::new(), Place::new());
    here.run("abc", 300);
    let usb = here.join("usb");
    well(&here, &["sync", usb.to_str().unwrap()]);
    std::fs::create_dir(there.join("wandb")).unwrap();
    let path = there.join("wandb").join(file_of(&here, "abc").file_name().unwrap());
    for goes_on in [false, true] {
        std::fs::remove_file(&path).ok();
        let event = || {
            well(&there, &["pull", usb.to_str().unwrap(), "--all"]);
            if goes_on {
                let run = Run::builder("demo").id("abc").dir(there.path()).resume(Resume::Must);
                run.start().unwrap().finish(0).unwrap();
            }
        };
        let remote = meanwhile(&usb, event);
        let head = remote.runs(None).unwrap().remove(0);
        let manifest = remote.manifest_of(head.key).unwrap().unwrap();
        let done = add_records(&remote, &manifest, &path);
        // What went on since is more than the manifest says, and stays.
        assert_eq!(done.is_ok(), !goes_on, "{done:?}");
        assert_eq!(ask::<i64>(&path, "SELECT count(*) FROM attempt"), 1 + i64::from(goes_on));
        well(&there, &["verify"]);
        well(&there, &["get", "abc", "model.bin", "-o", "-"]);
        let left: Vec<String> =
            names(&there.join("wandb")).into_iter().filter(|name| name.contains("pulled")).collect();
        assert_eq!(left, Vec::<String>::new());
    }
}

#[test]
fn a_pull_that_waits_says_for_what() {
    let (here, there) = (Place::new(), Place::new());
    here.run("abc", 3);
    here.run("def", 3);
    let usb = here.join("usb");
    well(&here, &["sync", usb.to_str().unwrap()]);
    std::fs::create_dir(there.join("wandb")).unwrap();
    let other = File::open(there.join("wandb")).unwrap();
    flock(&other, FlockOperation::LockExclusive).unwrap();
    let said = there.join("said");
    let mut command = there.command(&["pull", usb.to_str().unwrap(), "--all"]);
    let mut child = command.stdout(Stdio::null()).stderr(File::create(&said).unwrap()).spawn().unwrap();
    let words = || std::fs::read_to_string(&said).unwrap();
    wait_until("it says for what", || {
        words().contains("waiting for another danlu that pulls or imports into")
    });
    drop(other);
    assert!(child.wait().unwrap().success(), "{}", words());
    assert_eq!(words().lines().count(), 1, "{}", words());
    assert_eq!(there.json(&["ls"]).as_array().unwrap().len(), 2);
}

#[test]
fn pulls_into_one_directory_at_once_all_end_well() {
    let here = Place::new();
    for id in ["abc", "def", "ghi"] {
        here.run(id, 200);
    }
    let usb = here.join("usb");
    well(&here, &["sync", usb.to_str().unwrap()]);
    for round in 0..4 {
        let there = Place::new();
        let started: Vec<_> = (0..4)
            .map(|_| {
                let mut command = there.command(&["pull", usb.to_str().unwrap(), "--all"]);
                command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
                command.spawn().unwrap()
            })
            .collect();
        for child in started {
            let done = crate::support::done(child.wait_with_output().unwrap(), &there);
            assert_eq!(done.code, 0, "{round}: {}", done.said());
        }
        well(&there, &["verify"]);
        let again = well(&there, &["pull", usb.to_str().unwrap(), "--all"]);
        assert_eq!(again.matches("up to date").count(), 3, "{again}");
    }
}

#[test]
fn runs_of_one_id_and_second_come_back_beside_each_other() {
    let (here, there) = (Place::new(), Place::new());
    for project in ["one", "two"] {
        let run = Run::builder(project).id("same").dir(here.path()).clock(Arc::new(At(THEN)));
        run.start().unwrap().finish(0).unwrap();
    }
    let usb = here.join("usb");
    let pull = ["pull", usb.to_str().unwrap(), "--all"];
    well(&here, &["sync", usb.to_str().unwrap()]);
    let pulled = well(&there, &pull);
    assert_eq!(pulled.matches("pulled  ").count(), 2, "{pulled}");
    assert_eq!(
        names(&there.join("wandb")),
        ["run-20231114_221320-same-1.sqlite", "run-20231114_221320-same.sqlite"]
    );
    let again = well(&there, &pull);
    assert_eq!(again.matches("up to date").count(), 2, "{again}");
    well(&there, &["verify"]);
    assert_eq!(there.json(&["ls"]).as_array().unwrap().len(), 2);
}

/// Writes rows and a file of a run at a time, as `how` says.
fn write(place: &Place, at: i64, rows: u32, how: impl FnOnce(RunBuilder) -> RunBuilder) {
    let run = how(Run::builder("demo").id("abc").dir(place.path()).clock(Arc::new(At(at)))).start().unwrap();
    (0..rows).for_each(|n| run.log([("loss", f64::from(n))]));
    let name = format!("{at}.bin");
    std::fs::write(place.join(&name), name.repeat(1000)).unwrap();
    run.save(&name).unwrap();
    run.finish(0).unwrap();
}

/// What a place shows of the history.
fn seen(place: &Place) -> Value {
    place.json(&["sql", "SELECT run, step, value FROM history WHERE key = 'loss' ORDER BY step, value"])
}

#[test]
fn a_run_that_was_rewound_while_the_clock_was_behind_shows_the_same_everywhere() {
    let api = Api::with(|place| {
        write(place, THEN, 10, |run| run);
        write(place, THEN - 3600 * SECOND, 2, |run| run.rewind_to(3));
        write(place, THEN - 7200 * SECOND, 1, |run| run.resume(Resume::Must));
    });
    let (here, there) = (&api.place, Place::new());
    assert_eq!(seen(here).as_array().unwrap().len(), 4 + 2 + 1);
    let served = api.get("/runs/~%2Fdemo%2Fabc/history?keys=loss");
    assert_eq!(served["rows"].as_array().unwrap().len(), 4 + 2 + 1, "{served}");
    let usb = here.join("usb");
    well(here, &["sync", usb.to_str().unwrap()]);
    well(&there, &["pull", usb.to_str().unwrap(), "--all"]);
    assert_eq!(seen(&there), seen(here));
    assert_eq!(there.json(&["ls"])[0]["digest"], here.json(&["ls"])[0]["digest"]);
    well(&there, &["verify"]);
}

#[test]
fn a_run_that_went_on_in_two_places_is_one_in_both() {
    let (one, two) = (Place::new(), Place::new());
    let usb = one.join("usb");
    let usb = usb.to_str().unwrap();
    write(&one, THEN, 10, |run| run);
    well(&one, &["sync", usb]);
    well(&two, &["pull", usb, "--all"]);
    write(&one, THEN + 100 * SECOND, 2, |run| run.resume(Resume::Must));
    write(&two, THEN + 200 * SECOND, 3, |run| run.resume(Resume::Must));
    for place in [&one, &two] {
        well(place, &["sync", usb]);
    }
    for place in [&two, &one] {
        let pulled = well(place, &["pull", usb, "--all"]);
        assert!(pulled.contains("completed"), "{pulled}");
        well(place, &["verify"]);
        let again = well(place, &["pull", usb, "--all"]);
        assert!(again.contains("up to date"), "{again}");
        assert_eq!(place.json(&["sync", usb])["objects_sent"], 0);
        for since in [0, 100, 200] {
            let name = format!("{}.bin", THEN + since * SECOND);
            let content = place.danlu(&["get", "abc", &name, "-o", "-"]);
            assert_eq!(content.stdout, name.repeat(1000), "{}", content.stderr);
        }
    }
    assert_eq!(seen(&one), seen(&two));
    assert_eq!(seen(&one).as_array().unwrap().len(), 10 + 2 + 3);
    let order = "SELECT group_concat(hex(attempt)) FROM (SELECT attempt FROM attempt ORDER BY id)";
    let orders = [&one, &two].map(|place| ask::<String>(&file_of(place, "abc"), order));
    assert_eq!(orders[0], orders[1]);
}

#[test]
fn files_that_a_pull_left_out_are_known_to_be_left_out() {
    let (here, there) = (Place::new(), Place::new());
    here.run("abc", 3);
    let usb = here.join("usb");
    let usb = usb.to_str().unwrap();
    well(&here, &["sync", usb]);
    well(&there, &["pull", usb, "abc", "--no-files"]);
    let brings = format!("danlu pull {usb} demo/abc");
    for _ in 0..2 {
        let verified = well(&there, &["verify"]);
        assert!(verified.contains("1 file is not here") && verified.contains(&brings), "{verified}");
        // Also when it was packed.
        well(&there, &["compact", "abc"]);
    }
    assert_eq!(there.json(&["verify"])[0]["left_out"]["files"], 1);
    let got = there.danlu(&["get", "abc", "model.bin"]);
    assert_eq!(got.code, 1, "{}", got.said());
    assert!(got.stderr.contains("left out") && got.stderr.contains(&brings), "{}", got.stderr);
    assert!(!got.stderr.contains("damaged"), "{}", got.stderr);
    // It goes on to other remotes as a run without some of its files.
    let stick = there.join("stick");
    let stick = stick.to_str().unwrap();
    let synced = well(&there, &["sync", stick]);
    assert!(synced.contains("1 file left out"), "{synced}");
    assert_eq!(there.json(&["sync", stick])["objects_sent"], 0);
    // And back to the one that has them, as it was.
    assert_eq!(there.json(&["sync", usb])["runs"][0]["left_out"], 0);
    // With its files it is a run as any other.
    well(&there, &["pull", usb, "abc"]);
    let verified = well(&there, &["verify"]);
    assert!(!verified.contains("not here"), "{verified}");
    assert_eq!(names(&there.join("wandb")).iter().filter(|name| name.ends_with(".absent")).count(), 0);
    let synced = there.json(&["sync", stick]);
    assert_eq!((&synced["objects_sent"], &synced["runs"][0]["left_out"]), (&1.into(), &0.into()), "{synced}");
}

#[test]
fn a_content_that_nobody_left_out_is_damage_also_beside_one_that_was() {
    let (here, there) = (Place::new(), Place::new());
    here.run("abc", 3);
    let usb = here.join("usb");
    well(&here, &["sync", usb.to_str().unwrap()]);
    well(&there, &["pull", usb.to_str().unwrap(), "abc", "--no-files"]);
    let run = Run::builder("demo").id("abc").dir(there.path()).resume(Resume::Must).start().unwrap();
    std::fs::write(there.join("more.bin"), "more").unwrap();
    run.save("more.bin").unwrap();
    run.finish(0).unwrap();
    well(&there, &["verify"]);
    let file = rusqlite::Connection::open(file_of(&there, "abc")).unwrap();
    file.execute_batch("DROP TRIGGER blob_delete; DELETE FROM blob;").unwrap();
    drop(file);
    let verified = there.danlu(&["verify"]);
    assert_eq!(verified.code, 1, "{}", verified.said());
    assert!(verified.stdout.contains("`more.bin` is not there"), "{}", verified.stdout);
    assert!(!verified.stdout.contains("`model.bin`"), "{}", verified.stdout);
}

#[test]
fn a_run_without_some_files_at_its_remote_goes_on_here_and_is_pushed_back() {
    let (here, there) = (Place::new(), Place::new());
    here.run("abc", 3);
    let usb = here.join("usb");
    let usb = usb.to_str().unwrap();
    well(&here, &["sync", usb, "--exclude", "*.bin"]);
    well(&there, &["pull", usb, "--all"]);
    let verified = well(&there, &["verify"]);
    assert!(verified.contains("1 file is not here") && verified.contains("nor at"), "{verified}");
    write(&there, THEN, 2, |run| run.resume(Resume::Must));
    let synced = there.json(&["sync", usb]);
    assert_eq!((&synced["runs"][0]["status"], &synced["runs"][0]["left_out"]), (&"pushed".into(), &1.into()));
    // Where the file was left out, it is still there, and the new rows come.
    let pulled = well(&here, &["pull", usb, "--all"]);
    assert!(pulled.contains("completed"), "{pulled}");
    assert_eq!(seen(&here), seen(&there));
    assert_eq!(well(&here, &["get", "abc", "model.bin", "-o", "-"]), "abc".repeat(1000));
    assert!(!well(&here, &["verify"]).contains("not here"));
    // A sync without limits brings it to the remote, and then it comes.
    well(&here, &["sync", usb]);
    well(&there, &["pull", usb, "--all"]);
    assert_eq!(well(&there, &["get", "abc", "model.bin", "-o", "-"]), "abc".repeat(1000));
    assert!(!well(&there, &["verify"]).contains("not here"));
}

#[test]
fn a_remote_has_its_name_also_for_runs_that_go_elsewhere() {
    let place = Place::new();
    place.run("abc", 3);
    let usb = place.join("usb");
    assert_eq!(place.danlu(&["remote", "add", "lab", usb.to_str().unwrap()]).code, 0);
    assert_eq!(place.danlu(&["sync"]).code, 0);
    let done = place.danlu(&["pull", "lab", "abc", "--dir", "elsewhere"]);
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    assert!(place.danlu(&["ls", "--dir", "elsewhere"]).stdout.contains("abc"));
}

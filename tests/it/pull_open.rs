//! Runs that come back although their writer has not ended, as far as they were pushed.

use crate::pull::{meanwhile, well};
use crate::support::{Place, names};
use danlu::remote::Remote;
use danlu::sync::{Pulled, pull};
use danlu::{Resume, Run};
use serde_json::Value;

/// Begins a run, and saves a file in it.
fn begin(place: &Place) -> Run {
    let run = Run::builder("demo").id("abc").config("lr", 0.5).dir(place.path()).start().unwrap();
    std::fs::write(place.join("model.bin"), "model").unwrap();
    run.save("model.bin").unwrap();
    run
}

/// Logs rows, so that others see them.
fn log(run: &Run, steps: std::ops::Range<i64>) {
    steps.for_each(|n| run.log([("loss", n)]));
    run.drain();
}

fn state(place: &Place) -> Value {
    place.json(&["ls"])[0]["state"].clone()
}

fn rows(place: &Place) -> Vec<i64> {
    let rows = place.json(&["sql", "SELECT value FROM history WHERE key = 'loss' ORDER BY value"]);
    rows.as_array().unwrap().iter().map(|row| row["value"].as_i64().unwrap()).collect()
}

/// A remote of each kind, as two machines reach it.
fn each_remote(check: impl Fn(&Place, &Place, &str)) {
    let (here, there) = (Place::new(), Place::new());
    check(&here, &there, here.join("usb").to_str().unwrap());
    let (here, there) = (Place::new(), Place::new());
    let server = here.serve();
    let key = server.key.clone().unwrap();
    for place in [&here, &there] {
        well(place, &["login", &server.url, "--key", &key]);
    }
    check(&here, &there, &server.url);
}

#[test]
fn a_run_whose_machine_is_gone_comes_back_as_far_as_it_was_pushed() {
    each_remote(|here, there, remote| {
        let run = begin(here);
        log(&run, 0..100);
        well(here, &["sync", remote, "--live"]);
        for first in ["pulled", "up to date"] {
            let pulled = well(there, &["pull", remote, "abc"]);
            let records = there.json(&["ls"])[0]["records"].as_u64().unwrap();
            let words = format!("still open when it was last pushed: {records} records until step 99");
            assert!(pulled.starts_with(first) && pulled.contains(&words), "{pulled}");
            assert_eq!((state(there), rows(there)), ("crashed".into(), (0..100).collect::<Vec<_>>()));
            let verified = well(there, &["verify"]);
            assert!(verified.starts_with("ok") && verified.contains("has not ended"), "{verified}");
            assert_eq!(there.danlu(&["get", "abc", "model.bin", "-o", "-"]).stdout, "model");
            let shown = well(there, &["show", "abc"]);
            assert!(shown.contains("crashed"), "{shown}");
        }
        let pulled = &there.json(&["pull", remote, "abc"])[0];
        assert_eq!(pulled["open"]["last_step"], 99, "{pulled}");
        let compacted = there.danlu(&["compact", "abc"]);
        assert!(compacted.code == 1 && compacted.stderr.contains("has not ended"), "{}", compacted.said());
        // The writer goes on, and then ends.
        log(&run, 100..20_000);
        well(here, &["sync", remote, "--live"]);
        let pulled = well(there, &["pull", remote, "abc"]);
        assert!(pulled.starts_with("completed") && pulled.contains("until step 19999"), "{pulled}");
        assert_eq!(rows(there), (0..20_000).collect::<Vec<_>>());
        well(there, &["verify"]);
        log(&run, 20_000..20_010);
        run.finish(0).unwrap();
        well(here, &["sync", remote]);
        let pulled = well(there, &["pull", remote, "abc"]);
        assert!(pulled.starts_with("completed") && !pulled.contains("open"), "{pulled}");
        assert_eq!((state(there), rows(there)), ("finished".into(), (0..20_010).collect::<Vec<_>>()));
        assert_eq!(there.json(&["ls"])[0]["digest"], here.json(&["ls"])[0]["digest"]);
        assert!(!well(there, &["verify"]).contains("has not ended"));
        well(there, &["compact", "abc"]);
        assert_eq!(there.json(&["sync", remote])["objects_sent"], 0);
    });
}

#[test]
fn what_a_pull_has_brought_since_is_not_said_to_be_elsewhere_alone() {
    each_remote(|here, there, remote| {
        let run = begin(here);
        log(&run, 0..50);
        well(here, &["sync", remote, "--live"]);
        well(there, &["pull", remote, "abc"]);
        well(there, &["sync", remote]);
        let checked = || there.json(&["status", "--check"])["remotes"][0]["runs"][0].clone();
        assert_eq!(checked()["why"], "it has not ended, as far as it is here");
        log(&run, 50..60);
        well(here, &["sync", remote, "--live"]);
        assert_eq!(checked()["why"], "its writer has pushed more of it");
        well(there, &["pull", remote, "abc"]);
        assert_eq!(checked()["why"], "it has not ended, as far as it is here");
        run.finish(0).unwrap();
        well(here, &["sync", remote]);
        assert_eq!(checked()["why"], "its writer has pushed more of it");
        well(there, &["pull", remote, "abc"]);
        assert_eq!((&checked()["status"], &checked()["why"]), (&"pushed".into(), &Value::Null));
    });
}

#[test]
fn a_run_that_was_pulled_open_never_speaks_for_its_writer() {
    each_remote(|here, there, remote| {
        let run = begin(here);
        log(&run, 0..50);
        well(here, &["sync", remote, "--live"]);
        well(there, &["pull", remote, "abc"]);
        let other = there.join("other");
        let other = other.to_str().unwrap();
        // It is there as it is here, to all eyes, and is not read again and again.
        for to in [remote, other] {
            well(there, &["sync", to]);
            let again = there.json(&["sync", to]);
            assert_eq!(
                (&again["objects_sent"], &again["runs"][0]["status"]),
                (&0.into(), &"up_to_date".into())
            );
        }
        let status = well(there, &["status"]);
        assert_eq!(status.matches("not ended").count(), 2, "{status}");
        assert!(
            !status.contains("local only") && status.contains("runs     1, 0 of them running"),
            "{status}"
        );
        assert!(!status.contains(" 0 records"), "{status}");
        // The machine is back: what its writer pushes is taken everywhere.
        log(&run, 50..60);
        well(here, &["sync", remote, "--live"]);
        well(there, &["sync", remote, "--recheck"]);
        well(there, &["sync", remote, "--live", "--recheck"]);
        run.finish(0).unwrap();
        for to in [remote, other] {
            let pushed = here.json(&["sync", to]);
            assert_eq!(pushed["runs"][0]["status"], "pushed", "{pushed}");
            assert_eq!(pushed["runs"][0]["diverged"], false);
            well(there, &["sync", to, "--recheck"]);
            assert_eq!(here.json(&["sync", to, "--recheck"])["objects_sent"], 0);
        }
        for from in [other, remote] {
            well(there, &["pull", from, "abc"]);
            assert_eq!((state(there), rows(there)), ("finished".into(), (0..60).collect::<Vec<_>>()));
        }
        assert!(!well(there, &["status"]).contains("not ended"));
    });
}

#[test]
fn a_run_that_was_pulled_open_goes_on_here_and_is_one_with_what_its_writer_still_had() {
    each_remote(|here, there, remote| {
        let run = begin(here);
        log(&run, 0..50);
        well(here, &["sync", remote, "--live"]);
        well(there, &["pull", remote, "abc"]);
        let relayed = there.json(&["sync", "./other"])["remote"].as_str().unwrap().to_owned();
        let at_other = || {
            let remotes = there.json(&["status"])["remotes"].as_array().unwrap().clone();
            remotes.iter().find(|at| at["address"] == relayed.as_str()).unwrap()["runs"][0].clone()
        };
        let count = at_other()["records"].as_u64().unwrap();
        assert!(count > 50, "{}", at_other());
        let goes_on = Run::builder("demo").id("abc").dir(there.path()).resume(Resume::Must).start().unwrap();
        log(&goes_on, 50..70);
        // Both are written now.
        well(there, &["sync", remote, "--live"]);
        log(&run, 1000..1010);
        well(here, &["sync", remote, "--live"]);
        goes_on.finish(0).unwrap();
        let pushed = there.json(&["sync", remote]);
        assert_eq!(pushed["runs"][0]["status"], "pushed", "{pushed}");
        assert_eq!(state(there), "finished");
        assert_eq!(at_other()["records"], count, "it has what it had: {}", at_other());
        well(there, &["verify"]);
        run.finish(1).unwrap();
        assert_eq!(here.json(&["sync", remote])["runs"][0]["status"], "pushed");
        for place in [there, here] {
            let pulled = well(place, &["pull", remote, "abc"]);
            assert!(pulled.starts_with("completed") && !pulled.contains("open"), "{pulled}");
            assert_eq!(rows(place), (0..70).chain(1000..1010).collect::<Vec<_>>());
            assert_eq!(state(place), "finished", "the last one counts");
            well(place, &["verify"]);
            assert_eq!(place.json(&["sync", remote, "--recheck"])["objects_sent"], 0);
        }
        assert_eq!(there.json(&["ls"])[0]["digest"], here.json(&["ls"])[0]["digest"]);
        // Its points came in turns, and an archive has them in order.
        for place in [there, here] {
            well(place, &["compact", "abc"]);
            well(place, &["verify"]);
            assert_eq!(rows(place), (0..70).chain(1000..1010).collect::<Vec<_>>());
        }
        assert_eq!(there.json(&["ls"])[0]["digest"], here.json(&["ls"])[0]["digest"]);
    });
}

#[test]
fn a_pull_of_a_run_whose_end_was_replaced_meanwhile_brings_the_new_one() {
    let (here, there) = (Place::new(), Place::new());
    let usb = here.join("usb");
    let run = begin(&here);
    log(&run, 0..10);
    well(&here, &["sync", usb.to_str().unwrap(), "--live"]);
    let event = || {
        log(&run, 10..20);
        well(&here, &["sync", usb.to_str().unwrap(), "--live"]);
    };
    let remote = meanwhile(&usb, event);
    let head = remote.runs(None).unwrap().remove(0);
    std::fs::create_dir(there.join("wandb")).unwrap();
    let pulled = pull(&remote, &head, &there.join("wandb"), &[], true, &|_| {}).unwrap();
    assert_eq!(pulled.status, Pulled::New);
    assert_eq!(rows(&there), (0..20).collect::<Vec<_>>());
    assert!(names(&there.join("wandb")).iter().all(|name| !name.contains("pulled")));
    drop(remote);
    run.finish(0).unwrap();
}

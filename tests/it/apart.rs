//! One run id begun more than once, on several machines or on one: nothing is lost, and people are told.

use crate::support::{Place, names};
use danlu::{Resume, Run, RunBuilder};
use serde_json::Value;
use std::path::PathBuf;

/// Where everybody in a test syncs to.
fn usb(place: &Place) -> String {
    place.join("usb").to_str().unwrap().to_owned()
}

fn builder(place: &Place) -> RunBuilder {
    Run::builder("demo").id("same").dir(place.path())
}

/// Writes rows from a step on, and ends.
fn write(builder: RunBuilder, steps: std::ops::Range<i64>) -> PathBuf {
    let run = builder.start().unwrap();
    for step in steps {
        run.log_at(step, [("loss", step)]);
    }
    let path = run.path().to_owned();
    run.finish(0).unwrap();
    path
}

/// Syncs, and returns what was said on standard error.
fn sync(place: &Place, args: &[&str]) -> String {
    let done = place.danlu(&[&["sync"], args].concat());
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    done.stderr
}

/// Returns how the runs stand at the only remote.
fn standing(place: &Place) -> Vec<Value> {
    place.json(&["status"])["remotes"][0]["runs"].as_array().unwrap().clone()
}

fn statuses(place: &Place) -> Vec<String> {
    standing(place).iter().map(|run| run["status"].as_str().unwrap().to_owned()).collect()
}

const WARNING: &str = "Run demo/same was also begun elsewhere: ";

#[test]
fn a_run_begun_on_two_machines_is_spoken_of_and_called_diverged() {
    let (here, there, third) = (Place::new(), Place::new(), Place::new());
    let server = here.serve();
    for place in [&here, &there, &third] {
        let key = server.key.as_deref().unwrap();
        assert_eq!(place.danlu(&["login", &server.url, "--key", key]).code, 0);
    }
    here.run("same", 3);
    there.run("same", 5);
    here.run("mine", 3);
    there.run("yours", 3);
    for remote in [&usb(&here), &server.url] {
        assert!(!sync(&here, &[remote]).contains("warning"));
        let said = sync(&there, &[remote]);
        assert!(said.contains(WARNING) && said.contains("danlu pull"), "{said}");
        assert_eq!(said.matches("warning").count(), 1, "{said}");
        assert_eq!(sync(&there, &[remote]), "", "nothing was pushed");
        assert!(!sync(&here, &[remote]).contains("warning"), "it has not looked yet");
        assert!(sync(&here, &[remote, "--recheck"]).contains(WARNING));
    }
    for place in [&here, &there] {
        for at in place.json(&["status"])["remotes"].as_array().unwrap() {
            for run in at["runs"].as_array().unwrap() {
                let wanted = if run["id"] == "same" { "diverged" } else { "pushed" };
                assert_eq!(run["status"], wanted, "{run}");
            }
        }
        let text = place.danlu(&["status"]).stdout;
        assert!(text.contains("  diverged    demo/same: ") && text.contains("also begun on "), "{text}");
    }
    // All of both is at the remote, and whoever brings it has both.
    let pulled = third.danlu(&["pull", &usb(&here), "same"]);
    assert_eq!(pulled.code, 0, "{}", pulled.stderr);
    let counted = third.json(&["sql", "same", "SELECT count(*) AS n FROM history WHERE key = 'loss'"]);
    assert_eq!(counted[0]["n"], 8);
    assert!(!sync(&third, &[&usb(&here)]).contains("warning"));
    assert_eq!(statuses(&third), ["pushed"]);
    // Whoever takes both has one run of both.
    let pulled = here.danlu(&["pull", &usb(&here), "same"]);
    assert_eq!(pulled.code, 0, "{}{}", pulled.stdout, pulled.stderr);
    assert!(!sync(&here, &[&usb(&here)]).contains("warning"));
    let at = here.json(&["status"]);
    let usb = at["remotes"].as_array().unwrap().iter().find(|at| at["address"] != server.url).unwrap();
    assert!(usb["runs"].as_array().unwrap().iter().all(|run| run["status"] == "pushed"), "{usb}");
}

#[test]
fn who_was_first_finds_out_when_he_looks_again() {
    let (here, there) = (Place::new(), Place::new());
    here.run("same", 3);
    there.run("same", 5);
    let usb = usb(&here);
    sync(&here, &[&usb]);
    sync(&there, &[&usb]);
    let asked = here.json(&["status", "--check"]);
    let run = &asked["remotes"][0]["runs"][0];
    assert_eq!(run["status"], "pushed");
    assert!(run["hint"].as_str().unwrap().contains("--recheck"), "{run}");
    let state = rusqlite::Connection::open(here.join("wandb/sync.sqlite")).unwrap();
    assert_eq!(state.execute("UPDATE peer SET looked = looked - 1300000000", []).unwrap(), 1);
    let said = sync(&here, &[&usb]);
    assert!(said.contains(WARNING), "{said}");
    assert_eq!(statuses(&here), ["diverged"]);
    // What the remote has lost since is not called anything else.
    std::fs::remove_dir_all(here.join("usb/runs")).unwrap();
    std::fs::create_dir(here.join("usb/runs")).unwrap();
    let asked = here.json(&["status", "--check"]);
    assert_eq!(asked["remotes"][0]["runs"][0]["status"], "local_only", "{asked}");
}

#[test]
fn what_follows_from_a_run_is_not_called_diverged() {
    let (here, there) = (Place::new(), Place::new());
    let usb = usb(&here);
    let all_sync = |what: &str| {
        for place in [&here, &there, &here, &there] {
            let said = sync(place, &[&usb, "--recheck"]);
            assert!(!said.contains("warning"), "{what}: {said}");
            assert!(statuses(place).iter().all(|status| status == "pushed"), "{what}: {:?}", standing(place));
        }
    };
    // Gone on with on another machine, and on the first one too; then a rewind.
    write(builder(&here), 0..5);
    sync(&here, &[&usb]);
    assert_eq!(there.danlu(&["pull", &usb, "same"]).code, 0);
    write(builder(&there).resume(Resume::Must), 5..8);
    write(builder(&here).resume(Resume::Must), 5..9);
    all_sync("resumes");
    write(builder(&there).rewind_to(2), 3..5);
    all_sync("a rewind");
    // A fork is another run.
    write(Run::builder("demo").id("fork").dir(there.path()).fork_from("same", 2), 3..5);
    all_sync("a fork");
    // Parts of one run.
    for (place, rank) in [(&here, 0), (&there, 1), (&there, 2)] {
        write(Run::builder("demo").id("ranks").rank(rank).dir(place.path()), 0..5);
    }
    all_sync("ranks");
    // One beside which others write.
    write(Run::builder("demo").id("chief").dir(here.path()), 0..5);
    write(Run::builder("demo").id("chief").rank(1).dir(there.path()), 0..5);
    all_sync("a part beside a whole");
}

#[test]
fn a_run_that_goes_on_from_a_checkpoint_without_its_file_is_not_called_diverged() {
    let (here, there, third) = (Place::new(), Place::new(), Place::new());
    let usb = usb(&here);
    // It died before it said anything.
    write(builder(&here), 0..0);
    sync(&here, &[&usb]);
    write(builder(&there).resume(Resume::Allow), 0..50);
    assert!(!sync(&there, &[&usb]).contains("warning"));
    // The disk is gone with the machine, the checkpoint is not; and it is a little older than the last row.
    write(builder(&third).resume(Resume::Allow), 40..60);
    for place in [&third, &there, &here] {
        assert!(!sync(place, &[&usb, "--recheck"]).contains("warning"));
        assert_eq!(statuses(place), ["pushed"]);
    }
}

#[test]
fn of_a_run_that_is_still_written_it_is_said_once_there_is_something_to_say() {
    let (here, there) = (Place::new(), Place::new());
    let usb = usb(&here);
    let run = builder(&here).start().unwrap();
    run.config("lr", 1);
    run.drain();
    sync(&here, &[&usb, "--live"]);
    there.run("same", 5);
    assert!(!sync(&there, &[&usb]).contains("warning"));
    assert_eq!(statuses(&there), ["pushed"]);
    run.log([("loss", 1)]);
    run.drain();
    assert!(sync(&here, &[&usb, "--live"]).contains(WARNING));
    assert_eq!(statuses(&here), ["diverged"]);
    run.log([("loss", 1)]);
    run.drain();
    assert!(!sync(&here, &[&usb, "--live"]).contains("warning"), "it is known");
    assert!(sync(&there, &[&usb]).contains(WARNING), "what could not be told is looked at again");
    run.finish(0).unwrap();
    assert!(sync(&here, &[&usb]).contains(WARNING));
    assert_eq!([statuses(&here), statuses(&there)], [["diverged"], ["diverged"]]);
}

#[test]
fn two_starts_with_one_id_in_one_directory_are_diverged() {
    let place = Place::new();
    place.run("same", 1);
    place.run("once", 1);
    sync(&place, &["./usb"]);
    assert_eq!(statuses(&place), ["pushed", "pushed"]);
    place.run("same", 2);
    let said = sync(&place, &["./usb"]);
    assert!(said.contains("Run demo/same was begun more than once: ") && !said.contains(WARNING), "{said}");
    assert_eq!(said.matches("warning").count(), 1, "{said}");
    let stand: Vec<(Value, Value)> =
        standing(&place).iter().map(|run| (run["id"].clone(), run["status"].clone())).collect();
    let diverged = stand.iter().filter(|(id, status)| id == "same" && status == "diverged").count();
    assert_eq!((stand.len(), diverged), (3, 2), "{stand:?}");
    assert!(stand.contains(&("once".into(), "pushed".into())), "{stand:?}");
    let text = place.danlu(&["status"]).stdout;
    assert!(text.contains("begun more than once here") && text.contains("an id of its own"), "{text}");
    // A copy was not begun by anybody.
    let file = place.run("copied", 1);
    std::fs::copy(&file, place.join("wandb/run-20200101_000000-copied.sqlite")).unwrap();
    for options in [&["./usb"][..], &["./usb", "--run", "copied", "--recheck"]] {
        assert!(!sync(&place, options).contains("warning"));
    }
    let copies =
        standing(&place).iter().filter(|run| run["id"] == "copied" && run["status"] == "pushed").count();
    assert_eq!(copies, 2);
}

#[test]
fn runs_that_meet_on_the_way_from_remote_to_remote_are_spoken_of() {
    let (here, there) = (Place::new(), Place::new());
    for (place, steps) in [(&here, 0..3), (&there, 0..5)] {
        write(builder(place), steps);
        write(Run::builder("demo").id("ranks").rank(0).dir(place.path()), 0..5);
        sync(place, &["./stick"]);
    }
    let target = here.join("all");
    let target = target.to_str().unwrap();
    let of = |place: &Place| {
        let stick = place.join("stick");
        sync(place, &["--from", stick.to_str().unwrap(), target])
    };
    assert!(!of(&here).contains("warning"));
    let said = of(&there);
    assert!(said.contains(WARNING) && said.matches("warning").count() == 1, "{said}");
    assert_eq!(names(&here.join("all/runs")).len(), 2);
}

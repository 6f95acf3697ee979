//! `danlu sync`: to a directory and to a server, interrupted, repeated, watched.

use crate::support::{Place, Serving, names, terminate, wait_until};
use std::process::Stdio;

/// Everything in a remote: relative paths with contents, but for what differs from one remote to the next: its
/// identity, and files that a killed process had begun.
fn tree(root: &std::path::Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut left = vec![root.to_owned()];
    while let Some(directory) = left.pop() {
        for path in std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                left.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                if name != "danlu-remote.json" && !name.starts_with("tmp/") {
                    found.push((name, std::fs::read(&path).unwrap()));
                }
            }
        }
    }
    found.sort();
    found
}

/// Runs with enough files that a sync takes a while.
fn many_runs(place: &Place) {
    for n in 0..4u32 {
        let run = danlu::Run::builder("demo").id(format!("r{n}")).dir(place.path()).start().unwrap();
        for step in 0..2000 {
            run.log([("loss", f64::from(step * n)), ("acc", f64::from(step))]);
        }
        for file in 0..8u32 {
            std::fs::write(place.join("weights.bin"), (n * 100 + file).to_le_bytes().repeat(250_000))
                .unwrap();
            run.save_as(&place.join("weights.bin"), &format!("weights-{file}.bin")).unwrap();
        }
        run.finish(0).unwrap();
    }
}

#[test]
fn a_second_sync_sends_nothing() {
    let place = Place::new();
    place.run("one", 10);
    place.run("two", 20);
    let first = place.json(&["sync", "./usb"]);
    assert_eq!(first["objects_sent"], 4);
    let before = tree(&place.join("usb"));
    let again = place.json(&["sync", "./usb"]);
    assert_eq!((&again["objects_sent"], &again["runs"][0]["status"]), (&0.into(), &"up_to_date".into()));
    // Losing what the syncer knows costs questions, not objects.
    std::fs::remove_file(place.join("wandb/sync.sqlite")).unwrap();
    let asked = place.json(&["sync", "./usb"]);
    assert_eq!((&asked["objects_sent"], &asked["runs"][0]["status"]), (&0.into(), &"pushed".into()));
    assert_eq!(tree(&place.join("usb")), before);
    assert_eq!(place.json(&["sync"])["remote"], first["remote"], "the remote is remembered");
}

#[test]
fn a_sync_killed_half_way_and_repeated_ends_in_the_same_bytes() {
    let place = Place::new();
    many_runs(&place);
    assert_eq!(place.danlu(&["sync", "./undisturbed"]).code, 0);
    let whole = tree(&place.join("undisturbed"));
    let objects =
        |remote: &str| tree(&place.join(remote)).iter().filter(|(name, _)| name.contains("s/")).count();
    let mut killed_half_way = 0;
    for round in 0..6 {
        let remote = format!("./remote-{round}");
        let mut child = place.command(&["sync", &remote]).stdout(Stdio::null()).spawn().unwrap();
        wait_until("some objects are there", || {
            place.join(&remote).join("blobs").is_dir() && objects(&remote) > round * 5
                || child.try_wait().unwrap().is_some()
        });
        child.kill().ok();
        child.wait().unwrap();
        let left: Vec<_> = tree(&place.join(&remote));
        killed_half_way += usize::from(left.len() < whole.len());
        assert!(left.iter().all(|file| whole.contains(file)), "what has its name is whole");
        let done = place.danlu(&["sync", &remote]);
        assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
        let now: Vec<_> = tree(&place.join(&remote));
        assert!(now == whole, "the same objects and manifests, byte for byte");
        assert_eq!(place.json(&["sync", &remote])["objects_sent"], 0);
        assert_eq!(place.danlu(&["verify", &remote]).code, 0);
    }
    assert!(killed_half_way >= 3, "only {killed_half_way} of 6 syncs were killed half-way");
}

#[test]
fn a_sync_to_a_server_killed_half_way_and_repeated_has_our_digests() {
    let place = Place::new();
    many_runs(&place);
    let server = place.serve();
    let key = server.key.clone().unwrap();
    assert_eq!(place.danlu(&["login", &server.url, "--key", &key]).code, 0);
    let mut child = place.command(&["sync", &server.url]).stdout(Stdio::null()).spawn().unwrap();
    let blobs = place.join("server/objects/blobs");
    wait_until("some objects are there", || names(&blobs).len() > 10 || child.try_wait().unwrap().is_some());
    child.kill().ok();
    child.wait().unwrap();
    let outcome = place.json(&["sync", &server.url]);
    assert!(outcome["objects_sent"].as_u64().unwrap() > 0, "it was killed half-way");
    let local = place.json(&["ls"]);
    let (_, remote) = server.get("/api/v1/runs", &key);
    let remote = remote["runs"].clone();
    assert_eq!(remote.as_array().unwrap().len(), 4);
    for run in local.as_array().unwrap() {
        let held = remote.as_array().unwrap().iter().find(|held| held["id"] == run["id"]).unwrap();
        assert_eq!(held["digest"], run["digest"]);
    }
    assert_eq!(place.json(&["sync", &server.url])["objects_sent"], 0);
}

#[test]
fn a_run_that_is_being_written_waits() {
    let place = Place::new();
    let run = danlu::Run::builder("p").id("live").dir(place.path()).start().unwrap();
    run.log([("n", 1)]);
    let outcome = place.json(&["sync", "./usb"]);
    assert_eq!((&outcome["runs"][0]["status"], &outcome["objects_sent"]), (&"running".into(), &0.into()));
    run.finish(0).unwrap();
    assert_eq!(place.json(&["sync", "./usb"])["runs"][0]["status"], "pushed");
}

#[test]
fn a_damaged_run_is_named_and_does_not_stop_the_others() {
    let place = Place::new();
    let path = place.run("bad", 50);
    place.run("good", 5);
    std::fs::write(place.join("wandb/run-20200101_000000-none.sqlite"), "no database").unwrap();
    let mut content = std::fs::read(&path).unwrap();
    let needle = 49.0f64.to_be_bytes();
    let at = content.windows(8).position(|window| window == needle).unwrap();
    content[at + 5] ^= 1;
    std::fs::write(&path, content).unwrap();
    let done = place.danlu(&["sync", "./usb", "--json"]);
    assert_eq!(done.code, 1);
    let outcome: serde_json::Value = serde_json::from_str(done.stdout.lines().last().unwrap()).unwrap();
    let status: Vec<&str> =
        outcome["runs"].as_array().unwrap().iter().map(|run| run["status"].as_str().unwrap()).collect();
    assert_eq!(status, ["parked", "parked", "pushed"]);
    assert!(outcome["runs"][1]["error"].as_str().unwrap().contains("are not what was written"), "{outcome}");
}

#[test]
fn two_copies_of_a_run_that_both_went_on_are_two_attempts() {
    let (here, there) = (Place::new(), Place::new());
    for place in [&here, &there] {
        place.run("same", 3);
        let remote = here.join("usb");
        assert_eq!(place.danlu(&["sync", remote.to_str().unwrap()]).code, 0);
    }
    let manifest = std::fs::read_dir(here.join("usb/runs")).unwrap().next().unwrap().unwrap().path();
    let manifest: serde_json::Value = serde_json::from_slice(&std::fs::read(manifest).unwrap()).unwrap();
    assert_eq!(manifest["attempts"].as_array().unwrap().len(), 2);
    let server = here.serve();
    let key = server.key.clone().unwrap();
    for place in [&here, &there] {
        assert_eq!(place.danlu(&["login", &server.url, "--key", &key]).code, 0);
        assert_eq!(place.danlu(&["sync", &server.url]).code, 0);
    }
    let (_, runs) = server.get("/api/v1/runs", &key);
    let runs = runs["runs"].clone();
    assert_eq!((runs.as_array().unwrap().len(), &runs[0]["digest"]), (1, &manifest["digest"]));
}

#[test]
fn watching_pushes_runs_as_they_finish_and_waits_out_a_server_that_is_down() {
    let place = Place::new();
    place.run("before", 1);
    let server = place.serve();
    let (url, key) = (server.url.clone(), server.key.clone().unwrap());
    assert_eq!(place.danlu(&["login", &url, "--key", &key]).code, 0);
    assert!(server.stop().success());
    let mut watching = place
        .command(&["sync", &url, "--watch"])
        .stdout(Stdio::piped())
        .stderr(std::fs::File::create(place.join("stderr")).unwrap())
        .spawn()
        .unwrap();
    let said = || std::fs::read_to_string(place.join("stderr")).unwrap();
    wait_until("it says that the server is down", || said().contains("Cannot reach"));
    let server = Serving::start(place.server("server", url.strip_prefix("http://").unwrap()));
    let ids = || -> Vec<String> {
        let (_, runs) = server.get("/api/v1/runs", &key);
        let runs = runs["runs"].clone();
        runs.as_array().unwrap().iter().map(|run| run["id"].as_str().unwrap().to_owned()).collect()
    };
    wait_until("the first run is there", || ids() == ["before"]);
    wait_until("it says that the server is there", || said().contains("is there again"));
    place.run("later", 1);
    wait_until("the second run is there", || ids() == ["later", "before"]);
    terminate(&watching);
    watching.wait().unwrap();
}

#[test]
fn another_stick_in_the_same_place_gets_everything() {
    let place = Place::new();
    place.run("abc", 3);
    assert_eq!(place.json(&["sync", "./usb"])["objects_sent"], 2);
    std::fs::rename(place.join("usb"), place.join("first")).unwrap();
    let elsewhere = Place::new();
    elsewhere.run("def", 1);
    let usb = place.join("usb");
    assert_eq!(elsewhere.danlu(&["sync", usb.to_str().unwrap()]).code, 0);
    assert_eq!(place.json(&["sync", "./usb"])["objects_sent"], 2);
    assert_eq!(place.danlu(&["verify", "usb"]).code, 0);
}

#[test]
fn damaged_objects_of_a_remote_are_sent_again_and_never_called_pushed() {
    for part in ["segments", "blobs"] {
        for damage in [|bytes: &mut Vec<u8>| bytes.clear(), |bytes: &mut Vec<u8>| bytes.fill(0)] {
            let place = Place::new();
            place.run("abc", 3);
            assert_eq!(place.danlu(&["sync", "./usb"]).code, 0);
            let folder =
                std::fs::read_dir(place.join("usb").join(part)).unwrap().next().unwrap().unwrap().path();
            let object = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
            let mut bytes = std::fs::read(&object).unwrap();
            damage(&mut bytes);
            std::fs::write(&object, bytes).unwrap();
            let outcome = place.json(&["sync", "./usb", "--recheck"]);
            assert_eq!(
                (&outcome["objects_sent"], &outcome["runs"][0]["status"]),
                (&1.into(), &"pushed".into())
            );
            assert_eq!(place.danlu(&["verify", "usb"]).code, 0);
        }
    }
}

#[test]
fn a_directory_without_runs_stays_as_it_is_and_no_remote_is_made() {
    let place = Place::new();
    std::fs::create_dir(place.join("wandb")).unwrap();
    let done = place.danlu(&["sync", "./usb"]);
    assert_eq!((done.code, done.stdout.as_str()), (0, "No runs in ./wandb\n"), "{}", done.stderr);
    assert_eq!(place.json(&["sync", "./usb"])["runs"], serde_json::json!([]));
    assert!(names(&place.join("wandb")).is_empty() && !place.join("usb").exists());
}

#[test]
fn a_remote_is_made_where_there_is_a_place_for_it_and_that_is_said() {
    let place = Place::new();
    place.run("abc", 1);
    let done = place.danlu(&["sync", "media/usb"]);
    assert_eq!(done.code, 1);
    assert_eq!(
        done.stderr,
        "error: Cannot create the remote `[DIR]/media/usb`: No such file or directory (os error 2)\n\
         hint: the directory above it is not there: is the disk mounted? `mkdir -p` makes what is missing\n"
    );
    assert!(!place.join("media").exists() && !place.join("wandb/sync.sqlite").exists());
    std::fs::create_dir(place.join("media")).unwrap();
    assert_eq!(place.danlu(&["sync", "media/usb"]).stderr, "created the remote `[DIR]/media/usb`\n");
    assert_eq!(place.danlu(&["sync", "media/usb"]).stderr, "", "it is there now");
}

#[test]
fn runs_that_become_one_at_the_remote_are_spoken_of() {
    let place = Place::new();
    place.run("twice", 1);
    place.run("once", 1);
    assert!(!place.danlu(&["sync", "./first"]).stderr.contains("warning"));
    place.run("twice", 2);
    let said = place.danlu(&["sync", "./usb"]).stderr;
    let warning = "warning: Run demo/twice was begun more than once: here these are runs of their own, at `[DIR]/usb` they are one; give each an id of its own";
    assert!(said.contains(warning) && !said.contains("demo/once"), "{said}");
    assert_eq!(place.danlu(&["sync", "./usb"]).stderr, "", "nothing was pushed");
}

#[test]
fn the_remote_may_be_in_the_environment() {
    let place = Place::new();
    place.run("abc", 1);
    let sync = |remote: &str| place.command(&["sync"]).env("DANLU_REMOTE", remote).output().unwrap();
    let nothing = String::from_utf8(sync("").stderr).unwrap();
    assert!(nothing.starts_with("error: There is no remote to sync to"), "{nothing}");
    assert!(sync("./usb").status.success() && place.join("usb").exists());
}

#[test]
fn half_an_address_is_no_directory() {
    let place = Place::new();
    place.run("abc", 1);
    for (address, why) in [
        ("http:", "`http:` is no address of a server: empty host"),
        ("http://", "`http://` is no address of a server: empty host"),
        ("https:/host", "`https:/host` is no address of a server"),
        ("http://a b", "`http://a b` is no address of a server: invalid international domain name"),
        ("file://", "danlu cannot sync to `file://`: it names no directory"),
        ("file:", "danlu cannot sync to `file:`: that is the beginning of an address"),
        ("ftp://host", "danlu cannot sync to `ftp://host`: it knows no `ftp://`"),
    ] {
        let done = place.danlu(&["sync", address]);
        let said = done.stderr.lines().next().unwrap_or_default();
        assert_eq!((done.code, said), (2, format!("error: {why}").as_str()), "{}", done.stderr);
        assert!(done.stderr.contains("\nhint: "), "{}", done.stderr);
    }
    assert_eq!(names(place.path()), ["model.bin", "wandb"]);
}

#[test]
fn a_directory_needs_none_of_the_settings() {
    let place = Place::new();
    place.run("a", 3);
    std::fs::create_dir(place.join("settings")).unwrap();
    std::fs::write(place.join("settings/credentials.json"), "{ not json").unwrap();
    assert_eq!(place.danlu(&["sync", "./usb"]).code, 0);
    assert_eq!(place.danlu(&["sync"]).code, 0, "where it was synced to last");
    let done = place.danlu(&["sync", "http://127.0.0.1:1"]);
    assert!(done.code == 1 && done.stderr.contains("Cannot read the keys in"), "{}", done.stderr);
    let mut homeless = place.command(&["sync", "./usb"]);
    homeless.env_remove("DANLU_CONFIG_DIR");
    assert!(homeless.output().unwrap().status.success());
}

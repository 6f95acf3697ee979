//! What users do with `danlu sync` beyond a plain push: names, relays, selections, parked runs, live runs, several remotes.

use crate::proxy::Proxy;
use crate::support::{Place, names, terminate, wait_until};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;

fn statuses(outcome: &Value) -> Vec<(String, String)> {
    let text = |run: &Value, name: &str| run[name].as_str().unwrap().to_owned();
    let runs = outcome["runs"].as_array().unwrap();
    runs.iter().map(|run| (text(run, "id"), text(run, "status"))).collect()
}

/// Reads the manifests of a directory that was synced to.
fn manifests(remote: &Path) -> Vec<Value> {
    let read = |name: String| serde_json::from_slice(&std::fs::read(remote.join("runs").join(name)).unwrap());
    names(&remote.join("runs")).into_iter().map(read).map(Result::unwrap).collect()
}

#[test]
fn remotes_have_names_that_survive_the_loss_of_what_the_syncer_knows() {
    let place = Place::new();
    place.run("abc", 3);
    for name in ["lab", "backup"] {
        assert_eq!(place.danlu(&["remote", "add", name, &format!("./{name}")]).code, 0);
    }
    std::fs::create_dir(place.join("elsewhere")).unwrap();
    let listed = place.json(&["remote", "ls"]);
    let row = |n: usize| (listed[n]["name"].as_str().unwrap(), listed[n]["default"].as_bool().unwrap());
    assert_eq!((row(0), row(1)), (("backup", false), ("lab", true)), "the first is the default");
    assert!(
        listed[1]["address"].as_str().unwrap().starts_with("[DIR]/"),
        "it can be used from anywhere: {listed}"
    );
    assert_eq!(place.danlu(&["sync"]).code, 0);
    assert!(place.join("lab/runs").is_dir() && !place.join("backup").exists());
    std::fs::remove_file(place.join("wandb/sync.sqlite")).unwrap();
    assert_eq!(place.danlu(&["remote", "default", "backup"]).code, 0);
    assert_eq!(place.danlu(&["sync"]).code, 0);
    assert_eq!(manifests(&place.join("backup")), manifests(&place.join("lab")));
    place.run("def", 3);
    let both = place.danlu(&["sync", "--all"]);
    assert_eq!(both.code, 0, "{}", both.stderr);
    assert_eq!((names(&place.join("lab/runs")).len(), names(&place.join("backup/runs")).len()), (2, 2));
    assert_eq!(place.danlu(&["remote", "rm", "lab"]).code, 0);
    let gone = place.danlu(&["remote", "rm", "lab"]);
    assert_eq!((gone.code, gone.stderr.contains("there are: backup")), (2, true), "{}", gone.stderr);
    for wrong in [["remote", "add", "a/b", "x"], ["remote", "add", "ftp", "ftp://x"]] {
        assert_eq!(place.danlu(&wrong).code, 2);
    }
}

#[test]
fn a_login_does_not_take_a_directory_from_its_remote() {
    let place = Place::new();
    place.run("abc", 1);
    let server = place.serve();
    let key = server.key.clone().unwrap();
    let first = place.danlu(&["login", &server.url, "--key", &key]);
    assert!(first.stdout.contains("`danlu sync` in this directory goes to it"), "{}", first.stdout);
    assert_eq!(place.danlu(&["remote", "add", "usb", "./usb"]).code, 0);
    let second = place.danlu(&["login", &server.url, "--key", &key]);
    assert!(second.stdout.contains("still goes to"), "{}", second.stdout);
    assert_eq!(place.danlu(&["sync"]).code, 0);
    assert!(place.join("usb/runs").is_dir());
}

#[test]
fn from_a_stick_to_a_server_every_object_is_verified_and_one_that_is_damaged_parks_its_run() {
    let place = Place::new();
    place.run("good", 20);
    place.run("bad", 30);
    assert_eq!(place.danlu(&["sync", "./usb"]).code, 0);
    let bad = manifests(&place.join("usb")).into_iter().find(|m| m["run"]["id"] == "bad").unwrap();
    let blob = bad["blobs"][0]["sha256"].as_str().unwrap();
    let path = place.join("usb/blobs").join(&blob[..2]).join(blob);
    let whole = std::fs::read(&path).unwrap();
    let mut broken = whole.clone();
    broken[5] ^= 1;
    std::fs::write(&path, broken).unwrap();
    let server = place.serve();
    let key = server.key.clone().unwrap();
    assert_eq!(place.danlu(&["login", &server.url, "--key", &key]).code, 0);
    let done = place.danlu(&["sync", "--from", "usb", &server.url]);
    assert_eq!(done.code, 1, "{}", done.stderr);
    assert!(done.stdout.contains("PARKED      demo/bad: Blob"), "{}", done.stdout);
    assert!(done.stdout.contains("pushed      demo/good"), "{}", done.stdout);
    std::fs::write(&path, whole).unwrap();
    let mended = place.json(&["sync", "--from", "usb", &server.url]);
    assert_eq!(
        mended["runs"].as_array().unwrap().iter().filter(|run| run["status"] == "pushed").count(),
        1,
        "{mended}"
    );
    let again = place.json(&["sync", "--from", "usb", &server.url]);
    assert!(statuses(&again).iter().all(|(_, status)| status == "up_to_date"), "{again}");
    // Back again: the same manifests, byte for byte.
    assert_eq!(place.danlu(&["sync", "--from", &server.url, "./second"]).code, 0);
    assert_eq!(manifests(&place.join("second")), manifests(&place.join("usb")));
    assert_eq!(place.danlu(&["verify", "second"]).code, 0);
}

#[test]
fn what_is_left_out_is_said_and_can_be_sent_later() {
    let place = Place::new();
    let run = danlu::Run::builder("demo").id("abc").dir(place.path()).start().unwrap();
    for (name, length) in [("notes.txt", 10), ("media/a.png", 5_000), ("model.ckpt", 90_000)] {
        std::fs::create_dir_all(place.join("media")).unwrap();
        std::fs::write(place.join(name), vec![b'x'; length]).unwrap();
        run.save_as(&place.join(name), name).unwrap();
    }
    run.finish(0).unwrap();
    let digest = place.json(&["ls"])[0]["digest"].clone();
    let some = place.json(&["sync", "./usb", "--exclude", "*.ckpt", "--max-size", "4kB"]);
    assert_eq!((&some["runs"][0]["status"], &some["runs"][0]["left_out"]), (&"pushed".into(), &2.into()));
    let manifest = &manifests(&place.join("usb"))[0];
    assert_eq!((manifest["digest"].clone(), &manifest["version"]), (digest.clone(), &2.into()));
    assert_eq!(manifest["absent"].as_array().unwrap().len(), 2);
    assert_eq!(place.danlu(&["verify", "usb"]).code, 0, "what is there is whole");
    let again = place.json(&["sync", "./usb", "--exclude", "*.ckpt", "--max-size", "4kB"]);
    assert_eq!(again["runs"][0]["status"], "up_to_date");
    let status = place.json(&["status"]);
    let at = &status["remotes"][0]["runs"][0];
    assert_eq!(
        (&at["status"], &at["left_out"], &at["left_bytes"]),
        (&"partly".into(), &2.into(), &95_000.into())
    );
    let rest = place.json(&["sync", "./usb"]);
    assert_eq!((&rest["runs"][0]["status"], &rest["objects_sent"]), (&"pushed".into(), &2.into()));
    let manifest = &manifests(&place.join("usb"))[0];
    assert_eq!((manifest["digest"].clone(), &manifest["version"]), (digest, &1.into()));
    assert_eq!(place.json(&["status"])["remotes"][0]["runs"][0]["status"], "pushed");
}

#[test]
fn runs_are_chosen_by_name_project_and_filter() {
    let place = Place::new();
    place.run("one", 1);
    place.run("two", 2);
    let ids = |args: &[&str]| -> Vec<String> {
        statuses(&place.json(&[&["sync", "./usb", "--dry-run"], args].concat()))
            .into_iter()
            .map(|(id, _)| id)
            .collect()
    };
    assert_eq!(ids(&["--run", "two"]), ["two"]);
    assert_eq!(ids(&["--run", "demo/one", "--run", "two"]), ["one", "two"]);
    assert_eq!(ids(&["--project", "demo"]).len(), 2);
    assert!(ids(&["--project", "other"]).is_empty());
    assert_eq!(ids(&["--filter", "summary.acc > 0.5"]), ["two"]);
    assert!(!place.join("usb").exists(), "a look makes nothing");
    let none = place.danlu(&["sync", "./usb", "--run", "thr"]);
    assert_eq!((none.code, none.stderr.contains("There is no run `thr`")), (1, true), "{}", none.stderr);
    for wrong in [
        ["--filter", "state ="],
        ["--include", "["],
        ["--max-size", "much"],
        ["--limit-rate", "0"],
        ["--jobs", "0"],
    ] {
        let done = place.danlu(&[&["sync", "./usb"][..], &wrong].concat());
        assert_eq!(
            (done.code, done.stderr.contains("hint: ") || wrong[0] == "--jobs"),
            (2, true),
            "{}",
            done.stderr
        );
    }
    assert!(!place.join("usb").exists());
}

#[test]
fn a_parked_run_is_tried_again_when_it_changes_or_somebody_asks() {
    let place = Place::new();
    let path = place.run("bad", 50);
    place.run("good", 1);
    let whole = std::fs::read(&path).unwrap();
    let at = whole.windows(8).position(|window| window == 49.0f64.to_be_bytes()).unwrap();
    let mut broken = whole.clone();
    broken[at + 5] ^= 1;
    std::fs::write(&path, broken).unwrap();
    let sync = |more: &[&str]| {
        let done = place.danlu(&[&["sync", "./usb", "--json"], more].concat());
        let events: Vec<Value> =
            done.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        (done.code, events)
    };
    let of = |events: &[Value], name: &str| events.iter().filter(|event| event["event"] == name).count();
    let (code, first) = sync(&[]);
    assert_eq!((code, of(&first, "parked"), of(&first, "pushed"), of(&first, "done")), (1, 1, 1, 1));
    let (code, second) = sync(&[]);
    assert_eq!((code, of(&second, "parked")), (1, 0), "it is not even opened");
    let done = second.last().unwrap();
    assert_eq!(statuses(done)[0], ("bad".to_owned(), "parked".to_owned()));
    assert!(done["runs"][0]["error"].as_str().unwrap().contains("are not what was written"), "{done}");
    let status = place.danlu(&["status"]);
    assert!(status.stdout.contains("parked      demo/bad"), "{}", status.stdout);
    assert_eq!(of(&sync(&["--retry"]).1, "parked"), 1);
    std::fs::write(&path, whole).unwrap();
    let (code, mended) = sync(&[]);
    assert_eq!((code, of(&mended, "pushed")), (0, 1));
}

#[test]
fn a_second_sync_to_a_server_costs_a_handful_of_requests() {
    let place = Place::new();
    for n in 0..40 {
        place.run(&format!("r{n}"), 3);
    }
    let server = place.serve();
    let proxy = Proxy::before(&server.url);
    let key = server.key.clone().unwrap();
    assert_eq!(place.danlu(&["login", &proxy.url, "--key", &key]).code, 0);
    let before = proxy.requests();
    assert_eq!(place.json(&["sync", &proxy.url])["objects_sent"], 80);
    let first = proxy.requests() - before;
    assert!(first <= 30, "{first} requests for 40 runs");
    let before = proxy.requests();
    let again = place.json(&["sync", &proxy.url]);
    assert!(statuses(&again).iter().all(|(_, status)| status == "up_to_date"), "{again}");
    assert!(proxy.requests() - before <= 10, "{} requests", proxy.requests() - before);
}

#[test]
fn two_syncers_at_once_do_no_harm() {
    let place = Place::new();
    for n in 0..20 {
        place.run(&format!("r{n}"), 200);
    }
    assert_eq!(place.danlu(&["sync", "./alone"]).code, 0);
    std::fs::remove_file(place.join("wandb/sync.sqlite")).unwrap();
    let start = || place.command(&["sync", "./usb"]).stdout(Stdio::null()).spawn().unwrap();
    let mut both = [start(), start()];
    assert!(both.iter_mut().all(|child| child.wait().unwrap().success()));
    assert_eq!(manifests(&place.join("usb")), manifests(&place.join("alone")));
    assert_eq!(place.danlu(&["verify", "usb"]).code, 0);
    assert_eq!(place.json(&["sync", "./usb"])["objects_sent"], 0);
}

#[test]
fn a_run_that_is_still_written_is_pushed_as_far_as_it_is_and_closed_in_the_end() {
    let place = Place::new();
    let run = danlu::Run::builder("demo").id("abc").dir(place.path()).start().unwrap();
    for n in 0..100 {
        run.log([("n", n)]);
    }
    run.drain();
    let live = place.json(&["sync", "./usb", "--live"]);
    assert_eq!(live["runs"][0]["status"], "live", "{live}");
    let open = &manifests(&place.join("usb"))[0];
    assert_eq!((&open["attempts"][0]["open"], &open["version"]), (&true.into(), &2.into()));
    let records = open["attempts"][0]["records"].as_u64().unwrap();
    for n in 100..150 {
        run.log([("n", n)]);
    }
    run.drain();
    assert_eq!(place.json(&["sync", "./usb", "--live"])["runs"][0]["status"], "live");
    let further = &manifests(&place.join("usb"))[0];
    assert!(further["attempts"][0]["records"].as_u64().unwrap() >= records + 50, "{further}");
    run.finish(0).unwrap();
    assert_eq!(place.json(&["sync", "./usb"])["runs"][0]["status"], "pushed");
    let closed = &manifests(&place.join("usb"))[0];
    assert_eq!((&closed["attempts"][0]["open"], &closed["version"]), (&Value::Null, &1.into()));
    assert_eq!(closed["digest"], place.json(&["ls"])[0]["digest"]);
    let segments: usize = names(&place.join("usb/segments"))
        .iter()
        .map(|folder| names(&place.join("usb/segments").join(folder)).len())
        .sum();
    assert_eq!(segments, closed["attempts"][0]["segments"].as_array().unwrap().len(), "no end is left over");
}

#[test]
fn a_remote_that_is_down_does_not_hold_up_another_one() {
    let place = Place::new();
    std::fs::create_dir(place.join("wandb")).unwrap();
    let mut child = place
        .command(&["sync", "./usb", "http://127.0.0.1:1", "--watch", "--json"])
        .stdout(std::fs::File::create(place.join("events")).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let events = || -> Vec<Value> {
        let text = std::fs::read_to_string(place.join("events")).unwrap();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    };
    wait_until("the other one is known to be down", || events().iter().any(|event| event["event"] == "away"));
    place.run("abc", 5);
    wait_until("the run is on the stick", || {
        events().iter().any(|event| event["event"] == "pushed" && event["id"] == "abc")
    });
    terminate(&child);
    child.wait().unwrap();
    assert_eq!(manifests(&place.join("usb")).len(), 1);
    let status = place.json(&["status"]);
    let down =
        status["remotes"].as_array().unwrap().iter().find(|remote| remote["error"] != Value::Null).unwrap();
    assert!(down["error"].as_str().unwrap().contains("Cannot reach"), "{status}");
    assert_eq!(down["runs"][0]["status"], "local_only");
}

#[test]
fn a_watch_until_done_ends_after_the_last_run() {
    let place = Place::new();
    let run = danlu::Run::builder("demo").id("abc").dir(place.path()).start().unwrap();
    run.log([("loss", 1.0)]);
    run.flush().unwrap();
    let mut child = place
        .command(&["sync", "./usb", "--watch", "--live", "--until-done"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("the run is seen there", || {
        let usb = place.join("usb");
        usb.join("runs").is_dir() && manifests(&usb).len() == 1
    });
    assert!(child.try_wait().unwrap().is_none(), "it stays while the run is written");
    run.finish(0).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(manifests(&place.join("usb"))[0]["digest"], place.json(&["ls"])[0]["digest"]);
    let alone = place.danlu(&["sync", "./usb", "--until-done"]);
    assert_eq!((alone.code, alone.stderr.contains("--watch")), (2, true), "{}", alone.stderr);
}

#[test]
fn a_run_comes_back_as_the_same_file() {
    let (here, there) = (Place::new(), Place::new());
    here.run("abc", 300);
    here.run("def", 3);
    let usb = here.join("usb");
    let usb = usb.to_str().unwrap();
    assert_eq!(here.danlu(&["sync", usb]).code, 0);
    let first = there.danlu(&["pull", usb, "demo/abc", "--no-files", "--json"]);
    assert_eq!(first.code, 0, "{}", first.stderr);
    let first: Value = serde_json::from_str(&first.stdout).unwrap();
    assert_eq!((&first[0]["status"], &first[0]["files"]), (&"new".into(), &0.into()));
    let rest = there.json(&["pull", usb, "--all"]);
    let status: Vec<&str> =
        rest.as_array().unwrap().iter().map(|row| row["status"].as_str().unwrap()).collect();
    assert_eq!(status.iter().filter(|status| **status == "completed").count(), 1, "{rest}");
    assert_eq!(status.iter().filter(|status| **status == "new").count(), 1, "{rest}");
    let digests = |place: &Place| -> Vec<Value> {
        let mut all: Vec<Value> = place
            .json(&["ls"])
            .as_array()
            .unwrap()
            .iter()
            .map(|run| json!([run["id"], run["digest"], run["records"]]))
            .collect();
        all.sort_by_key(Value::to_string);
        all
    };
    assert_eq!(digests(&here), digests(&there));
    assert_eq!(
        names(&here.join("wandb")).iter().filter(|n| n.starts_with("run-")).collect::<Vec<_>>(),
        names(&there.join("wandb")).iter().filter(|n| n.starts_with("run-")).collect::<Vec<_>>()
    );
    assert_eq!(there.danlu(&["verify"]).code, 0);
    assert_eq!(there.danlu(&["get", "abc", "model.bin", "-o", "back.bin"]).code, 0);
    assert_eq!(std::fs::read(there.join("back.bin")).unwrap(), "abc".repeat(1000).into_bytes());
    let again = there.json(&["pull", usb, "--all"]);
    assert!(again.as_array().unwrap().iter().all(|row| row["status"] == "up_to_date"), "{again}");
    // What was pulled is known to be there.
    assert_eq!(there.json(&["sync", usb])["objects_sent"], 0);
    let none = there.danlu(&["pull", usb, "xyz"]);
    assert_eq!((none.code, none.stderr.contains("There is no run `xyz`")), (1, true), "{}", none.stderr);
    assert_eq!(there.danlu(&["pull", usb]).code, 2);
}

#[test]
fn scripts_for_wandb_work_or_are_told_why_not() {
    let place = Place::new();
    let path = place.run("abc", 1);
    place.run("def", 1);
    assert_eq!(place.danlu(&["sync", "./usb", "--dry-run"]).code, 0);
    let name = format!("wandb/{}", path.file_name().unwrap().to_str().unwrap());
    let one = place.json(&["sync", &name, "./usb"]);
    assert_eq!(statuses(&one), [("abc".to_owned(), "pushed".to_owned())]);
    let all = place.danlu(&[
        "sync",
        "--sync-all",
        "--include-offline",
        "--no-include-synced",
        "--mark-synced",
        "--append",
    ]);
    assert_eq!(all.code, 0, "{}", all.stderr);
    assert_eq!(place.danlu(&["sync", "wandb"]).code, 0, "a directory of runs is what to sync");
    for (option, word) in
        [("--id=x", "keeps the id"), ("--clean", "removes no run"), ("--sync-tensorboard", "danlu import")]
    {
        let done = place.danlu(&["sync", "./usb", option]);
        assert_eq!((done.code, done.stderr.contains(word)), (2, true), "{}", done.stderr);
    }
}

#[test]
fn a_remote_that_lost_runs_gets_them_again_by_itself() {
    let place = Place::new();
    place.run("abc", 3);
    place.run("def", 3);
    assert_eq!(place.danlu(&["sync", "./usb"]).code, 0);
    let lost = names(&place.join("usb/runs")).remove(0);
    std::fs::remove_file(place.join("usb/runs").join(lost)).unwrap();
    let asked = place.json(&["status", "--check"]);
    let at = |status: &str| {
        let runs = asked["remotes"][0]["runs"].as_array().unwrap();
        runs.iter().filter(|run| run["status"] == status).count()
    };
    assert_eq!((at("local_only"), at("pushed")), (1, 1), "{asked}");
    assert_eq!(place.danlu(&["sync", "./usb", "--recheck"]).code, 0);
    assert_eq!(manifests(&place.join("usb")).len(), 2);
}

#[test]
fn the_sample_unit_is_one() {
    let unit = concat!(env!("CARGO_MANIFEST_DIR"), "/contrib/danlu-sync@.service");
    let text = std::fs::read_to_string(unit).unwrap();
    let start = text.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let args: Vec<&str> = start.split_whitespace().skip(1).collect();
    assert_eq!(args[..2], ["sync", "--watch"]);
    // What the unit and the cron line call is there.
    let place = Place::new();
    let help = place.danlu(&["sync", "--help"]).stdout;
    let cron = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/contrib/danlu.cron")).unwrap();
    for option in args.iter().copied().chain(cron.split_whitespace()).filter(|word| word.starts_with("--")) {
        assert!(help.contains(option.split('=').next().unwrap()), "{option}");
    }
    let Ok(verify) =
        std::process::Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(unit).output()
    else {
        return;
    };
    let said = String::from_utf8_lossy(&verify.stderr).into_owned();
    // Where the program is differs from machine to machine; nothing else may be wrong.
    assert!(
        said.lines().all(|line| !line.contains("danlu-sync") || line.contains("is not executable")),
        "{said}"
    );
}

//! What somebody found who set out to lose runs by syncing.

use crate::support::{Done, Place, names, terminate, wait_until};
use danlu::model::{AttemptId, Hash};
use danlu::remote::{Directory, Manifest, Object, SizedHash};
use danlu::store;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Stdio;

fn said(done: &Done) -> String {
    format!("{}{}", done.stdout, done.stderr)
}

fn all_in(directory: &Path) -> Vec<PathBuf> {
    names(directory).into_iter().map(|name| directory.join(name)).collect()
}

#[test]
fn a_damaged_run_file_is_never_replaced_by_what_a_remote_has() {
    type Damage = fn(&mut Vec<u8>);
    let damages: [(&str, Damage); 5] = [
        ("header", |bytes| bytes[..64].fill(b'x')),
        ("first page", |bytes| bytes[..4096].fill(0)),
        ("cut", |bytes| bytes.truncate(bytes.len() / 2)),
        ("other", |bytes| *bytes = b"notes".to_vec()),
        ("middle", |bytes| {
            let middle = bytes.len() / 2;
            bytes[4096..middle].fill(0);
        }),
    ];
    for (name, damage) in damages {
        let place = Place::new();
        let path = place.run("abc", 500);
        assert_eq!(place.danlu(&["sync", "usb"]).code, 0);
        let mut bytes = std::fs::read(&path).unwrap();
        damage(&mut bytes);
        std::fs::write(&path, &bytes).unwrap();
        for more in [&[][..], &["--no-files"]] {
            let done = place.danlu(&[&["pull", "usb", "abc"][..], more].concat());
            assert!(std::fs::read(&path).unwrap() == bytes, "{name}: {}", said(&done));
            assert_eq!(done.code, 1, "{name}: {}", said(&done));
            let file = path.file_name().unwrap().to_str().unwrap();
            assert!(
                said(&done).contains(file) && said(&done).contains("danlu recover"),
                "{name}: {}",
                said(&done)
            );
        }
        // Out of the way it is no obstacle.
        std::fs::rename(&path, place.join("aside")).unwrap();
        assert_eq!(place.danlu(&["pull", "usb", "abc"]).code, 0, "{name}");
        assert_eq!(place.danlu(&["verify", "abc"]).code, 0, "{name}");
    }
}

#[test]
fn a_remote_that_lost_runs_is_noticed_by_a_plain_sync() {
    let place = Place::new();
    place.run("abc", 3);
    assert_eq!(place.danlu(&["sync", "usb"]).code, 0);
    let lose = || all_in(&place.join("usb/runs")).iter().for_each(|path| std::fs::remove_file(path).unwrap());
    lose();
    // It was looked at just now.
    assert_eq!(place.json(&["sync", "usb"])["runs"][0]["status"], "up_to_date");
    let later = |micros: i64| {
        let state = rusqlite::Connection::open(place.join("wandb/sync.sqlite")).unwrap();
        assert_eq!(state.execute("UPDATE peer SET looked = looked - ?", [micros]).unwrap(), 1);
    };
    later(1_300_000_000);
    let done = place.json(&["sync", "usb"]);
    assert_eq!(done["runs"][0]["status"], "pushed", "{done}");
    assert_eq!(names(&place.join("usb/runs")).len(), 1);
    // Also by a watch.
    lose();
    later(1_300_000_000);
    let mut watching = place.command(&["sync", "usb", "--watch"]).stdout(Stdio::null()).spawn().unwrap();
    wait_until("the run is there again", || !names(&place.join("usb/runs")).is_empty());
    terminate(&watching);
    watching.wait().unwrap();
}

#[test]
fn a_slip_of_the_pen_makes_no_remote() {
    let place = Place::new();
    place.run("abc", 1);
    // Machines, not directories.
    for host in ["localhost", "localhost:8181", "runs.example.org", "10.0.0.7"] {
        for call in [&["sync", host][..], &["sync", host, "--dry-run"], &["remote", "add", "x", host]] {
            let done = place.danlu(call);
            assert_eq!(done.code, 2, "{call:?}: {}", said(&done));
            let words =
                [format!("There is no remote `{host}`"), format!("./{host}"), format!("http://{host}")];
            assert!(words.iter().all(|word| done.stderr.contains(word)), "{}", done.stderr);
        }
    }
    // Without names there is nothing to misspell.
    let done = place.danlu(&["sync", "usb"]);
    assert!(done.code == 0 && done.stderr.contains("created the remote `usb`"), "{}", said(&done));
    assert_eq!(place.danlu(&["remote", "add", "lab", "usb"]).code, 0);
    for call in [&["sync", "labb"][..], &["sync", "lab", "labb"], &["remote", "add", "x", "labb"]] {
        let done = place.danlu(call);
        assert_eq!(done.code, 2, "{call:?}: {}", said(&done));
        assert!(done.stderr.contains("There is no remote `labb`; there are: lab"), "{}", done.stderr);
    }
    let mut of_environment = place.command(&["sync"]);
    let of_environment = of_environment.env("DANLU_REMOTE", "labb").output().unwrap();
    assert_eq!(of_environment.status.code(), Some(2));
    let mut made = names(place.path());
    made.retain(|name| name != "cache" && name != "settings");
    assert_eq!(made, ["model.bin", "usb", "wandb"]);
    for meant in ["lab", "usb", "./labb"] {
        assert_eq!(place.danlu(&["sync", meant]).code, 0, "{meant}");
    }
}

#[test]
fn a_stick_that_is_not_mounted_is_not_made_up_for() {
    let place = Place::new();
    place.run("abc", 1);
    std::fs::create_dir(place.join("media")).unwrap();
    assert_eq!(place.danlu(&["sync", "media/usb"]).code, 0);
    std::fs::rename(place.join("media/usb"), place.join("pulled")).unwrap();
    // The directory of the mount is gone, or there and empty.
    for is_there in [false, true] {
        if is_there {
            std::fs::create_dir(place.join("media/usb")).unwrap();
        }
        for call in [&["sync"][..], &["sync", "media/usb"], &["sync", "media/usb", "--dry-run"]] {
            let done = place.danlu(call);
            assert_eq!(done.code, 1, "{call:?}: {}", said(&done));
            assert!(
                done.stderr.contains("The remote that was in `media/usb` is not there")
                    && done.stderr.contains("--new"),
                "{}",
                done.stderr
            );
        }
        assert_eq!(place.join("media/usb").exists(), is_there);
    }
    assert!(names(&place.join("media/usb")).is_empty());
    // A watch waits for it.
    let events = std::fs::File::create(place.join("events")).unwrap();
    let mut watching =
        place.command(&["sync", "media/usb", "--watch", "--json"]).stdout(events).spawn().unwrap();
    let heard = |event: &str| {
        let text = std::fs::read_to_string(place.join("events")).unwrap();
        text.lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .any(|line| line["event"] == event)
    };
    wait_until("it is known to be away", || heard("away"));
    place.run("def", 1);
    std::fs::remove_dir(place.join("media/usb")).unwrap();
    std::fs::rename(place.join("pulled"), place.join("media/usb")).unwrap();
    wait_until("the new run is on it", || names(&place.join("media/usb/runs")).len() == 2);
    terminate(&watching);
    watching.wait().unwrap();
    // Whoever wants a new one says so.
    std::fs::remove_dir_all(place.join("media/usb")).unwrap();
    assert_eq!(place.danlu(&["sync", "media/usb", "--new"]).code, 0);
    assert_eq!(names(&place.join("media/usb/runs")).len(), 2);
}

#[test]
fn secrets_in_addresses_are_refused_and_not_repeated() {
    let place = Place::new();
    place.run("abc", 1);
    for address in [
        "s3://AKIA:wJalrHUSH@bucket/place",
        "s3://AKIA:wJa/lrHUSH@bucket",
        "https://user:HUSH@host.invalid/",
        "https://HUSH@host.invalid",
        "https:user:HUSH@host.invalid",
        "ssh://user:HUSH@host.invalid/dir",
        "s3://b?aws_secret_access_key=HUSH",
        "s3://b?%73ecret=HUSH",
        "az://b?SAS_Token=HUSH",
        "https://host.invalid/?key=HUSH",
        "user:HUSH@host.invalid",
    ] {
        for call in [
            &["remote", "add", "k", address][..],
            &["sync", address],
            &["sync", "--watch", address],
            &["sync", "--from", address, "usb"],
            &["pull", address, "--all"],
            &["ls", "--remote", address],
            &["login", address, "--key", "k"],
        ] {
            let done = place.danlu(call);
            assert_eq!(done.code, 2, "{call:?}: {}", said(&done));
            assert!(!said(&done).contains("HUSH"), "{call:?}: {}", said(&done));
        }
    }
    assert!(!place.join("wandb/remotes.json").exists() && !place.join("usb").exists());
    // A user of another machine is no secret.
    assert_eq!(place.danlu(&["remote", "add", "k", "ssh://user@host.invalid/dir"]).code, 0);
}

/// Puts other bytes in the place of the first segment of the only run of a remote, and a manifest that names them.
fn forge(remote: &Path, forge: impl Fn(&mut Manifest, Vec<u8>) -> Vec<u8>) {
    let at = all_in(&remote.join("runs")).remove(0);
    let mut manifest = Manifest::parse(&std::fs::read(&at).unwrap()).unwrap();
    let directory = Directory::open(remote).unwrap();
    let old = manifest.attempts[0].segments[0].sha256;
    let bytes = forge(&mut manifest, directory.read_segment(old).unwrap());
    let name = Hash::of(&bytes);
    let object = Object::Segment(name);
    std::fs::create_dir_all(directory.path_of(object).parent().unwrap()).unwrap();
    std::fs::write(directory.path_of(object), store::pack(&bytes, 3).unwrap()).unwrap();
    let mut entry = manifest.attempts.remove(0);
    entry.segments[0] = SizedHash { sha256: name, size: bytes.len() as u64 };
    let names: Vec<Hash> = entry.segments.iter().map(|segment| segment.sha256).collect();
    entry.digest = store::attempt_digest(entry.attempt, entry.records, &names);
    let manifest = Manifest::new(manifest.run, vec![entry], manifest.blobs);
    std::fs::write(&at, manifest.to_json().unwrap()).unwrap();
}

#[test]
fn verify_finds_in_a_remote_what_a_pull_would_find() {
    type Forge = fn(&mut Manifest, Vec<u8>) -> Vec<u8>;
    let forgeries: [(&str, Forge); 6] = [
        ("no segment", |_, _| b"right hash, no segment".to_vec()),
        ("more behind it", |_, bytes| [bytes, vec![0]].concat()),
        ("a record less", |_, bytes| {
            let (attempt, first, mut records) = store::decode_segment(&bytes).unwrap();
            records.pop();
            store::encode_segment(attempt, first, &records).unwrap()
        }),
        ("another attempt", |manifest, bytes| {
            let (_, first, records) = store::decode_segment(&bytes).unwrap();
            manifest.attempts[0].attempt = AttemptId::random().unwrap();
            store::encode_segment(AttemptId::random().unwrap(), first, &records).unwrap()
        }),
        ("more records", |manifest, bytes| {
            manifest.attempts[0].records += 1;
            bytes
        }),
        ("a file less", |manifest, bytes| {
            manifest.blobs.clear();
            bytes
        }),
    ];
    for (name, change) in forgeries {
        let (place, there) = (Place::new(), Place::new());
        place.run("abc", 20);
        assert_eq!(place.danlu(&["sync", "usb"]).code, 0);
        let sound = place.danlu(&["verify", "usb"]);
        assert!(sound.code == 0 && sound.stdout.starts_with("ok"), "{}", said(&sound));
        forge(&place.join("usb"), change);
        let usb = place.join("usb");
        let pulled = there.danlu(&["pull", usb.to_str().unwrap(), "--all"]);
        assert_eq!(pulled.code, 1, "{name}: {}", said(&pulled));
        let done = place.danlu(&["verify", "usb"]);
        assert_eq!(done.code, 1, "{name}: {}", said(&done));
        assert!(
            done.stdout.contains("DAMAGED") && done.stdout.contains("demo/abc"),
            "{name}: {}",
            said(&done)
        );
    }
}

#[test]
fn a_manifest_under_the_name_of_another_run_is_found() {
    let place = Place::new();
    place.run("abc", 2);
    assert_eq!(place.danlu(&["sync", "usb"]).code, 0);
    let at = all_in(&place.join("usb/runs")).remove(0);
    std::fs::rename(&at, at.with_file_name(format!("{}.json", Hash::of(b"other")))).unwrap();
    let done = place.danlu(&["verify", "usb"]);
    assert!(done.code == 1 && done.stdout.contains("demo/abc"), "{}", said(&done));
}

#[test]
fn what_is_wrong_with_a_remote_is_said_in_plain_words() {
    let place = Place::new();
    place.run("abc", 1);
    for call in [&["pull", "/nonexist", "--all"][..], &["sync", "--from", "/nonexist", "usb"]] {
        let done = place.danlu(call);
        let words = ["There is no remote `/nonexist`", "mounted", "danlu remote ls"];
        assert!(done.code == 1 && words.iter().all(|word| done.stderr.contains(word)), "{}", said(&done));
    }
    assert_eq!(place.danlu(&["sync", "usb"]).code, 0);
    for garbage in
        ["", "{", "[]", r#"{"format":"danlu-remote","version":1}"#, r#"{"format":"x","version":9}"#]
    {
        std::fs::write(place.join("usb/danlu-remote.json"), garbage).unwrap();
        let done = place.danlu(&["sync", "usb"]);
        assert!(done.code == 1 && done.stderr.contains("is damaged"), "{garbage}: {}", said(&done));
        assert!(!done.stderr.contains("newer"), "{garbage}: {}", said(&done));
    }
    std::fs::write(place.join("usb/danlu-remote.json"), r#"{"format":"danlu-remote","version":2}"#).unwrap();
    assert!(place.danlu(&["sync", "usb"]).stderr.contains("was made by a newer danlu"));
}

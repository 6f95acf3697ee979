//! Pushes that die.

use crate::means::{can_trace, note, times};
use crate::strace::Strace;
use crate::support::Place;
use std::collections::BTreeMap;
use std::path::Path;

/// The kinds of calls by which a push says something to a file system.
const CALLS: [&str; 9] = [
    "openat",
    "write",
    "fsync",
    "fdatasync",
    "rename,renameat,renameat2",
    "mkdir",
    "unlink",
    "fcntl",
    "pwrite64",
];

/// What a remote holds of runs: objects and manifests.
fn held(remote: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut held = BTreeMap::new();
    for part in ["blobs", "segments", "runs"] {
        let mut left = vec![remote.join(part)];
        while let Some(directory) = left.pop() {
            for entry in std::fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    left.push(path);
                } else {
                    let name = path.strip_prefix(remote).unwrap().display().to_string();
                    held.insert(name, std::fs::read(path).unwrap());
                }
            }
        }
    }
    held
}

#[test]
fn killed_at_any_call_of_a_push_the_next_one_completes_it() {
    if !can_trace() {
        return;
    }
    let place = Place::new();
    let path = place.run("r", 50);
    let before = std::fs::read(&path).unwrap();
    assert_eq!(place.danlu(&["sync", "./undisturbed"]).code, 0);
    let whole = held(&place.join("undisturbed"));
    let (mut kills, stride) = (0, usize::try_from(times(5, 1)).unwrap());
    for call in CALLS {
        for n in (1..).step_by(stride) {
            std::fs::remove_dir_all(place.join("usb")).ok();
            std::fs::remove_file(place.join("wandb/sync.sqlite")).unwrap();
            let inject = format!("inject={call}:signal=KILL:when={n}");
            let (output, _) = Strace::run(&["-e", &inject], &place.command(&["sync", "./usb"]));
            let done = place.danlu(&["sync", "./usb"]);
            assert_eq!(done.code, 0, "{call} {n}: {}", done.stderr);
            assert!(held(&place.join("usb")) == whole, "{call} {n}");
            assert!(std::fs::read(&path).unwrap() == before, "{call} {n}");
            assert_eq!(place.danlu(&["verify", "usb"]).code, 0, "{call} {n}");
            if output.status.success() {
                break;
            }
            kills += 1;
        }
    }
    assert!(kills > 20, "{kills}");
    note(&format!("kill at each call of a push: {kills} kills"));
}

#[test]
fn two_syncers_at_once_end_in_the_same_bytes() {
    let place = Place::new();
    for n in 0..3 {
        place.run(&format!("r{n}"), 50);
    }
    assert_eq!(place.danlu(&["sync", "./undisturbed"]).code, 0);
    for _ in 0..times(3, 30) {
        std::fs::remove_dir_all(place.join("usb")).ok();
        std::fs::remove_file(place.join("wandb/sync.sqlite")).unwrap();
        let syncers: Vec<_> = (0..4).map(|_| place.command(&["sync", "./usb"]).spawn().unwrap()).collect();
        for mut syncer in syncers {
            assert!(syncer.wait().unwrap().success());
        }
        assert!(held(&place.join("usb")) == held(&place.join("undisturbed")));
    }
}

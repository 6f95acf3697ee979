//! A syncer that is stopped while it writes to a remote, and others that come.

use crate::support::{Place, done, names, wait_until};
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

fn is_locked(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| flock(&file, FlockOperation::NonBlockingLockShared).is_err())
}

/// Stops a sync while it has the lock of a file.
fn stopped(place: &Place, lock: impl Fn() -> Option<PathBuf>) -> Child {
    loop {
        let mut command = place.command(&["sync", "./usb"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let pid = Pid::from_child(&child);
        let has_lock = || lock().is_some_and(|path| is_locked(&path));
        while child.try_wait().unwrap().is_none() {
            if !has_lock() || kill_process(pid, Signal::STOP).is_err() {
                continue;
            }
            let (_, state) = waitpid(Some(pid), WaitOptions::UNTRACED).unwrap().unwrap();
            if state.stopped() && has_lock() {
                return child;
            }
            if !state.stopped() {
                break;
            }
            kill_process(pid, Signal::CONT).unwrap();
        }
        // It was through before it was stopped.
        std::fs::remove_dir_all(place.join("usb")).unwrap();
        std::fs::remove_file(place.join("wandb/sync.sqlite")).unwrap();
    }
}

/// Where the parts of a large blob are, and the manifests: what is locked.
fn part(place: &Place) -> Option<PathBuf> {
    let tmp = place.join("usb/tmp");
    let name = names(tmp.is_dir().then_some(&tmp)?).into_iter().find(|name| name.ends_with(".part"))?;
    Some(tmp.join(name))
}

fn sync(place: &Place, patience: &str, said: &Path) -> Child {
    let mut command = place.command(&["sync", "./usb"]);
    command.env("DANLU_TIMEOUT", patience).env("DANLU_BACKOFF", "0.05");
    command.stdout(Stdio::null()).stderr(File::create(said).unwrap()).spawn().unwrap()
}

/// Lets others come while one is stopped with the lock of a file.
fn others_wait_for_so_long(place: &Place, stopped: Child, lock: &Path) {
    let (pid, said) = (stopped.id(), place.join("said"));
    let words = || std::fs::read_to_string(&said).unwrap();
    let waits = format!(
        "waiting for another danlu (process {pid}, which is stopped) that writes `{}`\n",
        lock.display()
    );
    let mut other = sync(place, "1", &said);
    wait_until("it gives up", || other.try_wait().unwrap().is_some());
    assert_eq!(other.wait().unwrap().code(), Some(1), "{}", words());
    assert_eq!(words().matches(&waits).count(), 1, "it is said once: {}", words());
    let gave_up =
        format!("error: Another danlu (process {pid}, which is stopped) has kept `{}`", lock.display());
    assert!(words().contains(&gave_up) && words().contains("kill -CONT"), "{}", words());
    // Whoever has more patience can be ended.
    let mut other = sync(place, "600", &said);
    wait_until("it says whom it waits for", || words().contains(&waits));
    kill_process(Pid::from_child(&other), Signal::INT).unwrap();
    wait_until("it ends", || other.try_wait().unwrap().is_some());
    // Or is through when the other one goes on.
    let mut other = sync(place, "600", &said);
    wait_until("it says whom it waits for", || words().contains(&waits));
    kill_process(Pid::from_child(&stopped), Signal::CONT).unwrap();
    let first = done(stopped.wait_with_output().unwrap(), place);
    assert_eq!((first.code, other.wait().unwrap().code()), (0, Some(0)), "{}", words());
    let verified = place.danlu(&["verify", "./usb"]);
    assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
}

#[test]
fn a_syncer_that_is_stopped_in_a_large_file_does_not_hold_up_others_for_ever() {
    let place = Place::new();
    let run = danlu::Run::builder("demo").id("large").dir(place.path()).start().unwrap();
    std::fs::write(place.join("model.bin"), vec![7; 40 << 20]).unwrap();
    run.save("model.bin").unwrap();
    run.finish(0).unwrap();
    let child = stopped(&place, || part(&place));
    others_wait_for_so_long(&place, child, &part(&place).unwrap());
}

#[test]
fn a_syncer_that_is_stopped_in_a_commit_does_not_hold_up_others_for_ever() {
    let place = Place::new();
    (0..30).for_each(|n| drop(place.run(&format!("r{n}"), 1)));
    let runs = place.join("usb/runs");
    let child = stopped(&place, || Some(runs.clone()));
    others_wait_for_so_long(&place, child, &runs);
}

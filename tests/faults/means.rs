//! What the tests need beyond a temporary directory, and how long they may run.

use std::io::Write;
use std::process::Command;

/// Says whether the long version was asked for.
pub fn long() -> bool {
    std::env::var("DANLU_FAULTS").is_ok_and(|how| how == "long")
}

/// Returns how often to do something: a few times in every test run, often in a long one.
pub fn times(quick: u64, often: u64) -> u64 {
    if long() { often } else { quick }
}

/// Says whether system calls can be traced here.
pub fn can_trace() -> bool {
    has("strace", &["-qq", "-o", "/dev/null", "true"])
}

/// Says whether file systems can be mounted here.
pub fn can_mount() -> bool {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().to_str().unwrap();
    let can = has("mount", &["-t", "tmpfs", "-o", "size=64k", "tmpfs", path]);
    if can {
        assert!(Command::new("umount").arg(path).status().unwrap().success());
    }
    can
}

/// Says whether a file with a file system in it can be mounted here.
pub fn can_mount_disks() -> bool {
    can_mount() && has("mkfs.ext4", &["-V"]) && std::path::Path::new("/dev/loop-control").exists()
}

/// Says whether a process can be given a user and limits of its own here.
pub fn can_unshare() -> bool {
    has("unshare", &["-Ur", "test", "-w", "/proc/sys/user/max_inotify_instances"])
}

fn has(program: &str, args: &[&str]) -> bool {
    let done = Command::new(program).args(args).output();
    let can = done.as_ref().is_ok_and(|done| done.status.success());
    if !can {
        let why = done
            .map_or_else(|e| e.to_string(), |done| String::from_utf8_lossy(&done.stderr).trim().to_owned());
        skip(&format!("`{program}` does not work here: {why}"));
    }
    can
}

/// Says that a test cannot run. Where everything must run, that is a failure.
fn skip(why: &str) {
    // Past the capturing of the test harness: a fault that was not tried must be seen.
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    std::io::stderr().write_all(format!("\nNOT TESTED: {name}: {why}\n").as_bytes()).unwrap();
    assert!(
        std::env::var("CI").is_err(),
        "{name} cannot run, and CI is set: {why}; it takes root, strace, mount and mkfs.ext4 (.ci/tools)"
    );
}

/// Notes a line for the summary of a long run, which `make test-faults` prints at its end.
pub fn note(line: &str) {
    let path = concat!(env!("CARGO_TARGET_TMPDIR"), "/faults.txt");
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(format!("{line}\n").as_bytes()).unwrap();
}

//! 57 and 58: many runs, some of them bad, and directories that say nothing of what happens in them.

use crate::line::{Line, claimed};
use crate::means::{can_unshare, note, times};
use crate::support::{Place, done, terminate, wait_until};
use std::path::Path;
use std::process::{Command, Stdio};

/// Makes so many small runs; returns the path of the first.
fn many(place: &Place, count: u64) -> std::path::PathBuf {
    let paths: Vec<_> = (0..count).map(|n| place.run(&format!("r{n}"), 2)).collect();
    paths[0].clone()
}

/// Changes one byte of a number that was logged.
fn poison(run_file: &Path) {
    let mut content = std::fs::read(run_file).unwrap();
    let needle = 0.5f64.to_be_bytes();
    let at = content.windows(8).rposition(|window| window == needle).unwrap();
    content[at + 5] ^= 1;
    std::fs::write(run_file, content).unwrap();
}

/// 57: one run that cannot be sent, among many: the others are, and the one is named.
#[test]
fn f57_one_poisoned_run_does_not_stop_the_others() {
    let line = Line::new();
    let (place, count) = (Place::new(), times(40, 1000));
    poison(&many(&place, count));
    std::fs::write(place.join("wandb/run-20200101_000000-none.sqlite"), "no database").unwrap();
    std::fs::write(place.join("wandb/run-20200101_000001-less.sqlite"), "").unwrap();
    std::fs::create_dir(place.join("wandb/run-20200101_000002-more.sqlite")).unwrap();
    for again in [false, true] {
        let done = line.sync(&place);
        assert_eq!(done.code, 1, "{}{}", done.stdout, done.stderr);
        let held = line.held();
        assert_eq!(held.len() as u64, count - 1, "{held:?}");
        assert!(!held.contains_key("r0"));
        let claimed = claimed(&done.stdout);
        assert_eq!(claimed.len() as u64, count - 1, "{again}: {}", done.stdout);
        assert!(done.stdout.contains("are not what was written"), "{}", done.stdout);
    }
    note(&format!("one poisoned run among {count}: the others are pushed"));
}

/// 57: a run that the server refuses, among many, under `--watch`: it is said once, and the others come as they finish.
#[test]
fn f57_a_poisoned_run_does_not_stop_the_watching() {
    let line = Line::new();
    let place = Place::new();
    poison(&many(&place, 3));
    let url = line.proxy.url();
    let mut command = place.command(&["sync", "--watch", &url, "--json"]);
    let errors = std::fs::File::create(place.join("errors")).unwrap();
    let mut watch = command
        .env("DANLU_API_KEY", &line.key)
        .stdout(std::fs::File::create(place.join("said")).unwrap())
        .stderr(errors)
        .spawn()
        .unwrap();
    wait_until("the good ones are there", || line.held().len() == 2);
    for n in 0..3 {
        place.run(&format!("late{n}"), 2);
        wait_until("a later one is there", || line.held().contains_key(&format!("late{n}")));
    }
    terminate(&watch);
    watch.wait().unwrap();
    let said = ["said", "errors"].map(|name| std::fs::read_to_string(place.join(name)).unwrap()).concat();
    assert_eq!(said.matches("are not what was written").count(), 1, "{said}");
}

/// Starts `danlu sync --watch` where no inotify can be had.
fn watch_without_inotify(place: &Place, line: &Line) -> std::process::Child {
    let url = line.proxy.url();
    let danlu = place.command(&["sync", "--watch", &url]);
    let mut command = Command::new("unshare");
    command.args(["-Ur", "sh", "-c", "echo 0 > /proc/sys/user/max_inotify_instances && exec \"$@\"", "sh"]);
    command.arg(danlu.get_program()).args(danlu.get_args()).current_dir(place.path());
    command.envs(danlu.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("DANLU_API_KEY", &line.key).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

/// 58: where nothing is heard of a directory, looking at it now and then finds every run.
#[test]
fn f58_a_directory_that_says_nothing_is_looked_through() {
    if !can_unshare() {
        return;
    }
    let line = Line::new();
    let place = line.place(&["before"]);
    let mut watch = watch_without_inotify(&place, &line);
    wait_until("the run from before is there", || line.held().contains_key("before"));
    let descriptors = std::fs::read_dir(format!("/proc/{}/fd", watch.id())).unwrap();
    let inotify = descriptors
        .filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok())
        .filter(|target| target.to_string_lossy().contains("inotify"));
    assert_eq!(inotify.count(), 0, "it hears of the directory after all");
    place.run("after", 2);
    wait_until("a later run is there", || line.held().contains_key("after"));
    terminate(&watch);
    watch.wait().unwrap();
}

/// 58: a directory with many runs takes no more open files than one with few.
#[test]
fn f58_many_runs_take_few_open_files() {
    let line = Line::new();
    let (place, count) = (Place::new(), times(150, 3000));
    many(&place, count);
    let url = line.proxy.url();
    let danlu = place.command(&["sync", &url, "--json"]);
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 64 && exec \"$@\"", "sh"]);
    command.arg(danlu.get_program()).args(danlu.get_args()).current_dir(place.path()).env_clear();
    command.envs(danlu.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let done = done(command.env("DANLU_API_KEY", &line.key).output().unwrap(), &place);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(line.held().len() as u64, count);
}

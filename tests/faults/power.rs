//! Power cuts: the disk stops in the middle of everything, and comes back with what had reached it.

use crate::check::{check, check_after_loss, runs};
use crate::means::{can_mount_disks, note, times};
use crate::mount::Disk;
use crate::process::{Process, Said};
use crate::support::{Place, ask};
use danlu::model::{Clock, SystemClock};
use std::time::{Duration, Instant};

/// What the background thread may take for a sync beside a whole tick, in milliseconds.
const SYNC: i64 = 1000;

/// Lets a process write until `until`, cuts the power, and starts the disk again.
fn cut(place: &Place, tick: u64, mut until: impl FnMut(&mut Process)) -> (Disk, Said, i64) {
    let mut disk = Disk::new(&place.join("disk.img"), &place.join("disk"));
    let mut process = Process::new(&place.join("disk"));
    process.does(&format!("start {tick}"));
    until(&mut process);
    let time = SystemClock.now();
    disk.cut_power();
    // What it acknowledges from now on is on a dead disk; what it said before counts.
    let mut said = process.kill();
    said.rows = said.times.iter().take_while(|at| **at < time).count() as u64;
    disk.restart();
    // A run file of which nothing had been synced is built anew from its journal, which is worth a word.
    let ls = place.danlu(&["ls"]);
    assert!(ls.stderr.is_empty() || ls.stderr.contains("building the run file anew"), "{}", ls.stderr);
    (disk, said, time)
}

/// A place whose runs are those of the disk.
struct OnDisk(Place);

impl OnDisk {
    fn new() -> Self {
        let place = Place::new();
        std::os::unix::fs::symlink("disk/wandb", place.join("wandb")).unwrap();
        Self(place)
    }
}

#[test]
fn a_power_cut_costs_about_the_last_tick_and_leaves_a_prefix() {
    if !can_mount_disks() {
        return;
    }
    let cuts = times(4, 100);
    let (mut acknowledged, mut lost, mut longest, mut files) = (0, 0, 0, 0);
    for n in 0..cuts {
        let OnDisk(place) = OnDisk::new();
        // Every other one with the tick that users have.
        let tick = if n % 2 == 0 { 100 } else { 1000 };
        let (disk, mut said, time) = cut(&place, tick, |process| {
            // As fast as it can, or as trainings do; up to two and a half ticks long.
            process.tell(if n % 2 == 0 { "log for ever 0" } else { "log for ever 100" });
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_millis(tick / 20 + n * 7919 % (tick * 5 / 2)) {
                process.hear("ack ").expect("it lives");
            }
        });
        // A file may be acknowledged after the cut only if it reached the disk before.
        let rows = check_after_loss(&place, &said, said.rows);
        said.saved.retain(|(at, _)| *at <= said.rows);
        for (at, name) in &said.saved {
            assert!(rows >= *at, "`{name}` was saved after {at} rows, {rows} are there");
        }
        let first_lost = said.times.get(usize::try_from(rows).unwrap()).filter(|_| rows < said.rows);
        let window = first_lost.map_or(0, |at| (time - at) / 1000);
        assert!(window <= i64::try_from(tick).unwrap() + SYNC, "{window} ms are lost, with a tick of {tick}");
        acknowledged += said.rows;
        lost += said.rows.saturating_sub(rows);
        longest = longest.max(window);
        files += said.saved.len();
        drop(disk);
    }
    note(&format!(
        "power cut while logging: {cuts} cuts, {acknowledged} rows acknowledged, {lost} lost, at most {longest} ms of \
         them; {files} files saved, 0 lost"
    ));
}

#[test]
fn nothing_that_was_logged_before_save_or_flush_returned_is_lost_to_a_power_cut() {
    if !can_mount_disks() {
        return;
    }
    for n in 0..usize::try_from(times(4, 40)).unwrap() {
        let OnDisk(place) = OnDisk::new();
        let (_disk, said, _) = cut(&place, 3_600_000, |process| {
            std::fs::write(place.join("disk/model.bin"), "weights ".repeat(1 + 977 * n)).unwrap();
            process.does("log 100");
            process.does(if n % 2 == 0 { "save model.bin" } else { "flush" });
        });
        assert_eq!((said.rows, said.saved.len()), (100, 1 - n % 2));
        assert_eq!(check(&place, &said), 100);
    }
}

#[test]
fn nothing_is_lost_to_a_power_cut_after_finish_returned() {
    if !can_mount_disks() {
        return;
    }
    for _ in 0..times(3, 30) {
        let OnDisk(place) = OnDisk::new();
        let (_disk, said, _) = cut(&place, 3_600_000, |process| {
            std::fs::write(place.join("disk/model.bin"), "weights ".repeat(5000)).unwrap();
            for command in ["log 100", "save model.bin", "log 100", "finish"] {
                process.does(command);
            }
        });
        assert!(said.finished);
        assert_eq!(check(&place, &said), 200);
        let sealed: i64 = ask(&runs(&place)[0], "SELECT count(*) FROM segment WHERE digest IS NOT NULL");
        assert_eq!(sealed, 1);
        let names = crate::support::names(&place.join("wandb"));
        assert_eq!(names.len(), 2, "one file and the link to it: {names:?}");
    }
}

#[test]
fn a_disk_that_goes_away_does_not_stop_the_training() {
    if !can_mount_disks() {
        return;
    }
    let place = Place::new();
    let disk = Disk::new(&place.join("disk.img"), &place.join("disk"));
    let mut process = Process::new(&place.join("disk"));
    process.does("start 20");
    process.does("log 50");
    process.does("flush");
    disk.cut_power();
    process.does("log 50");
    let failed = process.fails("finish");
    assert!(failed.contains("records or values of the run could not be stored"), "{failed}");
    let (status, said) = process.end();
    assert!(status.success());
    assert!(said.warnings.iter().any(|warning| warning.contains("training goes on")), "{:?}", said.warnings);
}

//! Rollback journals that SQLite left beside a file that is no more.

use crate::support::{Place, ask, wait_until};
use danlu::{Run, store};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A run whose process died, with all rows in its run file too.
fn dead(place: &Place) -> PathBuf {
    let run = Run::builder("p").id("r").dir(place.path()).tick(Duration::from_millis(5)).start().unwrap();
    let path = run.path().to_owned();
    for n in 0..5000u32 {
        run.log([("loss", f64::from(n)), ("acc", f64::from(n).sin())]);
        if n % 1000 == 0 {
            wait_until("the rows are drained", || rows(&path) > i64::from(n));
        }
    }
    drop(run);
    path
}

fn rows(path: &Path) -> i64 {
    ask(path, "SELECT count(*) FROM history WHERE key = 'loss'")
}

/// The rollback journal of a transaction that changes all points, as a kill in the middle of it leaves it.
fn rollback_journal(path: &Path) -> Vec<u8> {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection
        .execute_batch(
            "PRAGMA cache_size = 1; BEGIN IMMEDIATE; DROP TRIGGER point_update; UPDATE point SET value = -1;",
        )
        .unwrap();
    std::fs::read(path.with_extension("sqlite-journal")).unwrap()
}

#[test]
fn what_a_dead_transaction_left_is_not_rolled_back_into_a_file_that_was_built_anew() {
    for beside in ["sqlite-journal", "rebuilt-journal"] {
        let place = Place::new();
        let path = dead(&place);
        let left = rollback_journal(&path);
        std::fs::remove_file(&path).unwrap();
        std::fs::write(path.with_extension(beside), &left).unwrap();
        let looked = place.danlu(&["ls"]);
        assert!(looked.stdout.contains("crashed"), "{beside}: {}{}", looked.stdout, looked.stderr);
        assert_eq!(looked.stderr.matches("warning: ").count(), 1, "{beside}: {}", looked.stderr);
        assert_eq!(store::verify(&path).unwrap().damage, [], "{beside}");
        assert_eq!(rows(&path), 5000, "{beside}");
        assert!(!path.with_extension(beside).exists(), "{beside}");
    }
}

//! What must hold after every fault.

use crate::process::Said;
use crate::support::{Place, ask};
use std::path::{Path, PathBuf};

/// Checks that a directory is in order and holds what was acknowledged; returns how many rows it has.
///
/// `danlu ls` and `danlu verify` have nothing to say, rows are a prefix without holes and doubles that is no shorter than
/// what was acknowledged, files are there whole or not at all, and those whose saving was acknowledged are there.
pub fn check(place: &Place, said: &Said) -> u64 {
    check_after_loss(place, said, 0)
}

/// As [`check`], but only so many rows need to be there, and what was saved with no more than those.
pub fn check_after_loss(place: &Place, said: &Said, may_lack: u64) -> u64 {
    let listed = place.danlu(&["ls", "--json"]);
    assert_eq!((listed.code, listed.stderr.as_str()), (0, ""), "ls has something to say; {said:?}");
    let verified = place.danlu(&["verify", "--json"]);
    assert_eq!((verified.code, verified.stderr.as_str()), (0, ""), "{}", verified.stdout);
    if runs(place).is_empty() {
        assert!(said.rows <= may_lack && said.saved.is_empty(), "nothing is there of {said:?}");
        return 0;
    }
    let rows = rows(&runs(place)[0]);
    assert!(rows + may_lack >= said.rows, "{} rows were acknowledged, {rows} are there", said.rows);
    for (_, name) in &said.saved {
        let found: i64 = ask(&runs(place)[0], &format!("SELECT count(*) FROM files WHERE path = '{name}'"));
        assert_eq!(found, 1, "`{name}` was acknowledged");
    }
    assert!(!said.finished || listed.stdout.contains("\"finished\""), "{}", listed.stdout);
    rows
}

/// Counts the rows of a run file that may be being written.
pub fn count(run_file: &Path) -> u64 {
    ask::<i64>(run_file, "SELECT count(*) FROM history WHERE key = 'n'").cast_unsigned()
}

/// Counts the rows of a run file, and checks that they are the first ones, each once.
pub fn rows(run_file: &Path) -> u64 {
    let one = |what: &str| ask::<i64>(run_file, &format!("SELECT {what} FROM history WHERE key = 'n'"));
    let rows = one("count(*)");
    let seen =
        (one("coalesce(min(value), 0)"), one("coalesce(max(value), -1) + 1"), one("count(DISTINCT value)"));
    assert_eq!(seen, (0, rows, rows), "a hole or a double");
    let twice =
        "SELECT count(*) FROM history AS a JOIN history AS b ON a.step = b.step AND b.value = 2 * a.value
                 WHERE a.key = 'n' AND b.key = 'twice'";
    assert_eq!(ask::<i64>(run_file, twice), rows, "a row is not whole");
    rows.cast_unsigned()
}

/// Lists the run files of a directory that hold a run.
pub fn runs(place: &Place) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(place.join("wandb")).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| {
        path.extension().is_some_and(|extension| extension == "sqlite")
            && !path.is_symlink()
            && danlu::store::open(path)
                .and_then(|connection| danlu::store::attempts(&connection))
                .is_ok_and(|attempts| !attempts.is_empty())
    });
    paths.sort();
    paths
}

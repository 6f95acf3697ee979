//! `danlu recover` of a run file that is cut short.

use crate::support::{Place, ask};
use danlu::{Run, store};
use std::path::{Path, PathBuf};

/// A finished run with rows, settings, small and large values, and files if so many rows come between two of them.
fn written(place: &Place, rows: u32, between_files: u32) -> PathBuf {
    let run = Run::builder("p").id("r").config("lr", 0.1).dir(place.path()).start().unwrap();
    for n in 0..rows {
        run.log([("loss", f64::from(n)), ("acc", f64::from(n) / 2.0)]);
        if n % 500 == 250 {
            run.log([("text", "long ".repeat(5000))]);
            run.config("at", n);
        }
        if n % between_files == 250 && between_files < rows {
            std::fs::write(place.join("model.bin"), format!("{n} ").repeat(10_000)).unwrap();
            run.save("model.bin").unwrap();
        }
    }
    let path = run.path().to_owned();
    run.finish(0).unwrap();
    path
}

/// Counts what a rescued file has that the other does not, and what is not in the order in which it was written.
fn invented(rescued: &Path, whole: &Path) -> i64 {
    let connection = rusqlite::Connection::open(rescued).unwrap();
    connection.execute("ATTACH ? AS whole", [whole.to_str().unwrap()]).unwrap();
    let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    let more = |columns: &str, table: &str| {
        count(&format!(
            "SELECT count(*) FROM (SELECT {columns} FROM main.{table} EXCEPT SELECT {columns} FROM whole.{table})"
        ))
    };
    let twice = "SELECT count(*) - (SELECT count(*) FROM (SELECT DISTINCT step, key FROM main.history WHERE key <> 'text'))
                 FROM main.history WHERE key <> 'text'";
    let unordered = "SELECT count(*) FROM (SELECT time, lag(time) OVER (ORDER BY id) AS before FROM main.row)
                     WHERE time < before";
    more("step, time, key, value", "history")
        + more("step, time", "row")
        + more("scope, key, value, removed", "setting")
        + more("time, path, sha256, size", "file")
        + more("sha256, size", "blob")
        + count(unordered)
        + count(twice)
}

fn rows(path: &Path) -> i64 {
    ask(path, "SELECT count(*) FROM history WHERE key = 'loss'")
}

#[test]
fn wherever_a_run_file_is_cut_what_is_saved_is_what_was_written() {
    let place = Place::new();
    let path = written(&place, 3000, 500);
    let whole = std::fs::read(&path).unwrap();
    let (cut, fresh) = (place.join("wandb/cut.sqlite"), place.join("wandb/fresh.sqlite"));
    // Many lengths, of which most are in the middle of a page; and each of the first pages.
    let lengths = (0..whole.len()).step_by(whole.len() / 60 + 1).chain((0..20).map(|page| page * 8192));
    let mut saved = 0;
    for length in lengths {
        std::fs::write(&cut, &whole[..length]).unwrap();
        std::fs::remove_file(&fresh).ok();
        match store::rescue(&cut, &fresh, 0) {
            Ok(rescued) => {
                assert_eq!(
                    store::verify(&fresh).unwrap().damage.iter().filter(|d| d.kind != "file").count(),
                    0
                );
                assert_eq!(invented(&fresh, &path), 0, "cut to {length} of {}: {rescued:?}", whole.len());
                saved += 1;
            }
            Err(e) => assert!(length < 2 * 8192, "cut to {length} of {}: {e}", whole.len()),
        }
        assert_eq!(std::fs::read(&cut).unwrap(), whole[..length]);
        assert!(!place.join("wandb/fresh.short").exists());
    }
    assert!(saved > 60, "{saved}");
}

#[test]
fn a_run_file_that_lacks_a_hundredth_gives_nearly_all_rows() {
    for (hundredths, least) in [(99, 29_000), (50, 10_000)] {
        let place = Place::new();
        let path = written(&place, 30_000, u32::MAX);
        let whole = std::fs::read(&path).unwrap();
        let length = whole.len() / 100 * hundredths + 1000;
        std::fs::write(&path, &whole[..length]).unwrap();
        let told = format!("is cut short: {length} of {} bytes are there", whole.len());
        for command in ["ls", "verify"] {
            let done = place.danlu(&[command]);
            let said = done.stdout + &done.stderr;
            assert!(done.code == 1 && said.contains(&told), "{said}");
            assert!(!said.contains("malformed"), "{said}");
        }
        let done = place.danlu(&["recover", "r"]);
        assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{}", done.stdout);
        let kept = rows(&path);
        assert!(kept > least, "{kept} rows are left of {hundredths} %: {}", done.stdout);
        assert_eq!(std::fs::read(path.with_extension("sqlite.original")).unwrap(), whole[..length]);
    }
}

#[test]
fn a_compacted_run_file_that_is_cut_short_gives_its_whole_segments() {
    let place = Place::new();
    let run = Run::builder("p").id("r").dir(place.path()).start().unwrap();
    for n in 0..30_000u32 {
        run.log([("loss", f64::from(n.wrapping_mul(2_654_435_761)).sqrt())]);
    }
    let path = run.path().to_owned();
    run.finish(0).unwrap();
    assert_eq!(place.danlu(&["compact", "r"]).code, 0);
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 8192 * 3]).unwrap();
    let done = place.danlu(&["recover", "r"]);
    assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{}", done.stdout);
    assert!(rows(&path) > 20_000, "{}{}", rows(&path), done.stdout);
}

#[test]
fn what_is_malformed_is_said_to_be_so_once() {
    let place = Place::new();
    let path = written(&place, 3000, 500);
    let mut damaged = std::fs::read(&path).unwrap();
    damaged[8192..8292].fill(0xaa);
    std::fs::write(&path, damaged).unwrap();
    let done = place.danlu(&["ls"]);
    assert_eq!(done.stderr.matches("malformed").count(), 1, "{}", done.stderr);
}

//! Reading one key of a run.

use super::{Noise, ROUNDS, Target, claim, median, names, timed};
use danlu::query::{self, Axis};
use danlu::{Run, store};
use rusqlite::Connection;
use std::path::{Path, PathBuf};

/// One key of a million points, and 100,000 points of one of ten keys: by `query::series`, by a query of the view, and
/// out of a plain table that has nothing else.
pub(super) fn series(scratch: &Path) {
    for (keys, rows, most) in [(1, 1_000_000, 80.0), (10, 100_000, 10.0)] {
        let path = recorded(scratch, keys, rows);
        let plain = plain_table(scratch, rows);
        let (mut ours, mut view, mut floor) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let connection = store::open(&path).unwrap();
            ours.push(timed(|| {
                let series = query::series(&connection, "metric_0").unwrap();
                assert_eq!((series.step.len(), series.time.len(), series.value.len()), (rows, rows, rows));
            }));
            let select = "SELECT step, time, value FROM history WHERE key = 'metric_0'";
            view.push(timed(|| assert_eq!(read(&connection, select), rows)));
            let connection = Connection::open(&plain).unwrap();
            floor.push(timed(|| assert_eq!(read(&connection, "SELECT step, time, value FROM t"), rows)));
        }
        let what = format!("{rows} points of one of {keys} keys");
        let plain_is = (median(floor) * 1e3, "a plain table");
        claim(&format!("read {what}"), median(ours) * 1e3, "ms", Some(plain_is), Some(Target::AtMost(most)));
        claim(&format!("read {what} from the view"), median(view) * 1e3, "ms", Some(plain_is), None);
        std::fs::remove_file(path).unwrap();
        std::fs::remove_file(plain).unwrap();
    }
}

/// What a million points of a key come to in 2,000 columns, over all of them and over a tenth, beside reading all points;
/// and how much room the envelopes take.
pub(super) fn envelope(scratch: &Path) {
    const ROWS: usize = 1_000_000;
    let path = recorded(scratch, 1, ROWS);
    let connection = store::open(&path).unwrap();
    let all = || timed(|| assert_eq!(query::series(&connection, "metric_0").unwrap().step.len(), ROWS)) * 1e3;
    for (what, range) in [("", None), (", a tenth of it", Some((300_000.0, 400_000.0)))] {
        let (mut ours, mut floor) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            ours.push(
                timed(|| {
                    let columns = query::envelope(
                        std::slice::from_ref(&connection),
                        "metric_0",
                        Axis::Step,
                        range,
                        2000,
                    )
                    .unwrap();
                    assert!(columns.len() > 1900);
                }) * 1e3,
            );
            floor.push(all());
        }
        let what = format!("envelope of {ROWS} points in 2000 columns{what}");
        let floor = Some((median(floor), "reading all points"));
        claim(&what, median(ours), "ms", floor, Some(Target::AtMost(2.0)));
    }
    let bytes: i64 =
        connection.query_row("SELECT sum(length(data) + 12) FROM envelope", [], |row| row.get(0)).unwrap();
    claim("envelopes per point", bytes as f64 / ROWS as f64, "B", None, Some(Target::AtMost(1.5)));
    drop(connection);
    std::fs::remove_file(path).unwrap();
}

/// How large an archived run is: 10 keys a row, noise.
pub(super) fn compacted(scratch: &Path) {
    const ROWS: usize = 100_000;
    let path = recorded(scratch, 10, ROWS);
    let mut sizes = (0, 0);
    let seconds = timed(|| sizes = store::compact(&path).unwrap());
    let points = ROWS as f64 * 10.0;
    let floor = Some((sizes.0 as f64 / points, "the run file"));
    claim(
        "bytes per point of a compacted run",
        sizes.1 as f64 / points,
        "B",
        floor,
        Some(Target::AtMost(10.0)),
    );
    claim("compacting", points / seconds / 1e6, "M points/s", None, None);
    let expanded = timed(|| assert!(store::expand(&path).is_ok()));
    claim("expanding", points / expanded / 1e6, "M points/s", None, None);
    std::fs::remove_file(path).unwrap();
}

fn recorded(scratch: &Path, keys: usize, rows: usize) -> PathBuf {
    let run = Run::builder("bench").dir(scratch).start().unwrap();
    let (names, mut noise) = (names(keys), Noise(21));
    for _ in 0..rows {
        run.log(names.iter().map(|name| (name, noise.next())));
    }
    let path = run.path().to_owned();
    run.finish(0).unwrap();
    path
}

fn plain_table(scratch: &Path, rows: usize) -> PathBuf {
    let path = scratch.join("plain.sqlite");
    let mut connection = Connection::open(&path).unwrap();
    connection
        .execute_batch("PRAGMA page_size = 8192; CREATE TABLE t (step INTEGER, time REAL, value REAL)")
        .unwrap();
    let mut noise = Noise(22);
    let tx = connection.transaction().unwrap();
    let mut insert = tx.prepare("INSERT INTO t VALUES (?, ?, ?)").unwrap();
    for row in 0..u32::try_from(rows).unwrap() {
        insert.execute((row, 1.7e9 + f64::from(row) / 100.0, noise.next())).unwrap();
    }
    drop(insert);
    tx.commit().unwrap();
    path
}

/// Reads a step, a time and a value from each row, and returns how many rows there were.
fn read(connection: &Connection, select: &str) -> usize {
    let mut statement = connection.prepare(select).unwrap();
    let mut rows = statement.query([]).unwrap();
    let (mut steps, mut times, mut values) = (Vec::<i64>::new(), Vec::<f64>::new(), Vec::<f64>::new());
    while let Some(row) = rows.next().unwrap() {
        steps.push(row.get(0).unwrap());
        times.push(row.get(1).unwrap());
        values.push(row.get(2).unwrap());
    }
    steps.len().min(times.len()).min(values.len())
}

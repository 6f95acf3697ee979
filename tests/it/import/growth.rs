//! Sources that have grown or changed since they were imported.

use super::{Imported, Place, copy, import, import_with_failures, sample, statuses};
use serde_json::Value;
use std::path::Path;

/// Imports a source as it is first and as it is then, and what became of it both at once.
fn twice(source: &Path, place: &Place, grow: impl FnOnce()) -> (Value, Value) {
    let first = import(place, source, &[]);
    assert!(statuses(&first).values().all(|status| status == "imported"), "{first}");
    grow();
    let second = import(place, source, &[]);
    let third = import(place, source, &[]);
    assert!(statuses(&third).values().all(|status| status == "up_to_date"), "{third}");
    (first, second)
}

/// Checks that a run that grew says the same as one that was imported at once.
fn check(source: &Path, place: &Place, second: &Value, run: &str) {
    let other = Place::new();
    let at_once = import(&other, source, &[]);
    let (grown, whole) = (Imported::of(second, run, place), Imported::of(&at_once, run, &other));
    assert_eq!(grown.history(), whole.history());
    for view in ["config", "summary"] {
        assert_eq!(grown.settings(view), whole.settings(view), "{view}");
    }
    for sql in [
        "SELECT path, sha256 FROM files ORDER BY path",
        "SELECT count(*) FROM row",
        "SELECT text FROM console",
        "SELECT title FROM alerts",
    ] {
        assert_eq!(grown.rows(sql), whole.rows(sql), "{sql}");
    }
    assert_eq!(grown.exit_code(), whole.exit_code());
    let lost = grown.rows("SELECT text FROM event WHERE kind = 'lost'");
    assert!(lost.len() <= 1, "{lost:?}");
    assert!(grown.rows("SELECT id FROM attempt").len() > whole.rows("SELECT id FROM attempt").len());
}

#[test]
fn a_wandb_file_that_was_being_written() {
    for share in [3, 5, 8] {
        let place = Place::new();
        let directory = std::fs::read_dir(sample("wandb-0.22.3/wandb")).unwrap().map(|e| e.unwrap().path());
        let source = directory.into_iter().find(|path| path.to_str().unwrap().ends_with("rich0001")).unwrap();
        let name = source.file_name().unwrap();
        copy(&source, &place.join("w").join(name));
        let file = place.join("w").join(name).join("run-rich0001.wandb");
        let whole = std::fs::read(&file).unwrap();
        std::fs::write(&file, &whole[..whole.len() * share / 10]).unwrap();
        let (first, second) = twice(&place.join("w"), &place, || std::fs::write(&file, &whole).unwrap());
        assert!(first["runs"][0]["lost"].as_object().unwrap().len() <= 1);
        assert_eq!(second["runs"][0]["status"], "grown");
        check(&place.join("w"), &place, &second, "lab/digits/rich0001");
    }
}

#[test]
fn event_files_that_were_being_written() {
    let place = Place::new();
    copy(&sample("tensorboard-torch/logs/lr0.2/eval"), &place.join("logs/eval"));
    let file = std::fs::read_dir(place.join("logs/eval")).unwrap().next().unwrap().unwrap().path();
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..300]).unwrap();
    let (_, second) = twice(&place.join("logs"), &place, || std::fs::write(&file, &whole).unwrap());
    assert_eq!(second["runs"][0]["status"], "grown");
    check(&place.join("logs"), &place, &second, "logs/eval");
}

#[test]
fn a_trackio_database_that_has_more_rows_now() {
    let place = Place::new();
    copy(&sample("trackio-0.43.0"), &place.join("t"));
    let database = rusqlite::Connection::open(place.join("t/digits.db")).unwrap();
    database.execute_batch("CREATE TABLE kept AS SELECT * FROM metrics WHERE id BETWEEN 3 AND 6; DELETE FROM metrics WHERE id BETWEEN 3 AND 6").unwrap();
    let (_, second) = twice(&place.join("t"), &place, || {
        database.execute_batch("INSERT INTO metrics SELECT * FROM kept").unwrap();
    });
    assert_eq!(statuses(&second)["digits/first"], "grown");
    check(&place.join("t"), &place, &second, "digits/first");
}

#[test]
fn an_mlflow_run_that_was_running() {
    let place = Place::new();
    copy(&sample("mlflow-3.17.2-files"), &place.join("m"));
    let loss = find(&place.join("m"), "metrics/val/f1");
    let meta = loss.ancestors().nth(3).unwrap().join("meta.yaml");
    let (lines, text) = (std::fs::read_to_string(&loss).unwrap(), std::fs::read_to_string(&meta).unwrap());
    std::fs::write(&loss, lines.split_inclusive('\n').next().unwrap()).unwrap();
    std::fs::write(&meta, text.replace("status: 3", "status: 1").replace("end_time: ", "end_time: null #"))
        .unwrap();
    let (first, second) = twice(&place.join("m"), &place, || {
        std::fs::write(&loss, &lines).unwrap();
        std::fs::write(&meta, &text).unwrap();
    });
    let run = statuses(&second).into_iter().find(|(_, status)| status == "grown").unwrap().0;
    // It was opened after it grew: the run is the same file.
    assert_eq!(first["runs"].as_array().unwrap().len(), 3);
    let other = Place::new();
    let at_once = import(&other, &place.join("m"), &[]);
    let (grown, whole) = (Imported::of(&second, &run, &place), Imported::of(&at_once, &run, &other));
    assert_eq!(grown.history(), whole.history());
    assert_eq!(grown.exit_code(), Some(0));
    assert_eq!(grown.rows("SELECT state FROM run"), [["finished"]]);
}

fn find(directory: &Path, suffix: &str) -> std::path::PathBuf {
    let pattern = format!("{}/mlruns/*/*/{suffix}", directory.display());
    glob::glob(&pattern).unwrap().next().unwrap().unwrap()
}

#[test]
fn a_source_that_was_changed_is_said_and_the_run_stays() {
    let place = Place::new();
    copy(&sample("mlflow-3.17.2-files"), &place.join("m"));
    let first = import(&place, &place.join("m"), &[]);
    let loss = find(&place.join("m"), "metrics/val/f1");
    let run = format!("digits/{}", loss.ancestors().nth(3).unwrap().file_name().unwrap().to_str().unwrap());
    let before = Imported::of(&first, &run, &place).digest();
    let lines = std::fs::read_to_string(&loss).unwrap();
    for changed in [lines.replacen("0.1", "0.7", 1), lines.split_inclusive('\n').next().unwrap().to_owned()] {
        std::fs::write(&loss, changed).unwrap();
        let outcome = import_with_failures(&place, &place.join("m"));
        assert_eq!(statuses(&outcome)[&run], "failed");
        let found =
            outcome["runs"].as_array().unwrap().iter().find(|found| found["run"] == run.as_str()).unwrap();
        assert!(found["error"].as_str().unwrap().contains("is not what was imported before"), "{found}");
        assert_eq!(Imported::of(&first, &run, &place).digest(), before);
    }
}

#[test]
fn a_tag_that_was_changed_is_taken_over() {
    let place = Place::new();
    copy(&sample("mlflow-3.17.2-files"), &place.join("m"));
    import(&place, &place.join("m"), &[]);
    std::fs::write(find(&place.join("m"), "tags/team"), "language").unwrap();
    let second = import(&place, &place.join("m"), &[]);
    let parent = Imported::named(&second, "parent", &place);
    assert_eq!(parent.start()["tags"], serde_json::json!(["team=language"]));
    assert_eq!(parent.rows("SELECT count(*) FROM row")[0][0], 5);
}

#[test]
fn what_a_killed_import_left_does_no_harm() {
    let place = Place::new();
    std::fs::create_dir_all(place.join("wandb")).unwrap();
    let first = import(&place, &sample("wandb-0.22.3"), &["--dry-run"]);
    assert_eq!(std::fs::read_dir(place.join("wandb")).unwrap().count(), 0);
    assert_eq!(first["runs"][0]["status"], "imported");
    let whole = import(&Place::new(), &sample("wandb-0.22.3"), &[]);
    for run in whole["runs"].as_array().unwrap() {
        let name = Path::new(run["path"].as_str().unwrap()).with_extension("rebuilt");
        std::fs::write(place.join("wandb").join(name.file_name().unwrap()), b"the beginning of a run file")
            .unwrap();
    }
    let second = import(&place, &sample("wandb-0.22.3"), &[]);
    Imported::of(&second, "lab/digits/rich0001", &place);
    let left = std::fs::read_dir(place.join("wandb")).unwrap().map(|entry| entry.unwrap().path());
    assert_eq!(left.filter(|path| path.extension().is_some_and(|e| e == "rebuilt")).count(), 0);
}

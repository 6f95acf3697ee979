//! `danlu import` as people and programs use it.

use super::{Place, copy, import, sample, statuses};

#[test]
fn all_tools_at_once_or_one_of_them() {
    let place = Place::new();
    for name in ["wandb-0.22.3", "tensorboard-torch", "trackio-0.43.0", "mlflow-3.17.2-sqlite"] {
        copy(&sample(name), &place.join("all").join(name));
    }
    let outcome = import(&place, &place.join("all"), &["--dry-run"]);
    let of =
        |tool: &str| outcome["runs"].as_array().unwrap().iter().filter(|run| run["tool"] == tool).count();
    assert_eq!([of("wandb"), of("tensorboard"), of("trackio"), of("mlflow")], [3, 4, 2, 3], "{outcome}");
    for (tool, count) in [("wandb", 3), ("tensorboard", 4), ("trackio", 2), ("mlflow", 3)] {
        let outcome = import(&place, &place.join("all"), &["--dry-run", "--from", tool]);
        assert_eq!(outcome["runs"].as_array().unwrap().len(), count);
    }
    assert!(!place.join("wandb").exists());
}

#[test]
fn a_summary_of_what_was_done() {
    let place = Place::new();
    let source = sample("wandb-0.22.3");
    let args = ["import", source.to_str().unwrap(), "--project", "mine", "--entity", "me"];
    let done = place.danlu(&args);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(
        done.stdout.contains("imported    me/mine/rich0001: 10 rows, 3 files, 128 B\n"),
        "{}",
        done.stdout
    );
    assert!(done.stdout.contains("without the contents of artifact `weights`"), "{}", done.stdout);
    assert!(done.stdout.ends_with("3 imported; 17 rows, 3 files, 128 B\n"), "{}", done.stdout);
    let again = place.danlu(&args);
    assert!(again.stdout.ends_with("3 up to date; 0 rows, 0 files, 0 B\n"), "{}", again.stdout);
    assert_eq!(place.json(&["ls"]).as_array().unwrap().len(), 3);
    assert!(!place.join("wandb/latest-run.sqlite").exists());
}

#[test]
fn where_nothing_is_and_wrong_calls() {
    let place = Place::new();
    std::fs::create_dir_all(place.join("empty")).unwrap();
    std::fs::write(place.join("empty/notes.txt"), "no run").unwrap();
    for (args, code, said) in [
        (vec!["import", "empty"], 1, "There are no runs in `empty`"),
        (vec!["import", "missing"], 1, "Cannot open `missing`"),
        (vec!["import", "empty", "--project", "a/b"], 2, "The project `a/b` cannot be used"),
        (vec!["import", "empty", "--from", "comet"], 2, "invalid value 'comet'"),
        (vec!["import"], 2, "<PATH>..."),
    ] {
        let done = place.danlu(&args);
        assert_eq!(done.code, code, "{args:?}");
        assert!(done.stderr.contains(said), "{args:?}: {}", done.stderr);
    }
    assert!(!place.join("wandb").exists());
}

#[test]
fn run_files_go_beside_those_that_are_there() {
    let place = Place::new();
    std::fs::create_dir_all(place.join("here/wandb")).unwrap();
    for dir in ["here", "here/wandb"] {
        let outcome = import(&place, &sample("trackio-0.9.1"), &["--dir", dir]);
        assert_eq!(statuses(&outcome).len(), 2);
    }
    assert_eq!(std::fs::read_dir(place.join("here/wandb")).unwrap().count(), 2);
}

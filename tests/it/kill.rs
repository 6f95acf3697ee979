//! A training process that dies without warning.

use crate::child::Logger;
use crate::support::{Place, ask, names};

#[test]
fn every_row_whose_log_returned_survives_twenty_kills() {
    let place = Place::new();
    for round in 0..20u64 {
        // From the first row to several drains later; odd numbers, so that kills fall anywhere in a tick.
        let logger = Logger::start(place.path());
        let run_file = logger.run_file.clone();
        let acked = logger.kill_after(1 + round * round * 97);
        let listed = place.json(&["ls"]);
        let run = listed
            .as_array()
            .unwrap()
            .iter()
            .find(|run| {
                run["path"].as_str().unwrap().ends_with(run_file.file_name().unwrap().to_str().unwrap())
            })
            .unwrap();
        assert_eq!(run["state"], "crashed");
        let kept: u64 = ask::<i64>(&run_file, "SELECT count(*) FROM history WHERE key = 'n'").cast_unsigned();
        assert!(kept >= acked, "round {round}: {acked} rows were acknowledged, {kept} are there");
        let (low, high, distinct): (i64, i64, i64) = (
            ask(&run_file, "SELECT min(value) FROM history WHERE key = 'n'"),
            ask(&run_file, "SELECT max(value) FROM history WHERE key = 'n'"),
            ask(&run_file, "SELECT count(DISTINCT value) FROM history WHERE key = 'n'"),
        );
        assert_eq!((low, high + 1, distinct.cast_unsigned()), (0, distinct, kept), "a hole or a double");
    }
    assert_eq!(place.danlu(&["verify"]).code, 0);
    // Nothing is left of the kills but one file for each run, and the link to the newest.
    assert_eq!(names(&place.join("wandb")).len(), 21);
}

#[test]
fn a_run_id_with_a_dot_does_not_take_the_journal_of_another() {
    let place = Place::new();
    struct Still;
    impl danlu::model::Clock for Still {
        fn now(&self) -> i64 {
            1_700_000_000_000_000
        }
    }
    for id in ["a", "a.z", "a.z.0123456"] {
        let run = danlu::Run::builder("p")
            .id(id)
            .dir(place.path())
            .clock(std::sync::Arc::new(Still))
            .start()
            .unwrap();
        run.log([(id, 1)]);
        drop(run);
    }
    let done = place.danlu(&["ls", "--json"]);
    let listed: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
    let mut ids: Vec<&str> =
        listed.as_array().unwrap().iter().map(|run| run["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!((ids, done.stderr.as_str()), (vec!["a", "a.z", "a.z.0123456"], ""));
    assert_eq!(names(&place.join("wandb")).len(), 4);
}

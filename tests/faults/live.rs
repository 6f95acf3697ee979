//! Looking at a run while it is written.

use crate::means::{note, times};
use crate::process::Process;
use crate::support::Place;
use danlu::store;

#[test]
fn a_run_that_is_being_written_is_never_called_damaged() {
    let (mut verified, mut records) = (0, 0);
    // What there is to verify grows all the time: each takes seconds.
    let writers = times(16, 500);
    for writer in 0..writers {
        let place = Place::new();
        let mut process = Process::new(place.path());
        // The tick decides what changes under the eyes: the journal alone, or the run file too.
        process.does(if writer % 2 == 0 { "start 50" } else { "start 3600000" });
        process.does("settle");
        process.tell("log for ever 0");
        let run_file = process.said.run_file.clone().unwrap();
        for _ in 0..3 {
            let report = store::verify(&run_file).unwrap();
            assert_eq!(report.damage, [], "{} records in", report.records);
            verified += 1;
            records += report.records;
        }
        let done = place.danlu(&["verify"]);
        assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{}", done.stdout);
        verified += 1;
        process.kill();
        assert_eq!(place.danlu(&["verify"]).code, 0);
    }
    assert_eq!(verified, 4 * writers);
    note(&format!(
        "verify of a run that is being written: {verified} times, {records} records, no false alarm"
    ));
}

#[test]
fn a_run_that_ends_while_it_is_verified_is_not_called_damaged() {
    for _ in 0..times(10, 100) {
        let place = Place::new();
        let mut process = Process::new(place.path());
        process.does("start 1");
        process.does("log 500");
        process.tell("finish");
        let run_file = process.said.run_file.clone().unwrap();
        while !process.said.finished {
            let report = store::verify(&run_file).unwrap();
            assert_eq!(report.damage, []);
            if report.digest.is_some() {
                process.hear("done finish");
            }
        }
    }
}

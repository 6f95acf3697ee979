//! Going on with a run that is there: resume, fork, rewind, and several writers at once.

use crate::child::{self, Logger};
use crate::support::{Place, ask, names};
use danlu::{ErrorKind, Resume, Run, RunBuilder};
use rusqlite::types::Value;
use std::sync::{Arc, Mutex};

fn builder(place: &Place, id: &str) -> RunBuilder {
    Run::builder("p").id(id).dir(place.path())
}

/// Every point of a run, as `step key value`, in the order of steps.
fn points(place: &Place, run: &str) -> Vec<String> {
    let query = format!("SELECT step, key, value FROM history WHERE run = '{run}' ORDER BY step, rowid");
    let rows = place.json(&["sql", &query]);
    rows.as_array()
        .unwrap()
        .iter()
        .map(|row| format!("{} {} {}", row["step"], row["key"].as_str().unwrap(), row["value"]))
        .collect()
}

#[test]
fn a_finished_run_goes_on_in_the_same_file() {
    let place = Place::new();
    let run =
        builder(&place, "r").name("first").tag("t").config("lr", 0.1).config("epochs", 3).start().unwrap();
    run.log([("loss", 1.0)]);
    run.log_at(7, [("loss", 0.5)]);
    run.summary("best", 9);
    let path = run.path().to_owned();
    run.finish(1).unwrap();

    let run = builder(&place, "r").resume(Resume::Must).config("lr", 0.2).start().unwrap();
    assert_eq!((run.path(), run.step()), (path.as_path(), 8));
    let restored = run.restored();
    assert_eq!(restored.config, [("epochs".to_owned(), 3.into()), ("lr".to_owned(), 0.1.into())]);
    assert_eq!(restored.summary, [("best".to_owned(), 9.into()), ("loss".to_owned(), 0.5.into())]);
    run.log([("loss", 0.25)]);
    run.finish(0).unwrap();

    assert_eq!(names(&place.join("wandb")).len(), 2, "one file and the link to it");
    let shown = place.json(&["show", "r"]);
    assert_eq!(shown["state"], "finished");
    assert_eq!((&shown["name"], &shown["tags"]), (&"first".into(), &serde_json::json!(["t"])));
    assert_eq!(shown["config"], serde_json::json!({"epochs": 3, "lr": 0.2}));
    assert_eq!(shown["summary"], serde_json::json!({"best": 9, "loss": 0.25}));
    assert_eq!(points(&place, "r"), ["0 loss 1.0", "7 loss 0.5", "8 loss 0.25"]);
    let origins: String = ask(&path, "SELECT group_concat(origin) FROM attempt");
    assert_eq!(origins, "new,resume");
    assert_eq!(place.danlu(&["verify"]).code, 0);
}

#[test]
fn a_killed_run_goes_on_with_all_its_rows() {
    let place = Place::new();
    let logger = Logger::start(place.path());
    let run_file = logger.run_file.clone();
    let acked = logger.kill_after(5000);
    let id: String = ask(&run_file, "SELECT id FROM run");
    let run = Run::builder("killed").id(&id).dir(place.path()).resume(Resume::Allow).start().unwrap();
    assert!(run.step() >= i64::try_from(acked).unwrap(), "{} of {acked}", run.step());
    assert_eq!(run.path(), run_file);
    let step = run.step();
    run.log([("n", -1)]);
    run.finish(0).unwrap();
    assert_eq!(ask::<i64>(&run_file, "SELECT count(*) FROM history WHERE key = 'n'"), step + 1);
    assert_eq!(ask::<i64>(&run_file, "SELECT step FROM history WHERE value = -1"), step);
    assert_eq!(place.danlu(&["verify"]).code, 0);
}

#[test]
fn what_must_be_there_is_and_what_must_not_is_not() {
    let place = Place::new();
    let missing = builder(&place, "r").resume(Resume::Must).start().unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::Usage);
    assert!(missing.to_string().starts_with("Cannot resume run p/r: it is not in "), "{missing}");
    assert!(!place.join("wandb").exists(), "nothing was made");
    builder(&place, "r").resume(Resume::Never).start().unwrap().finish(0).unwrap();
    let there = builder(&place, "r").resume(Resume::Never).start().unwrap_err();
    assert!(there.to_string().starts_with("Run p/r is there already"), "{there}");
    // The same id in another project is another run.
    let other = Run::builder("q").id("r").dir(place.path()).resume(Resume::Allow).start().unwrap();
    assert_eq!(other.step(), 0);
    let rewind = builder(&place, "none").rewind_to(3).start().unwrap_err();
    assert!(rewind.to_string().starts_with("Cannot rewind run p/none"), "{rewind}");
    let fork = builder(&place, "new").fork_from("none", 3).start().unwrap_err();
    assert!(fork.to_string().starts_with("Cannot fork run p/none"), "{fork}");
}

#[test]
fn auto_goes_on_with_the_newest_run_unless_it_finished() {
    let place = Place::new();
    let start = || Run::builder("p").dir(place.path()).resume(Resume::Auto).start().unwrap();
    let crashed = start();
    let id = crashed.id().to_owned();
    crashed.log([("a", 1)]);
    drop(crashed);
    let resumed = start();
    assert_eq!((resumed.id(), resumed.step()), (id.as_str(), 1));
    resumed.finish(1).unwrap();
    let failed = start();
    assert_eq!(failed.id(), id);
    failed.finish(0).unwrap();
    let fresh = start();
    assert_ne!(fresh.id(), id);
    assert_eq!(fresh.step(), 0);
}

#[test]
fn lower_and_repeated_steps_of_a_resumed_run_are_kept() {
    let place = Place::new();
    builder(&place, "r").start().map(|run| run.log_at(5, [("a", 1)])).unwrap();
    let run = builder(&place, "r").resume(Resume::Must).start().unwrap();
    run.log_at(5, [("a", 2)]);
    run.log_at(3, [("a", 3)]);
    run.log([("a", 4)]);
    run.finish(0).unwrap();
    assert_eq!(points(&place, "r"), ["3 a 3", "5 a 1", "5 a 2", "6 a 4"]);
}

#[test]
fn a_fork_begins_with_what_the_other_run_said_until_a_step() {
    let place = Place::new();
    let source = builder(&place, "a").config("lr", 0.1).start().unwrap();
    for n in 0..10 {
        source.log([("loss", n)]);
    }
    source.summary("best", 1);
    source.finish(0).unwrap();

    let fork = builder(&place, "b").fork_from("a", 4).config("lr", 0.2).start().unwrap();
    assert_eq!(fork.step(), 5);
    assert_eq!(fork.restored().summary, [("loss".to_owned(), 4.into())]);
    fork.log([("loss", 100)]);
    let path = fork.path().to_owned();
    fork.finish(0).unwrap();
    assert_eq!(
        points(&place, "b"),
        ["0 loss 0", "1 loss 1", "2 loss 2", "3 loss 3", "4 loss 4", "5 loss 100"]
    );
    assert_eq!(place.json(&["show", "b"])["config"], serde_json::json!({"lr": 0.2}));
    assert_eq!(points(&place, "a").len(), 10, "the other run is as it was");
    assert_eq!(ask::<String>(&path, "SELECT origin || from_run || from_step FROM attempt"), "forka4");
    assert_eq!(place.danlu(&["verify"]).code, 0);
}

#[test]
fn a_fork_takes_from_all_files_of_a_run_and_a_run_of_several_is_not_rewound() {
    let place = Place::new();
    let log = |rows: std::ops::Range<i64>, run: Run| {
        rows.for_each(|n| run.log([("loss", n)]));
        run.finish(0).unwrap();
    };
    let first = builder(&place, "a").start().unwrap();
    // Enough for the archive to be smaller.
    (0..3000).for_each(|n| first.log_at(0, [("bulk", n)]));
    log(0..5, first);
    assert!(place.danlu(&["compact", "a"]).stdout.starts_with("compacted"));
    log(5..8, builder(&place, "a").resume(Resume::Must).start().unwrap());
    let scattered = builder(&place, "a").rewind_to(1).start().unwrap_err();
    assert!(scattered.to_string().ends_with("it has 2 files"), "{scattered}");
    log(7..9, builder(&place, "b").fork_from("a", 6).start().unwrap());
    let losses = |id| {
        let points = points(&place, id).into_iter();
        points.filter(|point| point.contains("loss")).collect::<Vec<_>>()
    };
    assert_eq!(losses("b"), (0..9).map(|n| format!("{n} loss {n}")).collect::<Vec<_>>());
    assert_eq!(losses("a").len(), 8);
}

#[test]
fn of_two_runs_with_one_id_in_the_same_second_the_later_goes_on() {
    let place = Place::new();
    for rows in [3, 10] {
        let run = builder(&place, "c").start().unwrap();
        (0..rows).for_each(|n| run.log([("a", n)]));
        run.finish(0).unwrap();
    }
    let run = builder(&place, "c").resume(Resume::Must).start().unwrap();
    assert_eq!(run.step(), 10);
    let rows: i64 = ask(run.path(), "SELECT count(*) FROM history");
    assert_eq!(rows, 10, "the file of the later one");
}

#[test]
fn ranks_whose_files_are_filled_at_the_end_are_listed_while_they_run() {
    let place = Place::new();
    let at_end = danlu::writer::Storage::AtEnd;
    let ranks: Vec<Run> =
        (0..2).map(|rank| builder(&place, "r").rank(rank).storage(at_end).start().unwrap()).collect();
    ranks.iter().for_each(|run| run.log([("loss", 1)]));
    assert_eq!(place.json(&["ls"])[0]["state"], "running");
    assert_eq!(place.json(&["sql", "r", "SELECT count(*) AS n FROM history"])[0]["n"], 2);
    assert_eq!(place.json(&["show", "r"])["keys"][0]["points"], 2);
}

#[test]
fn a_rewound_run_counts_from_there_and_keeps_what_it_said_before() {
    let place = Place::new();
    let run = builder(&place, "r").config("lr", 0.1).start().unwrap();
    for n in 0..10 {
        run.log([("loss", n)]);
    }
    run.log([("only_later", 1)]);
    let path = run.path().to_owned();
    run.finish(0).unwrap();

    let run = builder(&place, "r").rewind_to(2).start().unwrap();
    assert_eq!((run.step(), run.path()), (3, path.as_path()));
    run.log([("loss", 100)]);
    run.finish(0).unwrap();
    assert_eq!(points(&place, "r"), ["0 loss 0", "1 loss 1", "2 loss 2", "3 loss 100"]);
    let shown = place.json(&["show", "r"]);
    assert_eq!(shown["summary"], serde_json::json!({"loss": 100}));
    assert_eq!(shown["config"], serde_json::json!({"lr": 0.1}));
    assert_eq!(shown["last_step"], 3);
    assert_eq!(ask::<i64>(&path, "SELECT count(*) FROM point"), 11 + 4, "nothing was taken away");
    let resumed = builder(&place, "r").resume(Resume::Must).start().unwrap();
    assert_eq!(resumed.step(), 4);
    resumed.finish(0).unwrap();
    assert_eq!(place.danlu(&["verify"]).code, 0);
}

#[test]
fn a_run_that_is_being_written_is_not_rewound_and_a_second_writer_is_told_of_the_first() {
    let place = Place::new();
    let first = builder(&place, "r").start().unwrap();
    first.log([("a", 1)]);
    let busy = builder(&place, "r").rewind_to(0).start().unwrap_err();
    assert_eq!(busy.kind(), ErrorKind::Busy);
    assert!(busy.to_string().contains(&format!("by process {}", std::process::id())), "{busy}");
    let said = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&said);
    let second = builder(&place, "r")
        .resume(Resume::Allow)
        .on_warning(move |warning| sink.lock().unwrap().push(warning.to_owned()))
        .start()
        .unwrap();
    assert_ne!(first.path(), second.path());
    let told = said.lock().unwrap().join("\n");
    assert!(told.contains(&format!("also being written by process {}", std::process::id())), "{told}");
    second.log([("a", 2)]);
    second.finish(0).unwrap();
    first.log([("a", 3)]);
    first.finish(0).unwrap();
    assert_eq!(place.danlu(&["verify"]).code, 0);
}

#[test]
fn ranks_write_beside_each_other_and_are_one_run() {
    let place = Place::new();
    let ranks: Vec<Run> =
        (0..3).map(|rank| builder(&place, "r").rank(rank).config("rank", rank).start().unwrap()).collect();
    for (rank, run) in (0u32..).zip(&ranks) {
        run.log([("loss", f64::from(rank)), ("shared", 1.0)]);
    }
    let running = place.json(&["ls"]);
    assert_eq!((running.as_array().unwrap().len(), &running[0]["state"]), (1, &"running".into()));
    for run in ranks {
        run.finish(0).unwrap();
    }
    let listed = place.json(&["ls"]);
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["state"]), (1, &"finished".into()));
    let ranked = place.json(&["sql", "SELECT rank, value FROM history WHERE key = 'loss' ORDER BY rank"]);
    assert_eq!(
        ranked,
        serde_json::json!([{"rank": 0, "value": 0.0}, {"rank": 1, "value": 1.0}, {"rank": 2, "value": 2.0}])
    );
    let shown = place.json(&["show", "r"]);
    assert_eq!(
        shown["keys"],
        serde_json::json!([{"key": "loss", "points": 3}, {"key": "shared", "points": 3}])
    );
    // One run at the remote, with an attempt for each rank, in one file of the server.
    assert_eq!(place.danlu(&["sync", "./usb"]).code, 0);
    assert_eq!(names(&place.join("usb/runs")).len(), 1);
    let server = place.serve();
    let key = server.key.clone().unwrap();
    assert_eq!(place.danlu(&["login", &server.url, "--key", &key]).code, 0);
    assert_eq!(place.danlu(&["sync", &server.url]).code, 0);
    let (_, runs) = server.get("/api/v1/runs", &key);
    let runs = runs["runs"].clone();
    assert_eq!(runs.as_array().unwrap().len(), 1);
    let key_of_run = runs[0]["key"].as_str().unwrap();
    let (_, history) = server.get(&format!("/api/v1/runs/{key_of_run}/history?key=loss"), &key);
    let ranked: Vec<_> =
        history["rank"].as_array().unwrap().iter().zip(history["value"].as_array().unwrap()).collect();
    assert!(
        ranked.len() == 3 && ranked.iter().all(|(rank, value)| rank.as_f64() == value.as_f64()),
        "{history}"
    );
    let path = place.join(&format!("server/runs/{key_of_run}.sqlite"));
    assert_eq!(ask::<Value>(&path, "SELECT sum(rank) FROM history WHERE key = 'loss'"), Value::Integer(3));
}

#[test]
fn sixty_four_processes_may_start_in_one_directory_at_once() {
    let place = Place::new();
    let loggers: Vec<_> = (0..64).map(|_| Logger::spawn(place.path())).collect();
    let files: std::collections::BTreeSet<_> = loggers
        .into_iter()
        .map(|logger| {
            let logger = logger.wait_for_start();
            let file = logger.run_file.clone();
            logger.kill_after(1);
            file
        })
        .collect();
    assert_eq!(files.len(), 64);
    assert_eq!(place.json(&["ls"]).as_array().unwrap().len(), 64);
    assert_eq!(place.danlu(&["verify"]).code, 0);
}

#[test]
fn each_rank_goes_on_with_its_own_part() {
    let place = Place::new();
    let start = |rank: u32, resume| builder(&place, "r").rank(rank).resume(resume).start();
    let log = |run: &Run, rows: u32| (0..rows).for_each(|n| run.log([("loss", n)]));
    let ranks = [start(0, Resume::Allow).unwrap(), start(1, Resume::Allow).unwrap()];
    assert_eq!(ranks.each_ref().map(Run::step), [0, 0], "another rank's rows are not this one's");
    let paths = ranks.each_ref().map(|run| run.path().to_owned());
    log(&ranks[0], 40);
    log(&ranks[1], 5);
    let [zero, one] = ranks;
    // Rank 1 dies, rank 0 goes on.
    drop(one);
    let one = start(1, Resume::Allow).unwrap();
    assert_eq!((one.step(), one.path()), (5, paths[1].as_path()));
    log(&one, 2);
    one.finish(0).unwrap();
    zero.finish(0).unwrap();
    // One that comes later begins its part, though the run must be there.
    let two = start(2, Resume::Must).unwrap();
    assert_eq!(two.step(), 0);
    log(&two, 1);
    two.finish(0).unwrap();
    assert_eq!(start(2, Resume::Never).unwrap_err().kind(), ErrorKind::Usage);
    start(3, Resume::Never).unwrap().finish(0).unwrap();

    let listed = place.json(&["ls"]);
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["state"]), (1, &"finished".into()));
    let counts =
        place.json(&["sql", "SELECT rank, count(*) AS n, max(step) AS last FROM history GROUP BY rank"]);
    let part = |rank: u32, rows: u32| serde_json::json!({"rank": rank, "n": rows, "last": rows - 1});
    assert_eq!(counts, serde_json::json!([part(0, 40), part(1, 7), part(2, 1)]));
    assert_eq!(place.danlu(&["verify"]).code, 0);
}

#[test]
fn processes_that_go_on_with_one_run_at_once_do_not_collide() {
    let place = Place::new();
    for _ in 0..5 {
        let children: Vec<_> = (0..6).map(|_| child::resume(place.path())).collect();
        for child in children {
            let output = child.wait_with_output().unwrap();
            let said = String::from_utf8(output.stdout).unwrap();
            assert!(output.status.success(), "{said}");
            let warned = said.lines().filter(|line| line.contains("warned"));
            warned.for_each(|line| assert!(line.contains("is also being written by process"), "{line}"));
        }
    }
    let files = names(&place.join("wandb"));
    assert!(files.iter().all(|name| name.ends_with(".sqlite")), "{files:?}");
    assert_eq!(place.json(&["ls"]).as_array().unwrap().len(), 1);
    assert_eq!(points(&place, "shared").len(), 30);
    assert_eq!(place.danlu(&["verify"]).code, 0);
}

#[test]
fn a_run_is_forked_and_rewound_only_at_steps_that_it_has() {
    let place = Place::new();
    let run = builder(&place, "a").start().unwrap();
    (0..5).for_each(|n| run.log([("loss", n)]));
    run.finish(0).unwrap();
    let beyond = builder(&place, "b").fork_from("a", 5).start().unwrap_err();
    assert_eq!(beyond.to_string(), "Cannot fork run p/a at step 5: its last step is 4");
    let itself = builder(&place, "a").fork_from("a", 1).start().unwrap_err();
    assert_eq!(itself.to_string(), "Cannot fork run p/a into itself");
    let beyond = builder(&place, "a").rewind_to(500).start().unwrap_err();
    assert_eq!(beyond.to_string(), "Cannot rewind run p/a at step 500: its last step is 4");
    assert_eq!(place.json(&["ls"]).as_array().unwrap().len(), 1);
    assert_eq!(points(&place, "a").len(), 5);
}

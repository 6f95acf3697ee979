//! `danlu recover`: what can be saved of a damaged file.

use crate::support::{Place, ask};
use danlu::{Run, store};

fn written(place: &Place) -> std::path::PathBuf {
    let run = Run::builder("p").id("r").config("lr", 0.1).dir(place.path()).start().unwrap();
    for n in 0..30_000u32 {
        run.log([("loss", f64::from(n)), ("acc", f64::from(n) / 2.0)]);
    }
    std::fs::write(place.join("model.bin"), b"weights".repeat(1000)).unwrap();
    run.save("model.bin").unwrap();
    let path = run.path().to_owned();
    run.finish(0).unwrap();
    path
}

#[test]
fn a_whole_run_is_left_alone() {
    let place = Place::new();
    let path = place.run("r", 10);
    let before = std::fs::read(&path).unwrap();
    let done = place.danlu(&["recover", "r"]);
    assert!(done.code == 0 && done.stdout.ends_with("is whole\n"), "{}{}", done.stdout, done.stderr);
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn pages_that_are_gone_cost_their_records_and_no_others() {
    let place = Place::new();
    let path = written(&place);
    let mut damaged = std::fs::read(&path).unwrap();
    // A page in the middle of the points.
    let marker = 15_000.0f64.to_be_bytes();
    let at = damaged.windows(8).position(|window| window == marker).unwrap() / 8192 * 8192;
    damaged[at..at + 8192].fill(0);
    std::fs::write(&path, &damaged).unwrap();
    assert_eq!(place.danlu(&["verify", path.to_str().unwrap()]).code, 1);

    let report = place.json(&["recover", path.to_str().unwrap()]);
    let rescued = &report["rescued"];
    assert_eq!(
        (&rescued["lost_records"], &rescued["lost_files"]),
        (&0.into(), &serde_json::json!([])),
        "{report}"
    );
    assert_eq!(rescued["doubtful_records"], 8192);
    assert_eq!(place.danlu(&["verify"]).code, 0);
    let shown = place.json(&["show", "r"]);
    assert_eq!((&shown["state"], &shown["config"]["lr"]), (&"finished".into(), &0.1.into()));
    let kept = |key: &str, factor: f64| {
        let sql = format!("SELECT count(*) FROM history WHERE key = '{key}' AND value = step * {factor}");
        ask::<i64>(&path, &sql)
    };
    let lost = 60_000 - kept("loss", 1.0) - kept("acc", 0.5);
    assert!(lost > 100 && lost < 1000, "{lost} values of one page are lost");
    assert_eq!(rescued["lost_values"], lost);
    assert_eq!(std::fs::read(path.with_extension("sqlite.original")).unwrap(), damaged);
    let left = place.danlu(&["gc", "--delete"]).stdout;
    assert!(
        left.starts_with("kept ") && left.contains("the damaged file of which `danlu recover` saved"),
        "{left}"
    );
    assert!(path.with_extension("sqlite.original").exists());
}

#[test]
fn a_table_that_is_gone_costs_what_it_held_and_nothing_else() {
    for table in ["setting", "file", "event", "segment", "key"] {
        let place = Place::new();
        let path = place.run("r", 500);
        let page: i64 = ask(&path, &format!("SELECT rootpage FROM sqlite_schema WHERE name = '{table}'"));
        let mut damaged = std::fs::read(&path).unwrap();
        let at = (usize::try_from(page).unwrap() - 1) * 8192;
        damaged[at..at + 200].fill(0xaa);
        std::fs::write(&path, &damaged).unwrap();
        let listed = place.danlu(&["ls"]);
        assert!(
            listed.code == 1
                && listed.stderr.contains("-r.sqlite")
                && listed.stderr.contains("danlu recover"),
            "{}",
            listed.stderr
        );
        assert_eq!(place.danlu(&["verify", "r"]).code, 1, "{table}");
        let done = place.danlu(&["recover", "r"]);
        assert_eq!(done.code, 0, "{table}: {}", done.stderr);
        let kept: i64 = ask(&path, "SELECT count(*) FROM row");
        assert_eq!(kept, 500, "{table}: {}", done.stdout);
        let values: i64 = ask(&path, "SELECT count(*) FROM history");
        assert_eq!(values, if table == "key" { 0 } else { 1000 }, "{table}");
    }
}

#[test]
fn an_emptied_file_is_spoken_of() {
    let place = Place::new();
    let path = place.run("r", 5);
    std::fs::write(&path, "").unwrap();
    let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
    std::fs::File::options().write(true).open(&path).unwrap().set_modified(old).unwrap();
    for command in ["ls", "verify"] {
        let done = place.danlu(&[command]);
        assert!(done.code == 1 && (done.stdout + &done.stderr).contains("-r.sqlite"), "{command}");
    }
    assert!(place.danlu(&["gc"]).stdout.contains("a file without a single byte"));
    let none = Place::new();
    std::fs::create_dir(none.join("wandb")).unwrap();
    let done = none.danlu(&["verify"]);
    assert!(done.code == 0 && done.stdout.starts_with("No runs in "), "{}{}", done.stdout, done.stderr);
}

#[test]
fn a_wrong_value_and_a_lost_content_are_told() {
    let place = Place::new();
    let path = written(&place);
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "DROP TRIGGER point_update; UPDATE point SET value = -1 WHERE id = 77;
             DROP TRIGGER chunk_update; UPDATE chunk SET bytes = x'00' WHERE id = 0;",
        )
        .unwrap();
    drop(connection);
    let fresh = place.join("new.sqlite");
    let done = place.danlu(&["recover", "r", "--output", fresh.to_str().unwrap()]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(
        done.stdout.contains(
            "; 8192 records are in doubt, at least 1 of them are not what was written; lost 1 file\n         model.bin"
        ),
        "{}",
        done.stdout
    );
    let report = store::verify(&fresh).unwrap();
    assert_eq!(report.damage.iter().map(|damage| damage.kind).collect::<Vec<_>>(), ["file"]);
    assert_eq!(ask::<i64>(&fresh, "SELECT count(*) FROM history"), 60_000);
    assert_eq!(store::verify(&path).unwrap().digest, None, "the damaged file is as it was");
}

#[test]
fn what_is_no_run_file_is_refused() {
    let place = Place::new();
    std::fs::create_dir(place.join("wandb")).unwrap();
    let path = place.join("wandb/run-20260101_000000-x.sqlite");
    std::fs::write(&path, "nothing").unwrap();
    let done = place.danlu(&["recover", path.to_str().unwrap()]);
    assert!(done.code == 1 && done.stderr.contains("is no danlu run file"), "{}", done.stderr);
    assert_eq!(std::fs::read(&path).unwrap(), b"nothing");
}

#[test]
fn what_was_lost_is_counted_in_the_new_run() {
    let place = Place::new();
    let path = written(&place);
    let mut damaged = std::fs::read(&path).unwrap();
    let marker = 15_000.0f64.to_be_bytes();
    let at = damaged.windows(8).position(|window| window == marker).unwrap() / 8192 * 8192;
    damaged[at..at + 8192].fill(0);
    std::fs::write(&path, &damaged).unwrap();
    let lost = place.json(&["recover", "r"])["rescued"]["lost_values"].as_u64().unwrap();
    assert!(lost > 100, "{lost}");
    assert_eq!(place.json(&["ls"])[0]["lost"], lost);
    let why =
        format!("whose file was damaged: 0 records and {lost} values are lost, 8192 records are in doubt");
    for command in [&["ls"][..], &["show", "r"], &["verify"]] {
        let done = place.danlu(command);
        assert!(done.code == 0 && done.stdout.contains(&lost.to_string()), "{command:?}: {}", done.stdout);
        assert!(command[0] == "ls" || done.stdout.contains(&why), "{command:?}: {}", done.stdout);
    }
}

#[test]
fn where_the_end_is_not_known_the_number_is_a_bound() {
    let place = Place::new();
    let path = written(&place);
    let whole = std::fs::read(&path).unwrap();
    // The roots of the tables are at the beginning, so the segments and the last rows are behind the cut.
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute_batch("DROP TRIGGER segment_delete; DELETE FROM segment")
        .unwrap();
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_len(whole.len() as u64 / 2).unwrap();
    assert_eq!(place.danlu(&["recover", "r"]).code, 0);
    let done = place.danlu(&["verify"]);
    assert!(done.stdout.contains("whose file was damaged: at least "), "{}", done.stdout);
    assert!(place.json(&["ls"])[0]["lost"].as_u64().unwrap() > 0);
}

#[test]
fn a_value_that_is_not_what_was_written_makes_the_new_run_incomplete() {
    let place = Place::new();
    let path = written(&place);
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute_batch("DROP TRIGGER point_update; UPDATE point SET value = -1 WHERE id = 77")
        .unwrap();
    assert_eq!(place.danlu(&["recover", "r"]).code, 0);
    let done = place.danlu(&["verify"]);
    let told = "it is incomplete: 1 lost, remains of attempt ";
    assert!(done.code == 0 && done.stdout.contains(told), "{}", done.stdout);
    assert!(done.stdout.contains("at least 1 of them are not what was written"), "{}", done.stdout);
}

#[test]
fn a_recovery_copes_with_any_flipped_bit() {
    let place = Place::new();
    let path = place.run("r", 300);
    let whole = std::fs::read(&path).unwrap();
    let fresh = place.join("fresh.sqlite");
    let mut saved = 0;
    for at in (0..whole.len()).step_by(1511) {
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (at % 8);
        std::fs::write(&path, damaged).unwrap();
        std::fs::remove_file(&fresh).ok();
        if store::rescue(&path, &fresh, 0).is_ok() {
            let report = store::verify(&fresh).unwrap();
            assert_eq!(report.damage.iter().filter(|damage| damage.kind != "file").count(), 0, "{at}");
            saved += 1;
        }
    }
    assert!(saved > 60, "{saved}");
}

#[test]
fn a_damaged_header_costs_nothing() {
    // The magic, the application id, the size of a page, and all of it; then also the end is missing.
    for (from, until, cut) in [(0, 1, 0), (70, 71, 0), (16, 18, 0), (0, 100, 0), (0, 16, 20_000)] {
        let place = Place::new();
        let path = place.run("r", 2000);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[from..until].iter_mut().for_each(|byte| *byte ^= 0x5a);
        bytes.truncate(bytes.len() - cut);
        std::fs::write(&path, &bytes).unwrap();
        let done = place.danlu(&["recover", "r"]);
        assert_eq!(done.code, 0, "{from}: {}", done.stderr);
        assert!(cut > 0 || done.stdout.contains("nothing is lost; lost 0 files"), "{from}: {}", done.stdout);
        assert_eq!(place.danlu(&["verify"]).code, 0, "{from}");
        let rows = ask::<i64>(&path, "SELECT count(*) FROM row");
        assert!(rows == 2000 || cut > 0 && rows > 1000, "{from}: {rows}");
        assert_eq!(std::fs::read(path.with_extension("sqlite.original")).unwrap(), bytes);
    }
}

#[test]
fn a_run_whose_only_file_is_damaged_is_named_with_it() {
    let place = Place::new();
    let path = place.run("d1", 100);
    let whole = std::fs::read(&path).unwrap();
    for bytes in [&whole[..4096], &whole[..300], b"SQLite format 3\0"] {
        std::fs::write(&path, bytes).unwrap();
        for command in
            [&["show", "d1"][..], &["get", "d1", "model.bin"], &["recover", "d1"], &["verify", "d1"]]
        {
            let done = place.danlu(command);
            let said = done.stdout + &done.stderr;
            assert!(done.code == 1 && said.contains("-d1.sqlite"), "{command:?}: {said}");
            assert!(!said.contains("There is no run"), "{command:?}: {said}");
        }
    }
}

#[test]
fn an_output_that_cannot_be_or_is_not_needed_is_refused() {
    let place = Place::new();
    let path = place.run("r", 100);
    std::fs::create_dir(place.join("there")).unwrap();
    let refused = |output: &str| {
        let done = place.danlu(&["recover", "r", "-o", output]);
        assert!(done.code != 0 && done.stdout.is_empty(), "{output}: {}", done.stdout);
        done.stderr
    };
    for is_whole in [true, false] {
        assert!(refused("there").contains("it is a directory"));
        assert!(refused("new/").contains("it is a directory"));
        assert!(refused("nope/x").contains("Cannot write the new file to `nope/x`: No such file"));
        assert!(refused("model.bin").contains("something is there already"));
        if is_whole {
            let said = refused("new.sqlite");
            assert!(said.contains("-r.sqlite` is whole: nothing was written to `new.sqlite`"), "{said}");
            assert!(!place.join("new.sqlite").exists());
        }
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[0] = 0;
        std::fs::write(&path, bytes).unwrap();
    }
    assert_eq!(place.danlu(&["recover", "r", "-o", "new.sqlite"]).code, 0);
    assert_eq!(place.danlu(&["verify", "new.sqlite"]).code, 0);
}

#[test]
fn a_second_recovery_leaves_the_first_damaged_file_and_no_rest() {
    let place = Place::new();
    let path = place.run("r", 100);
    let original = path.with_extension("sqlite.original");
    std::fs::write(&original, "the first one").unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[0] = 0;
    std::fs::write(&path, &bytes).unwrap();
    let done = place.danlu(&["recover", "r"]);
    assert!(done.code == 1 && done.stderr.contains(".original` is there already"), "{}", done.stderr);
    assert_eq!(std::fs::read(&original).unwrap(), b"the first one");
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    assert_eq!(crate::support::names(&place.join("wandb")).len(), 3, "the file, the link and the first one");
}

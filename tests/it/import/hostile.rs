//! Sources made to do harm.

use super::{Imported, Place, copy, import, import_with_failures, sample, statuses};
use std::path::Path;

fn masked(bytes: &[u8]) -> [u8; 4] {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

/// Writes a run of W&B with one history row whose values are given as JSON.
fn wandb_run(directory: &Path, values: &[(&str, &str)]) {
    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let mut out = match number {
            16.. => vec![(number & 0xf) << 3 | 0x82, number >> 4],
            _ => vec![number << 3 | 2],
        };
        let mut length = bytes.len();
        while length >= 0x80 {
            out.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
            length >>= 7;
        }
        out.push(u8::try_from(length).unwrap());
        out.extend(bytes);
        out
    }
    let run = field(17, &[field(1, b"hostile1"), field(3, b"p")].concat());
    let items: Vec<u8> = values
        .iter()
        .flat_map(|(key, json)| field(1, &[field(2, key.as_bytes()), field(16, json.as_bytes())].concat()))
        .collect();
    let mut file = b":W&B\xe1\xbe\x00".to_vec();
    for record in [run, field(2, &items)] {
        let data = [&[1u8][..], &record].concat();
        file.extend(crc32fast::hash(&data).to_le_bytes());
        file.extend(u16::try_from(record.len()).unwrap().to_le_bytes());
        file.extend(data);
    }
    std::fs::create_dir_all(directory.join("files")).unwrap();
    std::fs::write(directory.join("run-hostile1.wandb"), file).unwrap();
}

#[test]
fn values_that_are_nested_too_deep_or_are_none_are_lost_alone() {
    let place = Place::new();
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let objects = format!("{}1{}", "{\"a\":".repeat(100), "}".repeat(100));
    let long = "k".repeat(5000);
    wandb_run(
        &place.join("w/run-20260101_000000-hostile1"),
        &[
            ("good", "1"),
            ("deep", &deep),
            ("objects", &objects),
            ("none", "{"),
            (&long, "2"),
            ("", "3"),
            ("<script>", "\"</script>\""),
        ],
    );
    let outcome = import(&place, &place.join("w"), &[]);
    let run = Imported::of(&outcome, "p/hostile1", &place);
    let keys: Vec<String> = run.history().into_keys().map(|(key, _)| key).collect();
    assert!(keys.contains(&"good".to_owned()) && keys.contains(&"<script>".to_owned()));
    assert!(!keys.iter().any(|key| key == "deep" || key == "none" || key.len() > 4096));
    assert_eq!(run.lost().values().sum::<i64>(), 4, "{:?}", run.lost());
}

#[test]
fn links_pipes_and_names_do_not_lead_out_of_a_run() {
    let place = Place::new();
    let directory = place.join("w/run-20260101_000000-hostile1");
    wandb_run(&directory, &[("good", "1")]);
    std::fs::write(place.join("secret"), "secret").unwrap();
    let files = directory.join("files");
    std::os::unix::fs::symlink(place.join("secret"), files.join("stolen")).unwrap();
    std::os::unix::fs::symlink(".", files.join("loop")).unwrap();
    std::os::unix::fs::symlink("kept", files.join("inside")).unwrap();
    std::fs::write(files.join("kept"), "kept").unwrap();
    std::fs::write(files.join("back\\slash"), "x").unwrap();
    nix::unistd::mkfifo(&files.join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let outcome = import(&place, &place.join("w"), &[]);
    let run = Imported::of(&outcome, "p/hostile1", &place);
    assert_eq!(run.rows("SELECT path FROM files ORDER BY path"), [["inside"], ["kept"]]);
    let left = outcome["runs"][0]["left_out"].to_string();
    for name in ["stolen", "loop", "pipe", "back"] {
        assert!(left.contains(name), "{left}");
    }
    let other = Place::new();
    let outcome = import(&other, &place.join("w"), &["--follow-links"]);
    assert_eq!(Imported::of(&outcome, "p/hostile1", &other).file("stolen"), b"secret");
}

#[test]
fn a_source_directory_with_links_ends() {
    let place = Place::new();
    copy(&sample("tensorboard-torch/logs"), &place.join("logs"));
    std::os::unix::fs::symlink("..", place.join("logs/lr0.1/up")).unwrap();
    std::os::unix::fs::symlink("/", place.join("logs/root")).unwrap();
    let outcome = import(&place, &place.join("logs"), &[]);
    assert_eq!(outcome["runs"].as_array().unwrap().len(), 4);
    assert!(outcome["left_out"][0]["why"].as_str().unwrap().contains("leads out"), "{outcome}");
}

#[test]
fn an_event_that_says_it_has_4_gib_is_not_waited_for() {
    let place = Place::new();
    copy(&sample("tensorboard-torch/logs/lr0.2/eval"), &place.join("logs/a"));
    let path = std::fs::read_dir(place.join("logs/a")).unwrap().next().unwrap().unwrap().path();
    for length in [u64::from(u32::MAX), 1 << 62, u64::MAX] {
        let mut bytes = std::fs::read(&path).unwrap();
        let before = bytes.len();
        bytes.extend(length.to_le_bytes());
        bytes.extend(masked(&length.to_le_bytes()));
        bytes.extend([0; 100]);
        let other = place.join(&format!("logs/{length}"));
        std::fs::create_dir_all(&other).unwrap();
        std::fs::write(other.join("events.out.tfevents.1700000000.node7.1.0"), &bytes).unwrap();
        assert!(before < bytes.len());
    }
    let outcome = import(&place, &place.join("logs"), &[]);
    let rows: Vec<_> =
        outcome["runs"].as_array().unwrap().iter().map(|run| run["rows"].as_u64().unwrap()).collect();
    assert_eq!(rows.len(), 4);
    assert!(rows.iter().all(|n| *n == rows[0] && *n > 5), "{rows:?}");
    assert_eq!(Imported::of(&outcome, "logs/4294967295", &place).lost()["an event is too large"], 1);
}

#[test]
fn a_bomb_in_yaml_fails_its_run_alone() {
    let place = Place::new();
    copy(&sample("mlflow-3.17.2-files"), &place.join("m"));
    let meta = glob::glob(&format!("{}/mlruns/*/*/metrics/val/f1", place.join("m").display()))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let meta = meta.ancestors().nth(3).unwrap().join("meta.yaml");
    let mut bomb = "run_id: a\nx0: &x0 [lol,lol,lol,lol,lol,lol,lol,lol,lol]\n".to_owned();
    for n in 1..30 {
        let before = format!("*x{}", n - 1);
        bomb += &format!("x{n}: &x{n} [{}]\n", vec![before; 9].join(","));
    }
    let deep = format!("run_id: a\nx: {}{}\n", "[".repeat(100_000), "]".repeat(100_000));
    let huge = format!("run_id: a\nx: {}\n", "y".repeat(3 << 20));
    for text in [bomb, deep, huge, "run_id: [".to_owned(), "run_id: a\nx: *nothing\n".to_owned()] {
        std::fs::write(&meta, text).unwrap();
        let done = place.danlu(&["import", place.join("m").to_str().unwrap(), "--json"]);
        let outcome: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
        let mut others = statuses(&outcome);
        others.remove("digits/a");
        assert!(others.len() == 2 && others.values().all(|status| status != "failed"), "{outcome}");
    }
}

#[test]
fn a_database_that_computes_for_ever_is_none() {
    let place = Place::new();
    std::fs::create_dir_all(place.join("t")).unwrap();
    let database = rusqlite::Connection::open(place.join("t/endless.db")).unwrap();
    let endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x AS id, '' AS run_name, x AS step, '' AS metrics, '' AS timestamp FROM n";
    database.execute_batch(&format!("CREATE VIEW metrics AS {endless}")).unwrap();
    let done = place.danlu(&["import", place.join("t").to_str().unwrap()]);
    assert_eq!(done.code, 1);
    assert!(done.stderr.contains("There are no runs"), "{}", done.stderr);
}

#[test]
fn columns_that_are_computed_are_not_asked_for() {
    let place = Place::new();
    for (name, file) in [("trackio-0.43.0", "digits.db"), ("mlflow-3.17.2-sqlite", "mlflow.db")] {
        let to = place.join(name);
        copy(&sample(name), &to);
        let database = rusqlite::Connection::open(to.join(file)).unwrap();
        let endless = "instr(hex(zeroblob(7000000)), hex(zeroblob(3000000)) || '1')";
        database.execute_batch(&format!("ALTER TABLE metrics ADD COLUMN e AS ({endless})")).unwrap();
        let done = place.danlu(&["import", to.to_str().unwrap()]);
        assert!(done.stderr.contains("There are no runs"), "{name}: {}", done.stderr);
    }
}

#[test]
fn media_of_trackio_outside_of_its_directory_are_lost() {
    let place = Place::new();
    copy(&sample("trackio-0.43.0"), &place.join("t"));
    std::fs::write(place.join("secret.png"), "secret").unwrap();
    std::os::unix::fs::symlink(place.join("secret.png"), place.join("t/media/link.png")).unwrap();
    let database = rusqlite::Connection::open(place.join("t/digits.db")).unwrap();
    for path in ["../../secret.png", "/etc/passwd", "link.png", "digits", "missing.png"] {
        let value = format!("{{\"stolen\":{{\"_type\":\"trackio.image\",\"file_path\":\"{path}\"}}}}");
        let sql = "INSERT INTO metrics (run_id, timestamp, run_name, step, metrics) SELECT run_id, timestamp, run_name, 9, ? FROM metrics WHERE id = 1";
        database.execute(sql, [value]).unwrap();
    }
    let outcome = import(&place, &place.join("t"), &[]);
    let run = Imported::of(&outcome, "digits/first", &place);
    assert_eq!(run.rows("SELECT count(*) FROM files")[0][0], 1);
    assert_eq!(run.lost().values().sum::<i64>(), 5);
}

#[test]
fn artifacts_of_mlflow_are_taken_from_beside_the_database_only() {
    let place = Place::new();
    copy(&sample("mlflow-3.17.2-sqlite"), &place.join("m"));
    std::fs::create_dir_all(place.join("elsewhere")).unwrap();
    std::fs::write(place.join("elsewhere/secret"), "secret").unwrap();
    let database = rusqlite::Connection::open(place.join("m/mlflow.db")).unwrap();
    database
        .execute(
            "UPDATE runs SET artifact_uri = ? WHERE name = 'parent'",
            [place.join("elsewhere").to_str().unwrap()],
        )
        .unwrap();
    let outcome = import(&place, &place.join("m"), &[]);
    let parent = Imported::named(&outcome, "parent", &place);
    assert!(parent.rows("SELECT path FROM files").is_empty());
    assert!(outcome.to_string().contains("not beside the database"));
}

#[test]
fn a_run_that_is_not_an_import_is_not_touched() {
    let place = Place::new();
    let run = danlu::Run::builder("digits").id("failed01").dir(place.path()).start().unwrap();
    let path = run.path().to_owned();
    run.finish(0).unwrap();
    let before = std::fs::read(&path).unwrap();
    let outcome = import_with_failures(&place, &sample("wandb-0.22.3"));
    assert_eq!(statuses(&outcome)["digits/failed01"], "failed");
    assert_eq!(statuses(&outcome)["digits/again001"], "imported");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

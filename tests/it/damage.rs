//! `danlu verify` names what is damaged.

use crate::support::Place;
use danlu::Run;
use std::path::Path;

/// Flips one bit of the one place in a file where these bytes are.
fn flip(path: &Path, bytes: &[u8]) {
    let mut content = std::fs::read(path).unwrap();
    let places: Vec<usize> = content
        .windows(bytes.len())
        .enumerate()
        .filter(|(_, window)| *window == bytes)
        .map(|(n, _)| n)
        .collect();
    assert_eq!(places.len(), 1, "the bytes are in {} places", places.len());
    content[places[0] + bytes.len() / 2] ^= 0x10;
    std::fs::write(path, content).unwrap();
}

/// A finished run with one point that can be found in the file, and a file with a content that can be found.
fn run(place: &Place) -> std::path::PathBuf {
    let run = Run::builder("p").id("r").dir(place.path()).start().unwrap();
    for n in 0..100 {
        run.log([("loss", if n == 40 { 0.123_456_789_012_345 } else { 0.5 })]);
    }
    std::fs::write(place.join("model.bin"), "weights ".repeat(40) + "here they are" + &" weights".repeat(40))
        .unwrap();
    run.save("model.bin").unwrap();
    let path = run.path().to_owned();
    run.finish(0).unwrap();
    path
}

#[test]
fn a_whole_run_verifies() {
    let place = Place::new();
    run(&place);
    let done = place.danlu(&["verify"]);
    assert_eq!(done.code, 0, "{}", done.stdout);
    assert!(done.stdout.starts_with("ok "), "{}", done.stdout);
}

#[test]
fn a_flipped_byte_in_a_point_is_named() {
    let place = Place::new();
    flip(&run(&place), &0.123_456_789_012_345_f64.to_be_bytes());
    let done = place.danlu(&["verify"]);
    assert_eq!(done.code, 1);
    assert!(
        done.stdout.contains("records: attempt ")
            && done.stdout.contains("steps 0 to 99) is not what was written"),
        "{}",
        done.stdout
    );
    assert!(!done.stdout.contains("in the chain"), "{}", done.stdout);
}

#[test]
fn a_flipped_byte_in_the_chain_is_named() {
    let place = Place::new();
    let path = run(&place);
    let hash: [u8; 32] = crate::support::ask(&path, "SELECT sha256 FROM segment");
    flip(&path, &hash);
    let done = place.danlu(&["verify"]);
    assert_eq!(done.code, 1);
    assert!(
        done.stdout.contains("is not what was written in the chain; its records are whole"),
        "{}",
        done.stdout
    );
}

#[test]
fn a_flipped_byte_in_the_digest_is_named() {
    let place = Place::new();
    let path = run(&place);
    let hash: [u8; 32] = crate::support::ask(&path, "SELECT digest FROM segment");
    flip(&path, &hash);
    let done = place.danlu(&["verify"]);
    assert_eq!(done.code, 1);
    assert!(done.stdout.contains("the digest is not that of its segments"), "{}", done.stdout);
}

#[test]
fn a_flipped_byte_in_a_blob_is_named_with_its_file() {
    let place = Place::new();
    flip(&run(&place), b"here they are");
    let done = place.danlu(&["verify"]);
    assert_eq!(done.code, 1);
    assert!(
        done.stdout.contains("blob: Blob ") && done.stdout.contains("content of `model.bin`"),
        "{}",
        done.stdout
    );
}

#[test]
fn a_flipped_byte_in_an_object_of_a_directory_remote_is_named() {
    for (part, kind) in [("segments", "records: "), ("blobs", "blob: ")] {
        let place = Place::new();
        run(&place);
        assert_eq!(place.danlu(&["sync", "./usb"]).code, 0);
        assert_eq!(place.danlu(&["verify", "usb"]).code, 0);
        let folder = std::fs::read_dir(place.join("usb").join(part)).unwrap().next().unwrap().unwrap().path();
        let object = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
        let mut content = std::fs::read(&object).unwrap();
        let middle = content.len() / 2;
        content[middle] ^= 1;
        std::fs::write(&object, content).unwrap();
        let done = place.danlu(&["verify", "usb"]);
        assert_eq!(done.code, 1);
        assert!(done.stdout.contains(kind) && done.stdout.contains("part of run p/r"), "{}", done.stdout);
    }
}

#[test]
fn a_changed_view_is_named() {
    let place = Place::new();
    let path = run(&place);
    let (old, new) = (b"SELECT r.step, r.time / 1e6, k.name", b"SELECT 99999, r.time / 1e6, k.name ");
    let mut content = std::fs::read(&path).unwrap();
    let places: Vec<usize> =
        (0..content.len() - old.len()).filter(|at| content[*at..].starts_with(old)).collect();
    assert!(!places.is_empty());
    for at in places {
        content[at..at + old.len()].copy_from_slice(new);
    }
    std::fs::write(&path, content).unwrap();
    let done = place.danlu(&["verify"]);
    assert!(done.code == 1 && done.stdout.contains("schema: "), "{}", done.stdout);
}

#[test]
fn no_flipped_bit_makes_a_run_lie() {
    let place = Place::new();
    let path = run(&place);
    let whole = std::fs::read(&path).unwrap();
    let read = |path: &Path| {
        let connection = danlu::store::open(path)?;
        let attempts = danlu::store::attempts(&connection)?;
        attempts
            .iter()
            .map(|attempt| danlu::store::records(&connection, attempt))
            .collect::<danlu::Result<Vec<_>>>()
    };
    let records = read(&path).unwrap();
    let (mut noticed, mut harmless) = (0, 0);
    // A prime stride visits every page at many offsets.
    for at in (0..whole.len()).step_by(251) {
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (at % 8);
        std::fs::write(&path, damaged).unwrap();
        match danlu::store::verify(&path) {
            Ok(report) if report.damage.is_empty() => {
                assert_eq!(
                    read(&path).unwrap(),
                    records,
                    "the flip at {at} changed what is read, and was not noticed"
                );
                harmless += 1;
            }
            _ => noticed += 1,
        }
    }
    assert!(noticed > 20 && harmless > 20, "{noticed} noticed, {harmless} harmless");
}

#[test]
fn a_run_file_cut_short_anywhere_is_noticed() {
    let place = Place::new();
    let path = run(&place);
    let whole = std::fs::read(&path).unwrap();
    for length in (0..whole.len()).step_by(4093) {
        std::fs::write(&path, &whole[..length]).unwrap();
        let noticed = danlu::store::verify(&path).map_or(true, |report| !report.damage.is_empty());
        assert!(noticed, "cut to {length} of {} bytes", whole.len());
    }
    let done = place.danlu(&["verify"]);
    assert_eq!(done.code, 1, "{}{}", done.stdout, done.stderr);
}

#[test]
fn what_no_attempt_accounts_for_is_noticed() {
    for stray in [
        "INSERT INTO setting VALUES ((5 << 40) + 1, 'config', 'lr', '9', 0)",
        "INSERT INTO event VALUES ((5 << 40) + 1, 0, 'end', '', '', '')",
        "INSERT INTO row VALUES (5000, 7, 0)",
        "INSERT INTO point VALUES (5000, 10, 0.5)",
        "DROP TRIGGER segment_delete; DELETE FROM segment",
        "DROP TRIGGER attempt_delete; DELETE FROM attempt",
    ] {
        let place = Place::new();
        let path = run(&place);
        rusqlite::Connection::open(&path).unwrap().execute_batch(stray).unwrap();
        let report = danlu::store::verify(&path).unwrap();
        assert!(report.damage.iter().any(|damage| damage.kind != "schema"), "{stray}: {:?}", report.damage);
    }
}

#[test]
fn keys_of_a_row_that_are_in_another_order_or_twice_are_named() {
    for change in ["(SELECT sum(id) FROM key) - key", "(SELECT min(id) FROM key)"] {
        let place = Place::new();
        let run = Run::builder("p").dir(place.path()).start().unwrap();
        run.log([("a", 1.0), ("b", 2.0)]);
        let path = run.path().to_owned();
        run.finish(0).unwrap();
        let damage = format!("DROP TRIGGER extent_update; UPDATE extent SET key = {change}");
        rusqlite::Connection::open(&path).unwrap().execute_batch(&damage).unwrap();
        let report = danlu::store::verify(&path).unwrap();
        let named = |text: &str| report.damage.iter().any(|damage| damage.message.contains(text));
        assert!(named("key 2 twice or out of order"), "{change}: {:?}", report.damage);
    }
}

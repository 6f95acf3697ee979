//! Sources with a broken tail lose only that, and with a damaged middle as little as the format allows.

use super::{Imported, Place, copy, import, sample};
use danlu::import::{EventReader, LogReader};
use std::path::{Path, PathBuf};

fn rich() -> (PathBuf, Vec<u8>) {
    let pattern = format!("{}/wandb/*rich0001/*.wandb", sample("wandb-0.19.11").display());
    let path = glob::glob(&pattern).unwrap().next().unwrap().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    (path, bytes)
}

/// Reads all records, and says how many are lost.
fn records(bytes: &[u8]) -> (Vec<Vec<u8>>, u64) {
    let mut reader = LogReader::new(bytes).unwrap();
    let mut records = Vec::new();
    while let Some(record) = reader.next().unwrap() {
        records.push(record.to_vec());
    }
    (records, reader.lost().values().sum())
}

fn events(bytes: &[u8]) -> (Vec<Vec<u8>>, u64) {
    let mut reader = EventReader::new(bytes);
    let mut events = Vec::new();
    while let Some(event) = reader.next().unwrap() {
        events.push(event.to_vec());
    }
    (events, reader.lost().values().sum())
}

/// Writes records as W&B does.
fn wandb_file(records: &[Vec<u8>]) -> Vec<u8> {
    wandb_file_with_ends(records).0
}

/// Also says how long the file is before the first record, and after each.
fn wandb_file_with_ends(records: &[Vec<u8>]) -> (Vec<u8>, Vec<usize>) {
    let mut ends = vec![7];
    let mut file = b":W&B\xe1\xbe\x00".to_vec();
    for record in records {
        let (mut rest, mut first) = (record.as_slice(), true);
        loop {
            let mut room = 32768 - file.len() % 32768;
            if room < 7 {
                file.extend(std::iter::repeat_n(0, room));
                room = 32768;
            }
            let (now, later) = rest.split_at(rest.len().min(room - 7));
            let kind = match (first, later.is_empty()) {
                (true, true) => 1u8,
                (true, false) => 2,
                (false, false) => 3,
                (false, true) => 4,
            };
            let mut data = vec![kind];
            data.extend(now);
            file.extend(crc32fast::hash(&data).to_le_bytes());
            file.extend(u16::try_from(now.len()).unwrap().to_le_bytes());
            file.extend(data);
            (rest, first) = (later, false);
            if rest.is_empty() {
                break;
            }
        }
        ends.push(file.len());
    }
    (file, ends)
}

/// Records of many sizes, some over several blocks.
fn many() -> Vec<Vec<u8>> {
    (0..200u32).map(|n| vec![n.to_le_bytes()[0]; usize::try_from(n * n * 7 % 90_000).unwrap()]).collect()
}

#[test]
fn records_over_several_blocks_are_put_together() {
    let file = wandb_file(&many());
    assert!(file.len() > 20 * 32768);
    assert_eq!(records(&file), (many(), 0));
}

#[test]
fn a_wandb_file_cut_at_any_byte_has_all_records_before_that() {
    let (_, bytes) = rich();
    let (all, lost) = records(&bytes);
    assert_eq!(lost, 0);
    let (again, ends) = wandb_file_with_ends(&all);
    assert_eq!(again, bytes);
    for cut in 7..bytes.len() {
        let (found, lost) = records(&bytes[..cut]);
        let whole = ends.iter().filter(|end| **end <= cut).count() - 1;
        assert_eq!(found, all[..whole], "cut at {cut}");
        assert_eq!(lost, u64::from(cut > ends[whole]), "cut at {cut}");
    }
}

#[test]
fn a_damaged_byte_costs_one_record_of_a_wandb_file() {
    let (_, bytes) = rich();
    let (all, _) = records(&bytes);
    for at in 7..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x41;
        let (found, lost) = records(&damaged);
        assert!(lost > 0, "byte {at}");
        // Where a length is damaged, the rest of the block cannot be found.
        let missing = all.iter().filter(|record| !found.contains(record)).count();
        assert!(missing >= 1);
        assert!(found.iter().all(|record| all.contains(record)));
    }
}

#[test]
fn a_damaged_block_costs_no_other_block() {
    let (all, (file, ends)) = (many(), wandb_file_with_ends(&many()));
    for block in 1..file.len() / 32768 {
        for fill in [0u8, 0xff] {
            let mut damaged = file.clone();
            damaged[block * 32768..(block + 1) * 32768].fill(fill);
            let (found, lost) = records(&damaged);
            assert!(lost > 0, "block {block}");
            let mut rest = all.iter();
            assert!(found.iter().all(|record| rest.any(|other| other == record)), "block {block}");
            let is_outside = |n: &usize| ends[n + 1] <= block * 32768 || ends[*n] >= (block + 1) * 32768;
            let outside = (0..all.len()).filter(is_outside).count();
            assert!(found.len() >= outside, "block {block}: {} of {outside}", found.len());
        }
    }
}

#[test]
fn an_event_file_cut_at_any_byte_has_all_events_before_that() {
    let path = glob::glob(&format!("{}/logs/lr0.1/*.0", sample("tensorboard-torch").display()))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let bytes = std::fs::read(path).unwrap();
    let (all, lost) = events(&bytes);
    assert_eq!(lost, 0);
    for cut in 0..bytes.len() {
        let (found, lost) = events(&bytes[..cut]);
        assert_eq!(found, all[..found.len()]);
        let end: usize = found.iter().map(|event| event.len() + 16).sum();
        assert_eq!(lost, u64::from(cut > end), "cut at {cut}");
    }
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x41;
        let (found, lost) = events(&damaged);
        assert!(lost > 0 && found.len() < all.len() && found.iter().all(|event| all.contains(event)));
    }
}

#[test]
fn a_run_whose_tail_is_broken_has_the_rest_and_says_so() {
    let (path, bytes) = rich();
    let place = Place::new();
    let name = path.parent().unwrap().file_name().unwrap();
    copy(path.parent().unwrap(), &place.join("w").join(name));
    std::fs::write(place.join("w").join(name).join(path.file_name().unwrap()), &bytes[..bytes.len() - 5])
        .unwrap();
    let outcome = import(&place, &place.join("w"), &[]);
    let run = Imported::of(&outcome, "lab/digits/rich0001", &place);
    assert_eq!(run.lost().into_iter().collect::<Vec<_>>(), [("the file ends within a record".to_owned(), 1)]);
    // What is cut is how it ended.
    assert_eq!(run.exit_code(), None);
    assert_eq!(run.rows("SELECT state FROM run"), [["unfinished"]]);
    let whole = import(&Place::new(), path.parent().unwrap(), &["--dry-run"]);
    assert_eq!(outcome["runs"][0]["rows"], whole["runs"][0]["rows"]);
    assert_eq!(place.json(&["show", "rich0001"])["losses"][0]["records"], 1);
}

#[test]
fn a_line_of_a_metric_that_is_cut_is_not_guessed() {
    let mut found = Vec::new();
    let lines = b"1000 0.5 1\n2000 nan 2\n3000 1e5\nnonsense\n\n4000 0.25 3 set abc\n5000 0.125 12";
    let lost = danlu::import::read_metrics(&lines[..], |_, point| {
        found.push((point.time, point.step, point.value));
        Ok(())
    });
    assert_eq!(lost.unwrap(), 2);
    assert_eq!(found.len(), 4);
    assert!(found[1].2.is_nan());
    assert_eq!(
        (found[0], found[2], found[3]),
        ((1_000_000, 1, 0.5), (3_000_000, 0, 1e5), (4_000_000, 3, 0.25))
    );
}

#[test]
fn one_broken_run_does_not_stop_the_others() {
    let place = Place::new();
    copy(&sample("wandb-0.19.11"), &place.join("w"));
    let broken = glob::glob(&format!("{}/**/run-failed01.wandb", place.join("w").display()))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    for damage in [&b""[..], b":W&B", b":W&B\xe1\xbe\x07rest", &[0; 4096]] {
        std::fs::write(&broken, damage).unwrap();
        let outcome = super::import_with_failures(&place, &place.join("w"));
        assert_eq!(outcome["runs"].as_array().unwrap().len(), 2, "{outcome}");
        assert!(outcome["runs"].as_array().unwrap().iter().all(|run| run["status"] != "failed"));
        assert_eq!(
            Path::new(outcome["left_out"][0]["path"].as_str().unwrap()).file_name(),
            broken.file_name()
        );
    }
}

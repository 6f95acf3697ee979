//! Journals with damage in the middle: what is behind it is never dropped without a word.

use crate::check::{count, runs};
use crate::process::{Process, Said};
use crate::strace::journal_of;
use crate::support::{Place, names};
use danlu::store::{JournalReader, Tail};
use std::path::{Path, PathBuf};

/// A run whose process was killed with all of its rows only in the journal.
fn killed(rows: u64) -> (Place, PathBuf, Said) {
    let place = Place::new();
    let mut process = Process::new(place.path());
    process.does("start 3600000");
    process.does("settle");
    process.does(&format!("log {rows}"));
    let said = process.kill();
    let journal = journal_of(said.run_file.as_ref().unwrap());
    (place, journal, said)
}

fn tail(journal: &Path) -> (u64, Tail) {
    let mut reader = JournalReader::open(journal).unwrap();
    while reader.read().unwrap().is_some() {}
    (reader.seq(), reader.tail().unwrap())
}

fn change(journal: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(journal).unwrap();
    change(&mut bytes);
    std::fs::write(journal, bytes).unwrap();
}

#[test]
fn rows_behind_a_damaged_one_are_saved_and_the_journal_is_kept() {
    let (place, journal, said) = killed(100);
    change(&journal, |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    });
    let looked = place.danlu(&["ls"]);
    assert!(looked.stderr.contains("The journal is damaged at byte"), "{}", looked.stderr);
    let kept: Vec<String> =
        names(&place.join("wandb")).into_iter().filter(|name| name.ends_with(".journal.damaged")).collect();
    assert_eq!(kept.len(), 1, "the journal is kept");
    let verified = place.danlu(&["verify"]);
    assert_eq!(verified.code, 0, "{}", verified.stdout);
    assert!(verified.stdout.contains("it is incomplete: 1 lost"), "{}", verified.stdout);
    assert_eq!(count(said.run_file.as_ref().unwrap()), 99);
}

#[test]
fn a_record_cut_short_by_a_kill_is_no_damage_and_one_with_a_wrong_length_is() {
    let (_place, journal, _) = killed(20);
    let whole = std::fs::read(&journal).unwrap();
    let (records, clean) = tail(&journal);
    assert_eq!(clean, Tail::Clean);
    for cut in 1..30 {
        std::fs::write(&journal, &whole[..whole.len() - cut]).unwrap();
        let (_, tail) = tail(&journal);
        assert!(matches!(tail, Tail::Torn(_) | Tail::Clean), "cut by {cut}: {tail:?}");
    }
    // Zeros are what some file systems put where a power cut kept data from arriving.
    std::fs::write(&journal, [&whole[..], &[0; 5000]].concat()).unwrap();
    assert_eq!(tail(&journal), (records, Tail::Torn(whole.len() as u64)));
    // The length of the third record says more than there is: everything behind it looks like the rest of one record.
    std::fs::write(&journal, &whole).unwrap();
    let mut reader = JournalReader::open(&journal).unwrap();
    let first = u32::from_le_bytes(whole[32..36].try_into().unwrap()) as usize;
    reader.read().unwrap();
    change(&journal, |bytes| bytes[32 + 8 + first + 2] ^= 1);
    assert_eq!(tail(&journal), (1, Tail::Damaged(32 + 8 + first as u64)));
}

#[test]
fn a_writer_whose_journal_is_overwritten_says_so_and_does_not_call_it_a_success() {
    let place = Place::new();
    let mut process = Process::new(place.path());
    process.does("start 20");
    process.does("log 10");
    process.does("settle");
    let journal = journal_of(process.said.run_file.as_ref().unwrap());
    let length = journal.metadata().unwrap().len();
    // Zeros over what is not yet written: its next rows come after them.
    std::fs::OpenOptions::new().write(true).open(&journal).unwrap().set_len(length + 100).unwrap();
    process.does("log 10");
    process.warns("The journal `");
    let why = process.fails("finish");
    assert!(why.contains("records that were written"), "{why}");
    let said = process.end().1;
    assert!(said.warnings[0].contains("is damaged after record"), "{:?}", said.warnings);
    assert!(journal.exists(), "the journal is kept");
    assert!(place.danlu(&["ls"]).stderr.contains("The journal is damaged"));
    assert_eq!(runs(&place).len(), 1);
}

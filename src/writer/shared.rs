//! The appending side of a run: its journal, its keys, and what could not be stored. Both threads hold it.

use super::fork;
use super::metrics::Metrics;
use super::rows::OF_ROWS;
use super::turns::{Turn, Turns};
use super::warnings::{Sink, Warnings};
use crate::model::{Clock, Error, ErrorKind, Event, EventKind, Record, Result, Value, limits};
use crate::store::{self, Journal, JournalSync};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLockReadGuard};

/// What the training thread and the background thread share.
pub(super) struct Shared {
    log: Mutex<Log>,
    /// Held by whoever has the run file open, so that the two threads do not wait for each other inside SQLite.
    database: Turns,
    /// Held by whoever makes the journal durable; logging goes on meanwhile.
    syncer: Mutex<JournalSync>,
    /// Held by whoever stores files.
    saving: Mutex<()>,
    pub(super) run_file: PathBuf,
    pub(super) journal: PathBuf,
    pub(super) warnings: Warnings,
    pub(super) clock: Arc<dyn Clock>,
}

/// The appending side.
pub(super) struct Log {
    pub(super) journal: Journal,
    keys: HashMap<Box<str>, u64>,
    /// Those of system metrics, which have names of their own.
    pub(super) system_keys: HashMap<Box<str>, u64>,
    /// The keys of the last row in its order: the next row most likely has the same.
    shape: Vec<(Box<str>, u64)>,
    /// The values of the last row; kept for their memory.
    values: Vec<(u64, Value)>,
    pub(super) step: i64,
    /// How many rows were appended, and the highest of their steps.
    pub(super) rows: u64,
    pub(super) highest_step: Option<i64>,
    pub(super) lost: u64,
    unreported: u64,
    pub(super) finished: bool,
    /// What is defined of keys.
    pub(super) metrics: Metrics,
}

impl Log {
    /// Returns an empty row, for [`Shared::append_row`].
    pub(super) fn take_row(&mut self) -> Vec<(u64, Value)> {
        std::mem::take(&mut self.values)
    }

    /// Takes an empty row back, for its memory.
    pub(super) fn put_row(&mut self, row: Vec<(u64, Value)>) {
        self.values = row;
    }

    /// Returns the number of a key that was logged.
    pub(super) fn known_key(&self, name: &str) -> Option<u64> {
        self.keys.get(name).copied()
    }

    /// Lists the keys that were logged.
    pub(super) fn known_keys(&self) -> impl Iterator<Item = (&str, u64)> {
        let keys = self.keys.iter().map(|(name, key)| (&**name, *key));
        keys.filter(|(_, key)| *key < OF_ROWS[0].1)
    }

    /// Returns the name of a key.
    pub(super) fn name_of(&self, key: u64) -> &str {
        self.keys.iter().find_map(|(name, seq)| (*seq == key).then_some(&**name)).unwrap_or_default()
    }
}

impl Shared {
    /// Starts to append to a journal that has its start record.
    pub(super) fn new(
        run_file: PathBuf,
        (journal, path): (Journal, PathBuf),
        syncer: JournalSync,
        clock: Arc<dyn Clock>,
        warn: Sink,
    ) -> Self {
        let log = Log {
            journal,
            system_keys: HashMap::new(),
            keys: OF_ROWS.iter().map(|(name, key)| ((*name).into(), *key)).collect(),
            shape: Vec::new(),
            values: Vec::new(),
            step: 0,
            rows: 0,
            highest_step: None,
            lost: 0,
            unreported: 0,
            finished: false,
            metrics: Metrics::default(),
        };
        let warnings = Warnings::new(warn);
        Self {
            log: Mutex::new(log),
            database: Turns::default(),
            syncer: Mutex::new(syncer),
            saving: Mutex::default(),
            run_file,
            journal: path,
            warnings,
            clock,
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the other threads to be done with the run file, and keeps them and forks away.
    pub(super) fn lock_database(&self) -> (Turn<'_>, RwLockReadGuard<'static, ()>) {
        (self.database.take(), fork::use_database())
    }

    /// Waits for the other threads to be done with storing files. Taken before the turn at the database.
    pub(super) fn lock_saving(&self) -> MutexGuard<'_, ()> {
        self.saving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns how many bytes of the journal are written.
    pub(super) fn written(&self) -> u64 {
        self.lock().journal.length()
    }

    /// Makes the first `written` bytes of the journal durable.
    pub(super) fn sync(&self, written: u64) -> Result<()> {
        self.lock_syncer().sync(written)
    }

    pub(super) fn lock_syncer(&self) -> MutexGuard<'_, JournalSync> {
        self.syncer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Builds the run file anew from its journal if an error says that it is damaged, or if it is gone. Says whether it did.
    pub(super) fn mend(&self, error: &Error) -> bool {
        let needed = error.kind() == ErrorKind::Damaged || !self.run_file.exists();
        // In a directory that somebody has put in the place of ours, nothing is made.
        if !needed || !self.lock().journal.is_in_place() {
            return false;
        }
        let _database = self.lock_database();
        let run_file = self.run_file.display();
        let mended = store::rebuild(&self.run_file);
        self.warnings.once("mend", || match &mended {
            Ok(()) => {
                format!("The run file `{run_file}` was damaged or gone; it is built anew from its journal")
            }
            Err(e) => format!("The run file `{run_file}` is damaged and cannot be built anew yet: {e}"),
        });
        mended.is_ok()
    }

    /// Finds the sequence number of a key, introducing its name when it is new. `place` is where in the row it
    /// stands: most rows have the keys of the row before.
    pub(super) fn find_key(&self, log: &mut Log, place: usize, name: &str) -> Option<u64> {
        if let Some((known, key)) = log.shape.get(place)
            && **known == *name
        {
            return Some(*key);
        }
        let key = match log.keys.get(name) {
            Some(key) => *key,
            None => {
                if let Some(problem) = problem_of(name, None) {
                    self.lose(log, &format!("A value of `{}` is not stored: {problem}", shown(name)));
                    return None;
                }
                let key = self.append(log, &Record::Key { name: name.to_owned(), system: false })?;
                log.keys.insert(name.into(), key);
                if let Some(expanded) = log.metrics.introduce(key, name) {
                    self.write_definitions(log, [expanded]);
                }
                key
            }
        };
        if place <= log.shape.len() {
            log.shape.truncate(place);
            log.shape.push((name.into(), key));
        }
        Some(key)
    }

    /// Appends a record and returns its sequence number, or counts it as lost. What was lost before is written into the run
    /// after the first record that fits again: a smaller one may fit while rows do not.
    pub(super) fn append(&self, log: &mut Log, record: &Record) -> Option<u64> {
        match log.journal.append(record) {
            Ok(seq) => {
                self.report_lost(log);
                Some(seq)
            }
            Err(e) => {
                log.lost += 1;
                log.unreported += 1;
                self.warnings.once("append", || {
                    format!("{e}; training goes on, and what cannot be stored is counted")
                });
                None
            }
        }
    }

    pub(super) fn lose(&self, log: &mut Log, why: &str) {
        log.lost += 1;
        log.unreported += 1;
        self.warnings.once(why, || why.to_owned());
    }

    /// Appends the record that ends the run, after what was lost and could not be said yet.
    pub(super) fn append_end(&self, log: &mut Log, end: Event) -> bool {
        self.report_lost(log);
        self.append(log, &Record::Event(end)).is_some()
    }

    /// Writes into the run how much of it is missing, if anything is.
    fn report_lost(&self, log: &mut Log) {
        if log.unreported == 0 {
            return;
        }
        let data = format!("{{\"records\":{}}}", log.unreported);
        let text = "could not be stored".to_owned();
        let event = Event { time: self.clock.now(), kind: EventKind::Lost, name: String::new(), text, data };
        if log.journal.append(&Record::Event(event)).is_ok() {
            log.unreported = 0;
            self.warnings.over("append");
        }
    }
}

pub(super) fn problem_of(key: &str, value: Option<&Value>) -> Option<String> {
    if key.is_empty() {
        return Some("its name is empty".to_owned());
    }
    if key.len() > limits::KEY_BYTES {
        return Some(format!("its name has {} bytes, at most {} can be", key.len(), limits::KEY_BYTES));
    }
    value.and_then(Value::problem)
}

/// A key as it can be shown in a message: no control characters, not endless.
pub(super) fn shown(key: &str) -> String {
    key.chars().take(80).collect::<String>().escape_debug().to_string()
}

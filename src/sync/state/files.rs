//! How run files were when they were last read.

use super::State;
use crate::model::{AttemptId, Error, Hash, Result};
use rusqlite::params;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What changes when a file does: its size, the time of its last change, and its inode; of a run file also when its
/// journals do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stamp(pub [u8; 32]);

impl Stamp {
    /// Looks at a file, without opening it.
    ///
    /// # Errors
    /// It is not there.
    pub fn of(path: &Path) -> Result<Self> {
        let metadata = path.metadata().map_err(|e| Error::io("look at", path, e))?;
        let mut stamp = [0; 32];
        let numbers = [
            metadata.len(),
            metadata.mtime().cast_unsigned(),
            metadata.mtime_nsec().cast_unsigned(),
            metadata.ino(),
        ];
        for (place, number) in stamp.chunks_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        Ok(Self(stamp))
    }

    /// Looks at a run file and the journals beside it: they may have what the file has not.
    ///
    /// # Errors
    /// The run file is not there.
    pub fn of_run(path: &Path, journals: &[PathBuf]) -> Result<Self> {
        let file = Self::of(path)?;
        let mut beside: Vec<[u8; 32]> =
            journals.iter().filter_map(|journal| Some(Self::of(journal).ok()?.0)).collect();
        if beside.is_empty() {
            return Ok(file);
        }
        beside.sort_unstable();
        beside.push(file.0);
        Ok(Self(Hash::of(beside.as_flattened()).0))
    }

    /// Returns a number that changes with it.
    pub fn number(self) -> u64 {
        let hash = Hash::of(&self.0);
        hash.0.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

/// A run file as it was read.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// How the file was.
    pub stamp: Stamp,
    /// The team or user.
    pub entity: String,
    /// The project.
    pub project: String,
    /// The run id; of a file that cannot be read, its name.
    pub id: String,
    /// The hash of the run's key.
    pub key: Option<Hash>,
    /// The digest of the run.
    pub digest: Option<Hash>,
    /// How many records it has.
    pub records: u64,
    /// What of its files was selected.
    pub selection: String,
    /// What was to be pushed: [`super::super::plan::Local::content`].
    pub content: Option<Hash>,
    /// How it was: [`super::super::plan::Local::condition`].
    pub condition: Option<Hash>,
    /// A number of the attempt that begins a run in it, unless it goes on with one.
    pub begins: Option<i64>,
    /// Why it cannot be read.
    pub error: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// The danlu that has read it.
    pub version: String,
}

/// Returns a number of an attempt; not that of an earlier danlu, which was the same for all.
pub(in crate::sync) fn number_of(attempt: AttemptId) -> i64 {
    let number = attempt.0.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte));
    number.cast_signed() | 2
}

impl State {
    /// Returns all run files that were read, by their names.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn facts(&self) -> Result<BTreeMap<String, Facts>> {
        let connection = self.lock();
        let mut statement = connection.prepare(
            "SELECT path, stamp, entity, project, id, key, digest, records, selection, content, condition, begins, error, hint, version
             FROM run",
        )?;
        let hash =
            |row: &rusqlite::Row<'_>, n| row.get::<_, Option<[u8; 32]>>(n).map(|found| found.map(Hash));
        let rows = statement.query_map([], |row| {
            let facts = Facts {
                stamp: Stamp(row.get(1)?),
                entity: row.get(2)?,
                project: row.get(3)?,
                id: row.get(4)?,
                key: hash(row, 5)?,
                digest: hash(row, 6)?,
                records: row.get::<_, i64>(7)?.cast_unsigned(),
                selection: row.get(8)?,
                content: hash(row, 9)?,
                condition: hash(row, 10)?,
                begins: Some(row.get(11)?).filter(|number| *number != 0),
                error: row.get(12)?,
                hint: row.get(13)?,
                version: row.get(14)?,
            };
            Ok((row.get(0)?, facts))
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Writes down how run files are.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn learn_files<'a>(&self, all: impl IntoIterator<Item = (&'a str, &'a Facts)>) -> Result<()> {
        let mut connection = self.lock();
        let tx = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        for (path, facts) in all {
            tx.prepare_cached(
                "INSERT OR REPLACE INTO run VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                path,
                facts.stamp.0,
                facts.entity,
                facts.project,
                facts.id,
                facts.key.map(|hash| hash.0),
                facts.digest.map(|hash| hash.0),
                facts.records.cast_signed(),
                facts.selection,
                facts.content.map(|hash| hash.0),
                facts.condition.map(|hash| hash.0),
                facts.begins.unwrap_or(0),
                facts.error,
                facts.hint,
                facts.version
            ])?;
        }
        Ok(tx.commit()?)
    }
}

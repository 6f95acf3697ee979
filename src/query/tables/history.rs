//! The history of one run file, a piece at a time.

use super::bounds::{Share, weight};
use crate::model::Result;
use crate::store;
use rusqlite::Connection;
use rusqlite::types::Value;
use std::collections::VecDeque;
use std::path::Path;

/// Extents that are known at once.
const EXTENTS: i64 = 64;

/// Points of a piece, and bytes after which it ends.
const POINTS: usize = 512;
const BYTES: usize = 256 << 10;

/// A run file whose history is being read.
pub(super) struct History {
    file: Connection,
    run: String,
    /// The key of each attempt that is still to come, if it is of one name only.
    keys: Option<VecDeque<i64>>,
    /// The record after which the history counts.
    after: i64,
    /// The point that the next extents begin at.
    next: i64,
    extents: VecDeque<Extent>,
}

/// Where points are, from the next one on, and of which key and rank.
struct Extent {
    first: i64,
    last: i64,
    key: String,
    rank: Option<u32>,
}

impl History {
    /// Opens a file of a run, to read all of its history or one key of it.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn open(path: &Path, run: String, key: Option<&str>, share: &Share) -> Result<Self> {
        let file = share.bounds().open(path)?;
        let keys = key
            .map(|key| store::points::keys_of(&file, key))
            .transpose()
            .map_err(|e| e.doing("read", path))?;
        let after = store::counts_from(&file)?;
        Ok(Self { file, run, keys: keys.map(Into::into), after, next: 0, extents: VecDeque::new() })
    }

    /// Reads some rows; none after the last.
    ///
    /// # Errors
    /// The file cannot be read, or there is no room for them.
    pub(super) fn piece(&mut self, share: &mut Share) -> Result<VecDeque<Vec<Value>>> {
        let mut rows = VecDeque::new();
        while rows.is_empty() && (!self.extents.is_empty() || self.find_extents()?) {
            self.read(&mut rows, share)?;
        }
        Ok(rows)
    }

    /// Reads from the first extent, which goes when there is no more in it.
    fn read(&mut self, rows: &mut VecDeque<Vec<Value>>, share: &mut Share) -> Result<()> {
        let Some(extent) = self.extents.front_mut() else { return Ok(()) };
        let mut statement = self.file.prepare_cached(
            "SELECT p.id, r.step, r.time / 1e6, p.value FROM point AS p CROSS JOIN row AS r ON r.id = p.row
             WHERE p.id BETWEEN ? AND ? ORDER BY p.id",
        )?;
        let mut points = statement.query([extent.first, extent.last])?;
        let mut bytes = 0;
        while let Some(point) = points.next()? {
            let (run, key) = (self.run.clone().into(), extent.key.clone().into());
            let row = vec![run, point.get(1)?, point.get(2)?, key, point.get(3)?, extent.rank.into()];
            share.take(&row)?;
            bytes += row.iter().map(weight).sum::<usize>();
            rows.push_back(row);
            extent.first = point.get::<_, i64>(0)? + 1;
            if rows.len() >= POINTS || bytes >= BYTES {
                return Ok(());
            }
        }
        self.extents.pop_front();
        Ok(())
    }

    /// Finds the next extents, and says whether there are any.
    fn find_extents(&mut self) -> Result<bool> {
        while self.extents.is_empty() {
            let key = match &self.keys {
                None => None,
                Some(keys) => match keys.front() {
                    Some(key) => Some(*key),
                    None => return Ok(false),
                },
            };
            let of_key = if key.is_some() { "e.key = ?4" } else { "?4 IS NULL" };
            let mut statement = self.file.prepare_cached(&format!(
                "SELECT e.first, e.last, k.name, a.rank FROM extent AS e CROSS JOIN key AS k ON k.id = e.key
                 CROSS JOIN attempt AS a ON a.id = (k.id >> 40 << 40) + 1
                 WHERE {of_key} AND e.first >= ?1 AND k.system = 0 AND k.id > ?2 ORDER BY e.first LIMIT ?3"
            ))?;
            let found = statement.query_map((self.next, self.after, EXTENTS, key), |row| {
                Ok(Extent { first: row.get(0)?, last: row.get(1)?, key: row.get(2)?, rank: row.get(3)? })
            })?;
            self.extents = found.collect::<rusqlite::Result<_>>()?;
            match (self.extents.back(), &mut self.keys) {
                (Some(last), _) => self.next = last.last + 1,
                (None, None) => return Ok(false),
                (None, Some(keys)) => {
                    keys.pop_front();
                    self.next = 0;
                }
            }
        }
        Ok(true)
    }
}

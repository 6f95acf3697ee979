//! Which runs name an object: what nobody names can go, and who may see none of them may not read it.

use super::{Catalogue, Who};
use crate::model::{Hash, Result};
use crate::remote::{Object, SizedHash};
use crate::server::database::{Cell, Session, cells};
use std::collections::BTreeSet;

/// The kind of contents that a run names and that were left out of its push.
pub(super) const LEFT_OUT: i64 = 2;

pub(super) fn kind_of(object: Object) -> i64 {
    match object {
        Object::Segment(_) => 0,
        Object::Blob(_) => 1,
    }
}

/// Writes down that a run names these objects, with the lengths of their contents, and no others; and which contents were left
/// out.
pub(super) fn put(
    session: &mut dyn Session,
    run: Hash,
    objects: &[(Object, u64)],
    left_out: &[SizedHash],
) -> Result<()> {
    let known = session.query("SELECT object, kind FROM reference WHERE run = ?1", cells![run])?;
    let known = known.iter().map(|row| Ok((row.get(0)?, row.get(1)?)));
    let mut gone: BTreeSet<(Hash, i64)> = known.collect::<Result<_>>()?;
    let mut rows: Vec<[Cell; 4]> = Vec::new();
    let held = objects.iter().map(|(object, size)| (kind_of(*object), object.hash(), *size));
    let left_out = left_out.iter().map(|blob| (LEFT_OUT, blob.sha256, blob.size));
    let mut sorted: Vec<(i64, Hash, u64)> = held.chain(left_out).collect();
    sorted.sort_unstable();
    for (kind, hash, size) in sorted {
        if !gone.remove(&(hash, kind)) {
            rows.push([hash.into(), kind.into(), run.into(), size.into()]);
        }
    }
    for (object, kind) in gone {
        let sql = "DELETE FROM reference WHERE object = ?1 AND kind = ?2 AND run = ?3";
        session.execute(sql, cells![object, kind, run])?;
    }
    session.insert("reference", &rows)
}

impl Catalogue {
    /// Returns the length of an object if somebody may see a run that names it.
    ///
    /// # Errors
    /// The database cannot be used.
    pub(in crate::server) fn size_for(&self, who: &Who, object: Object) -> Result<Option<u64>> {
        self.size_of(who, object.hash(), kind_of(object))
    }

    /// Returns those of some objects that no run names.
    ///
    /// # Errors
    /// The database cannot be used.
    pub(in crate::server) fn named_by_none(&self, objects: Vec<Object>) -> Result<Vec<Object>> {
        let sql = "SELECT run FROM reference WHERE object = ?1 AND kind = ?2 LIMIT 1";
        let mut free = Vec::new();
        for object in objects {
            let named = self.database.row(sql, cells![object.hash(), kind_of(object)])?;
            free.extend(named.is_none().then_some(object));
        }
        Ok(free)
    }

    /// Says whether a content was left out of the push of a run that somebody may see.
    ///
    /// # Errors
    /// The database cannot be used.
    pub(in crate::server) fn is_left_out(&self, who: &Who, blob: Hash) -> Result<bool> {
        Ok(self.size_of(who, blob, LEFT_OUT)?.is_some())
    }

    fn size_of(&self, who: &Who, hash: Hash, kind: i64) -> Result<Option<u64>> {
        let rows = self.database.query(
            "SELECT DISTINCT r.entity, r.project, o.size FROM reference AS o JOIN run AS r ON r.key = o.run
             WHERE o.object = ?1 AND o.kind = ?2 AND r.removed IS NULL",
            cells![hash, kind],
        )?;
        for row in rows {
            if who.may(super::Scope::Read, &row.get::<String>(0)?, &row.get::<String>(1)?).is_ok() {
                return Ok(Some(row.get::<i64>(2)?.cast_unsigned()));
            }
        }
        Ok(None)
    }
}

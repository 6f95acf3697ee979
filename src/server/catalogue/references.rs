//! Which runs name an object: what nobody names can go, and who may see none of them may not read it.

use super::runs::insert;
use super::{Catalogue, Who};
use crate::model::{Hash, Result};
use crate::remote::Object;
use crate::server::database::{Cell, Session, cells};
use std::collections::BTreeSet;

fn kind_of(object: Object) -> i64 {
    match object {
        Object::Segment(_) => 0,
        Object::Blob(_) => 1,
    }
}

/// Writes down that a run names these objects, with the lengths of their contents, and no others.
pub(super) fn put(session: &mut dyn Session, run: Hash, objects: &[(Object, u64)]) -> Result<()> {
    let known = session.query("SELECT object, kind FROM reference WHERE run = ?1", cells![run])?;
    let known = known.iter().map(|row| Ok((row.get(0)?, row.get(1)?)));
    let mut gone: BTreeSet<(Hash, i64)> = known.collect::<Result<_>>()?;
    let mut rows: Vec<[Cell; 4]> = Vec::new();
    let mut sorted = objects.to_vec();
    sorted.sort_unstable();
    for (object, size) in sorted {
        let (hash, kind) = (object.hash(), kind_of(object));
        if !gone.remove(&(hash, kind)) {
            rows.push([hash.into(), kind.into(), run.into(), size.into()]);
        }
    }
    for (object, kind) in gone {
        let sql = "DELETE FROM reference WHERE object = ?1 AND kind = ?2 AND run = ?3";
        session.execute(sql, cells![object, kind, run])?;
    }
    insert(session, "reference", &rows)
}

impl Catalogue {
    /// Returns the length of an object if somebody may see a run that names it.
    ///
    /// # Errors
    /// The database cannot be used.
    pub(in crate::server) fn size_for(&self, who: &Who, object: Object) -> Result<Option<u64>> {
        let rows = self.database.query(
            "SELECT DISTINCT r.entity, r.project, o.size FROM reference AS o JOIN run AS r ON r.key = o.run
             WHERE o.object = ?1 AND o.kind = ?2 AND r.removed IS NULL",
            cells![object.hash(), kind_of(object)],
        )?;
        for row in rows {
            if who.may(super::Scope::Read, &row.get::<String>(0)?, &row.get::<String>(1)?).is_ok() {
                return Ok(Some(row.get::<i64>(2)?.cast_unsigned()));
            }
        }
        Ok(None)
    }
}

//! Which runs name an object: what nobody names can go, and who may see none of them may not read it.

use super::runs::insert;
use super::{Catalogue, Who};
use crate::model::{Hash, Result};
use crate::remote::Object;
use crate::server::database::{Cell, Session, cells};

fn kind_of(object: Object) -> i64 {
    match object {
        Object::Segment(_) => 0,
        Object::Blob(_) => 1,
    }
}

/// Writes down that a run names these objects and no others.
pub(super) fn put(session: &mut dyn Session, run: Hash, objects: &[Object]) -> Result<()> {
    let known = session.query("SELECT object, kind FROM reference WHERE run = ?1", cells![run])?;
    let known = known.iter().map(|row| Ok((row.get(0)?, row.get(1)?)));
    let known: std::collections::HashSet<(Hash, i64)> = known.collect::<Result<_>>()?;
    let named = objects.iter().map(|object| (object.hash(), kind_of(*object)));
    let named: std::collections::HashSet<(Hash, i64)> = named.collect();
    for (object, kind) in known.difference(&named) {
        let sql = "DELETE FROM reference WHERE object = ?1 AND kind = ?2 AND run = ?3";
        session.execute(sql, cells![*object, *kind, run])?;
    }
    let mut new: Vec<_> = named.difference(&known).collect();
    new.sort_unstable();
    let rows: Vec<[Cell; 3]> =
        new.into_iter().map(|(object, kind)| [(*object).into(), (*kind).into(), run.into()]).collect();
    insert(session, "reference", &rows)
}

impl Catalogue {
    /// Says whether somebody may see a run that names an object.
    ///
    /// # Errors
    /// The database cannot be used.
    pub(in crate::server) fn may_read(&self, who: &Who, object: Object) -> Result<bool> {
        let rows = self.database.query(
            "SELECT DISTINCT r.entity, r.project FROM reference AS o JOIN run AS r ON r.key = o.run
             WHERE o.object = ?1 AND o.kind = ?2 AND r.removed IS NULL",
            cells![object.hash(), kind_of(object)],
        )?;
        for row in rows {
            if who.may(super::Scope::Read, &row.get::<String>(0)?, &row.get::<String>(1)?).is_ok() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

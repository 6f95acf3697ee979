//! Which key has sent which object: whoever names one in a run has to have had it, and not only its hash.

use super::references::{LEFT_OUT, kind_of};
use super::{Catalogue, Scope, Who};
use crate::model::{Hash, Result};
use crate::remote::Object;
use crate::server::database::{Cell, Database, Dialect, cells};
use sha2::digest::common::hazmat::SerializableState;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// What is asked for at once.
const AT_ONCE: usize = 400;

const TABLE: &str = "
CREATE TABLE IF NOT EXISTS proof (
    api_key $TEXT NOT NULL,         -- the id of the key that sent it
    object  $BYTES NOT NULL,
    kind    $INT NOT NULL,          -- as in `reference`
    sent    $INT NOT NULL,          -- of a blob that is sent in parts: how many bytes so far
    parts   $BYTES,                 -- and the state of their SHA-256; nothing once it is sent
    time    $INT NOT NULL,
    PRIMARY KEY (api_key, object, kind)
) $END;
CREATE INDEX IF NOT EXISTS proof_time ON proof (time);
";

/// Makes the table, also in a catalogue that is older than it.
pub(super) fn prepare(database: &dyn Database) -> Result<()> {
    let table = database.dialect().schema(TABLE);
    database.writing(|session| {
        if session.dialect() == Dialect::Postgres {
            // Several servers may start at once.
            session.batch("SELECT pg_advisory_xact_lock(7236838)")?;
        }
        session.batch(&table)
    })
}

impl Catalogue {
    /// Notes that somebody has sent the whole of each of these objects.
    ///
    /// # Errors
    /// The database cannot be used.
    pub(in crate::server) fn prove(&self, who: &Who, objects: &[Object], now: i64) -> Result<()> {
        self.database.writing(|session| {
            for some in objects.chunks(64) {
                let mut values: Vec<Cell> = vec![who.key.as_str().into(), now.into()];
                let mut rows = Vec::new();
                for object in some.iter().collect::<BTreeSet<_>>() {
                    rows.push(format!("(?1, ?{}, {}, 0, ?2)", values.len() + 1, kind_of(*object)));
                    values.push(object.hash().into());
                }
                let sql = format!(
                    "INSERT INTO proof (api_key, object, kind, sent, time) VALUES {}
                     ON CONFLICT (api_key, object, kind)
                     DO UPDATE SET sent = 0, parts = NULL, time = excluded.time",
                    rows.join(",")
                );
                session.execute(&sql, &values)?;
            }
            Ok(())
        })
    }

    /// Returns how many bytes of a blob somebody has sent in parts, with the hash of them. Of one that they have sent there is
    /// none.
    ///
    /// # Errors
    /// The database cannot be used.
    pub(in crate::server) fn sent_parts(&self, who: &Who, blob: Hash) -> Result<(u64, Sha256)> {
        let sql = "SELECT sent, parts FROM proof
                   WHERE api_key = ?1 AND object = ?2 AND kind = 1 AND parts IS NOT NULL";
        let row = self.database.row(sql, cells![&who.key, blob])?;
        let Some(row) = row else { return Ok((0, Sha256::new())) };
        // One that an older danlu has noted is another kind of state: then it has to be sent again.
        let state = row.get::<Vec<u8>>(1)?;
        let hash = state.as_slice().try_into().ok().and_then(|state| Sha256::deserialize(state).ok());
        Ok(match hash {
            Some(hash) => (row.get::<i64>(0)?.cast_unsigned(), hash),
            None => (0, Sha256::new()),
        })
    }

    /// Notes how many bytes of a blob somebody has sent in parts, and the hash of them. As the parts themselves, that lasts
    /// beyond a crash of the server, and not of the machine.
    ///
    /// # Errors
    /// The database cannot be used.
    pub(in crate::server) fn note_parts(
        &self,
        who: &Who,
        blob: Hash,
        (sent, hash): (u64, &Sha256),
        now: i64,
    ) -> Result<()> {
        let sql =
            "INSERT INTO proof (api_key, object, kind, sent, parts, time) VALUES (?1, ?2, 1, ?3, ?4, ?5)
                   ON CONFLICT (api_key, object, kind)
                   DO UPDATE SET sent = excluded.sent, parts = excluded.parts, time = excluded.time";
        self.database.jot(sql, cells![&who.key, blob, sent, hash.serialize().to_vec(), now])
    }

    /// Forgets that somebody has sent parts of a blob: they were not its own.
    ///
    /// # Errors
    /// The database cannot be used.
    pub(in crate::server) fn forget_parts(&self, who: &Who, blob: Hash) -> Result<()> {
        let sql = "DELETE FROM proof WHERE api_key = ?1 AND object = ?2 AND kind = 1";
        self.database.execute(sql, cells![&who.key, blob]).map(|_| ())
    }

    /// Returns those of some objects that somebody has not sent and that no run names which they may see.
    ///
    /// # Errors
    /// The database cannot be used.
    pub(in crate::server) fn unproved(&self, who: &Who, objects: &[Object]) -> Result<BTreeSet<Object>> {
        let mut left: BTreeSet<Object> = objects.iter().copied().collect();
        for some in objects.chunks(AT_ONCE) {
            let mut values: Vec<Cell> = some.iter().map(|object| object.hash().into()).collect();
            let names: Vec<String> = (1..=values.len()).map(|n| format!("?{n}")).collect();
            let names = names.join(",");
            let seen = format!(
                "SELECT DISTINCT o.object, o.kind, r.entity, r.project FROM reference AS o
                 JOIN run AS r ON r.key = o.run
                 WHERE o.object IN ({names}) AND o.kind <> {LEFT_OUT} AND r.removed IS NULL"
            );
            for row in self.database.query(&seen, &values)? {
                if who.may(Scope::Read, &row.get::<String>(2)?, &row.get::<String>(3)?).is_ok() {
                    left.remove(&object(row.get(0)?, row.get(1)?));
                }
            }
            values.push(who.key.as_str().into());
            let sent = format!(
                "SELECT object, kind FROM proof WHERE api_key = ?{} AND parts IS NULL AND object IN ({names})",
                values.len()
            );
            for row in self.database.query(&sent, &values)? {
                left.remove(&object(row.get(0)?, row.get(1)?));
            }
        }
        Ok(left)
    }

    /// Forgets who sent what before a time. By then a run names it, or it has to be sent again.
    ///
    /// # Errors
    /// The database cannot be used.
    pub(in crate::server) fn forget_proofs(&self, before: i64) -> Result<()> {
        self.database.execute("DELETE FROM proof WHERE time < ?1", cells![before]).map(|_| ())
    }
}

fn object(hash: Hash, is_blob: bool) -> Object {
    if is_blob { Object::Blob(hash) } else { Object::Segment(hash) }
}

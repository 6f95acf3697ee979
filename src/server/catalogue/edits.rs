//! What people say about runs: it lies over what the runs say, and changes nothing of them.

use super::{Catalogue, EventKind, Listed, Own, events};
use crate::model::{Error, ErrorKind, Hash, Result};
use crate::server::database::{Session, cells};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// What is to be changed; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::server) struct Edit {
    /// The display name.
    pub(in crate::server) name: Option<String>,
    /// The group.
    pub(in crate::server) group: Option<String>,
    /// Notes.
    pub(in crate::server) notes: Option<String>,
    /// Tags, all of them.
    pub(in crate::server) tags: Option<Vec<String>>,
    /// Whether it is put away.
    pub(in crate::server) archived: Option<bool>,
}

impl Edit {
    fn values(&self) -> Vec<(&'static str, Value)> {
        let mut values = Vec::new();
        let mut add = |field, value: Option<Value>| values.extend(value.map(|value| (field, value)));
        add("name", self.name.as_ref().map(|name| json!(name)));
        add("job_group", self.group.as_ref().map(|group| json!(group)));
        add("notes", self.notes.as_ref().map(|notes| json!(notes)));
        add("tags", self.tags.as_ref().map(|tags| json!(tags)));
        add("archived", self.archived.map(|archived| json!(archived)));
        values
    }
}

/// Returns what people see of a run that says `own`.
pub(super) fn laid_over(session: &mut dyn Session, run: Hash, own: &Own) -> Result<Own> {
    let damaged = |e: serde_json::Error| Error::damaged("The catalogue is damaged").with_source(e);
    let mut seen: Map<String, Value> =
        serde_json::to_value(own).and_then(serde_json::from_value).map_err(damaged)?;
    for row in session.query("SELECT field, value FROM edit WHERE run = ?1", cells![run])? {
        let value: String = row.get(1)?;
        seen.insert(row.get(0)?, serde_json::from_str(&value).map_err(damaged)?);
    }
    serde_json::from_value(Value::Object(seen)).map_err(damaged)
}

impl Catalogue {
    /// Lays an edit over a run.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such run, or it is removed.
    pub(in crate::server) fn edit(&self, run: Hash, edit: &Edit, account: &str, now: i64) -> Result<Listed> {
        let listed = self.database.writing(|session| {
            let found = "SELECT own FROM run WHERE key = ?1 AND removed IS NULL";
            let row = session.row(found, cells![run])?.ok_or_else(|| no_run(run))?;
            for (field, value) in edit.values() {
                session.execute(
                    "INSERT INTO edit VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (run, field)
                     DO UPDATE SET value = excluded.value, account = excluded.account, time = excluded.time",
                    cells![run, field, value.to_string(), account, now],
                )?;
            }
            let own = serde_json::from_str(&row.get::<String>(0)?)
                .map_err(|e| Error::damaged("The catalogue is damaged").with_source(e))?;
            let seen = laid_over(session, run, &own)?;
            session.execute(
                "UPDATE run SET name = ?2, job_group = ?3, notes = ?4, tags = ?5, archived = ?6, updated = ?7 WHERE key = ?1",
                cells![run, &seen.name, &seen.job_group, &seen.notes, json!(seen.tags).to_string(), seen.archived, now],
            )?;
            let sql = format!("SELECT {} FROM run AS r WHERE r.key = ?1", Listed::COLUMNS);
            let listed = session.row(&sql, cells![run])?.ok_or_else(|| no_run(run))?;
            let listed = Listed::read(&listed)?;
            events::put(session, EventKind::Run, &listed.run, now)?;
            Ok(listed)
        })?;
        self.tell_of_events()?;
        Ok(listed)
    }
}

/// Says that there is no such run.
pub(super) fn no_run(run: Hash) -> Error {
    Error::new(ErrorKind::NotFound, format!("There is no run {run}"))
}

//! Projects, which follow from their runs.

use super::accounts::seconds;
use super::{Catalogue, Who};
use crate::model::Result;
use serde::Serialize;

/// A project at a glance.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in crate::server) struct Project {
    /// The team or user; may be empty.
    pub(in crate::server) entity: String,
    /// The project.
    pub(in crate::server) project: String,
    /// How many runs it has.
    pub(in crate::server) runs: i64,
    /// When one of them changed last, in seconds since 1970.
    pub(in crate::server) updated: f64,
    /// When the first of them began, in seconds since 1970.
    pub(in crate::server) begun: f64,
}

impl Catalogue {
    /// Lists the projects that somebody may see.
    ///
    /// # Errors
    /// The database cannot be used.
    pub(in crate::server) fn projects(&self, who: &Who) -> Result<Vec<Project>> {
        let rows = self.database.query(
            "SELECT entity, project, count(*), max(updated), min(started) FROM run WHERE removed IS NULL
             GROUP BY entity, project ORDER BY entity, project",
            &[],
        )?;
        let read = |row: &crate::server::database::Row| {
            let updated = seconds(row.get(3)?);
            Ok(Project {
                entity: row.get(0)?,
                project: row.get(1)?,
                runs: row.get(2)?,
                updated,
                begun: row.get(4)?,
            })
        };
        let seen = |project: &Result<Project>| {
            project.as_ref().map_or(true, |p| who.may(super::Scope::Read, &p.entity, &p.project).is_ok())
        };
        rows.iter().map(read).filter(seen).collect()
    }
}

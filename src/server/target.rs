//! Which run an address means, and whether who asks may have it.

use super::App;
use super::catalogue::{Listed, Scope, Who};
use crate::model::{Error, ErrorKind, Hash, Result, RunId, RunKey};
use crate::query::{self, RunDetails, RunInfo};
use rusqlite::Connection;

/// How much of a summary is shown, in bytes.
pub(super) const SUMMARY_BYTES: u64 = 16 << 20;

/// The name of a run in an address: its key, or entity, project and id in one segment.
fn key_of(name: &str) -> Result<Hash> {
    if let Some(key) = Hash::parse(name) {
        return Ok(key);
    }
    let wrong = || {
        Error::usage(format!("`{}` names no run", name.escape_debug())).with_hint(
            "give its key of 64 hexadecimal digits, or `entity%2Fproject%2Fid` with `~` for no entity",
        )
    };
    let (place, id) = name.rsplit_once('/').ok_or_else(wrong)?;
    let (entity, project) = place.split_once('/').ok_or_else(wrong)?;
    let entity = if entity == "~" { "" } else { entity };
    let run = RunKey { entity: entity.to_owned(), project: project.to_owned(), id: RunId::new(id)? };
    Ok(run.hash())
}

impl App {
    /// Finds the run that an address means. Who may not see it learns no more than that it is not there.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; [`ErrorKind::Gone`] if it was removed; [`ErrorKind::Forbidden`] if it can be seen and `scope` is
    /// not given.
    pub(super) fn target(&self, who: &Who, name: &str, scope: Scope) -> Result<Listed> {
        let key = key_of(name)?;
        let unknown =
            || Error::new(ErrorKind::NotFound, format!("There is no run `{}`", name.escape_debug()));
        let sees = |entity: &str, project: &str| who.may(Scope::Read, entity, project).is_ok();
        let Some(listed) = self.catalogue.run(key)? else {
            // Of one that is purged, the stone is left.
            return Err(match self.catalogue.tombstone(key)? {
                Some((entity, project)) if sees(&entity, &project) => {
                    Error::new(ErrorKind::Gone, format!("The run `{}` was removed", name.escape_debug()))
                }
                _ => unknown(),
            });
        };
        if !sees(&listed.run.entity, &listed.run.project) {
            return Err(unknown());
        }
        if listed.removed.is_some() {
            self.catalogue.check_not_removed(&listed.run)?;
            return Err(unknown());
        }
        who.may(scope, &listed.run.entity, &listed.run.project)?;
        Ok(listed)
    }

    /// Finds the runs that addresses mean, with the digests of what there is of them.
    ///
    /// # Errors
    /// As [`Self::target`], of the first that there is something with.
    pub(super) fn targets(&self, who: &Who, names: &[String]) -> Result<Vec<(Hash, Hash)>> {
        let keys = names.iter().map(|name| key_of(name)).collect::<Result<Vec<_>>>()?;
        let mut stands = self.catalogue.stands(&keys)?;
        stands.retain(|_, (run, _)| who.may(Scope::Read, &run.entity, &run.project).is_ok());
        let one = |(name, key): (&String, &Hash)| match stands.get(key) {
            Some((_, digest)) => Ok((*key, *digest)),
            None => self.target(who, name, Scope::Read).map(|listed| (listed.key, listed.digest)),
        };
        names.iter().zip(&keys).map(one).collect()
    }

    /// Finds a removed run that an address means, of which who asks may write.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if it was not removed; [`ErrorKind::Forbidden`].
    pub(super) fn removed(&self, who: &Who, name: &str) -> Result<Hash> {
        let key = key_of(name)?;
        let stone = self.catalogue.tombstone(key)?;
        let seen = stone.filter(|(entity, project)| who.may(Scope::Read, entity, project).is_ok());
        let (entity, project) = seen.ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("No run `{}` was removed", name.escape_debug()))
        })?;
        who.may(Scope::Write, &entity, &project)?;
        Ok(key)
    }

    /// Opens the run file of a run, as the catalogue has the run.
    pub(super) fn open_run(&self, listed: &Listed) -> Result<Connection> {
        self.open_current(listed.key, listed.digest)
    }

    /// Reads a run at a glance, as its run file says it.
    pub(super) fn info(&self, listed: &Listed) -> Result<RunInfo> {
        query::info_alone(&self.open_run(listed)?, &self.files.path(listed.key))
    }

    /// Reads everything about a run but its rows, as its run file says it.
    pub(super) fn details(&self, listed: &Listed) -> Result<RunDetails> {
        let connection = self.open_run(listed)?;
        let info = query::info_alone(&connection, &self.files.path(listed.key))?;
        query::details_within(&connection, info, SUMMARY_BYTES)
    }
}

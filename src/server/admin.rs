//! What whoever runs a server does to its data: accounts, teams, keys, a look at it all, tidying, checks, copies.

use super::catalogue::{Account, KeyInfo, NewKey, Scope, Team};
use super::settings::Settings;
use super::{App, backup, file_of_catalogue};
use crate::model::{Clock, Error, ErrorKind, Result};
use crate::remote::{Object, heads};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The data of a server, also of one that runs.
pub struct Admin {
    app: App,
    own_file: bool,
    /// Where everything is.
    places: Vec<PathBuf>,
}

/// How much there is.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Stats {
    /// Accounts.
    pub accounts: i64,
    /// Teams.
    pub teams: i64,
    /// Keys that are good.
    pub keys: i64,
    /// Projects.
    pub projects: i64,
    /// Runs, without removed ones.
    pub runs: i64,
    /// Runs that are being written, or were when they were heard of last.
    pub open: i64,
    /// Runs that were removed and can be restored.
    pub removed: i64,
    /// Records of all runs.
    pub records: i64,
    /// Values of the history of all runs.
    pub points: i64,
    /// Length of the segments and files of all runs. What several name is counted for each.
    pub bytes: i64,
}

/// What a check of everything found.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Verified {
    /// Runs.
    pub runs: u64,
    /// Objects, each read and hashed.
    pub objects: u64,
    /// Runs that the catalogue did not know as they are, and now does.
    pub mended: usize,
    /// What is damaged or missing.
    pub damage: Vec<String>,
    /// What could not be checked, for instance because the disk is full.
    pub unchecked: Vec<String>,
}

impl Verified {
    fn note(&mut self, error: &Error, of: &str) {
        let known = matches!(error.kind(), ErrorKind::Damaged | ErrorKind::NotFound | ErrorKind::Conflict);
        let list = if known && !error.is_out_of_room() { &mut self.damage } else { &mut self.unchecked };
        list.push(format!("{error}{of}"));
    }
}

impl Admin {
    /// Opens the data of a server that was started before.
    ///
    /// # Errors
    /// There is none, or it cannot be used.
    pub fn open(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Self> {
        let own_file = settings.catalogue.is_none();
        let catalogue = file_of_catalogue(&settings.data);
        if own_file
            && let Err(e) = catalogue.metadata()
            && e.kind() == std::io::ErrorKind::PermissionDenied
        {
            let hint = super::data::whose(&settings.data);
            return Err(Error::io("look into the data directory", &settings.data, e).with_hint(hint));
        }
        if own_file && !catalogue.is_file() {
            let message = format!("`{}` is no data directory of a server", settings.data.display());
            return Err(Error::new(ErrorKind::NotFound, message)
                .with_hint("`danlu serve --data DIR` makes one; `--server URL` asks a server that runs"));
        }
        let objects =
            settings.objects.as_deref().map(|place| PathBuf::from(place.trim_start_matches("file://")));
        let places = objects.into_iter().chain([settings.data.clone()]).collect();
        Ok(Self { app: App::open(settings, clock)?, own_file, places })
    }

    fn now(&self) -> i64 {
        self.app.clock.now()
    }

    /// Makes an account.
    ///
    /// # Errors
    /// The name is bad or taken.
    pub fn add_account(&self, name: &str, admin: bool) -> Result<()> {
        self.app.catalogue.add_account(name, admin, self.now())
    }

    /// Lists the accounts.
    ///
    /// # Errors
    /// The catalogue cannot be used.
    pub fn accounts(&self) -> Result<Vec<Account>> {
        self.app.catalogue.accounts(self.now())
    }

    /// Removes an account with its keys.
    ///
    /// # Errors
    /// There is none of that name, or it is the last one that can manage the server.
    pub fn remove_account(&self, name: &str) -> Result<()> {
        self.app.reserve.spend(|| self.app.catalogue.remove_account(name))
    }

    /// Makes a team.
    ///
    /// # Errors
    /// The name is bad or taken.
    pub fn add_team(&self, name: &str) -> Result<()> {
        self.app.catalogue.add_team(name, self.now())
    }

    /// Lists the teams with their members.
    ///
    /// # Errors
    /// The catalogue cannot be used.
    pub fn teams(&self) -> Result<Vec<Team>> {
        self.app.catalogue.teams()
    }

    /// Removes a team that has no runs.
    ///
    /// # Errors
    /// There is none of that name, or it has runs.
    pub fn remove_team(&self, name: &str) -> Result<()> {
        self.app.catalogue.remove_team(name)
    }

    /// Gives a member of a team a role, or with `None` takes it away.
    ///
    /// # Errors
    /// There is no such team or account.
    pub fn set_member(&self, team: &str, account: &str, role: Option<Scope>) -> Result<()> {
        self.app.catalogue.set_member(team, account, role)
    }

    /// Makes a key, and returns it: it is kept nowhere.
    ///
    /// # Errors
    /// There is no such account, or it cannot have such a key.
    pub fn add_key(&self, new: &NewKey) -> Result<String> {
        self.app.catalogue.add_key(new, self.now())
    }

    /// Lists the keys, of one account or of all.
    ///
    /// # Errors
    /// The catalogue cannot be used.
    pub fn keys(&self, account: Option<&str>) -> Result<Vec<KeyInfo>> {
        self.app.catalogue.keys(account)
    }

    /// Ends a key, and returns its whole id.
    ///
    /// # Errors
    /// There is no such key.
    pub fn revoke_key(&self, id: &str) -> Result<String> {
        let key = self.app.catalogue.key(id)?;
        self.app.reserve.spend(|| self.app.catalogue.revoke_key(&key.id, self.now()))?;
        Ok(key.id)
    }

    /// Makes a key like another one, which stays good for some microseconds.
    ///
    /// # Errors
    /// There is no such key, or it is not good any more.
    pub fn rotate_key(&self, id: &str, overlap: i64) -> Result<String> {
        self.app.catalogue.rotate_key(id, self.now().saturating_add(overlap), None, self.now())
    }

    /// Counts what there is.
    ///
    /// # Errors
    /// The catalogue cannot be used.
    pub fn stats(&self) -> Result<Stats> {
        self.app.catalogue.stats(self.now())
    }

    /// Forgets removed runs for good, with the objects that no other run names, and removes what was never committed: what is
    /// older than so long, or else than it is kept. Returns how many of each.
    ///
    /// # Errors
    /// The objects or the catalogue cannot be used.
    pub fn gc(&self, older_than: Option<Duration>) -> Result<(usize, usize)> {
        self.app.clean(older_than)
    }

    /// Reads everything and checks it against its names, and lets the catalogue know the runs as they are.
    ///
    /// # Errors
    /// The objects or the catalogue cannot be used.
    pub fn verify(&self) -> Result<Verified> {
        let (mended, failed) = self.app.reconcile()?;
        let mut found = Verified { mended, ..Verified::default() };
        failed.iter().for_each(|error| found.note(error, ""));
        let mut seen = std::collections::HashSet::new();
        for head in heads(&*self.app.objects) {
            let head = head?;
            found.runs += 1;
            let manifest = match self.app.objects.manifest_of(head.key) {
                Ok(manifest) => manifest,
                Err(e) => {
                    found.note(&e, "");
                    continue;
                }
            };
            for object in manifest.iter().flat_map(crate::remote::Manifest::objects) {
                if seen.insert(object)
                    && let Err(e) = self.check(object)
                {
                    found.note(&e, &format!(" (part of run {})", head.run));
                }
            }
        }
        found.objects = seen.len() as u64;
        Ok(found)
    }

    fn check(&self, object: Object) -> Result<()> {
        match object {
            Object::Segment(name) => crate::remote::read_segment(&*self.app.objects, name).map(|_| ()),
            Object::Blob(name) => backup::check_blob(&*self.app.objects, name),
        }
    }

    /// Copies everything to a directory that a server can serve, also while another serves this one. What a copy there has
    /// already is not copied again. Returns how many runs are in it, and how many objects were new.
    ///
    /// # Errors
    /// The directory cannot be written, or something is damaged.
    pub fn backup(&self, directory: &Path, clock: Arc<dyn Clock>) -> Result<(usize, usize)> {
        if !self.own_file {
            return Err(Error::usage("A PostgreSQL catalogue is not copied by danlu").with_hint(
                "`pg_dump` copies the catalogue; `danlu sync --from OBJECTS DIR` the objects, which are enough to make a new one",
            ));
        }
        backup::copy(&self.app, &self.places, directory, clock)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_checked_is_not_damaged() {
        let mut found = Verified::default();
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        found.note(&Error::new(ErrorKind::Io, "Cannot use the database").with_source(full), "");
        found.note(&Error::new(ErrorKind::Unreachable, "The bucket is away"), "");
        found.note(&Error::damaged("Blob x is damaged"), " (part of run a/b)");
        assert_eq!(
            (found.unchecked.len(), found.damage),
            (2, vec!["Blob x is damaged (part of run a/b)".to_owned()])
        );
    }
}

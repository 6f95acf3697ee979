//! What came of runs: written down, and told.

use super::line::failure_of;
use super::scan::{id_of, path_of, unreadable};
use super::window::Item;
use super::{Pass, Pending, lock};
use crate::model::{Error, ErrorKind, Result};
use crate::sync::plan::Side;
use crate::sync::progress::{RunOutcome, Status};
use crate::sync::source::{Name, Place};
use crate::sync::state::{Facts, Held, number_of};

impl Pass<'_> {
    /// Settles how runs stand.
    pub(super) fn settle(&self, items: Vec<Item<'_>>) -> Result<()> {
        let now = self.settings.clock.now();
        let (mut facts, mut held, mut outcomes) = (Vec::new(), Vec::new(), Vec::new());
        let full = self.line.error().filter(Error::is_out_of_room);
        for mut item in items {
            let status = self.status_of_item(&item);
            let file = &item.pending.candidate.file;
            if !self.settings.dry_run && item.known.has_proved(&item.local) {
                let before = item.known.apart().cloned();
                self.look_at_others(&mut item);
                self.note_apart(&item, before.as_ref(), status);
            }
            outcomes.push((file.clone(), outcome_of(&item, status, full.as_ref())));
            if self.settings.dry_run {
                continue;
            }
            if !matches!(status, Status::Pushed | Status::UpToDate | Status::Live | Status::Parked) {
                lock(&self.troubled).insert(file.clone(), item.known.clone());
            }
            facts.push((file.as_str(), self.facts_of(&item)));
            let (left_out, left_bytes) = left_of(&item);
            held.push((
                file.as_str(),
                Held {
                    key: item.local.manifest().run.hash(),
                    left_out,
                    left_bytes,
                    time: now,
                    known: item.known,
                },
            ));
        }
        self.state.learn_files(facts.iter().map(|(file, facts)| (*file, facts)))?;
        self.state.keep(self.line.identity, held.iter().map(|(file, held)| (*file, held)))?;
        self.note(outcomes);
        Ok(())
    }

    fn note(&self, outcomes: Vec<(String, RunOutcome)>) {
        for (_, outcome) in &outcomes {
            self.settings.progress.ended(self.line.remote.name(), outcome);
        }
        lock(&self.outcomes).extend(outcomes);
    }

    fn status_of_item(&self, item: &Item<'_>) -> Status {
        let proved = item.known.has_proved(&item.local);
        let before = item.pending.held.as_ref().is_some_and(|held| held.known.has_proved(&item.local));
        match () {
            () if proved && is_written(item) => Status::Live,
            () if proved && (before || changed_nothing(item)) && !self.settings.recheck => Status::UpToDate,
            () if proved => Status::Pushed,
            () if self.settings.dry_run => Status::Pending,
            () if item.known.parked().is_some() => Status::Parked,
            () => Status::Failed,
        }
    }

    fn facts_of(&self, item: &Item<'_>) -> Facts {
        let manifest = item.local.manifest();
        Facts {
            // What is still written is another one the next time.
            stamp: if is_written(item) { crate::sync::state::Stamp::default() } else { item.stamp },
            entity: item.name.entity.clone(),
            project: item.name.project.clone(),
            id: item.name.id.clone(),
            key: Some(manifest.run.hash()),
            digest: Some(manifest.digest),
            records: manifest.head().records,
            selection: self.signature.clone(),
            content: Some(item.local.content()),
            condition: Some(item.local.condition()),
            begins: item.begins.map(number_of),
            error: None,
            hint: None,
            version: self.settings.policy.version.clone(),
        }
    }

    /// Settles a run that cannot be opened. What is damaged stays so until the file changes.
    pub(super) fn settle_unreadable(&self, pending: &Pending, error: &Error) -> Result<()> {
        let candidate = &pending.candidate;
        let name = candidate.name.clone().unwrap_or_else(|| match error.kind() {
            ErrorKind::Busy => Name { id: id_of(&candidate.file), ..Name::default() },
            _ => Name { id: candidate.file.clone(), ..Name::default() },
        });
        let gone =
            error.kind() == ErrorKind::NotFound && path_of(candidate).is_some_and(|path| !path.exists());
        if gone {
            // It was empty, or somebody has removed it.
            return Ok(());
        }
        let lasting = matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Version | ErrorKind::Limit);
        let status = match error.kind() {
            ErrorKind::Busy => Status::Running,
            _ if lasting => Status::Parked,
            ErrorKind::Usage => return Err(error.again()),
            _ => Status::Failed,
        };
        if lasting && matches!(candidate.place, Place::File(..)) && !self.settings.dry_run {
            let facts = unreadable(&candidate.file, candidate.stamp, error, &self.settings.policy.version);
            self.state.learn_files([(candidate.file.as_str(), &facts)])?;
        }
        let failed = status != Status::Running;
        self.note(vec![(
            candidate.file.clone(),
            RunOutcome {
                id: name.id,
                project: name.project,
                status,
                objects_sent: 0,
                bytes_sent: 0,
                digest: None,
                left_out: 0,
                diverged: false,
                error: failed.then(|| error.to_string()),
                hint: error.hint().filter(|_| failed).map(str::to_owned),
                path: path_of(candidate),
            },
        )]);
        Ok(())
    }
}

/// Says whether a run is still written, as far as that can be seen from here. One that was pulled before its end is not written here.
fn is_written(item: &Item<'_>) -> bool {
    let candidate = &item.pending.candidate;
    let elsewhere = matches!(candidate.place, Place::Key(_));
    item.local.manifest().is_open() && (candidate.running || elsewhere)
}

/// Returns how many contents that are left out by choice the remote has not either, and their bytes: as it said last, or else
/// as was chosen.
fn left_of(item: &Item<'_>) -> (u64, u64) {
    let before = item.pending.held.as_ref();
    let before =
        before.filter(|held| held.known.proved().is_some_and(|proved| item.known.proved() == Some(proved)));
    item.left.or(before.map(|held| (held.left_out, held.left_bytes))).unwrap_or_else(|| {
        let absent = &item.local.manifest().absent;
        (absent.len() as u64, absent.iter().map(|blob| blob.size).sum())
    })
}

/// Says whether the target of a relay had all of this before: it says the same of the run as then.
fn changed_nothing(item: &Item<'_>) -> bool {
    let (Some(there), Some(proved)) = (item.pending.there, item.known.proved()) else { return false };
    item.sent.0 == 0 && there.seen.digest == proved.there && there.absent == proved.absent
}

/// Tells how a run stands. If the remote is full, that ended the pass, and is said of all runs in the same words.
fn outcome_of(item: &Item<'_>, status: Status, full: Option<&Error>) -> RunOutcome {
    let parked = item.known.parked().filter(|_| status == Status::Parked);
    let trouble = item.known.trouble().filter(|_| status == Status::Failed);
    let same = full.filter(|_| trouble.is_some_and(|trouble| trouble.full)).map(|full| {
        let failure = failure_of(full, Side::There);
        (failure.why, failure.hint)
    });
    let error = parked
        .map(|parked| (parked.why.clone(), parked.hint.clone()))
        .or(same)
        .or(trouble.map(|trouble| (trouble.why.clone(), trouble.hint.clone())));
    RunOutcome {
        id: item.name.id.clone(),
        project: item.name.project.clone(),
        status,
        objects_sent: item.sent.0,
        bytes_sent: item.sent.1,
        digest: Some(item.local.manifest().digest),
        left_out: left_of(item).0,
        diverged: item.known.apart().is_some(),
        error: error.as_ref().map(|(why, _)| why.clone()),
        hint: error.and_then(|(_, hint)| hint),
        path: path_of(&item.pending.candidate),
    }
}

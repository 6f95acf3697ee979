//! What there is to do: run files that have not changed since the remote proved to hold them are not opened.

use super::{Pass, Pending, lock};
use crate::model::{ErrorKind, Hash, Result};
use crate::remote::heads;
use crate::sync::plan::{Gate, News, Side};
use crate::sync::progress::{Counts, RunOutcome, Status};
use crate::sync::source::{Candidate, Listed, Name, Place};
use crate::sync::state::{Facts, Held, Stamp};
use std::collections::{BTreeMap, HashMap};

impl Pass<'_> {
    /// Settles what is settled without a look into a run, and returns the others.
    pub(super) fn scan(&self, candidates: Vec<Candidate>) -> Result<Vec<Pending>> {
        let facts = self.state.facts()?;
        let mut held = self.state.known_at(self.line.identity)?;
        self.look(&candidates, &mut held)?;
        let seen = self.seen_of_relay(&candidates)?;
        let (mut pending, mut counts) = (Vec::new(), Counts::default());
        for candidate in candidates {
            let of_file = facts.get(&candidate.file).filter(|facts| facts.stamp == candidate.stamp);
            let of_file = of_file.filter(|facts| facts.version == self.settings.policy.version);
            let name = candidate.name.clone().or_else(|| of_file.map(name_of));
            if name.as_ref().is_some_and(|name| !self.settings.selection.takes(name, &candidate.file)) {
                continue;
            }
            let held = held.remove(&candidate.file);
            let status = self.status_of(&candidate, of_file, held.as_ref(), &seen);
            match status {
                None => {
                    counts.pending += 1;
                    let there = match &candidate.place {
                        Place::Key(key) => seen.get(key).copied(),
                        Place::File(..) => None,
                    };
                    pending.push(Pending { candidate, held, there });
                    continue;
                }
                Some(Status::Running) => counts.running += 1,
                Some(Status::Parked) => counts.parked += 1,
                Some(_) => counts.up_to_date += 1,
            }
            if let Some(status) = status {
                self.note_settled(&candidate, name, of_file, held.as_ref(), status);
            }
        }
        self.settings.progress.start(self.line.remote.name(), counts);
        Ok(pending)
    }

    /// Returns how a run stands, if that is known without a look into it.
    fn status_of(
        &self,
        candidate: &Candidate,
        facts: Option<&Facts>,
        held: Option<&Held>,
        seen: &HashMap<Hash, Listed>,
    ) -> Option<Status> {
        if candidate.running {
            return (!self.settings.live).then_some(Status::Running);
        }
        if let (Place::Key(key), Some(here)) = (&candidate.place, candidate.listed) {
            let same = seen.get(key).is_some_and(|there| here.is_all_at(there));
            return (same && !self.settings.recheck).then_some(Status::UpToDate);
        }
        let facts = facts?;
        if self.settings.recheck || self.settings.selection.filter.is_some() {
            return None;
        }
        if facts.error.is_some() {
            return (!self.settings.retry).then_some(Status::Parked);
        }
        let held = held?;
        if facts.selection == self.signature
            && facts.content.is_some_and(|content| held.known.has_proved_content(content))
        {
            return held.known.unread().is_empty().then_some(Status::UpToDate);
        }
        let parked = held.known.parked()?;
        let as_it_was = Some(parked.condition) == facts.condition
            && facts.selection == self.signature
            && parked.version == self.settings.policy.version;
        (as_it_was && !self.settings.retry).then_some(Status::Parked)
    }

    fn note_settled(
        &self,
        candidate: &Candidate,
        name: Option<Name>,
        facts: Option<&Facts>,
        held: Option<&Held>,
        status: Status,
    ) {
        let name = name.unwrap_or_else(|| Name { id: id_of(&candidate.file), ..Name::default() });
        if let Some(attempt) = facts.and_then(|facts| facts.begins) {
            self.note_begun(&name, attempt, &candidate.file);
        }
        let parked = held.and_then(|held| held.known.parked());
        let of_file = facts.filter(|_| status == Status::Parked);
        let (error, hint) = match of_file {
            Some(Facts { error: Some(error), hint, .. }) => (Some(error.clone()), hint.clone()),
            Some(_) => {
                (parked.map(|parked| parked.why.clone()), parked.and_then(|parked| parked.hint.clone()))
            }
            None => (None, None),
        };
        let outcome = RunOutcome {
            id: name.id,
            project: name.project,
            status,
            objects_sent: 0,
            bytes_sent: 0,
            digest: facts
                .and_then(|facts| facts.digest)
                .or(candidate.listed.map(|listed| listed.seen.digest)),
            left_out: held.map_or(0, |held| held.left_out),
            diverged: held.is_some_and(|held| held.known.apart().is_some()),
            error,
            hint,
            path: path_of(candidate),
        };
        lock(&self.outcomes).push((candidate.file.clone(), outcome));
    }

    /// Compares what the remote has with what it proved, if that was not done lately.
    fn look(&self, candidates: &[Candidate], held: &mut BTreeMap<String, Held>) -> Result<()> {
        let at = self.line.moment();
        let known = self.state.peer(self.line.remote.name())?;
        let looked = known.filter(|peer| peer.identity == Some(self.line.identity)).map(|peer| peer.looked);
        if let Some(looked) = looked.filter(|looked| *looked > 0) {
            self.line.health(|health| health.recalled(looked));
        }
        let is_due = self.line.health(|health| health.gate(at.policy, at.now)) == Gate::Look;
        let any_proved = candidates
            .iter()
            .any(|candidate| held.get(&candidate.file).is_some_and(|held| held.known.proved().is_some()));
        if !any_proved {
            self.line.health(|health| health.need_not_look(at.now));
            return Ok(());
        }
        if !is_due {
            return Ok(());
        }
        let seen = match self.list_remote() {
            Ok(seen) => seen,
            Err(e) => {
                let failure = super::line::failure_of(&e, Side::There);
                let at = self.line.moment();
                self.line.health(|health| health.not_looked(&failure, at));
                return Ok(());
            }
        };
        self.line.health(|health| health.looked(at.now));
        let mut lost = Vec::new();
        for (file, held) in held.iter_mut() {
            let before = held.known.clone();
            let news = held.known.listed(seen.get(&held.key).map(|listed| listed.seen), before.proved());
            if held.known != before {
                lost.push((file.clone(), held.clone(), news));
            }
        }
        let gone = lost.iter().filter(|(_, _, news)| *news == Some(News::Lost)).count();
        if gone > 0 {
            (self.settings.warn)(format!(
                "`{}` had proved to hold {gone} runs of which it has less now; they are pushed again",
                self.line.remote.name()
            ));
        }
        self.state.keep(self.line.identity, lost.iter().map(|(file, held, _)| (file.as_str(), held)))
    }

    /// Lists the target of a relay, so that what it has is not even read.
    fn seen_of_relay(&self, candidates: &[Candidate]) -> Result<HashMap<Hash, Listed>> {
        if !candidates.iter().any(|candidate| matches!(candidate.place, Place::Key(_))) {
            return Ok(HashMap::new());
        }
        match self.list_remote() {
            // It is there, but does not list: then each run is asked for.
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::Denied | ErrorKind::Usage) => {
                Ok(HashMap::new())
            }
            listed => listed,
        }
    }

    fn list_remote(&self) -> Result<HashMap<Hash, Listed>> {
        heads(self.line.remote).map(|head| head.map(|head| (head.key, Listed::of(&head)))).collect()
    }

    /// Notes that a file begins a run of a name, by the number of the attempt.
    pub(super) fn note_begun(&self, name: &Name, attempt: i64, file: &str) {
        lock(&self.begun).entry(name.full()).or_default().insert(file.to_owned(), attempt);
    }

    /// Returns how long a run waits that something went wrong with before, in this process.
    pub(super) fn troubled(&self, file: &str) -> Option<crate::sync::plan::Known> {
        lock(&self.troubled).remove(file)
    }
}

fn name_of(facts: &Facts) -> Name {
    Name { entity: facts.entity.clone(), project: facts.project.clone(), id: facts.id.clone() }
}

/// Returns the run id of a file's name: what is behind the time in it.
pub(in crate::sync) fn id_of(file: &str) -> String {
    let stem = file.strip_suffix(".sqlite").unwrap_or(file);
    let mut parts = stem.splitn(3, '-');
    let (_, _, id) = (parts.next(), parts.next(), parts.next());
    id.unwrap_or(stem).to_owned()
}

/// Returns the run file of a candidate, if it has one.
pub(super) fn path_of(candidate: &Candidate) -> Option<std::path::PathBuf> {
    match &candidate.place {
        Place::File(path, _) => Some(path.clone()),
        Place::Key(_) => None,
    }
}

/// What is noted of a file that cannot be read.
pub(super) fn unreadable(file: &str, stamp: Stamp, error: &crate::model::Error, version: &str) -> Facts {
    Facts {
        stamp,
        id: file.to_owned(),
        error: Some(error.to_string()),
        hint: error.hint().map(str::to_owned),
        version: version.to_owned(),
        ..Facts::default()
    }
}

//! What must hold, all along and in the end.

use crate::bug::Bug;
use crate::place::Reply;
use crate::syncer::{Heard, Item, Job, POLL};
use crate::world::World;
use danlu::ErrorKind;
use danlu::model::{AttemptId, Hash, RunKey};
use danlu::remote::{Manifest, Remote};
use danlu::sync::plan::{Failure, Local};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Watches how patient a syncer is, without knowing how the planner does it.
#[derive(Default, Clone)]
pub struct Guard {
    /// How often in a row the remote could not be reached.
    streak: u32,
    failed: i64,
    /// No request before this time.
    not_before: i64,
    /// When what is under way was begun.
    pub begun: BTreeMap<u64, i64>,
    /// Requests since all is calm.
    calm: Option<u64>,
}

impl Guard {
    /// A clock that was set may end a wait, once.
    pub fn clock_was_set(&mut self) {
        self.not_before = 0;
    }

    /// A process remembers no waits of the one before.
    pub fn started_anew(&mut self) {
        *self = Self { calm: self.calm, ..Self::default() };
    }

    pub fn calm(&mut self) {
        self.calm = Some(0);
    }
}

impl World {
    /// Before a request: is it too soon?
    pub fn check_issue(&mut self, s: usize) {
        if self.now < self.guards[s].not_before {
            let early = self.guards[s].not_before - self.now;
            self.broken(format!(
                "syncer {s} does not wait: {early} µs too soon after {} failures",
                self.guards[s].streak
            ));
        }
        if let Some(calm) = &mut self.guards[s].calm {
            *calm += 1;
        }
    }

    /// After an answer: how long must it wait now?
    pub fn check_heard(&mut self, s: usize, id: u64, job: &Job, result: &Result<Reply, Failure>) {
        let policy = self.syncers[s].policy.clone();
        let guard = &mut self.guards[s];
        let begun = guard.begun.remove(&id).unwrap_or(0);
        let failure = match result {
            Ok(_) if matches!(job, Job::Identify) => return,
            Ok(_) => {
                guard.streak = 0;
                return;
            }
            Err(failure) => failure,
        };
        let asked = failure.retry_after.unwrap_or(0).min(policy.retry_after);
        let wait = match failure.kind {
            // Begun before another one failed: together they count as one.
            ErrorKind::Unreachable if begun < std::mem::replace(&mut guard.failed, self.now) => asked,
            ErrorKind::Unreachable => {
                guard.streak += 1;
                let doubled = policy.first.saturating_mul(1 << (guard.streak - 1).min(30));
                (doubled.min(policy.most) / 2).max(asked)
            }
            ErrorKind::Denied if matches!(job, Job::Identify) => policy.refused / 2,
            _ => 0,
        };
        guard.not_before = guard.not_before.max(self.now + wait);
    }

    /// A syncer says that a run is pushed.
    pub fn check_pushed(&mut self, s: usize, item: &Item, heard: Heard) {
        let id = self.syncers[s].knowns.get(&item.name).and_then(|known| known.identity());
        if !id.is_some_and(|id| self.receipts.contains(&(heard.request, id, item.local.content()))) {
            self.broken(format!("syncer {s} takes {:08x} for pushed without a true receipt", item.name));
        }
        if heard.losses == self.place.losses
            && id == Some(self.place.id())
            && let Err(why) = self.holds(&item.local)
        {
            self.broken(format!("syncer {s} takes {:08x} for pushed, but {why}", item.name));
        }
    }

    /// A syncer says that a remote has less than it proved.
    pub fn check_lost(&mut self) {
        if self.place.losses == 0 && !self.faults.lied {
            self.broken("a remote that lost nothing is said to have lost something");
        }
    }

    /// A run is parked: only what cannot pass is a reason.
    pub fn check_parked(&mut self, s: usize, item: &Item, why: &str) {
        let run = &item.local.manifest().run;
        let lacks = item.local.things().values().any(|thing| !thing.here);
        let diverged = self.versions(run).values().any(|versions| versions.len() > 1);
        let refused = self.place.poison.contains_key(&run.hash()) || why.contains("not taken");
        if !lacks && !diverged && !refused {
            self.broken(format!("syncer {s} parks {:08x} for what may pass: {why}", item.name));
        }
    }

    /// A manifest is visible: everything that it names must be, too.
    pub fn check_visible(&mut self, key: Hash) {
        let Some(manifest) = self.place.manifest(key) else { return };
        let lacks = self.place.lacks(&manifest);
        if !lacks.is_empty() && !self.faults.holes {
            self.broken(format!(
                "run {} is half visible: {} objects are not there",
                manifest.run,
                lacks.len()
            ));
        }
        let known: BTreeSet<AttemptId> = self.versions(&manifest.run).into_keys().collect();
        if manifest.attempts.iter().any(|entry| !known.contains(&entry.attempt)) {
            self.broken(format!("run {} has an attempt that nobody wrote", manifest.run));
        }
    }

    /// Every history of each attempt of a run, over all directories: more than one if a copy was made of a live one.
    fn versions(&self, run: &RunKey) -> BTreeMap<AttemptId, BTreeSet<(u64, bool, Hash)>> {
        let mut versions: BTreeMap<AttemptId, BTreeSet<(u64, bool, Hash)>> = BTreeMap::new();
        let files = self.dirs.iter().flat_map(|dir| dir.files.values());
        for attempt in files.filter(|file| file.key == *run).flat_map(|file| &file.attempts) {
            let version = (attempt.records, attempt.open, attempt.digest);
            versions.entry(attempt.attempt).or_default().insert(version);
        }
        versions
    }

    /// Says whether the remote holds all of a run, exactly as it is here.
    fn holds(&self, local: &Local) -> Result<(), String> {
        let ours: &Manifest = local.manifest();
        let theirs = self.place.manifest(ours.run.hash()).ok_or("the remote has no such run")?;
        for entry in &ours.attempts {
            let held = theirs.attempts.iter().find(|held| held.attempt == entry.attempt);
            let held = held.ok_or("the remote lacks an attempt")?;
            let ahead = entry.open && (!held.open || held.records > entry.records);
            if held != entry && !ahead {
                return Err("the remote has another history".to_owned());
            }
        }
        if !ours.blobs.iter().all(|blob| theirs.blobs.contains(blob)) && !ours.is_open() {
            return Err("the remote does not name a file of it".to_owned());
        }
        let lacks = self.place.lacks(ours);
        if !lacks.is_empty() && !ours.is_open() {
            return Err(format!("the remote lacks {} objects of it", lacks.len()));
        }
        Ok(())
    }

    /// All has been calm for long: every run is where it belongs.
    pub fn check_end(&mut self) {
        if self.wrong.is_some() {
            return;
        }
        for s in 0..self.syncers.len() {
            self.remember(s);
            self.check_syncer(s);
        }
        let whole = self.whole_locals();
        for manifest in self.place.manifests() {
            // What the remote lost of a run that it refuses for good, nobody can bring back.
            if self.place.poison.contains_key(&manifest.run.hash()) {
                continue;
            }
            let ours = || whole.iter().filter(|local| local.manifest().run == manifest.run);
            let mut lacks = self.place.lacks(&manifest);
            lacks.retain(|object| ours().any(|local| local.things().contains_key(object)));
            if !lacks.is_empty() {
                let (run, lacks) = (&manifest.run, lacks.len());
                self.broken(format!("in the end {lacks} objects of run {run} are missing"));
            }
        }
        self.check_local();
    }

    /// Every run that a syncer is to push and has all contents of.
    fn whole_locals(&mut self) -> Vec<Rc<Local>> {
        let mut whole = Vec::new();
        for s in 0..self.syncers.len() {
            let names: Vec<u32> = self.dirs[self.syncers[s].dir].files.keys().copied().collect();
            whole.extend(names.into_iter().filter_map(|name| self.local(s, name)));
        }
        whole.retain(|local| local.things().values().all(|thing| thing.here));
        whole
    }

    fn check_syncer(&mut self, s: usize) {
        let names: Vec<u32> = self.dirs[self.syncers[s].dir].files.keys().copied().collect();
        let mut allowed = 60;
        for name in names {
            let Some(local) = self.local(s, name) else {
                self.broken(format!("run file {name:08x} is open in the end"));
                continue;
            };
            allowed += 12 + 2 * local.things().len() as u64;
            let run = &local.manifest().run;
            let lacks = local.things().values().any(|thing| !thing.here);
            let diverged = self.versions(run).values().any(|versions| versions.len() > 1);
            let excused = lacks || diverged || self.place.poison.contains_key(&run.hash());
            let known = self.syncers[s].knowns.get(&name);
            let proved = known.is_some_and(|known| known.has_proved(&local));
            let trouble = known.and_then(|known| known.trouble()).map(|t| t.why.clone());
            if proved && let Err(why) = self.holds(&local) {
                self.broken(format!("in the end syncer {s} takes {name:08x} for pushed, but {why}"));
            }
            if !proved && !excused {
                self.broken(format!("in the end syncer {s} has not pushed {name:08x}: {trouble:?}"));
            }
        }
        // Each process asks the remote who it is.
        if self.syncers[s].plain {
            allowed += 2 + ((self.now - self.faults.ended) / POLL).unsigned_abs();
        }
        let looks = 2 + (self.now - self.faults.ended) / self.syncers[s].policy.look;
        let requests = self.guards[s].calm.unwrap_or(0);
        if requests > allowed + 2 * looks.unsigned_abs() {
            self.broken(format!("syncer {s} makes {requests} requests although all is calm"));
        }
    }

    /// Nothing here was changed by anybody but its writer: the bytes still have their names.
    fn check_local(&mut self) {
        if self.bug(Bug::NoConflict) {
            return;
        }
        let broken = self.contents.iter().any(
            |(object, bytes)| matches!(object, danlu::remote::Object::Blob(hash) if Hash::of(bytes) != *hash),
        );
        if broken {
            self.broken("the bytes of a file here were changed");
        }
        let heads = self.place.memory.runs(None).map_or(0, |heads| heads.len());
        let keys: BTreeSet<Hash> = self.place.manifests().iter().map(|m| m.run.hash()).collect();
        if heads != keys.len() {
            self.broken("a run is there twice");
        }
    }
}

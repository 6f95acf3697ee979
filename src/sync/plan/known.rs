//! What a syncer knows of a run at a remote, and how it learns.

use super::failure::Meaning;
use super::others::Others;
use super::{Apart, Backoff, Event, Failure, Local, Moment, News, Policy, Seen, Side};
use crate::model::{AttemptId, ErrorKind, Hash};
use crate::remote::{Object, Receipt};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What a remote proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proved {
    /// What of the run: [`Local::content`].
    pub content: Hash,
    /// Our digest of the run.
    pub digest: Hash,
    /// The remote's digest of the run: another one if it has more attempts.
    pub there: Hash,
    /// How many records of ours it has to have for ever: those of attempts that have ended.
    pub records: u64,
    /// How many it had of all, those of attempts that had not ended too.
    #[serde(default)]
    pub records_then: u64,
    /// Whether an attempt of ours was still being written.
    #[serde(default)]
    pub open: bool,
    /// How many contents of files it did not have.
    #[serde(default)]
    pub absent: u64,
}

impl Proved {
    /// Says whether this is what was proved. The digest is of records alone; of other contents than before others are absent.
    fn is_still(&self, seen: Seen) -> bool {
        let has_files = seen.absent == 0 || seen.absent == self.absent;
        seen.digest == self.there && (self.open || !seen.open) && has_files
    }
}

/// Why a run is not pushed until it changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// The error in words.
    pub why: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Whether the remote has something else under the same attempt.
    pub diverged: bool,
    /// The run as it was: [`Local::condition`].
    pub condition: Hash,
    /// The danlu that could not.
    pub version: String,
}

impl Parked {
    pub(super) fn nowhere(object: Object, local: &Local, policy: &Policy) -> Self {
        Self {
            why: format!("The content of a saved file, {object}, is neither here nor at the remote"),
            hint: Some("`danlu verify` names the file".to_owned()),
            diverged: false,
            condition: local.condition(),
            version: policy.version.clone(),
        }
    }
}

/// The last thing that went wrong, until it goes well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// The error in words.
    pub why: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Whether it is that the remote has no room, whatever of the run it was that did not fit.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub full: bool,
}

/// What is known of a run at one remote. What is worth keeping is serialised; the rest costs a question.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    identity: Option<AttemptId>,
    proved: Option<Proved>,
    /// What was proved is to be proved again.
    #[serde(default)]
    doubted: bool,
    parked: Option<Parked>,
    trouble: Option<Trouble>,
    #[serde(default, skip_serializing_if = "Others::is_empty")]
    others: Others,
    /// What the remote was asked for since we last had reason to doubt it.
    #[serde(skip)]
    asked: BTreeSet<Object>,
    #[serde(skip)]
    missing: BTreeSet<Object>,
    #[serde(skip)]
    parts: BTreeMap<Hash, u64>,
    #[serde(skip)]
    reach: Backoff,
    #[serde(skip)]
    doubt: Backoff,
}

impl Known {
    /// Knows nothing, of the remote of an identity.
    pub fn of(identity: AttemptId) -> Self {
        Self { identity: Some(identity), ..Self::default() }
    }

    /// Returns the remote that this is about.
    pub fn identity(&self) -> Option<AttemptId> {
        self.identity
    }

    /// Returns what the remote proved last, whether or not it is doubted.
    pub fn proved(&self) -> Option<&Proved> {
        self.proved.as_ref()
    }

    /// Returns why the run is parked, if it is.
    pub fn parked(&self) -> Option<&Parked> {
        self.parked.as_ref()
    }

    /// Returns what went wrong last, until it goes well.
    pub fn trouble(&self) -> Option<&Trouble> {
        self.trouble.as_ref()
    }

    /// Returns the attempts that the remote has and that are not here, of which nobody knows yet whether they begin the run anew.
    pub fn unread(&self) -> &BTreeSet<AttemptId> {
        &self.others.unread
    }

    /// Learns whether an attempt of others begins the run anew.
    pub fn looked_at(&mut self, attempt: AttemptId, apart: Option<Apart>) {
        self.others.looked_at(attempt, apart);
    }

    /// Whatever others do, it goes with ours: ours does not begin the run, or theirs cannot be read.
    pub fn goes_with_all(&mut self) {
        self.others = Others::default();
    }

    /// Returns the attempt at the remote that begins the run anew although ours does too, if there is one.
    pub fn apart(&self) -> Option<&Apart> {
        self.others.apart.as_ref().filter(|_| self.proved.is_some())
    }

    /// Returns how many bytes of a large blob are there, if the remote was asked since something last failed.
    pub fn part(&self, blob: Hash) -> Option<u64> {
        self.parts.get(&blob).copied()
    }

    /// Says whether the remote has proved to hold all of this.
    pub fn has_proved(&self, local: &Local) -> bool {
        self.has_proved_content(local.content())
    }

    /// The same of [`Local::content`], for who has kept that and has not read the run again.
    pub fn has_proved_content(&self, content: Hash) -> bool {
        !self.doubted && self.proved.as_ref().is_some_and(|proved| proved.content == content)
    }

    /// Says whether the remote has proved to hold all records of a run with this digest, none of them still written, whichever of
    /// its files.
    pub fn has_proved_records(&self, digest: Hash) -> bool {
        !self.doubted && self.proved.as_ref().is_some_and(|proved| !proved.open && proved.digest == digest)
    }

    pub(super) fn parked_for(&self, local: &Local, policy: &Policy) -> Option<&Parked> {
        self.parked
            .as_ref()
            .filter(|parked| parked.condition == local.condition() && parked.version == policy.version)
    }

    pub(super) fn waits_until(&self, now: i64) -> Option<i64> {
        self.reach.ends(now).max(self.doubt.ends(now))
    }

    pub(super) fn unasked(&self, local: &Local) -> Vec<Object> {
        local.things().keys().filter(|object| !self.asked.contains(object)).copied().collect()
    }

    /// Returns what the remote is known to lack, in the order in which it is to be sent.
    pub fn lacking(&self, local: &Local) -> Vec<Object> {
        let mut lacking: Vec<Object> =
            self.missing.iter().filter(|object| local.things().contains_key(object)).copied().collect();
        lacking.sort_by_key(|object| (local.turn(*object), *object));
        lacking
    }

    /// Learns what came of a step, or what was noticed. `local` is what the step was planned for. Returns what is worth
    /// telling.
    pub fn learn(&mut self, local: &Local, event: Event, at: Moment<'_>) -> Option<News> {
        match event {
            Event::Asked { objects, missing } => return self.asked(local, &objects, &missing),
            Event::Sent(object) => {
                self.missing.remove(&object);
                self.parts.remove(&object.hash());
                self.reach.clear();
            }
            Event::Part(blob, length) => {
                if self.parts.insert(blob, length).is_some_and(|before| before < length) {
                    self.reach.clear();
                }
            }
            Event::Committed(receipt) => return Some(self.committed(local, &receipt, at)),
            Event::Failed(failure) => return Some(self.failed(local, failure, at)),
            Event::Listed { seen, before } => return self.listed(seen, before.as_ref()),
            Event::Identified(identity) => return self.identified(identity),
            Event::Recheck => {
                self.forget_answers();
                (self.doubted, self.parked) = (true, None);
                (self.reach, self.doubt) = Default::default();
            }
        }
        None
    }

    fn asked(&mut self, local: &Local, objects: &[Object], missing: &[Object]) -> Option<News> {
        self.asked.extend(objects);
        for object in objects {
            self.missing.remove(object);
        }
        // A remote may not add to the question.
        let missing: BTreeSet<Object> = missing.iter().filter(|o| objects.contains(o)).copied().collect();
        self.missing.extend(&missing);
        // Of a run that went on since, what is new may be missing; and the end of an open attempt, once there is another.
        let proved = self.proved.as_ref().filter(|proved| !proved.open);
        let was_proved = proved.is_some_and(|proved| proved.content == local.content());
        if !was_proved || missing.is_empty() {
            return None;
        }
        (self.proved, self.doubted) = (None, false);
        Some(News::Lost)
    }

    fn committed(&mut self, local: &Local, receipt: &Receipt, at: Moment<'_>) -> News {
        if receipt.remote.is_some_and(|remote| Some(remote) != self.identity) {
            self.trouble = Some(Trouble {
                why: "Another remote has answered in the place of the one that was asked".to_owned(),
                hint: None,
                full: false,
            });
            self.doubt_it(at);
            return News::Elsewhere;
        }
        if !local.manifest().is_proved_by(receipt) {
            self.trouble = Some(Trouble {
                why: "The remote took the run but does not prove that it holds all of it".to_owned(),
                hint: Some("it is tried again; if it stays, check the remote".to_owned()),
                full: false,
            });
            self.doubt_it(at);
            return News::Unproved;
        }
        let attempts = &local.manifest().attempts;
        let ended = attempts.iter().filter(|entry| !entry.open);
        self.proved = Some(Proved {
            content: local.content(),
            digest: local.manifest().digest,
            there: receipt.digest,
            records: ended.map(|entry| entry.records).sum(),
            records_then: attempts.iter().map(|entry| entry.records).sum(),
            open: local.manifest().is_open(),
            absent: receipt.absent.len() as u64,
        });
        self.doubted = false;
        (self.parked, self.trouble) = (None, None);
        (self.reach, self.doubt) = Default::default();
        self.parts.clear();
        let ours: BTreeSet<AttemptId> = local.manifest().attempts.iter().map(|entry| entry.attempt).collect();
        let theirs = receipt.attempts.keys().filter_map(|attempt| AttemptId::parse(attempt));
        self.others.are(&theirs.filter(|attempt| !ours.contains(attempt)).collect());
        News::Pushed
    }

    fn failed(&mut self, local: &Local, failure: Failure, at: Moment<'_>) -> News {
        // How far a part got that was broken off, only the remote knows.
        self.parts.clear();
        let asks = failure.wait(at.policy);
        let lasting = match failure.meaning() {
            Meaning::Away | Meaning::Full | Meaning::Passing => {
                self.reach.fail(at.policy.first, at.policy.most, asks, at);
                false
            }
            Meaning::Refused => {
                self.reach.fail(at.policy.refused, at.policy.refused, asks, at);
                false
            }
            Meaning::Doubtful => {
                self.doubt_it(at);
                false
            }
            Meaning::Suspect => {
                self.doubt_it(at);
                self.doubt.failures() >= at.policy.tries
            }
            Meaning::Lasting => true,
        };
        self.trouble = Some(failure.trouble());
        if !lasting {
            return News::Failed;
        }
        self.forget_answers();
        self.parked = Some(Parked {
            why: failure.why,
            hint: failure.hint,
            diverged: failure.side == Side::There && failure.kind == ErrorKind::Conflict,
            condition: local.condition(),
            version: at.policy.version.clone(),
        });
        News::Parked
    }

    /// Notes that the run is parked, as planned.
    pub fn park(&mut self, parked: Parked) {
        self.forget_answers();
        self.parked = Some(parked);
    }

    /// Compares what a remote lists with what it proved. More than that may be from others; it is proved again.
    pub fn listed(&mut self, seen: Option<Seen>, before: Option<&Proved>) -> Option<News> {
        let proved = self.proved.as_ref().filter(|proved| Some(*proved) == before)?;
        if seen.is_some_and(|seen| proved.is_still(seen)) {
            return None;
        }
        let lost = seen.is_none_or(|seen| seen.records < proved.records);
        self.forget_answers();
        self.doubted = true;
        if lost && self.proved.take().is_some() {
            self.doubted = false;
            return Some(News::Lost);
        }
        None
    }

    fn identified(&mut self, identity: AttemptId) -> Option<News> {
        if self.identity == Some(identity) {
            return None;
        }
        let before = std::mem::replace(self, Self::of(identity));
        before.proved.map(|_| News::Elsewhere)
    }

    /// Believes nothing that the remote answered, and asks again, but not at once.
    fn doubt_it(&mut self, at: Moment<'_>) {
        self.forget_answers();
        self.doubt.fail(at.policy.first, at.policy.doubt, 0, at);
    }

    fn forget_answers(&mut self) {
        self.asked.clear();
        self.missing.clear();
    }
}

//! How it goes with a remote as a whole.

use super::failure::Meaning;
use super::{Backoff, Failure, Moment, Policy, Trouble};
use crate::model::AttemptId;

/// What may be done with a remote now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// Ask who it is; nothing else, and one at a time.
    Identify,
    /// List its runs and compare them with what it proved.
    Look,
    /// Push.
    Open,
    /// Nothing before this time.
    WaitUntil(i64),
}

/// How it goes with a remote: all runs share its patience.
///
/// After any failure that is not about a run alone, the remote is first asked who it is: that costs little, finds out whether
/// the key is still good, and notices another remote in its place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    identity: Option<AttemptId>,
    /// Whether nothing has failed since it said who it is.
    sure: bool,
    /// Whether it could not be reached since it said who it is.
    away: bool,
    /// Whether it had no room when something was put there last.
    full: bool,
    looked: Option<i64>,
    /// Whether it said who it is since it was listed: a list of another one says nothing.
    introduced: bool,
    backoff: Backoff,
    trouble: Option<Trouble>,
    denied: bool,
}

impl Health {
    /// Says what may be done now.
    pub fn gate(&self, policy: &Policy, now: i64) -> Gate {
        if let Some(time) = self.backoff.ends(now) {
            return Gate::WaitUntil(time);
        }
        if !self.sure {
            return Gate::Identify;
        }
        // A look in the future is from before the clock was set.
        let fresh = self.looked.is_some_and(|looked| (0..policy.look).contains(&now.saturating_sub(looked)));
        match (fresh, self.introduced) {
            (true, _) => Gate::Open,
            (false, true) => Gate::Look,
            (false, false) => Gate::Identify,
        }
    }

    /// Returns when its runs were last listed and compared.
    pub fn last_look(&self) -> Option<i64> {
        self.looked
    }

    /// Returns who it said it is.
    pub fn identity(&self) -> Option<AttemptId> {
        self.identity
    }

    /// Returns what is wrong with it, while something is.
    pub fn trouble(&self) -> Option<&Trouble> {
        self.trouble.as_ref()
    }

    /// Says whether it could not be reached since it said who it is.
    pub fn is_away(&self) -> bool {
        self.away
    }

    /// Says whether it refuses the key.
    pub fn is_denied(&self) -> bool {
        self.denied
    }

    /// It said who it is. Returns whether it is another one than before: then nothing is known of it.
    pub fn identified(&mut self, identity: AttemptId) -> bool {
        (self.sure, self.introduced) = (true, true);
        (self.away, self.denied) = (false, false);
        let other = self.identity.replace(identity).is_some_and(|before| before != identity);
        if other {
            self.looked = None;
        }
        other
    }

    /// Its runs were listed and compared.
    pub fn looked(&mut self, now: i64) {
        self.need_not_look(now);
        self.succeeded(now);
    }

    /// It has proved nothing that it may have lost. That is no answer of it, and ends no trouble.
    pub fn need_not_look(&mut self, now: i64) {
        (self.looked, self.introduced) = (Some(now), false);
    }

    /// An earlier process has written down when its runs were listed and compared.
    pub fn recalled(&mut self, looked: i64) {
        self.looked = self.looked.or(Some(looked));
    }

    /// A step of a run went well.
    pub fn succeeded(&mut self, now: i64) {
        // An answer from before the trouble does not end it: while we wait, nothing is begun.
        // Nor does one that needs no room end the want of it.
        if self.sure && !self.full && self.backoff.ends(now).is_none() {
            self.backoff.clear();
            self.trouble = None;
        }
    }

    /// It has taken something: there is room.
    pub fn took(&mut self, now: i64) {
        self.full = false;
        self.succeeded(now);
    }

    /// Another one answered in its place: [`super::News::Elsewhere`].
    pub fn replaced(&mut self) {
        self.sure = false;
    }

    /// It did not say who it is.
    pub fn unidentified(&mut self, failure: &Failure, at: Moment<'_>) {
        self.sure = false;
        self.denied = failure.meaning() == Meaning::Refused;
        self.away |= !self.denied;
        self.set_back(failure, at);
    }

    /// Its runs could not be listed.
    pub fn not_looked(&mut self, failure: &Failure, at: Moment<'_>) {
        self.failed(failure, at);
        if self.sure {
            // It is there, but cannot list: that must not keep it from being pushed to.
            (self.looked, self.introduced) = (Some(at.now), false);
            self.trouble = Some(failure.trouble());
        }
    }

    /// A step of a run failed.
    pub fn failed(&mut self, failure: &Failure, at: Moment<'_>) {
        match failure.meaning() {
            // Of several that fail together, the first counts; a key that was refused meanwhile is no such failure.
            Meaning::Away if !self.away => {
                (self.sure, self.away) = (false, true);
                self.set_back(failure, at);
            }
            Meaning::Full if !self.away => {
                (self.sure, self.away, self.full) = (false, true, true);
                self.set_back(failure, at);
            }
            Meaning::Away | Meaning::Full => self.backoff.hold(failure.wait(at.policy), at.now),
            // The key may be good for other runs.
            Meaning::Refused => self.sure = false,
            Meaning::Passing | Meaning::Doubtful | Meaning::Suspect | Meaning::Lasting => {}
        }
    }

    fn set_back(&mut self, failure: &Failure, at: Moment<'_>) {
        let (first, most) = if self.denied {
            (at.policy.refused, at.policy.refused)
        } else {
            (at.policy.first, at.policy.most)
        };
        self.backoff.fail(first, most, failure.wait(at.policy), at);
        self.trouble = Some(failure.trouble());
    }
}

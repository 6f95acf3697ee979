//! The syncers: they carry out what the real planner decides, as the real executor does, over a network that is simulated.

use crate::bug::Bug;
use crate::dir::File;
use crate::place::{Body, PART, Reply, failure};
use crate::world::{SECOND, World};
use danlu::ErrorKind;
use danlu::model::{AttemptId, Hash};
use danlu::remote::{Manifest, Object, Receipt, RunHead, SizedHash};
use danlu::sync::plan::{
    Class, Event, Failure, Gate, Health, Known, Local, Moment, News, Policy, Proved, Seen, Step,
};
use std::collections::BTreeMap;
use std::rc::Rc;

/// How long an idle syncer sleeps if it hears nothing.
pub const POLL: i64 = 300 * SECOND;

pub struct Syncer {
    pub dir: usize,
    /// What its clock is ahead.
    pub skew: i64,
    pub policy: Policy,
    pub live: bool,
    /// Ends after each pass and is started again later, as by cron.
    pub plain: bool,
    /// Leaves large files out.
    pub slim: bool,
    pub workers: usize,
    pub batch: usize,
    pub alive: bool,
    /// Counts its lives: what was sent in another one is not heard.
    pub life: u64,
    pub health: Health,
    /// Whether a pass is under way: the remote has said who it is, and was looked through if that was due.
    pub passing: bool,
    pub knowns: BTreeMap<u32, Known>,
    pub jobs: BTreeMap<u64, Job>,
    pub wakes: i64,
}

/// Which request was answered, and how often the remote had lost something when it took that.
#[derive(Debug, Clone, Copy)]
pub struct Heard {
    pub request: u64,
    pub losses: u64,
}

/// A run that a job is about, as it was when the job began.
#[derive(Clone)]
pub struct Item {
    pub name: u32,
    pub local: Rc<Local>,
}

pub enum Job {
    Identify,
    Look(BTreeMap<u32, Option<Proved>>),
    Ask(Vec<(Item, Vec<Object>)>),
    Put(Item, Vec<Object>),
    Held(Item, SizedHash),
    Part(Item, SizedHash, u64),
    Commit(Vec<Item>),
}

impl Job {
    fn items(&self) -> Vec<Item> {
        match self {
            Self::Identify | Self::Look(_) => Vec::new(),
            Self::Ask(asked) => asked.iter().map(|(item, _)| item.clone()).collect(),
            Self::Put(item, _) | Self::Held(item, _) | Self::Part(item, _, _) => vec![item.clone()],
            Self::Commit(items) => items.clone(),
        }
    }
}

impl World {
    pub fn clock(&self, s: usize) -> i64 {
        self.now + self.syncers[s].skew
    }

    /// Does what can be done now, and sleeps until something may have changed.
    pub fn act(&mut self, s: usize) {
        if !self.syncers[s].alive {
            return;
        }
        let clock = self.clock(s);
        let gate = self.bug_gate(s, clock);
        let busy = self.syncers[s].jobs.values().any(|job| matches!(job, Job::Identify | Job::Look(_)));
        let wake = match (gate, self.syncers[s].passing) {
            (Gate::WaitUntil(time), _) => {
                self.counts.hit("gate: wait");
                time - clock
            }
            _ if busy => POLL,
            // Nothing has gone wrong since the last pass, and no look is due.
            (Gate::Open, false) => {
                self.begin_pass(s);
                // With a look to wait for, its answer goes on.
                if self.syncers[s].passing {
                    self.act(s);
                }
                return;
            }
            (Gate::Identify, _) | (Gate::Look, false) => {
                self.counts.hit("gate: identify");
                self.issue(s, Job::Identify, Body::Identify, Vec::new());
                POLL
            }
            (Gate::Open | Gate::Look, true) => {
                self.counts.hit("gate: open");
                self.work(s, clock)
            }
        };
        if self.syncers[s].alive {
            self.wake(s, wake.clamp(1, POLL));
        }
    }

    /// Begins a pass with a remote that has said who it is: looks through it if that is due.
    fn begin_pass(&mut self, s: usize) {
        self.recall(s);
        let clock = self.clock(s);
        let syncer = &mut self.syncers[s];
        if syncer.knowns.values().all(|known| known.proved().is_none()) {
            self.counts.hit("look: nothing is proved");
            syncer.health.need_not_look(clock);
        } else if syncer.health.gate(&syncer.policy, clock) == Gate::Look {
            self.counts.hit("gate: look");
            let before = syncer.knowns.iter().map(|(name, known)| (*name, known.proved().cloned())).collect();
            return self.issue(s, Job::Look(before), Body::Look, Vec::new());
        }
        syncer.passing = true;
    }

    /// Recalls when an earlier process has looked through the remote, if it was this one.
    fn recall(&mut self, s: usize) {
        let clock = self.clock(s);
        let syncer = &mut self.syncers[s];
        let is_new = syncer.health.last_look().is_none();
        let Some((id, looked)) = self.dirs[syncer.dir].peer else { return };
        if syncer.health.identity() != Some(id) || looked == 0 {
            self.counts.hit("recall: another remote");
            return;
        }
        if self.bug == Some(Bug::RecallAsLook) {
            syncer.health.looked(looked);
        } else {
            syncer.health.recalled(looked);
        }
        if is_new {
            let is_due = !(0..syncer.policy.look).contains(&(clock - looked));
            self.counts.hit(if is_due { "recall: a look is due" } else { "recall: no look is due" });
        }
    }

    /// Ends a pass, and writes down how it went with the remote.
    fn end_pass(&mut self, s: usize) {
        let syncer = &mut self.syncers[s];
        if !syncer.alive {
            return;
        }
        syncer.passing = false;
        let looked = syncer.health.last_look().unwrap_or(0);
        self.dirs[syncer.dir].peer = syncer.health.identity().map(|id| (id, looked));
        if syncer.plain {
            self.counts.hit("syncer: ended after a pass");
            self.end(s, POLL);
        }
    }

    /// Plans every run and begins as many jobs as there are workers. Returns how long to wait if nothing happens.
    fn work(&mut self, s: usize, clock: i64) -> i64 {
        let taken: Vec<u32> = self.syncers[s].jobs.values().flat_map(Job::items).map(|i| i.name).collect();
        let names: Vec<u32> = self.dirs[self.syncers[s].dir].files.keys().copied().collect();
        let (mut asks, mut sends, mut commits, mut wait) = (Vec::new(), Vec::new(), Vec::new(), POLL);
        for name in names.into_iter().filter(|name| !taken.contains(name)) {
            let Some(local) = self.local(s, name) else { continue };
            let item = Item { name, local };
            match self.bug_plan(s, &item, clock) {
                Step::Nothing => self.counts.hit("step: nothing"),
                Step::Park(parked) => {
                    self.counts.hit("step: park");
                    if self.parks.insert((s, item.local.condition())) {
                        self.check_parked(s, &item, &parked.why);
                    }
                }
                Step::WaitUntil(time) => {
                    self.counts.hit("step: wait");
                    wait = wait.min(time - clock);
                }
                Step::Ask(objects) => asks.push((item, objects)),
                Step::Send(objects) => sends.push((item, objects)),
                Step::Commit => commits.push(item),
            }
        }
        let batch = self.syncers[s].batch;
        while self.syncers[s].jobs.len() < self.syncers[s].workers {
            if !asks.is_empty() {
                self.counts.hit("step: ask");
                let some: Vec<_> = asks.drain(..batch.min(asks.len())).collect();
                let mut objects: Vec<Object> = some.iter().flat_map(|(_, o)| o.iter().copied()).collect();
                objects.sort_unstable();
                objects.dedup();
                self.issue(s, Job::Ask(some), Body::Ask(objects), Vec::new());
            } else if !commits.is_empty() {
                self.counts.hit("step: commit");
                let some: Vec<Item> = commits.drain(..batch.min(commits.len())).collect();
                self.commit(s, some);
            } else if !sends.is_empty() {
                self.counts.hit("step: send");
                let (item, objects) = sends.remove(0);
                self.send(s, item, &objects);
            } else {
                break;
            }
        }
        // What waits longer than for a remote to come back is left to the next pass.
        if self.syncers[s].jobs.is_empty() && wait > self.syncers[s].policy.most {
            self.end_pass(s);
        }
        wait
    }

    fn commit(&mut self, s: usize, items: Vec<Item>) {
        if self.bug(Bug::PushedBeforeReceipt) {
            for item in &items {
                self.learn(s, item, Event::Committed(item.local.manifest().receipt()));
            }
        }
        let manifests: Vec<Manifest> = items.iter().map(|item| item.local.manifest().clone()).collect();
        let contents: Vec<Hash> = items.iter().map(|item| item.local.content()).collect();
        self.issue(s, Job::Commit(items), Body::Commit(manifests), contents);
    }

    /// Sends some small objects at once, or the next part of a large one.
    fn send(&mut self, s: usize, item: Item, objects: &[Object]) {
        let is_large = |object: &Object| item.local.things()[object].class == Class::Large;
        if !is_large(&objects[0]) {
            let small = objects.iter().copied().take_while(|object| !is_large(object));
            let small: Vec<Object> = small.take(self.syncers[s].batch).collect();
            let bytes = small.iter().map(|object| (*object, Rc::clone(&self.contents[object]))).collect();
            self.issue(s, Job::Put(item, small), Body::Put(bytes), Vec::new());
            return;
        }
        let hash = objects[0].hash();
        let blob = SizedHash { sha256: hash, size: item.local.things()[&objects[0]].size };
        match self.syncers[s].knowns[&item.name].part(hash) {
            None => self.issue(s, Job::Held(item, blob), Body::Held(blob), Vec::new()),
            Some(held) => self.send_part(s, item, blob, held),
        }
    }

    fn send_part(&mut self, s: usize, item: Item, blob: SizedHash, from: u64) {
        let to = (from + PART).min(blob.size);
        let bytes = self.contents[&Object::Blob(blob.sha256)][from as usize..to as usize].to_vec();
        self.issue(s, Job::Part(item, blob, to), Body::Part(blob, from, bytes), Vec::new());
    }

    /// A job was answered, or failed.
    pub fn done(&mut self, s: usize, job: Job, result: Result<Reply, Failure>, heard: Heard) {
        let random = self.rng.next() as u32;
        let policy = self.syncers[s].policy.clone();
        let clock = self.clock(s);
        let at = Moment { policy: &policy, now: clock, random };
        let failed = match result {
            Ok(reply) => {
                if !matches!(job, Job::Identify) {
                    self.syncers[s].health.succeeded(clock);
                }
                return self.went_well(s, job, reply, heard);
            }
            // Somebody else sends the same.
            Err(failure) if matches!(job, Job::Part(..)) && failure.kind == ErrorKind::Usage => {
                Failure { kind: ErrorKind::Busy, ..failure }
            }
            Err(failure) => self.bug_failure(failure),
        };
        match job {
            Job::Identify => self.syncers[s].health.unidentified(&failed, at),
            Job::Look(_) => {
                self.syncers[s].health.not_looked(&failed, at);
                self.syncers[s].passing = true;
            }
            job => {
                self.syncers[s].health.failed(&failed, at);
                for item in job.items() {
                    self.learn(s, &item, Event::Failed(failed.clone()));
                }
            }
        }
    }

    fn went_well(&mut self, s: usize, job: Job, reply: Reply, heard: Heard) {
        match (job, reply) {
            (Job::Identify, Reply::Identity(id)) => self.identified(s, id),
            (Job::Look(before), Reply::Runs(heads)) => self.looked(s, &before, &heads),
            (Job::Ask(asked), Reply::Missing(missing)) => {
                for (item, objects) in asked {
                    let missing: Vec<Object> =
                        missing.iter().filter(|object| objects.contains(object)).copied().collect();
                    self.learn(s, &item, Event::Asked { objects, missing });
                }
            }
            (Job::Put(item, objects), Reply::Stored) => {
                for object in objects {
                    self.learn(s, &item, Event::Sent(object));
                }
            }
            (Job::Held(item, blob), Reply::Held(held)) if held == blob.size => {
                self.learn(s, &item, Event::Sent(Object::Blob(blob.sha256)));
            }
            (Job::Held(item, blob), Reply::Held(held)) => {
                self.learn(s, &item, Event::Part(blob.sha256, held));
            }
            (Job::Part(item, blob, to), Reply::Stored) if to == blob.size => {
                self.learn(s, &item, Event::Sent(Object::Blob(blob.sha256)));
            }
            (Job::Part(item, blob, to), Reply::Stored) => {
                self.learn(s, &item, Event::Part(blob.sha256, to));
            }
            (Job::Commit(items), Reply::Receipts(receipts)) => {
                for (item, receipt) in items.iter().zip(receipts) {
                    self.committed(s, item, receipt, heard);
                }
            }
            _ => self.broken("an answer is not that of its question"),
        }
    }

    fn committed(&mut self, s: usize, item: &Item, receipt: Result<Receipt, Failure>, heard: Heard) {
        let event = match receipt {
            Ok(_) if self.bug(Bug::BelieveAnyReceipt) => Event::Committed(item.local.manifest().receipt()),
            Ok(receipt) => Event::Committed(receipt),
            Err(failure) => {
                let failure = self.bug_failure(failure);
                let policy = self.syncers[s].policy.clone();
                let at = Moment { policy: &policy, now: self.clock(s), random: self.rng.next() as u32 };
                self.syncers[s].health.failed(&failure, at);
                Event::Failed(failure)
            }
        };
        match self.learn(s, item, event) {
            Some(News::Pushed) => self.check_pushed(s, item, heard),
            Some(News::Elsewhere) => self.syncers[s].health.replaced(),
            _ => {}
        }
    }

    fn identified(&mut self, s: usize, id: AttemptId) {
        let syncer = &mut self.syncers[s];
        let other = syncer.health.identified(id);
        // With another one a pass begins anew.
        syncer.passing &= !other;
        let begins = !syncer.passing;
        if !self.bug(Bug::IgnoreIdentity) {
            self.meet(s, id, other);
        }
        if begins {
            self.begin_pass(s);
        }
    }

    /// Lets go of what is known of another remote, and loads what is known of this one.
    fn meet(&mut self, s: usize, id: AttemptId, other: bool) {
        let names: Vec<u32> = self.syncers[s].knowns.keys().copied().collect();
        if other {
            for name in names {
                let Some(local) = self.local(s, name) else { continue };
                self.learn(s, &Item { name, local }, Event::Identified(id));
            }
            // It may be one that we know from before.
            self.syncers[s].knowns.clear();
        }
        self.load(s);
    }

    /// Loads what is known of every run at the remote as it is.
    fn load(&mut self, s: usize) {
        let names: Vec<u32> = self.dirs[self.syncers[s].dir].files.keys().copied().collect();
        for name in names {
            self.know(s, name);
        }
    }

    /// Loads what an ended process has written down, if the next one has not done so yet.
    pub fn remember(&mut self, s: usize) {
        let syncer = &mut self.syncers[s];
        if let Some((id, _)) = self.dirs[syncer.dir].peer.filter(|_| syncer.health.identity().is_none()) {
            syncer.health.identified(id);
            self.load(s);
        }
    }

    fn looked(&mut self, s: usize, before: &BTreeMap<u32, Option<Proved>>, heads: &[RunHead]) {
        let clock = self.clock(s);
        self.syncers[s].health.looked(clock);
        self.syncers[s].passing = true;
        if self.bug(Bug::NeverCompare) {
            return;
        }
        for (name, before) in before {
            let Some(local) = self.local(s, *name) else { continue };
            let key = local.manifest().run.hash();
            let seen = heads.iter().find(|head| head.key == key).map(Seen::from);
            self.learn(s, &Item { name: *name, local }, Event::Listed { seen, before: before.clone() });
        }
    }

    /// Returns what is known of a run, from `sync.sqlite` if it is not in memory.
    pub fn know(&mut self, s: usize, name: u32) {
        let syncer = &mut self.syncers[s];
        let Some(id) = syncer.health.identity() else { return };
        let kept = &self.dirs[syncer.dir].kept;
        syncer.knowns.entry(name).or_insert_with(|| {
            let Some(kept) = kept.get(&(id, name)) else { return Known::of(id) };
            let json = serde_json::to_string(kept).expect("what is known is JSON");
            serde_json::from_str(&json).expect("what was kept can be read")
        });
    }

    /// Learns, and keeps what is to be kept.
    pub fn learn(&mut self, s: usize, item: &Item, event: Event) -> Option<News> {
        self.know(s, item.name);
        self.counts.hit(match &event {
            Event::Asked { .. } => "event: asked",
            Event::Sent(_) => "event: sent",
            Event::Part(..) => "event: part",
            Event::Committed(_) => "event: committed",
            Event::Failed(_) => "event: failed",
            Event::Listed { .. } => "event: listed",
            Event::Identified(_) => "event: identified",
            Event::Recheck => "event: recheck",
        });
        // What is kept of the other remote is better than what is known of it now.
        let keep = !matches!(event, Event::Identified(_));
        let clock = self.clock(s);
        let random = self.rng.next() as u32;
        let was = self.state(s, item, clock);
        let syncer = &mut self.syncers[s];
        let at = Moment { policy: &syncer.policy, now: clock, random };
        let known = syncer.knowns.get_mut(&item.name)?;
        let kept = (known.proved().cloned(), known.parked().cloned(), known.trouble().cloned());
        let news = known.learn(&item.local, event, at);
        let keeps = kept != (known.proved().cloned(), known.parked().cloned(), known.trouble().cloned());
        if let Some(id) = known.identity().filter(|_| keep && (keeps || news.is_some())) {
            let known = known.clone();
            if self.faults.on && self.rng.chance(5) {
                self.counts.hit("fault: crash before it is kept");
                self.crash(s);
                return None;
            }
            self.dirs[self.syncers[s].dir].kept.insert((id, item.name), known);
        }
        let is = self.state(s, item, clock);
        if was != is {
            self.counts.moved(was, is);
        }
        self.counts.hit(is);
        self.tell(s, item, news.as_ref());
        news
    }

    fn tell(&mut self, s: usize, item: &Item, news: Option<&News>) {
        let Some(news) = news else { return };
        self.note(|| format!("syncer {s}: run file {:08x}: {news:?}", item.name));
        self.counts.hit(match news {
            News::Pushed => "news: pushed",
            News::Lost => "news: lost",
            News::Elsewhere => "news: elsewhere",
            News::Unproved => "news: unproved",
            News::Parked => "news: parked",
            News::Failed => "news: failed",
        });
        if *news == News::Lost {
            self.check_lost();
        }
    }

    /// Names how it stands with a run, as the planner sees it.
    fn state(&self, s: usize, item: &Item, clock: i64) -> &'static str {
        let syncer = &self.syncers[s];
        let Some(known) = syncer.knowns.get(&item.name) else { return "state: new" };
        match danlu::sync::plan::plan(&item.local, known, &syncer.policy, clock) {
            Step::Nothing => "state: pushed",
            Step::Park(_) => "state: parked",
            Step::WaitUntil(_) => "state: waiting",
            Step::Ask(_) => match known.proved() {
                Some(proved) if proved.content == item.local.content() => "state: doubted",
                Some(_) => "state: grown",
                None => "state: new",
            },
            Step::Send(_) => "state: lacking",
            Step::Commit => "state: complete",
        }
    }

    /// Returns what is here of a run for a syncer, if it pushes that yet.
    pub fn local(&mut self, s: usize, name: u32) -> Option<Rc<Local>> {
        let syncer = &self.syncers[s];
        let file: &File = self.dirs[syncer.dir].files.get(&name)?;
        let place = (syncer.dir, name, syncer.live, syncer.slim);
        if let Some((touched, local)) = self.locals.get(&place)
            && *touched == file.touched
        {
            return local.clone();
        }
        let local = file.local(syncer.live, syncer.slim).map(Rc::new);
        self.locals.insert(place, (file.touched, local.clone()));
        local
    }

    /// It dies, and what it had in memory with it.
    pub fn crash(&mut self, s: usize) {
        self.note(|| format!("syncer {s} crashes"));
        let pause = self.rng.time(SECOND, 300 * SECOND);
        self.end(s, pause);
    }

    /// Its process ends, and another one begins after a pause: that knows only what was written down.
    fn end(&mut self, s: usize, pause: i64) {
        let syncer = &mut self.syncers[s];
        (syncer.alive, syncer.life, syncer.passing) = (false, syncer.life + 1, false);
        syncer.health = Health::default();
        syncer.knowns.clear();
        syncer.jobs.clear();
        self.guards[s].started_anew();
        self.later(pause, crate::world::Happening::Restart(s));
    }
}

/// The failure of a request that nobody answered.
pub fn unheard() -> Failure {
    failure(ErrorKind::Unreachable, "nobody answers")
}

//! What goes wrong: on the way, at the remote, with clocks and with syncers. Each seed has some of it.

use crate::bug::Bug;
use crate::place::{Body, Reply, failure};
use crate::rng::Rng;
use crate::world::{Happening, Request, SECOND, World};
use danlu::ErrorKind;
use danlu::model::{AttemptId, Hash};
use danlu::remote::{Receipt, Remote};
use danlu::sync::plan::{Event, Failure};
use std::collections::BTreeMap;

/// What may happen to a message, and how often of a thousand in a seed that has it.
const MESSAGES: [(&str, u32); 12] = [
    ("message lost", 60),
    ("message doubled", 60),
    ("message delayed", 80),
    ("reply lost", 60),
    ("cut", 80),
    ("flip", 40),
    ("500 before", 60),
    ("500 after", 60),
    ("429", 50),
    ("busy", 40),
    ("lie", 300),
    ("news unheard", 200),
];

/// What may happen at any time.
const EVENTS: [&str; 19] = [
    "back up",
    "restore",
    "empty",
    "empty, same",
    "swap",
    "lose an object",
    "down",
    "silent",
    "deny",
    "forbid",
    "poison",
    "lying",
    "crash",
    "lose sync.sqlite",
    "clock",
    "recheck",
    "top up",
    "upgrade",
    "back up",
];

pub struct Faults {
    pub on: bool,
    /// How long there are any.
    pub lasts: i64,
    /// When they ended.
    pub ended: i64,
    messages: BTreeMap<&'static str, u32>,
    events: Vec<&'static str>,
    down: i64,
    silent: i64,
    denied: i64,
    lying: i64,
    forbidden: BTreeMap<Hash, i64>,
    /// Whether an object was lost that manifests name.
    pub holes: bool,
    /// Whether a list was ever cut short.
    pub lied: bool,
}

impl Faults {
    pub fn new(rng: &mut Rng) -> Self {
        let messages = MESSAGES.iter().filter(|_| rng.chance(350)).copied().collect();
        let events = EVENTS.iter().filter(|_| rng.chance(400)).copied().collect();
        Self {
            on: true,
            lasts: rng.time(60 * SECOND, 1200 * SECOND),
            ended: 0,
            messages,
            events,
            down: 0,
            silent: 0,
            denied: 0,
            lying: 0,
            forbidden: BTreeMap::new(),
            holes: false,
            lied: false,
        }
    }

    pub fn happens(&self, what: &str, rng: &mut Rng) -> bool {
        self.on && self.messages.get(what).is_some_and(|chance| rng.chance(*chance))
    }
}

impl World {
    /// Lets something go wrong that is not about a message.
    pub fn weather(&mut self) {
        if !self.faults.on {
            return;
        }
        let pause = self.rng.time(2 * SECOND, self.faults.lasts / 4);
        self.later(pause, Happening::Weather);
        let events = self.faults.events.clone();
        if events.is_empty() {
            return;
        }
        let event = self.rng.pick(&events);
        self.note(|| format!("weather: {event}"));
        let until = self.now + self.rng.time(SECOND, 600 * SECOND);
        let s = self.rng.below(self.syncers.len());
        match event {
            "back up" => self.place.back_up(),
            "restore" => {
                if self.place.restore() {
                    self.counts.hit("fault: remote restored");
                }
            }
            "empty" => {
                self.counts.hit("fault: remote emptied");
                let id = AttemptId(self.rng.bytes());
                self.place.empty(id);
            }
            "empty, same" => {
                self.counts.hit("fault: remote emptied, same identity");
                let id = self.place.id();
                self.place.empty(id);
            }
            "swap" => {
                self.counts.hit("fault: remote swapped");
                self.place.swap();
            }
            "lose an object" => {
                let (n, before) = (self.rng.below(1000), self.place.losses);
                self.place.lose_object(n);
                if self.place.losses > before {
                    self.counts.hit("fault: remote lost an object");
                    self.faults.holes = true;
                }
            }
            "down" => self.faults.down = until,
            "silent" => self.faults.silent = until,
            "deny" => self.faults.denied = until,
            "lying" => self.faults.lying = until,
            "forbid" | "poison" => self.refuse_a_run(event, until),
            "crash" => {
                if self.syncers[s].alive {
                    self.counts.hit("fault: crash");
                    self.crash(s);
                }
            }
            "lose sync.sqlite" => {
                self.counts.hit("fault: sync.sqlite lost");
                let dir = self.syncers[s].dir;
                self.dirs[dir].kept.clear();
                self.dirs[dir].peer = None;
            }
            "clock" => self.set_clock(s),
            "recheck" => self.recheck(s),
            "top up" => {
                self.counts.hit("syncer: topped up");
                self.syncers[s].slim = false;
                self.wake(s, 1);
            }
            _ => self.upgrade(),
        }
    }

    fn refuse_a_run(&mut self, event: &str, until: i64) {
        let files: Vec<Hash> =
            self.dirs.iter().flat_map(|dir| dir.files.values()).map(|file| file.key.hash()).collect();
        if files.is_empty() {
            return;
        }
        let key = self.rng.pick(&files);
        if event == "forbid" {
            self.faults.forbidden.insert(key, until);
        } else {
            use ErrorKind::{Gone, Limit, Usage, Version};
            let kind = self.rng.pick(&[Gone, Limit, Usage, Version]);
            self.place.poison.insert(key, kind);
        }
    }

    fn set_clock(&mut self, s: usize) {
        let jump = self.rng.time(SECOND, 400_000 * SECOND);
        if self.rng.chance(500) {
            self.counts.hit("fault: clock forward");
            self.syncers[s].skew += jump;
        } else {
            self.counts.hit("fault: clock back");
            self.syncers[s].skew -= jump;
        }
        self.guards[s].clock_was_set();
    }

    pub fn recheck(&mut self, s: usize) {
        let names: Vec<u32> = self.syncers[s].knowns.keys().copied().collect();
        for name in names {
            if let Some(local) = self.local(s, name) {
                self.learn(s, &crate::syncer::Item { name, local }, Event::Recheck);
            }
        }
        self.wake(s, 1);
    }

    /// A new version of danlu everywhere; what was refused for good is taken now.
    fn upgrade(&mut self) {
        self.counts.hit("syncer: upgraded");
        self.place.poison.clear();
        for s in 0..self.syncers.len() {
            self.syncers[s].policy.version.push('1');
            if self.syncers[s].alive {
                self.crash(s);
            }
        }
    }

    /// Nothing goes wrong any more, and all runs end.
    pub fn calm(&mut self) {
        self.note(|| "all is calm".to_owned());
        (self.faults.on, self.faults.ended) = (false, self.now);
        for file in self.dirs.iter_mut().flat_map(|dir| dir.files.values_mut()).filter(|f| f.is_open()) {
            file.seal();
        }
        for s in 0..self.syncers.len() {
            // Two that choose otherwise in one directory write over what the other has written down, and ask again for ever.
            let dir = self.syncers[s].dir;
            self.syncers[s].slim = self.syncers.iter().all(|syncer| syncer.dir != dir || syncer.slim);
            if self.faults.holes {
                // No list shows it: somebody has to have everything checked.
                self.dirs[dir].kept.clear();
                self.recheck(s);
            }
            self.guards[s].calm();
            self.wake(s, 1);
        }
    }

    /// The remote gets a request. Returns what it answers, if it does.
    pub fn serve(&mut self, request: &Request) -> Option<Result<Reply, Failure>> {
        if !self.faults.on {
            let answer = self.truth(request);
            self.note_receipts(request, &answer);
            return Some(answer);
        }
        if self.now < self.faults.silent {
            self.counts.hit("fault: remote silent");
            return None;
        }
        if let Some(refusal) = self.refusal(request) {
            return Some(Err(refusal));
        }
        if self.now < self.faults.lying && self.rng.chance(400) {
            let answer = self.lie(request);
            self.note_receipts(request, &answer);
            return Some(answer);
        }
        let answer = match &request.body {
            Body::Put(objects) if self.faults.happens("cut", &mut self.rng) => {
                self.counts.hit("fault: cut in a put");
                let some = objects[..self.rng.below(objects.len())].to_vec();
                self.place.answer(&Body::Put(some)).and(Err(away("cut")))
            }
            Body::Part(..) if self.faults.happens("cut", &mut self.rng) => {
                self.counts.hit("fault: cut in a part");
                Err(away("cut"))
            }
            Body::Put(objects) if self.faults.happens("flip", &mut self.rng) => {
                self.counts.hit("fault: bytes broken on the way");
                let mut objects = objects.clone();
                let n = self.rng.below(objects.len());
                let mut bytes = objects[n].1.to_vec();
                bytes.push(1);
                objects[n].1 = bytes.into();
                self.place.answer(&Body::Put(objects))
            }
            _ => self.truth(request),
        };
        self.note_receipts(request, &answer);
        if self.faults.happens("500 after", &mut self.rng) {
            self.counts.hit("fault: 500 after it was done");
            return Some(Err(away("500, but it was done")));
        }
        Some(answer)
    }

    fn refusal(&mut self, request: &Request) -> Option<Failure> {
        if self.now < self.faults.down {
            self.counts.hit("fault: remote down");
            return Some(away("connection refused"));
        }
        if self.now < self.faults.denied {
            self.counts.hit("fault: key refused");
            return Some(failure(ErrorKind::Denied, "401"));
        }
        if self.faults.happens("500 before", &mut self.rng) {
            self.counts.hit("fault: 500 before");
            return Some(away("500"));
        }
        if self.faults.happens("busy", &mut self.rng) && !matches!(request.body, Body::Identify) {
            self.counts.hit("fault: remote busy");
            return Some(failure(ErrorKind::Busy, "somebody else is at it"));
        }
        if self.faults.happens("429", &mut self.rng) {
            let absurd = self.rng.chance(200);
            self.counts.hit(if absurd { "fault: 429 absurd" } else { "fault: 429" });
            let wait = if absurd { 100_000 * SECOND } else { self.rng.within(0, 60 * SECOND) };
            return Some(Failure { retry_after: Some(wait), ..away("429") });
        }
        None
    }

    /// Does what was asked for, and says so.
    fn truth(&mut self, request: &Request) -> Result<Reply, Failure> {
        let mut answer = self.place.answer(&request.body)?;
        if let (Body::Commit(manifests), Reply::Receipts(receipts)) = (&request.body, &mut answer) {
            for (n, manifest) in manifests.iter().enumerate() {
                let key = manifest.run.hash();
                if self.faults.on && self.faults.forbidden.get(&key).is_some_and(|until| self.now < *until) {
                    self.counts.hit("fault: key refused for a run");
                    receipts[n] = Err(failure(ErrorKind::Denied, "403"));
                } else if let Err(refused) = &receipts[n] {
                    if self.place.poison.contains_key(&key) {
                        self.counts.hit("fault: run refused for good");
                    }
                    if self.bug(Bug::NoConflict) && refused.kind == ErrorKind::Conflict {
                        self.place.memory.remove_run(key).ok();
                        receipts[n] = self.place.memory.commit(manifest).map_err(|_| away("?"));
                    }
                } else {
                    self.check_visible(key);
                }
            }
        }
        Ok(answer)
    }

    /// Notes which receipts of an answer are true.
    fn note_receipts(&mut self, request: &Request, answer: &Result<Reply, Failure>) {
        let (Body::Commit(manifests), Ok(Reply::Receipts(receipts))) = (&request.body, answer) else {
            return;
        };
        for (n, receipt) in receipts.iter().enumerate() {
            if receipt.as_ref().is_ok_and(|receipt| manifests[n].is_proved_by(receipt)) {
                self.receipts.insert((request.id, self.place.id(), request.contents[n]));
            }
        }
    }

    /// Answers without doing, or does without answering truly.
    fn lie(&mut self, request: &Request) -> Result<Reply, Failure> {
        match &request.body {
            Body::Put(_) | Body::Part(..) => {
                self.counts.hit("fault: lie: put not kept");
                Ok(Reply::Stored)
            }
            Body::Ask(_) if self.rng.chance(500) => {
                self.counts.hit("fault: lie: has all");
                Ok(Reply::Missing(Vec::new()))
            }
            Body::Ask(objects) => {
                self.counts.hit("fault: lie: has nothing");
                self.faults.lied = true;
                Ok(Reply::Missing(objects.clone()))
            }
            Body::Look => {
                self.counts.hit("fault: lie: lists fewer");
                self.faults.lied = true;
                let mut answer = self.truth(request)?;
                if let Reply::Runs(heads) = &mut answer {
                    heads.retain(|_| self.rng.chance(500));
                }
                Ok(answer)
            }
            Body::Commit(_) if self.rng.chance(250) => {
                let (before, manifests) = (self.place.memory.backup(), self.place.manifests());
                let answer = self.truth(request);
                if self.place.manifests() != manifests {
                    self.counts.hit("fault: commit forgotten");
                }
                self.place.memory = before;
                self.place.losses += 1;
                answer
            }
            Body::Commit(_) => {
                let mut answer = self.truth(request)?;
                if let Reply::Receipts(receipts) = &mut answer {
                    receipts.iter_mut().flatten().for_each(|receipt| self.falsify(receipt));
                }
                Ok(answer)
            }
            Body::Identify | Body::Held(_) => self.truth(request),
        }
    }

    fn falsify(&mut self, receipt: &mut Receipt) {
        let attempts: Vec<String> = receipt.attempts.keys().cloned().collect();
        let attempt = &attempts[self.rng.below(attempts.len())];
        if self.rng.chance(500) {
            self.counts.hit("fault: lie: receipt of less");
            receipt.attempts.remove(attempt);
        } else if let Some((records, digest)) = receipt.attempts.get_mut(attempt) {
            self.counts.hit("fault: lie: receipt of something else");
            *records = records.saturating_sub(1);
            *digest = Hash(self.rng.bytes());
        }
    }
}

fn away(why: &str) -> Failure {
    failure(ErrorKind::Unreachable, why)
}

//! Time, and what happens in it: one queue, one thread, one seed.

use crate::bug::Bug;
use crate::check::Guard;
use crate::count::Counts;
use crate::dir::{Contents, Dir, write};
use crate::place::{Body, Place, Reply};
use crate::rng::Rng;
use crate::syncer::{Heard, Job, Syncer, unheard};
use crate::weather::Faults;
use danlu::model::{AttemptId, Hash};
use danlu::sync::plan::{Failure, Health, Local, Policy};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

pub const SECOND: i64 = 1_000_000;

/// How long a syncer waits for an answer.
const PATIENCE: i64 = 60 * SECOND;

/// More happens in no seed, unless something runs in circles.
const MOST: u64 = 60_000;

pub struct Request {
    pub id: u64,
    pub syncer: usize,
    pub life: u64,
    pub body: Body,
    /// What of a run each manifest of a commit is.
    pub contents: Vec<Hash>,
}

pub enum Happening {
    Write(usize),
    Wake(usize),
    Arrive(Rc<Request>),
    Answer(Rc<Request>, Result<Reply, Failure>, u64),
    Timeout(Rc<Request>),
    Restart(usize),
    Weather,
    Calm,
}

type Locals = BTreeMap<(usize, u32, bool, bool), (u64, Option<Rc<Local>>)>;

pub struct World {
    pub now: i64,
    pub rng: Rng,
    queue: BTreeMap<(i64, u64), Happening>,
    happened: u64,
    pub dirs: Vec<Dir>,
    pub contents: Contents,
    pub locals: Locals,
    pub syncers: Vec<Syncer>,
    pub place: Place,
    pub faults: Faults,
    pub counts: Counts,
    pub guards: Vec<Guard>,
    /// What a true receipt was given for: the request, the remote and the content.
    pub receipts: BTreeSet<(u64, AttemptId, Hash)>,
    /// What was parked, by whom.
    pub parks: BTreeSet<(usize, Hash)>,
    pub arrived: Vec<u64>,
    pub bug: Option<Bug>,
    pub stuck: Vec<i64>,
    pub wrong: Option<String>,
    trace: bool,
}

/// How patient the syncers of a world are.
fn patience(rng: &mut Rng) -> Policy {
    Policy {
        first: SECOND / 2,
        most: rng.time(5 * SECOND, 60 * SECOND),
        retry_after: rng.time(30 * SECOND, 300 * SECOND),
        refused: rng.time(30 * SECOND, 200 * SECOND),
        doubt: rng.time(60 * SECOND, 900 * SECOND),
        tries: 3,
        look: rng.time(120 * SECOND, 600 * SECOND),
        version: "1".to_owned(),
    }
}

impl World {
    pub fn new(seed: u64, bug: Option<Bug>, trace: bool) -> Self {
        let mut rng = Rng::new(seed);
        let mut counts = Counts::default();
        let policy = patience(&mut rng);
        let dirs: Vec<Dir> = (0..1 + rng.below(3)).map(|_| Dir::default()).collect();
        let mut syncers = Vec::new();
        for dir in 0..dirs.len() {
            for n in 0..1 + usize::from(rng.chance(300)) {
                if n == 1 {
                    counts.hit("syncer: two on one directory");
                }
                syncers.push(Syncer {
                    dir,
                    skew: rng.within(-3600 * SECOND, 3600 * SECOND),
                    policy: policy.clone(),
                    live: rng.chance(400),
                    plain: rng.chance(200),
                    slim: rng.chance(200),
                    workers: 1 + rng.below(3),
                    batch: 1 + rng.below(4),
                    alive: true,
                    life: 0,
                    health: Health::default(),
                    passing: false,
                    knowns: BTreeMap::new(),
                    jobs: BTreeMap::new(),
                    wakes: 0,
                });
            }
        }
        let place = Place::new(AttemptId(rng.bytes()), AttemptId(rng.bytes()));
        let faults = Faults::new(&mut rng);
        let (guards, arrived, stuck) =
            (vec![Guard::default(); syncers.len()], vec![0; syncers.len()], vec![0; syncers.len()]);
        let mut world = Self {
            now: 10_000_000 * SECOND,
            rng,
            queue: BTreeMap::new(),
            happened: 0,
            dirs,
            contents: Contents::new(),
            locals: BTreeMap::new(),
            syncers,
            place,
            faults,
            counts,
            guards,
            receipts: BTreeSet::new(),
            parks: BTreeSet::new(),
            arrived,
            bug,
            stuck,
            wrong: None,
            trace,
        };
        for dir in 0..world.dirs.len() {
            world.later(1, Happening::Write(dir));
        }
        for s in 0..world.syncers.len() {
            world.wake(s, SECOND);
        }
        world.later(SECOND, Happening::Weather);
        let storm = world.faults.lasts;
        world.later(storm, Happening::Calm);
        world
    }

    /// Runs it to its end and says what was wrong, if anything.
    pub fn run(mut self) -> (Counts, Option<String>) {
        let policy = self.syncers[0].policy.clone();
        let calm = 2 * (policy.doubt + policy.refused + policy.look + policy.retry_after + policy.most)
            + 600 * SECOND;
        let end = self.now + self.faults.lasts + calm;
        while self.wrong.is_none() {
            let Some(entry) = self.queue.first_entry() else { break };
            if entry.key().0 > end {
                break;
            }
            let ((time, _), happening) = entry.remove_entry();
            self.now = time;
            self.happened += 1;
            if self.happened > MOST {
                self.broken("too much happens: something runs in circles");
            }
            self.happen(happening);
        }
        self.check_end();
        (self.counts, self.wrong)
    }

    pub fn later(&mut self, wait: i64, happening: Happening) {
        self.happened += 1;
        self.queue.insert((self.now + wait.max(1), self.happened), happening);
    }

    /// Makes sure that a syncer is woken by then.
    pub fn wake(&mut self, s: usize, wait: i64) {
        let time = self.now + wait;
        if self.syncers[s].wakes <= self.now || time < self.syncers[s].wakes {
            self.syncers[s].wakes = time;
            self.later(wait, Happening::Wake(s));
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Write(dir) => self.write(dir),
            // An earlier wake may have replaced this one.
            Happening::Wake(s) if self.syncers[s].wakes == self.now => self.act(s),
            Happening::Wake(_) => {}
            Happening::Arrive(request) => self.arrive(&request),
            Happening::Answer(request, result, losses) => self.hear(&request, result, losses),
            Happening::Timeout(request) => self.hear(&request, Err(unheard()), 0),
            Happening::Restart(s) => {
                self.note(|| format!("syncer {s} starts again"));
                self.syncers[s].alive = true;
                self.act(s);
            }
            Happening::Weather => self.weather(),
            Happening::Calm => self.calm(),
        }
    }

    fn write(&mut self, dir: usize) {
        if !self.faults.on {
            return;
        }
        if let Some(what) = write(&mut self.dirs, dir, &mut self.contents, &mut self.rng) {
            self.note(|| format!("directory {dir}: {what}"));
            self.counts.hit(what);
            // A copy may have gone to any directory.
            for s in 0..self.syncers.len() {
                if self.faults.happens("news unheard", &mut self.rng) {
                    self.counts.hit("fault: news unheard");
                } else {
                    self.wake(s, SECOND / 10);
                }
            }
        }
        let pause = self.rng.time(SECOND, self.faults.lasts / 5);
        self.later(pause, Happening::Write(dir));
    }

    /// Sends a request on its way.
    pub fn issue(&mut self, s: usize, job: Job, body: Body, contents: Vec<Hash>) {
        self.check_issue(s);
        self.counts.hit(match &body {
            Body::Identify => "request: identify",
            Body::Look => "request: look",
            Body::Ask(_) => "request: ask",
            Body::Put(_) => "request: put",
            Body::Held(_) => "request: held",
            Body::Part(..) => "request: part",
            Body::Commit(_) => "request: commit",
        });
        self.happened += 1;
        let id = self.happened;
        let request = Rc::new(Request { id, syncer: s, life: self.syncers[s].life, body, contents });
        self.note(|| format!("syncer {s} asks ({id}): {}", short(&request.body)));
        self.syncers[s].jobs.insert(id, job);
        self.guards[s].begun.insert(id, self.now);
        self.later(PATIENCE, Happening::Timeout(Rc::clone(&request)));
        if self.faults.happens("message lost", &mut self.rng) {
            self.counts.hit("fault: message lost");
            return;
        }
        if self.faults.happens("message doubled", &mut self.rng) {
            self.counts.hit("fault: message doubled");
            let delay = self.delay();
            self.later(delay, Happening::Arrive(Rc::clone(&request)));
        }
        let delay = self.delay();
        if delay > PATIENCE {
            self.counts.hit("fault: message after its time");
        }
        self.later(delay, Happening::Arrive(request));
    }

    pub fn delay(&mut self) -> i64 {
        if self.faults.happens("message delayed", &mut self.rng) {
            return self.rng.time(SECOND, 200 * SECOND);
        }
        self.rng.time(SECOND / 1000, SECOND / 5)
    }

    fn arrive(&mut self, request: &Rc<Request>) {
        if request.id < self.arrived[request.syncer] {
            self.counts.hit("fault: message reordered");
        }
        self.arrived[request.syncer] = request.id;
        let losses = self.place.losses;
        let Some(result) = self.serve(request) else { return };
        if let Err(failure) = &result {
            self.note(|| format!("remote refuses ({}): {}", request.id, failure.why));
        }
        if self.faults.happens("reply lost", &mut self.rng) {
            self.counts.hit("fault: reply lost");
            return;
        }
        let delay = self.delay();
        self.later(delay, Happening::Answer(Rc::clone(request), result, losses));
    }

    fn hear(&mut self, request: &Request, result: Result<Reply, Failure>, losses: u64) {
        let s = request.syncer;
        if self.syncers[s].life != request.life {
            return;
        }
        // What was answered or given up before is not waited for any more.
        let Some(job) = self.syncers[s].jobs.remove(&request.id) else { return };
        if let Err(failure) = &result {
            self.note(|| format!("syncer {s} hears ({}): {}", request.id, failure.why));
        }
        self.check_heard(s, request.id, &job, &result);
        self.done(s, job, result, Heard { request: request.id, losses });
        self.act(s);
    }

    /// Notes what is wrong; the first counts.
    pub fn broken(&mut self, why: impl Into<String>) {
        let why = why.into();
        self.note(|| format!("WRONG: {why}"));
        self.wrong.get_or_insert(why);
    }

    /// Prints what happens, when a seed is replayed.
    #[expect(clippy::print_stdout, reason = "this is what a replay is for")]
    pub fn note(&self, what: impl FnOnce() -> String) {
        if self.trace {
            let time = self.now - 10_000_000 * SECOND;
            println!("{:>6}.{:03}  {}", time / SECOND, time % SECOND / 1000, what());
        }
    }
}

fn short(body: &Body) -> String {
    match body {
        Body::Identify => "who are you".to_owned(),
        Body::Look => "list".to_owned(),
        Body::Ask(objects) => format!("which of {} are missing", objects.len()),
        Body::Put(objects) => format!("put {} objects", objects.len()),
        Body::Held(_) => "how much is held".to_owned(),
        Body::Part(blob, offset, bytes) => format!("part {offset}+{} of {}", bytes.len(), blob.size),
        Body::Commit(manifests) => format!("commit {} runs", manifests.len()),
    }
}

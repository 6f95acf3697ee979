//! What the simulator reached: a fault that is never hit tests nothing.

use std::collections::BTreeMap;
use std::fmt::Write;

/// Everything that must be reached over all seeds.
const ALL: &[&str] = &[
    "event: asked",
    "event: committed",
    "event: failed",
    "event: identified",
    "event: listed",
    "event: part",
    "event: recheck",
    "event: sent",
    "fault: 429",
    "fault: 429 absurd",
    "fault: 500 after it was done",
    "fault: 500 before",
    "fault: bytes broken on the way",
    "fault: clock back",
    "fault: clock forward",
    "fault: commit forgotten",
    "fault: crash",
    "fault: crash before it is kept",
    "fault: cut in a part",
    "fault: cut in a put",
    "fault: key refused",
    "fault: key refused for a run",
    "fault: lie: has all",
    "fault: lie: has nothing",
    "fault: lie: lists fewer",
    "fault: lie: put not kept",
    "fault: lie: receipt of less",
    "fault: lie: receipt of something else",
    "fault: message after its time",
    "fault: message doubled",
    "fault: message lost",
    "fault: message reordered",
    "fault: news unheard",
    "fault: remote busy",
    "fault: remote down",
    "fault: remote emptied",
    "fault: remote emptied, same identity",
    "fault: remote lost an object",
    "fault: remote restored",
    "fault: remote silent",
    "fault: remote swapped",
    "fault: reply lost",
    "fault: run refused for good",
    "fault: sync.sqlite lost",
    "gate: identify",
    "gate: look",
    "gate: open",
    "gate: wait",
    "look: nothing is proved",
    "news: elsewhere",
    "news: failed",
    "news: lost",
    "news: parked",
    "news: pushed",
    "news: unproved",
    "recall: a look is due",
    "recall: another remote",
    "recall: no look is due",
    "request: ask",
    "request: commit",
    "request: held",
    "request: identify",
    "request: look",
    "request: part",
    "request: put",
    "state: complete",
    "state: doubted",
    "state: grown",
    "state: lacking",
    "state: new",
    "state: parked",
    "state: pushed",
    "state: waiting",
    "complete → parked",
    "complete → pushed",
    "complete → waiting",
    "doubted → complete",
    "doubted → lacking",
    "grown → complete",
    "grown → lacking",
    "lacking → complete",
    "lacking → waiting",
    "new → complete",
    "new → lacking",
    "new → waiting",
    "parked → new",
    "pushed → doubted",
    "pushed → new",
    "step: ask",
    "step: commit",
    "step: nothing",
    "step: park",
    "step: send",
    "step: wait",
    "syncer: ended after a pass",
    "syncer: topped up",
    "syncer: two on one directory",
    "syncer: upgraded",
    "writer: begin",
    "writer: copy",
    "writer: copy alive",
    "writer: crash",
    "writer: finish",
    "writer: fork",
    "writer: grow",
    "writer: repair",
    "writer: resume",
    "writer: save",
    "writer: touch",
];

/// How often each was hit, and by how many seeds.
#[derive(Default, Clone)]
pub struct Counts {
    hits: BTreeMap<&'static str, u64>,
    moves: BTreeMap<(&'static str, &'static str), u64>,
    all: BTreeMap<String, (u64, u64)>,
}

impl Counts {
    pub fn hit(&mut self, what: &'static str) {
        *self.hits.entry(what).or_default() += 1;
    }

    /// A run went from one state to another.
    pub fn moved(&mut self, from: &'static str, to: &'static str) {
        *self.moves.entry((from, to)).or_default() += 1;
    }

    /// Adds those of one seed.
    pub fn add(&mut self, seed: &Self) {
        let name = |state: &str| state.trim_start_matches("state: ").to_owned();
        let moves = seed.moves.iter().map(|((from, to), n)| (format!("{} → {}", name(from), name(to)), *n));
        let hits = seed.hits.iter().map(|(what, n)| ((*what).to_owned(), *n));
        for (what, n) in hits.chain(moves) {
            let (times, seeds) = self.all.entry(what).or_default();
            (*times, *seeds) = (*times + n, *seeds + 1);
        }
    }

    pub fn merge(&mut self, other: &Self) {
        for (what, (n, by)) in &other.all {
            let (times, seeds) = self.all.entry(what.clone()).or_default();
            (*times, *seeds) = (*times + n, *seeds + by);
        }
    }

    /// What was never reached, or is reached and not in the list.
    pub fn gaps(&self) -> Vec<String> {
        let never = ALL.iter().filter(|what| !self.all.contains_key(**what));
        let unlisted = self
            .all
            .keys()
            .filter(|what| !ALL.contains(&what.as_str()) && !what.contains(" → "))
            .map(|what| format!("unlisted: {what}"));
        never.map(|what| (*what).to_owned()).chain(unlisted).collect()
    }

    pub fn table(&self) -> String {
        let mut table = String::from("| what | times | seeds |\n|---|---:|---:|\n");
        for (what, (times, seeds)) in &self.all {
            writeln!(table, "| {what} | {times} | {seeds} |").ok();
        }
        table
    }
}

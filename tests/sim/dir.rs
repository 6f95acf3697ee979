//! Directories of runs, and those who write them.

use crate::rng::Rng;
use danlu::model::{AttemptId, Hash, RunId, RunKey};
use danlu::remote::{AttemptEntry, Manifest, Object, SizedHash};
use danlu::store;
use danlu::sync::plan::{Class, Known, Local};
use std::collections::BTreeMap;
use std::rc::Rc;

/// The bytes of every object that anybody ever wrote, in the form in which it is sent.
pub type Contents = BTreeMap<Object, Rc<Vec<u8>>>;

/// A directory of runs with its `sync.sqlite`.
#[derive(Default)]
pub struct Dir {
    pub files: BTreeMap<u32, File>,
    /// What syncers keep, by the identity of the remote and the run file. It comes back through JSON.
    pub kept: BTreeMap<(AttemptId, u32), Known>,
    /// The remote that was met last, and when it was looked through; 0 if never.
    pub peer: Option<(AttemptId, i64)>,
}

/// A run file.
#[derive(Clone)]
pub struct File {
    pub key: RunKey,
    pub attempts: Vec<AttemptEntry>,
    pub blobs: Vec<Blob>,
    /// Changes whenever the file does.
    pub touched: u64,
}

#[derive(Clone)]
pub struct Blob {
    pub content: SizedHash,
    pub class: Class,
    pub here: bool,
}

/// Adds records. An open attempt's last segment is provisional: it grows, or is cut and another one begins.
fn grow(entry: &AttemptEntry, rng: &mut Rng, contents: &mut Contents) -> AttemptEntry {
    let records = entry.records + rng.within(1, 50).unsigned_abs();
    let bytes = rng.bytes::<24>();
    let segment = SizedHash { sha256: Hash::of(&bytes), size: bytes.len() as u64 };
    let mut segments = entry.segments.clone();
    if rng.chance(600) {
        segments.pop();
    }
    segments.push(segment);
    let packed = store::pack(&bytes, 1).expect("packing works");
    contents.insert(Object::Segment(segment.sha256), Rc::new(packed));
    AttemptEntry::live(entry.attempt, records, segments)
}

impl File {
    /// What is to be pushed of it, if anything yet.
    pub fn local(&self, live: bool, slim: bool) -> Option<Local> {
        if !live && self.is_open() {
            return None;
        }
        let contents = self.blobs.iter().map(|blob| blob.content).collect();
        let large = self.blobs.iter().filter(|blob| slim && blob.class == Class::Large);
        let left_out = large.map(|blob| blob.content.sha256).collect();
        let manifest = Manifest::new(self.key.clone(), self.attempts.clone(), contents).without(&left_out);
        Some(Local::new(manifest, self.touched, |content| {
            let mut of = self.blobs.iter().filter(|blob| blob.content == *content);
            of.next().map_or((Class::Small, false), |blob| (blob.class, blob.here))
        }))
    }

    pub fn is_open(&self) -> bool {
        self.attempts.iter().any(|attempt| attempt.open)
    }

    /// The writer ends, by itself or not.
    pub fn seal(&mut self) {
        for attempt in &mut self.attempts {
            attempt.open = false;
        }
        self.touched += 1;
    }

    fn begin_attempt(&mut self, rng: &mut Rng, contents: &mut Contents) {
        let empty = AttemptEntry::live(AttemptId(rng.bytes()), 0, Vec::new());
        self.attempts.push(grow(&empty, rng, contents));
        self.touched += 1;
    }

    fn log(&mut self, rng: &mut Rng, contents: &mut Contents) {
        for attempt in self.attempts.iter_mut().filter(|attempt| attempt.open) {
            *attempt = grow(attempt, rng, contents);
        }
        self.touched += 1;
    }

    fn save(&mut self, rng: &mut Rng, contents: &mut Contents) {
        let class = rng.pick(&[Class::Small, Class::Small, Class::Media, Class::Large]);
        let length = if class == Class::Large { rng.within(20, 70) } else { rng.within(0, 16) };
        // Few different ones, so that runs have the same.
        let byte = rng.below(20) as u8;
        let bytes = vec![byte; length as usize];
        let content = SizedHash { sha256: Hash::of(&bytes), size: bytes.len() as u64 };
        contents.insert(Object::Blob(content.sha256), Rc::new(bytes));
        if self.blobs.iter().all(|blob| blob.content != content) {
            self.blobs.push(Blob { content, class, here: !rng.chance(15) });
        }
        self.touched += 1;
    }
}

/// What a writer did, for the table.
pub fn write(dirs: &mut [Dir], at: usize, contents: &mut Contents, rng: &mut Rng) -> Option<&'static str> {
    let names: Vec<u32> = dirs[at].files.keys().copied().collect();
    if names.is_empty() || (names.len() < 5 && rng.chance(150)) {
        let id = RunId::new(format!("run{}", rng.below(1000))).expect("the id is one");
        let key = RunKey { entity: String::new(), project: "sim".to_owned(), id };
        let mut file = File { key, attempts: Vec::new(), blobs: Vec::new(), touched: 0 };
        file.begin_attempt(rng, contents);
        add(&mut dirs[at], file, rng);
        return Some("writer: begin");
    }
    let name = rng.pick(&names);
    let file = dirs[at].files.get_mut(&name)?;
    if file.is_open() && rng.chance(60) {
        // Copied alive: the copy counts as crashed, and the writer goes on with the same attempt.
        let mut copy = file.clone();
        copy.seal();
        let to = rng.below(dirs.len());
        return (dirs[to].files.len() < 7).then(|| {
            add(&mut dirs[to], copy, rng);
            "writer: copy alive"
        });
    }
    if file.is_open() {
        return Some(go_on(file, contents, rng));
    }
    match rng.below(10) {
        0..3 if file.attempts.len() < 4 => {
            file.begin_attempt(rng, contents);
            Some("writer: resume")
        }
        3 => {
            let copy = file.clone();
            let to = rng.below(dirs.len());
            (dirs[to].files.len() < 7).then(|| {
                add(&mut dirs[to], copy, rng);
                "writer: copy"
            })
        }
        4 => {
            let mut fork = file.clone();
            fork.key.id = RunId::new(format!("fork{}", rng.below(1000))).expect("the id is one");
            fork.attempts.clear();
            fork.begin_attempt(rng, contents);
            (dirs[at].files.len() < 7).then(|| {
                add(&mut dirs[at], fork, rng);
                "writer: fork"
            })
        }
        5 => {
            let gone = file.blobs.iter_mut().find(|blob| !blob.here)?;
            gone.here = true;
            file.touched += 1;
            Some("writer: repair")
        }
        6 => {
            // A repair or a compaction: another file with the same content.
            file.touched += 1;
            Some("writer: touch")
        }
        _ => None,
    }
}

fn go_on(file: &mut File, contents: &mut Contents, rng: &mut Rng) -> &'static str {
    match rng.below(10) {
        0..5 => {
            file.log(rng, contents);
            "writer: grow"
        }
        5..7 => {
            file.save(rng, contents);
            // A file comes with the record that names it.
            file.log(rng, contents);
            "writer: save"
        }
        7..9 => {
            file.seal();
            "writer: finish"
        }
        _ => {
            file.seal();
            "writer: crash"
        }
    }
}

fn add(dir: &mut Dir, file: File, rng: &mut Rng) {
    dir.files.insert(rng.next() as u32, file);
}

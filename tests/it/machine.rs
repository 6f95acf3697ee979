//! A run against a model: whatever is done to it, in whatever order, it holds what was said.

use crate::support::Place;
use danlu::{Resume, Run, store};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Something that happens to a run.
#[derive(Debug, Clone)]
enum Step {
    /// So many rows are logged.
    Log(u16),
    /// A file gets a content of this seed and is saved.
    Save(u8, u8),
    /// The process dies.
    Crash,
    /// The run ends in order.
    Finish,
    /// Somebody reads it with danlu while it is as it is.
    Look,
    /// Its file is overwritten, cut short or deleted by somebody else.
    Damage(u8),
    /// It goes back to a share of its steps.
    Rewind(u8),
    /// It is archived, or brought back.
    Compact,
    Expand,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => prop_oneof![0..3u16, 0..2000u16].prop_map(Step::Log),
        3 => (0..3u8, 0..4u8).prop_map(|(name, seed)| Step::Save(name, seed)),
        2 => Just(Step::Crash),
        2 => Just(Step::Finish),
        2 => Just(Step::Look),
        1 => any::<u8>().prop_map(Step::Damage),
        1 => any::<u8>().prop_map(Step::Rewind),
        1 => Just(Step::Compact),
        1 => Just(Step::Expand),
    ]
}

/// What the run must hold.
#[derive(Default)]
struct Model {
    rows: Vec<(i64, i64)>,
    next: i64,
    files: BTreeMap<String, Vec<u8>>,
    attempts: u32,
}

struct Machine {
    place: Place,
    model: Model,
    run: Option<Run>,
    path: PathBuf,
    value: i64,
    damaged: bool,
}

impl Machine {
    fn new() -> Self {
        let mut machine = Self {
            place: Place::new(),
            model: Model::default(),
            run: None,
            path: PathBuf::new(),
            value: 0,
            damaged: false,
        };
        machine.open();
        machine
    }

    fn builder(&self) -> danlu::RunBuilder {
        Run::builder("p").id("r").dir(self.place.path()).tick(std::time::Duration::from_millis(1))
    }

    /// Opens the run, going on with it if it is there.
    fn open(&mut self) {
        if self.run.is_none() {
            let run = self.builder().resume(Resume::Allow).start().unwrap();
            assert_eq!(run.step(), self.model.next);
            self.path = run.path().to_owned();
            self.run = Some(run);
            self.model.attempts += 1;
        }
    }

    fn take_run(&mut self) -> Option<Run> {
        self.damaged = false;
        self.run.take()
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Log(rows) => self.log(*rows),
            Step::Save(name, seed) => self.save(*name, *seed),
            Step::Crash => drop(self.take_run()),
            Step::Finish => self.take_run().map_or((), |run| run.finish(0).unwrap()),
            // What has just been destroyed is said to be, until its writer notices.
            Step::Look => assert!(self.place.danlu(&["ls"]).code == 0 || self.damaged),
            Step::Damage(how) => self.damage(*how),
            Step::Rewind(share) => self.rewind(*share),
            Step::Compact | Step::Expand if self.run.is_some() => {}
            Step::Compact => {
                assert_eq!(self.place.danlu(&["compact", "--all"]).code, 0);
                // Goes on in a file of its own from here; one file is enough for this model.
                assert_eq!(self.place.danlu(&["verify"]).code, 0);
                assert_eq!(self.place.danlu(&["expand", "--all"]).code, 0);
            }
            Step::Expand => assert_eq!(self.place.danlu(&["expand", "--all"]).code, 0),
        }
    }

    fn log(&mut self, rows: u16) {
        self.open();
        for _ in 0..rows {
            self.run.as_ref().unwrap().log([("v", self.value)]);
            self.model.rows.push((self.model.next, self.value));
            self.model.next += 1;
            self.value += 1;
        }
    }

    fn save(&mut self, name: u8, seed: u8) {
        self.open();
        let (name, content) = (format!("f{name}"), vec![seed; usize::from(seed) * 700_000]);
        std::fs::write(self.place.join(&name), &content).unwrap();
        self.run.as_ref().unwrap().save(&name).unwrap();
        self.model.files.insert(name, content);
    }

    /// While a run's first process writes, its file may be destroyed: the journal is the truth. Blobs are in the file only.
    fn damage(&mut self, how: u8) {
        if self.run.is_none() || self.model.attempts > 1 || !self.model.files.is_empty() {
            return;
        }
        self.damaged = true;
        if !self.path.exists() {
            return;
        }
        match how % 3 {
            // It may be gone from the last time.
            0 => std::fs::remove_file(&self.path).unwrap_or_default(),
            1 => std::fs::write(&self.path, "overwritten").unwrap(),
            _ => std::fs::File::options()
                .write(true)
                .open(&self.path)
                .map_or((), |file| file.set_len(5000).unwrap()),
        }
    }

    fn rewind(&mut self, share: u8) {
        if self.model.next == 0 {
            return;
        }
        drop(self.take_run());
        let step = self.model.next * i64::from(share) / 256;
        self.run = Some(self.builder().rewind_to(step).start().unwrap());
        self.model.rows.retain(|(at, _)| *at <= step);
        self.model.next = step + 1;
        self.model.attempts += 1;
    }

    /// Ends the run, if it has not ended, and compares all of it.
    fn check(mut self) {
        drop(self.take_run());
        let done = self.place.danlu(&["verify"]);
        assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
        let connection = store::open(&self.path).unwrap();
        let mut statement =
            connection.prepare("SELECT step, value FROM history WHERE key = 'v' ORDER BY value").unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        assert_eq!(rows.collect::<rusqlite::Result<Vec<(i64, i64)>>>().unwrap(), self.model.rows);
        let mut files = BTreeMap::new();
        let mut statement = connection.prepare("SELECT path, sha256 FROM files").unwrap();
        let named =
            statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))).unwrap();
        for (name, sha256) in named.map(Result::unwrap) {
            let mut content = Vec::new();
            let hash = danlu::model::Hash::parse(&sha256).unwrap();
            store::read_blob(&connection, hash, |bytes| {
                content.extend(bytes);
                Ok(())
            })
            .unwrap();
            files.insert(name, content);
        }
        assert_eq!(files.len(), self.model.files.len());
        assert!(files == self.model.files, "a file has another content");
        let left: Vec<_> = crate::support::names(&self.place.join("wandb"))
            .into_iter()
            .filter(|name| name.starts_with("run-") && !name.ends_with(".damaged"))
            .collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_happens_to_a_run_it_holds_what_was_said(steps in prop::collection::vec(step(), 1..25)) {
        let mut machine = Machine::new();
        steps.iter().for_each(|step| machine.take(step));
        machine.check();
    }
}

//! A syncer, a proxy and a server in a row, and what must hold after every fault.

use crate::means::long;
use crate::proxy::{Fault, Proxy};
use crate::support::{Done, Place, Serving};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// A server, and a proxy before it.
pub struct Line {
    pub proxy: Proxy,
    pub server: Serving,
    pub key: String,
    /// How long a syncer gives the server, in seconds, in place of a minute.
    pub timeout: Option<&'static str>,
    home: Place,
}

/// Makes the waits of a syncer short, but in a long run, which takes them as they are.
pub fn hurry(command: &mut Command) -> &mut Command {
    if long() { command } else { command.env("DANLU_BACKOFF", "0.02") }
}

impl Line {
    pub fn new() -> Self {
        Self::with(&[])
    }

    /// With a server that has these options.
    pub fn with(options: &[&str]) -> Self {
        let home = Place::new();
        let server = home.serve_with(options);
        let key = server.key.clone().unwrap();
        Self { proxy: Proxy::before(&server.url), server, key, timeout: None, home }
    }

    /// Where the server keeps its data.
    pub fn data(&self) -> std::path::PathBuf {
        self.home.join("server")
    }

    /// Starts the server again on the data that it has, or that was put in its place.
    pub fn restart(&mut self) {
        self.server = self.home.serve();
        self.proxy.lead_to(&self.server.url);
    }

    /// Returns the header with the key.
    pub fn authorization(&self) -> String {
        format!("authorization: Bearer {}\r\n", self.key)
    }

    /// Ends the server at once.
    pub fn stop(&mut self) {
        self.server.kill();
    }

    /// Makes a place with a few small runs.
    pub fn place(&self, ids: &[&str]) -> Place {
        let place = Place::new();
        for id in ids {
            place.run(id, 3);
        }
        place
    }

    /// Syncs through the proxy. What the command says must be true, and nothing here may have changed.
    pub fn sync(&self, place: &Place) -> Done {
        self.sync_with(place, &[])
    }

    pub fn sync_with(&self, place: &Place, more: &[&str]) -> Done {
        let before = run_files(&place.join("wandb"));
        let url = self.proxy.url();
        let args = [&["sync", &url, "--json"], more].concat();
        let mut command = place.command(&args);
        hurry(&mut command).env("DANLU_API_KEY", &self.key);
        command.envs(self.timeout.map(|seconds| ("DANLU_TIMEOUT", seconds)));
        let done = crate::support::done(command.output().unwrap(), place);
        assert!(before == run_files(&place.join("wandb")), "a run file was changed or removed");
        self.check_honest(place, &done);
        done
    }

    /// Syncs under a fault that leaves the runs unpushed, then without it: that must complete them. Returns what the first said.
    pub fn fails_then_completes(&self, place: &Place, fault: impl Fault + 'static) -> String {
        self.proxy.set(fault);
        let done = self.sync(place);
        assert_ne!(done.code, 0, "{}{}", done.stdout, done.stderr);
        self.proxy.clear();
        self.completes(place);
        format!("{}{}", done.stdout, done.stderr)
    }

    /// Syncs what was refused before, now that the network is as it should be, and checks that all is there.
    pub fn completes_again(&self, place: &Place) {
        self.proxy.clear();
        let done = self.sync_with(place, &["--recheck"]);
        assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
        self.check_all_there(place);
    }

    /// Syncs, and checks that all is there afterwards.
    pub fn completes(&self, place: &Place) {
        let done = self.sync(place);
        assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
        self.check_all_there(place);
    }

    /// Checks that the server holds every run of a place with our digest.
    pub fn check_all_there(&self, place: &Place) {
        let (ours, there) = (here(place), self.held());
        assert!(!ours.is_empty());
        for (id, digest) in ours {
            assert_eq!(there.get(&id), Some(&digest), "run {id}");
        }
    }

    /// Checks that every run that a command calls pushed is held with our digest.
    fn check_honest(&self, place: &Place, done: &Done) {
        let claimed = claimed(&done.stdout);
        if claimed.is_empty() {
            return;
        }
        let (ours, there) = (here(place), self.held());
        for id in claimed {
            assert_eq!(there.get(&id), ours.get(&id), "run {id} is called pushed: {}", done.stdout);
        }
    }

    /// Returns the digests of the runs that the server holds, by their ids, asked without the proxy.
    pub fn held(&self) -> BTreeMap<String, String> {
        let (mut held, mut runs) = (BTreeMap::new(), 0);
        let mut next = Some("/api/v1/runs?limit=100".to_owned());
        while let Some(page) = next {
            let (status, answer) = self.server.get(&page, &self.key);
            assert_eq!(status, 200, "{answer}");
            runs += answer["runs"].as_array().unwrap().len();
            held.append(&mut digests(&answer));
            next = answer["next"].as_str().map(|cursor| format!("/api/v1/runs?limit=100&cursor={cursor}"));
        }
        assert_eq!(held.len(), runs, "each run is there once");
        held
    }
}

/// Returns the digests of the runs of a place that can be read.
fn here(place: &Place) -> BTreeMap<String, String> {
    let done = place.danlu(&["ls", "--json"]);
    digests(&serde_json::from_str(&done.stdout).expect(&done.stderr))
}

/// Finds runs with their digests in an answer.
fn digests(answer: &Value) -> BTreeMap<String, String> {
    let runs = answer.get("runs").unwrap_or(answer).as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    runs.iter().map(|run| (text(&run["id"]), text(&run["digest"]))).collect()
}

/// Returns the ids of the runs that the output of a sync says are at the remote, each once, in order.
pub fn claimed(stdout: &str) -> Vec<String> {
    fn walk(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Array(list) => list.iter().for_each(|value| walk(value, found)),
            Value::Object(fields) => {
                if let (Some(id), Some("pushed" | "up_to_date")) =
                    (fields.get("id").and_then(Value::as_str), fields.get("status").and_then(Value::as_str))
                {
                    found.push(id.to_owned());
                }
                fields.values().for_each(|value| walk(value, found));
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    for value in serde_json::Deserializer::from_str(stdout).into_iter::<Value>() {
        walk(&value.expect("the output is JSON"), &mut found);
    }
    found.sort();
    found.dedup();
    found
}

/// Reads all run files of a directory.
fn run_files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let runs = entries.filter(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        path.is_file() && name.starts_with("run-") && name.ends_with(".sqlite")
    });
    runs.map(|path| (path.display().to_string(), std::fs::read(&path).unwrap())).collect()
}

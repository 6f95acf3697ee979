//! 47: a server whose disk is full: it says so, what it has can be read, and what makes room works.

use crate::line::hurry;
use crate::means::can_mount;
use crate::mount::Memory;
use crate::support::{Done, Place, Serving, ask, client, done, terminate, wait_until};
use serde_json::Value;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

/// A server on a disk of its own, and a place that pushes to it.
struct Full {
    // In the order in which they go.
    server: Serving,
    _disk: Memory,
    place: Place,
    key: String,
}

/// Fills what is left on the disk of a directory.
fn fill(directory: &Path) {
    let mut file = File::options().create(true).append(true).open(directory.join("ballast")).unwrap();
    for length in [1 << 16, 1 << 12, 1] {
        while file.write_all(&vec![1; length]).is_ok() {}
    }
}

impl Full {
    fn new() -> Self {
        let place = Place::new();
        let disk = Memory::on(&place.join("server"), "size=32m");
        let server = place.serve();
        let key = server.key.clone().unwrap();
        Self { server, _disk: disk, place, key }
    }

    fn fill(&self) {
        fill(&self.place.join("server"));
    }

    fn make_room(&self) {
        std::fs::remove_file(self.place.join("server/ballast")).unwrap();
    }

    fn sync(&self) -> Done {
        self.sync_with(&[])
    }

    fn sync_with(&self, more: &[&str]) -> Done {
        let mut command = self.place.command(&[&["sync", &self.server.url], more].concat());
        hurry(&mut command).env("DANLU_API_KEY", &self.key);
        done(command.output().unwrap(), &self.place)
    }

    /// Pushes a run, or all.
    fn pushes(&self, more: &[&str]) {
        let done = self.sync_with(more);
        assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    }

    /// The ids of the runs that there are, and their keys.
    fn runs(&self) -> Vec<(String, String)> {
        let (status, found) = self.server.get("/api/v1/runs?sort=id", &self.key);
        assert_eq!(status, 200, "{found}");
        let text = |run: &Value, name: &str| run[name].as_str().unwrap().to_owned();
        found["runs"].as_array().unwrap().iter().map(|run| (text(run, "id"), text(run, "key"))).collect()
    }

    fn ids(&self) -> Vec<String> {
        self.runs().into_iter().map(|(id, _)| id).collect()
    }

    fn remove(&self, key: &str) -> (u16, Value) {
        let request = client().delete(format!("{}/api/v1/runs/{key}", self.server.url));
        let answer = request.bearer_auth(&self.key).send().unwrap();
        (answer.status().as_u16(), answer.json().unwrap_or_default())
    }

    fn gc(&self) -> Value {
        self.place.json(&["admin", "--data", "server", "gc", "--older-than", "0s"])
    }

    /// How many pushes were refused because there is no room.
    fn refused(&self) -> u64 {
        self.requests(r#"status="507""#)
    }

    fn requests(&self, label: &str) -> u64 {
        let text = client().get(format!("{}/metrics", self.server.url)).send().unwrap().text().unwrap();
        let is_one = |line: &&str| line.starts_with("danlu_requests_total{") && line.contains(label);
        let count = |line: &str| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap();
        text.lines().filter(is_one).map(count).sum()
    }
}

/// 47: what was there can be read, what did not fit is not visible, runs can be removed to make room, and then the rest comes in.
#[test]
fn f47_a_full_server_is_read_and_makes_room_and_then_takes_the_rest() {
    if !can_mount() {
        return;
    }
    let full = Full::new();
    ["a", "b"].iter().for_each(|id| drop(full.place.run(id, 100)));
    full.pushes(&[]);
    full.fill();
    full.place.run("c", 100);
    let done = full.sync();
    assert_eq!(done.code, 1, "{}", done.stdout);
    assert!(done.stderr.contains("refuses (507): the server's disk is full"), "{}", done.stderr);
    assert!(done.stderr.contains("\nhint: make room there"), "{}", done.stderr);
    let runs = full.runs();
    assert_eq!(full.ids(), ["a", "b"]);
    for (_, key) in &runs {
        let (status, rows) = full.server.get(&format!("/api/v1/runs/{key}/history?keys=loss"), &full.key);
        assert_eq!((status, rows["rows"].as_array().unwrap().len()), (200, 100), "{rows}");
    }
    // Again what is full, also by what others write there: the reserve is for what makes room.
    full.fill();
    assert_eq!(full.remove(&runs[0].1), (204, Value::Null));
    assert_eq!(full.ids(), ["b"]);
    let done = full.sync();
    assert!(done.code == 1 && done.stderr.contains("(507)"), "{}{}", done.stdout, done.stderr);
    assert_eq!(full.gc()["runs"], 1);
    assert_eq!(full.ids(), ["b"], "nothing came in by half");
    full.make_room();
    full.pushes(&["--run", "c"]);
    assert_eq!(full.ids(), ["b", "c"]);
    assert_eq!(full.place.json(&["admin", "--data", "server", "verify"])["damage"], serde_json::json!([]));
}

/// 47: keys can be ended and runs be forgotten while nothing fits, with and without the server; it starts on a full disk too.
#[test]
fn f47_a_server_starts_and_is_managed_on_a_full_disk() {
    if !can_mount() {
        return;
    }
    let mut full = Full::new();
    ["a", "b"].iter().for_each(|id| drop(full.place.run(id, 10)));
    full.pushes(&[]);
    let wanted = ["admin", "--data", "server", "key", "add", "admin", "--name", "lost"];
    let lost = full.place.json(&wanted)["key"].as_str().unwrap().to_owned();
    assert_eq!(full.remove(&full.runs()[0].1).0, 204);
    full.server.kill();
    // Nothing is left of what SQLite has beside its file while somebody has it open: it has to be made again.
    let closed = ask::<i64>(&full.place.join("server/catalogue.sqlite"), "SELECT count(*) FROM run");
    assert_eq!(closed, 2);
    assert!(!full.place.join("server/catalogue.sqlite-shm").exists());
    full.fill();
    let revoked = full.place.danlu(&["admin", "--data", "server", "key", "revoke", &lost[..11]]);
    assert_eq!(revoked.code, 0, "{}", revoked.stderr);
    full.server = full.place.serve();
    assert_eq!(full.ids(), ["b"]);
    assert_eq!(full.server.get("/api/v1/me", &lost).0, 401);
    full.place.run("c", 10);
    let done = full.sync();
    assert!(done.code == 1 && done.stderr.contains("Nothing is taken in while"), "{}", done.stderr);
    assert_eq!(full.gc()["runs"], 1);
    full.make_room();
    full.pushes(&["--run", "c"]);
    assert_eq!(full.ids(), ["b", "c"]);
}

/// 47: where others have used up the reserve too, a run can still be removed, and of what cannot it is said what to do, in words.
#[test]
fn f47_what_no_reserve_helps_with_is_told_in_words() {
    if !can_mount() {
        return;
    }
    let full = Full::new();
    ["a", "b"].iter().for_each(|id| drop(full.place.run(id, 10)));
    full.pushes(&[]);
    std::fs::remove_file(full.place.join("server/reserve")).unwrap();
    full.fill();
    let runs = full.runs();
    assert_eq!(full.remove(&runs[0].1), (204, Value::Null));
    assert_eq!(full.ids(), ["b"]);
    full.fill();
    let request = client().patch(format!("{}/api/v1/runs/{}", full.server.url, runs[1].1));
    let notes = serde_json::json!({"notes": "x".repeat(100_000)});
    let answer = request.bearer_auth(&full.key).json(&notes).send().unwrap();
    let (status, said) = (answer.status(), answer.text().unwrap());
    assert!(
        status == 507 && said.contains("There is no room on the disk of the catalogue"),
        "{status} {said}"
    );
    assert!(said.contains("make some"), "{said}");
    let added = full.place.danlu(&["admin", "--data", "server", "account", "add", "ann"]);
    assert!(added.code == 1 && added.stderr.contains("There is no room on the disk"), "{}", added.stderr);
    assert!(added.stderr.contains("\nhint: "), "{}", added.stderr);
}

/// 47: a full server is a state of the server and not of each run: a sync of many runs asks a few times, and says it once. Also
/// where objects still fit, and not the runs that are made of them.
#[test]
fn f47_a_full_server_is_not_tried_once_for_each_run() {
    if !can_mount() {
        return;
    }
    for left in [0, 200 << 10] {
        let full = Full::new();
        for n in 0..40 {
            full.place.run(&format!("r{n:02}"), 1);
        }
        full.fill();
        let ballast = File::options().write(true).open(full.place.join("server/ballast")).unwrap();
        ballast.set_len(ballast.metadata().unwrap().len() - left).unwrap();
        drop(ballast);
        let done = full.sync();
        assert_eq!(done.code, 1);
        let (refused, commits) = (full.refused(), full.requests("manifests/batch"));
        assert!(refused <= 8 && commits <= 12 && refused + commits > 0, "{refused} and {commits} times");
        let lines = |text: &str| text.lines().filter(|line| line.contains("(507)")).count();
        assert!(lines(&done.stderr) == 1 && lines(&done.stdout) < 4, "{}{}", done.stdout, done.stderr);
        full.make_room();
        full.pushes(&[]);
        assert_eq!(full.ids().len(), 40);
    }
}

/// 47: `--watch` waits for room, longer each time, and then pushes.
#[test]
fn f47_watch_waits_for_room_and_then_pushes() {
    if !can_mount() {
        return;
    }
    let full = Full::new();
    full.place.run("a", 1);
    full.fill();
    let mut command = full.place.command(&["sync", "--watch", &full.server.url]);
    command.env("DANLU_BACKOFF", "0.02").env("DANLU_API_KEY", &full.key);
    let mut watch = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until("it was refused some times", || full.refused() > 4);
    full.make_room();
    wait_until("the run is pushed", || full.ids() == ["a"]);
    terminate(&watch);
    watch.wait().unwrap();
}

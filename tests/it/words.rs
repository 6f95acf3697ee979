//! What the commands of remotes say: once, of the right one, and with what to do.

use crate::support::{Place, client};
use danlu::model::{Hash, SystemClock};
use danlu::remote::{Directory, PART_BYTES, Remote, SizedHash};
use danlu::sync::{Counts, LocalRuns, Progress, RunOutcome, Session, Settings, State, pass};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

#[test]
fn a_wrong_key_is_said_to_be_one_in_the_terminal_and_in_the_browser() {
    let place = Place::new();
    let server = place.serve();
    let done = place.danlu(&["login", &server.url, "--key", "dk_wrong"]);
    assert_eq!(done.code, 1);
    assert!(
        done.stderr.contains("danlu admin key add") && !done.stderr.contains("danlu login"),
        "{}",
        done.stderr
    );
    let page = client().get(format!("{}/?key=dk_wrong", server.url)).send().unwrap();
    assert_eq!(page.status(), 401);
    assert!(page.headers().contains_key("content-security-policy"));
    let page = page.text().unwrap();
    assert!(page.contains(r#"role="alert">The server does not know this key.</p>"#), "{page}");
    let page = client().get(&server.url).send().unwrap().text().unwrap();
    assert!(page.contains(r#"role="alert"></p>"#), "{page}");
}

#[test]
fn the_address_of_the_api_logs_in_to_its_server() {
    let place = Place::new();
    place.run("abc", 1);
    let server = place.serve();
    let (api, key) = (format!("{}/api/v1/", server.url), server.key.clone().unwrap());
    assert_eq!(place.json(&["login", &api, "--key", &key])["url"], server.url);
    let done = place.danlu(&["sync"]);
    assert_eq!(done.code, 0, "{}", done.said());
    let done = place.danlu(&["sync", &api]);
    assert_eq!(done.code, 2, "{}", done.said());
    assert!(done.stderr.contains(&format!("hint: the server is {}\n", server.url)), "{}", done.stderr);
}

#[test]
fn a_watch_names_the_remote_of_each_line_if_there_are_several() {
    let place = Place::new();
    place.run("abc", 1);
    let done = place.danlu(&["sync", "./one", "./two", "--watch", "--until-done"]);
    assert_eq!(done.code, 0, "{}", done.said());
    for remote in ["one", "two"] {
        let line = format!("pushed      demo/abc to [DIR]/{remote}: ");
        assert!(done.stdout.contains(&line), "{}", done.stdout);
    }
    let done = place.danlu(&["sync", "./three", "--watch", "--until-done"]);
    assert!(done.stdout.starts_with("pushed      demo/abc: "), "{}", done.stdout);
    // To say what would be sent, and to stay, are two wishes.
    for look in ["--dry-run", "--view"] {
        let done = place.danlu(&["sync", "./four", "--watch", look]);
        assert!(done.code == 2 && done.stderr.contains("leave one of them out"), "{look}: {}", done.said());
        assert!(!place.join("four").exists());
    }
}

#[test]
fn the_state_of_remotes_says_nothing_twice() {
    let place = Place::new();
    let path = place.run("abc", 1);
    place.run("def", 1);
    let name = path.file_name().unwrap().to_str().unwrap();
    for remote in ["one", "two"] {
        assert_eq!(place.danlu(&["remote", "add", remote, &format!("./{remote}")]).code, 0);
        assert_eq!(place.danlu(&["sync", remote, "--exclude", "*.bin"]).code, 0);
    }
    let status = place.danlu(&["status"]).stdout;
    // The address of the default stands with its name.
    assert_eq!(status.matches("[DIR]/one").count(), 1, "{status}");
    assert!(!status.contains("\nremote "), "{status}");
    let line = status.lines().find(|line| line.contains("demo/abc")).unwrap();
    assert!(line.contains("without 1 file (3000 B), left out by choice"), "{status}");
    assert_eq!(line.matches("left out").count(), 1, "{status}");
    assert_eq!(status.matches("`danlu sync` without limits").count(), 2, "once for each remote: {status}");
    // A file that cannot be read is named by the reason.
    std::fs::write(&path, b"no run file").unwrap();
    assert_eq!(place.danlu(&["sync", "one"]).code, 1);
    let status = place.danlu(&["status"]).stdout;
    let line = status.lines().find(|line| line.contains("parked")).unwrap();
    assert_eq!(line.matches(name).count(), 1, "{status}");
    // What was found out just now has no time of long ago.
    std::fs::rename(place.join("two"), place.join("gone")).unwrap();
    let checked = place.danlu(&["status", "--check"]).stdout;
    assert!(checked.contains("\n  error: There is no remote `[DIR]/two`"), "{checked}");
}

/// Counts what a pass tells.
#[derive(Default)]
struct Told {
    lacked: AtomicU64,
    sent: AtomicU64,
    found: AtomicU64,
}

impl Progress for Told {
    fn start(&self, _: &str, _: Counts) {}
    fn run(&self, _: &str, _: &str, _: u64, bytes: u64) {
        self.lacked.fetch_add(bytes, Ordering::Relaxed);
    }
    fn sent(&self, _: &str, _: &str, bytes: u64) {
        self.sent.fetch_add(bytes, Ordering::Relaxed);
    }
    fn found(&self, _: &str, _: &str, bytes: u64) {
        self.found.fetch_add(bytes, Ordering::Relaxed);
    }
    fn ended(&self, _: &str, _: &RunOutcome) {}
}

#[test]
fn what_is_there_of_a_push_that_was_broken_off_does_not_count_as_sent() {
    let place = Place::new();
    let content = vec![7; 2 * usize::try_from(PART_BYTES).unwrap() + 1];
    let run = danlu::Run::builder("demo").id("large").dir(place.path()).start().unwrap();
    std::fs::write(place.join("model.bin"), &content).unwrap();
    run.save("model.bin").unwrap();
    run.finish(0).unwrap();
    let remote = Directory::create(&place.join("usb")).unwrap();
    let blob = SizedHash { sha256: Hash::of(&content), size: content.len() as u64 };
    let first = content[..usize::try_from(PART_BYTES).unwrap()].to_vec();
    remote.put_part(blob, 0, first.into()).unwrap();
    let (clock, told) = (Arc::new(SystemClock), Arc::new(Told::default()));
    let source = LocalRuns::new(place.path(), "host", clock.clone(), Arc::new(|_| {}));
    let progress: Arc<dyn Progress> = told.clone();
    let settings = Settings { progress, ..Settings::silent(clock) };
    let done =
        pass(&source, &remote, &State::in_memory().unwrap(), &mut Session::default(), &settings).unwrap();
    assert!(done.error.is_none());
    let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
    assert_eq!((of(&told.found), of(&told.sent)), (PART_BYTES, of(&told.lacked) - PART_BYTES));
}

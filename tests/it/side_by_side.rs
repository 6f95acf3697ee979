//! Several remotes at once, without a watch: none waits for another one.

use crate::support::{Place, wait_until};
use std::io::Read;
use std::net::TcpListener;
use std::process::Stdio;

#[test]
fn a_remote_that_never_answers_does_not_hold_up_another_one() {
    let place = Place::new();
    place.run("abc", 3);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", silent.local_addr().unwrap());
    for (name, address) in [("a", &*address), ("usb", "./usb")] {
        assert_eq!(place.danlu(&["remote", "add", name, address]).code, 0);
    }
    let usb = place.join("usb");
    for call in [&["sync", "a", "usb"][..], &["sync", "--all"], &["sync", "--from", "kept", "a", "usb"]] {
        let mut command = place.command(call);
        command.env("DANLU_TIMEOUT", "600").stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        wait_until("the run is on the stick", || usb.join("runs").is_dir());
        let mut connection = silent.accept().unwrap().0;
        // It is still being asked, and goes away now.
        assert!(connection.read(&mut [0; 16]).unwrap() > 0);
        drop(connection);
        let done = crate::support::done(child.wait_with_output().unwrap(), &place);
        assert_eq!(done.code, 1, "{call:?}: {}{}", done.stdout, done.stderr);
        assert!(
            done.stdout.starts_with("pushed      demo/abc: ") && done.stdout.contains(" to [DIR]/usb\n"),
            "{call:?}: {}",
            done.stdout
        );
        assert!(
            done.stderr.contains(&format!("error: Cannot reach `{address}`")),
            "{call:?}: {}",
            done.stderr
        );
        let kept = place.join("kept");
        if kept.exists() {
            std::fs::remove_dir_all(&kept).unwrap();
        }
        std::fs::rename(&usb, &kept).unwrap();
        std::fs::remove_file(place.join("wandb/sync.sqlite")).ok();
    }
}

#[test]
fn what_is_said_of_each_remote_stays_together() {
    let place = Place::new();
    for n in 0..8 {
        place.run(&format!("r{n}"), 3);
    }
    let remotes = ["./one", "./two", "./three"];
    let done = place.danlu(&[&["sync"][..], &remotes].concat());
    assert_eq!(done.code, 0, "{}", done.stderr);
    let mut told = Vec::new();
    for block in done.stdout.lines().collect::<Vec<_>>().chunks(9) {
        assert!(block[..8].iter().all(|line| line.starts_with("pushed      demo/r")), "{}", done.stdout);
        let (_, remote) = block[8].rsplit_once('/').unwrap();
        assert!(block[8].contains("8 pushed; 16 objects, "), "{}", done.stdout);
        told.push(remote.to_owned());
    }
    told.sort();
    // However a place is named, it is one.
    let usb = place.join("one");
    let named = place.danlu(&["sync", "one", "two", "./one", usb.to_str().unwrap()]);
    assert_eq!(named.stdout.matches("8 up to date; ").count(), 2, "{}", named.stdout);
    assert_eq!(told, ["one", "three", "two"]);
    // Events say of which remote they are, and count for it alone.
    for n in 8..12 {
        place.run(&format!("r{n}"), 3);
    }
    let done = place.danlu(&[&["sync", "--json"][..], &remotes].concat());
    let events = done.stdout.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let ended: Vec<_> = events.filter(|event| event["event"] == "done").collect();
    assert!(ended.len() == 3 && ended.iter().all(|event| event["objects_sent"] == 8), "{}", done.stdout);
}

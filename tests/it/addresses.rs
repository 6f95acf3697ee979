//! What names a remote: addresses, names, the default, and slips of the pen.

use crate::support::{Done, Place, names};

#[test]
fn a_slip_of_the_pen_makes_no_remote() {
    let place = Place::new();
    place.run("abc", 1);
    // Machines, not directories.
    for host in ["localhost", "localhost:8181", "runs.example.org", "10.0.0.7"] {
        for call in [&["sync", host][..], &["sync", host, "--dry-run"], &["remote", "add", "x", host]] {
            let done = place.danlu(call);
            assert_eq!(done.code, 2, "{call:?}: {}", done.said());
            let words =
                [format!("There is no remote `{host}`"), format!("./{host}"), format!("http://{host}")];
            assert!(words.iter().all(|word| done.stderr.contains(word)), "{}", done.stderr);
        }
    }
    // A name, before there are any.
    for call in [&["sync", "lab"][..], &["sync", "lab", "--dry-run"], &["remote", "add", "x", "lab"]] {
        let done = place.danlu(call);
        assert_eq!(done.code, 2, "{call:?}: {}", done.said());
        let words = ["There is no remote `lab`", "`./lab`", "`danlu remote add lab ADDRESS`"];
        assert!(words.iter().all(|word| done.stderr.contains(word)), "{}", done.stderr);
    }
    // Runs.
    for (call, why) in [
        (&["sync", "wandb/run-typo.sqlite", "./usb"][..], "There is no run file `wandb/run-typo.sqlite`"),
        (&["sync", "run-typo.sqlite"], "There is no run file `run-typo.sqlite`"),
        (&["sync", "wandb/run-typo"], "No remote is made in `[DIR]/wandb`"),
        (&["sync", "wandb/run-typo", "--dry-run"], "No remote is made in `[DIR]/wandb`"),
    ] {
        let done = place.danlu(call);
        assert!(done.code == 2 && done.stderr.contains(why), "{call:?}: {}", done.said());
    }
    assert!(!names(&place.join("wandb")).iter().any(|name| name.contains("typo")));
    let done = place.danlu(&["sync", "./usb"]);
    assert!(done.code == 0 && done.stderr.contains("created the remote `[DIR]/usb`"), "{}", done.said());
    assert_eq!(place.danlu(&["remote", "add", "lab", "./usb"]).code, 0);
    for call in [&["sync", "labb"][..], &["sync", "lab", "labb"], &["remote", "add", "x", "labb"]] {
        let done = place.danlu(call);
        assert_eq!(done.code, 2, "{call:?}: {}", done.said());
        assert!(done.stderr.contains("There is no remote `labb`; there are: lab"), "{}", done.stderr);
    }
    let mut of_environment = place.command(&["sync"]);
    let of_environment = of_environment.env("DANLU_REMOTE", "labb").output().unwrap();
    assert_eq!(of_environment.status.code(), Some(2));
    let mut made = names(place.path());
    made.retain(|name| name != "cache" && name != "settings");
    assert_eq!(made, ["model.bin", "usb", "wandb"]);
    for meant in ["lab", "usb", "./labb"] {
        assert_eq!(place.danlu(&["sync", meant]).code, 0, "{meant}");
    }
}

#[test]
fn secrets_in_addresses_are_refused_and_not_repeated() {
    let place = Place::new();
    place.run("abc", 1);
    for address in [
        "s3://AKIA:wJalrHUSH@bucket/place",
        "s3://AKIA:wJa/lrHUSH@bucket",
        "https://user:HUSH@host.invalid/",
        "https://HUSH@host.invalid",
        "https:user:HUSH@host.invalid",
        "ssh://user:HUSH@host.invalid/dir",
        "s3://b?aws_secret_access_key=HUSH",
        "s3://b?%73ecret=HUSH",
        "az://b?SAS_Token=HUSH",
        "https://host.invalid/?key=HUSH",
        "user:HUSH@host.invalid",
    ] {
        for call in [
            &["remote", "add", "k", address][..],
            &["sync", address],
            &["sync", "--watch", address],
            &["sync", "--from", address, "./usb"],
            &["pull", address, "--all"],
            &["ls", "--remote", address],
            &["login", address, "--key", "k"],
        ] {
            let done = place.danlu(call);
            assert_eq!(done.code, 2, "{call:?}: {}", done.said());
            assert!(!done.said().contains("HUSH"), "{call:?}: {}", done.said());
        }
    }
    assert!(!place.join("wandb/remotes.json").exists() && !place.join("usb").exists());
    // A user of another machine is no secret.
    assert_eq!(place.danlu(&["remote", "add", "k", "ssh://user@host.invalid/dir"]).code, 0);
}

#[test]
fn the_path_of_a_remote_is_written_down_as_the_system_takes_it() {
    let place = Place::new();
    place.run("abc", 1);
    std::fs::create_dir_all(place.join("far/deep")).unwrap();
    std::os::unix::fs::symlink("far/deep", place.join("link")).unwrap();
    for (given, meant) in [("./none/../usb", "usb"), ("./link/../usb", "far/usb")] {
        assert_eq!(place.danlu(&["remote", "add", "k", given]).code, 0);
        let listed = place.json(&["remote", "ls"]);
        assert_eq!(listed[0]["address"], format!("[DIR]/{meant}"));
        assert_eq!(place.danlu(&["remote", "rm", "k"]).code, 0);
    }
    // It is one remote, however it is written.
    let done = place.danlu(&["sync", "./usb", "./far/../usb"]);
    assert_eq!((done.code, done.stdout.matches("1 pushed;").count()), (0, 1), "{}", done.said());
}

fn with_remote(place: &Place, remote: &str, args: &[&str]) -> Done {
    crate::support::done(place.command(args).env("DANLU_REMOTE", remote).output().unwrap(), place)
}

#[test]
fn a_default_that_is_none_matters_only_where_it_is_needed() {
    let place = Place::new();
    place.run("abc", 2);
    assert_eq!(place.danlu(&["remote", "add", "lab", "./usb"]).code, 0);
    for named in ["labb", "http://user:HUSH@host.invalid"] {
        let why = if named == "labb" { "There is no remote `labb`; there are: lab" } else { "a password" };
        let run = |args: &[&str]| with_remote(&place, named, args);
        for (args, code) in [
            (&["sync", "lab"][..], 0),
            (&["sync", "--all"], 0),
            (&["sync", "--from", "lab", "./second"], 0),
            (&["pull", "lab", "abc"], 0),
            (&["pull", "lab", "--all"], 0),
            (&["pull", "usb", "abc"], 0),
            (&["remote", "ls"], 0),
            (&["sync"], 2),
            (&["pull", "abc"], 2),
            (&["pull", "--all"], 2),
        ] {
            let done = run(args);
            assert_eq!(done.code, code, "{args:?}: {}{}", done.stdout, done.stderr);
            let says_why = done.stderr.contains("$DANLU_REMOTE") && done.stderr.contains(why);
            assert_eq!(says_why, code == 2, "{args:?}: {}", done.stderr);
            assert!(!done.stderr.contains("HUSH"), "{}", done.stderr);
        }
        let status = run(&["status"]);
        assert_eq!(status.code, 0, "{}", status.stderr);
        assert!(status.stdout.contains("remote   none\n"), "{}", status.stdout);
        assert!(status.stdout.contains("pushed      demo/abc"), "{}", status.stdout);
        assert_eq!(status.stderr.matches(why).count(), 1, "{}", status.stderr);
    }
}

#[test]
fn a_directory_is_where_it_was_named_from() {
    let place = Place::new();
    place.run("abc", 2);
    std::fs::create_dir(place.join("elsewhere")).unwrap();
    let from_elsewhere = |args: &[&str]| {
        let mut command = place.command(args);
        let done = command.args(["--dir", ".."]).current_dir(place.join("elsewhere")).output().unwrap();
        crate::support::done(done, &place)
    };
    // Named in a sync: remembered as the place that it is.
    assert_eq!(place.danlu(&["sync", "./usb"]).code, 0);
    let again = from_elsewhere(&["sync"]);
    assert_eq!((again.code, again.stderr.as_str()), (0, ""), "{}", again.stdout);
    assert!(again.stdout.contains("up to date  demo/abc"), "{}", again.stdout);
    assert!(again.stdout.contains(" to [DIR]/usb\n"), "{}", again.stdout);
    // With a name: of where the command ran, not of where the runs are.
    assert_eq!(from_elsewhere(&["remote", "add", "near", "./stick"]).code, 0);
    assert_eq!(place.json(&["remote", "ls"])[0]["address"], "[DIR]/elsewhere/stick");
    assert_eq!(place.danlu(&["sync", "near"]).code, 0);
    assert!(place.join("elsewhere/stick/runs").is_dir());
    // What is not there is named in full.
    std::fs::rename(place.join("elsewhere/stick"), place.join("pulled")).unwrap();
    for (command, said) in [
        (&["sync", "near"][..], "The remote that was in `[DIR]/elsewhere/stick` is not there"),
        (&["pull", "near", "--all"], "There is no remote `[DIR]/elsewhere/stick`"),
    ] {
        let done = place.danlu(command);
        assert!(done.code == 1 && done.stderr.contains(said), "{command:?}: {}", done.stderr);
    }
    let relative = place.danlu(&["pull", "./stick", "--all"]);
    assert!(relative.stderr.contains("There is no remote `[DIR]/stick`"), "{}", relative.stderr);
    // Files of remotes that people have edited are of where the command runs, and it says where it looked.
    let book = place.join("wandb/remotes.json");
    let text =
        std::fs::read_to_string(&book).unwrap().replace(place.join("elsewhere/").to_str().unwrap(), "");
    std::fs::write(&book, text).unwrap();
    let edited = from_elsewhere(&["sync", "near"]);
    assert!(
        edited.stderr.contains("The remote that was in `[DIR]/elsewhere/stick` is not there"),
        "{}",
        edited.stderr
    );
}

//! What the command line says to people: answers, and what it says to bad input.

use crate::support::Place;

fn said(place: &Place, args: &[&str]) -> String {
    let done = place.danlu(args);
    format!("exit {}\n{}{}", done.code, done.stdout, done.stderr)
}

#[test]
fn bad_input_gets_a_clear_error() {
    let place = Place::new();
    let empty = "no directory of runs yet: ";
    insta::assert_snapshot!(format!("{empty}{}", said(&place, &["ls", "nowhere"])));
    insta::assert_snapshot!(said(&place, &["sync"]));
    place.run("abc", 1);
    std::fs::write(place.join("text"), "no database at all, but long enough to look at").unwrap();
    insta::assert_snapshot!(said(&place, &["show", "nothing"]));
    insta::assert_snapshot!(said(&place, &["verify", "text"]));
    insta::assert_snapshot!(said(&place, &["sync", "ftp://host/dir"]));
    insta::assert_snapshot!(said(&place, &["sync", "wandb"]));
    insta::assert_snapshot!(said(&place, &["sql", "SELEC 1"]));
    insta::assert_snapshot!(said(&place, &["serve", "--data", "server", "--listen", "here"]));
    insta::assert_snapshot!(said(&place, &["login", "usb", "--key", "x"]));
    std::fs::write(place.join("wandb/run-20200101_000000-cut.sqlite"), "SQLite format 3\0").unwrap();
    insta::assert_snapshot!(
        said(&place, &["ls"]).lines().filter(|line| line.starts_with("error")).collect::<String>()
    );
}

#[test]
fn an_unknown_host_and_a_port_in_use_are_named() {
    let place = Place::new();
    place.run("abc", 1);
    let done = place.danlu(&["sync", "http://no-such-host.invalid:1"]);
    assert_eq!(done.code, 1);
    assert!(
        done.stderr.starts_with("error: Cannot reach `http://no-such-host.invalid:1`"),
        "{}",
        done.stderr
    );
    let server = place.serve();
    let address = server.url.strip_prefix("http://").unwrap();
    let done = place.danlu(&["serve", "--data", "other", "--listen", address]);
    assert_eq!(done.code, 1);
    assert!(
        done.stderr.starts_with(&format!("error: Cannot listen on {address}: Address already in use")),
        "{}",
        done.stderr
    );
    assert!(done.stderr.contains("hint: choose another port"), "{}", done.stderr);
}

#[test]
fn something_else_that_answers_is_no_server() {
    let place = Place::new();
    place.run("abc", 1);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let portal = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).unwrap();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 5\r\n\r\nhello")
            .unwrap();
    });
    let done = place.danlu(&["sync", &url]);
    portal.join().unwrap();
    assert_eq!(done.code, 1);
    assert!(done.stderr.contains("but is no danlu server"), "{}", done.stderr);
}

#[test]
fn keys_are_kept_from_others() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let server = place.serve();
    let key = server.key.clone().unwrap();
    let done = place.danlu(&["login", &server.url, "--key", &key]);
    assert!(!done.stdout.contains(&key) && done.code == 0);
    let mode = std::fs::metadata(place.join("settings/credentials.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn names_cannot_command_the_terminal() {
    let place = Place::new();
    let run =
        danlu::Run::builder("p").id("abc").name("\u{1b}[31mred\u{7}").dir(place.path()).start().unwrap();
    run.finish(0).unwrap();
    for args in [&["ls"][..], &["show", "abc"][..], &["sql", "SELECT name FROM runs"][..]] {
        let done = place.danlu(args);
        assert!(done.stdout.contains("red") && !done.stdout.contains('\u{1b}'), "{:?}", done.stdout);
    }
}

#[test]
fn every_command_explains_itself() {
    let place = Place::new();
    insta::assert_snapshot!(said(&place, &["--help"]));
    let commands = [
        "run",
        "ls",
        "show",
        "sql",
        "files",
        "get",
        "verify",
        "sync",
        "import",
        "serve",
        "admin",
        "login",
        "offline",
        "status",
        "version",
        "completions",
    ];
    for command in commands {
        let done = place.danlu(&[command, "--help"]);
        assert_eq!(done.code, 0);
        assert!(done.stdout.len() > 200, "{command}: {}", done.stdout);
    }
    for shell in ["bash", "zsh", "fish"] {
        let done = place.danlu(&["completions", shell]);
        assert!(done.code == 0 && done.stdout.contains("verify"), "{shell}");
    }
    assert!(said(&place, &["version"]).starts_with("exit 0\ndanlu 0."));
}

#[test]
fn endless_texts_are_cut_in_tables() {
    let place = Place::new();
    let run = danlu::Run::builder("p")
        .id("abc")
        .config("prompt", "x".repeat(70_000))
        .dir(place.path())
        .start()
        .unwrap();
    run.event(danlu::model::EventKind::Rename, "name", "y".repeat(1_000_000), "");
    run.finish(0).unwrap();
    for args in [&["ls"][..], &["show", "abc"][..], &["sql", "SELECT value FROM config"][..]] {
        let done = place.danlu(args);
        assert_eq!(done.code, 0, "{}", done.stderr);
        assert!(done.stdout.contains('\u{2026}') || args[0] == "show", "{args:?}");
    }
}

#[test]
fn an_empty_remote_and_a_missing_directory_make_nothing() {
    let place = Place::new();
    place.run("abc", 1);
    assert_eq!(place.danlu(&["sync", ""]).code, 2);
    assert_eq!(place.danlu(&["sync", "--dir", "nowhere", "usb"]).code, 1);
    assert!(!place.join("usb").exists() && !place.join("danlu-remote.json").exists());
}

#[test]
fn the_mode_of_a_directory_is_set_and_shown() {
    let place = Place::new();
    insta::assert_snapshot!(said(&place, &["status"]));
    std::fs::create_dir(place.join("wandb")).unwrap();
    std::fs::write(place.join("wandb/settings"), "[default]\nproject = mnist\n").unwrap();
    assert_eq!(place.danlu(&["disabled"]).code, 0);
    place.run("abc", 1);
    insta::assert_snapshot!(said(&place, &["status"]));
    assert_eq!(place.danlu(&["enabled"]).code, 0);
    assert_eq!(
        std::fs::read_to_string(place.join("wandb/settings")).unwrap(),
        "[default]\nproject = mnist\n"
    );
    assert!(said(&place, &["offline", "--json"]).contains("\"mode\": \"offline\""));
    assert!(said(&place, &["online"]).contains("sent to the remote if there is one"));
}

#[test]
fn login_without_a_server_needs_nothing_and_repeats_no_key() {
    let place = Place::new();
    assert_eq!(
        said(&place, &["login"]),
        "exit 0\nTraining needs no login, and no server was named: there is nothing to do\n"
    );
    let key = "0123456789abcdef0123456789abcdef01234567";
    let done = said(&place, &["login", "--relogin", key]);
    assert!(done.starts_with("exit 2\nerror: A key is for a server") && !done.contains(key), "{done}");
}

#[test]
fn a_script_is_not_run_without_python() {
    let place = Place::new();
    let done = place.command(&["run", "train.py"]).env("PATH", place.path()).output().unwrap();
    let stderr = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(1));
    assert!(stderr.contains("there is no `python3`") && stderr.contains("pip install danlu"), "{stderr}");
}

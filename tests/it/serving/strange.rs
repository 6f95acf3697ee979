//! Data of a server that cannot be used, because it is somebody else's, or something else is in its place.

use crate::support::{Done, Place, ask, done, names, wait_until};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

/// Who has no rights anywhere.
const NOBODY: u32 = 65534;

/// Runs `danlu` as somebody who has no rights here, where this is root, and as who owns nothing else.
fn as_nobody(place: &Place, args: &[&str]) -> Done {
    let mut command = Command::new("setpriv");
    let nobody = NOBODY.to_string();
    command.args(["--reuid", &nobody, "--regid", &nobody, "--clear-groups", "--"]);
    command.arg(place.join("danlu")).args(args).current_dir(place.path()).env_clear();
    command.env("DANLU_CONFIG_DIR", place.join("nobody/settings"));
    done(command.output().unwrap(), place)
}

/// Checks that something is refused in words: what, and what to do, and not the number of an error of SQLite.
fn refused(done: &Done, said: &str, hint: &str) {
    let text = &done.stderr;
    assert_ne!(done.code, 0, "{}{text}", done.stdout);
    assert!(text.starts_with(&format!("error: {said}")), "{said}: {text}");
    assert!(text.contains("\nhint: ") && text.contains(hint), "{hint}: {text}");
    assert!(!text.contains("Error code") && !text.contains("readonly database"), "{text}");
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// A place with the data of a server, and a directory of nobody's.
fn place() -> Place {
    assert!(rustix::process::geteuid().is_root(), "this is tried as root, who can be somebody else too");
    let place = Place::new();
    mode(place.path(), 0o755);
    // Nobody may be let into where it was built.
    std::fs::copy(env!("CARGO_BIN_EXE_danlu"), place.join("danlu")).unwrap();
    std::fs::create_dir(place.join("nobody")).unwrap();
    chown(place.join("nobody"), Some(NOBODY), Some(NOBODY)).unwrap();
    let mut server = place.serve();
    server.kill();
    // Closed in order, it has nothing beside it that could be read without a right to write.
    assert_eq!(ask::<i64>(&place.join("server/catalogue.sqlite"), "SELECT count(*) FROM account"), 1);
    place
}

#[test]
fn what_others_have_in_a_directory_is_left_alone() {
    let place = Place::new();
    std::fs::create_dir_all(place.join("project/runs")).unwrap();
    std::fs::write(place.join("project/runs/results.csv"), "precious").unwrap();
    let serve = |data| place.danlu(&["serve", "--data", data, "--listen", "127.0.0.1:0"]);
    refused(
        &serve("project"),
        "`project` is no data directory of a server: it has other things in it",
        "an empty or a new directory",
    );
    assert_eq!(std::fs::read_to_string(place.join("project/runs/results.csv")).unwrap(), "precious");
    place.run("abc", 3);
    assert_eq!(place.danlu(&["sync", "./usb"]).code, 0);
    refused(&serve("usb"), "`usb` is no data directory of a server", "it is a remote");
    assert!(place.danlu(&["ls", "--remote", "usb"]).stdout.contains("abc"));
    // As the hint says.
    let server = place.serve_with(&["--objects", "usb"]);
    let listed = place
        .command(&["ls", "--remote", &server.url])
        .env("DANLU_API_KEY", server.key.clone().unwrap())
        .output();
    assert!(done(listed.unwrap(), &place).stdout.contains("abc"));
    drop(server);
    // After an unclean end of the machine, what may be damaged goes: of the run files, and of nothing else.
    std::fs::write(place.join("server/runs/notes.txt"), "precious").unwrap();
    std::fs::remove_file(place.join("server/runs.json")).unwrap();
    drop(place.serve_with(&["--objects", "usb"]));
    assert_eq!(names(&place.join("server/runs")), ["notes.txt"]);
}

#[test]
fn a_catalogue_in_postgresql_needs_objects_that_all_servers_reach() {
    let place = Place::new();
    refused(
        &place.danlu(&["serve", "--data", "cache", "--catalogue", "postgres://nobody@127.0.0.1:1/x"]),
        "A catalogue in PostgreSQL is for objects that all of its servers reach",
        "`--objects`",
    );
}

#[test]
fn data_of_somebody_else_is_refused_with_whose_it_is() {
    let place = place();
    let whose = "belongs to user 0, and this is user 65534: run danlu as that one, or `chown` it to this one";
    let serve = ["serve", "--data", "server", "--listen", "127.0.0.1:0"];
    let admin = |what: &[&'static str]| [&["admin", "--data", "server"], what].concat();
    refused(
        &as_nobody(&place, &serve),
        "Cannot write to the data directory `server`: Permission denied",
        whose,
    );
    let looked = as_nobody(&place, &admin(&["stats"]));
    refused(&looked, "Cannot look into the data directory `server`: Permission denied", whose);
    mode(&place.join("server"), 0o755);
    refused(
        &as_nobody(&place, &serve),
        "Cannot write to the data directory `server`: Permission denied",
        whose,
    );
    for what in [&["gc"][..], &["account", "add", "ann"], &["key", "ls"]] {
        let done = as_nobody(&place, &admin(what));
        refused(&done, "Cannot write the catalogue `server/catalogue.sqlite`: Permission denied", whose);
    }
    // Files can be made there, and the catalogue is root's.
    mode(&place.join("server"), 0o777);
    refused(&as_nobody(&place, &serve), "Cannot write `server/catalogue.sqlite`: Permission denied", whose);
    let added = as_nobody(&place, &admin(&["account", "add", "ann"]));
    refused(&added, "Cannot write the catalogue `server/catalogue.sqlite`: Permission denied", whose);
    // It is as it was.
    assert_eq!(place.json(&["admin", "--data", "server", "stats"])["accounts"], 1);
    assert_eq!(place.serve().get("/healthz", "").0, 200);
}

#[test]
fn objects_that_cannot_be_written_are_refused_before_anybody_pushes() {
    let place = place();
    let with = |objects: &'static str| {
        ["serve", "--data", "nobody/data", "--objects", objects, "--listen", "127.0.0.1:0"]
    };
    let whose = "belongs to user 0, and this is user 65534";
    std::fs::create_dir(place.join("roots")).unwrap();
    let done = as_nobody(&place, &with("roots"));
    refused(&done, "The objects: Cannot create the directory `roots/segments`: Permission denied", whose);
    let done = as_nobody(&place, &with("roots/new"));
    refused(&done, "The objects: Cannot create the directory `roots/new`: Permission denied", whose);
    mode(&place.join("server"), 0o755);
    let done = as_nobody(&place, &with("server/objects"));
    refused(&done, "Cannot write to the directory of objects `server/objects/segments`: Permission", whose);
    std::fs::write(place.join("file"), "x").unwrap();
    refused(&as_nobody(&place, &with("file")), "The objects: Cannot open the remote `file`: Not a dir", "");
}

#[test]
fn what_is_no_directory_and_a_port_that_is_taken_are_refused_in_words() {
    let place = Place::new();
    std::fs::write(place.join("file"), "x").unwrap();
    let serve = |data: &str, listen: &str| place.danlu(&["serve", "--data", data, "--listen", listen]);
    let is_a_file = "`file` is a file: give a directory";
    refused(&serve("file", "127.0.0.1:0"), "Cannot create the data directory `file`", is_a_file);
    refused(&serve("file/in", "127.0.0.1:0"), "Cannot create the data directory `file/in`", is_a_file);
    let done = place.danlu(&["admin", "--data", "file", "gc"]);
    refused(&done, "`file` is no data directory of a server", "`danlu serve --data DIR` makes one");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = format!("Cannot listen on {address}: Address already in use");
    refused(&serve("new", &address), &said, "choose another port");
    assert!(!place.join("new").exists(), "nothing was begun");
    // A directory in the place of the catalogue is no catalogue.
    std::fs::create_dir_all(place.join("odd/catalogue.sqlite")).unwrap();
    refused(&serve("odd", "127.0.0.1:0"), "Cannot write `odd/catalogue.sqlite`: Is a directory", "hint");
    drop(taken);
    wait_until("the port is free", || TcpListener::bind(&address).is_ok());
}

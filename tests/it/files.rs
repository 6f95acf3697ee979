//! What is saved, when, and what is left out.

use crate::support::{Place, ask, names, wait_until};
use danlu::store::{self, Appender, BUSY_TIMEOUT};
use danlu::{Error, ErrorKind, Policy, Run};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

type Said = Arc<Mutex<Vec<String>>>;

fn start(place: &Place) -> (Run, PathBuf, Said) {
    let said = Said::default();
    let sink = Arc::clone(&said);
    let run = Run::builder("files")
        .id("abc")
        .dir(place.path())
        .tick(Duration::from_millis(10))
        .ignore_glob("*.tmp")
        .ignore_glob("cache/**")
        .on_warning(move |warning| sink.lock().unwrap().push(warning.to_owned()))
        .start()
        .unwrap();
    let path = run.path().to_owned();
    (run, path, said)
}

fn write(place: &Place, name: &str, content: impl AsRef<[u8]>) {
    let path = place.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

/// Bytes that are alike nowhere.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed * 2 + 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(&state.to_be_bytes());
    }
    bytes.truncate(length);
    bytes
}

fn content(path: &Path, name: &str, version: i64) -> Vec<u8> {
    let connection = store::open(path).unwrap();
    let sql = "SELECT sha256 FROM file WHERE path = ? ORDER BY id LIMIT 1 OFFSET ?";
    let hash = connection.query_row(sql, (name, version - 1), |row| row.get(0)).unwrap();
    let mut bytes = Vec::new();
    let read = store::read_blob(&connection, danlu::model::Hash(hash), |piece| {
        bytes.extend_from_slice(piece);
        Ok(())
    });
    assert_eq!(read.unwrap(), bytes.len() as u64);
    bytes
}

#[test]
fn only_regular_files_are_stored_and_nothing_blocks() {
    let place = Place::new();
    let (run, path, _) = start(&place);
    rustix::fs::mkfifoat(rustix::fs::CWD, place.join("fifo"), rustix::fs::Mode::RWXU).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(place.join("socket")).unwrap();
    symlink("loop-b", place.join("loop-a")).unwrap();
    symlink("loop-a", place.join("loop-b")).unwrap();
    symlink("nowhere", place.join("dangling")).unwrap();
    symlink("/dev/zero", place.join("zero")).unwrap();
    let refused = |pattern: &str| run.save(pattern).unwrap_err().to_string();
    assert!(refused("fifo").contains("it is a named pipe"), "{}", refused("fifo"));
    assert!(refused("socket").contains("it is a socket"), "{}", refused("socket"));
    assert!(refused("/dev/zero").contains("it is a device"), "{}", refused("/dev/zero"));
    assert!(refused("zero").contains("it is a device"), "{}", refused("zero"));
    assert!(refused("loop-a").contains("symbolic links"), "{}", refused("loop-a"));
    assert!(refused("dangling").contains("No such file"), "{}", refused("dangling"));
    let own = format!("wandb/{}", path.file_name().unwrap().to_str().unwrap());
    assert!(refused(&own).contains("a file of this run itself"), "{}", refused(&own));
    run.finish(0).unwrap();
    assert_eq!(ask::<i64>(&path, "SELECT count(*) FROM file"), 0);
}

#[test]
fn a_file_that_does_not_say_its_size_is_stored_with_what_can_be_read() {
    let place = Place::new();
    let (run, path, _) = start(&place);
    // All of them have 0 bytes, says the file system. The second is larger than what shares a transaction, the last has
    // no end in sight.
    assert_eq!(run.save("/proc/version").unwrap(), ["version"]);
    let large = run.save("/proc/kallsyms");
    let endless = run.save("/proc/self/pagemap").unwrap_err();
    assert_eq!(endless.kind(), ErrorKind::Limit);
    assert_eq!(
        endless.to_string(),
        "Cannot save `/proc/self/pagemap`: it says that it has 0 bytes, and has more than 67108864"
    );
    write(&place, "empty", "");
    run.save("empty").unwrap();
    run.finish(0).unwrap();
    assert_eq!(content(&path, "version", 1), std::fs::read("/proc/version").unwrap());
    if large.is_ok() {
        assert_eq!(content(&path, "kallsyms", 1), std::fs::read("/proc/kallsyms").unwrap());
    }
    assert_eq!(content(&path, "empty", 1), b"");
    assert_eq!(place.danlu(&["verify"]).code, 0);
}

#[test]
fn a_file_larger_than_the_disk_is_refused_before_it_is_read() {
    let place = Place::new();
    let (run, path, _) = start(&place);
    let file = std::fs::File::create(place.join("sparse")).unwrap();
    file.set_len(1 << 43).unwrap();
    let error = run.save("sparse").unwrap_err();
    assert!(
        error.to_string().contains("8796093022208 bytes") && error.to_string().contains("are free"),
        "{error}"
    );
    file.set_len(5 << 20).unwrap();
    run.save("sparse").unwrap();
    run.finish(0).unwrap();
    assert_eq!(content(&path, "sparse", 1), vec![0; 5 << 20]);
}

#[test]
fn links_found_by_a_glob_stay_in_the_directory_and_named_ones_are_followed() {
    let outside = Place::new();
    write(&outside, "secret.txt", "secret");
    let place = Place::new();
    let (run, path, said) = start(&place);
    write(&place, "data/real.txt", "real");
    symlink("data/real.txt", place.join("inside.txt")).unwrap();
    symlink(outside.join("secret.txt"), place.join("out.txt")).unwrap();
    symlink(outside.path(), place.join("folder")).unwrap();
    symlink("nowhere", place.join("dangling.txt")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, place.join("pipe.txt"), rustix::fs::Mode::RWXU).unwrap();
    assert_eq!(run.save("*.txt").unwrap(), ["inside.txt"]);
    assert_eq!(run.save("folder/*").unwrap(), Vec::<String>::new());
    assert_eq!(run.save("out.txt").unwrap(), ["out.txt"]);
    let said = said.lock().unwrap().join("\n");
    for (name, why) in [
        ("out.txt", "outside of"),
        ("folder/secret.txt", "outside of"),
        ("dangling.txt", "leads nowhere"),
        ("pipe.txt", "named pipe"),
    ] {
        assert!(said.lines().any(|line| line.contains(name) && line.contains(why)), "{name}: {said}");
    }
    run.finish(0).unwrap();
    assert_eq!(content(&path, "inside.txt", 1), b"real");
    assert_eq!(content(&path, "out.txt", 1), b"secret");
}

#[test]
fn a_pattern_that_ignores_nothing_is_named_with_its_place() {
    let place = Place::new();
    write(&place, ".wandbignore", "*.log\nb[z-a]\n\n{x\n");
    let said = Said::default();
    let sink = Arc::clone(&said);
    let builder = Run::builder("p").dir(place.path()).ignore_glob("*.tmp").ignore_glob("y[z-a]");
    builder.on_warning(move |warning| sink.lock().unwrap().push(warning.to_owned())).start().unwrap();
    let file = place.path().canonicalize().unwrap().join(".wandbignore").display().to_string();
    let missing = "missing '}' (maybe escape '{' with '[{]'?)";
    assert_eq!(
        *said.lock().unwrap(),
        [
            format!("Line 2 of `{file}` ignores nothing: the pattern `b[z-a]` is none: invalid range; 'z' > 'a'"),
            format!("Line 4 of `{file}` ignores nothing: the pattern `{{x` is none: unclosed alternate group; {missing}"),
            "Pattern 2 of 2 of files to ignore ignores nothing: the pattern `y[z-a]` is none: invalid range; 'z' > 'a'"
                .to_owned(),
        ]
    );
}

#[test]
fn globs_leave_out_what_is_to_be_ignored() {
    let place = Place::new();
    write(&place, ".wandbignore", "# comment\n*.log\n!keep.log\n/build/\n");
    for name in ["a.txt", "b.tmp", "c.log", "keep.log", "build/out.txt", "sub/build/out.txt", "cache/x/y.txt"]
    {
        write(&place, name, name);
    }
    let (run, _, said) = start(&place);
    assert_eq!(run.save("**/*").unwrap(), [".wandbignore", "a.txt", "keep.log", "sub/build/out.txt"]);
    assert_eq!(run.save("b.tmp").unwrap(), ["b.tmp"], "what is named is saved");
    run.finish(0).unwrap();
    assert_eq!(*said.lock().unwrap(), Vec::<String>::new());
}

#[test]
fn many_small_files_share_transactions_and_stay_in_one_file() {
    let place = Place::new();
    // The background thread comes at the end only: its transactions are not counted.
    let run = Run::builder("files").dir(place.path()).tick(Duration::from_secs(3600)).start().unwrap();
    let path = run.path().to_owned();
    for n in 0..10_000u32 {
        write(&place, &format!("many/{n}.bin"), n.to_le_bytes().repeat(256));
    }
    write(&place, "many/twin.bin", 7u32.to_le_bytes().repeat(256));
    let commits = || u32::from_be_bytes(std::fs::read(&path).unwrap()[24..28].try_into().unwrap());
    let before = commits();
    assert_eq!(run.save("many/*").unwrap().len(), 10_001);
    assert!(commits() - before < 100, "{} transactions", commits() - before);
    run.finish(0).unwrap();
    assert_eq!(names(&place.join("wandb")).len(), 2);
    assert_eq!(ask::<i64>(&path, "SELECT count(*) FROM files"), 10_001);
    assert_eq!(ask::<i64>(&path, "SELECT count(*) FROM blob"), 10_000);
    assert_eq!(content(&path, "many/9999.bin", 1), 9999u32.to_le_bytes().repeat(256));
    assert_eq!(place.danlu(&["verify"]).code, 0);
}

#[test]
fn large_files_of_one_size_are_told_apart() {
    let place = Place::new();
    let (run, path, _) = start(&place);
    let mut bytes = noise((3 << 20) + 5, 1);
    write(&place, "model", &bytes);
    run.save("model").unwrap();
    let once = path.metadata().unwrap().len();
    // A change where no sample looks: the content is hashed before it is stored.
    bytes[(5 << 19) + 1] ^= 1;
    write(&place, "model", &bytes);
    run.save("model").unwrap();
    run.save("model").unwrap();
    let twice = path.metadata().unwrap().len();
    assert!(twice - once > 3_000_000 && twice - once < 4 << 20, "{once} {twice}");
    run.finish(0).unwrap();
    assert_eq!(content(&path, "model", 2), bytes);
    assert_eq!(content(&path, "model", 3), bytes);
    assert_ne!(content(&path, "model", 1), bytes);
}

#[test]
fn what_is_refused_after_it_was_read_leaves_nothing_and_its_space_is_used_again() {
    let place = Place::new();
    let path = place.join("x.sqlite");
    store::create(&path).unwrap();
    let mut file = Appender::open(&path, BUSY_TIMEOUT).unwrap();
    // As a writer leaves it that was killed between two transactions.
    let bytes = noise(4 << 20, 3);
    let tx = file.begin().unwrap();
    for (place, chunk) in bytes.chunks(1 << 20).enumerate() {
        tx.execute("INSERT INTO chunk VALUES (?, ?)", (place as i64, chunk)).unwrap();
    }
    tx.commit().unwrap();
    let length = path.metadata().unwrap().len();
    let refuse = |_, _| Err(Error::new(ErrorKind::Conflict, "It changed"));
    let error = store::put_stream(&mut file, bytes.as_slice(), || (), refuse).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(ask::<i64>(&path, "SELECT count(*) FROM blob"), 0);
    assert_eq!(ask::<i64>(&path, "SELECT sum(length(bytes)) FROM chunk"), 0);
    let (hash, size) = store::put_stream(&mut file, bytes.as_slice(), || (), |_, _| Ok(())).unwrap();
    assert_eq!((hash, size), (danlu::model::Hash::of(&bytes), 4 << 20));
    assert!(path.metadata().unwrap().len() <= length + (64 << 10), "the space of the chunks was used again");
    drop(file);
    assert_eq!(store::read_blob(&store::open(&path).unwrap(), hash, |_| Ok(())).unwrap(), size);
}

#[test]
fn a_file_that_is_written_all_the_time_is_stored_whole_or_refused() {
    let place = Place::new();
    let (run, path, _) = start(&place);
    let target = place.join("busy");
    std::fs::write(&target, noise(2 << 20, 0)).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let saves = std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 1.. {
                let fresh = place.join("busy.new");
                std::fs::write(&fresh, noise(2 << 20, n)).unwrap();
                // In place every other time, where a reader can see half of it.
                if n % 2 == 0 {
                    std::fs::rename(&fresh, &target).unwrap();
                } else {
                    std::fs::copy(&fresh, &target).unwrap();
                }
                if stop.load(std::sync::atomic::Ordering::Relaxed) {
                    return;
                }
            }
        });
        let mut saves = 0;
        for _ in 0..30 {
            match run.save("busy") {
                Ok(_) => saves += 1,
                Err(e) => assert!(e.to_string().contains("changed while it was being read"), "{e}"),
            }
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        saves
    });
    // Nobody writes now.
    run.save("busy").unwrap();
    run.finish(0).unwrap();
    assert_eq!(ask::<i64>(&path, "SELECT count(*) FROM file"), saves + 1);
    assert_eq!(content(&path, "busy", saves + 1), std::fs::read(&target).unwrap());
    assert_eq!(place.danlu(&["verify"]).code, 0);
}

#[test]
fn with_policy_end_files_are_stored_as_they_are_at_the_end() {
    let place = Place::new();
    let (run, path, said) = start(&place);
    write(&place, "a.pt", "early");
    let saved = run.save_with(Path::new("*.pt"), None, Policy::End);
    assert_eq!((saved.names, saved.problems.len()), (vec!["a.pt".to_owned()], 0));
    run.save_with(Path::new("missing.txt"), None, Policy::End);
    write(&place, "a.pt", "late");
    write(&place, "b.pt", "appeared");
    run.finish(0).unwrap();
    assert_eq!(ask::<i64>(&path, "SELECT count(*) FROM file"), 2);
    assert_eq!(content(&path, "a.pt", 1), b"late");
    assert_eq!(content(&path, "b.pt", 1), b"appeared");
    let said = said.lock().unwrap();
    assert!(said.len() == 1 && said[0].contains("missing.txt"), "{said:?}");
}

#[test]
fn with_policy_end_a_run_that_dies_stores_nothing() {
    let place = Place::new();
    let (run, path, _) = start(&place);
    write(&place, "a.pt", "early");
    run.save_with(Path::new("a.pt"), None, Policy::End);
    drop(run);
    assert_eq!(place.json(&["ls"])[0]["state"], "crashed");
    assert_eq!(ask::<i64>(&path, "SELECT count(*) FROM file"), 0);
}

#[test]
fn what_cannot_be_saved_is_said_once() {
    let place = Place::new();
    let (run, path, said) = start(&place);
    std::fs::create_dir(place.join("folder")).unwrap();
    assert_eq!(run.save_with(Path::new("folder"), None, Policy::Live).problems.len(), 1);
    assert_eq!(run.save_with(Path::new("later"), None, Policy::Live).problems.len(), 1);
    write(&place, "later", "there");
    run.finish(0).unwrap();
    assert_eq!(*said.lock().unwrap(), Vec::<String>::new());
    assert_eq!(content(&path, "later", 1), b"there");
}

#[test]
fn with_policy_live_files_are_stored_again_when_they_change_or_appear() {
    let place = Place::new();
    let (run, path, _) = start(&place);
    write(&place, "a.txt", "one");
    assert_eq!(run.save_with(Path::new("*.txt"), None, Policy::Live).names, ["a.txt"]);
    assert_eq!(run.save_with(Path::new("*.txt"), None, Policy::Live).names, ["a.txt"]);
    let versions =
        |name: &str| ask::<i64>(&path, &format!("SELECT count(*) FROM file WHERE path = '{name}'"));
    wait_until("both are in the run file", || versions("a.txt") == 2);
    write(&place, "a.txt", "two");
    write(&place, "b.txt", "new");
    wait_until("the change is stored", || versions("a.txt") == 3);
    wait_until("the new file is stored", || versions("b.txt") == 1);
    write(&place, "b.txt", "last");
    run.finish(0).unwrap();
    assert_eq!((versions("a.txt"), versions("b.txt")), (3, 2), "at the end only what has changed");
    assert_eq!(content(&path, "a.txt", 3), b"two");
    assert_eq!(content(&path, "b.txt", 2), b"last");
}

#[test]
fn files_are_saved_from_several_threads_while_rows_are_logged() {
    let place = Place::new();
    let (run, path, _) = start(&place);
    for n in 0..8 {
        write(&place, &format!("f{n}"), noise(2_500_000, n));
    }
    std::thread::scope(|scope| {
        for n in 0..8u64 {
            let run = &run;
            scope.spawn(move || run.save(format!("f{n}")).unwrap());
        }
        (0..5000).for_each(|n| run.log([("n", n)]));
    });
    run.finish(0).unwrap();
    assert_eq!(ask::<i64>(&path, "SELECT count(*) FROM history"), 5000);
    for n in 0..8 {
        assert_eq!(content(&path, &format!("f{n}"), 1), noise(2_500_000, n));
    }
    assert_eq!(place.danlu(&["verify"]).code, 0);
}

#[test]
fn a_glob_leaves_out_names_that_cannot_be_stored_and_no_others() {
    use std::os::unix::ffi::OsStrExt;
    let place = Place::new();
    let (run, _, said) = start(&place);
    for name in ["a.pt", "b.pt", "new\nline.pt", "back\\slash.pt", "sub/c.pt"] {
        write(&place, name, name);
    }
    for name in [&b"latin-\xe9.pt"[..], b"sub/deep-\xe9.pt", b"other-\xe9.txt"] {
        std::fs::write(place.path().join(std::ffi::OsStr::from_bytes(name)), "x").unwrap();
    }
    assert_eq!(run.save("*.pt").unwrap(), ["a.pt", "b.pt"]);
    let warned = |name: &str| said.lock().unwrap().iter().filter(|warning| warning.contains(name)).count();
    assert_eq!((warned("new?line.pt"), warned("slash.pt"), warned("latin-")), (1, 1, 1), "{said:?}");
    assert_eq!((warned("deep-"), warned("other-")), (0, 0), "{said:?}");
    assert!(said.lock().unwrap().iter().all(|warning| !warning.contains('\n')), "{said:?}");
    assert_eq!(run.save("**/*.pt").unwrap(), ["a.pt", "b.pt", "sub/c.pt"]);
    assert_eq!((warned("latin-"), warned("deep-")), (1, 1), "{said:?}");
    run.finish(0).unwrap();
}

#[test]
fn what_live_and_end_globs_leave_out_later_is_said_too() {
    let outside = Place::new();
    write(&outside, "secret.txt", "secret");
    let place = Place::new();
    let (run, path, said) = start(&place);
    for (pattern, policy) in [("*.txt", Policy::Live), ("*.pt", Policy::End)] {
        assert!(run.save_with(Path::new(pattern), None, policy).problems.is_empty());
    }
    symlink(outside.join("secret.txt"), place.join("out.txt")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, place.join("pipe.pt"), rustix::fs::Mode::RWXU).unwrap();
    write(&place, "good.pt", "good");
    run.finish(0).unwrap();
    let said = said.lock().unwrap().join("\n");
    for (name, why) in [("out.txt", "outside of"), ("pipe.pt", "named pipe")] {
        assert!(said.lines().any(|line| line.contains(name) && line.contains(why)), "{name}: {said}");
    }
    assert_eq!(ask::<String>(&path, "SELECT group_concat(path) FROM file"), "good.pt");
}

//! Disks that are full, read-only, or refuse to write.

use crate::check::{check, count, runs};
use crate::means::{can_mount, can_trace, times};
use crate::mount::Memory;
use crate::process::{Process, Said};
use crate::strace::{Strace, journal_of};
use crate::support::{Place, ask, names, wait_until};
use danlu::Run;

/// A place whose `wandb` is on a small file system, with a ballast file to remove when there shall be room again.
fn small(options: &str, ballast: usize) -> (Place, Memory) {
    let place = Place::new();
    let memory = Memory::on(&place.join("wandb"), options);
    std::fs::write(place.join("wandb/ballast"), vec![1; ballast]).unwrap();
    (place, memory)
}

fn make_room(place: &Place) {
    std::fs::remove_file(place.join("wandb/ballast")).unwrap();
}

/// Fills what is left.
fn fill(place: &Place) {
    let mut file = std::fs::OpenOptions::new().append(true).open(place.join("wandb/ballast")).unwrap();
    for length in [1 << 16, 1 << 12, 1] {
        while std::io::Write::write_all(&mut file, &vec![1; length]).is_ok() {}
    }
}

#[test]
fn a_disk_that_is_full_while_logging_costs_only_rows_that_are_counted() {
    if !can_mount() {
        return;
    }
    let (place, _memory) = small("size=2m", 1 << 20);
    let mut process = Process::new(place.path());
    process.does("start 10");
    let logged = process.does("log for ever 0");
    assert_eq!(logged, "something was lost");
    // Nothing fits now, and the training goes on.
    process.does("log 1000");
    let before = process.said.rows;
    make_room(&place);
    process.does("log 500");
    assert_eq!(process.said.rows, before + 500);
    process.does("finish");
    let (_, said) = process.end();
    assert_eq!(check(&place, &said), said.rows);
    // Every row that was refused is counted, and the run says so itself.
    let lost = place.json(&["ls"])[0]["lost"].as_u64().unwrap();
    let steps: i64 = ask(&runs(&place)[0], "SELECT max(step) + 1 FROM history");
    assert_eq!(said.rows + lost, steps.cast_unsigned(), "{lost} are counted as lost");
    let told = said.warnings.iter().filter(|warning| warning.contains("training goes on")).count();
    // Once for each time that nothing fitted: the run file's own journal can take room and give it back.
    let times: i64 = ask(&runs(&place)[0], "SELECT count(*) FROM event WHERE kind = 'lost'");
    assert!((1..=times).contains(&i64::try_from(told).unwrap()), "{times} times, {:?}", said.warnings);
}

#[test]
fn a_disk_that_is_full_while_the_run_file_is_written_costs_nothing() {
    if !can_mount() {
        return;
    }
    let (place, _memory) = small("size=2m", 1 << 20);
    let mut process = Process::new(place.path());
    process.does("start 20");
    process.does("log 1000");
    process.does("settle");
    // Room for the journal, and none for what SQLite needs beside it.
    fill(&place);
    let ballast = place.join("wandb/ballast");
    let length = ballast.metadata().unwrap().len();
    std::fs::OpenOptions::new().write(true).open(&ballast).unwrap().set_len(length - (40 << 10)).unwrap();
    process.does("log 500");
    process.warns("Cannot update the run file");
    make_room(&place);
    wait_until("the run file has caught up without another row", || count(&runs(&place)[0]) == 1500);
    process.does("finish");
    let (_, said) = process.end();
    assert_eq!((said.rows, check(&place, &said)), (1500, 1500));
}

#[test]
fn a_rewind_on_a_full_disk_fails_and_leaves_the_run_as_it_was() {
    if !can_mount() {
        return;
    }
    let (place, _memory) = small("size=6m", 2 << 20);
    let builder = || Run::builder("p").id("r").dir(place.path());
    let run = builder().start().unwrap();
    (0..20_000).for_each(|n| run.log([("n", n)]));
    run.finish(0).unwrap();
    fill(&place);
    for error in [builder().rewind_to(19_000).start(), builder().id("f").fork_from("r", 19_000).start()] {
        let error = error.unwrap_err();
        assert_eq!(error.kind(), danlu::ErrorKind::Io, "{error}");
    }
    assert_eq!(count(&runs(&place)[0]), 20_000);
    make_room(&place);
    let run = builder().rewind_to(18_999).start().unwrap();
    assert_eq!(run.step(), 19_000);
    run.finish(0).unwrap();
    assert_eq!(count(&runs(&place)[0]), 19_000);
    assert_eq!(place.danlu(&["verify"]).code, 0);
}

#[test]
fn a_disk_that_is_full_in_save_leaves_no_part_of_the_file() {
    if !can_mount() {
        return;
    }
    let (place, _memory) = small("size=6m", 5 << 20);
    let content: Vec<u8> = (0..3_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    std::fs::write(place.join("model.bin"), content).unwrap();
    let mut process = Process::new(place.path());
    process.does("start 20");
    process.does("log 10");
    let why = process.fails("save model.bin");
    assert!(why.contains("model.bin") && why.contains("3000000 bytes") && why.contains("are free"), "{why}");
    process.does("log 10");
    make_room(&place);
    process.does("save model.bin");
    process.does("finish");
    let (_, said) = process.end();
    assert_eq!(check(&place, &said), 20);
    assert_eq!(ask::<i64>(&runs(&place)[0], "SELECT count(*) FROM file"), 1);
}

#[test]
fn a_run_that_ends_on_a_full_disk_keeps_its_journal_and_is_completed_later() {
    if !can_mount() {
        return;
    }
    let (place, _memory) = small("size=3m", 1 << 20);
    let mut process = Process::new(place.path());
    process.does("start 3600000");
    process.does("log 3000");
    fill(&place);
    let why = process.fails("finish");
    assert!(why.contains("hint") || why.contains("Cannot write the end") || why.contains("full"), "{why}");
    let (_, said) = process.end();
    let has_journal = || names(&place.join("wandb")).iter().any(|name| name.ends_with(".journal"));
    assert!(has_journal(), "the journal is kept");
    // Looking at it while the disk is still full shows what is there, says why it is not all, and breaks nothing.
    let looked = place.danlu(&["ls"]);
    assert!(looked.stderr.contains("still in the journal"), "{}{}", looked.stdout, looked.stderr);
    assert!(has_journal());
    make_room(&place);
    assert_eq!(check(&place, &said), 3000);
    assert!(!has_journal());
}

#[test]
fn rebuilding_on_a_full_disk_leaves_no_rest_and_succeeds_later() {
    if !can_mount() {
        return;
    }
    let (place, _memory) = small("size=3m", 1 << 20);
    let mut process = Process::new(place.path());
    process.does("start 20");
    process.does("log 2000");
    process.does("settle");
    let said = process.kill();
    let path = said.run_file.clone().unwrap();
    std::fs::write(&path, vec![0x5a; 1 << 16]).unwrap();
    fill(&place);
    let done = place.danlu(&["ls"]);
    assert!(done.stderr.contains("still in the journal"), "{}", done.stderr);
    let left = names(&place.join("wandb"));
    assert!(!left.iter().any(|name| name.contains("rebuilt")), "{left:?}");
    make_room(&place);
    assert!(place.danlu(&["ls"]).stderr.contains("building the run file anew"));
    assert_eq!(check(&place, &said), 2000);
}

#[test]
fn without_inodes_a_start_says_so_and_leaves_nothing() {
    if !can_mount() {
        return;
    }
    let (place, _memory) = small("size=4m,nr_inodes=3", 1);
    std::fs::write(place.join("wandb/more"), "").unwrap();
    let error = Run::builder("p").dir(place.path()).start().unwrap_err();
    assert!(error.to_string().contains("No space left on device"), "{error}");
    assert_eq!(names(&place.join("wandb")), ["ballast", "more"]);
    std::fs::remove_file(place.join("wandb/more")).unwrap();
    // One inode is enough for a run file, and not for its journal.
    assert!(Run::builder("p").dir(place.path()).start().is_err());
    assert_eq!(names(&place.join("wandb")), ["ballast"]);
}

#[test]
fn inodes_that_run_out_later_cost_nothing() {
    if !can_mount() {
        return;
    }
    let (place, _memory) = small("size=8m,nr_inodes=8", 1);
    let mut process = Process::new(place.path());
    process.does("start 10");
    process.does("settle");
    let mut taken = Vec::new();
    while let Ok(file) = std::fs::File::create(place.join(&format!("wandb/taken-{}", taken.len()))) {
        taken.push(file);
    }
    assert!(!taken.is_empty() && taken.len() < 8);
    process.does("log 100");
    process.warns("Cannot update the run file");
    let why = process.fails("finish");
    assert!(!why.is_empty());
    let taken = taken.drain(..).count();
    for n in 0..taken {
        std::fs::remove_file(place.join(&format!("wandb/taken-{n}"))).unwrap();
    }
    let (_, said) = process.end();
    assert_eq!((said.rows, check(&place, &said)), (100, 100));
}

#[test]
fn a_limit_on_the_size_of_files_is_an_error_like_a_full_disk() {
    let place = Place::new();
    // In blocks of 512 bytes. Python ignores the signal that comes with the error; so does whoever sets a handler.
    let mut process = Process::limited("trap '' XFSZ; ulimit -f 400", place.path());
    process.does("start 20");
    process.does("log for ever 0");
    process.does("log 100");
    process.fails("finish");
    let (status, said) = process.end();
    assert!(status.success() && said.rows > 1000, "{status:?} after {} rows", said.rows);
    assert!(said.warnings.iter().any(|warning| warning.contains("File too large")), "{:?}", said.warnings);
    assert_eq!(check(&place, &said), said.rows);
}

#[test]
fn a_directory_that_cannot_be_written_is_named_at_the_start() {
    if !can_mount() {
        return;
    }
    let place = Place::new();
    let memory = Memory::on(&place.join("frozen"), "size=1m");
    memory.freeze();
    let error = Run::builder("p").dir(place.join("frozen")).start().unwrap_err();
    assert_eq!(error.kind(), danlu::ErrorKind::Io);
    assert!(error.to_string().contains("frozen/wandb`: Read-only file system"), "{error}");
}

/// Lets a process log while calls on its journal fail, and says how many failed.
fn refuse(inject: &str, during: impl FnOnce(&mut Process), tick: u64) -> (Place, Said, usize) {
    let place = Place::new();
    let mut process = Process::new(place.path());
    process.does(&format!("start {tick}"));
    process.does("settle");
    process.does("log 10");
    let journal = journal_of(process.said.run_file.as_ref().unwrap());
    let strace = Strace::process(process.pid(), &["-P", journal.to_str().unwrap(), "-e", inject]);
    during(&mut process);
    let injected = strace.detach();
    process.does("log 10");
    process.does("finish");
    let (_, said) = process.end();
    (place, said, injected)
}

#[test]
fn a_journal_that_cannot_be_written_for_a_while_costs_only_rows_that_are_counted() {
    if !can_trace() {
        return;
    }
    for error in ["EROFS", "EDQUOT", "EIO", "ENOSPC"] {
        let (place, said, injected) = refuse(
            &format!("inject=write:error={error}:when=1+"),
            |process| drop(process.does("log 7")),
            3_600_000,
        );
        // The seven rows. How many are missing is said after the next that can be written.
        assert_eq!((said.rows, injected), (20, 7), "{error}");
        assert_eq!(check(&place, &said), 20);
        assert_eq!(place.json(&["ls"])[0]["lost"], 7);
        assert_eq!(said.warnings.len(), 1, "{:?}", said.warnings);
    }
}

#[test]
fn half_a_row_that_cannot_be_taken_back_costs_none_of_the_others() {
    if !can_trace() {
        return;
    }
    // The disk takes some of the row and refuses the rest, and then even to cut the file.
    let place = Place::new();
    let mut process = Process::new(place.path());
    process.does("start 3600000");
    process.does("log 10");
    let journal = journal_of(process.said.run_file.as_ref().unwrap());
    let length = || journal.metadata().unwrap().len();
    let before = length();
    // Half a row by somebody else's hand: strace can refuse a write, and not do half of one.
    let mut half = std::fs::OpenOptions::new().append(true).open(&journal).unwrap();
    std::io::Write::write_all(&mut half, b"half a row").unwrap();
    let filter = ["-P", journal.to_str().unwrap(), "-e"];
    let refuse = "inject=write,ftruncate:error=EIO:when=1";
    let strace = Strace::thread(process.thread, &[filter[0], filter[1], filter[2], refuse]);
    process.does("log 1");
    assert_eq!(strace.detach(), 2, "the write and the cut were refused");
    assert_eq!(length(), before + 10);
    process.does("log 10");
    process.does("finish");
    let (_, said) = process.end();
    assert_eq!((said.rows, check(&place, &said)), (20, 20));
}

#[test]
fn a_sync_that_fails_once_is_made_good_by_the_next() {
    if !can_trace() {
        return;
    }
    let place = Place::new();
    let mut process = Process::new(place.path());
    process.does("start 3600000");
    process.does("settle");
    process.does("log 10");
    let journal = journal_of(process.said.run_file.as_ref().unwrap());
    let path = journal.to_str().unwrap();
    let inject = ["-P", path, "-e", "trace=fdatasync,pwrite64", "-e", "inject=fdatasync:error=EIO:when=1"];
    let strace = Strace::thread(process.thread, &inject);
    let why = process.fails("flush");
    assert!(why.contains("Cannot sync the journal") && why.contains("Input/output error"), "{why}");
    process.does("flush");
    let log = strace.log();
    assert_eq!(strace.detach(), 1);
    // The second sync would mean nothing if what the first one lost were not written again.
    let calls: Vec<&str> = log.lines().map(|line| line.split('(').next().unwrap()).collect();
    assert_eq!(calls, ["fdatasync", "pwrite64", "fdatasync"], "{log}");
    process.does("finish");
    let (_, said) = process.end();
    assert_eq!(check(&place, &said), 10);
}

#[test]
fn a_disk_that_never_syncs_is_said_once_and_keeps_the_rows() {
    if !can_trace() {
        return;
    }
    let (place, said, injected) = refuse(
        "inject=fdatasync:error=EIO:when=1+",
        |process| {
            process.does("log 10");
            process.warns("Cannot sync the journal");
            std::fs::write(process.said.run_file.as_ref().unwrap().with_file_name("model.bin"), "weights")
                .unwrap();
            for _ in 0..times(3, 30) {
                process.does("log 1");
                let why = process.fails("flush");
                assert!(why.contains("Cannot sync the journal"), "{why}");
            }
        },
        10,
    );
    assert!(injected as u64 > times(3, 30), "{injected}");
    assert_eq!(said.warnings.len(), 1, "{:?}", said.warnings);
    assert_eq!(check(&place, &said), said.rows);
}

#[test]
fn a_run_file_that_is_empty_or_cut_anywhere_comes_back_whole_from_its_journal() {
    let place = Place::new();
    let mut process = Process::new(place.path());
    process.does("start 10");
    process.does("log 300");
    process.does("settle");
    wait_until("the rows are in the run file", || count(&runs(&place)[0]) == 300);
    let said = process.kill();
    let (run_file, journal) = (said.run_file.clone().unwrap(), journal_of(said.run_file.as_ref().unwrap()));
    let whole = (std::fs::read(&run_file).unwrap(), std::fs::read(&journal).unwrap());
    let step = usize::try_from(times(40_009, 4093)).unwrap();
    for length in (0..whole.0.len()).step_by(step) {
        std::fs::write(&run_file, &whole.0[..length]).unwrap();
        std::fs::write(&journal, &whole.1).unwrap();
        let looked = place.danlu(&["ls"]);
        assert!(
            looked.stdout.contains("crashed"),
            "cut to {length} bytes: {}{}",
            looked.stdout,
            looked.stderr
        );
        assert_eq!(check(&place, &said), 300, "cut to {length} bytes");
    }
}

#[test]
fn a_page_of_a_run_file_that_was_never_written_comes_back_from_its_journal() {
    let place = Place::new();
    let mut process = Process::new(place.path());
    process.does("start 10");
    process.does("log 300");
    process.does("settle");
    let said = process.kill();
    let (run_file, journal) = (said.run_file.clone().unwrap(), journal_of(said.run_file.as_ref().unwrap()));
    let whole = (std::fs::read(&run_file).unwrap(), std::fs::read(&journal).unwrap());
    for page in (0..whole.0.len() / 8192).step_by(usize::try_from(times(7, 1)).unwrap()) {
        let mut damaged = whole.0.clone();
        damaged[page * 8192..][..8192].fill(0);
        std::fs::write(&run_file, &damaged).unwrap();
        std::fs::write(&journal, &whole.1).unwrap();
        place.danlu(&["ls"]).code.to_string();
        let verified = place.danlu(&["verify"]);
        let damage = verified.code == 1;
        // Pages that nobody reads when the run is sealed are found by `verify`; the rows are never wrong.
        assert!(damage || check(&place, &said) == 300, "page {page}: {}", verified.stdout);
    }
}

#[test]
fn save_syncs_the_content_before_it_says_so() {
    if !can_trace() {
        return;
    }
    let place = Place::new();
    std::fs::write(place.join("model.bin"), "weights ".repeat(5000)).unwrap();
    let mut process = Process::new(place.path());
    process.does("start 3600000");
    process.does("settle");
    let strace = Strace::thread(process.thread, &["-y", "-e", "trace=fdatasync,fsync,unlink,write"]);
    process.does("save model.bin");
    let log = strace.log();
    let lines: Vec<&str> = log.lines().collect();
    let last = |what: &dyn Fn(&str) -> bool| lines.iter().rposition(|line| what(line)).expect("it is done");
    // The content, that SQLite's journal is gone for good, the record that refers to it, and that for good.
    let order = [
        last(&|line| line.contains("sync(") && line.contains(".sqlite>")),
        last(&|line| line.starts_with("unlink(") && line.contains(".sqlite-journal")),
        last(&|line| line.contains("sync(") && line.contains("/wandb>")),
        last(&|line| line.starts_with("write(") && line.contains(".journal>")),
        last(&|line| line.starts_with("fdatasync(") && line.contains(".journal>")),
    ];
    assert!(order.is_sorted(), "{order:?} in {log}");
}

/// What `danlu` says of what it cannot do, each line with the name of a run file in it.
fn complaints(place: &Place, args: &[&str]) -> Vec<String> {
    let done = place.danlu(args);
    let lines = done.stderr.lines().filter(|line| line.starts_with("error") || line.starts_with("warning"));
    let lines: Vec<String> = lines.map(str::to_owned).collect();
    for line in &lines {
        assert!(line.contains(".sqlite`"), "`danlu {}` names no file: {line}", args.join(" "));
        assert!(!line.contains("full: Error code"), "it says it twice: {line}");
    }
    lines
}

#[test]
fn what_commands_cannot_do_on_a_full_or_read_only_disk_names_the_file() {
    if !can_mount() {
        return;
    }
    let (place, memory) = small("size=16m", 1);
    let start = |id: &str| Run::builder("p").id(id).dir(place.path()).storage(danlu::writer::Storage::AtEnd);
    let run = start("done").start().unwrap();
    (0..60_000).for_each(|n| run.log([("a", f64::from(n)), ("b", f64::from(n))]));
    run.finish(0).unwrap();
    let run = start("dead").start().unwrap();
    (0..3000).for_each(|n| run.log([("a", n)]));
    drop(run);
    fill(&place);
    let count = ["sql", "dead", "SELECT count(*) FROM history"];
    for args in [&["ls"][..], &["show", "dead"], &count, &["verify", "done"], &["sync", "./usb"]] {
        assert!(!complaints(&place, args).is_empty() || args[0] == "sync", "{args:?}");
    }
    let said = complaints(&place, &["compact", "done"]);
    assert!(said.iter().any(|line| line.starts_with("error: Cannot compact `")), "{said:?}");
    make_room(&place);
    assert_eq!(place.danlu(&["compact", "done"]).code, 0);
    std::fs::write(place.join("wandb/ballast"), "").unwrap();
    fill(&place);
    let said = complaints(&place, &["expand", "done"]);
    assert!(said.iter().any(|line| line.starts_with("error: Cannot expand `")), "{said:?}");
    // The rows of an archive go through a temporary file.
    let directory = place.join("wandb");
    for args in [
        &["show", "done"][..],
        &["sql", "done", "SELECT count(*) FROM history"],
        &["sql", "SELECT count(*) FROM history"],
    ] {
        let output = place.command(args).env("SQLITE_TMPDIR", &directory).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains("-done.sqlite`"), "{args:?}: {said}");
    }
    make_room(&place);
    memory.freeze();
    for args in [&["ls"][..], &["show", "dead"], &["compact", "done"], &["expand", "done"]] {
        complaints(&place, args);
    }
    assert!(!complaints(&place, &["expand", "done"]).is_empty());
}

#[test]
fn a_full_disk_of_the_server_is_told_as_that() {
    if !can_mount() {
        return;
    }
    let place = Place::new();
    let _memory = Memory::on(&place.join("server"), "size=3m");
    let server = place.serve();
    let key = server.key.clone().unwrap();
    assert_eq!(place.danlu(&["login", &server.url, "--key", &key]).code, 0);
    let run = Run::builder("p").id("large").dir(place.path()).start().unwrap();
    // More than what sockets hold: the client is still sending when the server has given up.
    std::fs::write(place.join("model"), (0..8_000_000u32).flat_map(u32::to_le_bytes).collect::<Vec<_>>())
        .unwrap();
    run.save("model").unwrap();
    run.finish(0).unwrap();
    let done = place.danlu(&["sync", &server.url]);
    assert_eq!(done.code, 1);
    let said = format!("error: `{}` refuses (507): the server's disk is full: Cannot write", server.url);
    assert!(done.stderr.starts_with(&said), "{}", done.stderr);
    assert!(done.stderr.contains("\nhint: make room there"), "{}", done.stderr);
    // Rows that fit as objects, and not as the server's run file.
    let run = Run::builder("p").id("rows").dir(place.path()).start().unwrap();
    (0..100_000).for_each(|n| run.log([("a", f64::from(n).sin()), ("b", f64::from(n).cos())]));
    run.finish(0).unwrap();
    let large = runs(&place).into_iter().find(|run| run.to_string_lossy().ends_with("-large.sqlite"));
    std::fs::remove_file(large.unwrap()).unwrap();
    let done = place.danlu(&["sync", &server.url]);
    assert!(done.code == 1 && done.stderr.contains("(507): the server's disk is full"), "{}", done.stderr);
}

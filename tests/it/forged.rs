//! Run files and remotes with other bytes in them than were written: none is taken for the run, nor replaces it.

use crate::support::{Place, names};
use danlu::model::{AttemptId, Hash};
use danlu::remote::{Directory, Manifest, Object, SizedHash};
use danlu::store;
use std::path::{Path, PathBuf};

fn all_in(directory: &Path) -> Vec<PathBuf> {
    names(directory).into_iter().map(|name| directory.join(name)).collect()
}

#[test]
fn a_damaged_run_file_is_never_replaced_by_what_a_remote_has() {
    type Damage = fn(&mut Vec<u8>);
    let damages: [(&str, Damage); 5] = [
        ("header", |bytes| bytes[..64].fill(b'x')),
        ("first page", |bytes| bytes[..4096].fill(0)),
        ("cut", |bytes| bytes.truncate(bytes.len() / 2)),
        ("other", |bytes| *bytes = b"notes".to_vec()),
        ("middle", |bytes| {
            let middle = bytes.len() / 2;
            bytes[4096..middle].fill(0);
        }),
    ];
    for (name, damage) in damages {
        let place = Place::new();
        let path = place.run("abc", 500);
        assert_eq!(place.danlu(&["sync", "./usb"]).code, 0);
        let mut bytes = std::fs::read(&path).unwrap();
        damage(&mut bytes);
        std::fs::write(&path, &bytes).unwrap();
        for more in [&[][..], &["--no-files"]] {
            let done = place.danlu(&[&["pull", "usb", "abc"][..], more].concat());
            assert!(std::fs::read(&path).unwrap() == bytes, "{name}: {}", done.said());
            assert_eq!(done.code, 1, "{name}: {}", done.said());
            let file = path.file_name().unwrap().to_str().unwrap();
            assert!(
                done.said().contains(file) && done.said().contains("danlu recover"),
                "{name}: {}",
                done.said()
            );
        }
        // Out of the way it is no obstacle.
        std::fs::rename(&path, place.join("aside")).unwrap();
        assert_eq!(place.danlu(&["pull", "usb", "abc"]).code, 0, "{name}");
        assert_eq!(place.danlu(&["verify", "abc"]).code, 0, "{name}");
    }
}

/// Puts other bytes in the place of the first segment of the only run of a remote, and a manifest that names them.
fn forge(remote: &Path, forge: impl Fn(&mut Manifest, Vec<u8>) -> Vec<u8>) {
    let at = all_in(&remote.join("runs")).remove(0);
    let mut manifest = Manifest::parse(&std::fs::read(&at).unwrap()).unwrap();
    let directory = Directory::open(remote).unwrap();
    let old = manifest.attempts[0].segments[0].sha256;
    let bytes = forge(&mut manifest, directory.read_segment(old).unwrap());
    let name = Hash::of(&bytes);
    let object = Object::Segment(name);
    std::fs::create_dir_all(directory.path_of(object).parent().unwrap()).unwrap();
    std::fs::write(directory.path_of(object), store::pack(&bytes, 3).unwrap()).unwrap();
    let mut entry = manifest.attempts.remove(0);
    entry.segments[0] = SizedHash { sha256: name, size: bytes.len() as u64 };
    let names: Vec<Hash> = entry.segments.iter().map(|segment| segment.sha256).collect();
    entry.digest = store::attempt_digest(entry.attempt, entry.records, &names);
    let manifest = Manifest::new(manifest.run, vec![entry], manifest.blobs);
    std::fs::write(&at, manifest.to_json().unwrap()).unwrap();
}

#[test]
fn verify_finds_in_a_remote_what_a_pull_would_find() {
    type Forge = fn(&mut Manifest, Vec<u8>) -> Vec<u8>;
    let forgeries: [(&str, Forge); 6] = [
        ("no segment", |_, _| b"right hash, no segment".to_vec()),
        ("more behind it", |_, bytes| [bytes, vec![0]].concat()),
        ("a record less", |_, bytes| {
            let (attempt, first, mut records) = store::decode_segment(&bytes).unwrap();
            records.pop();
            store::encode_segment(attempt, first, &records).unwrap()
        }),
        ("another attempt", |manifest, bytes| {
            let (_, first, records) = store::decode_segment(&bytes).unwrap();
            manifest.attempts[0].attempt = AttemptId::random().unwrap();
            store::encode_segment(AttemptId::random().unwrap(), first, &records).unwrap()
        }),
        ("more records", |manifest, bytes| {
            manifest.attempts[0].records += 1;
            bytes
        }),
        ("a file less", |manifest, bytes| {
            manifest.blobs.clear();
            bytes
        }),
    ];
    for (name, change) in forgeries {
        let (place, there) = (Place::new(), Place::new());
        place.run("abc", 20);
        assert_eq!(place.danlu(&["sync", "./usb"]).code, 0);
        let sound = place.danlu(&["verify", "usb"]);
        assert!(sound.code == 0 && sound.stdout.starts_with("ok"), "{}", sound.said());
        forge(&place.join("usb"), change);
        let usb = place.join("usb");
        let pulled = there.danlu(&["pull", usb.to_str().unwrap(), "--all"]);
        assert_eq!(pulled.code, 1, "{name}: {}", pulled.said());
        let done = place.danlu(&["verify", "usb"]);
        assert_eq!(done.code, 1, "{name}: {}", done.said());
        assert!(
            done.stdout.contains("DAMAGED") && done.stdout.contains("demo/abc"),
            "{name}: {}",
            done.said()
        );
    }
}

#[test]
fn a_manifest_under_the_name_of_another_run_is_found() {
    let place = Place::new();
    place.run("abc", 2);
    assert_eq!(place.danlu(&["sync", "./usb"]).code, 0);
    let at = all_in(&place.join("usb/runs")).remove(0);
    std::fs::rename(&at, at.with_file_name(format!("{}.json", Hash::of(b"other")))).unwrap();
    let done = place.danlu(&["verify", "usb"]);
    assert!(done.code == 1 && done.stdout.contains("demo/abc"), "{}", done.said());
}

#[test]
fn a_manifest_under_the_name_of_another_run_is_told_and_holds_nobody_up() {
    let place = Place::new();
    place.run("abc", 3);
    assert_eq!(place.danlu(&["sync", "./usb"]).code, 0);
    let at = all_in(&place.join("usb/runs")).remove(0);
    let other = at.with_file_name(format!("{}.json", "f".repeat(64)));
    std::fs::copy(&at, &other).unwrap();
    assert!(place.danlu(&["ls", "--remote", "usb"]).said().contains("abc"));
    for args in [
        &["pull", "usb", "--all", "--dir", "there"][..],
        &["sync", "--from", "usb", "./further"],
        &["verify", "usb"],
    ] {
        let done = place.danlu(args);
        assert_eq!(done.code, 1, "{args:?}: {}", done.said());
        assert!(
            done.said().contains("is of run demo/abc, which has another name"),
            "{args:?}: {}",
            done.said()
        );
    }
    assert!(place.danlu(&["ls", "--dir", "there"]).stdout.contains("abc"));
    assert!(place.danlu(&["ls", "--remote", "further"]).stdout.contains("abc"));
}

#[test]
fn a_damaged_manifest_is_put_aside_when_its_run_comes_again() {
    let place = Place::new();
    place.run("abc", 3);
    assert_eq!(place.danlu(&["sync", "./usb"]).code, 0);
    let at = all_in(&place.join("usb/runs")).remove(0);
    let mut bytes = std::fs::read(&at).unwrap();
    bytes.truncate(100);
    std::fs::write(&at, &bytes).unwrap();
    let done = place.danlu(&["sync", "./usb", "--recheck"]);
    assert_eq!(done.code, 0, "{}", done.said());
    assert_eq!(place.danlu(&["verify", "usb"]).code, 0);
    assert_eq!(std::fs::read(at.with_extension("damaged")).unwrap(), bytes, "it is not thrown away");
}

#[test]
fn a_pipe_in_a_remote_is_not_waited_for() {
    let place = Place::new();
    place.run("abc", 3);
    assert_eq!(place.danlu(&["sync", "./usb"]).code, 0);
    let segment = all_in(&all_in(&place.join("usb/segments")).remove(0)).remove(0);
    let manifest = all_in(&place.join("usb/runs")).remove(0);
    for path in [segment, manifest] {
        let bytes = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        let done = place.danlu(&["verify", "usb"]);
        assert_eq!(done.code, 1, "{}", done.said());
        assert!(done.said().contains("it is no regular file"), "{}", done.said());
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, &bytes).unwrap();
    }
    assert_eq!(place.danlu(&["verify", "usb"]).code, 0);
}

#[test]
fn a_link_in_a_remote_is_not_written_through() {
    let place = Place::new();
    let content = vec![7; 9 << 20];
    std::fs::write(place.join("large.bin"), &content).unwrap();
    let run = danlu::Run::builder("demo").id("abc").dir(place.path()).start().unwrap();
    run.save(place.join("large.bin")).unwrap();
    run.finish(0).unwrap();
    std::fs::write(place.join("victim"), "precious").unwrap();
    place.run("other", 3);
    assert_eq!(place.danlu(&["sync", "./usb", "--run", "other"]).code, 0);
    let link = place.join("usb/tmp").join(format!("{}.part", Hash::of(&content)));
    std::os::unix::fs::symlink(place.join("victim"), &link).unwrap();
    assert_eq!(place.danlu(&["sync", "./usb"]).code, 1);
    assert_eq!(std::fs::read_to_string(place.join("victim")).unwrap(), "precious");
    std::fs::remove_file(&link).unwrap();
    assert_eq!(place.danlu(&["sync", "./usb"]).code, 0);
    assert_eq!(place.danlu(&["verify", "usb"]).code, 0);
}

#[test]
fn what_is_no_file_in_the_place_of_a_manifest_concerns_only_its_run() {
    type Make = fn(&std::path::Path);
    let strange: [(&str, Make); 4] = [
        ("a pipe", |path| {
            let mode = rustix::fs::Mode::from_raw_mode(0o600);
            rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        }),
        ("a directory", |path| {
            std::fs::create_dir(path).unwrap();
            std::fs::write(path.join("kept"), "kept").unwrap();
        }),
        ("a socket", |path| drop(std::os::unix::net::UnixListener::bind(path).unwrap())),
        ("a link to itself", |path| std::os::unix::fs::symlink(path, path).unwrap()),
    ];
    for (what, make) in strange {
        let place = Place::new();
        place.run("abc", 3);
        assert_eq!(place.danlu(&["sync", "./usb"]).code, 0);
        let at = all_in(&place.join("usb/runs")).remove(0);
        place.run("def", 3);
        assert_eq!(place.danlu(&["sync", "./usb"]).code, 0);
        std::fs::remove_file(&at).unwrap();
        make(&at);
        let listed = place.danlu(&["ls", "--remote", "usb"]);
        assert!(listed.stdout.contains("def"), "{what}: {}", listed.said());
        let pulled = place.danlu(&["pull", "usb", "--all", "--dir", "there"]);
        assert_eq!(pulled.code, 1, "{what}: {}", pulled.said());
        assert!(pulled.stdout.contains(at.file_name().unwrap().to_str().unwrap()), "{}", pulled.said());
        assert!(pulled.stdout.contains("puts it aside"), "it says what to do: {}", pulled.said());
        assert!(place.danlu(&["ls", "--dir", "there"]).stdout.contains("def"));
        let named = place.danlu(&["pull", "./usb", "abc", "def", "--dir", "named"]);
        assert!(
            named.code == 1 && named.stdout.contains("1 manifest there cannot be read"),
            "{}",
            named.said()
        );
        assert!(place.danlu(&["ls", "--dir", "named"]).stdout.contains("def"), "the other one has come");
        // Others are pushed, and it is made again when its run comes.
        place.run("ghi", 3);
        let synced = place.danlu(&["sync", "./usb", "--recheck"]);
        assert_eq!(synced.code, 0, "{what}: {}", synced.said());
        assert_eq!(place.json(&["ls", "--remote", "usb"]).as_array().unwrap().len(), 3);
        assert_eq!(place.danlu(&["verify", "usb"]).code, 0);
        assert!(at.with_extension("damaged").symlink_metadata().is_ok(), "{what} is not thrown away");
    }
}

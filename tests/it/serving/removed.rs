//! Removed runs: refused while their stone stands, forgotten for good after a while, with what nobody else names.

use super::{ask, serving};
use danlu::remote::Manifest;
use serde_json::json;

#[test]
fn a_removed_run_is_gone_for_syncers_and_its_files_go_unless_another_has_them() {
    let (place, server, key) = serving();
    let path = place.run("abc", 3);
    std::fs::write(place.join("abc.bin"), "abc".repeat(1000)).unwrap();
    let run = danlu::Run::builder("demo").id("other").dir(place.path()).start().unwrap();
    run.save("abc.bin").unwrap();
    run.finish(0).unwrap();
    place.run("third", 1);
    assert_eq!(place.danlu(&["sync", &server.url]).code, 0);
    let hash = |id: &str| {
        danlu::model::RunKey {
            entity: String::new(),
            project: "demo".to_owned(),
            id: danlu::model::RunId::new(id).unwrap(),
        }
        .hash()
    };
    let catalogue = rusqlite::Connection::open(place.join("server/catalogue.sqlite")).unwrap();
    for id in ["abc", "third"] {
        catalogue.execute("UPDATE run SET removed = 1 WHERE key = ?", [hash(id).0]).unwrap();
        let stone = "INSERT INTO tombstone VALUES (?, '', 'demo', ?, 'ann', 1795000000000000)";
        catalogue.execute(stone, rusqlite::params![hash(id).0, id]).unwrap();
    }
    let manifest = serde_json::to_value(Manifest::of(&danlu::store::open(&path).unwrap()).unwrap()).unwrap();
    let (status, said) = ask(&server, "POST", "/api/v1/manifests", &key, Some(&manifest));
    assert_eq!(status, 410, "{said}");
    assert!(said["error"].as_str().unwrap().contains("was removed by `ann` on 2026-11-"), "{said}");
    let listed = || server.get("/api/v1/manifests", &key).1.as_array().unwrap().len();
    assert_eq!(listed(), 1);
    let blob = |content: String| {
        let hash = danlu::model::Hash::of(content.as_bytes()).to_string();
        place.join("server/objects/blobs").join(&hash[..2]).join(hash)
    };
    let (shared, own) = (blob("abc".repeat(1000)), blob("third".repeat(1000)));
    assert!(shared.exists() && own.exists());
    let gone = place.json(&["admin", "--data", "server", "gc"]);
    // A segment of each, and the one blob that only the third run had.
    assert_eq!(gone, json!({"runs": 2, "objects": 3}));
    assert!(shared.exists() && !own.exists());
    assert_eq!((listed(), ask(&server, "POST", "/api/v1/manifests", &key, Some(&manifest)).0), (1, 410));
    let verified = place.json(&["admin", "--data", "server", "verify"]);
    assert_eq!((&verified["runs"], &verified["damage"]), (&json!(1), &json!([])));
}

#[test]
fn a_run_that_is_restored_is_pushed_again_by_whoever_reads_why_it_is_parked() {
    let (place, server, key) = serving();
    let path = place.run("abc", 3);
    assert_eq!(place.danlu(&["sync", &server.url]).code, 0);
    let run = Manifest::of(&danlu::store::open(&path).unwrap()).unwrap().run;
    let address = format!("/api/v1/runs/{}", run.hash());
    assert!(ask(&server, "DELETE", &address, &key, None).0 < 300);
    let parked = place.danlu(&["sync", "--recheck"]);
    assert!(parked.code == 1 && parked.stdout.contains("PARKED      demo/abc: "), "{}", parked.stdout);
    for done in [parked, place.danlu(&["sync"]), place.danlu(&["status"])] {
        assert!(
            done.stdout.contains("was removed by") && done.stdout.contains("`danlu sync --retry`"),
            "{}",
            done.stdout
        );
    }
    assert!(ask(&server, "POST", &format!("{address}/restore"), &key, None).0 < 300);
    let pushed = place.danlu(&["sync", "--retry"]);
    assert_eq!(pushed.code, 0, "{}{}", pushed.stdout, pushed.stderr);
    assert!(!place.danlu(&["status"]).stdout.contains("parked"));
}

#[test]
fn what_was_never_committed_goes_after_two_days() {
    use crate::remotes::sample::Sample;
    use danlu::remote::{Http, PART_BYTES, Remote, SizedHash};
    let (place, server, key) = serving();
    let remote = Http::new(&server.url, Some(key)).unwrap();
    let [kept, old, fresh] = ["kept", "old", "fresh"].map(|id| Sample::run(id, 3, &[id.as_bytes()]));
    for sample in [&kept, &old, &fresh] {
        remote.put_all(sample.objects.clone()).unwrap();
    }
    remote.commit(&kept.manifest).unwrap();
    let part = SizedHash { sha256: danlu::model::Hash::of(b"large"), size: 2 * PART_BYTES };
    remote.put_part(part, 0, vec![0; usize::try_from(PART_BYTES).unwrap()].into()).unwrap();
    let objects = place.join("server/objects");
    let directory = danlu::remote::Directory::open(&objects).unwrap();
    let make_old = |path: &std::path::Path| {
        let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
        std::fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
    };
    for object in [&kept, &old].iter().flat_map(|sample| sample.names()) {
        make_old(&directory.path_of(object));
    }
    make_old(&objects.join("tmp").join(format!("{}.part", part.sha256)));
    let gone = place.json(&["admin", "--data", "server", "gc"]);
    assert_eq!(gone, json!({"runs": 0, "objects": old.objects.len()}));
    let missing = |sample: &Sample| remote.missing(&sample.names()).unwrap().len();
    assert_eq!((missing(&kept), missing(&fresh), missing(&old)), (0, 0, old.objects.len()));
    assert_eq!(remote.held(part).unwrap(), 0);
    // Whoever was about to commit is told, and sends again.
    assert!(remote.commit(&old.manifest).is_err());
    remote.put_all(old.objects.clone()).unwrap();
    assert!(old.manifest.is_proved_by(&remote.commit(&old.manifest).unwrap()));
}

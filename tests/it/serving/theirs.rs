//! A hash is no right to what it stands for: who has only that gets nothing of what others have pushed.

use super::{ask, login, serving};
use crate::support::{Place, Serving};
use bytes::Bytes;
use danlu::remote::{Http, Manifest, Object, PART_BYTES, Remote, SizedHash};
use danlu::{ErrorKind, model::Hash};
use serde_json::{Value, json};

/// What tries to get at the file of a run of the team `red`, with the key of somebody who is not in it.
pub fn tries(server: &Serving, first: &str) {
    let (theirs, hers) = (Place::new(), Place::new());
    let path = hers.run("secret", 2);
    assert_eq!(hers.danlu(&["sync", "./rem"]).code, 0);
    std::fs::write(theirs.join("model.bin"), "secret".repeat(1000)).unwrap();
    let red = danlu::Run::builder("p").entity("red").id("r").dir(theirs.path()).start().unwrap();
    red.save(theirs.join("model.bin")).unwrap();
    red.finish(0).unwrap();
    login(&theirs, server, first);
    let pushed = theirs.danlu(&["sync", &server.url]);
    assert_eq!(pushed.code, 0, "{}{}", pushed.stdout, pushed.stderr);
    let account = ask(server, "POST", "/api/v1/accounts", first, Some(&json!({"name": "eve"})));
    assert_eq!(account.0, 201, "{}", account.1);
    let wanted = json!({"account": "eve", "scope": "write"});
    let eve = ask(server, "POST", "/api/v1/keys", first, Some(&wanted)).1["key"].as_str().unwrap().to_owned();
    let remote = Http::new(&server.url, Some(eve.clone())).unwrap();
    // Her run names the file of the team, and all that she has of it is the hash.
    let manifest = Manifest::of(&danlu::store::open(&path).unwrap()).unwrap();
    let blob = Object::Blob(Hash::of("secret".repeat(1000).as_bytes()));
    assert!(manifest.objects().contains(&blob));
    assert!(remote.missing(&manifest.objects()).unwrap().contains(&blob), "she has to send it");
    let segments = manifest.attempts.iter().flat_map(|entry| &entry.segments);
    for segment in segments {
        let name = segment.sha256.to_string();
        let bytes = std::fs::read(hers.join(&format!("rem/segments/{}/{name}.zst", &name[..2]))).unwrap();
        remote.put_all(vec![(Object::Segment(segment.sha256), bytes)]).unwrap();
    }
    let file = || server.get("/api/v1/runs/~%2Fdemo%2Fsecret/files/model.bin", &eve);
    let refused = remote.commit(&manifest).unwrap_err();
    assert!(
        refused.kind() == ErrorKind::NotFound && refused.to_string().contains("this key has sent"),
        "{refused}"
    );
    assert_eq!(file().0, 404);
    // Left out by choice, it is not there.
    let mut absent = serde_json::to_value(&manifest).unwrap();
    absent["version"] = json!(2);
    absent["absent"] = std::mem::replace(&mut absent["blobs"], json!([]));
    let (status, said) = ask(server, "POST", "/api/v1/manifests", &eve, Some(&absent));
    assert_eq!(status, 200, "{said}");
    let (status, said) = file();
    assert!(status == 404 && said["error"].as_str().unwrap().contains("was left out"), "{status} {said}");
    assert_eq!(server.get(&format!("/api/v1/blobs/{}", blob.hash()), &eve).0, 404);
    // Nor does a run that says what it leaves out prove that she had it.
    assert!(remote.missing(&manifest.objects()).unwrap().contains(&blob), "she still has to send it");
    assert_eq!(remote.commit(&manifest).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(file().0, 404);
    // With the bytes she has all of it.
    remote.put_all(vec![(blob, "secret".repeat(1000).into_bytes())]).unwrap();
    assert!(remote.missing(&manifest.objects()).unwrap().is_empty());
    remote.commit(&manifest).unwrap();
    let got = crate::support::client()
        .get(format!("{}/api/v1/runs/~%2Fdemo%2Fsecret/files/model.bin", server.url))
        .bearer_auth(&eve)
        .send()
        .unwrap();
    assert_eq!(got.text().unwrap(), "secret".repeat(1000));
}

#[test]
fn a_hash_alone_gives_nobody_a_file() {
    let (_place, server, first) = serving();
    tries(&server, &first);
}

#[test]
fn parts_that_others_have_sent_prove_nothing() {
    let (place, server, first) = serving();
    let made = place.json(&["admin", "--data", "server", "key", "add", "admin", "--scope", "write"]);
    let other = Http::new(&server.url, Some(made["key"].as_str().unwrap().to_owned())).unwrap();
    let theirs = Http::new(&server.url, Some(first)).unwrap();
    let part = usize::try_from(PART_BYTES).unwrap();
    let content: Vec<u8> = (0..2 * part + 999).map(|n| u8::try_from(n % 251).unwrap()).collect();
    let blob = SizedHash { sha256: Hash::of(&content), size: content.len() as u64 };
    let parts = |n: usize| Bytes::copy_from_slice(&content[n * part..content.len().min((n + 1) * part)]);
    theirs.put_part(blob, 0, parts(0)).unwrap();
    assert_eq!(other.held(blob).unwrap(), 0, "what others have sent is nobody's business");
    // Part of it while they send it, part of it afterwards; of the last part it knows the bytes.
    other.put_part(blob, 0, vec![1; part].into()).unwrap();
    theirs.put_part(blob, PART_BYTES, parts(1)).unwrap();
    theirs.put_part(blob, 2 * PART_BYTES, parts(2)).unwrap();
    assert!(theirs.missing(&[Object::Blob(blob.sha256)]).unwrap().is_empty());
    other.put_part(blob, PART_BYTES, vec![1; part].into()).unwrap();
    let refused = other.put_part(blob, 2 * PART_BYTES, parts(2)).unwrap_err();
    assert!(refused.to_string().contains("are not those of blob"), "{refused}");
    assert_eq!(other.missing(&[Object::Blob(blob.sha256)]).unwrap().len(), 1);
    assert_eq!(other.held(blob).unwrap(), 0);
    for n in 0..3 {
        other.put_part(blob, n as u64 * PART_BYTES, parts(n)).unwrap();
    }
    assert!(other.missing(&[Object::Blob(blob.sha256)]).unwrap().is_empty());
    assert_eq!(other.held(blob).unwrap(), blob.size);
}

#[test]
fn names_are_asked_for_in_measure() {
    let (_place, server, key) = serving();
    let names = |n: usize| -> Value { (0..n).map(|n| json!({"blob": format!("{n:064x}")})).collect() };
    let missing = |names: &Value| ask(&server, "POST", "/api/v1/objects/missing", &key, Some(names));
    let (status, said) = missing(&names(100_000));
    assert_eq!((status, said.as_array().map(Vec::len)), (200, Some(100_000)));
    assert_eq!(missing(&names(100_001)).0, 413);
    assert_eq!(missing(&json!(["x".repeat(9 << 20)])).0, 413);
    assert_eq!(
        ask(&server, "POST", "/api/v1/teams", &key, Some(&json!({"name": "x".repeat(2 << 20)}))).0,
        413
    );
}

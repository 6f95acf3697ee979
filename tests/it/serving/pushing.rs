//! The pushing side of the API: many at once, in parts, one after the other and at the same time.

use super::{ask, serving};
use crate::support::{Place, client};
use danlu::remote::{Http, Manifest, Object, PART_BYTES, Remote, SizedHash};
use serde_json::json;

fn remote(server: &crate::support::Serving, key: &str) -> Http {
    Http::new(&server.url, Some(key.to_owned())).unwrap()
}

fn manifest(path: &std::path::Path) -> Manifest {
    Manifest::of(&danlu::store::open(path).unwrap()).unwrap()
}

#[test]
fn a_batch_takes_in_what_is_sound_and_says_of_each_what_is_wrong() {
    let (place, server, key) = serving();
    let (one, two) = (manifest(&place.run("one", 3)), manifest(&place.run("two", 3)));
    assert_eq!(place.danlu(&["sync", &server.url]).code, 0);
    let other = Place::new();
    let missing = manifest(&other.run("missing", 2));
    let mut lied = serde_json::to_value(&two).unwrap();
    lied["run"]["id"] = json!("lied");
    let batch = json!([one, missing, {"format": "none"}, two, lied, one]);
    let (status, said) = ask(&server, "POST", "/api/v1/manifests/batch", &key, Some(&batch));
    assert_eq!(status, 200, "{said}");
    let status: Vec<_> = said.as_array().unwrap().iter().map(|one| one["status"].as_u64()).collect();
    assert_eq!(status, [None, Some(404), Some(400), None, Some(400), None], "{said}");
    let (_, identity) = server.get("/api/v1/remote", &key);
    let receipt = json!(one.receipt().of(serde_json::from_value(identity["id"].clone()).unwrap()));
    assert_eq!((&said[0]["receipt"], &said[5]["receipt"]), (&receipt, &receipt));
    let (_, heads) = server.get("/api/v1/manifests", &key);
    assert_eq!(heads.as_array().unwrap().len(), 2, "nothing of the others is seen");
    // By the one key there is also no other team.
    let (_, said) = server.get(&format!("/api/v1/manifests/{}", missing.run.hash()), &key);
    assert!(said["error"].as_str().unwrap().contains("There is no run"), "{said}");
}

#[test]
fn a_large_blob_comes_in_parts_and_goes_on_where_it_was() {
    let (_place, server, key) = serving();
    let content: Vec<u8> = (0..PART_BYTES * 2 + 12_345).map(|n| (n % 251) as u8).collect();
    let part = usize::try_from(PART_BYTES).unwrap();
    let blob = SizedHash { sha256: danlu::model::Hash::of(&content), size: content.len() as u64 };
    let remote = remote(&server, &key);
    assert_eq!(remote.held(blob).unwrap(), 0);
    remote.put_part(blob, 0, content[..part].to_vec().into()).unwrap();
    assert_eq!(remote.held(blob).unwrap(), PART_BYTES);
    let gap = remote.put_part(blob, 2 * PART_BYTES, content[2 * part..].to_vec().into()).unwrap_err();
    assert_eq!(gap.kind(), danlu::ErrorKind::Usage, "{gap}");
    let too_large = client()
        .put(format!("{}/api/v1/blobs/{}?offset=0&size={}", server.url, blob.sha256, blob.size))
        .bearer_auth(&key)
        .body(vec![0; part + 1])
        .send();
    assert_eq!(too_large.unwrap().status(), 413);
    remote.put_part(blob, PART_BYTES, content[part..2 * part].to_vec().into()).unwrap();
    assert_eq!(remote.missing(&[Object::Blob(blob.sha256)]).unwrap().len(), 1, "it is not whole");
    remote.put_part(blob, 2 * PART_BYTES, content[2 * part..].to_vec().into()).unwrap();
    assert!(remote.missing(&[Object::Blob(blob.sha256)]).unwrap().is_empty());
    // No run names it, so nobody may read it.
    assert!(remote.get(Object::Blob(blob.sha256), 0).is_err());
}

#[test]
fn many_who_push_at_once_do_not_hinder_each_other() {
    let (place, server, key) = serving();
    let manifests: Vec<Manifest> = (0..12).map(|n| manifest(&place.run(&format!("r{n}"), 3))).collect();
    assert_eq!(place.danlu(&["sync", &server.url]).code, 0);
    std::thread::scope(|scope| {
        for turn in 0..6 {
            let (server, key, manifests) = (&server, &key, &manifests);
            scope.spawn(move || {
                let mut order = manifests.clone();
                order.rotate_left(turn * 2);
                let receipts = remote(server, key).commit_all(&order).unwrap();
                for (manifest, receipt) in order.iter().zip(receipts) {
                    assert!(manifest.is_proved_by(&receipt.unwrap()));
                }
            });
        }
    });
    let heads = remote(&server, &key).runs(None).unwrap();
    assert_eq!(heads.len(), 12);
    assert!(heads.is_sorted_by_key(|head| head.key));
    assert!(remote(&server, &key).runs(Some(heads[11].key)).unwrap().is_empty());
    let (_, metrics) = (0, client().get(format!("{}/metrics", server.url)).send().unwrap().text().unwrap());
    for line in [
        "danlu_runs_total 12",
        "danlu_commits_total 84",
        "danlu_points_total 72",
        "danlu_keys_refused_total 0",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
}

#[test]
fn who_asks_for_what_was_left_out_is_told_so() {
    let (place, server, key) = serving();
    let run = danlu::Run::builder("demo").id("abc").dir(place.path()).start().unwrap();
    std::fs::write(place.join("model.ckpt"), b"left out").unwrap();
    run.save("model.ckpt").unwrap();
    let path = run.path().to_owned();
    run.finish(0).unwrap();
    let some = place.json(&["sync", &server.url, "--exclude", "*.ckpt"]);
    assert_eq!(some["runs"][0]["left_out"], 1, "{some}");
    let blob = danlu::model::Hash::of(b"left out");
    let key_of_run = manifest(&path).run.hash();
    let (_, held) = server.get(&format!("/api/v1/manifests/{key_of_run}"), &key);
    let (status, receipt) = ask(&server, "POST", "/api/v1/manifests", &key, Some(&held));
    assert_eq!((status, &receipt["absent"]), (200, &json!([blob])), "{receipt}");
    let addresses = [format!("/api/v1/blobs/{blob}"), format!("/api/v1/runs/{key_of_run}/files/model.ckpt")];
    for address in &addresses {
        let (status, said) = server.get(address, &key);
        assert_eq!(status, 404, "{said}");
        assert!(said["error"].as_str().unwrap().contains("was left out"), "{said}");
        assert!(said["hint"].as_str().unwrap().contains("danlu sync"), "{said}");
    }
    assert_eq!(place.danlu(&["sync", &server.url]).code, 0);
    for address in addresses {
        let answer = client().get(format!("{}{address}", server.url)).bearer_auth(&key).send().unwrap();
        assert_eq!(answer.bytes().unwrap(), b"left out".as_slice(), "{address}");
    }
}

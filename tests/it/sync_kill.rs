//! A syncer that dies at any moment: nothing is lost, and hardly anything is sent again.

use crate::proxy::Proxy;
use crate::support::{Place, wait_until};
use danlu::remote::PART_BYTES;
use std::process::Stdio;

/// How often it is killed; more with `DANLU_FAULTS=long`.
fn kills() -> u64 {
    if std::env::var("DANLU_FAULTS").is_ok_and(|how| how == "long") { 200 } else { 20 }
}

/// Bytes that do not compress and differ with the seed.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Fifty runs: each with a small file, some with one of a few hundred kilobytes, and one with a file of several parts.
fn fifty_runs(place: &Place) -> u64 {
    let mut bytes = 0;
    for n in 0..50u64 {
        let run = danlu::Run::builder("demo").id(format!("r{n}")).dir(place.path()).start().unwrap();
        for step in 0..50 {
            run.log([("loss", f64::from(step)), ("n", f64::from(step) * 1.5)]);
        }
        let mut files = vec![("small.bin", 2000)];
        if n % 10 == 0 {
            files.push(("picture.bin", 300_000));
        }
        if n == 7 {
            files.push(("checkpoint.bin", usize::try_from(PART_BYTES).unwrap() * 5 + 12_345));
        }
        for (name, length) in files {
            std::fs::write(place.join(name), noise(length, n * 10 + length as u64)).unwrap();
            run.save(name).unwrap();
            bytes += length as u64;
        }
        run.finish(0).unwrap();
    }
    // Records, packed, and what is said around them.
    bytes + 50 * 8_000
}

#[test]
fn a_push_that_is_killed_again_and_again_sends_hardly_anything_twice() {
    let place = Place::new();
    let all = fifty_runs(&place);
    let server = place.serve();
    let key = server.key.clone().unwrap();
    let proxy = Proxy::before(&server.url);
    assert_eq!(place.danlu(&["login", &proxy.url, "--key", &key]).code, 0);
    let mut random = 88_172_645_463_325_252u64;
    let mut killed = 0;
    let mut half_way = 0;
    while killed < kills() {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        // From the first byte on to somewhat more than a part later.
        let until = proxy.bytes() + 1 + random % (PART_BYTES * 5 / 4);
        let mut child = place
            .command(&["sync", &proxy.url, "--jobs", "1"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut ended = false;
        wait_until("it has sent something", || {
            ended = child.try_wait().unwrap().is_some();
            ended || proxy.bytes() >= until
        });
        child.kill().ok();
        child.wait().unwrap();
        killed += 1;
        half_way += u64::from(!ended);
        if ended {
            // All is there: what is known of it is forgotten, so that it is asked for again.
            std::fs::remove_file(place.join("wandb/sync.sqlite")).ok();
        }
    }
    let done = place.json(&["sync", &proxy.url, "--jobs", "1"]);
    assert_eq!(done["runs"].as_array().unwrap().len(), 50, "{done}");
    assert!(half_way >= 4, "only {half_way} of {killed} syncs were killed half-way");
    // A question and a manifest per run go along each time, some hundred bytes each.
    let said = (killed + 1) * 50 * 2_000;
    let most = all + killed * PART_BYTES + said;
    assert!(proxy.bytes() <= most, "{} bytes were sent, of at most {most}", proxy.bytes());
    let locals = place.json(&["ls"]);
    for run in locals.as_array().unwrap() {
        let address = format!("/api/v1/manifests/{}", key_of("demo", run["id"].as_str().unwrap()));
        let (status, held) = server.get(&address, &key);
        assert_eq!((status, &held["digest"]), (200, &run["digest"]), "{run}");
    }
    assert_eq!(place.json(&["sync", &proxy.url, "--recheck"])["objects_sent"], 0);
}

fn key_of(project: &str, id: &str) -> String {
    let run = danlu::model::RunKey {
        entity: String::new(),
        project: project.to_owned(),
        id: danlu::model::RunId::new(id).unwrap(),
    };
    run.hash().to_string()
}

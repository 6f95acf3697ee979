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
    let mut random = 88_172_645_463_325_252u64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let mut killed = 0;
    while killed < kills() {
        killed += push_with_kills(&place, all, &mut next);
    }
}

/// Pushes all runs to a new server, killed whenever some bytes were sent, and returns how often that was.
fn push_with_kills(place: &Place, all: u64, random: &mut impl FnMut() -> u64) -> u64 {
    for of_before in ["server", "wandb/sync.sqlite"].map(|name| place.join(name)) {
        std::fs::remove_dir_all(&of_before).or_else(|_| std::fs::remove_file(&of_before)).ok();
    }
    let server = place.serve();
    let key = server.key.clone().unwrap();
    let proxy = Proxy::before(&server.url);
    assert_eq!(place.danlu(&["login", &proxy.url, "--key", &key]).code, 0);
    let mut kills = 0;
    loop {
        // From the first byte on to somewhat more than a part later.
        let until = proxy.bytes() + 1 + random() % (PART_BYTES * 5 / 4);
        let mut child = place
            .command(&["sync", &proxy.url, "--jobs", "1"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut ended = None;
        wait_until("it has sent something", || {
            ended = child.try_wait().unwrap();
            ended.is_some() || proxy.bytes() >= until
        });
        if let Some(ended) = ended {
            assert!(ended.success());
            break;
        }
        child.kill().ok();
        child.wait().unwrap();
        kills += 1;
    }
    assert!(kills > 0, "it was through before it could be killed");
    // Questions and manifests go along each time, some hundred bytes for each run.
    let said = (kills + 1) * 50 * 2_000;
    let most = all + kills * PART_BYTES + said;
    assert!(
        proxy.bytes() <= most,
        "{} bytes were sent, of at most {most}, with {kills} kills",
        proxy.bytes()
    );
    for run in place.json(&["ls"]).as_array().unwrap() {
        let address = format!("/api/v1/manifests/{}", key_of("demo", run["id"].as_str().unwrap()));
        let (status, held) = server.get(&address, &key);
        assert_eq!((status, &held["digest"]), (200, &run["digest"]), "{run}");
    }
    assert_eq!(place.json(&["sync", &proxy.url, "--recheck"])["objects_sent"], 0);
    kills
}

fn key_of(project: &str, id: &str) -> String {
    let run = danlu::model::RunKey {
        entity: String::new(),
        project: project.to_owned(),
        id: danlu::model::RunId::new(id).unwrap(),
    };
    run.hash().to_string()
}

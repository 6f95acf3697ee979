//! The same over SQLite and a directory, and over PostgreSQL and a bucket; and several servers over one of the latter.

use super::postgres::Postgres;
use super::{ask, login, run_of};
use crate::remotes::s3::{Conditions, S3};
use crate::remotes::sample::Sample;
use crate::support::{Place, Serving, wait_until};
use danlu::remote::{Http, Remote};
use serde_json::json;
use std::process::Stdio;

/// What servers share.
struct Shared {
    postgres: Postgres,
    bucket: S3,
}

impl Shared {
    fn start() -> Self {
        Self { postgres: Postgres::start(), bucket: S3::start(Conditions::Kept) }
    }

    /// Starts a server over them, with a data directory of its own.
    fn serve(&self, place: &Place, data: &str) -> Serving {
        let mut command = place.server(data, "127.0.0.1:0");
        command
            .args(["--catalogue", &self.postgres.address(), "--objects", &self.bucket.address("objects")])
            .env("AWS_ACCESS_KEY_ID", "danlu")
            .env("AWS_SECRET_ACCESS_KEY", "a secret");
        Serving::start(command)
    }
}

/// What any server does, whatever it stands on.
fn suite(place: &Place, server: &Serving, key: &str) {
    login(place, server, key);
    place.run("abc", 3);
    run_of(place, "vision", "cats", "of-a-team");
    let outcome = place.json(&["sync", &server.url]);
    assert_eq!(outcome["runs"][0]["status"], "pushed", "{outcome}");
    assert_eq!(place.json(&["sync", &server.url])["objects_sent"], 0);
    let (status, projects) = server.get("/api/v1/projects", key);
    assert_eq!(status, 200, "{projects}");
    let names: Vec<_> = projects.as_array().unwrap().iter().map(|p| (&p["entity"], &p["project"])).collect();
    assert_eq!(names, [(&json!(""), &json!("demo")), (&json!("vision"), &json!("cats"))]);
    let (_, teams) = server.get("/api/v1/teams", key);
    assert_eq!(teams[0]["name"], "vision", "an admin's push makes the team");
    let (_, heads) = server.get("/api/v1/manifests", key);
    let heads = heads.as_array().unwrap().clone();
    assert_eq!(heads.len(), 2);
    let local = place.json(&["ls"]);
    for run in local.as_array().unwrap() {
        let head = heads.iter().find(|head| head["run"]["id"] == run["id"]).unwrap();
        assert_eq!(head["digest"], run["digest"]);
        let (status, one) = server.get(&format!("/api/v1/runs/{}", head["key"].as_str().unwrap()), key);
        assert_eq!((status, &one["config"]["lr"], &one["digest"]), (200, &json!(0.5), &run["digest"]));
    }
    // Objects come back as they went.
    let blob = danlu::model::Hash::of("abc".repeat(1000).as_bytes());
    let path = format!("{}/api/v1/blobs/{blob}", server.url);
    let whole = crate::support::client().get(&path).bearer_auth(key).send().unwrap();
    assert_eq!(whole.text().unwrap(), "abc".repeat(1000));
    let part =
        crate::support::client().get(&path).bearer_auth(key).header("range", "bytes=2995-").send().unwrap();
    assert_eq!(
        (part.status().as_u16(), part.headers()["content-range"].to_str().unwrap()),
        (206, "bytes 2995-2999/3000")
    );
    assert_eq!(part.text().unwrap(), "bcabc");
    people(server, key);
    let (_, stats) = server.get("/api/v1/stats", key);
    assert_eq!(
        (&stats["runs"], &stats["projects"], &stats["points"]),
        (&json!(2), &json!(2), &json!(7)),
        "{stats}"
    );
}

/// Accounts, teams and keys.
fn people(server: &Serving, key: &str) {
    let ask = |method: &str, path: &str, body: serde_json::Value| ask(server, method, path, key, Some(&body));
    assert_eq!(ask("POST", "/api/v1/accounts", json!({"name": "ann"})).0, 201);
    assert_eq!(ask("POST", "/api/v1/accounts", json!({"name": "ann"})).0, 409);
    assert_eq!(ask("POST", "/api/v1/accounts", json!({"name": "vision"})).0, 409, "a team has the name");
    assert_eq!(ask("PUT", "/api/v1/teams/vision/members/ann", json!({"role": "write"})).0, 204);
    assert_eq!(ask("PUT", "/api/v1/teams/vision/members/bob", json!({"role": "write"})).0, 404);
    assert_eq!(ask("PUT", "/api/v1/teams/vision/members/ann", json!({"role": "read"})).0, 204);
    let (status, made) =
        ask("POST", "/api/v1/keys", json!({"account": "ann", "scope": "write", "name": "laptop"}));
    assert_eq!(status, 201, "{made}");
    let anns = made["key"].as_str().unwrap();
    let (_, me) = server.get("/api/v1/me", anns);
    assert_eq!((&me["account"], &me["teams"]), (&json!("ann"), &json!({"vision": "read"})));
    let (_, keys) = server.get("/api/v1/keys", anns);
    assert_eq!((keys.as_array().unwrap().len(), &keys[0]["name"]), (1, &json!("laptop")));
    assert_eq!(ask("DELETE", &format!("/api/v1/keys/{}", &anns[..11]), json!(null)).0, 204);
    let (status, said) = server.get("/api/v1/me", anns);
    assert!(status == 401 && said["error"].as_str().unwrap().contains("was revoked on"), "{said}");
    assert_eq!(ask("DELETE", "/api/v1/accounts/ann", json!(null)).0, 204);
    assert_eq!(ask("DELETE", "/api/v1/accounts/admin", json!(null)).0, 400, "nobody could manage it");
    assert_eq!(ask("DELETE", "/api/v1/teams/vision", json!(null)).0, 409, "it has runs");
}

#[test]
fn over_sqlite_and_a_directory() {
    let place = Place::new();
    let server = place.serve();
    let key = server.key.clone().unwrap();
    suite(&place, &server, &key);
    assert_eq!(server.get("/healthz", "").0, 200);
}

#[test]
fn over_postgresql_and_a_bucket() {
    let (mut shared, place) = (Shared::start(), Place::new());
    let server = shared.serve(&place, "server");
    let key = server.key.clone().unwrap();
    suite(&place, &server, &key);
    super::theirs::tries(&server, &key);
    // A database that went away and came back is used again.
    assert_eq!(server.get("/healthz", "").0, 200);
    shared.postgres.stop();
    // Each waits for it as long as it may.
    std::thread::scope(|scope| {
        let projects = scope.spawn(|| server.get("/api/v1/projects", &key).0);
        let (status, said) = server.get("/healthz", "");
        let why = said["error"].as_str().unwrap();
        assert!(!projects.is_finished(), "who watches is told sooner than who asks for something");
        assert!(status == 503 && why.contains("The catalogue"), "{status} {said}");
        assert_eq!(projects.join().unwrap(), 503);
    });
    shared.postgres.start_again();
    wait_until("the catalogue is there again", || server.get("/healthz", "").0 == 200);
    assert_eq!(server.get("/api/v1/projects", &key).0, 200);
    let stopped = server.stop();
    assert!(stopped.success());
    // The data directory holds nothing that the two do not.
    std::fs::remove_dir_all(place.join("server")).unwrap();
    let server = shared.serve(&place, "server");
    assert_eq!(server.key, None, "there are accounts already");
    let (_, heads) = server.get("/api/v1/manifests", &key);
    let run = heads.as_array().unwrap().iter().find(|head| head["run"]["id"] == "abc").unwrap();
    let (_, history) =
        server.get(&format!("/api/v1/runs/{}/history?key=acc", run["key"].as_str().unwrap()), &key);
    assert_eq!(history["value"], json!([0.0, 1.0, 2.0]));
}

#[test]
fn a_catalogue_of_version_1_in_postgresql_is_brought_up_to_date() {
    let shared = Shared::start();
    let place = Place::new();
    let server = shared.serve(&place, "server");
    let key = server.key.clone().unwrap();
    login(&place, &server, &key);
    place.run("abc", 3);
    assert_eq!(place.danlu(&["sync", &server.url]).code, 0);
    let past = |server: &Serving| server.get("/api/v1/runs", &key).1["runs"][0]["past"].clone();
    let before = past(&server);
    assert!(before["writers"][0]["pid"].is_number(), "{before}");
    assert!(server.stop().success());
    let mut client = postgres::Client::connect(&shared.postgres.address(), postgres::NoTls).unwrap();
    client
        .batch_execute(
            "ALTER TABLE run DROP COLUMN past; UPDATE setting SET value = '1' WHERE name = 'version'",
        )
        .unwrap();
    let server = shared.serve(&place, "server");
    assert_eq!(past(&server), before);
}

#[test]
fn what_is_pushed_to_one_server_is_read_from_another() {
    let (shared, place) = (Shared::start(), Place::new());
    let (first, second) = (shared.serve(&place, "first"), shared.serve(&place, "second"));
    let key = first.key.clone().unwrap();
    assert_eq!(second.key, None, "the second finds what the first has made");
    place.run("abc", 3);
    login(&place, &first, &key);
    assert_eq!(place.json(&["sync", &first.url])["runs"][0]["status"], "pushed");
    let (_, heads) = second.get("/api/v1/manifests", &key);
    let address = format!("/api/v1/runs/{}/history?key=acc", heads[0]["key"].as_str().unwrap());
    assert_eq!(second.get(&address, &key).1["value"], json!([0.0, 1.0, 2.0]));
    // The run goes on: the second server has a file of it that is stale now.
    let run =
        danlu::Run::builder("demo").id("abc").dir(place.path()).resume(danlu::Resume::Must).start().unwrap();
    run.log([("acc", 9.0)]);
    run.finish(0).unwrap();
    assert_eq!(place.json(&["sync", &first.url])["runs"][0]["status"], "pushed");
    assert_eq!(second.get(&address, &key).1["value"], json!([0.0, 1.0, 2.0, 9.0]));
    // A key that is revoked at one is refused at the other.
    assert_eq!(ask(&second, "DELETE", &format!("/api/v1/keys/{}", &key[..11]), &key, None).0, 204);
    assert_eq!(first.get("/api/v1/projects", &key).0, 401);
}

#[test]
fn two_attempts_of_a_run_that_come_to_two_servers_at_once_are_both_kept() {
    let (shared, place) = (Shared::start(), Place::new());
    let (first, second) = (shared.serve(&place, "first"), shared.serve(&place, "second"));
    let key = first.key.clone().unwrap();
    for round in 0..8 {
        let id = format!("r{round}");
        let attempts = [Sample::run(&id, 20, &[]), Sample::run(&id, 30, &[])];
        std::thread::scope(|scope| {
            for (server, attempt) in [&first, &second].into_iter().zip(&attempts) {
                let remote = Http::new(&server.url, Some(key.clone())).unwrap();
                scope.spawn(move || {
                    remote.put_all(attempt.objects.clone()).unwrap();
                    assert!(attempt.manifest.is_proved_by(&remote.commit(&attempt.manifest).unwrap()));
                });
            }
        });
        let both = attempts[0].manifest.merge(&attempts[1].manifest).unwrap();
        for server in [&first, &second] {
            let (_, heads) = server.get("/api/v1/manifests", &key);
            let head =
                heads.as_array().unwrap().iter().find(|head| head["run"]["id"] == id.as_str()).unwrap();
            assert_eq!(
                (&head["digest"], &head["records"]),
                (&json!(both.digest), &json!(both.head().records))
            );
            let address = format!("/api/v1/runs/{}/history?key=acc", head["key"].as_str().unwrap());
            assert_eq!(server.get(&address, &key).1["value"].as_array().unwrap().len(), 50);
        }
    }
}

#[test]
fn a_push_that_a_killed_server_broke_off_is_finished_through_another() {
    let (shared, place) = (Shared::start(), Place::new());
    let (mut first, second) = (shared.serve(&place, "first"), shared.serve(&place, "second"));
    let key = first.key.clone().unwrap();
    for n in 0..6u32 {
        let run = danlu::Run::builder("demo").id(format!("r{n}")).dir(place.path()).start().unwrap();
        (0..500).for_each(|step| run.log([("loss", f64::from(step * n))]));
        for file in 0..4u32 {
            std::fs::write(place.join("weights.bin"), (n * 100 + file).to_le_bytes().repeat(250_000))
                .unwrap();
            run.save_as(&place.join("weights.bin"), &format!("weights-{file}.bin")).unwrap();
        }
        run.finish(0).unwrap();
    }
    login(&place, &first, &key);
    let mut syncer =
        place.command(&["sync", &first.url]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let blobs = shared.bucket.files().join("objects/blobs");
    let stored = || blobs.is_dir() && std::fs::read_dir(&blobs).unwrap().count() > 5;
    wait_until("some objects are there", || stored() || syncer.try_wait().unwrap().is_some());
    first.kill();
    assert!(!syncer.wait().unwrap().success(), "it was broken off");
    login(&place, &second, &key);
    let outcome = place.json(&["sync", &second.url]);
    let sent = outcome["objects_sent"].as_u64().unwrap();
    assert!(sent > 0 && sent < 30, "some of the 30 objects were there, some were not: {sent}");
    let (_, heads) = second.get("/api/v1/manifests", &key);
    let local = place.json(&["ls"]);
    assert_eq!((heads.as_array().unwrap().len(), local.as_array().unwrap().len()), (6, 6));
    for run in local.as_array().unwrap() {
        let head = heads.as_array().unwrap().iter().find(|head| head["run"]["id"] == run["id"]).unwrap();
        assert_eq!(head["digest"], run["digest"]);
    }
}

//! `danlu serve`: what it takes in and what it shows.

use crate::support::{Place, client};

#[test]
fn what_was_synced_is_shown() {
    let place = Place::new();
    place.run("abc", 3);
    let server = place.serve();
    let key = server.key.clone().unwrap();
    assert_eq!(place.danlu(&["login", &server.url, "--key", &key]).code, 0);
    assert_eq!(place.danlu(&["sync", &server.url]).code, 0);
    let (_, projects) = server.get("/api/v1/projects", &key);
    assert_eq!((&projects[0]["project"], &projects[0]["runs"]), (&"demo".into(), &1.into()));
    let (_, runs) = server.get("/api/v1/runs?project=demo", &key);
    let runs = runs["runs"].clone();
    let run = &runs[0];
    assert_eq!(
        (&run["id"], &run["state"], &run["config"]["lr"]),
        (&"abc".into(), &"finished".into(), &0.5.into())
    );
    let local = place.json(&["ls"]);
    assert_eq!(run["digest"], local[0]["digest"]);
    let address = format!("/api/v1/runs/{}", run["key"].as_str().unwrap());
    let (_, history) = server.get(&format!("{address}/history?key=acc"), &key);
    assert_eq!(
        (&history["step"], &history["value"]),
        (&serde_json::json!([0, 1, 2]), &serde_json::json!([0.0, 1.0, 2.0]))
    );
    assert!(history.get("rank").is_none(), "no writer has one");
    let (_, one) = server.get(&address, &key);
    assert_eq!(one["files"][0]["path"], "model.bin");
    let client = client();
    let file =
        client.get(format!("{}{address}/files/model.bin", server.url)).bearer_auth(&key).send().unwrap();
    assert!(file.headers()["content-disposition"].to_str().unwrap().starts_with("attachment"));
    assert_eq!(file.text().unwrap(), "abc".repeat(1000));
    assert_eq!(
        server.get("/api/v1/runs?project=other", &key).1,
        serde_json::json!({"runs": [], "next": null, "total": 0})
    );
    assert_eq!(server.get(&format!("/api/v1/runs/{}", "0".repeat(64)), &key).0, 404);
    assert_eq!(server.get(&format!("{address}/files/nothing"), &key).0, 404);
    assert!(server.stop().success());
}

#[test]
fn without_a_known_key_nothing_is_shown_or_taken() {
    let place = Place::new();
    place.run("abc", 1);
    let server = place.serve();
    for path in ["/api/v1/projects", "/api/v1/runs", "/api/v1/nothing"] {
        assert_eq!(server.get(path, "dk_wrong").0, 401, "{path}");
    }
    let done = place.danlu(&["login", &server.url, "--key", "dk_wrong"]);
    assert_eq!(done.code, 1);
    assert!(done.stderr.contains("is not known"), "{}", done.stderr);
    let done = place.danlu(&["sync", &server.url]);
    assert_eq!(done.code, 1);
    assert!(
        done.stderr.contains("An API key is needed") && done.stderr.contains("hint: `danlu login"),
        "{}",
        done.stderr
    );
    let client = client();
    let url = format!("{}/api/v1/blobs/{}", server.url, "0".repeat(64));
    assert_eq!(client.put(url).body("x").send().unwrap().status(), 401);
}

#[test]
fn bytes_that_are_not_those_of_their_name_are_refused() {
    let place = Place::new();
    let server = place.serve();
    let client = client();
    let key = server.key.clone().unwrap();
    for (path, status) in [
        (format!("blobs/{}", "0".repeat(64)), 400),
        (format!("segments/{}", "0".repeat(64)), 400),
        ("blobs/short".to_owned(), 400),
        (format!("blobs/..%2f..%2f{}", "0".repeat(58)), 400),
    ] {
        let answer = client
            .put(format!("{}/api/v1/{path}", server.url))
            .bearer_auth(&key)
            .body("other bytes")
            .send()
            .unwrap();
        assert_eq!(answer.status().as_u16(), status, "{path}");
    }
    let answer =
        client.post(format!("{}/api/v1/manifests", server.url)).bearer_auth(&key).body("{}").send().unwrap();
    assert_eq!(answer.status().as_u16(), 400);
    let stored = crate::support::names(&place.join("server/objects/blobs"));
    assert!(stored.is_empty(), "{stored:?}");
    assert!(crate::support::names(&place.join("server/objects/tmp")).is_empty());
}

#[test]
fn the_page_holds_no_data_and_allows_nothing_from_elsewhere() {
    let place = Place::new();
    let server = place.serve();
    let client = client();
    let page = client.get(&server.url).send().unwrap();
    assert_eq!(page.status(), 200);
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    assert_eq!(page.headers()["x-content-type-options"], "nosniff");
    assert!(!page.text().unwrap().contains("__NONCE__"));
    let key = server.key.clone().unwrap();
    let signed_in = client.get(format!("{}/?key={key}", server.url)).send().unwrap();
    assert_eq!((signed_in.status().as_u16(), &signed_in.headers()["location"]), (303, &"/".parse().unwrap()));
    let cookie = signed_in.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let with_cookie = client
        .get(format!("{}/api/v1/projects", server.url))
        .header("cookie", cookie.split(';').next().unwrap())
        .send();
    assert_eq!(with_cookie.unwrap().status(), 200);
    let wrong = client.get(format!("{}/?key=dk_wrong", server.url)).send().unwrap();
    assert!(wrong.headers().get("set-cookie").is_none());
}

#[test]
fn a_server_keeps_its_key_and_its_runs() {
    let place = Place::new();
    place.run("abc", 1);
    let server = place.serve();
    let key = server.key.clone().unwrap();
    assert_eq!(place.danlu(&["login", &server.url, "--key", &key]).code, 0);
    assert_eq!(place.danlu(&["sync"]).code, 0);
    assert!(server.stop().success());
    // A run file follows from the objects.
    let run_file = std::fs::read_dir(place.join("server/runs")).unwrap().next().unwrap().unwrap().path();
    std::fs::write(&run_file, "damaged").unwrap();
    let server = place.serve();
    assert_eq!(server.key, None, "the key is shown once");
    assert_eq!(place.danlu(&["login", &server.url, "--key", &key]).code, 0);
    let outcome = place.json(&["sync", &server.url, "--recheck"]);
    assert_eq!((&outcome["runs"][0]["status"], &outcome["objects_sent"]), (&"pushed".into(), &0.into()));
    let (_, runs) = server.get("/api/v1/runs", &key);
    let runs = runs["runs"].clone();
    assert_eq!(runs[0]["id"], "abc");
    let made_anew = danlu::store::open(&run_file).unwrap();
    assert_eq!(danlu::store::digest(&made_anew).unwrap().unwrap().to_string(), runs[0]["digest"]);
}

#[test]
fn a_manifest_that_is_not_that_of_its_records_is_refused() {
    let place = Place::new();
    let path = place.run("abc", 3);
    let server = place.serve();
    let key = server.key.clone().unwrap();
    assert_eq!(place.danlu(&["login", &server.url, "--key", &key]).code, 0);
    assert_eq!(place.danlu(&["sync", &server.url]).code, 0);
    let manifest = danlu::remote::Manifest::of(&danlu::store::open(&path).unwrap()).unwrap();
    let attempts: Vec<_> = manifest.attempts.iter().map(|entry| (entry.attempt, entry.digest)).collect();
    for lie in ["another run", "no files"] {
        let mut lied: serde_json::Value = serde_json::from_slice(&manifest.to_json().unwrap()).unwrap();
        if lie == "another run" {
            lied["run"]["id"] = "other".into();
            let run = danlu::model::RunKey {
                id: danlu::model::RunId::new("other").unwrap(),
                ..manifest.run.clone()
            };
            lied["digest"] = danlu::store::run_digest(&run, attempts.clone()).to_string().into();
        } else {
            lied["run"]["id"] = "third".into();
            let run = danlu::model::RunKey {
                id: danlu::model::RunId::new("third").unwrap(),
                ..manifest.run.clone()
            };
            lied["digest"] = danlu::store::run_digest(&run, attempts.clone()).to_string().into();
            lied["blobs"] = serde_json::json!([]);
        }
        let url = format!("{}/api/v1/manifests", server.url);
        let answer = client().post(url).bearer_auth(&key).body(lied.to_string()).send().unwrap();
        assert_eq!(answer.status(), 400, "{lie}");
        assert!(answer.text().unwrap().contains("is not that of its records"), "{lie}");
    }
    assert_eq!(crate::support::names(&place.join("server/runs")).len(), 1, "nothing of a refused push stays");
    assert_eq!(server.get("/api/v1/runs", &key).1["runs"].as_array().unwrap().len(), 1);
}

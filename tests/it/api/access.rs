//! Who sees what: runs of other teams are not there, and a key that reads changes nothing.

use super::{Api, json};
use danlu::Run;
use reqwest::Method;
use serde_json::json;

/// Every address of a run, and of what may name one.
fn addresses(key: &str) -> Vec<(Method, String, Option<serde_json::Value>)> {
    let get = |path: &str| (Method::GET, format!("/runs/{key}{path}"), None);
    let plain = key.replace("%2F", "/");
    vec![
        get(""),
        get("/history"),
        get("/history?key=loss"),
        get("/envelope?key=loss"),
        get("/files"),
        get("/files/model.bin"),
        get("/console"),
        get("/system"),
        get("/alerts"),
        get("/metrics"),
        get("/artifacts"),
        get("/comments"),
        (Method::POST, "/envelopes".to_owned(), Some(json!({"runs": [plain], "keys": ["loss"]}))),
        (Method::POST, "/sql".to_owned(), Some(json!({"runs": [plain], "query": "SELECT 1"}))),
        (Method::PATCH, format!("/runs/{key}"), Some(json!({"name": "mine"}))),
        (Method::POST, format!("/runs/{key}/comments"), Some(json!({"text": "x"}))),
        (Method::DELETE, format!("/runs/{key}/comments/1"), None),
        (Method::DELETE, format!("/runs/{key}"), None),
        (Method::POST, format!("/runs/{key}/restore"), None),
        (Method::GET, "/artifacts?entity=vision&project=cats".to_owned(), None),
        (Method::GET, "/artifacts/lineage?entity=vision&project=cats".to_owned(), None),
    ]
}

#[test]
fn runs_of_another_team_are_not_there() {
    let mut api = Api::with(|place| {
        for (entity, id) in [("vision", "theirs"), ("", "common")] {
            let run = Run::builder("cats")
                .entity(entity)
                .id(id)
                .config("lr", 0.5)
                .dir(place.path())
                .start()
                .unwrap();
            run.log([("loss", 0.25)]);
            run.put("model.bin", b"secret").unwrap();
            run.finish(0).unwrap();
        }
    });
    let theirs = api.key_of("theirs");
    let admin = |args: &[&str]| api.place.json(&[&["admin", "--data", "server"], args].concat());
    admin(&["account", "add", "ann"]);
    let key =
        |args: &[&str]| admin(&[&["key", "add", "ann"], args].concat())["key"].as_str().unwrap().to_owned();
    let (anns, reads) = (key(&["--scope", "write"]), key(&["--scope", "read"]));
    let first = std::mem::replace(&mut api.key, anns);
    for name in [theirs.clone(), "vision%2Fcats%2Ftheirs".to_owned()] {
        for (method, path, body) in addresses(&name) {
            let request = api.ask(method.clone(), &path);
            let request = body.iter().fold(request, |request, body| request.json(body));
            let (status, said) = api.refused(request);
            assert_eq!(status, 404, "{method} {path}: {said}");
            assert!(!said.contains("secret"), "{said}");
        }
    }
    let list = api.get("/runs?columns=id&archived=all");
    assert_eq!((&list["total"], &list["runs"][0]["id"]), (&json!(1), &json!("common")));
    assert_eq!(api.get("/runs?filter=config.lr+exists")["total"], 1);
    assert_eq!(api.get("/runs?entity=vision")["total"], 0);
    let counted = json!({"filter": "id exists", "query": "SELECT count(*) FROM runs"});
    assert_eq!(api.send(Method::POST, "/sql", &counted)["rows"], json!([[1]]));
    assert_eq!(api.get("/projects").as_array().unwrap().len(), 1);
    // A key that reads changes nothing of what it sees.
    api.key = reads;
    let common = api.key_of("common");
    for (method, path, body) in addresses(&common)
        .into_iter()
        .filter(|(method, path, _)| *method != Method::GET && path.starts_with("/runs"))
    {
        let request = api.ask(method.clone(), &path);
        let request = body.iter().fold(request, |request, body| request.json(body));
        let wanted = if path.ends_with("/restore") { 404 } else { 403 };
        assert_eq!(api.refused(request).0, wanted, "{method} {path}");
    }
    // Who becomes a member sees them, also in a list that was made before.
    api.key = first;
    let team =
        api.ask(Method::PUT, "/teams/vision/members/ann").json(&json!({"role": "read"})).send().unwrap();
    assert_eq!(team.status(), 204);
    let again = api.place.json(&["admin", "--data", "server", "key", "add", "ann"])["key"]
        .as_str()
        .unwrap()
        .to_owned();
    api.key = again;
    assert_eq!(api.get("/runs")["total"], 2);
    assert_eq!(json(api.ask(Method::GET, &format!("/runs/{theirs}")).send().unwrap())["id"], "theirs");
    let (status, _) = api.refused(api.ask(Method::DELETE, &format!("/runs/{theirs}")));
    assert_eq!(status, 403, "a member that reads removes nothing");
}

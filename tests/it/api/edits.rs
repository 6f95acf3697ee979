//! What people say about runs lies over what the runs say.

use super::Api;
use danlu::Run;
use reqwest::Method;
use serde_json::json;

fn api() -> Api {
    Api::with(|place| {
        for id in ["abc", "other"] {
            let run = Run::builder("demo").id(id).name("as logged").tag("own").notes("own notes");
            let run = run.dir(place.path()).start().unwrap();
            run.log([("loss", 1.0)]);
            run.put("model.bin", id.as_bytes()).unwrap();
            run.finish(0).unwrap();
        }
    })
}

#[test]
fn an_edit_is_seen_everywhere_and_changes_nothing_of_the_run() {
    let api = api();
    let address = format!("/runs/{}", api.key_of("abc"));
    let before = api.get(&address);
    let edit = json!({"name": "best one", "tags": ["best", "v2"], "notes": "<script>", "group": "g"});
    let answer = api.send(Method::PATCH, &address, &edit);
    for shown in [&answer, &api.get(&address), &api.get("/runs?filter=id%3Dabc")["runs"][0]] {
        assert_eq!((&shown["name"], &shown["group"]), (&json!("best one"), &json!("g")));
        assert_eq!((&shown["tags"], &shown["notes"]), (&json!(["best", "v2"]), &json!("<script>")));
        assert_eq!(shown["digest"], before["digest"]);
    }
    let ids = |filter: &str| api.get(&format!("/runs?{filter}"))["total"].clone();
    assert_eq!(ids("filter=tags+has+best"), 1);
    assert_eq!(ids("filter=tags+has+own"), 1, "of the other run alone");
    assert_eq!(ids("filter=name+~+best+and+notes+has+script"), 1);
    assert_eq!(api.get("/runs?sort=-name&columns=name")["runs"][0]["name"], "best one");
    // More of the run comes in, and the edit stays.
    let run =
        Run::builder("demo").id("abc").resume(danlu::Resume::Must).dir(api.place.path()).start().unwrap();
    run.log([("loss", 0.5)]);
    run.finish(0).unwrap();
    api.push();
    let after = api.get(&address);
    assert_eq!((&after["name"], &after["summary"]["loss"]), (&json!("best one"), &json!(0.5)));
    let logged = api.send(
        Method::POST,
        "/sql",
        &json!({"runs": [api.key_of("abc")], "query": "SELECT name FROM run"}),
    );
    assert_eq!(logged["rows"], json!([["as logged"]]));
}

#[test]
fn what_is_put_away_is_not_listed_until_it_is_asked_for() {
    let api = api();
    let address = format!("/runs/{}", api.key_of("abc"));
    api.send(Method::PATCH, &address, &json!({"archived": true}));
    for (query, total) in [
        ("", 1),
        ("archived=true", 1),
        ("archived=false", 1),
        ("archived=all", 2),
        ("filter=archived+=+true", 1),
    ] {
        assert_eq!(api.get(&format!("/runs?{query}"))["total"], total, "{query}");
    }
    assert_eq!(api.get(&address)["archived"], true);
    api.send(Method::PATCH, &address, &json!({"archived": false}));
    assert_eq!(api.get("/runs")["total"], 2);
}

#[test]
fn comments_are_added_and_removed() {
    let api = api();
    let address = format!("/runs/{}/comments", api.key_of("abc"));
    let added = api.send(Method::POST, &address, &json!({"text": "why so slow? \u{202e}<b>"}));
    assert_eq!(api.get(&address), json!([added]));
    assert_eq!((&added["account"], added["id"].is_i64()), (&json!("admin"), true));
    let one = format!("{address}/{}", added["id"]);
    assert_eq!(api.ask(Method::DELETE, &one).send().unwrap().status(), 204);
    assert_eq!(api.refused(api.ask(Method::DELETE, &one)).0, 404);
    assert_eq!(api.get(&address), json!([]));
    let (status, said) = api.refused(api.ask(Method::POST, &address).json(&json!({"text": " "})));
    assert!(status == 400 && said.contains("says nothing"), "{said}");
    assert_eq!(api.refused(api.ask(Method::DELETE, &format!("{address}/x"))).0, 400);
}

#[test]
fn a_removed_run_is_gone_until_it_is_restored() {
    let api = api();
    let key = api.key_of("abc");
    let address = format!("/runs/{key}");
    assert_eq!(api.ask(Method::DELETE, &address).send().unwrap().status(), 204);
    for path in ["", "/history", "/files", "/files/model.bin", "/comments", "/console"] {
        let (status, said) = api.refused(api.ask(Method::GET, &format!("{address}{path}")));
        assert!(status == 410 && said.contains("was removed"), "{path}: {status} {said}");
    }
    assert_eq!(api.get("/runs")["total"], 1);
    assert_eq!(api.refused(api.ask(Method::DELETE, &address)).0, 410);
    let restored = api.send(Method::POST, &format!("{address}/restore"), &json!({}));
    assert_eq!(restored["run"]["id"], "abc");
    assert_eq!(api.get("/runs")["total"], 2);
    let file = api.ask(Method::GET, &format!("{address}/files/model.bin")).send().unwrap();
    assert_eq!(file.text().unwrap(), "abc");
    assert_eq!(api.refused(api.ask(Method::POST, &format!("{address}/restore"))).0, 404);
}

#[test]
fn an_edit_that_cannot_be_is_refused_in_words() {
    let api = api();
    let address = format!("/runs/{}", api.key_of("abc"));
    let patch = |body: &str| {
        api.ask(Method::PATCH, &address).header("content-type", "application/json").body(body.to_owned())
    };
    let deep = format!("{{\"name\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let long = json!({"name": "x".repeat(2000)}).to_string();
    for (body, status, words) in [
        ("{}", 400, "nothing to change"),
        ("", 400, "EOF"),
        ("{\"name\":", 400, "EOF"),
        (r#"{"name":1}"#, 422, "expected a string"),
        (r#"{"title":"x"}"#, 422, "unknown field `title`"),
        (r#"{"tags":"x"}"#, 422, "expected a sequence"),
        (r#"{"name":"a","name":"b"}"#, 422, "duplicate field"),
        (&deep, 400, "nested more than 64"),
        (&long, 413, "at most 1024"),
    ] {
        let (found, said) = api.refused(patch(body));
        assert!(found == status && said.contains(words), "{body:.40}: {found} {said}");
    }
    let (status, said) = api.refused(api.ask(Method::PATCH, &address).body(r#"{"name":"x"}"#));
    assert!(status == 415 && said.contains("content type"), "{said}");
    assert_eq!(api.get(&address)["name"], "as logged");
}

//! Which runs there are: filter, order, columns, pages.

use super::{Api, encoded};
use danlu::Run;
use reqwest::Method;
use serde_json::{Value, json};

/// Runs of several kinds.
fn several(place: &crate::support::Place) {
    for (n, id) in ["a", "b", "c", "d", "e"].iter().enumerate() {
        let n = u32::try_from(n).unwrap();
        let builder =
            Run::builder("demo").id(*id).name(format!("run {id}")).config("lr", f64::from(n) / 10.0);
        let builder = builder.config("opt", json!({"name": if n % 2 == 0 { "adam" } else { "sgd" }}));
        let run = builder.dir(place.path()).start().unwrap();
        if n != 3 {
            run.log([("loss", 1.0 / f64::from(n + 1))]);
        }
        run.finish(i32::from(n == 4)).unwrap();
    }
    let other = Run::builder("other").id("x").dir(place.path()).start().unwrap();
    other.log([("loss", f64::NAN)]);
    other.finish(0).unwrap();
}

fn ids(found: &Value) -> Vec<String> {
    found["runs"].as_array().unwrap().iter().map(|run| run["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn runs_are_filtered_and_ordered() {
    let api = Api::with(several);
    let list = |filter: &str, sort: &str| {
        ids(&api.get(&format!("/runs?filter={}&sort={}", encoded(filter), encoded(sort))))
    };
    for (filter, sort, wanted) in [
        ("config.lr > 0.1 and state = finished", "-config.lr", "dc"),
        ("config.opt.name = sgd", "id", "bd"),
        ("summary.loss < 0.4", "summary.loss", "ec"),
        ("summary.loss exists", "-summary.loss,id", "abcex"),
        ("not summary.loss exists", "id", "d"),
        ("state = failed", "id", "e"),
        ("name ~ '^run [ab]$'", "-name", "ba"),
        ("project = other or id in [c, d]", "-project,id", "xcd"),
        ("archived = true", "id", ""),
        ("records > 0 and last_step = 0", "id", "abcex"),
    ] {
        assert_eq!(list(filter, sort).concat(), wanted, "{filter} by {sort}");
    }
    assert_eq!(ids(&api.get("/runs")).concat(), "xedcba", "newest first");
    assert_eq!(ids(&api.get("/runs?project=demo&entity=")).concat(), "edcba");
    assert_eq!(api.get("/runs?entity=nobody")["total"], 0);
    let some = api.get("/runs?columns=id,config.lr,summary.none&sort=id&limit=1");
    let key = api.key_of("a");
    assert_eq!(some["runs"], json!([{"key": key, "id": "a", "config.lr": 0.0, "summary.none": null}]));
    assert_eq!((&some["total"], some["next"].is_string()), (&json!(6), true));
    let projects = api.get("/projects");
    assert_eq!((&projects[0]["project"], &projects[0]["runs"]), (&json!("demo"), &json!(5)));
}

#[test]
fn pages_do_not_shift_when_runs_come_and_go() {
    let api = Api::with(several);
    let mut seen = Vec::new();
    let mut cursor = String::new();
    for page in 0.. {
        let found = api.get(&format!("/runs?sort=summary.loss,-id&limit=2{cursor}"));
        seen.extend(ids(&found));
        if page == 0 {
            // One before what was seen, one after; and one that was seen goes.
            for (id, loss) in [("before", 0.01), ("later", 0.7)] {
                let run = Run::builder("demo").id(id).dir(api.place.path()).start().unwrap();
                run.log([("loss", loss)]);
                run.finish(0).unwrap();
            }
            api.push();
            let gone = api.ask(Method::DELETE, &format!("/runs/{}", api.key_of("e"))).send().unwrap();
            assert_eq!(gone.status(), 204);
        }
        match found["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen.concat(), "ecblateraxd", "what was seen comes once, and NaN and nothing last");
}

#[test]
fn what_cannot_be_listed_is_said() {
    let api = Api::with(|_| {});
    for (query, status, words) in [
        ("filter=loss+%3C+1", 400, "there is no field `loss`"),
        ("filter=id+%3D", 400, "character 5"),
        ("sort=what", 400, "Cannot understand the order"),
        ("columns=,", 400, "Cannot understand the list of columns"),
        ("limit=0", 400, "1 to 1000"),
        ("limit=100000", 400, "1 to 1000"),
        ("limit=many", 400, "invalid digit"),
        ("cursor=00", 400, "The cursor is none of this list"),
        ("cursor=zz", 400, "The cursor is none of this list"),
        ("archived=perhaps", 400, "unknown variant `perhaps`"),
        ("what=ever", 400, "unknown field `what`"),
        ("project=a&project=b", 400, "duplicate field `project`"),
    ] {
        let (found, said) = api.refused(api.ask(Method::GET, &format!("/runs?{query}")));
        assert!(found == status && said.contains(words), "{query}: {found} {said}");
    }
    let (status, _) = api.refused(api.ask(Method::PUT, "/runs"));
    assert_eq!(status, 405);
    let (status, said) = api.refused(api.ask(Method::GET, "/runs/what"));
    assert!(status == 400 && said.contains("names no run"), "{said}");
    assert_eq!(api.refused(api.ask(Method::GET, "/runs/~%2Fdemo%2Fnothing")).0, 404);
}

#[test]
fn a_run_is_found_by_its_key_and_by_its_name() {
    let api = Api::with(several);
    let by_key = api.get(&format!("/runs/{}", api.key_of("a")));
    assert_eq!(by_key, api.get("/runs/~%2Fdemo%2Fa"));
    assert_eq!((&by_key["keys"], &by_key["name"]), (&json!([{"key": "loss", "points": 1}]), &json!("run a")));
}

#[test]
fn a_list_has_the_beginnings_of_long_texts_and_a_run_all_of_them() {
    let long = |c: char| c.to_string().repeat(9 << 20);
    let api = Api::with(|place| {
        for id in ["a", "b", "c"] {
            let run = Run::builder("demo").id(id).config("x", long('x')).config("lr", 0.5);
            let run = run.config("short", "y".repeat(5000)).dir(place.path()).start().unwrap();
            run.log([("text", danlu::model::Value::text(&long('t')))]);
            run.log([("loss", 0.25)]);
            run.finish(0).unwrap();
        }
    });
    let begins = |text: &Value, c: char| *text == format!("{}…", c.to_string().repeat(1024));
    let found = api.get("/runs?limit=1000");
    assert!(found.to_string().len() < 100_000);
    for run in found["runs"].as_array().unwrap() {
        assert!(begins(&run["config"]["x"], 'x') && begins(&run["summary"]["text"], 't'));
        assert_eq!((&run["config"]["lr"], &run["summary"]["loss"]), (&json!(0.5), &json!(0.25)));
    }
    let filter = encoded("config.lr = 0.5 and config.x ~ '^x+$' and summary.loss < 1");
    assert_eq!(ids(&api.get(&format!("/runs?filter={filter}&sort=id"))).concat(), "abc");
    let whole = api.get("/runs/~%2Fdemo%2Fa");
    assert_eq!((&whole["config"]["x"], &whole["summary"]["text"]), (&json!(long('x')), &json!(long('t'))));
    assert_eq!(whole["config"]["short"], "y".repeat(5000));
    let catalogue = api.place.join("server/catalogue.sqlite").metadata().unwrap().len();
    assert!(catalogue < 1 << 20, "{catalogue} bytes");
}

#[test]
fn a_page_ends_before_it_is_too_large() {
    let api = Api::with(|place| {
        for n in 0..100 {
            let run = Run::builder("demo").id(format!("r{n:02}"));
            let run =
                run.config("list", json!(vec!["z".repeat(1000); 220])).dir(place.path()).start().unwrap();
            run.finish(0).unwrap();
        }
    });
    for columns in ["", "&columns=id,config.list,config.list"] {
        let (mut seen, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let page = api.get(&format!("/runs?sort=id&limit=1000{columns}{cursor}"));
            assert!(page.to_string().len() < 17 << 20 && page["total"] == 100);
            seen.extend(ids(&page));
            pages += 1;
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(seen, (0..100).map(|n| format!("r{n:02}")).collect::<Vec<_>>());
        assert_eq!(pages, 2, "{columns}");
    }
}

#[test]
fn a_run_that_says_more_than_a_server_takes_is_parked() {
    let api = Api::with(|_| {});
    let run = Run::builder("demo").id("large").dir(api.place.path());
    let run = (0..4).fold(run, |run, n| run.config(format!("x{n}"), "x".repeat(9 << 20))).start().unwrap();
    run.finish(0).unwrap();
    api.place.run("small", 2);
    for _ in 0..2 {
        let done = api.place.danlu(&["sync", &api.server.url]);
        assert_eq!(done.code, 1, "{}{}", done.stdout, done.stderr);
        let said = format!("{}{}", done.stdout, done.stderr);
        assert!(said.contains("is 36 MiB together, and a server takes 32 MiB"), "{said}");
    }
    assert_eq!(ids(&api.get("/runs")).concat(), "small");
}

//! What a run logged, printed and defined.

use super::Api;
use danlu::model::{EventKind, Value};
use danlu::{Resume, Run};
use reqwest::Method;
use serde_json::json;

#[test]
fn rows_come_by_pages_and_lack_what_was_not_logged() {
    let api = Api::with(|place| {
        let run = Run::builder("demo").id("abc").dir(place.path()).start().unwrap();
        for n in 0..25 {
            run.log([("loss", f64::from(n))]);
        }
        run.log([("acc", Value::from(f64::NAN)), ("note", Value::from("a,b"))]);
        run.log([("a,b", Value::from(1)), ("loss", Value::from("x"))]);
        run.finish(0).unwrap();
    });
    let of_run = format!("/runs/{}/history", api.key_of("abc"));
    let mut steps = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = api.get(&format!("{of_run}?limit=10{cursor}"));
        let rows = page["rows"].as_array().unwrap();
        assert!(rows.len() <= 10);
        steps.extend(rows.iter().map(|row| row["_step"].as_i64().unwrap()));
        match page["next"].as_i64() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(steps, (0..27).collect::<Vec<_>>());
    let some = api.get(&format!("{of_run}?keys=acc,note,a%5C,b&from=1"));
    let rows = some["rows"].as_array().unwrap();
    assert_eq!((rows.len(), &some["next"]), (2, &json!(null)));
    assert_eq!(
        (&rows[0]["_step"], &rows[0]["acc"], &rows[0]["note"]),
        (&json!(25), &json!("NaN"), &json!("a,b"))
    );
    assert_eq!((&rows[1]["a,b"], rows[1].get("loss")), (&json!(1), None));
    let part = api.get(&format!("{of_run}?from=5&to=7"));
    let part: Vec<_> = part["rows"].as_array().unwrap().iter().map(|row| row["loss"].clone()).collect();
    assert_eq!(part, [5.0, 6.0, 7.0]);
    assert_eq!(api.get(&format!("{of_run}?keys=nothing")), json!({"rows": [], "next": null}));
    for (query, status) in
        [("key=loss&keys=acc", 400), ("limit=1000000", 413), ("from=x", 400), ("cursor=x", 400)]
    {
        assert_eq!(api.refused(api.ask(Method::GET, &format!("{of_run}?{query}"))).0, status, "{query}");
    }
}

#[test]
fn what_was_logged_at_one_step_is_one_row_on_one_page() {
    let api = Api::with(|place| {
        let run = Run::builder("demo").id("abc").dir(place.path()).start().unwrap();
        for step in 0..3 {
            for n in 0..30 {
                let row = [("loss", f64::from(n)), (if n % 2 == 0 { "even" } else { "odd" }, f64::from(n))];
                run.log_values(Some(step), Some(true), row);
            }
        }
        run.finish(0).unwrap();
    });
    let of_run = format!("/runs/{}/history", api.key_of("abc"));
    for query in ["limit=1", "limit=2", "limit=7", "limit=1&keys=even", "limit=1&from=1"] {
        let (mut steps, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = api.get(&format!("{of_run}?{query}{cursor}"));
            for row in page["rows"].as_array().unwrap() {
                assert_eq!(row["even"], 28.0, "{query}: {row}");
                steps.push(row["_step"].as_i64().unwrap());
            }
            match page["next"].as_i64() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        let first = i64::from(query.contains("from=1"));
        assert_eq!(steps, (first..3).collect::<Vec<_>>(), "{query}");
    }
}

#[test]
fn many_runs_and_keys_are_drawn_with_one_request() {
    let api = Api::with(|place| {
        place.run("one", 30);
        place.run("two", 300);
    });
    let (one, two) = (api.key_of("one"), api.key_of("two"));
    let body = json!({"runs": [one, "~/demo/two"], "keys": ["loss", "acc", "nothing"], "columns": 50});
    let drawn = api.send(Method::POST, "/envelopes", &body);
    let charts = drawn["charts"].as_array().unwrap();
    let named: Vec<_> =
        charts.iter().map(|chart| (chart["run"].as_str().unwrap(), chart["key"].as_str().unwrap())).collect();
    assert_eq!(named, [(&*one, "loss"), (&one, "acc"), ("~/demo/two", "loss"), ("~/demo/two", "acc")]);
    assert_eq!(charts[3]["columns"], api.get(&format!("/runs/{two}/envelope?key=acc&columns=50")));
    assert_eq!(api.send(Method::POST, "/envelopes", &body), drawn, "what is kept in memory is the same");
    let none = json!({"runs": [one], "keys": ["nothing"]});
    assert_eq!(api.send(Method::POST, "/envelopes", &none), json!({"charts": []}));
    for (wrong, status) in [
        (json!({"runs": [one], "keys": ["loss"], "from": 1}), 400),
        (json!({"runs": [one], "keys": ["loss"], "colour": "red"}), 422),
        (json!({"runs": ["0".repeat(64)], "keys": ["loss"]}), 404),
        (json!({"runs": vec![&one; 3000], "keys": ["loss"]}), 413),
        (json!({"runs": vec![&one; 100], "keys": ["loss"], "columns": 32768}), 413),
    ] {
        assert_eq!(api.refused(api.ask(Method::POST, "/envelopes").json(&wrong)).0, status, "{wrong}");
    }
}

#[test]
fn a_chart_has_what_was_pushed_since() {
    let api = Api::with(|place| {
        place.run("abc", 10);
    });
    let drawn = || {
        let body = json!({"runs": ["~/demo/abc"], "keys": ["loss"], "columns": 100});
        let drawn = api.send(Method::POST, "/envelopes", &body);
        let columns = drawn["charts"][0]["columns"].as_array().unwrap().clone();
        columns.iter().map(|column| column["count"].as_u64().unwrap()).sum::<u64>()
    };
    assert_eq!((drawn(), drawn()), (10, 10));
    for more in 1..4 {
        let run = Run::builder("demo").id("abc").resume(Resume::Must).dir(api.place.path()).start().unwrap();
        run.log([("loss", 0.5)]);
        run.finish(0).unwrap();
        api.push();
        assert_eq!((drawn(), drawn()), (10 + more, 10 + more));
    }
}

#[test]
fn what_was_said_beside_the_history_is_read() {
    let api = Api::with(|place| {
        let run = Run::builder("demo").id("abc").dir(place.path()).start().unwrap();
        for n in 0..5 {
            run.event(EventKind::Stdout, "", format!("line {n}"), "");
        }
        run.event(EventKind::Stderr, "", "<b>wrong</b>", "");
        run.event(EventKind::Alert, "title", "text", r#"{"level":"WARN"}"#);
        run.event(EventKind::Metric, "loss", "", r#"{"step_metric":"epoch"}"#);
        for n in 0..50 {
            run.log_system(&[("cpu".to_owned(), f64::from(n))]);
        }
        run.finish(0).unwrap();
    });
    let of_run = format!("/runs/{}", api.key_of("abc"));
    let first = api.get(&format!("{of_run}/console?limit=4"));
    let rest = api.get(&format!("{of_run}/console?from={}", first["next"]));
    assert_eq!((first["lines"].as_array().unwrap().len(), &rest["next"]), (4, &json!(null)));
    assert_eq!(rest["lines"][1]["text"], "<b>wrong</b>");
    assert_eq!(rest["lines"][1]["stream"], "stderr");
    assert_eq!(api.get(&format!("{of_run}/alerts"))[0]["title"], "title");
    let metrics = api.get(&format!("{of_run}/metrics"));
    let loss = metrics.as_array().unwrap().iter().find(|metric| metric["name"] == "loss").unwrap();
    assert_eq!(loss["definition"]["step_metric"], "epoch");
    let samples = api.get(&format!("{of_run}/system?limit=10"));
    assert_eq!((&samples[0]["key"], &samples[0]["count"]), (&json!("cpu"), &json!(50)));
    assert_eq!(samples[0]["value"].as_array().unwrap().len(), 10);
    assert_eq!(api.get(&format!("{of_run}/system?keys=gpu")), json!([]));
}

#[test]
fn rows_of_long_texts_come_by_pages_of_some_megabytes() {
    let api = Api::with(|place| {
        let run = Run::builder("demo").id("abc").dir(place.path()).start().unwrap();
        let text = |step: i64| Value::text(&step.to_string().repeat(3 << 20));
        for step in 0..9 {
            run.log_values(
                Some(step),
                Some(true),
                [("n", Value::from(step)), ("t", text(step)), ("u", text(step))],
            );
        }
        for key in ["a", "b", "c", "d"] {
            let row = (0..6).map(|n| (format!("{key}{n}"), text(n))).collect::<Vec<_>>();
            run.log_values(Some(9), Some(true), row.iter().map(|(key, text)| (key.as_str(), text.clone())));
        }
        run.finish(0).unwrap();
    });
    let of_run = format!("/runs/{}/history", api.key_of("abc"));
    for (keys, texts) in [("keys=t", 1), ("keys=n,t", 1), ("keys=u,n,t", 2), ("to=8", 2)] {
        let (mut steps, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let page = api.get(&format!("{of_run}?{keys}&limit=1000{cursor}"));
            assert!(page.to_string().len() < 17 << 20, "{keys}");
            for row in page["rows"].as_array().unwrap() {
                let step = row["_step"].as_i64().unwrap();
                let found = ["t", "u"].iter().filter_map(|key| row[key].as_str());
                assert_eq!(
                    found.map(|text| assert_eq!(text, step.to_string().repeat(3 << 20))).count(),
                    texts
                );
                assert!(!keys.contains('n') || row["n"] == step);
                steps.push(step);
            }
            pages += 1;
            match page["next"].as_i64() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(steps, (0..9).collect::<Vec<_>>(), "{keys}");
        assert!((2..=9).contains(&pages), "{keys}: {pages}");
    }
    let refused = |query: &str| api.refused(api.ask(Method::GET, &format!("{of_run}?{query}")));
    let (status, said) = refused("key=t");
    assert!(status == 413 && said.contains("more than 16 MiB [`keys` reads rows by pages]"), "{said}");
    assert_eq!(api.get(&format!("{of_run}?key=n"))["value"].as_array().unwrap().len(), 9);
    // The summary has 78 MiB: as much as there is room for.
    let run = api.get(&format!("/runs/{}", api.key_of("abc")));
    assert_eq!((&run["summary"]["a0"], &run["summary"]["n"]), (&json!("0".repeat(3 << 20)), &json!(8)));
    assert_eq!(run["summary"]["u"], format!("… of {} bytes", (3 << 20) + 2));
    // What is too much even alone is told.
    let (status, said) = refused("from=9");
    assert!(
        status == 413 && said.contains("at step 9 is more than 64 MiB [ask for some of its keys"),
        "{said}"
    );
    let page = api.get(&format!("{of_run}?from=9&keys=a0,d5"));
    assert_eq!(page["rows"][0]["d5"].as_str().map(str::len), Some(3 << 20));
}

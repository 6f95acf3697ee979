//! Names that want to do harm.

use super::{Api, encoded};
use danlu::Run;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use reqwest::Method;
use serde_json::json;

/// Texts that break out of something, somewhere.
const NASTY: [&str; 12] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "'; DROP TABLE run; --",
    "%' OR 1=1 --",
    "a\r\nset-cookie: x=y",
    "\u{202e}txt.exe",
    "../../../../etc/passwd",
    "${jndi:ldap://x}{{7*7}}",
    "\\\"\\",
    "a,b[c](d)=e~f",
    "\u{7}\u{1b}[31m",
    "ünïcödé 🦀",
];

fn api() -> Api {
    Api::with(|place| {
        for (n, text) in NASTY.iter().enumerate() {
            let run =
                Run::builder("demo").id(format!("run{n}")).name(*text).tag(*text).notes(*text).group(*text);
            let run = run.config(*text, *text).dir(place.path()).start().unwrap();
            run.log([(*text, *text)]);
            run.finish(0).unwrap();
        }
    })
}

#[test]
fn nasty_names_are_data_everywhere() {
    let api = api();
    let runs = api.get("/runs?sort=id");
    assert_eq!(runs["total"], NASTY.len());
    for (n, text) in NASTY.iter().enumerate() {
        let id = format!("run{n}");
        let run = api.get(&format!("/runs/~%2Fdemo%2Frun{n}"));
        assert_eq!(
            (&run["name"], &run["config"][text], &run["summary"][text]),
            (&json!(text), &json!(text), &json!(text))
        );
        let quoted = format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        for field in [
            "name".to_owned(),
            "notes".to_owned(),
            "tags".to_owned(),
            format!("config.{quoted}"),
            format!("summary.{quoted}"),
        ] {
            let found =
                api.get(&format!("/runs?filter={}&columns=id", encoded(&format!("{field} = {quoted}"))));
            assert_eq!(
                (&found["total"], &found["runs"][0]["id"]),
                (&json!(1), &json!(id)),
                "{field} of {text}"
            );
        }
        let column = format!("config.{quoted}");
        let found =
            api.get(&format!("/runs?columns={}&sort={}", encoded(&format!("id,{column}")), encoded(&column)));
        assert_eq!(found["runs"][0]["id"], id, "the only one that has it comes first");
        let rows = api.get(&format!(
            "/runs/{}/history?keys={}",
            run["key"].as_str().unwrap(),
            encoded(&text.replace('\\', "\\\\").replace(',', "\\,"))
        ));
        assert_eq!(rows["rows"][0][text], *text);
    }
    // Answers are JSON and no page, with nothing of a name in a header.
    let answer = api.ask(Method::GET, "/runs").send().unwrap();
    assert_eq!(
        (&answer.headers()["content-type"], &answer.headers()["x-content-type-options"]),
        (&"application/json".parse().unwrap(), &"nosniff".parse().unwrap())
    );
    let headers = format!("{:?}", answer.headers());
    assert!(NASTY.iter().all(|text| !headers.contains(text)), "{headers}");
    let (status, said) =
        api.refused(api.ask(Method::GET, &format!("/runs/~%2Fdemo%2Fx/{}", encoded(NASTY[0]))));
    assert!(status == 404 && !said.contains("<script"), "{said}");
}

/// A piece of something that is meant for SQL, a filter, or both.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::sample::select(NASTY.to_vec()).prop_map(str::to_owned),
        proptest::sample::select(vec![
            "config.lr",
            "summary.loss",
            "id",
            "name",
            "state",
            "tags",
            "config.\"",
            "summary.'",
            " = ",
            " > ",
            " ~ ",
            " and ",
            " or ",
            " not ",
            " in [",
            "]",
            "(",
            ")",
            ",",
            "'",
            "\"",
            "--",
            ";",
            "/*",
            "UNION SELECT",
            "sqlite_schema",
            "api_key",
            "LIMIT 1",
            "OFFSET",
            "LIKE '%'",
            "1",
            "-1",
            "1e999",
            "NULL",
            "null",
            "NaN",
            "0x10",
            "\0",
            "?1",
            "$1",
            "::text",
        ])
        .prop_map(str::to_owned),
        "\\PC{1,6}",
    ]
}

#[test]
fn lists_are_asked_of_runs_alone_whatever_is_asked() {
    let api = api();
    let all = api.get("/runs?columns=id")["total"].clone();
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(200) });
    let pieces = || proptest::collection::vec(piece(), 1..6).prop_map(|pieces| pieces.concat());
    let input = (
        pieces(),
        pieces(),
        pieces(),
        proptest::sample::select(vec!["filter", "sort", "columns", "project", "cursor", "limit", "archived"]),
    );
    runner
        .run(&input, |(a, b, c, other)| {
            let mut query = vec![("filter", a), ("sort", b)];
            query.retain(|(name, _)| *name != other);
            query.push((other, c));
            let query: Vec<String> =
                query.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
            let answer = api.ask(Method::GET, &format!("/runs?{}", query.join("&"))).send().unwrap();
            let status = answer.status().as_u16();
            let text = answer.text().unwrap();
            let body: serde_json::Value =
                serde_json::from_str(&text).map_err(|e| TestCaseError::fail(format!("{e}: {text}")))?;
            prop_assert!(
                status == 200 && body["runs"].is_array() || status == 400 && body["error"].is_string(),
                "{status}: {text}"
            );
            prop_assert!(!text.contains("dk_") && !text.contains("sha256"), "{text}");
            Ok(())
        })
        .unwrap();
    assert_eq!(api.get("/runs?columns=id")["total"], all, "everything is still there");
}

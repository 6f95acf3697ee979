//! The description of the API: of every address, and true.

use super::Api;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

/// Finds the addresses that the sources route, each with its methods.
fn routed() -> BTreeSet<(String, String)> {
    fn gather(directory: &Path, found: &mut String) {
        for entry in std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                gather(&entry, found);
            } else if entry.extension().is_some_and(|extension| extension == "rs") {
                found.push_str(&std::fs::read_to_string(&entry).unwrap());
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = std::fs::read_to_string(root.join("src/server.rs")).unwrap();
    gather(&root.join("src/server"), &mut sources);
    let mut found = BTreeSet::new();
    for route in sources.split(".route(").skip(1) {
        let path = route.split('"').nth(1).unwrap().replace("{*", "{");
        let mut open = 1;
        let end = route.find(|c: char| {
            open += i32::from(c == '(') - i32::from(c == ')');
            open == 0
        });
        let methods = &route[..end.unwrap()];
        for method in ["get", "post", "put", "patch", "delete"] {
            if methods.contains(&format!("{method}(")) {
                found.insert((path.clone(), method.to_owned()));
            }
        }
    }
    found
}

#[test]
fn every_address_is_described() {
    let api = Api::with(|_| {});
    let document = api.get("/openapi.json");
    assert_eq!(
        (&document["openapi"], &document["info"]["version"]),
        (&json!("3.1.0"), &json!(danlu::VERSION))
    );
    let mut described = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            assert!(operation["summary"].is_string(), "{method} {path} says what it is for");
            assert!(!operation["responses"].as_object().unwrap().is_empty(), "{method} {path}");
            let named: BTreeSet<&str> =
                path.split('{').skip(1).map(|part| part.split('}').next().unwrap()).collect();
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let given: BTreeSet<&str> = parameters
                .iter()
                .filter(|p| p["in"] == "path")
                .map(|p| p["name"].as_str().unwrap())
                .collect();
            assert_eq!(named, given, "{method} {path}");
            for body in
                [&operation["requestBody"], &operation["responses"]["200"], &operation["responses"]["201"]]
            {
                let schema = &body["content"]["application/json"]["schema"];
                let says = ["$ref", "type", "oneOf"].iter().any(|word| schema.get(word).is_some());
                assert!(schema.is_null() || says, "{method} {path} has a body of anything: {schema}");
            }
            described.insert((path.trim_start_matches("/api/v1").to_owned(), method.clone()));
        }
    }
    let routed = routed();
    assert!(routed.len() > 5, "the test does not see what it should: {routed:?}");
    let missing: Vec<_> = routed.iter().filter(|route| !described.contains(route)).collect();
    assert!(missing.is_empty(), "not described: {missing:?}");
}

/// Finds what is wrong with a value by its schema: as far as this description uses JSON Schema.
fn problems(document: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let target =
            document.pointer(reference.trim_start_matches('#')).unwrap_or_else(|| panic!("no {reference}"));
        return problems(document, target, value, at, found);
    }
    for word in ["oneOf", "anyOf"] {
        if let Some(choices) = schema[word].as_array() {
            let fits = choices.iter().filter(|choice| {
                let mut wrong = Vec::new();
                problems(document, choice, value, at, &mut wrong);
                wrong.is_empty()
            });
            if fits.count() == 0 {
                found.push(format!("{at}: fits none of {word}: {value}"));
            }
            return;
        }
    }
    if let Some(parts) = schema["allOf"].as_array() {
        // What one part does not describe, another may.
        let mut wrong = Vec::new();
        parts.iter().for_each(|part| problems(document, part, value, at, &mut wrong));
        found.extend(wrong.into_iter().filter(|problem| !problem.ends_with("is not described")));
        return;
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let fits = |kind: &&str| match *kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("unknown type {other}"),
    };
    if !types.is_empty() && !types.iter().any(fits) {
        found.push(format!("{at}: {value} is none of {types:?}"));
        return;
    }
    if let Some(items) = value.as_array().filter(|_| schema.get("items").is_some()) {
        for (n, item) in items.iter().enumerate() {
            problems(document, &schema["items"], item, &format!("{at}[{n}]"), found);
        }
    }
    let Some(object) = value.as_object() else { return };
    for name in schema["required"].as_array().into_iter().flatten() {
        if !object.contains_key(name.as_str().unwrap()) {
            found.push(format!("{at}: lacks {name}"));
        }
    }
    let Some(properties) = schema["properties"].as_object() else { return };
    for (name, value) in object {
        match properties.get(name) {
            Some(schema) => problems(document, schema, value, &format!("{at}.{name}"), found),
            None => found.push(format!("{at}: `{name}` is not described")),
        }
    }
}

/// Makes a team with a member.
fn add_a_team(api: &Api) {
    for (path, body) in [("/teams", json!({"name": "vision"})), ("/accounts", json!({"name": "ann"}))] {
        assert_eq!(api.ask(Method::POST, path).json(&body).send().unwrap().status(), 201);
    }
    let member = api.ask(Method::PUT, "/teams/vision/members/ann").json(&json!({"role": "write"}));
    assert_eq!(member.send().unwrap().status(), 204);
}

#[test]
fn what_is_sent_is_as_it_is_described() {
    let api = Api::with(|place| {
        place.run("abc", 3);
    });
    let document = api.get("/openapi.json");
    let manifest = api.get(&format!("/manifests/{}", api.key_of("abc")));
    for (path, body) in [
        ("/manifests", &manifest),
        ("/manifests/batch", &json!([manifest])),
        ("/keys", &json!({"scope": "read"})),
    ] {
        let described = &document["paths"][format!("/api/v1{path}")]["post"]["requestBody"];
        let mut found = Vec::new();
        problems(&document, &described["content"]["application/json"]["schema"], body, "body", &mut found);
        assert!(found.is_empty(), "{path}: {found:#?}");
    }
}

#[test]
fn answers_are_as_they_are_described() {
    let api = Api::with(|place| {
        place.run("abc", 3);
    });
    let document = api.get("/openapi.json");
    let key = api.key_of("abc");
    api.send(Method::POST, &format!("/runs/{key}/comments"), &json!({"text": "x"}));
    let lines = json!({"runs": [key], "keys": ["loss"]});
    let query = json!({"runs": [key], "query": "SELECT 1, 'x', NULL"});
    let edit = json!({"name": "x"});
    let none = json!(null);
    let objects = json!([{"blob": key}, {"segment": key}]);
    let manifest = api.get(&format!("/manifests/{key}"));
    let batch = json!([manifest, {}]);
    let new_key = json!({"scope": "read"});
    add_a_team(&api);
    for (method, path, real, body) in [
        ("get", "/projects", "/projects", &none),
        ("get", "/runs", "/runs?limit=1", &none),
        ("get", "/runs/{key}", "/runs/KEY", &none),
        ("patch", "/runs/{key}", "/runs/KEY", &edit),
        ("get", "/runs/{key}/history", "/runs/KEY/history", &none),
        ("get", "/runs/{key}/history", "/runs/KEY/history?key=loss", &none),
        ("get", "/runs/{key}/envelope", "/runs/KEY/envelope?key=loss", &none),
        ("post", "/envelopes", "/envelopes", &lines),
        ("get", "/runs/{key}/console", "/runs/KEY/console", &none),
        ("get", "/runs/{key}/system", "/runs/KEY/system", &none),
        ("get", "/runs/{key}/alerts", "/runs/KEY/alerts", &none),
        ("get", "/runs/{key}/metrics", "/runs/KEY/metrics", &none),
        ("get", "/runs/{key}/files", "/runs/KEY/files", &none),
        ("get", "/runs/{key}/artifacts", "/runs/KEY/artifacts", &none),
        ("get", "/artifacts", "/artifacts?project=demo", &none),
        ("get", "/artifacts/lineage", "/artifacts/lineage?project=demo", &none),
        ("get", "/runs/{key}/comments", "/runs/KEY/comments", &none),
        ("post", "/sql", "/sql", &query),
        ("get", "/remote", "/remote", &none),
        ("post", "/objects/missing", "/objects/missing", &objects),
        ("get", "/blobs/{hash}/held", "/blobs/KEY/held?size=9", &none),
        ("get", "/manifests", "/manifests", &none),
        ("get", "/manifests/{key}", "/manifests/KEY", &none),
        ("post", "/manifests", "/manifests", &manifest),
        ("post", "/manifests/batch", "/manifests/batch", &batch),
        ("get", "/stats", "/stats", &none),
        ("post", "/gc", "/gc", &none),
        ("get", "/me", "/me", &none),
        ("get", "/accounts", "/accounts", &none),
        ("get", "/teams", "/teams", &none),
        ("get", "/teams/{team}/members", "/teams/vision/members", &none),
        ("get", "/keys", "/keys", &none),
        ("post", "/keys", "/keys", &new_key),
        ("get", "/runs", "/runs?filter=x", &none),
        ("get", "/runs/{key}", "/runs/~%2Fdemo%2Fnone", &none),
    ] {
        let mut request = api.ask(method.to_uppercase().parse().unwrap(), &real.replace("KEY", &key));
        if !body.is_null() {
            request = request.json(body);
        }
        let answer = request.send().unwrap();
        let status = answer.status().as_u16().to_string();
        let answer: Value = answer.json().unwrap();
        let described = &document["paths"][format!("/api/v1{path}")][method]["responses"][&status];
        let schema = &described["content"]["application/json"]["schema"];
        assert!(schema.is_object(), "{method} {path} {status} is not described: {described}");
        let mut found = Vec::new();
        problems(&document, schema, &answer, "answer", &mut found);
        assert!(found.is_empty(), "{method} {real}: {found:#?}\n{schema}");
    }
}

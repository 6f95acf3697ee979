//! The language of filters, as a person meets it: what it says to what is wrong, and `danlu ls --filter`.

use crate::support::Place;
use danlu::query::{Filter, Order, columns};
use serde_json::json;
use std::fmt::Write as _;

#[test]
fn an_error_says_where_and_what_was_expected() {
    let mut said = String::new();
    for filter in [
        "",
        "config.lr",
        "config.lr >",
        "config.lr > and",
        "config.lr > 0.1 state = finished",
        "config.lr > 0.1 and",
        "config. > 1",
        "config.lr\"x\" > 1",
        "loss < 0.5",
        "state = done",
        "started > yesterday",
        "started > 2026-02-30",
        "last_step > many",
        "archived = maybe",
        "name = \"no end",
        "tags in best",
        "tags in [best",
        "tags in [best worst]",
        "tags not best",
        "(id = 1",
        "id = 1)",
        "name ~ '('",
        "übung = 1 or ä",
        "id = 1 or \u{7}",
        "id; DROP TABLE run",
    ] {
        let error = Filter::parse(filter).unwrap_err();
        writeln!(said, "{filter:?}\n  {error}\n  hint: {}", error.hint().unwrap()).unwrap();
    }
    for order in ["", "-", "loss", "name,,id", "name id", "--name", "name desc"] {
        writeln!(said, "order {order:?}\n  {}", Order::parse(order).unwrap_err()).unwrap();
    }
    writeln!(said, "columns\n  {}", columns("id, -name").unwrap_err()).unwrap();
    insta::assert_snapshot!(said);
}

#[test]
fn ls_lists_those_that_are_meant() {
    let place = Place::new();
    for (id, rows) in [("one", 1), ("two", 20), ("three", 5)] {
        place.run(id, rows);
    }
    let ids = |args: &[&str]| {
        let runs = place.json(&[&["ls"], args].concat());
        runs.as_array().unwrap().iter().map(|run| run["id"].clone()).collect::<serde_json::Value>()
    };
    assert_eq!(ids(&[]), json!(["one", "two", "three"]));
    assert_eq!(ids(&["--filter", "summary.loss < 0.5"]), json!(["two", "three"]));
    assert_eq!(ids(&["--filter", "config.lr = 0.5 and last_step < 10"]), json!(["one", "three"]));
    assert_eq!(ids(&["--sort", "-summary.acc"]), json!(["two", "three", "one"]));
    assert_eq!(ids(&["--sort=-summary.acc,id", "--limit", "2"]), json!(["two", "three"]));
    assert_eq!(ids(&["--filter", "id = nothing"]), json!([]));
    let some = place.json(&["ls", "--columns", "id,config.lr,summary.none", "--sort", "id"]);
    assert_eq!(some[0], json!({"id": "one", "config.lr": 0.5, "summary.none": null}));
    let done = place.danlu(&["ls", "--columns", "id,state,summary.acc", "--sort", "summary.acc"]);
    insta::assert_snapshot!(done.stdout);
    let done = place.danlu(&["ls", "--filter", "loss < 1"]);
    assert_eq!(done.code, 2, "{}", done.stderr);
    assert!(
        done.stderr.contains("there is no field `loss`") && done.stderr.contains("`summary.loss`"),
        "{}",
        done.stderr
    );
}

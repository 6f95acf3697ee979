//! Runs that are among the objects, and that the catalogue could not be told of.

use super::serving;
use crate::support::Place;

#[test]
fn a_run_that_the_catalogue_could_not_be_told_of_comes_into_it_with_the_next_push() {
    let (place_of_server, server, key) = serving();
    let catalogue = || rusqlite::Connection::open(place_of_server.join("server/catalogue.sqlite")).unwrap();
    let shown = || -> Vec<String> {
        let (_, answer) = server.get("/api/v1/runs", &key);
        let mut ids: Vec<String> =
            answer["runs"].as_array().unwrap().iter().map(|run| run["id"].as_str().unwrap().into()).collect();
        ids.sort();
        ids
    };
    let here = Place::new();
    assert_eq!(here.danlu(&["login", &server.url, "--key", &key]).code, 0);
    here.run("abc", 5);
    catalogue()
        .execute_batch("CREATE TRIGGER refuses BEFORE INSERT ON run BEGIN SELECT raise(ABORT, 'full'); END")
        .unwrap();
    assert_eq!(here.danlu(&["sync", &server.url]).code, 1);
    let (_, heads) = server.get("/api/v1/manifests", &key);
    assert_eq!((shown().len(), heads.as_array().unwrap().len()), (0, 0));
    assert_eq!(crate::support::names(&place_of_server.join("server/objects/runs")).len(), 1);
    catalogue().execute_batch("DROP TRIGGER refuses").unwrap();
    // Its machine is gone. Somebody else pushes.
    let elsewhere = Place::new();
    assert_eq!(elsewhere.danlu(&["login", &server.url, "--key", &key]).code, 0);
    elsewhere.run("def", 5);
    assert_eq!(elsewhere.danlu(&["sync", &server.url]).code, 0);
    assert_eq!(shown(), ["abc", "def"]);
    let again = here.json(&["sync", &server.url, "--retry"]);
    assert_eq!(
        (&again["runs"][0]["status"], &again["objects_sent"]),
        (&"pushed".into(), &0.into()),
        "{again}"
    );
    assert_eq!(shown(), ["abc", "def"]);
}

#[test]
fn a_push_that_is_tried_again_tells_the_catalogue_what_it_could_not_be_told() {
    let (place_of_server, server, key) = serving();
    let here = Place::new();
    assert_eq!(here.danlu(&["login", &server.url, "--key", &key]).code, 0);
    here.run("abc", 5);
    let catalogue = rusqlite::Connection::open(place_of_server.join("server/catalogue.sqlite")).unwrap();
    catalogue
        .execute_batch("CREATE TRIGGER refuses BEFORE INSERT ON run BEGIN SELECT raise(ABORT, 'full'); END")
        .unwrap();
    assert_eq!(here.danlu(&["sync", &server.url]).code, 1);
    catalogue.execute_batch("DROP TRIGGER refuses").unwrap();
    let again = here.json(&["sync", &server.url, "--retry"]);
    assert_eq!(
        (&again["runs"][0]["status"], &again["objects_sent"]),
        (&"pushed".into(), &0.into()),
        "{again}"
    );
    let (_, answer) = server.get("/api/v1/runs", &key);
    assert_eq!(answer["runs"][0]["id"], "abc");
}

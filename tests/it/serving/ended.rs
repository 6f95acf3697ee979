//! How servers end, and what of an older one is taken over.

use super::{login, run_of, serving};
use crate::support::{Place, names, wait_until};
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;

#[test]
fn requests_under_way_are_answered_before_it_ends() {
    let (_place, server, key) = serving();
    let content = vec![7; 100_000];
    let blob = danlu::model::Hash::of(&content);
    let mut stream = TcpStream::connect(server.url.trim_start_matches("http://")).unwrap();
    let head = format!(
        "PUT /api/v1/blobs/{blob} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\nContent-Length: {}\r\n\r\n",
        content.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&content[..50_000]).unwrap();
    // The server has begun to read it.
    wait_until("the upload is under way", || {
        crate::support::client()
            .get(format!("{}/metrics", server.url))
            .send()
            .unwrap()
            .text()
            .unwrap()
            .contains("under_way 2")
    });
    server.signal(rustix::process::Signal::TERM);
    wait_until("it takes no more", || TcpStream::connect(server.url.trim_start_matches("http://")).is_err());
    stream.write_all(&content[50_000..]).unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    assert!(said.starts_with("HTTP/1.1 204"), "{said}");
    assert!(server.wait().success());
}

#[test]
fn it_does_not_wait_for_ever_for_a_client() {
    let place = Place::new();
    let server = place.serve_with(&["--stop-timeout", "1"]);
    let mut stream = TcpStream::connect(server.url.trim_start_matches("http://")).unwrap();
    let key = server.key.clone().unwrap();
    let head = format!(
        "PUT /api/v1/blobs/{} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\nContent-Length: 10\r\n\r\n",
        "0".repeat(64)
    );
    stream.write_all(head.as_bytes()).unwrap();
    assert!(server.stop().success());
}

#[test]
fn run_files_of_an_unclean_end_of_the_machine_are_made_anew() {
    let (place, server, key) = serving();
    place.run("abc", 3);
    assert_eq!(place.danlu(&["sync", &server.url]).code, 0);
    let (_, heads) = server.get("/api/v1/manifests", &key);
    let address = format!("/api/v1/runs/{}/history?key=acc", heads[0]["key"].as_str().unwrap());
    drop(server);
    // What a machine leaves that went down before the file was on its disk.
    let file = place.join("server/runs").join(&names(&place.join("server/runs"))[0]);
    let length = std::fs::metadata(&file).unwrap().len();
    let zeros = vec![0; usize::try_from(length).unwrap() / 2];
    let mut half = std::fs::read(&file).unwrap();
    half[zeros.len()..].fill(0);
    std::fs::write(&file, half).unwrap();
    let mark = place.join("server/runs.json");
    let said: serde_json::Value = serde_json::from_slice(&std::fs::read(&mark).unwrap()).unwrap();
    assert!(said["boot"].as_str().unwrap().len() > 30, "{said}");
    std::fs::write(
        &mark,
        json!({"boot": "another start of the machine", "synced": said["synced"]}).to_string(),
    )
    .unwrap();
    let server = place.serve();
    assert!(names(&place.join("server/runs")).is_empty(), "it is not trusted");
    assert_eq!(server.get(&address, &key).1["value"], json!([0.0, 1.0, 2.0]));
    // After an end of the process alone, files stay.
    drop(server);
    let server = place.serve();
    assert_eq!(names(&place.join("server/runs")).len(), 1);
    assert_eq!(server.get(&address, &key).1["value"], json!([0.0, 1.0, 2.0]));
}

#[test]
fn a_data_directory_of_before_there_were_accounts_is_taken_over() {
    let (place, server, _) = serving();
    run_of(&place, "vision", "cats", "r1");
    place.run("abc", 3);
    assert_eq!(place.danlu(&["sync", &server.url]).code, 0);
    assert!(server.stop().success());
    let catalogue = place.join("server/catalogue.sqlite");
    for name in names(&place.join("server")).into_iter().filter(|name| name.starts_with("catalogue")) {
        std::fs::remove_file(place.join("server").join(name)).unwrap();
    }
    // As version 0.1 made it.
    let old = format!("dk_{}", "5".repeat(64));
    let connection = rusqlite::Connection::open(&catalogue).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE api_key (sha256 BLOB PRIMARY KEY, name TEXT NOT NULL, created INTEGER NOT NULL) STRICT;
             CREATE TABLE run (key BLOB PRIMARY KEY, entity TEXT NOT NULL, project TEXT NOT NULL, started REAL NOT NULL,
               updated INTEGER NOT NULL, info TEXT NOT NULL) STRICT;
             CREATE INDEX run_project ON run (entity, project, started);",
        )
        .unwrap();
    let hash = danlu::model::Hash::of(old.as_bytes());
    connection.execute("INSERT INTO api_key VALUES (?, 'first', 1)", [hash.0]).unwrap();
    connection.execute("INSERT INTO run VALUES (?, '', 'demo', 1.0, 1, '{}')", [hash.0]).unwrap();
    drop(connection);
    let server = place.serve();
    assert_eq!(server.key, None, "its key goes on");
    login(&place, &server, &old);
    let (_, me) = server.get("/api/v1/me", &old);
    assert_eq!((&me["account"], &me["scope"]), (&json!("admin"), &json!("admin")));
    assert_eq!(server.get("/api/v1/projects", &old).1.as_array().unwrap().len(), 2, "its runs are there");
    assert_eq!(server.get("/api/v1/teams", &old).1[0]["name"], "vision");
}

#[test]
fn a_catalogue_of_version_1_is_brought_up_to_date() {
    let (place, server, key) = serving();
    place.run("abc", 3);
    assert_eq!(place.danlu(&["sync", &server.url]).code, 0);
    let (_, listed) = server.get("/api/v1/runs", &key);
    assert!(server.stop().success());
    let catalogue = rusqlite::Connection::open(place.join("server/catalogue.sqlite")).unwrap();
    let set = |version: u32| {
        catalogue
            .execute("UPDATE setting SET value = ?1 WHERE name = 'version'", [version.to_string()])
            .unwrap();
    };
    // As it was before there was the column, which came without a number of its own.
    catalogue.execute_batch("ALTER TABLE run DROP COLUMN past").unwrap();
    set(1);
    let server = place.serve();
    login(&place, &server, &key);
    let without_time = |mut listed: serde_json::Value| {
        listed["runs"][0].as_object_mut().unwrap().remove("updated");
        listed
    };
    assert_eq!(without_time(server.get("/api/v1/runs", &key).1), without_time(listed.clone()));
    assert_eq!(place.json(&["sync", &server.url])["objects_sent"], 0);
    assert!(server.stop().success());
    set(1);
    let server = place.serve();
    assert_eq!(without_time(server.get("/api/v1/runs", &key).1), without_time(listed));
    assert!(server.stop().success());
    set(99);
    let refused = place.danlu(&["serve", "--data", "server", "--listen", "127.0.0.1:0"]);
    assert!(
        refused.code != 0 && refused.stderr.contains("The catalogue is of version 99"),
        "{}",
        refused.stderr
    );
}

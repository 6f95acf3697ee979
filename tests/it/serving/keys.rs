//! Who may what: scopes, teams, limits of keys, and `danlu admin`.

use super::{ask, login, run_of, serving};
use crate::support::{Place, wait_until};
use serde_json::json;

/// Makes a key with `danlu admin key add` on the data directory.
fn key(place: &Place, args: &[&str]) -> String {
    let made = place.json(&[&["admin", "--data", "server", "key", "add"], args].concat());
    made["key"].as_str().unwrap().to_owned()
}

fn admin(place: &Place, args: &[&str]) {
    let done = place.danlu(&[&["admin", "--data", "server"], args].concat());
    assert_eq!(done.code, 0, "{args:?}: {}", done.stderr);
}

#[test]
fn a_push_needs_write_access_to_the_team() {
    let (place, server, _) = serving();
    run_of(&place, "vision", "cats", "r1");
    admin(&place, &["account", "add", "ann"]);
    admin(&place, &["team", "add", "vision"]);
    let anns = key(&place, &["ann"]);
    login(&place, &server, &anns);
    let refused = |needed: &str| {
        let done = place.danlu(&["sync", &server.url]);
        let said = done.stdout + &done.stderr;
        assert!(done.code == 1 && said.contains(needed), "{needed}: {said}");
    };
    refused("(403): The account `ann` has no write access to the team `vision`");
    refused("danlu admin team member vision ann --role write");
    admin(&place, &["team", "member", "vision", "ann", "--role", "read"]);
    refused("has no write access");
    admin(&place, &["team", "member", "vision", "ann"]);
    assert_eq!(place.danlu(&["sync", &server.url]).code, 0);
    // Others do not see it, nor what is in it.
    admin(&place, &["account", "add", "bob"]);
    let bobs = key(&place, &["bob"]);
    let (_, heads) = server.get("/api/v1/manifests", &anns);
    let run = heads[0]["key"].as_str().unwrap().to_owned();
    let (_, manifest) = server.get(&format!("/api/v1/manifests/{run}"), &anns);
    let segment = manifest["attempts"][0]["segments"][0]["sha256"].as_str().unwrap().to_owned();
    assert_eq!(server.get(&format!("/api/v1/segments/{segment}"), &anns).0, 200);
    assert_eq!(server.get("/api/v1/manifests", &bobs).1, json!([]));
    assert_eq!(server.get(&format!("/api/v1/manifests/{run}"), &bobs).0, 404);
    assert_eq!(server.get(&format!("/api/v1/segments/{segment}"), &bobs).0, 404);
    assert_eq!(server.get("/api/v1/projects", &bobs).1, json!([]));
    assert_eq!(server.get("/api/v1/teams", &bobs).1, json!([]));
}

#[test]
fn a_key_does_no_more_than_its_scope_and_its_limits() {
    let (place, server, first) = serving();
    place.run("free", 1);
    run_of(&place, "vision", "cats", "r1");
    assert_eq!(place.danlu(&["sync", &server.url]).code, 0);
    let reads = key(&place, &["admin", "--scope", "read"]);
    let writes = key(&place, &["admin", "--scope", "write"]);
    let limited = key(&place, &["admin", "--scope", "write", "--team", "vision", "--project", "cats"]);
    admin(&place, &["team", "member", "vision", "admin"]);
    let missing = |key: &str| ask(&server, "POST", "/api/v1/objects/missing", key, Some(&json!([])));
    let (status, said) = missing(&reads);
    let needed = format!("The key `{}…` has the scope `read`, and this needs `write`", &reads[..11]);
    assert_eq!((status, &said["error"]), (403, &json!(needed)));
    assert_eq!(missing(&writes).0, 200);
    for (method, path) in [
        ("GET", "accounts"),
        ("POST", "accounts"),
        ("DELETE", "accounts/admin"),
        ("POST", "teams"),
        ("DELETE", "teams/vision"),
        ("GET", "stats"),
        ("POST", "gc"),
    ] {
        let body = (method == "POST").then(|| json!({"name": "x"}));
        let (status, said) = ask(&server, method, &format!("/api/v1/{path}"), &writes, body.as_ref());
        assert!(
            status == 403 && said["error"].as_str().unwrap().contains("needs `admin`"),
            "{method} {path}: {status} {said}"
        );
    }
    let projects = |key: &str| server.get("/api/v1/projects", key).1.as_array().unwrap().len();
    assert_eq!((projects(&first), projects(&writes), projects(&limited)), (2, 2, 1));
    let (_, heads) = server.get("/api/v1/manifests", &limited);
    assert_eq!((heads.as_array().unwrap().len(), &heads[0]["run"]["id"]), (1, &json!("r1")));
    // It cannot make itself a better one.
    let more = |body: serde_json::Value, key: &str| ask(&server, "POST", "/api/v1/keys", key, Some(&body)).0;
    assert_eq!(more(json!({"scope": "read"}), &limited), 403);
    assert_eq!(more(json!({"scope": "read", "team": "vision", "project": "cats"}), &limited), 201);
    assert_eq!(more(json!({"scope": "admin"}), &writes), 403);
    assert_eq!(more(json!({"scope": "read"}), &reads), 403);
    assert_eq!(more(json!({"scope": "write"}), &writes), 201);
    assert_eq!(more(json!({"scope": "write", "account": "other"}), &writes), 403);
    assert_eq!(more(json!({"scope": "write", "rank": 1}), &first), 422);
    // Nothing is said of keys beyond their beginnings.
    let (_, keys) = server.get("/api/v1/keys", &first);
    assert!(
        !keys.to_string().contains(&limited[11..]) && keys.to_string().contains(&limited[..11]),
        "{keys}"
    );
}

#[test]
fn a_key_makes_and_reaches_no_more_than_itself() {
    let (place, server, first) = serving();
    run_of(&place, "vision", "cats", "r1");
    assert_eq!(place.danlu(&["sync", &server.url]).code, 0);
    admin(&place, &["account", "add", "ann"]);
    admin(&place, &["team", "member", "vision", "ann"]);
    let endless = key(&place, &["ann"]);
    let short = key(&place, &["ann", "--expires", "1h"]);
    let narrow = key(&place, &["ann", "--team", "vision", "--project", "cats"]);
    let make = |key: &str, body: serde_json::Value| ask(&server, "POST", "/api/v1/keys", key, Some(&body));
    let expires = |key: &str| {
        let (_, keys) = server.get("/api/v1/keys", &first);
        let found = keys.as_array().unwrap().iter().find(|one| key.starts_with(one["id"].as_str().unwrap()));
        found.unwrap()["expires"].clone()
    };
    assert_eq!(make(&short, json!({"scope": "write", "expires_in": 7200})).0, 403);
    let (status, made) = make(&short, json!({"scope": "write"}));
    assert_eq!(status, 201, "{made}");
    let made = made["key"].as_str().unwrap().to_owned();
    assert_eq!(expires(&made), expires(&short), "it ends when the one ends that made it");
    let rotate = |with: &str, id: &str| {
        ask(&server, "POST", &format!("/api/v1/keys/{}/rotate", &id[..11]), with, Some(&json!({})))
    };
    let (status, again) = rotate(&short, &made);
    assert_eq!(status, 201, "{again}");
    assert_eq!(expires(again["key"].as_str().unwrap()), expires(&short));
    for with in [&short, &narrow] {
        assert_eq!(rotate(with, &endless).0, 403);
        let (status, _) = ask(&server, "DELETE", &format!("/api/v1/keys/{}", &endless[..11]), with, None);
        assert_eq!(status, 403);
        let (_, seen) = server.get("/api/v1/keys", with);
        assert!(!seen.to_string().contains(&endless[..11]), "{seen}");
        assert!(seen.to_string().contains(&with[..11]), "{seen}");
    }
    assert_eq!(server.get("/api/v1/me", &endless).0, 200);
    let (_, seen) = server.get("/api/v1/keys", &endless);
    assert!(seen.as_array().unwrap().len() >= 4, "{seen}");
}

#[test]
fn keys_expire_are_revoked_and_rotated() {
    let (place, server, first) = serving();
    let short = key(&place, &["admin", "--scope", "read", "--expires", "1s"]);
    wait_until("the key is expired", || server.get("/api/v1/me", &short).0 == 401);
    let (_, said) = server.get("/api/v1/me", &short);
    let error = said["error"].as_str().unwrap();
    assert!(error.starts_with(&format!("The API key `{}…` expired on 2", &short[..11])), "{error}");
    assert!(!error.contains(&short[11..]));
    let listed = place.danlu(&["admin", "--data", "server", "key", "ls"]).stdout;
    let row = listed.lines().find(|row| row.contains(&short[..11])).unwrap();
    assert!(row.contains(" expired 2") && !row.contains("until"), "{listed}");
    let old = key(&place, &["admin", "--name", "ci"]);
    let rotated =
        place.json(&["admin", "--server", &server.url, "key", "rotate", &old[..11], "--overlap", "1h"]);
    let new = rotated["key"].as_str().unwrap();
    assert_eq!((server.get("/api/v1/me", &old).0, server.get("/api/v1/me", new).0), (200, 200));
    let listed = place.danlu(&["admin", "--server", &server.url, "key", "ls"]);
    assert!(
        listed.stdout.contains(&format!("{}…", &new[..11])) && listed.stdout.contains(" until 2"),
        "{}",
        listed.stdout
    );
    assert_eq!(
        place.danlu(&["admin", "--data", "server", "key", "revoke", &format!("{}…", &new[..11])]).code,
        0
    );
    let (status, said) = server.get("/api/v1/me", new);
    assert!(status == 401 && said["error"].as_str().unwrap().contains("was revoked on"), "{said}");
    let unknown = place.danlu(&["admin", "--data", "server", "key", "revoke", "dk_00000000"]);
    assert!(unknown.code == 1 && unknown.stderr.contains("There is no key of this id"), "{}", unknown.stderr);
    // A server that was asked by the key it has, and a key that may not.
    let mine = key(&place, &["admin", "--scope", "write"]);
    login(&place, &server, &mine);
    let done = place.danlu(&["admin", "--server", &server.url, "account", "ls"]);
    assert!(done.code == 1 && done.stderr.contains("needs `admin`"), "{}", done.stderr);
    login(&place, &server, &first);
    let done = place.danlu(&["admin", "--server", &server.url, "stats"]);
    assert!(done.code == 0 && done.stdout.contains("accounts"), "{}{}", done.stdout, done.stderr);
}

#[test]
fn bad_calls_of_admin_are_told() {
    let place = Place::new();
    for (args, said) in [
        (&["admin", "stats"][..], "No data directory was given"),
        (&["admin", "--data", "nowhere", "stats"], "is no data directory of a server"),
        (&["admin", "--data", ".", "--catalogue", "mysql://x", "stats"], "a PostgreSQL database"),
        (
            &[
                "admin",
                "--data",
                ".",
                "--objects",
                "objects",
                "--catalogue",
                "postgres://nobody@127.0.0.1:1/x",
                "stats",
            ],
            "Cannot reach the catalogue",
        ),
    ] {
        let done = place.danlu(args);
        assert!(done.code != 0 && done.stderr.contains(said), "{args:?}: {}", done.stderr);
    }
    assert!(!place.join("nowhere").exists(), "looking makes nothing");
    let server = place.serve();
    drop(server);
    for (args, said) in [
        (&["key", "add", "nobody"][..], "There is no account `nobody`"),
        (&["account", "rm", "admin"], "is the only account that can manage the server"),
        (&["account", "add", "a/b"], "cannot be used"),
        (&["account", "add", "admin"], "There is an account `admin` already"),
        (&["account", "add", "~"], "cannot be used"),
        (&["team", "add", "."], "cannot be used"),
        (&["team", "add", ".."], "cannot be used"),
        (&["key", "add", "admin", "--team", "nope"], "There is no team `nope`"),
        (&["team", "member", "none", "admin"], "There is no team `none`"),
        (&["key", "add", "admin", "--expires", "soon"], "is no length of time"),
        (&["key", "add", "admin", "--scope", "all"], "There is no scope `all`: it is read, write or admin"),
        (
            &["team", "member", "none", "admin", "--role", "owner"],
            "There is no role `owner`: it is read, write or admin",
        ),
    ] {
        let done = place.danlu(&[&["admin", "--data", "server"], args].concat());
        assert!(done.code != 0 && done.stderr.contains(said), "{args:?}: {}", done.stderr);
    }
    // No directory is made.
    assert_ne!(place.danlu(&["admin", "--data", "none", "stats"]).code, 0);
    let help = place.danlu(&["admin", "--help"]).stdout;
    assert!(!place.join("none").exists() && !help.contains("made if it is new"), "{help}");
    assert_eq!(place.danlu(&["admin", "--data", "server", "account", "add", "eve"]).code, 0);
    let done = place.danlu(&["admin", "--data", "server", "key", "add", "eve", "--scope", "admin"]);
    assert!(done.code == 1 || done.code == 2);
    assert!(done.stderr.contains("cannot have admin keys"), "{}", done.stderr);
}

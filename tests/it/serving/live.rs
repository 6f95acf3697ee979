//! Runs that are pushed while they are being written.

use super::serving;
use crate::remotes::sample::{self, Sample};
use crate::support::{Place, Serving};
use danlu::remote::{Http, Remote};
use serde_json::json;

fn push(remote: &Http, sample: &Sample) {
    let missing = remote.missing(&sample.names()).unwrap();
    let objects = sample.objects.iter().filter(|(object, _)| missing.contains(object)).cloned().collect();
    remote.put_all(objects).unwrap();
    let receipt = remote.commit(&sample.manifest).unwrap();
    assert!(sample.manifest.is_proved_by(&receipt));
}

/// The run as lists show it, and the values of its key.
fn shown(server: &Serving, key: &str) -> (serde_json::Value, serde_json::Value) {
    let (_, heads) = server.get("/api/v1/manifests", key);
    let address = format!("/api/v1/runs/{}", heads[0]["key"].as_str().unwrap());
    let (status, history) = server.get(&format!("{address}/history?key=acc"), key);
    assert_eq!(status, 200, "{history}");
    (heads[0].clone(), history["value"].clone())
}

fn state(server: &Serving, key: &str) -> serde_json::Value {
    let (_, runs) = server.get("/api/v1/runs", key);
    let runs = if runs.is_array() { runs } else { runs["runs"].clone() };
    runs[0]["state"].clone()
}

#[test]
fn a_run_shows_as_it_grows() {
    let (place_of_server, server, key) = serving();
    let remote = Http::new(&server.url, Some(key.clone())).unwrap();
    let place = Place::new();
    let run = sample::start(&place, "live");
    let mut before: Option<Sample> = None;
    for rows in 1..4 {
        sample::log(&run, 1);
        run.drain();
        let now = Sample::of(run.path());
        push(&remote, &now);
        let (head, values) = shown(&server, &key);
        assert_eq!((&head["open"], values.as_array().unwrap().len()), (&json!(true), rows));
        assert_eq!(state(&server, &key), "running");
        // What a later push superseded is gone, and pushed again it changes nothing.
        if let Some(before) = before.replace(now) {
            assert_eq!(remote.missing(&before.names()).unwrap().len(), 1);
            remote.put_all(before.objects.clone()).unwrap();
            remote.commit(&before.manifest).unwrap();
            assert_eq!(shown(&server, &key).1.as_array().unwrap().len(), rows);
        }
    }
    // Nothing is heard of it for long: it counts as crashed, until something is.
    let catalogue = rusqlite::Connection::open(place_of_server.join("server/catalogue.sqlite")).unwrap();
    catalogue.execute("UPDATE run SET heard = heard - 660000000", []).unwrap();
    assert_eq!(state(&server, &key), "crashed");
    push(&remote, &Sample::of(run.path()));
    assert_eq!(state(&server, &key), "running");
    let path = run.path().to_owned();
    run.finish(0).unwrap();
    push(&remote, &Sample::of(&path));
    let (head, values) = shown(&server, &key);
    assert_eq!((&head["open"], values.as_array().unwrap().len()), (&json!(false), 3));
    assert_eq!(state(&server, &key), "finished");
    let segments = place_of_server.join("server/objects/segments");
    let left: usize = crate::support::names(&segments)
        .iter()
        .map(|name| crate::support::names(&segments.join(name)).len())
        .sum();
    assert_eq!(left, 1, "only the whole one is left");
}

#[test]
fn the_end_of_an_open_run_stays_while_another_run_names_it() {
    let (place_of_server, server, key) = serving();
    let remote = Http::new(&server.url, Some(key)).unwrap();
    let place = Place::new();
    push(&remote, &Sample::run("other", 2, &[]));
    let run = sample::start(&place, "live");
    let mut states = Vec::new();
    for _ in 0..3 {
        sample::log(&run, 1);
        run.drain();
        let now = Sample::of(run.path());
        push(&remote, &now);
        if states.is_empty() {
            let end = now.names().iter().map(|name| name.hash()).collect::<Vec<_>>();
            let catalogue =
                rusqlite::Connection::open(place_of_server.join("server/catalogue.sqlite")).unwrap();
            let sql =
                "INSERT INTO reference SELECT o.object, o.kind, r.key, o.size FROM reference AS o, run AS r
                       WHERE o.object = ? AND r.run_id = 'other'";
            assert_eq!(catalogue.execute(sql, [end[0].0]).unwrap(), 1);
        }
        states.push(now);
    }
    let gone = |sample: &Sample| remote.missing(&sample.names()).unwrap().len();
    assert_eq!(states.iter().map(gone).collect::<Vec<_>>(), [0, 1, 0]);
    run.finish(0).unwrap();
}

//! Two servers over one PostgreSQL and one directory of objects show one another's runs and tell of one another's changes.

use super::Api;
use super::events::{listen, next};
use crate::serving::postgres::Postgres;
use crate::support::{Place, Serving};
use reqwest::Method;
use serde_json::json;

fn serve(place: &Place, postgres: &Postgres, data: &str) -> Serving {
    let mut command = place.server(data, "127.0.0.1:0");
    command.args(["--catalogue", &postgres.address(), "--objects", "objects"]);
    Serving::start(command)
}

#[test]
fn what_happens_at_one_is_seen_at_the_other() {
    let postgres = Postgres::start();
    let place = Place::new();
    place.run("abc", 20);
    place.run("other", 3);
    let first = serve(&place, &postgres, "one");
    let second = serve(&place, &postgres, "two");
    let key = first.key.clone().unwrap();
    let api = Api { place, server: first, key: key.clone() };
    let other = Api { place: Place::new(), server: second, key };
    assert_eq!(other.get("/runs")["total"], 0);
    let heard = listen(&other, "project=demo", None);
    api.push();
    let mut told = [next(&heard).2["id"].clone(), next(&heard).2["id"].clone()];
    told.sort_by_key(ToString::to_string);
    assert_eq!(told, ["abc", "other"]);
    for query in [
        "sort=-summary.acc,id",
        "filter=summary.acc+%3E+5",
        "filter=config.lr+%3D+0.5&sort=id&limit=1",
        "sort=-started&columns=id,state",
    ] {
        let (here, there) = (api.get(&format!("/runs?{query}")), other.get(&format!("/runs?{query}")));
        assert_eq!(here, there, "{query}");
        assert!(here["total"].as_u64().unwrap() > 0, "{query}");
    }
    let address = format!("/runs/{}", api.key_of("abc"));
    assert_eq!(other.get(&format!("{address}/history?keys=acc&limit=2"))["rows"][1]["acc"], 1.0);
    let file = other.ask(Method::GET, &format!("{address}/files/model.bin")).send().unwrap();
    assert_eq!(file.text().unwrap(), "abc".repeat(1000));
    other.send(Method::PATCH, &address, &json!({"name": "edited there"}));
    assert_eq!(next(&heard).2["name"], "edited there");
    assert_eq!(api.get(&address)["name"], "edited there");
    assert_eq!(api.get("/runs?filter=name+~+edited")["total"], 1);
    assert_eq!(api.ask(Method::DELETE, &address).send().unwrap().status(), 204);
    let (_, kind, data) = next(&heard);
    assert_eq!((&*kind, &data["project"]), ("removed", &json!("demo")));
    assert_eq!(other.refused(other.ask(Method::GET, &address)).0, 410);
    assert_eq!(other.get("/runs")["total"], 1);
}

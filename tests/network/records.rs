//! 40 and 65 once more: records that only somebody with a key and a program of his own can send.

use crate::line::Line;
use crate::shown::encoded;
use crate::support::{Place, client};
use serde_json::Value;

/// Makes a run file of records that no writer of ours makes: whoever has a key can send them.
fn run_of_others(place: &Place, paths: &[&str]) -> std::path::PathBuf {
    use danlu::model::{AttemptId, File, Hash, Origin, Record, RunId, RunKey, Start};
    use danlu::store::{Appender, BUSY_TIMEOUT, Stream};
    let donor = place.run("donor", 1);
    let path = place.join("wandb/run-20260101_000000-evil.sqlite");
    let evil = || "\u{1b}[2J\r\nset-cookie: x=y\u{0}".to_owned();
    let start = Start {
        run: RunKey { entity: String::new(), project: "demo".into(), id: RunId::new("evil").unwrap() },
        attempt: AttemptId([7; 16]),
        time: 0,
        name: evil(),
        group: evil(),
        job_type: evil(),
        notes: evil(),
        tags: vec![evil()],
        host: evil(),
        pid: 0,
        danlu: evil(),
        info: String::new(),
        rank: None,
        origin: Origin::New,
    };
    let content = "donor".repeat(1000);
    let file = |path: &&str| {
        let (sha256, size) = (Hash::of(content.as_bytes()), content.len() as u64);
        Record::File(File { time: 0, path: (*path).to_owned(), sha256, size })
    };
    let records: Vec<Record> =
        std::iter::once(Record::Start(Box::new(start))).chain(paths.iter().map(file)).collect();
    std::fs::remove_file(&donor).unwrap();
    danlu::store::create(&path).unwrap();
    let mut appender = Appender::open(&path, BUSY_TIMEOUT).unwrap();
    let tx = appender.begin().unwrap();
    let mut stream = Stream::open(&tx, AttemptId([7; 16])).unwrap();
    stream.apply(&tx, 1, records).unwrap();
    stream.seal(&tx).unwrap();
    tx.commit().unwrap();
    path
}

/// 40 and 65: paths and names that only somebody with a key and a program of his own can send: refused, or shown and fetched as
/// harmless as any.
#[test]
fn f40_records_that_no_writer_of_ours_makes_do_no_harm() {
    let line = Line::new();
    let place = Place::new();
    let paths = [
        "../../owned",
        "/tmp/danlu-owned-file",
        "a\r\nset-cookie: x=y",
        "..",
        "",
        "a/../../owned",
        "\u{0}",
        "wandb/../../../owned",
        "~/owned",
    ];
    let evil = run_of_others(&place, &paths);
    let blob = danlu::model::Hash::of("donor".repeat(1000).as_bytes());
    let put = crate::raw::request(
        "PUT",
        &format!("/api/v1/blobs/{blob}"),
        &line.authorization(),
        "donor".repeat(1000).as_bytes(),
    );
    assert_eq!(crate::raw::status(&crate::raw::ask(&line.server.url, &put)), 204);
    let done = line.sync(&place);
    let client = client();
    let get =
        |path: &str| client.get(format!("{}{path}", line.server.url)).bearer_auth(&line.key).send().unwrap();
    if done.code == 0 {
        let runs: Value = get("/api/v1/runs").json().unwrap();
        let key = runs["runs"][0]["key"].as_str().unwrap().to_owned();
        for path in paths {
            let answer = get(&format!("/api/v1/runs/{key}/files/{}", encoded(path)));
            assert!([200, 400, 404].contains(&answer.status().as_u16()), "{path:?}: {}", answer.status());
            assert!(answer.headers().get("set-cookie").is_none(), "{path:?}");
        }
    }
    // Here, where it came to by whatever way, nothing is written outside of where files were asked for.
    std::fs::create_dir(place.join("out")).unwrap();
    for args in [
        &["show", "evil"][..],
        &["ls"],
        &["files", "evil"],
        &["get", "evil", "*", "-o", "out/"],
        &["get", "evil", "../../owned", "-o", "out/"],
        &["get", "evil", "a/../../owned", "-o", "out/"],
    ] {
        let output = place.command(args).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        assert!(!said.contains(&0x1b), "{args:?}: {}", String::from_utf8_lossy(&said));
    }
    assert!(evil.is_file());
    assert!(!std::path::Path::new("/tmp/danlu-owned-file").exists());
    for directory in [place.path().to_owned(), place.join(".."), place.join("../..")] {
        assert!(!directory.join("owned").exists(), "{}", directory.display());
    }
}

//! 63 and 64: texts that want to be SQL, and bytes that want to be a database.

use crate::line::Line;
use crate::means::long;
use crate::raw::{ask, request, status};
use crate::support::{Place, client};
use crate::watched::Watched;
use serde_json::{Value, json};

/// Texts that end a string, a name or a statement in somebody's SQL.
const WORDS: [&str; 16] = [
    "' OR '1'='1",
    "'; DROP TABLE run; --",
    "\"; DELETE FROM api_key; --",
    "1; ATTACH '/tmp/danlu-attached' AS x",
    "1 UNION SELECT sha256 FROM api_key",
    "(SELECT sha256 FROM api_key)",
    "%' OR 1=1 --",
    "a\" FROM api_key --",
    "`run`",
    "[run]",
    "\u{0}",
    "\\",
    "%",
    "_",
    "-1",
    "9223372036854775808",
];

/// Parameters of the addresses that list something.
const PARAMETERS: [(&str, &str); 16] = [
    ("runs", "project"),
    ("runs", "entity"),
    ("runs", "filter"),
    ("runs", "sort"),
    ("runs", "columns"),
    ("runs", "limit"),
    ("runs", "cursor"),
    ("runs", "archived"),
    ("runs/KEY/history", "key"),
    ("runs/KEY/history", "keys"),
    ("runs/KEY/history", "limit"),
    ("runs/KEY/history", "cursor"),
    ("runs/KEY/envelope", "key"),
    ("runs/KEY/envelope", "x"),
    ("runs/KEY/console", "from"),
    ("runs/KEY/system", "keys"),
];

/// A server with runs, the key of one, and a client for its API.
struct Asked {
    line: Line,
    key: String,
}

impl Asked {
    fn new() -> Self {
        Self::at(Line::new())
    }

    fn at(line: Line) -> Self {
        let place = line.place(&["a", "b"]);
        line.completes(&place);
        let (_, runs) = line.server.get("/api/v1/runs", &line.key);
        let key = runs["runs"][0]["key"].as_str().unwrap().to_owned();
        Self { line, key }
    }

    fn get(&self, path: &str, query: &[(&str, &str)]) -> (u16, Value) {
        let mut url = reqwest::Url::parse(&format!(
            "{}/api/v1/{}",
            self.line.server.url,
            path.replace("KEY", &self.key)
        ))
        .unwrap();
        url.query_pairs_mut().extend_pairs(query);
        let answer = client().get(url).bearer_auth(&self.line.key).send().unwrap();
        (answer.status().as_u16(), answer.json().unwrap_or_default())
    }

    fn sql(&self, query: &str) -> (u16, Value) {
        let body = json!({"runs": [self.key], "query": query});
        let url = format!("{}/api/v1/sql", self.line.server.url);
        let answer = client().post(url).bearer_auth(&self.line.key).json(&body).send().unwrap();
        (answer.status().as_u16(), answer.json().unwrap_or_default())
    }
}

/// 63: whatever a parameter says is a value: it finds nothing, or is refused as what it should be.
#[test]
fn f63_no_parameter_becomes_sql() {
    let asked = Asked::new();
    let before = asked.line.held();
    for (path, name) in PARAMETERS {
        for word in WORDS {
            let (status, answer) = asked.get(path, &[(name, word)]);
            assert!([200, 400, 413, 422].contains(&status), "{path} {name}={word}: {status} {answer}");
            let text = answer["error"].to_string().to_lowercase();
            for word in
                ["sqlite", "syntax error near", "no such column", "api_key\",\"", "prepared statement"]
            {
                assert!(!text.contains(word), "{path} {name}: {answer}");
            }
            if status == 200 && path == "runs" && ["project", "entity"].contains(&name) {
                assert_eq!(answer["total"], 0, "{name}={word}: {answer}");
            }
        }
    }
    for word in WORDS {
        for filter in [
            format!("name = \"{}\"", word.replace('\\', "\\\\").replace('"', "\\\"")),
            format!("config.{word} = 1"),
            format!("{word} = 1"),
            format!("name ~ '{word}'"),
            format!("tags has {word}"),
        ] {
            let (status, answer) = asked.get("runs", &[("filter", &filter)]);
            assert!([200, 400].contains(&status), "{filter}: {answer}");
            assert!(status == 400 || answer["total"] == 0, "{filter}: {answer}");
        }
    }
    assert_eq!(asked.line.held(), before);
    assert!(!std::path::Path::new("/tmp/danlu-attached").exists());
}

/// 63: a query may read the runs that it was asked of, and nothing else.
#[test]
fn f63_a_query_reads_its_runs_and_nothing_else() {
    let asked = Asked::new();
    let (status, answer) = asked.sql("SELECT count(*) FROM history");
    assert_eq!((status, &answer["rows"]), (200, &json!([[6]])), "{answer}");
    let place = Place::new();
    let file = place.join("made.sqlite").display().to_string();
    let catalogue = asked.line.data().join("catalogue.sqlite").display().to_string();
    let before = asked.line.held();
    for query in [
        format!("ATTACH '{file}' AS x"),
        format!("ATTACH '{catalogue}' AS x"),
        format!("VACUUM INTO '{file}'"),
        format!("SELECT writefile('{file}', 'x')"),
        format!("SELECT readfile('{catalogue}')"),
        format!("SELECT load_extension('{file}')"),
        format!("SELECT * FROM pragma_database_list; ATTACH '{file}' AS x"),
        "SELECT * FROM pragma_database_list".to_owned(),
        "SELECT * FROM pragma_compile_options".to_owned(),
        "PRAGMA writable_schema = ON".to_owned(),
        "PRAGMA journal_mode = WAL".to_owned(),
        "PRAGMA query_only = OFF".to_owned(),
        "DELETE FROM row".to_owned(),
        "INSERT INTO row DEFAULT VALUES".to_owned(),
        "UPDATE attempt SET records = 0".to_owned(),
        "DROP TABLE row".to_owned(),
        "CREATE TABLE x (a)".to_owned(),
        "CREATE TEMP TABLE x (a)".to_owned(),
        "CREATE TEMP TRIGGER t AFTER INSERT ON row BEGIN SELECT 1; END".to_owned(),
        "CREATE VIRTUAL TABLE x USING fts5(a)".to_owned(),
        "REINDEX".to_owned(),
        "ANALYZE".to_owned(),
        "BEGIN EXCLUSIVE".to_owned(),
        "SAVEPOINT s".to_owned(),
        "DETACH main".to_owned(),
        "SELECT 1; SELECT 2".to_owned(),
        "SELECT fts3_tokenizer('simple', x'4141414141414141')".to_owned(),
        "SELECT".to_owned(),
        String::new(),
        "\u{0}".to_owned(),
        "(".repeat(10_000),
        format!("SELECT {}1", "1+".repeat(20_000)),
        format!("SELECT '{}'", "x".repeat(1 << 20)),
    ] {
        let (status, answer) = asked.sql(&query);
        let shown: String = query.chars().take(60).collect();
        // No JSON of a request has more than a mebibyte.
        let refused = if query.len() < 1 << 20 { 400 } else { 413 };
        assert_eq!(status, refused, "{shown}: {answer}");
        assert!(answer["error"].is_string(), "{shown}: {answer}");
        assert!(!std::path::Path::new(&file).exists(), "{shown} made a file");
    }
    assert_eq!(asked.line.held(), before);
}

/// 63: a query that would take for ever, or the machine's memory, ends in time, and others are answered meanwhile.
#[test]
fn f63_a_query_without_end_is_ended_and_stays_small() {
    let asked = Asked::at(Line::with(if long() { &[] } else { &["--query-timeout", "2"] }));
    let server = Watched::new(&asked.line);
    let endless = "WITH RECURSIVE t(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM t)";
    for query in [
        format!("{endless} SELECT count(*) FROM t"),
        format!("{endless} SELECT * FROM t ORDER BY -x"),
        "WITH RECURSIVE t(x) AS (SELECT zeroblob(30000000) UNION ALL SELECT zeroblob(30000000) FROM t) SELECT count(*) FROM t".to_owned(),
        format!("{endless} SELECT group_concat(hex(randomblob(1000000))) FROM t"),
        format!("{endless} SELECT json_group_array(x) FROM t"),
    ] {
        std::thread::scope(|scope| {
            let slow = scope.spawn(|| asked.sql(&query));
            while !slow.is_finished() {
                server.answers();
                std::thread::park_timeout(std::time::Duration::from_millis(100));
            }
            let (status, answer) = slow.join().unwrap();
            assert_eq!(status, 400, "{query}: {answer}");
        });
    }
    for (query, most) in [
        (format!("{endless} SELECT x FROM t"), 1000),
        ("SELECT printf('%1000000000s', 'x')".to_owned(), 0),
        ("SELECT zeroblob(2000000000)".to_owned(), 0),
        ("SELECT replace(hex(zeroblob(10000000)), '0', hex(zeroblob(10000)))".to_owned(), 0),
        (format!("{endless} SELECT hex(zeroblob(5000000)) FROM t"), 1000),
    ] {
        let (status, answer) = asked.sql(&query);
        let rows = answer["rows"].as_array().map_or(0, Vec::len);
        assert!(status == 400 || status == 200 && rows <= most, "{query}: {status}, {rows} rows");
    }
    // What a query gathers for an aggregate is bounded by its time alone.
    server.stayed_within(400, "queries without end");
}

/// A database that would do harm if it were opened as one of ours.
fn malicious() -> Vec<u8> {
    let place = Place::new();
    let path = place.run("bad", 3);
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "DROP VIEW summary;
             CREATE VIEW summary AS SELECT load_extension('/tmp/x') AS key, writefile('/tmp/danlu-owned', 'x') AS value;
             CREATE TRIGGER harm AFTER INSERT ON event BEGIN SELECT writefile('/tmp/danlu-owned', 'x'); END;
             PRAGMA user_version = 1;",
        )
        .unwrap();
    drop(connection);
    std::fs::read(path).unwrap()
}

/// 64: wherever a database is sent to, none of it is ever opened: it is refused, or is the content of a file like any other.
#[test]
fn f64_no_database_of_somebody_else_is_ever_opened() {
    let line = Line::new();
    let database = malicious();
    let hash = danlu::model::Hash::of(&database);
    let send = |method: &str, path: &str| {
        let headers = format!("{}content-type: application/json\r\n", line.authorization());
        status(&ask(&line.server.url, &request(method, path, &headers, &database)))
    };
    assert_eq!(send("PUT", &format!("/api/v1/segments/{hash}")), 400);
    assert_eq!(send("POST", "/api/v1/manifests"), 400);
    assert_eq!(send("POST", "/api/v1/manifests/batch"), 400);
    assert_eq!(send("POST", "/api/v1/objects"), 400);
    assert_eq!(send("PUT", &format!("/api/v1/blobs/{hash}")), 204);
    for path in ["/api/v1/runs", "/api/v1/sql", "/api/v1/catalogue.sqlite", "/runs/x.sqlite"] {
        assert!([400, 404, 405, 422].contains(&send("PUT", path)), "{path}");
        assert!([400, 404, 405, 422].contains(&send("POST", path)), "{path}");
    }
    // As a file of a run it is bytes.
    let place = Place::new();
    let run = danlu::Run::builder("demo").id("carrier").dir(place.path()).start().unwrap();
    for name in ["run.sqlite", "x.sqlite-journal", "catalogue.sqlite"] {
        std::fs::write(place.join(name), &database).unwrap();
        run.save(name).unwrap();
    }
    run.finish(0).unwrap();
    line.completes(&place);
    let kept: Vec<_> = crate::support::names(&line.data().join("runs"));
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert!(!std::path::Path::new("/tmp/danlu-owned").exists());
    assert_eq!(line.held().len(), 1);
}

/// 64: here, too: a run file that somebody sent runs nothing when it is listed, shown, asked, verified or pushed.
#[test]
fn f64_a_malicious_run_file_runs_nothing_here_either() {
    let line = Line::new();
    let place = line.place(&["good"]);
    std::fs::write(place.join("wandb/run-20260101_000000-bad.sqlite"), malicious()).unwrap();
    for args in [
        &["ls"][..],
        &["show", "bad"],
        &["sql", "bad", "SELECT * FROM summary"],
        &["verify"],
        &["files", "bad"],
    ] {
        let done = place.danlu(args);
        assert!(!std::path::Path::new("/tmp/danlu-owned").exists(), "{args:?}: {}", done.stdout);
    }
    let done = line.sync(&place);
    assert!(done.code == 0 || done.code == 1, "{}", done.stderr);
    assert!(line.held().contains_key("good"));
    assert!(!std::path::Path::new("/tmp/danlu-owned").exists());
}

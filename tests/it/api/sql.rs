//! SQL over HTTP: read-only, bounded, one run or many.

use super::Api;
use crate::support::wait_until;
use danlu::Run;
use reqwest::Method;
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

fn api() -> Api {
    Api::with(|place| {
        place.run("one", 2);
        place.run("two", 500);
    })
}

#[test]
fn a_query_is_answered_over_one_run_and_over_many() {
    let api = api();
    let ask = |body: serde_json::Value| api.send(Method::POST, "/sql", &body);
    let one = ask(
        json!({"runs": ["~/demo/one"], "query": "SELECT step, value, x'00ff' AS b, NULL AS n FROM history WHERE key = 'acc'"}),
    );
    assert_eq!(one["columns"], json!(["step", "value", "b", "n"]));
    assert_eq!(one["rows"], json!([[0, 0.0, "00ff", null], [1, 1.0, "00ff", null]]));
    let query = "SELECT run, count(*) FROM history WHERE key = 'loss' GROUP BY run ORDER BY run";
    let many = json!([["one", 2], ["two", 500]]);
    assert_eq!(ask(json!({"runs": [api.key_of("one"), api.key_of("two")], "query": query}))["rows"], many);
    assert_eq!(ask(json!({"filter": "project = demo", "query": query}))["rows"], many);
    let twice = json!({"runs": [api.key_of("two"), "~/demo/two"], "query": "SELECT count(*) FROM history WHERE key = 'loss'"});
    assert_eq!(ask(twice)["rows"], json!([[500]]), "a run that is named twice is one");
    assert_eq!(ask(json!({"filter": "last_step > 10", "query": query}))["rows"], json!([["two", 500]]));
    let some = ask(json!({"runs": ["~/demo/two"], "query": "SELECT step FROM history", "limit": 7}));
    assert_eq!((some["rows"].as_array().unwrap().len(), &some["truncated"]), (7, &json!(true)));
    // Where the server keeps them is nobody's business.
    let paths = ask(json!({"filter": "project = demo", "query": "SELECT path, bytes > 0 FROM runs"}));
    assert_eq!(paths["rows"], json!([[null, 1], [null, 1]]));
}

#[test]
fn a_query_can_only_read_what_it_is_asked_of() {
    let api = api();
    let wrong = |query: &str| {
        for run in ["~/demo/one", "~/demo/two"] {
            let body = json!({"runs": [run], "query": query});
            let (status, said) = api.refused(api.ask(Method::POST, "/sql").json(&body));
            assert_eq!(status, 400, "{query}: {said}");
        }
        let body = json!({"filter": "id exists", "query": query});
        api.refused(api.ask(Method::POST, "/sql").json(&body))
    };
    for query in [
        "DELETE FROM row",
        "ATTACH 'catalogue.sqlite' AS x",
        "ATTACH DATABASE ':memory:' AS x",
        "DETACH main",
        "PRAGMA writable_schema = 1",
        "PRAGMA table_info(api_key); DROP TABLE run",
        "VACUUM INTO '/tmp/copy.sqlite'",
        "SELECT load_extension('x')",
        "SELECT readfile('/etc/passwd')",
        "SELECT writefile('/tmp/x', 'y')",
        "SELECT * FROM pragma_database_list",
        "CREATE TEMP TABLE t (x)",
        "CREATE VIRTUAL TABLE t USING fts5(x)",
        "BEGIN",
        "EXPLAIN DELETE FROM row",
        "SELEC",
        "",
    ] {
        let (status, said) = wrong(query);
        assert!(status == 400 && said.contains("Cannot answer the query"), "{query}: {status} {said}");
    }
    for (query, words) in [
        (
            "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n",
            "takes too long",
        ),
        ("SELECT length(randomblob(1000000000))", "too large"),
        // It would show addresses of memory.
        ("EXPLAIN SELECT 1", "EXPLAIN QUERY PLAN"),
    ] {
        let body = json!({"runs": ["~/demo/one"], "query": query});
        let (status, said) = api.refused(api.ask(Method::POST, "/sql").json(&body));
        assert!(status == 400 && said.contains(words), "{query}: {said}");
    }
    let plan = json!({"filter": "id exists", "query": "EXPLAIN QUERY PLAN SELECT * FROM runs"});
    assert_eq!(api.send(Method::POST, "/sql", &plan)["rows"].as_array().unwrap().len(), 1);
    let endless = json!({"runs": ["~/demo/one"], "limit": 100_000,
        "query": "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT hex(zeroblob(100000)) FROM n"});
    let cut = api.send(Method::POST, "/sql", &endless);
    assert!(cut["truncated"] == true && cut["rows"].as_array().unwrap().len() < 200);
    for (body, status) in [
        (json!({"query": "SELECT 1"}), 400),
        (json!({"runs": [], "query": "SELECT 1"}), 400),
        (json!({"runs": ["~/demo/one"], "filter": "id exists", "query": "SELECT 1"}), 400),
        (json!({"runs": ["~/demo/none"], "query": "SELECT 1"}), 404),
        (json!({"runs": ["~/demo/one"], "query": "SELECT 1", "limit": 1_000_000}), 413),
        (json!({"runs": ["~/demo/one"], "query": 1}), 422),
    ] {
        assert_eq!(api.refused(api.ask(Method::POST, "/sql").json(&body)).0, status, "{body}");
    }
}

/// The most memory that a process has had, in MiB.
fn peak(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

#[test]
fn a_query_does_not_fill_the_memory() {
    let api = api();
    let before = peak(api.server.id());
    let large = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 15)";
    let lists: Vec<String> =
        (0..60).map(|n| format!("length(json_group_array(hex(zeroblob(50000)) || {n}))")).collect();
    let texts: Vec<String> = (0..60).map(|n| format!("group_concat(hex(zeroblob(50000)) || {n})")).collect();
    let values: Vec<String> = (0..200).map(|n| format!("hex(randomblob({}))", 600_000 + n)).collect();
    for query in [
        format!("{large} SELECT {} FROM n", lists.join(" + ")),
        format!("{large} SELECT {} FROM n", texts.join(", ")),
        format!("SELECT {}", values.join(", ")),
    ] {
        for run in [json!(["~/demo/one"]), json!(["~/demo/one", "~/demo/two"])] {
            let (status, said) =
                api.refused(api.ask(Method::POST, "/sql").json(&json!({"runs": run, "query": query})));
            assert!(status == 400 && said.contains("too much memory"), "{status} {said}");
        }
    }
    let grown = peak(api.server.id()) - before;
    assert!(grown < 400, "{grown} MiB more");
    // What is not too much is answered.
    let many = json!({"runs": ["~/demo/two"], "query": "SELECT json_group_array(value) FROM history"});
    assert!(api.send(Method::POST, "/sql", &many)["rows"][0][0].as_str().unwrap().len() > 2000);
}

#[test]
fn a_query_over_several_runs_reads_them_piece_by_piece() {
    let api = Api::with(|place| {
        place.run("one", 2);
        let text = |mebibytes: usize| "x".repeat(mebibytes << 20);
        let mut run = Run::builder("demo").id("wide").dir(place.path());
        for n in 0..24 {
            run = run.config(format!("c{n}"), text(1));
        }
        let run = run.start().unwrap();
        run.log([("text", text(4))]);
        for n in 0..20_000 {
            run.log([("loss", f64::from(n))]);
        }
        run.finish(0).unwrap();
    });
    let ask =
        |query: String| api.ask(Method::POST, "/sql").json(&json!({"filter": "id exists", "query": query}));
    let before = peak(api.server.id());
    let crossed = |times: usize, table: &str, which: &str| {
        let tables: Vec<String> = (0..times).map(|n| format!("{table} AS t{n}")).collect();
        let wheres: Vec<String> = (0..times).map(|n| format!("t{n}.run = 'wide' AND t{n}.{which}")).collect();
        format!("SELECT t0.run FROM {} WHERE {} LIMIT 1", tables.join(", "), wheres.join(" AND "))
    };
    for query in [crossed(40, "config", "key >= 'c'"), crossed(40, "history", "key = 'text'")] {
        let (status, said) = api.refused(ask(query));
        assert!(status == 400 && said.contains("takes too much memory [ask for less"), "{status} {said}");
    }
    // What is not too much is answered, in order and to the last.
    let many = crate::api::json(ask(crossed(10, "history", "key = 'loss'")).send().unwrap());
    assert_eq!(many["rows"], json!([["wide"]]));
    let query = "SELECT run, key, count(*), sum(value), min(step), max(step), max(length(value)) FROM history \
                 WHERE key <> 'acc' GROUP BY run, key ORDER BY run, key";
    let all = crate::api::json(ask(query.to_owned()).send().unwrap());
    let wide = json!(["wide", "loss", 20_000, 199_990_000.0, 1, 20_000, 7]);
    assert_eq!((&all["rows"][1], &all["rows"][2][6]), (&wide, &json!((4 << 20) + 2)), "{all}");
    let configs = crate::api::json(ask("SELECT sum(length(value)) FROM config".to_owned()).send().unwrap());
    assert_eq!(configs["rows"], json!([[24 * ((1 << 20) + 2) + 3]]));
    let grown = peak(api.server.id()) - before;
    assert!(grown < 250, "{grown} MiB more");
}

/// How many threads of a process are at work.
fn at_work(id: u32) -> usize {
    let threads = std::fs::read_dir(format!("/proc/{id}/task")).unwrap();
    let state =
        |thread: std::fs::DirEntry| std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
    let stats = threads.map(|thread| state(thread.unwrap()));
    stats.filter(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('R'))).count()
}

#[test]
fn a_query_ends_when_whoever_asked_hangs_up_and_counts_until_then() {
    let api = Api::served(|place| drop(place.run("one", 2)), &["--query-timeout", "3600"]);
    let endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n";
    let body = json!({"runs": ["~/demo/one"], "query": endless}).to_string();
    let host = api.server.url.strip_prefix("http://").unwrap();
    let head = format!(
        "POST /api/v1/sql HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        api.key,
        body.len()
    );
    for _ in 0..3 {
        let asking: Vec<TcpStream> = (0..3).map(|_| TcpStream::connect(host).unwrap()).collect();
        for mut line in &asking {
            line.write_all(head.as_bytes()).unwrap();
            line.set_nonblocking(true).unwrap();
        }
        let refused = |mut line: &TcpStream| {
            let mut said = [0; 12];
            line.read(&mut said).is_ok() && said == *b"HTTP/1.1 503"
        };
        wait_until("two queries are under way", || asking.iter().any(refused));
    }
    wait_until("nothing is at work", || at_work(api.server.id()) == 0);
    assert_eq!(
        api.send(Method::POST, "/sql", &json!({"runs": ["~/demo/one"], "query": "SELECT 1"}))["rows"],
        json!([[1]])
    );
}

#[test]
fn no_function_takes_longer_than_a_query_may() {
    let api = api();
    let (long, half) = ("hex(zeroblob(7900000))", "hex(zeroblob(3000000))||'1'");
    let keys = "(SELECT json_group_object('k' || x, 1) FROM (WITH RECURSIVE n(x) AS \
                (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 200000) SELECT x FROM n))";
    for call in [
        format!("instr({long}, {half})"),
        format!("replace({long}, {half}, 'x')"),
        format!("{long} LIKE '%' || hex(zeroblob(400)) || '1'"),
        format!("like('%' || hex(zeroblob(400)) || '1', {long}, '!')"),
        format!("{long} GLOB '*' || hex(zeroblob(400)) || '1'"),
        format!("trim({long}, replace({half}, '0', '12'))"),
        format!("unhex(replace({long}, '0', 'x'), replace({half}, '0', 'y') || 'x')"),
        format!("json_patch({keys}, {keys})"),
    ] {
        for runs in [json!(["~/demo/one"]), json!(["~/demo/one", "~/demo/two"])] {
            let body = json!({"runs": runs, "query": format!("SELECT {call}")});
            let request = api.ask(Method::POST, "/sql").json(&body).timeout(Duration::from_secs(60));
            let (status, said) = api.refused(request);
            assert!(status == 400 && said.contains("of texts that long takes too long"), "{call}: {said}");
        }
    }
    // What does not take long is answered as ever.
    let sensible = "instr('abc', 'c'), replace('abc', 'b', 'x'), 'ABC' LIKE 'a%', 'a_c' LIKE 'a!_c' ESCAPE '!', 'abc' GLOB 'a*', \
        trim('xaxx', 'x'), ltrim(' a '), hex(unhex('41 42', ' ')), json_array(json_patch('{\"a\":1}', '{\"b\":2}')), instr(NULL, 'a'), \
        instr(x'0102', x'02'), instr(1234, 3), (SELECT count(*) FROM summary), instr(hex(zeroblob(4000000)) || '1', '01')";
    let query = json!({"runs": ["~/demo/one"], "query": format!("SELECT {sensible}")});
    let wanted =
        json!([3, "axc", 1, 1, 1, "a", "a ", "4142", "[{\"a\":1,\"b\":2}]", null, 2, 3, 2, 8_000_000]);
    assert_eq!(api.send(Method::POST, "/sql", &query)["rows"][0], wanted);
}

#[test]
fn no_query_does_so_much_in_one_go_that_it_cannot_be_ended() {
    let api = Api::served(|place| drop(place.run("one", 2)), &["--query-timeout", "1"]);
    let text = "hex(zeroblob(2000000))";
    let list = "'[' || replace(hex(zeroblob(1000000)), '0', '1,') || '0]'";
    for (call, of) in [
        ("length(a)", text),
        ("abs(a)", text),
        ("a*1", text),
        ("upper(a)", text),
        ("(a<a COLLATE NOCASE)", text),
        ("substr(a,-2,1)", text),
        ("json_array_length(a)", list),
        ("json_extract(a,'$[1]')", list),
    ] {
        // Added up in so many columns, without a jump.
        let sum = vec![call; 40].join("+");
        let columns = vec![sum.as_str(); 30].join(", ");
        let query = format!("WITH t(a) AS MATERIALIZED (SELECT {of}) SELECT {columns} FROM t");
        let body = json!({"runs": ["~/demo/one"], "query": query});
        let request = api.ask(Method::POST, "/sql").json(&body).timeout(Duration::from_secs(60));
        let (status, said) = api.refused(request);
        assert!(
            status == 400
                && said.contains("too large: string or blob too big [this query may have values of"),
            "{call}: {said}"
        );
    }
    // Functions that are bounded end as any query when they are called again and again.
    let calls = vec!["instr(a, hex(zeroblob(500)) || '1')"; 400].join(", ");
    let query = format!("WITH t(a) AS MATERIALIZED (SELECT hex(zeroblob(500000))) SELECT {calls} FROM t");
    let query = json!({"runs": ["~/demo/one"], "query": query});
    let (status, said) = api.refused(api.ask(Method::POST, "/sql").json(&query));
    assert!(status == 400 && said.contains("takes too long ["), "{said}");
    // What does less with it may have it.
    let long = "hex(zeroblob(7900000))";
    let less = json!({"runs": ["~/demo/one"], "query": format!("SELECT length({long}), {long} < 'x' COLLATE NOCASE")});
    assert_eq!(api.send(Method::POST, "/sql", &less)["rows"], json!([[15_800_000, 1]]));
    let long = json!({"runs": ["~/demo/one"], "query": format!("SELECT {}", "1".repeat(70_000))});
    let (status, said) = api.refused(api.ask(Method::POST, "/sql").json(&long));
    assert!(status == 400 && said.contains("longer than 64 KiB"), "{said}");
    // What goes round and round ends, however much each round does.
    let round = format!(
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT sum({}) FROM n",
        vec!["length(hex(zeroblob(900000)) || x)"; 20].join("+")
    );
    let body = json!({"runs": ["~/demo/one"], "query": round});
    let (status, said) =
        api.refused(api.ask(Method::POST, "/sql").json(&body).timeout(Duration::from_secs(60)));
    assert!(status == 400 && said.contains("takes too long"), "{said}");
}

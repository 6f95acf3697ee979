//! Files of a run over HTTP: parts, content types, what browsers may do with them.

use super::{Api, encoded};
use danlu::Run;
use reqwest::Method;
use reqwest::blocking::Response;

/// Names that a run can have of files, among them those that want to do harm.
const NAMES: [&str; 9] = [
    "a/image.png",
    "table.json",
    "plot.html",
    "drawing.svg",
    "weights",
    "ünï \"quoted\";x=y.txt",
    "<script>alert(1)</script>.html",
    "rtl\u{202e}gnp.exe",
    "%2e%2e%2fpasswd",
];

fn api() -> Api {
    Api::with(|place| {
        let run = Run::builder("demo").id("abc").dir(place.path()).start().unwrap();
        for name in NAMES {
            run.put(name, name.as_bytes()).unwrap();
        }
        run.put("digits.txt", b"old").unwrap();
        run.put("digits.txt", b"0123456789").unwrap();
        run.put("empty.bin", b"").unwrap();
        run.put("large.bin", &vec![7; 3 << 20]).unwrap();
        run.finish(0).unwrap();
    })
}

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[test]
fn files_come_whole_in_parts_and_not_twice() {
    let api = api();
    let of_run = format!("/runs/{}/files", api.key_of("abc"));
    let listed = api.get(&of_run);
    assert_eq!(listed.as_array().unwrap().len(), NAMES.len() + 3);
    let ask = |name: &str, headers: &[(&str, &str)]| {
        let request = api.ask(Method::GET, &format!("{of_run}/{name}"));
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).send().unwrap()
    };
    let whole = ask("digits.txt", &[]);
    assert_eq!((header(&whole, "content-length"), header(&whole, "accept-ranges")), ("10", "bytes"));
    let etag = header(&whole, "etag").to_owned();
    assert_eq!(etag, format!("\"{}\"", danlu::model::Hash::of(b"0123456789")));
    assert_eq!(whole.text().unwrap(), "0123456789");
    for (range, bytes, said) in [
        ("bytes=0-3", "0123", "bytes 0-3/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-2", "89", "bytes 8-9/10"),
    ] {
        let part = ask("digits.txt", &[("range", range), ("if-range", &etag)]);
        assert_eq!((part.status().as_u16(), header(&part, "content-range")), (206, said));
        assert_eq!(part.text().unwrap(), bytes);
    }
    let other = ask("digits.txt", &[("range", "bytes=0-3"), ("if-range", "\"other\"")]);
    assert_eq!((other.status().as_u16(), other.text().unwrap().len()), (200, 10));
    let behind = ask("digits.txt", &[("range", "bytes=10-")]);
    assert_eq!((behind.status().as_u16(), header(&behind, "content-range")), (416, "bytes */10"));
    assert!(behind.text().unwrap().contains("There are 10 bytes"));
    let known = ask("digits.txt", &[("if-none-match", &format!("\"x\", {etag}"))]);
    assert_eq!((known.status().as_u16(), header(&known, "etag")), (304, &*etag));
    assert!(known.bytes().unwrap().is_empty());
    let head = api.ask(Method::HEAD, &format!("{of_run}/large.bin")).send().unwrap();
    assert_eq!((head.status().as_u16(), header(&head, "content-length")), (200, "3145728"));
    let end = ask("large.bin", &[("range", "bytes=2097150-3145727")]).bytes().unwrap();
    assert!(end.len() == (1 << 20) + 2 && end.iter().all(|byte| *byte == 7));
    assert_eq!(ask("empty.bin", &[]).bytes().unwrap().len(), 0);
    for missing in
        ["nothing", "..%2f..%2fcatalogue.sqlite", "%2e%2e/%2e%2e/catalogue.sqlite", "a/../digits.txt"]
    {
        let request = api.ask(Method::GET, &format!("{of_run}/{missing}"));
        let status = request.send().unwrap().status().as_u16();
        // The client itself makes other addresses of some: of a file that is there, and of what is no run.
        let wanted: &[u16] = if missing.starts_with("a/") { &[200] } else { &[404, 400] };
        assert!(wanted.contains(&status), "{missing}: {status}");
    }
}

#[test]
fn a_browser_shows_only_what_runs_nothing() {
    let api = api();
    let of_run = format!("/runs/{}/files", api.key_of("abc"));
    for name in NAMES {
        let path: Vec<String> = name.split('/').map(encoded).collect();
        let answer = api.ask(Method::GET, &format!("{of_run}/{}", path.join("/"))).send().unwrap();
        assert_eq!(answer.status(), 200, "{name}");
        let shown = ["a/image.png", "table.json", NAMES[5]].contains(&name);
        let disposition = header(&answer, "content-disposition").to_owned();
        assert!(disposition.starts_with(if shown { "inline; " } else { "attachment; " }), "{disposition}");
        assert!(disposition.is_ascii() && !disposition.contains('<'), "{disposition}");
        if !shown {
            assert_eq!(header(&answer, "content-type"), "application/octet-stream", "{name}");
        }
        assert_eq!(header(&answer, "x-content-type-options"), "nosniff");
        let policy = header(&answer, "content-security-policy");
        assert!(policy.starts_with("sandbox; default-src 'none'") && !policy.contains("script"), "{policy}");
        assert_eq!(answer.text().unwrap(), name);
    }
}

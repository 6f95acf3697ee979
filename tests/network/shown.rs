//! 65 and 40: names and files that want to be a program, or another file.

use crate::line::Line;
use crate::support::{Place, client};
use serde_json::Value;

const SCRIPT: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u{1b}[2J\u{202e}";

/// The same for a project, which may have neither slashes nor control characters.
const PROJECT: &str = "<script>alert(1)<script>\"'><img src=x onerror=alert(1)>";

/// Files that a browser would run, were it told what they are or left to guess.
const FILES: [(&str, &str); 8] = [
    ("page.html", "<script>alert(1)</script>"),
    ("picture.svg", "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"),
    ("notes.md", "[x](javascript:alert(1))"),
    ("data.xml", "<?xml-stylesheet href='javascript:alert(1)'?><a/>"),
    ("page.xhtml", "<html xmlns='http://www.w3.org/1999/xhtml'><script>alert(1)</script></html>"),
    ("guess", "<!doctype html><script>alert(1)</script>"),
    ("script.js", "alert(1)"),
    ("picture.png", "<script>alert(1)</script>"),
];

/// Makes a run in which everything that has a name has a bad one.
fn bad_run(place: &Place) {
    let run = danlu::Run::builder(PROJECT)
        .id("bad")
        .name(SCRIPT)
        .group(SCRIPT)
        .job_type(SCRIPT)
        .notes(SCRIPT)
        .tag(SCRIPT)
        .config(SCRIPT, SCRIPT)
        .dir(place.path())
        .start()
        .unwrap();
    run.log([(SCRIPT, 1.0)]);
    run.log([("__proto__", 1.0), ("constructor", 2.0)]);
    for (name, content) in FILES {
        std::fs::write(place.join(name), content).unwrap();
        run.save(name).unwrap();
    }
    std::fs::write(place.join("x"), "x").unwrap();
    for name in [
        "a\"b; filename=c.html",
        "<script>.html",
        "q?.html",
        "h#.html",
        "p%2e%2e%2f.html",
        "\u{202e}lmth.exe",
    ] {
        run.save_as(&place.join("x"), name).unwrap();
    }
    run.finish(0).unwrap();
}

/// Writes a path into an address, every byte of it.
pub fn encoded(path: &str) -> String {
    path.bytes().map(|byte| if byte == b'/' { "/".to_owned() } else { format!("%{byte:02x}") }).collect()
}

/// 65: answers with bad names in them are JSON and say so; files are downloaded, or shown where they can run nothing.
#[test]
fn f65_nothing_that_was_pushed_runs_in_a_browser() {
    let line = Line::new();
    let place = Place::new();
    bad_run(&place);
    line.completes(&place);
    let client = client();
    let get =
        |path: &str| client.get(format!("{}{path}", line.server.url)).bearer_auth(&line.key).send().unwrap();
    let runs: Value = get("/api/v1/runs").json().unwrap();
    let run = &runs.get("runs").unwrap_or(&runs)[0];
    assert_eq!(
        (&run["name"], &run["project"]),
        (&SCRIPT.into(), &PROJECT.into()),
        "what was said is kept as it is"
    );
    let address = format!("/api/v1/runs/{}", run["key"].as_str().unwrap());
    for path in [
        "/api/v1/projects",
        "/api/v1/runs",
        &address,
        &format!("{address}/files"),
        "/api/v1/nothing%3Cscript%3E",
    ] {
        let answer = get(path);
        assert_eq!(answer.headers()["content-type"], "application/json", "{path}");
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff", "{path}");
    }
    let files: Value = get(&format!("{address}/files")).json().unwrap();
    let files = files.get("files").unwrap_or(&files).as_array().unwrap().clone();
    assert_eq!(files.len(), FILES.len() + 6);
    for file in files {
        let path = file["path"].as_str().unwrap();
        let answer = get(&format!("{address}/files/{}", encoded(path)));
        assert_eq!(answer.status(), 200, "{path}");
        let header = |name: &str| answer.headers().get(name).map_or("", |value| value.to_str().unwrap());
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert!(answer.headers().get("set-cookie").is_none(), "{path}");
        let attached = header("content-disposition").starts_with("attachment");
        let policy = header("content-security-policy");
        let boxed = policy.contains("sandbox")
            && !policy.contains("allow-scripts")
            && !policy.contains("allow-same-origin");
        let kind = header("content-type").split(';').next().unwrap_or_default();
        let runs = !["image/png", "text/plain", "application/octet-stream", "application/json", "text/csv"]
            .contains(&kind);
        assert!(attached || boxed && !runs, "{path}: {:?}", answer.headers());
        let name = header("content-disposition");
        assert!(!name.contains(['<', '\r', '\n']) && name.matches('"').count() <= 2, "{path}: {name}");
    }
}

/// 65: the page makes text of what it shows, and nothing else.
#[test]
fn f65_the_page_makes_text_of_what_it_is_given() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/server/page.html")).unwrap();
    for way in [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "javascript:",
        "srcdoc",
        "onclick=",
        "onerror=",
        "DOMParser",
        "createContextualFragment",
    ] {
        assert!(!page.contains(way), "the page uses {way}");
    }
    assert!(
        page.contains("textContent") || page.contains("createTextNode") || page.contains(".append("),
        "it shows something"
    );
}

/// 65: a terminal is told nothing by what was pushed either.
#[test]
fn f65_no_command_passes_an_escape_on_to_the_terminal() {
    let line = Line::new();
    let place = Place::new();
    bad_run(&place);
    let url = line.proxy.url();
    for args in [&["ls"][..], &["show", "bad"], &["files", "bad"], &["verify"], &["sync", &url]] {
        let output = place.command(args).env("DANLU_API_KEY", &line.key).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        let said = [output.stdout, output.stderr].concat();
        assert!(
            !said.contains(&0x1b) && !said.contains(&0x07),
            "{args:?}: {}",
            String::from_utf8_lossy(&said)
        );
    }
}

/// 65: the words of a server are not the terminal's commands.
#[test]
fn f65_what_a_server_says_is_shown_as_text() {
    let line = Line::new();
    let place = line.place(&["r"]);
    line.proxy.set(crate::proxy::OnRequest(|_: &_| {
        crate::proxy::danlu(
            "400 Bad Request",
            "",
            r#"{"error":"\u001b]0;owned\u0007\u001b[2J","hint":"\u001b[31m"}"#,
        )
    }));
    for more in [&[][..], &["--json"]] {
        let url = line.proxy.url();
        let args = [&["sync", &url], more].concat();
        let output = place.command(&args).env("DANLU_API_KEY", &line.key).output().unwrap();
        assert!(!output.status.success());
        let said = [output.stdout, output.stderr].concat();
        assert!(!said.contains(&0x1b) && !said.contains(&0x07), "{}", String::from_utf8_lossy(&said));
    }
}

/// 40 at the server: an address of a file leads to that file of that run, or nowhere.
#[test]
fn f40_no_address_leads_out_of_a_run() {
    let line = Line::new();
    let place = line.place(&["r"]);
    line.completes(&place);
    let (_, runs) = line.server.get("/api/v1/runs", &line.key);
    let key = runs.get("runs").unwrap_or(&runs)[0]["key"].as_str().unwrap().to_owned();
    std::fs::write(line.data().join("secret"), "secret").unwrap();
    let ways = [
        "../../../secret",
        "..%2f..%2f..%2fsecret",
        "%2e%2e/%2e%2e/%2e%2e/secret",
        "....//....//secret",
        "..%5c..%5csecret",
        "%252e%252e%252fsecret",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "model.bin%00.txt",
        "model.bin/..",
        "model.bin/../model.bin",
        "MODEL.BIN",
        "C:%5cwindows%5csystem.ini",
        "~/.ssh/id_rsa",
        "%ff%fe",
    ];
    for way in ways {
        for path in [
            format!("/api/v1/runs/{key}/files/{way}"),
            format!("/api/v1/runs/{way}"),
            format!("/api/v1/blobs/{way}"),
            format!("/api/v1/segments/{way}"),
            format!("/api/v1/manifests/{way}"),
            format!("/{way}"),
        ] {
            let text = crate::raw::request("GET", &path, &line.authorization(), b"");
            let answer = crate::raw::ask(&line.server.url, &text);
            assert!([400, 404, 405].contains(&crate::raw::status(&answer)), "{path}: {answer}");
            assert!(!answer.contains("root:") && !answer.ends_with("secret"), "{path}: {answer}");
        }
    }
}

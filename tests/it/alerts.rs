//! Alerts: listed, and told once each.

use crate::support::Place;
use danlu::Run;
use danlu::model::EventKind;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;

fn run(place: &Place, id: &str, alerts: &[(&str, &str, &str)]) {
    let run = Run::builder("mnist").id(id).dir(place.path()).start().unwrap();
    for (level, title, text) in alerts {
        let data = format!("{{\"level\":\"{level}\",\"id\":\"{id} {title}\"}}");
        run.event(EventKind::Alert, *title, *text, data);
    }
    run.finish(0).unwrap();
}

fn sync(place: &Place, hook: &str, value: &str) -> (i32, String) {
    let mut command = place.command(&["sync", "./remote"]);
    let done = command.env(hook, value).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    (done.status.code().unwrap(), String::from_utf8(done.stderr).unwrap())
}

fn told(place: &Place) -> Vec<String> {
    let text = std::fs::read_to_string(place.join("told")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

const COMMAND: &str =
    "echo \"$DANLU_ALERT_LEVEL $DANLU_ALERT_TITLE: $DANLU_ALERT_TEXT ($DANLU_ALERT_RUN)\" >> told";

#[test]
fn alerts_are_listed() {
    let place = Place::new();
    run(&place, "abc", &[("WARN", "loss", "it is NaN\nsince step 3"), ("INFO", "epoch", "")]);
    run(&place, "none", &[]);
    let said = place.danlu(&["alerts"]).stdout;
    let without_times: Vec<String> =
        said.lines().map(|line| line.split_whitespace().skip(2).collect::<Vec<_>>().join(" ")).collect();
    insta::assert_snapshot!(without_times.join("\n"));
    let json = place.json(&["alerts", "abc"]);
    assert_eq!(json[0]["title"], "loss");
    assert_eq!(json[0]["text"], "it is NaN\nsince step 3");
    assert_eq!(json[1]["level"], "INFO");
    assert_eq!(place.danlu(&["alerts", "none"]).stdout, "No alerts\n");
}

#[test]
fn a_push_tells_of_each_alert_once() {
    let place = Place::new();
    run(&place, "abc", &[("WARN", "loss", "NaN"), ("INFO", "epoch", "1")]);
    sync(&place, "DANLU_ALERT_COMMAND", COMMAND);
    assert_eq!(told(&place), ["WARN loss: NaN (abc)", "INFO epoch: 1 (abc)"]);
    sync(&place, "DANLU_ALERT_COMMAND", COMMAND);
    run(&place, "other", &[("ERROR", "end", "of disk")]);
    sync(&place, "DANLU_ALERT_COMMAND", COMMAND);
    assert_eq!(told(&place).len(), 3);
    assert_eq!(told(&place)[2], "ERROR end: of disk (other)");
}

#[test]
fn an_alert_that_could_not_be_told_is_told_later() {
    let place = Place::new();
    run(&place, "abc", &[("WARN", "loss", "NaN")]);
    let (_, said) = sync(&place, "DANLU_ALERT_COMMAND", "exit 3");
    assert!(said.contains("The alert `loss` is not told by command yet"), "{said}");
    assert!(said.contains("exit status: 3"), "{said}");
    let (_, said) = sync(&place, "DANLU_ALERT_COMMAND", COMMAND);
    assert_eq!((told(&place).len(), said.contains("warning")), (1, false), "{said}");
}

#[test]
fn the_training_tells_of_an_alert_by_itself_and_a_push_not_again() {
    let place = Place::new();
    run(&place, "abc", &[("WARN", "loss", "NaN")]);
    let mut tell = place.command(&["alerts", "--tell"]);
    tell.env("DANLU_ALERT_COMMAND", COMMAND).stdin(std::process::Stdio::piped());
    let mut child = tell.spawn().unwrap();
    let alert = r#"{"id":"abc loss","run":"abc","project":"mnist","time":1.5,"level":"WARN","title":"loss","text":"NaN"}"#;
    child.stdin.take().unwrap().write_all(alert.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(told(&place), ["WARN loss: NaN (abc)"]);
    sync(&place, "DANLU_ALERT_COMMAND", COMMAND);
    assert_eq!(told(&place).len(), 1);
}

#[test]
fn a_webhook_gets_json() {
    let place = Place::new();
    run(&place, "abc", &[("ERROR", "loss <b>", "NaN")]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/hooks/secret", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut length = 0;
        for line in reader.by_ref().lines().map(Result::unwrap) {
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
        serde_json::from_slice::<serde_json::Value>(&body).unwrap()
    });
    sync(&place, "DANLU_ALERT_WEBHOOK", &address);
    let body = server.join().unwrap();
    assert_eq!(body["text"], "*[ERROR] loss <b>*\nNaN\n_run abc_");
    assert_eq!((body["level"].as_str(), body["run"].as_str()), (Some("ERROR"), Some("abc")));
    run(&place, "other", &[("ERROR", "again", "")]);
    let (_, said) = sync(&place, "DANLU_ALERT_WEBHOOK", &address);
    assert!(said.contains("cannot be told") && !said.contains("secret"), "{said}");
}

#[test]
fn a_mail_is_sent() {
    let place = Place::new();
    run(&place, "abc", &[("ERROR", "loss", "is NaN")]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("smtp://{}?to=me@example.org", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut got = String::new();
        let mut in_data = false;
        stream.write_all(b"220 here\r\n").unwrap();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap() == 0 {
                return got;
            }
            got.push_str(&line);
            let answer: &[u8] = match line.trim_end() {
                "." => b"250 taken\r\n",
                _ if in_data => continue,
                "DATA" => b"354 go\r\n",
                "QUIT" => b"221 bye\r\n",
                _ => b"250 fine\r\n",
            };
            in_data = line.trim_end() == "DATA";
            stream.write_all(answer).unwrap();
        }
    });
    sync(&place, "DANLU_ALERT_EMAIL", &address);
    assert!(place.danlu(&["ls"]).code == 0);
    let got = server.join().unwrap();
    for part in ["RCPT TO:<me@example.org>", "Subject: [ERROR] loss", "is NaN", "run abc of project mnist"] {
        assert!(got.contains(part), "{part}: {got}");
    }
}

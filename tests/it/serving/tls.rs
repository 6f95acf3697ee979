//! TLS: a certificate that is given, and read again.

use crate::support::{Place, wait_until};
use std::process::Stdio;

/// Writes a certificate for `localhost` and its key; returns the certificate.
fn certificate(place: &Place, name: &str) -> String {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    std::fs::write(place.join(&format!("{name}.key")), made.signing_key.serialize_pem()).unwrap();
    std::fs::write(place.join(&format!("{name}.pem")), made.cert.pem()).unwrap();
    made.cert.pem()
}

fn trusting(certificate: &str) -> reqwest::blocking::Client {
    rustls::crypto::ring::default_provider().install_default().ok();
    let root = reqwest::Certificate::from_pem(certificate.as_bytes()).unwrap();
    reqwest::blocking::Client::builder().tls_certs_only([root]).build().unwrap()
}

#[test]
fn a_certificate_is_served_and_renewed() {
    let place = Place::new();
    let first = certificate(&place, "server");
    let server = place.serve_with(&["--tls-cert", "server.pem", "--tls-key", "server.key"]);
    assert!(server.url.starts_with("https://"), "{}", server.url);
    let key = server.key.clone().unwrap();
    let projects = format!("{}/api/v1/projects", server.url);
    assert_eq!(trusting(&first).get(&projects).bearer_auth(&key).send().unwrap().status(), 200);
    let cookie =
        trusting(&first).post(format!("{}/login", server.url)).json(&serde_json::json!({"key": key})).send();
    assert!(cookie.unwrap().headers()["set-cookie"].to_str().unwrap().contains("; Secure"));
    // Who does not trust it does not talk to it; who does not speak TLS is not answered.
    let plain = server.url.replace("https://", "http://");
    assert!(crate::support::client().get(format!("{plain}/healthz")).send().is_err());
    let other = certificate(&place, "other");
    assert!(trusting(&other).get(&projects).send().is_err());
    // A renewed one takes effect at SIGHUP, a broken one does not.
    std::fs::copy(place.join("other.pem"), place.join("server.pem")).unwrap();
    server.signal(rustix::process::Signal::HUP);
    assert!(
        trusting(&first).get(&projects).bearer_auth(&key).send().is_ok(),
        "the key does not belong to it"
    );
    std::fs::copy(place.join("other.key"), place.join("server.key")).unwrap();
    server.signal(rustix::process::Signal::HUP);
    wait_until("the new one is served", || trusting(&other).get(&projects).bearer_auth(&key).send().is_ok());
    assert!(server.stop().success());
}

#[test]
fn what_cannot_be_served_with_is_told() {
    let place = Place::new();
    certificate(&place, "a");
    certificate(&place, "b");
    std::fs::write(place.join("text"), "no certificate").unwrap();
    for (certificate, key, said) in [
        ("missing.pem", "a.key", "Cannot read `missing.pem`"),
        ("a.pem", "missing.key", "Cannot read `missing.key`"),
        ("text", "a.key", "Cannot serve with the certificate"),
        ("a.pem", "text", "Cannot read `text`"),
        ("a.pem", "b.key", "Cannot serve with the certificate"),
    ] {
        let done = place.danlu(&[
            "serve",
            "--data",
            "x",
            "--listen",
            "127.0.0.1:0",
            "--tls-cert",
            certificate,
            "--tls-key",
            key,
        ]);
        assert!(done.code == 2 && done.stderr.contains(said), "{certificate} {key}: {}", done.stderr);
    }
    assert!(!place.join("x").exists(), "nothing was made");
    let done = place.danlu(&["serve", "--data", "x", "--tls-cert", "a.pem"]);
    assert!(done.code == 2 && done.stderr.contains("--tls-key"), "{}", done.stderr);
}

#[test]
fn a_server_that_others_reach_without_tls_is_warned_about() {
    let place = Place::new();
    let mut child = place
        .command(&["serve", "--data", "server", "--listen", "0.0.0.0:0", "--log", "error"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
    assert!(lines.next().unwrap().unwrap().contains("unencrypted: give `--tls-cert`"));
    assert!(lines.next().unwrap().unwrap().contains("`--host NAME`"));
    crate::support::terminate(&child);
    assert!(child.wait().unwrap().success());
}

#[test]
fn without_a_certificate_there_is_nothing_to_read_again_and_nothing_ends() {
    let place = Place::new();
    let mut command = place.command(&["serve", "--data", "server", "--listen", "127.0.0.1:0", "--json"]);
    command.stderr(std::fs::File::create(place.join("log")).unwrap());
    let server = crate::support::Serving::start(command);
    let key = server.key.clone().unwrap();
    server.signal(rustix::process::Signal::HUP);
    let log = || std::fs::read_to_string(place.join("log")).unwrap();
    wait_until("it says so", || log().contains("SIGHUP"));
    assert_eq!(server.get("/api/v1/projects", &key).0, 200);
    assert!(server.stop().success());
}

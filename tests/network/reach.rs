//! 46: a server that cannot be reached, or something else that answers in its place.

use crate::line::{Line, claimed, hurry};
use crate::proxy::{OnRequest, Proxy, stranger};
use crate::support::{Place, done};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

/// Syncs to an address under an environment; it must fail, say so, and call nothing pushed.
fn fails(address: &str, environment: &[(&str, &str)]) -> String {
    let place = Place::new();
    place.run("r", 3);
    let mut command = place.command(&["sync", address, "--json"]);
    hurry(&mut command).env("DANLU_API_KEY", "dk_secret").envs(environment.iter().copied());
    let done = done(command.output().unwrap(), &place);
    assert_eq!(done.code, 1, "{}{}", done.stdout, done.stderr);
    assert_eq!(claimed(&done.stdout), Vec::<String>::new());
    assert!(!done.stderr.contains("dk_secret") && !done.stdout.contains("dk_secret"), "{}", done.stderr);
    // What was queued is still there for a remote that works.
    assert_eq!(place.danlu(&["sync", "./usb"]).code, 0);
    format!("{}{}", done.stdout, done.stderr)
}

fn says(said: &str, what: &str) {
    assert!(said.contains(what), "{said}");
}

/// 46: nobody listens.
#[test]
fn f46_a_refused_connection_leaves_the_run_queued() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let done = fails(&format!("http://{port}"), &[]);
    says(&done, "Cannot reach");
    says(&done, "refused");
}

/// 46: the machine takes connections, and nothing there answers: that is found out with the first question.
#[test]
fn f46_a_server_that_never_says_a_word_is_called_so() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", silent.local_addr().unwrap());
    // As long as somebody says, and else half a minute: no other question is as small.
    for (seconds, environment) in [("2", &[("DANLU_TIMEOUT", "2")][..]), ("30", &[])] {
        let said = fails(&address, environment);
        says(&said, &format!("`{address}` takes connections, but did not answer within {seconds} s"));
        says(&said, "DANLU_TIMEOUT");
    }
}

/// 46: there is no such name.
#[test]
fn f46_a_name_that_does_not_resolve_leaves_the_run_queued() {
    let done = fails("http://danlu.invalid", &[]);
    says(&done, "Cannot reach `http://danlu.invalid`");
}

/// 46: the other side speaks no TLS, or has a certificate that nobody signed.
#[test]
fn f46_tls_that_fails_leaves_the_run_queued() {
    let plain = Line::new();
    says(&fails(&plain.server.url.replace("http:", "https:"), &[]), "is its address http://");
    let certified = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    rustls::crypto::ring::default_provider().install_default().ok();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der());
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key.into())
        .unwrap();
    let (listener, config) = (TcpListener::bind("127.0.0.1:0").unwrap(), Arc::new(config));
    let address = format!("https://{}", listener.local_addr().unwrap());
    let served = std::thread::spawn(move || {
        let (tcp, _) = listener.accept().unwrap();
        let connection = rustls::ServerConnection::new(config).unwrap();
        let mut read = String::new();
        rustls::StreamOwned::new(connection, tcp).read_to_string(&mut read).ok();
        read
    });
    says(&fails(&address, &[]), "SSL_CERT_FILE");
    assert_eq!(served.join().unwrap(), "", "the key was shown to a stranger");
}

/// 46: a proxy wants to know who asks.
#[test]
fn f46_a_proxy_that_demands_auth_is_not_taken_for_the_server() {
    let proxy = Proxy::before("127.0.0.1:1");
    proxy.set(OnRequest(|_: &_| {
        stranger("407 Proxy Authentication Required", "proxy-authenticate: Basic\r\n", "who are you?")
    }));
    let done = fails("http://danlu.invalid", &[("HTTP_PROXY", &proxy.url())]);
    says(&done, "407");
    assert!(proxy.seen().iter().all(|request| request.path.starts_with("http://danlu.invalid/")));
}

/// 46: a captive portal answers everything, as portals do.
#[test]
fn f46_a_captive_portal_is_not_taken_for_the_server() {
    for (status, headers, body) in [
        ("200 OK", "content-type: text/html\r\n", "<html>Welcome to the hotel</html>"),
        ("200 OK", "content-type: application/json\r\n", "[]"),
        ("200 OK", "content-type: application/json\r\n", r#"{"id":"00000000000000000000000000000000"}"#),
        ("204 No Content", "", ""),
        ("302 Found", "location: http://portal.invalid/login\r\n", ""),
        ("401 Unauthorized", "content-type: text/html\r\n", "pay first"),
        ("404 Not Found", "content-type: text/html\r\n", "no such page"),
    ] {
        let line = Line::new();
        let place = line.place(&["r"]);
        let done = line.fails_then_completes(&place, OnRequest(move |_: &_| stranger(status, headers, body)));
        says(&done, "is no danlu server");
    }
}

/// 46: what comes in the middle of a push counts as little as what comes at its beginning.
#[test]
fn f46_a_portal_that_appears_in_the_middle_of_a_push_proves_nothing() {
    let line = Line::new();
    let place = line.place(&["r"]);
    for part in ["put", "commit"] {
        let done = line.fails_then_completes(
            &place,
            OnRequest(move |request: &crate::proxy::Request| {
                if part == "put" && request.is_put() || request.is_commit() {
                    stranger("200 OK", "content-type: text/html\r\n", "<html>Time is up</html>")
                } else {
                    crate::proxy::Way::Clear
                }
            }),
        );
        says(&done, "is no danlu server");
        std::fs::remove_file(place.join("wandb/sync.sqlite")).ok();
        std::fs::remove_dir_all(place.join("wandb")).unwrap();
        place.run("again", 3);
    }
}

/// 46: an address that nothing can be behind is named before anything is sent.
#[test]
fn f46_an_address_with_garbage_behind_it_is_no_server() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in listener.incoming().map(Result::unwrap) {
            (&connection).write_all(b"SSH-2.0-OpenSSH_9.2p1\r\n").ok();
            std::io::copy(&mut (&connection).take(1), &mut std::io::sink()).ok();
        }
    });
    says(&fails(&address, &[]), "Cannot reach");
}

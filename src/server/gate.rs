//! Who is let in to the door: the right name of the server, not too often, and no page of somebody else.

use super::App;
use super::answer::Refusal;
use super::auth::COOKIE;
use super::rates::too_many;
use crate::model::{Error, ErrorKind};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Refuses requests for another host, which a page in a browser can make by DNS rebinding; too many from one address; and
/// changes that the page of somebody else asks for.
pub(super) async fn let_in(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    if let Err(wait) = app.rates.address(peer.ip()) {
        app.metrics.limited.inc();
        return Err(Refusal::with(StatusCode::TOO_MANY_REQUESTS, too_many(wait)));
    }
    let host = request.uri().authority().map(|authority| authority.as_str().to_owned());
    let host = host.or_else(|| text(request.headers(), header::HOST));
    // Of two hosts, a proxy may have looked at the other one.
    let one = request.headers().get_all(header::HOST).iter().count() <= 1;
    let known = one && host.as_deref().is_some_and(|host| app.hosts.knows(host));
    if !known {
        let message = format!("This server is not `{}`", host.unwrap_or_default().escape_debug());
        let error = Error::usage(message).with_hint("`danlu serve --host NAME` lets it answer under a name");
        return Err(Refusal::with(StatusCode::MISDIRECTED_REQUEST, error));
    }
    if !request.method().is_safe() {
        check_origin(request.headers(), host.as_deref().unwrap_or_default())?;
    }
    Ok(next.run(request).await)
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// A page of somebody else can make a browser send our cookie along, but not hide where it comes from.
fn check_origin(headers: &HeaderMap, host: &str) -> Result<(), Refusal> {
    let forbidden = |why: &str| Err(Refusal::from(Error::new(ErrorKind::Forbidden, why)));
    match text(headers, header::ORIGIN) {
        Some(origin) => {
            let from = origin.split_once("://").map_or("", |(_, from)| from);
            if from.eq_ignore_ascii_case(host) {
                Ok(())
            } else {
                forbidden("The request comes from another page")
            }
        }
        None => {
            let by_cookie = !headers.contains_key(header::AUTHORIZATION)
                && headers.get_all(header::COOKIE).iter().any(|cookie| {
                    cookie.as_bytes().windows(COOKIE.len()).any(|part| part == COOKIE.as_bytes())
                });
            let elsewhere = text(headers, header::HeaderName::from_static("sec-fetch-site"))
                .is_some_and(|site| site != "same-origin" && site != "none");
            if by_cookie || elsewhere {
                return forbidden(
                    "A request with the page's cookie has to say where it comes from (`Origin`)",
                );
            }
            Ok(())
        }
    }
}

/// The names under which the server answers.
pub(super) struct Hosts {
    names: Vec<String>,
    any: bool,
}

impl Hosts {
    /// Takes the names that were given, and adds those that can only mean this machine.
    pub(super) fn new(given: &[String], listen: SocketAddr) -> Self {
        let mut names: Vec<String> = given.iter().map(|name| plain(name)).collect();
        names.push("localhost".to_owned());
        if !listen.ip().is_unspecified() {
            names.push(listen.ip().to_string());
        }
        Self { names, any: given.iter().any(|name| name == "*") }
    }

    /// Says whether a `Host` header means this server. The port does not matter: a proxy may have another one.
    fn knows(&self, host: &str) -> bool {
        let name = plain(without_port(host));
        let address: Option<IpAddr> = name.trim_matches(['[', ']']).parse().ok();
        self.any
            || address
                .is_some_and(|address| address.is_loopback() || self.names.contains(&address.to_string()))
            || self.names.contains(&name)
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port))
            if port.bytes().all(|b| b.is_ascii_digit()) && (!name.contains(':') || name.ends_with(']')) =>
        {
            name
        }
        _ => host,
    }
}

fn plain(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).trim_matches(['[', ']']).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_server_are_known() {
        let hosts =
            Hosts::new(&["Runs.example.org".to_owned(), "10.0.0.5".to_owned()], ([0, 0, 0, 0], 80).into());
        for good in [
            "localhost",
            "localhost:80",
            "LOCALHOST.",
            "127.0.0.1:8080",
            "127.9.9.9",
            "[::1]:80",
            "[::1]",
            "10.0.0.5:1",
            "runs.example.org",
            "RUNS.EXAMPLE.ORG.:443",
        ] {
            assert!(hosts.knows(good), "{good}");
        }
        for bad in [
            "",
            "evil.example",
            "runs.example.org.evil.example",
            "0.0.0.0",
            "10.0.0.6",
            "localhost:x",
            "localhost@evil.example",
            "127.0.0.1.evil.example",
            "[::2]",
            ":80",
            "::1:80x",
        ] {
            assert!(!hosts.knows(bad), "{bad}");
        }
        assert!(Hosts::new(&["*".to_owned()], ([0, 0, 0, 0], 80).into()).knows("whatever"));
    }
}

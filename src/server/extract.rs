//! What handlers take out of requests, with refusals in the form of all errors.

use super::answer::Refusal;
use crate::model::{Error, ErrorKind, Result, limits};
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use std::fmt::Display;

/// A JSON body.
pub(super) struct Json<T>(pub(super) T);

/// The parameters behind the question mark.
pub(super) struct Query<T>(pub(super) T);

/// The parameters of the path.
pub(super) struct Path<T>(pub(super) T);

/// Refuses with a status that no kind of error has.
fn refuse(status: StatusCode, why: impl Display, hint: Option<&str>) -> Refusal {
    let error = Error::usage(why.to_string());
    Refusal::with(
        status,
        match hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        },
    )
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> std::result::Result<Self, Refusal> {
        check_is_json(request.headers())?;
        let body = Bytes::from_request(request, state).await.map_err(|e| {
            let status = e.status();
            refuse(status, format!("Cannot read the body: {}", e.body_text()), None)
        })?;
        read_json(&body).map(Self)
    }
}

/// Checks that a body is said to be JSON: a form of another page cannot say that.
pub(super) fn check_is_json(headers: &HeaderMap) -> std::result::Result<(), Refusal> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let why = "The body has to be JSON, and its content type does not say so";
    let hint = "send it with `content-type: application/json`";
    Err(refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, why, Some(hint)))
}

/// Reads a body that is JSON.
pub(super) fn read_json<T: DeserializeOwned>(body: &[u8]) -> std::result::Result<T, Refusal> {
    if nested_too_deep(body) {
        let why = format!("The JSON is nested more than {} levels deep", limits::VALUE_DEPTH);
        return Err(refuse(StatusCode::BAD_REQUEST, why, None));
    }
    serde_json::from_slice(body).map_err(|e| {
        let status = if e.is_data() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::BAD_REQUEST };
        refuse(status, format!("The JSON is not what is expected here: {e}"), Some(DESCRIBED))
    })
}

const DESCRIBED: &str = "`/api/v1/openapi.json` describes it";

/// Says whether arrays and objects are nested deeper than values may be, before anything is made of them.
fn nested_too_deep(json: &[u8]) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > limits::VALUE_DEPTH {
            return true;
        }
    }
    false
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> std::result::Result<Self, Refusal> {
        let query = axum::extract::Query::<T>::from_request_parts(parts, state).await;
        query.map(|axum::extract::Query(value)| Self(value)).map_err(|e| {
            refuse(
                e.status(),
                format!("The parameters are not what is expected here: {}", said(&e)),
                Some(DESCRIBED),
            )
        })
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> std::result::Result<Self, Refusal> {
        let path = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        path.map(|axum::extract::Path(value)| Self(value))
            .map_err(|e| refuse(e.status(), format!("The address cannot be: {}", e.body_text()), None))
    }
}

/// The innermost cause, which says what is wrong.
fn said(error: &(dyn std::error::Error + 'static)) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

/// Takes a list of names with commas between them. A backslash stands before a comma or backslash that is part of a name.
pub(super) fn names(list: &str) -> Vec<String> {
    let (mut names, mut name) = (Vec::new(), String::new());
    let mut rest = list.chars();
    while let Some(c) = rest.next() {
        match c {
            ',' => names.push(std::mem::take(&mut name)),
            '\\' => name.extend(rest.next()),
            c => name.push(c),
        }
    }
    names.push(name);
    names.retain(|name| !name.is_empty());
    names
}

/// Checks a number against the most that there may be.
pub(super) fn at_most(what: &str, number: usize, most: usize) -> Result<()> {
    if number <= most {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Limit, format!("{number} {what} are too many: at most {most} can be")))
}

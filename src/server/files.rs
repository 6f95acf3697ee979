//! The files of a run.

use super::App;
use super::answer::{Answer, blocking, run_blocking};
use super::auth::Asker;
use super::catalogue::Scope;
use super::described::Errors;
use super::extract::Path;
use super::media::Media;
use super::stream::{Range, pieces};
use crate::model::{Error, ErrorKind};
use crate::query::{self, FileInfo};
use crate::remote::Object;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// What a browser may do with a file that it shows: nothing but show it.
const POLICY: &str =
    "sandbox; default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'";

/// Lists the newest version of each file.
#[utoipa::path(get, path = "/runs/{key}/files", tag = "files", params(super::described::RunKey),
    responses((status = 200, body = Vec<FileInfo>), Errors))]
pub(super) async fn files(
    State(app): State<Arc<App>>,
    who: Asker,
    Path(key): Path<String>,
) -> Answer<Json<Vec<FileInfo>>> {
    blocking(move || query::newest_files(&app.open_run(&app.target(&who, &key, Scope::Read)?)?)).await
}

/// Reads the newest version of a file, or a part of it.
///
/// Pictures, sounds, videos, JSON, CSV and plain text have their own content type; everything else is to be saved. The ETag is the
/// SHA-256 of the content.
#[utoipa::path(get, path = "/runs/{key}/files/{path}", tag = "files",
    params(super::described::RunKey, ("path" = String, Path, description = "The path of the file, with its `/` as they are"),
        ("range" = Option<String>, Header, description = "One range of bytes, also of the last ones"),
        ("if-none-match" = Option<String>, Header, description = "ETags that are known")),
    responses((status = 200, description = "The file", body = [u8], content_type = "application/octet-stream"),
        (status = 206, description = "The part of the file"), (status = 304, description = "The content is known"),
        (status = 416, description = "The range lies behind the end", body = super::described::Refused), Errors))]
pub(super) async fn file(
    State(app): State<Arc<App>>,
    who: Asker,
    method: Method,
    Path((key, path)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer<Response> {
    let shared = Arc::clone(&app);
    let found = run_blocking(move || {
        let run = shared.open_run(&shared.target(&who, &key, Scope::Read)?)?;
        let found = query::newest_file(&run, &path)?.ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("The run has no file `{}`", path.escape_debug()))
        })?;
        let object = Object::Blob(found.sha256);
        match shared.catalogue.size_for(&who, object)? {
            Some(_) => Ok(found),
            None => Err(shared.why_not(&who, object)?),
        }
    })
    .await?;
    let etag = format!("\"{}\"", found.sha256);
    let media = Media::of(&found.path);
    let common = [
        (header::ETAG, etag.clone()),
        (header::CACHE_CONTROL, "private, no-cache".to_owned()),
        (header::CONTENT_SECURITY_POLICY, POLICY.to_owned()),
    ];
    if is_known(&headers, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, common).into_response());
    }
    let range = if is_other(&headers, &etag) { Range::Whole } else { Range::of(&headers) };
    let whole_of = Object::Blob(found.sha256);
    let mut answer = match range.within(found.size) {
        Some((from, length)) if method != Method::HEAD => {
            let bytes = run_blocking(move || app.objects.get(whole_of, from)).await?;
            range.answer(found.size, |_, _| pieces(bytes, length))
        }
        _ => range.answer(found.size, |_, _| Body::empty()),
    };
    if answer.status().is_success() {
        let mut put =
            |name, value: String| value.parse().map(|value| answer.headers_mut().insert(name, value)).ok();
        put(header::CONTENT_TYPE, media.kind.clone());
        put(header::CONTENT_DISPOSITION, media.disposition(&found.path));
        put(header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin".to_owned());
        common.into_iter().for_each(|(name, value)| {
            put(name, value);
        });
    }
    Ok(answer)
}

/// Says whether the client has a part of another content, so that it needs all of this one.
fn is_other(headers: &HeaderMap, etag: &str) -> bool {
    let known = headers.get(header::IF_RANGE).and_then(|known| known.to_str().ok());
    known.is_some_and(|known| known.trim() != etag)
}

/// Says whether the client has this content already.
fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = known.flat_map(|list| list.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

//! Objects on their way out, whole or from some byte on.

use super::App;
use super::answer::{Answer, Refusal, run_blocking};
use crate::model::{Error, ErrorKind};
use crate::remote::Object;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::io::Read;
use std::sync::Arc;

/// Bytes that are read at once, and how many such pieces wait for the client.
const PIECE: usize = 1 << 18;
const WAITING: usize = 2;

/// The bytes that are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Range {
    /// All of them.
    Whole,
    /// From one on, to another (which is one of them) or the end.
    From(u64, Option<u64>),
    /// So many at the end.
    Last(u64),
}

impl Range {
    /// Reads the header. What is not understood means all, as the standard has it.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let text = headers.get(header::RANGE).and_then(|range| range.to_str().ok()?.strip_prefix("bytes="));
        let Some((from, to)) = text.filter(|text| !text.contains(',')).and_then(|text| text.split_once('-'))
        else {
            return Self::Whole;
        };
        match (from.trim().parse(), to.trim()) {
            (Ok(from), "") => Self::From(from, None),
            (Ok(from), to) => to.parse().map_or(Self::Whole, |to| Self::From(from, Some(to))),
            (Err(_), to) if from.trim().is_empty() => to.parse().map_or(Self::Whole, Self::Last),
            _ => Self::Whole,
        }
    }

    /// Returns the first byte and how many, of so many in all; `None` if there are no such.
    pub(super) fn within(self, size: u64) -> Option<(u64, u64)> {
        match self {
            Self::Whole => Some((0, size)),
            Self::From(from, to) if from < size => {
                let end = to.map_or(size, |to| to.saturating_add(1).min(size));
                (end > from).then(|| (from, end - from))
            }
            Self::Last(count) if count > 0 && size > 0 => Some((size - count.min(size), count.min(size))),
            _ => None,
        }
    }

    /// Answers with these bytes of so many.
    pub(super) fn answer(self, size: u64, body: impl FnOnce(u64, u64) -> Body) -> Response {
        let Some((from, length)) = self.within(size) else {
            let range = [(header::CONTENT_RANGE, format!("bytes */{size}"))];
            let error = Error::usage(format!("There are {size} bytes, and others were asked for"));
            return (range, Refusal::with(StatusCode::RANGE_NOT_SATISFIABLE, error)).into_response();
        };
        let body = body(from, length);
        let common = [
            (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
            (header::ACCEPT_RANGES, "bytes".to_owned()),
            (header::CONTENT_LENGTH, length.to_string()),
        ];
        if self == Self::Whole {
            return (common, body).into_response();
        }
        let range = (header::CONTENT_RANGE, format!("bytes {from}-{}/{size}", from + length - 1));
        (StatusCode::PARTIAL_CONTENT, common, [range], body).into_response()
    }
}

/// Streams a blob of known length.
pub(super) async fn blob(app: Arc<App>, blob: Object, size: u64, range: Range) -> Answer<Response> {
    let (from, _) = range.within(size).unwrap_or((0, 0));
    let bytes = run_blocking(move || app.objects.get(blob, from)).await?;
    Ok(range.answer(size, |_, length| pieces(bytes, length)))
}

/// Returns a segment, which is small.
pub(super) async fn segment(app: Arc<App>, segment: Object, range: Range) -> Answer<Response> {
    let bytes = run_blocking(move || {
        let mut bytes = Vec::new();
        let most = crate::model::limits::SEGMENT_BYTES as u64;
        let read = app.objects.get(segment, 0)?.take(most).read_to_end(&mut bytes);
        read.map_err(|e| Error::new(ErrorKind::Io, format!("Cannot read {segment}")).with_source(e))?;
        Ok(Bytes::from(bytes))
    })
    .await?;
    let size = bytes.len() as u64;
    let cut = |from: u64, length: u64| {
        let at = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).min(bytes.len());
        Body::from(bytes.slice(at(from)..at(from + length)))
    };
    Ok(range.answer(size, cut))
}

/// Reads on a thread where it may wait, a little ahead of the client.
pub(super) fn pieces(bytes: Box<dyn Read + Send>, length: u64) -> Body {
    let (sender, receiver) = tokio::sync::mpsc::channel::<std::io::Result<Bytes>>(WAITING);
    tokio::task::spawn_blocking(move || {
        let mut left = bytes.take(length);
        loop {
            let mut piece = Vec::with_capacity(PIECE);
            let read = left.by_ref().take(PIECE as u64).read_to_end(&mut piece);
            let last = read.as_ref().map_or(true, |read| *read == 0);
            let piece = read.map(|_| Bytes::from(piece));
            // Whoever does not listen any more needs no more.
            if piece.as_ref().is_ok_and(Bytes::is_empty) || sender.blocking_send(piece).is_err() || last {
                return;
            }
        }
    });
    Body::from_stream(futures_util::stream::unfold(receiver, |mut receiver| async move {
        Some((receiver.recv().await?, receiver))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_and_cut() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, text.parse().unwrap());
            Range::of(&headers)
        };
        assert_eq!(Range::of(&HeaderMap::new()), Range::Whole);
        for (text, within) in [
            ("bytes=0-", Some((0, 10))),
            ("bytes=3-", Some((3, 7))),
            ("bytes=3-4", Some((3, 2))),
            ("bytes=3-99999999999999999999", Some((0, 10))),
            ("bytes=3-18446744073709551615", Some((3, 7))),
            ("bytes=-4", Some((6, 4))),
            ("bytes=-40", Some((0, 10))),
            ("bytes=10-", None),
            ("bytes=4-3", None),
            ("bytes=-0", None),
            ("bytes=0-1,3-4", Some((0, 10))),
            ("lines=1-2", Some((0, 10))),
            ("bytes=x-2", Some((0, 10))),
        ] {
            assert_eq!(of(text).within(10), within, "{text}");
        }
    }
}

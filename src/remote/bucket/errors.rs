//! What a bucket says, in the words and the kinds of this crate.

use super::Bucket;
use crate::model::{Error, ErrorKind};
use std::error::Error as StdError;

/// Turns an error of the store into one that says what was being done.
pub(super) trait Said {
    fn said(&self, action: &str, error: object_store::Error) -> Error;
}

impl Said for Bucket {
    fn said(&self, action: &str, error: object_store::Error) -> Error {
        let message = format!("Cannot {action} `{}`", self.name);
        let (kind, hint) = kind_of(&error);
        if is_no_bucket(&error) {
            return Error::new(ErrorKind::NotFound, format!("{message}: there is no such bucket"))
                .with_hint("make the bucket, or check its name, region and endpoint");
        }
        let error = Error::new(kind, message).with_source(Plain::of(&error));
        match hint.or(self.hint.filter(|_| kind == ErrorKind::Unreachable)) {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }
}

fn kind_of(error: &object_store::Error) -> (ErrorKind, Option<&'static str>) {
    use object_store::Error as E;
    match error {
        E::NotFound { .. } => (ErrorKind::NotFound, None),
        E::PermissionDenied { .. } | E::Unauthenticated { .. } => (
            ErrorKind::Denied,
            Some("check the keys in the environment, and what they may do with the bucket"),
        ),
        E::AlreadyExists { .. } | E::Precondition { .. } => (ErrorKind::Busy, None),
        E::NotSupported { .. } | E::NotImplemented { .. } | E::InvalidPath { .. } => (ErrorKind::Usage, None),
        E::UnknownConfigurationKey { .. } => (ErrorKind::Usage, None),
        _ => match status_of(error) {
            Some(429 | 408) => (ErrorKind::Unreachable, None),
            Some(300..500) => {
                (ErrorKind::Usage, Some("check the region, the endpoint and the keys of the bucket"))
            }
            _ => (ErrorKind::Unreachable, None),
        },
    }
}

/// Says whether an error is that the bucket itself does not exist.
pub(super) fn is_no_bucket(error: &object_store::Error) -> bool {
    let text = chain(error);
    ["NoSuchBucket", "ContainerNotFound", "bucket does not exist"].iter().any(|said| text.contains(said))
}

/// Finds the status of the answer that an error tells of. The store keeps it in the text only.
fn status_of(error: &object_store::Error) -> Option<u16> {
    let text = chain(error);
    if text.contains("redirect without LOCATION") {
        return Some(301);
    }
    let (_, after) = text.split_once("status code: ")?;
    after.get(..3)?.parse().ok()
}

fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push('\n');
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// The innermost cause in one line: the layers above it say the same again, with addresses and counts of retries.
#[derive(Debug)]
struct Plain(String);

impl Plain {
    fn of(error: &object_store::Error) -> Self {
        let text = chain(error);
        let innermost = text.lines().last().unwrap_or_default();
        let told = tag(&text, "Message").or_else(|| tag(&text, "Code"));
        match (status_of(error), told) {
            (Some(status), Some(told)) => Self(format!("it answers {status}: {told}")),
            (Some(status), None) => Self(format!("it answers {status}")),
            (None, _) => Self(innermost.to_owned()),
        }
    }
}

/// Returns what is between the tags of this name in an answer of S3 or Azure.
fn tag<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = text.split_once(&format!("<{name}>"))?;
    after.split_once(&format!("</{name}>")).map(|(told, _)| told)
}

impl std::fmt::Display for Plain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Plain {}

//! A remote at the other end of a pipe: what `danlu remote-stdio` answers, and how it is asked.
//!
//! A frame is a header in JSON and bytes, each after its length in four bytes, little endian. Each request has one answer, and
//! the next follows it. `docs/remotes.md` describes them.

use super::{Manifest, Object, PART_BYTES, Receipt, Remote, SizedHash};
use crate::model::{Error, ErrorKind, Hash, Result, limits};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{Read, Write};

/// What the other end says first, on a line of its own: shells may have said something before.
pub(super) const GREETING: &str = "danlu remote-stdio 1";

/// Most bytes of a header, and of what follows it.
const FRAME_BYTES: usize = limits::SEGMENT_BYTES;

/// A request.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Request {
    Identity,
    Missing(Vec<Object>),
    /// The objects with their lengths; their bytes follow one after the other.
    PutAll(Vec<(Object, u64)>),
    Held(SizedHash),
    PutPart(SizedHash, u64),
    /// Up to [`PART_BYTES`] of an object from an offset on.
    Get(Object, u64),
    /// The manifests follow, as a JSON array.
    Commit,
    Manifest(Hash),
    Runs(Option<Hash>),
    RemoveRun(Hash),
    Remove(Vec<Object>),
}

/// An error on its way through the pipe.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Failure {
    kind: ErrorKind,
    error: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    full: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    silence: bool,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            kind: error.kind(),
            error: error.to_string(),
            hint: error.hint().map(str::to_owned),
            full: error.is_out_of_room(),
            silence: error.is_silence(),
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let error = Self::new(failure.kind, failure.error);
        let error = if failure.full { error.for_want_of_room() } else { error };
        let error = if failure.silence { error.after_silence() } else { error };
        failure.hint.into_iter().fold(error, Self::with_hint)
    }
}

/// Writes a frame.
pub(super) fn send(to: &mut dyn Write, header: &impl Serialize, body: &[u8]) -> Result<()> {
    let header = serde_json::to_vec(header).map_err(|e| Error::damaged("Cannot make JSON").with_source(e))?;
    let length = |bytes: &[u8]| match u32::try_from(bytes.len()) {
        Ok(length) if bytes.len() <= FRAME_BYTES => Ok(length.to_le_bytes()),
        _ => Err(Error::new(ErrorKind::Limit, "A request or an answer is too large")),
    };
    let (of_header, of_body) = (length(&header)?, length(body)?);
    let mut write = || {
        to.write_all(&of_header)?;
        to.write_all(&header)?;
        to.write_all(&of_body)?;
        to.write_all(body)?;
        to.flush()
    };
    write().map_err(|e| Error::new(ErrorKind::Unreachable, "The other end has gone away").with_source(e))
}

/// Reads a frame. `None` at an end between two of them.
pub(super) fn receive<T: DeserializeOwned>(from: &mut dyn Read) -> Result<Option<(T, Vec<u8>)>> {
    let broke_off =
        |e: std::io::Error| Error::new(ErrorKind::Unreachable, "The other end has gone away").with_source(e);
    let mut length = [0; 4];
    let mut read = 0;
    while read < 4 {
        match from.read(&mut length[read..]) {
            Ok(0) if read == 0 => return Ok(None),
            Ok(0) => return Err(broke_off(std::io::ErrorKind::UnexpectedEof.into())),
            Ok(more) => read += more,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(broke_off(e)),
        }
    }
    let mut take = |length: [u8; 4]| {
        let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
        if length > FRAME_BYTES {
            return Err(Error::new(ErrorKind::Unreachable, "The other end does not speak as danlu does"));
        }
        let mut bytes = vec![0; length];
        from.read_exact(&mut bytes).map_err(broke_off).map(|()| bytes)
    };
    let header = take(length)?;
    let length = take(4u32.to_le_bytes())?;
    let body = take(length.try_into().unwrap_or_default())?;
    let header = serde_json::from_slice(&header).map_err(|e| {
        Error::new(ErrorKind::Unreachable, "The other end does not speak as danlu does").with_source(e)
    })?;
    Ok(Some((header, body)))
}

/// Answers the requests about a remote that come in, until nobody asks any more. If the remote could not be opened, that is
/// the answer to each.
///
/// # Errors
/// Who asks has gone away in the middle of something, or does not speak as danlu does.
pub fn serve(remote: &Result<Box<dyn Remote>>, from: &mut dyn Read, to: &mut dyn Write) -> Result<()> {
    let greeted = to.write_all(format!("{GREETING}\n").as_bytes()).and_then(|()| to.flush());
    greeted.map_err(|e| Error::new(ErrorKind::Unreachable, "The other end has gone away").with_source(e))?;
    while let Some((request, body)) = receive::<Request>(from)? {
        let answered = match remote {
            Ok(remote) => answer(&**remote, request, body),
            Err(e) => Err(Error::new(e.kind(), e.to_string()).with_hint(e.hint().unwrap_or_default())),
        };
        match answered {
            Ok((header, body)) => send(to, &Ok::<_, Failure>(header), &body)?,
            Err(e) => send(to, &Err::<(), _>(Failure::from(e)), &[])?,
        }
    }
    Ok(())
}

/// What an answer says, in JSON, and its bytes.
type Answer = (serde_json::Value, Vec<u8>);

fn answer(remote: &dyn Remote, request: Request, body: Vec<u8>) -> Result<Answer> {
    fn json(value: &impl Serialize) -> Result<Answer> {
        let value =
            serde_json::to_value(value).map_err(|e| Error::damaged("Cannot make JSON").with_source(e))?;
        Ok((value, Vec::new()))
    }
    match request {
        Request::Identity => json(&remote.identity()?),
        Request::Missing(objects) => json(&remote.missing(&objects)?),
        Request::PutAll(objects) => json(&remote.put_all(split(objects, &body)?)?),
        Request::Held(blob) => json(&remote.held(blob)?),
        Request::PutPart(blob, offset) => json(&remote.put_part(blob, offset, body.into())?),
        Request::Get(object, offset) => {
            let mut bytes = Vec::new();
            let mut part = remote.get(object, offset)?.take(PART_BYTES);
            part.read_to_end(&mut bytes)
                .map_err(|e| Error::new(ErrorKind::Io, format!("Cannot read {object}")).with_source(e))?;
            Ok((serde_json::Value::Null, bytes))
        }
        Request::Commit => json(&commit(remote, &body)?),
        Request::Manifest(key) => match remote.manifest_of(key)? {
            Some(manifest) => Ok((serde_json::Value::Bool(true), manifest.to_json()?)),
            None => Ok((serde_json::Value::Bool(false), Vec::new())),
        },
        Request::Runs(after) => json(&remote.runs(after)?),
        Request::RemoveRun(key) => json(&remote.remove_run(key)?),
        Request::Remove(objects) => json(&remote.remove(&objects)?),
    }
}

/// Cuts bytes into those of the objects.
fn split(objects: Vec<(Object, u64)>, mut body: &[u8]) -> Result<Vec<(Object, Vec<u8>)>> {
    let mut split = Vec::with_capacity(objects.len());
    for (object, length) in objects {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let (bytes, rest) = body
            .split_at_checked(length)
            .ok_or_else(|| Error::usage(format!("{object} has fewer bytes than it says")))?;
        split.push((object, bytes.to_vec()));
        body = rest;
    }
    Ok(split)
}

/// How a commit went.
pub(super) type Committed = std::result::Result<Receipt, Failure>;

fn commit(remote: &dyn Remote, body: &[u8]) -> Result<Vec<Committed>> {
    let manifests: Vec<Manifest> =
        serde_json::from_slice(body).map_err(|e| Error::usage("Cannot read the manifests").with_source(e))?;
    let checked: Vec<Manifest> =
        manifests.iter().map(|manifest| Manifest::parse(&manifest.to_json()?)).collect::<Result<_>>()?;
    Ok(remote.commit_all(&checked)?.into_iter().map(|done| done.map_err(Failure::from)).collect())
}

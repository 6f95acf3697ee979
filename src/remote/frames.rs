//! Many small objects in one body: kind, hash, length, bytes; and so on.

use super::Object;
use crate::model::{Error, ErrorKind, Hash, Result, limits};
use std::io::Read;

/// What is stored at once.
const BYTES_AT_ONCE: usize = 4 << 20;
const FRAMES_AT_ONCE: usize = 1024;

/// Kind, hash and length.
const HEAD: usize = 1 + 32 + 4;

/// Appends an object to the body of a request with many.
///
/// # Errors
/// [`ErrorKind::Limit`] if its length does not fit into a frame.
pub fn write_frame(body: &mut Vec<u8>, object: Object, bytes: &[u8]) -> Result<()> {
    let length = u32::try_from(bytes.len())
        .map_err(|e| Error::new(ErrorKind::Limit, format!("{object} is too large")).with_source(e))?;
    body.push(u8::from(matches!(object, Object::Blob(_))));
    body.extend(object.hash().0);
    body.extend(length.to_le_bytes());
    body.extend(bytes);
    Ok(())
}

/// Reads frames to the end, and hands them on in groups.
///
/// # Errors
/// The body breaks off, or is none of frames; or what `put` returns. Groups before that are stored.
pub fn read_frames(body: &mut impl Read, put: impl Fn(Vec<(Object, Vec<u8>)>) -> Result<()>) -> Result<()> {
    let (mut group, mut bytes) = (Vec::new(), 0);
    while let Some((object, content)) = next(body)? {
        bytes += content.len();
        group.push((object, content));
        if bytes >= BYTES_AT_ONCE || group.len() >= FRAMES_AT_ONCE {
            put(std::mem::take(&mut group))?;
            bytes = 0;
        }
    }
    if group.is_empty() { Ok(()) } else { put(group) }
}

fn next(body: &mut impl Read) -> Result<Option<(Object, Vec<u8>)>> {
    let mut head = [0; HEAD];
    let broken = |e: std::io::Error| Error::usage("The body breaks off").with_source(e);
    let mut at = 0;
    while at < HEAD {
        match body.read(&mut head[at..]) {
            Ok(0) if at == 0 => return Ok(None),
            Ok(0) => return Err(broken(std::io::ErrorKind::UnexpectedEof.into())),
            Ok(n) => at += n,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(broken(e)),
        }
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(&head[1..33]);
    let object = match head[0] {
        0 => Object::Segment(Hash(hash)),
        1 => Object::Blob(Hash(hash)),
        kind => return Err(Error::usage(format!("There is no object of kind {kind}"))),
    };
    let length = u32::from_le_bytes([head[33], head[34], head[35], head[36]]);
    if length as usize > limits::SEGMENT_BYTES {
        let message = format!("The {object} has {length} bytes: it is to be sent by itself");
        return Err(Error::new(ErrorKind::Limit, message));
    }
    // It grows with what comes: a length alone takes no memory.
    let mut content = Vec::new();
    let read = body.take(length.into()).read_to_end(&mut content).map_err(broken)?;
    if read < length as usize {
        return Err(broken(std::io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(Some((object, content)))
}

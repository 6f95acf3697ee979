//! What a run that is being written has after its last segment.

use super::records::{AttemptInfo, range, segments};
use super::segment::encode;
use crate::model::Result;
use rusqlite::Connection;

/// Encodes the records of an attempt after the last segment that was cut, as any segment. `None` if there are none.
///
/// The connection should be in a transaction if somebody writes the file: `info` and the records must be of one moment.
///
/// # Errors
/// The file is damaged.
pub fn tail_segment(connection: &Connection, info: &AttemptInfo) -> Result<Option<Vec<u8>>> {
    let cut = segments(connection, info.base)?;
    let (last, points) = cut.last().map_or((0, None), |segment| (segment.last, Some(segment.points)));
    if info.records <= last {
        return Ok(None);
    }
    let records = range(connection, info.base, last + 1, info.records, points, None)?;
    encode(info.attempt, last + 1, &records).map(Some)
}

//! The words that everything else is said in: identifiers, values, records, errors, limits. No input or output.

mod clock;
mod error;
mod ids;
pub mod limits;
mod plain;
mod record;
mod value;

pub use clock::{Clock, SystemClock, file_stamp, from_rfc3339, to_rfc3339};
pub use error::{Error, ErrorKind, Result};
pub use ids::{AttemptId, Hash, RunId, RunKey, check_file_name, check_project, full_name};
pub use plain::plain;
pub use record::{Event, EventKind, File, Origin, Record, Row, Setting, Start, named_before};
pub use value::Value;

//! What is on disk: the run file, the journal beside it while the run is written, and how one becomes the other.
//!
//! [`Stream::apply`] is the one function that turns records into rows, [`records`] its inverse. Nothing else
//! writes a run file, except [`put_blob`], which stores the bytes that file records refer to.

mod absent;
mod append;
mod apply;
mod around;
mod behind;
mod blob;
mod bulk;
mod byte_locks;
mod codec;
mod compact;
mod durable;
pub(crate) mod envelope;
mod file_kind;
mod file_system;
mod journal;
mod liveness;
mod lock;
mod names;
mod numbers;
mod on_disk;
mod open;
mod packing;
pub(crate) mod points;
mod private;
mod put_blob;
mod records;
mod recover;
mod remains;
mod replacing;
mod rescue;
mod run_file;
mod schema;
mod segment;
mod slots;
mod stand_in;
mod standing;
mod stranger;
mod tail_segment;
mod tally;
mod verify;
mod verify_journals;
mod wreck;

pub use absent::Absent;
pub use append::{Append, Appender};
pub use apply::{Stream, attempt_digest};
pub use behind::{Behind, take_over};
pub use blob::{Blob, BlobReader, blobs, has_blob, read_blob};
pub use byte_locks::BUSY_TIMEOUT;
pub(crate) use byte_locks::has_locks;
pub use compact::{compact, expand};
pub use durable::JournalSync;
pub use envelope::Bucket;
pub use file_kind::{check_is_file, name_of_kind};
pub use file_system::shared_file_system;
pub use journal::{Journal, JournalReader, Tail};
pub use liveness::{Liveness, liveness};
pub(crate) use lock::forks;
pub use names::{belongs_to_a_run, is_named_after, journals_of, stem_of_journal};
#[cfg(any(feature = "http", feature = "import"))]
pub(crate) use on_disk::sync_directory;
pub use open::open;
pub use packing::{check_packed, is_compacted, pack, unpack};
pub use private::empty;
pub use put_blob::{copy_blobs, may_have, put_blob, put_small, put_stream};
pub use records::{
    AttemptInfo, SegmentInfo, attempts, each_segment, first_start_of, records, segment_records, segments,
    start_of,
};
pub use recover::{apply_some, rebuild, recover, recover_from, recover_kept, seal_and_remove};
pub use remains::Loss;
pub use replacing::Replacing;
pub use rescue::{Rescued, rescue};
pub use run_file::{create, digest, open_packed, place, run_digest, run_key};
pub use segment::{decode as decode_segment, encode as encode_segment};
pub use stand_in::{begin, discard, put_in_place};
pub use standing::{
    Lost, config, counts_from, last_step, losses, metrics, next_step, settings_bytes, summary,
    summary_within, tags,
};
pub use stranger::{own_journals_of, stranger};
pub use tail_segment::tail_segment;
pub use tally::{Tallied, Tally, key_names, tally};
pub use verify::{Damage, LeftOut, Report, verify};

/// The name of the directory that holds runs, beside the training script.
pub const DIR_NAME: &str = "wandb";

/// The name of the link to the run that was started or gone on with last.
pub const LATEST: &str = "latest-run.sqlite";

/// Bits of a record's id that hold its sequence number; those above hold the number of its attempt.
const SEQ_BITS: u32 = 40;

//! Every bound of danlu, in one place, each with its reason.

/// Longest run id, in bytes: it is part of a file name, beside a time stamp and a suffix.
pub const RUN_ID_BYTES: usize = 128;

/// Longest project, entity, group, job type or display name, in bytes.
pub const NAME_BYTES: usize = 1024;

/// Longest name of a history, config or summary key, in bytes.
pub const KEY_BYTES: usize = 4096;

/// Longest name of a stored file, in bytes: what Linux accepts as a path.
pub const FILE_NAME_BYTES: usize = 4096;

/// Largest single value as JSON text, in bytes. Larger things are files: `save` has no such bound.
pub const VALUE_BYTES: usize = 16 << 20;

/// Most keys in one row.
pub const ROW_KEYS: usize = 1 << 20;

/// Deepest nesting of a value.
pub const VALUE_DEPTH: usize = 64;

/// Largest encoded record, in bytes: bounds what a reader of a damaged journal or a segment allocates.
pub const RECORD_BYTES: usize = 64 << 20;

/// Records in a full segment. See [`SEGMENT_WEIGHT`].
pub const SEGMENT_RECORDS: u64 = 8192;

/// Weight ([`super::Record::weight`]) at which a segment is full, whichever comes first: keeps a segment of
/// wide rows or long texts near this many bytes.
pub const SEGMENT_WEIGHT: u64 = 1 << 20;

/// Weight of the records applied at once: bounds the memory that it takes, and what a reader of the run file waits for.
pub const BATCH_WEIGHT: u64 = 4 << 20;

/// Largest segment that a reader accepts, uncompressed, in bytes: the last record may go over the weight.
pub const SEGMENT_BYTES: usize = RECORD_BYTES + (8 << 20);

/// Bytes of a blob in one row of the run file.
pub const CHUNK_BYTES: usize = 1 << 20;

/// Bytes of a blob written in one transaction, at most: readers and the background thread wait for it. Many small
/// transactions cost syncs.
pub const COMMIT_BYTES: u64 = 256 << 20;

/// Most columns of an envelope: some screens beside each other.
pub const CHART_COLUMNS: usize = 1 << 15;

/// Largest manifest, in bytes.
pub const MANIFEST_BYTES: usize = 64 << 20;

/// Attempts in one run file: record ids carry the attempt above 40 bits of sequence number.
pub const ATTEMPTS: i64 = 1 << 22;

/// Records in one attempt.
pub const ATTEMPT_RECORDS: u64 = (1 << 40) - 1;

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

/// Largest `meta.yaml`, parameter or tag of an MLflow run that is read, in bytes. Imports are bounded because the files of other
/// tools say whatever who wrote them likes.
pub const IMPORT_TEXT_BYTES: u64 = 1 << 20;

/// Most parameters, most tags and most metrics of an MLflow run: each is a file.
pub const IMPORT_KIND_FILES: usize = 1 << 18;

/// How deep an import looks into directories, and follows names of metrics with slashes.
pub const IMPORT_DEPTH: usize = 64;

/// Bytes of parameters and tags that are taken of an MLflow run.
pub const IMPORT_TEXTS_BYTES: usize = 32 << 20;

/// Longest line of the file of an MLflow metric, in bytes: three numbers, and the name and digest of a dataset.
pub const IMPORT_METRIC_LINE_BYTES: u64 = 1 << 16;

/// Values of an MLflow metric that are put in order at once: bounds the memory that it takes.
pub const IMPORT_POINTS: usize = 4 << 20;

/// Elements of a TensorBoard tensor that are taken; no event that a library writes has that many.
pub const TENSOR_ELEMENTS: usize = 1 << 20;

/// Dimensions of a TensorBoard tensor that are taken.
pub const TENSOR_DIMENSIONS: usize = 32;

/// Records at the beginning of a W&B file among which the one with the id is.
pub const WANDB_EARLY_RECORDS: usize = 64;

/// Fields of one protobuf message, with those within: each may take a hundred bytes when it is decoded.
pub const PROTO_FIELDS: usize = 1 << 21;

/// Protobuf messages up to this size, in bytes, have fewer.
pub const PROTO_SMALL_BYTES: usize = 1 << 20;

/// Bytes of small contents that an import stores at once.
pub const IMPORT_MEDIA_BYTES: usize = 32 << 20;

/// A content up to this size, in bytes, is stored together with others by an import.
pub const IMPORT_SMALL_BYTES: u64 = 1 << 20;

/// Weight of a row that still fits a record, whatever the lengths of its numbers.
pub const ROW_WEIGHT: u64 = RECORD_BYTES as u64 / 2;

/// Most files of a run that an import takes.
pub const IMPORT_FILES: usize = 1 << 20;

/// Longest text of what a tool says of a run at its start, in bytes, that the ledger of imports keeps.
pub const IMPORT_INFO_BYTES: usize = 1 << 20;

/// Longest line that was printed and that an import keeps as one, in bytes.
pub const PRINTED_LINE_BYTES: usize = 1 << 20;

//! Reading runs: the list of a directory, one run, a series of values, SQL.

mod alerts;
mod artifacts;
mod chart;
mod costly;
mod envelope;
mod extract;
mod field;
mod files;
mod filter;
mod find;
mod leftovers;
mod order;
mod past;
mod rows;
mod runs;
mod said;
mod series;
mod spelling;
mod sql;
mod tables;
mod trace;
mod unite;
mod weigh;

pub use alerts::{Alert, alerts};
pub use artifacts::{ArtifactEvent, ArtifactVersion, artifact_events, artifacts};
pub use chart::{Axis, Column};
pub use envelope::envelope;
pub use extract::{Sink, extract_blob, write_whole};
pub use field::{Field, Fields, Named, Scalar, descend};
pub use files::{FileVersion, file_versions, pick, read_file};
pub use filter::{
    FILTER_BYTES, FILTER_DEPTH, FILTER_PATTERNS, FILTER_VALUES, Filter, Literal, Pattern, Resolved, Sense,
    Test,
};
pub use find::{find, named, unreadable_of};
pub use leftovers::{Leftover, leftovers, remove};
pub use order::{Order, columns};
pub use past::{Past, Writer, past};
pub use rows::{Row, Rows, RowsWanted, rows};
pub use runs::{
    FileInfo, Found, KeyInfo, RunDetails, RunInfo, State, details, details_within, has_runs, info,
    info_alone, is_being_created, is_running, list, newest_file, newest_files, run_directory, run_files,
};
pub use rusqlite::types::Value as SqlValue;
pub use said::{Definition, Line, Samples, console, definitions, samples, system_keys};
pub use series::{Series, bounded_series, config, series, summary};
pub use sql::{Answer, SqlLimits, bound_memory, bounded_sql, sql, sql_json, sql_of};
pub use trace::Trace;
pub use unite::{full_name, namesakes, unite, united_details};

//! What handlers and the description of the API have in common: refusals, the key in an address, a run.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, IntoResponses, ToSchema};

/// What every refusal looks like.
#[derive(Serialize, ToSchema)]
pub(super) struct Refused {
    /// What failed, on which object, and why.
    error: String,
    /// What to do about it, where there is something.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    hint: Option<String>,
}

/// The refusals that any address may answer with.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "says what the answers are; they are made of errors")]
pub(super) enum Errors {
    /// The request cannot be.
    #[response(status = 400)]
    Wrong(Refused),
    /// The key is missing, unknown, expired or revoked.
    #[response(status = 401)]
    Denied(Refused),
    /// The key may not do this.
    #[response(status = 403)]
    Forbidden(Refused),
    /// It is not there, or the key may not see it.
    #[response(status = 404)]
    Missing(Refused),
    /// It was removed.
    #[response(status = 410)]
    Gone(Refused),
    /// It is more than there may be.
    #[response(status = 413)]
    TooMuch(Refused),
    /// Too many requests; `retry-after` says when to come again.
    #[response(status = 429)]
    TooOften(Refused),
    /// The server cannot do it now.
    #[response(status = 503)]
    Busy(Refused),
}

/// The name of a run in an address.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "says what the path has")]
pub(super) struct RunKey {
    /// The key of the run, 64 hexadecimal digits; or `entity/project/id`, encoded as one segment, with `~` for no entity.
    key: String,
}

/// A run: at a glance in lists, with all but its rows where it is asked for alone.
#[derive(Serialize, ToSchema)]
pub(super) struct Run {
    /// Its key: the name of the run in addresses.
    key: String,
    /// The run id.
    id: Option<String>,
    /// The team or user; may be empty.
    entity: Option<String>,
    /// The project.
    project: Option<String>,
    /// The display name; may be empty.
    name: Option<String>,
    /// `running`, `finished`, `failed` or `crashed`.
    state: Option<String>,
    /// Whether more of it may come in.
    open: Option<bool>,
    /// The exit code, if it ended in order.
    exit_code: Option<i64>,
    /// When it began, in seconds since 1970-01-01 UTC.
    started: Option<f64>,
    /// When it ended.
    ended: Option<f64>,
    /// The machine that began it.
    host: Option<String>,
    /// How many records it has.
    records: Option<i64>,
    /// The step of the last history row.
    last_step: Option<i64>,
    /// How many records and values it lost.
    lost: Option<i64>,
    /// The length of its segments and files.
    bytes: Option<i64>,
    /// The digest of what the server holds of it.
    digest: Option<String>,
    /// The group of runs that it belongs to.
    group: Option<String>,
    /// What it does within the group.
    job_type: Option<String>,
    /// Notes in prose.
    notes: Option<String>,
    /// Tags.
    tags: Option<Vec<String>>,
    /// Whether it is put away.
    archived: Option<bool>,
    /// When the server changed what it knows of it, in seconds since 1970-01-01 UTC.
    updated: Option<f64>,
    /// The config.
    config: Option<Map<String, Value>>,
    /// The summary.
    summary: Option<Map<String, Value>>,
    /// Who wrote it and when, how its metrics are defined, and the step and time of its last row.
    #[schema(value_type = Option<Object>)]
    past: Option<Value>,
    /// The keys of the history. Only of a run that is asked for alone, as the next two.
    keys: Option<Vec<crate::query::KeyInfo>>,
    /// The newest version of each file.
    files: Option<Vec<crate::query::FileInfo>>,
    /// What is missing of it, as it says itself.
    #[schema(value_type = Option<Vec<Object>>)]
    losses: Option<Vec<Value>>,
}

//! The messages in a `.wandb` file, as far as they are imported.
//!
//! Source: `wandb_internal.proto` of wandb 0.12 to 0.31.

use crate::import::proto::{Timestamp, decode};
use crate::model::Value;

/// One record.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Record {
    #[prost(
        oneof = "Kind",
        tags = "2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 17, 18, 20, 21, 22, 23, 25, 26, 27"
    )]
    pub(super) kind: Option<Kind>,
}

/// What a record says.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum Kind {
    #[prost(message, tag = "2")]
    History(History),
    #[prost(message, tag = "3")]
    Summary(Changes),
    #[prost(message, tag = "4")]
    Output(Output),
    #[prost(message, tag = "5")]
    Config(Changes),
    #[prost(message, tag = "6")]
    Files(Files),
    #[prost(message, tag = "7")]
    Stats(Stats),
    #[prost(message, tag = "8")]
    Artifact(Artifact),
    #[prost(message, tag = "9")]
    TensorBoard(TensorBoard),
    #[prost(message, tag = "10")]
    Alert(Alert),
    #[prost(message, tag = "11")]
    Telemetry(Telemetry),
    #[prost(message, tag = "12")]
    Metric(Metric),
    #[prost(message, tag = "13")]
    OutputRaw(Output),
    #[prost(message, tag = "17")]
    Run(Box<Run>),
    #[prost(message, tag = "18")]
    Exit(Exit),
    #[prost(message, tag = "20")]
    Final(Nothing),
    #[prost(message, tag = "21")]
    Header(Header),
    #[prost(message, tag = "22")]
    Footer(Nothing),
    #[prost(message, tag = "23")]
    Preempting(Nothing),
    #[prost(message, tag = "25")]
    UseArtifact(UseArtifact),
    #[prost(message, tag = "26")]
    Environment(Box<Environment>),
    #[prost(message, tag = "27")]
    OutputLogger(OutputLogger),
}

/// A message that says nothing by itself.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct Nothing {}

/// A key with a value: of the history, the config, the summary or the system.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Item {
    #[prost(string, tag = "1")]
    pub(super) key: String,
    #[prost(string, repeated, tag = "2")]
    pub(super) nested_key: Vec<String>,
    #[prost(string, tag = "16")]
    pub(super) value_json: String,
    #[prost(oneof = "Typed", tags = "3, 4, 5, 6, 7, 8")]
    pub(super) typed: Option<Typed>,
}

/// A value by its type. wandb 0.31 can write it beside the JSON, and tells readers that it may come alone.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum Typed {
    #[prost(int32, tag = "3")]
    None(i32),
    #[prost(bool, tag = "4")]
    Boolean(bool),
    #[prost(sint64, tag = "5")]
    Integer(i64),
    #[prost(double, tag = "6")]
    Number(f64),
    #[prost(string, tag = "7")]
    Text(String),
    #[prost(string, tag = "8")]
    Json(String),
}

impl Item {
    /// Returns the names that lead to the value, and its JSON.
    pub(super) fn path(self) -> (Vec<String>, String) {
        let path = if self.nested_key.is_empty() { vec![self.key] } else { self.nested_key };
        let text = match self.typed {
            Some(typed) if self.value_json.is_empty() => match typed {
                Typed::None(_) => "null".to_owned(),
                Typed::Boolean(value) => value.to_string(),
                Typed::Integer(value) => value.to_string(),
                Typed::Number(value) => Value::Float(value).canonical().to_string(),
                Typed::Text(value) => serde_json::Value::from(value).to_string(),
                Typed::Json(value) => value,
            },
            _ => self.value_json,
        };
        (path, text)
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct History {
    #[prost(message, repeated, tag = "1")]
    pub(super) items: Vec<Item>,
    #[prost(message, optional, tag = "2")]
    pub(super) step: Option<Step>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct Step {
    #[prost(int64, tag = "1")]
    pub(super) num: i64,
}

/// Changes of the config or of the summary.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Changes {
    #[prost(message, repeated, tag = "1")]
    pub(super) update: Vec<Item>,
    #[prost(message, repeated, tag = "2")]
    pub(super) remove: Vec<Item>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Output {
    /// 0 is standard error, 1 standard output.
    #[prost(int32, tag = "1")]
    pub(super) stream: i32,
    #[prost(message, optional, tag = "2")]
    pub(super) time: Option<Timestamp>,
    #[prost(string, tag = "3")]
    pub(super) line: String,
}

/// A line of a logger.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct OutputLogger {
    #[prost(string, tag = "1")]
    pub(super) line: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Files {
    #[prost(message, repeated, tag = "1")]
    pub(super) files: Vec<FileItem>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct FileItem {
    #[prost(string, tag = "1")]
    pub(super) path: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Stats {
    #[prost(message, optional, tag = "2")]
    pub(super) time: Option<Timestamp>,
    #[prost(message, repeated, tag = "3")]
    pub(super) items: Vec<Item>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Artifact {
    #[prost(string, tag = "2")]
    pub(super) project: String,
    #[prost(string, tag = "3")]
    pub(super) entity: String,
    #[prost(string, tag = "4")]
    pub(super) kind: String,
    #[prost(string, tag = "5")]
    pub(super) name: String,
    #[prost(string, tag = "6")]
    pub(super) digest: String,
    #[prost(string, tag = "7")]
    pub(super) description: String,
    #[prost(string, tag = "8")]
    pub(super) metadata: String,
    #[prost(string, repeated, tag = "11")]
    pub(super) aliases: Vec<String>,
    #[prost(message, optional, tag = "12")]
    pub(super) manifest: Option<Manifest>,
    #[prost(string, tag = "15")]
    pub(super) client_id: String,
    #[prost(string, repeated, tag = "19")]
    pub(super) tags: Vec<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Manifest {
    #[prost(message, repeated, tag = "4")]
    pub(super) contents: Vec<Entry>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct Entry {
    #[prost(string, tag = "1")]
    pub(super) path: String,
    #[prost(string, tag = "2")]
    pub(super) digest: String,
    #[prost(string, tag = "3")]
    pub(super) reference: String,
    #[prost(int64, tag = "4")]
    pub(super) size: i64,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct UseArtifact {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(string, tag = "2")]
    pub(super) kind: String,
    #[prost(string, tag = "3")]
    pub(super) name: String,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct TensorBoard {
    #[prost(string, tag = "1")]
    pub(super) log_dir: String,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct Alert {
    #[prost(string, tag = "1")]
    pub(super) title: String,
    #[prost(string, tag = "2")]
    pub(super) text: String,
    #[prost(string, tag = "3")]
    pub(super) level: String,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct Telemetry {
    #[prost(string, tag = "4")]
    pub(super) python: String,
    #[prost(string, tag = "5")]
    pub(super) wandb: String,
}

/// The definition of a metric.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Metric {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) glob_name: String,
    #[prost(string, tag = "4")]
    pub(super) step_metric: String,
    #[prost(message, optional, tag = "6")]
    pub(super) options: Option<MetricOptions>,
    #[prost(message, optional, tag = "7")]
    pub(super) summary: Option<MetricSummary>,
    /// 1 is minimize, 2 maximize.
    #[prost(int32, tag = "8")]
    pub(super) goal: i32,
    #[prost(message, optional, tag = "9")]
    pub(super) control: Option<MetricControl>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct MetricOptions {
    #[prost(bool, tag = "1")]
    pub(super) step_sync: bool,
    #[prost(bool, tag = "2")]
    pub(super) hidden: bool,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct MetricSummary {
    #[prost(bool, tag = "1")]
    pub(super) min: bool,
    #[prost(bool, tag = "2")]
    pub(super) max: bool,
    #[prost(bool, tag = "3")]
    pub(super) mean: bool,
    #[prost(bool, tag = "4")]
    pub(super) best: bool,
    #[prost(bool, tag = "5")]
    pub(super) last: bool,
    #[prost(bool, tag = "6")]
    pub(super) none: bool,
    #[prost(bool, tag = "8")]
    pub(super) first: bool,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct MetricControl {
    #[prost(bool, tag = "1")]
    pub(super) overwrite: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Run {
    #[prost(string, tag = "1")]
    pub(super) run_id: String,
    #[prost(string, tag = "2")]
    pub(super) entity: String,
    #[prost(string, tag = "3")]
    pub(super) project: String,
    #[prost(message, optional, tag = "4")]
    pub(super) config: Option<Changes>,
    #[prost(message, optional, tag = "5")]
    pub(super) summary: Option<Changes>,
    #[prost(string, tag = "6")]
    pub(super) group: String,
    #[prost(string, tag = "7")]
    pub(super) job_type: String,
    #[prost(string, tag = "8")]
    pub(super) name: String,
    #[prost(string, tag = "9")]
    pub(super) notes: String,
    #[prost(string, repeated, tag = "10")]
    pub(super) tags: Vec<String>,
    #[prost(string, tag = "12")]
    pub(super) sweep_id: String,
    #[prost(string, tag = "13")]
    pub(super) host: String,
    #[prost(message, optional, tag = "17")]
    pub(super) start_time: Option<Timestamp>,
    #[prost(bool, tag = "18")]
    pub(super) resumed: bool,
    #[prost(message, optional, tag = "21")]
    pub(super) git: Option<Git>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct Git {
    #[prost(string, tag = "1")]
    pub(super) remote: String,
    #[prost(string, tag = "2")]
    pub(super) commit: String,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct Exit {
    #[prost(int32, tag = "1")]
    pub(super) exit_code: i32,
    /// Seconds since the start.
    #[prost(int32, tag = "2")]
    pub(super) runtime: i32,
    /// The process ends, and the run goes on elsewhere.
    #[prost(bool, tag = "3")]
    pub(super) not_complete: bool,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct Header {
    #[prost(message, optional, tag = "1")]
    pub(super) version: Option<Version>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct Version {
    #[prost(string, tag = "1")]
    pub(super) producer: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Environment {
    #[prost(string, tag = "1")]
    pub(super) os: String,
    #[prost(string, tag = "2")]
    pub(super) python: String,
    #[prost(string, repeated, tag = "5")]
    pub(super) args: Vec<String>,
    #[prost(string, tag = "6")]
    pub(super) program: String,
    #[prost(message, optional, tag = "9")]
    pub(super) git: Option<Git>,
    #[prost(string, tag = "12")]
    pub(super) host: String,
}

/// Returns what a record says of the run as a whole, if it does.
pub(super) fn run_of(record: &[u8]) -> Option<Box<Run>> {
    match decode::<Record>(record)?.kind? {
        Kind::Run(run) => Some(run),
        _ => None,
    }
}

//! The one vocabulary: what a run can say.

use super::{AttemptId, Hash, RunKey, Value};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

/// One thing that a run says. Its identity is (run, attempt, sequence number); the number is not part of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// The first record of every attempt.
    Start(Box<Start>),
    /// Introduces the name of a history key. Rows refer to it by the sequence number of this record.
    Key {
        /// The name, unique in its attempt among keys with the same `system`.
        name: String,
        /// True for system metrics, which are not part of the history.
        system: bool,
    },
    /// A row of the history, or a sample of system metrics.
    Row(Row),
    /// A config key is set or removed.
    Config(Setting),
    /// A summary key is set or removed by hand, or by what the definition of a metric asks for. The last values of rows are in
    /// the summary by themselves.
    Summary(Setting),
    /// A version of a file. Its bytes are a blob, stored before this record.
    File(File),
    /// Anything else that happens at a time.
    Event(Event),
}

/// Who writes, and for which run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// The run.
    pub run: RunKey,
    /// The writer.
    pub attempt: AttemptId,
    /// When, in microseconds since 1970-01-01 UTC.
    pub time: i64,
    /// The display name; may be empty, as may the next three.
    pub name: String,
    /// The group of runs that it belongs to.
    pub group: String,
    /// What it does within the group, such as `train` or `eval`.
    pub job_type: String,
    /// Notes in prose.
    pub notes: String,
    /// Tags.
    pub tags: Vec<String>,
    /// The machine's name.
    pub host: String,
    /// The process.
    pub pid: u32,
    /// The danlu that wrote it, as `major.minor.patch`.
    pub danlu: String,
    /// Anything else known at the start, as a JSON object.
    pub info: String,
    /// Which of several writers of the run it is, as `torchrun` and its like number them.
    pub rank: Option<u32>,
    /// What it goes on from.
    pub origin: Origin,
}

impl Start {
    /// Writes down in `info` which attempt this one comes after: clocks may say something else.
    pub fn follow(&mut self, before: AttemptId) {
        if let Ok(mut info) = serde_json::from_str::<Map<String, Json>>(&self.info) {
            info.insert(FOLLOWS.to_owned(), before.to_string().into());
            self.info = Json::Object(info).to_string();
        }
    }
}

/// Returns which attempt the `info` of a start names as the one before it, and of which one it is the remains.
pub fn named_before(info: &str) -> (Option<AttemptId>, Option<AttemptId>) {
    let info: Map<String, Json> = serde_json::from_str(info).unwrap_or_default();
    let attempt = |name| info.get(name).and_then(Json::as_str).and_then(AttemptId::parse);
    (attempt(FOLLOWS), attempt(REMAINS_OF))
}

/// Where `info` names the attempt before, and the one whose remains the attempt is.
const FOLLOWS: &str = "follows";
const REMAINS_OF: &str = "remains_of";

/// What an attempt goes on from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Nothing: it begins the run, or writes beside others.
    #[default]
    New,
    /// The attempts before it: the same run goes on.
    Resume,
    /// The run `run` up to step `step`. What it said until then comes again after the start.
    Fork {
        /// The id of the other run.
        run: String,
        /// Its last step that counts.
        step: i64,
    },
    /// The same run up to step `step`. What it said until then comes again after the start, and the attempts before it
    /// no longer count.
    Rewind {
        /// The last step that counts.
        step: i64,
    },
}

/// A history row when it has a step, else a sample of system metrics.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Row {
    /// The step that it was logged at.
    pub step: Option<i64>,
    /// When, in microseconds since 1970-01-01 UTC.
    pub time: i64,
    /// Values by the sequence number of their [`Record::Key`], ascending, each once.
    pub values: Vec<(u64, Value)>,
}

/// A key of the config or summary that is set, or removed when there is no value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Setting {
    /// The name.
    pub key: String,
    /// The value.
    pub value: Option<Value>,
}

/// A version of a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct File {
    /// When it was stored, in microseconds since 1970-01-01 UTC.
    pub time: i64,
    /// The relative path that it is stored under; see [`super::check_file_name`].
    pub path: String,
    /// The SHA-256 of its content, which is the name of its blob.
    pub sha256: Hash,
    /// Its length in bytes.
    pub size: u64,
}

/// Something that happens at a time. What `name`, `text` and `data` mean depends on the kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When, in microseconds since 1970-01-01 UTC.
    pub time: i64,
    /// What happened.
    pub kind: EventKind,
    /// A name, or empty.
    pub name: String,
    /// A text, or empty.
    pub text: String,
    /// More about it as JSON text, or empty.
    pub data: String,
}

/// The kinds of [`Event`]. New kinds are added at the end: their position is part of the journal format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A piece of standard output in `text`.
    Stdout,
    /// A piece of standard error in `text`.
    Stderr,
    /// The metric `name` is defined, or all whose names begin so if there is a `*` at its end; `data` is an object such as
    /// `{"step_metric": "epoch", "summary": ["min"]}`.
    Metric,
    /// An alert with its title in `name`, its text in `text` and its level in `text` of `data`.
    Alert,
    /// The artifact `name` was made or used, as `text` says (`made` or `used`); `data` describes it.
    Artifact,
    /// The tag `name` is added (`text` is `add`) or taken away (`remove`).
    Tag,
    /// The run's field `name` (`name`, `notes`, `group`, `job_type`) now is `text`.
    Rename,
    /// Things that could not be stored: `data` is `{"records": n}`, `text` the reason.
    Lost,
    /// The last record of an attempt that ended in order; `data` is `{"exit_code": n}`.
    End,
}

impl EventKind {
    /// Every kind, in the order of their numbers.
    pub const ALL: [Self; 9] = [
        Self::Stdout,
        Self::Stderr,
        Self::Metric,
        Self::Alert,
        Self::Artifact,
        Self::Tag,
        Self::Rename,
        Self::Lost,
        Self::End,
    ];

    /// Returns the name that the run file keeps it under.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
            Self::Metric => "metric",
            Self::Alert => "alert",
            Self::Artifact => "artifact",
            Self::Tag => "tag",
            Self::Rename => "rename",
            Self::Lost => "lost",
            Self::End => "end",
        }
    }

    /// Finds a kind by its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl Record {
    /// Returns about how many bytes the record takes in a segment. Segments are cut by it, so it never changes.
    pub fn weight(&self) -> u64 {
        let texts = |texts: &[&str]| 16 + texts.iter().map(|t| t.len() as u64).sum::<u64>();
        match self {
            Self::Start(start) => texts(&[&start.name, &start.notes, &start.info]),
            Self::Key { name, .. } => texts(&[name]),
            Self::Row(row) => 16 + row.values.iter().map(|(_, value)| value.weight()).sum::<u64>(),
            Self::Config(setting) | Self::Summary(setting) => {
                texts(&[&setting.key]) + setting.value.as_ref().map_or(0, Value::weight)
            }
            Self::File(file) => texts(&[&file.path]),
            Self::Event(event) => texts(&[&event.name, &event.text, &event.data]),
        }
    }
}

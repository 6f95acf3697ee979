//! Trackio's databases: one for each project, with the media beside it.

use super::database::{has, int, open, text, time};
use super::digest;
use super::files::Found;
use super::scribe::Said;
use super::sources::Sources;
use super::{Head, Identity, Ledger, Part, Take, Tool, json};
use crate::model::{Event, EventKind, Result, Value, check_file_name};
use rusqlite::Connection;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// How Trackio calls media, and how danlu does.
const KINDS: [(&str, &str); 6] = [
    ("trackio.image", "image-file"),
    ("trackio.video", "video-file"),
    ("trackio.audio", "audio-file"),
    ("trackio.html", "html-file"),
    ("trackio.object3d", "object3D-file"),
    ("trackio.histogram", "histogram"),
];

/// Says whether a database is one of Trackio.
pub(super) fn is_one(connection: &Connection) -> bool {
    has(connection, "metrics", &["run_name", "step", "metrics", "timestamp"])
}

/// One run of a database.
struct TrackioRun {
    path: PathBuf,
    identity: Identity,
    name: String,
    /// The id by which newer versions tell runs of the same name apart.
    run_id: Option<String>,
    bytes: u64,
}

/// Adds the runs of a database to what is to be imported.
pub(super) fn add(path: &Path, found: &mut Sources) {
    match runs(path) {
        Ok(runs) => found.parts.extend(runs.into_iter().map(|run| Box::new(run) as Box<dyn Part>)),
        Err(e) => found.fail(path, &e),
    }
}

/// Lists the runs. The first of a name is called by it, as it was before Trackio had ids; others have their id.
fn runs(path: &Path) -> Result<Vec<TrackioRun>> {
    let connection = open(path)?;
    let mut names: Vec<(String, Option<String>)> = Vec::new();
    let mut seen = BTreeSet::new();
    for table in ["metrics", "configs", "system_metrics"] {
        if !has(&connection, table, &["run_name"]) {
            continue;
        }
        let id = if has(&connection, table, &["run_id"]) { "run_id" } else { "NULL" };
        let sql = format!("SELECT run_name, {id} AS run_id FROM {table} GROUP BY 1, 2 ORDER BY min(id)");
        let mut statement = connection.prepare(&sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let run = (text(row, "run_name")?, Some(text(row, "run_id")?).filter(|id| !id.is_empty()));
            if seen.insert(run.clone()) {
                names.push(run);
            }
        }
    }
    let project = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let bytes = path.metadata().map_or(0, |metadata| metadata.len()) / (names.len() as u64).max(1);
    let mut taken = BTreeSet::new();
    let run = |(name, run_id): (String, Option<String>)| {
        let is_first = taken.insert(name.clone());
        let id = run_id.clone().filter(|_| !is_first).unwrap_or_else(|| name.clone());
        let identity = Identity { entity: String::new(), project: project.clone(), id };
        TrackioRun { path: path.to_owned(), identity, name, run_id, bytes }
    };
    Ok(names.into_iter().map(run).collect())
}

impl Part for TrackioRun {
    fn tool(&self) -> Tool {
        Tool::Trackio
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn identity(&self) -> Identity {
        self.identity.clone()
    }

    fn name(&self) -> String {
        self.identity.id.clone()
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn read(&self, ledger: &mut Ledger<'_>, take: Take<'_>) -> Result<Head> {
        let connection = open(&self.path)?;
        // One state of the database, whoever writes meanwhile.
        let connection = connection.unchecked_transaction()?;
        let head = Head { name: self.name.clone(), ..Head::default() };
        let mut reading = Reading { run: self, connection: &connection, head };
        let read = reading.all(ledger, take);
        read.map_err(|e| e.doing("read", &self.path))?;
        let Reading { mut head, .. } = reading;
        head.files.sort_by(|a, b| a.path.cmp(&b.path));
        head.files.dedup_by(|a, b| a.path == b.path);
        // Trackio does not say how a run ended; who reads it sees what is there as the result.
        head.end = Some((head.last, 0));
        Ok(head)
    }
}

struct Reading<'a> {
    run: &'a TrackioRun,
    connection: &'a Connection,
    head: Head,
}

impl Reading<'_> {
    fn all(&mut self, ledger: &mut Ledger<'_>, take: Take<'_>) -> Result<()> {
        self.config()?;
        self.each("metrics", &["step"], |reading, row, bytes| {
            let step = int(row, "step")?.unwrap_or(0);
            let is_new = ledger.pass("metrics", format!("{step} {bytes}").as_bytes());
            reading.row(row, Some(step), is_new, take)
        })?;
        self.each("system_metrics", &[], |reading, row, bytes| {
            let is_new = ledger.pass("system", bytes.as_bytes());
            reading.row(row, None, is_new, take)
        })?;
        self.each("alerts", &["title", "text", "level"], |reading, row, bytes| {
            let (title, body) = (text(row, "title")?, text(row, "text")?);
            let is_new = ledger.pass("alerts", format!("{bytes} {title} {body}").as_bytes());
            let time = time(&text(row, "timestamp")?).unwrap_or(reading.head.last);
            reading.head.heard(time);
            let data = json!({"level": text(row, "level")?.to_uppercase()}).to_string();
            let event = Event { time, kind: EventKind::Alert, name: title, text: body, data };
            if is_new { take(Said::Event(event)) } else { Ok(()) }
        })?;
        self.artifacts(ledger, take)?;
        let mut traces = 0;
        self.each("traces", &[], |_, _, _| {
            traces += 1;
            Ok(())
        })?;
        if traces > 0 {
            self.head.left_out.push(format!("{traces} traces"));
        }
        Ok(())
    }

    /// Hands on the rows of a table that are of this run, with what they say as a text.
    fn each(
        &mut self,
        table: &str,
        columns: &[&str],
        mut take: impl FnMut(&mut Self, &rusqlite::Row<'_>, &str) -> Result<()>,
    ) -> Result<()> {
        if !has(self.connection, table, &["run_name", "timestamp"]) || !has(self.connection, table, columns) {
            return Ok(());
        }
        let order = if table == "traces" { "timestamp" } else { "id" };
        let sql = format!("SELECT * FROM {table} WHERE {} ORDER BY {order}", self.of_run(table));
        let connection = self.connection;
        let mut statement = connection.prepare(&sql)?;
        let mut rows = statement.query([self.key(table)])?;
        while let Some(row) = rows.next()? {
            let metrics =
                if table == "alerts" || table == "traces" { String::new() } else { text(row, "metrics")? };
            let bytes = format!("{} {metrics}", text(row, "timestamp")?);
            take(self, row, &bytes)?;
        }
        Ok(())
    }

    fn of_run(&self, table: &str) -> &'static str {
        if self.has_id(table) { "run_id = ?" } else { "run_name = ?" }
    }

    fn key(&self, table: &str) -> &str {
        if self.has_id(table) { self.run.run_id.as_deref().unwrap_or_default() } else { &self.run.name }
    }

    fn has_id(&self, table: &str) -> bool {
        self.run.run_id.is_some() && has(self.connection, table, &["run_id"])
    }

    fn config(&mut self) -> Result<()> {
        if !has(self.connection, "configs", &["run_name", "config"]) {
            return Ok(());
        }
        let sql = format!("SELECT config FROM configs WHERE {} ORDER BY id", self.of_run("configs"));
        let connection = self.connection;
        let mut statement = connection.prepare(&sql)?;
        let mut rows = statement.query([self.key("configs")])?;
        while let Some(row) = rows.next()? {
            let Some(Json::Object(config)) = json::parse(&text(row, "config")?) else {
                self.head.lose("a config is no JSON", 1);
                continue;
            };
            for (key, value) in config {
                self.setting(key, value);
            }
        }
        Ok(())
    }

    fn setting(&mut self, key: String, value: Json) {
        match (key.as_str(), value.as_str()) {
            ("_Created", Some(text)) => {
                if let Some(time) = time(text) {
                    self.head.heard(time);
                }
            }
            ("_Group", Some(group)) => group.clone_into(&mut self.head.group),
            ("_Username", Some(user)) => {
                self.head.info.insert("user".to_owned(), user.into());
            }
            ("_Created" | "_Group" | "_Username", None) => {}
            _ => {
                self.head.config.insert(key, plain(value));
            }
        }
    }

    fn row(
        &mut self,
        row: &rusqlite::Row<'_>,
        step: Option<i64>,
        is_new: bool,
        take: Take<'_>,
    ) -> Result<()> {
        let time = time(&text(row, "timestamp")?).unwrap_or(self.head.last);
        self.head.heard(time);
        let Some(Json::Object(metrics)) = json::parse(&text(row, "metrics")?) else {
            self.head.lose("rows are no JSON", 1);
            return Ok(());
        };
        let mut values = Vec::with_capacity(metrics.len());
        for (key, value) in metrics {
            let value = if value.get("_type").is_some() { self.media(value)? } else { value };
            json::flatten(key, value, &mut |key, value| values.push((key, word(value))));
        }
        if is_new { take(Said::Row { step, time, values }) } else { Ok(()) }
    }

    /// Brings media into the form that they have here, and keeps their file.
    fn media(&mut self, value: Json) -> Result<Json> {
        let Json::Object(mut members) = value else { return Ok(value) };
        let kind = members.get("_type").and_then(Json::as_str).unwrap_or_default();
        let Some((_, ours)) = KINDS.iter().find(|(theirs, _)| *theirs == kind) else {
            return Ok(Json::Object(members));
        };
        members.insert("_type".to_owned(), (*ours).into());
        if let Some(file) = members.shift_remove("file_path") {
            self.file(file.as_str().unwrap_or_default(), &mut members)?;
        }
        members.retain(|name, value| name != "caption" || !value.is_null());
        Ok(Json::Object(members))
    }

    fn file(&mut self, name: &str, members: &mut Map<String, Json>) -> Result<()> {
        let directory = self.run.path.parent().unwrap_or(Path::new(".")).join("media");
        let at = directory.join(name);
        let real = at.canonicalize().ok().zip(directory.canonicalize().ok());
        let is_inside = real.is_some_and(|(at, directory)| at.starts_with(directory) && at.is_file());
        if check_file_name(name).is_err() || !is_inside {
            self.head.lose("media files are missing, or lie outside of Trackio's directory", 1);
            return Ok(());
        }
        let (sha256, size) = digest::of_file(&at)?;
        let path = format!("media/{name}");
        members.insert("path".to_owned(), path.as_str().into());
        members.insert("sha256".to_owned(), sha256.to_string().into());
        members.insert("size".to_owned(), size.into());
        if let Some(format) = at.extension() {
            members.insert("format".to_owned(), format.to_string_lossy().into());
        }
        self.head.files.push(Found { path, at, sha256, size });
        Ok(())
    }

    /// Versions of artifacts that the run made or used.
    fn artifacts(&mut self, ledger: &mut Ledger<'_>, take: Take<'_>) -> Result<()> {
        let tables: [(&str, &[&str]); 3] = [
            ("run_artifact_links", &["run_id", "artifact_version_id", "direction"]),
            ("artifact_versions", &["artifact_id", "version", "manifest_digest", "size_bytes"]),
            ("artifacts", &["name", "type"]),
        ];
        if self.run.run_id.is_none()
            || !tables.iter().all(|(name, columns)| has(self.connection, name, columns))
        {
            return Ok(());
        }
        let sql =
            "SELECT a.name, a.type, v.version, v.manifest_digest, v.size_bytes, l.direction, l.created_at
            FROM run_artifact_links AS l JOIN artifact_versions AS v ON v.id = l.artifact_version_id
            JOIN artifacts AS a ON a.id = v.artifact_id WHERE l.run_id = ? ORDER BY l.id";
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query([self.run.run_id.as_deref()])?;
        while let Some(row) = rows.next()? {
            let name = format!("{}:v{}", text(row, "name")?, text(row, "version")?);
            let relation = if text(row, "direction")? == "input" { "used" } else { "logged" };
            let digest = text(row, "manifest_digest")?;
            let data = json!({"type": text(row, "type")?, "digest": digest, "size": int(row, "size_bytes")?});
            let time = time(&text(row, "created_at")?).unwrap_or(self.head.last);
            self.head.heard(time);
            let is_new = ledger.pass("artifacts", format!("{name} {relation} {digest}").as_bytes());
            self.head.left_out.push(format!("the contents of artifact `{name}`"));
            let (kind, text, data) = (EventKind::Artifact, relation.to_owned(), data.to_string());
            if is_new {
                take(Said::Event(Event { time, kind, name, text, data }))?;
            }
        }
        Ok(())
    }
}

/// Reads the numbers that Trackio writes as words.
fn word(value: Value) -> Value {
    match &value {
        Value::Json(text) => match text.as_str() {
            "\"NaN\"" => Value::Float(f64::NAN),
            "\"Infinity\"" => Value::Float(f64::INFINITY),
            "\"-Infinity\"" => Value::Float(f64::NEG_INFINITY),
            _ => value,
        },
        _ => value,
    }
}

fn plain(value: Json) -> Value {
    word(Value::from(value).canonical())
}

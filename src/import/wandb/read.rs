//! The records of a `.wandb` file become what a run says.

use super::log::LogReader;
use super::messages::{
    Alert, Artifact, Changes, Environment, Git, History, Item, Kind, Output, Record, Run, Stats, UseArtifact,
};
use super::metric::Definitions;
use crate::import::head::Head;
use crate::import::ledger::Ledger;
use crate::import::proto::{decode, micros};
use crate::import::scribe::Said;
use crate::import::{Take, json};
use crate::model::{Event, EventKind, Result, Value, limits};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
use std::io::Read;
use std::ops::Bound;

/// The lane of the records.
const LANE: &str = "records";

/// Names that W&B keeps in the history and the summary for itself: danlu knows these of every row.
const OWN: [&str; 4] = ["_step", "_timestamp", "_runtime", "_wandb"];

/// Reads all records of a file.
pub(super) fn read(
    reader: &mut LogReader<impl Read>,
    ledger: &mut Ledger<'_>,
    take: Take<'_>,
) -> Result<Head> {
    let mut reading = Reading::default();
    let mut has_news = false;
    while let Some(bytes) = reader.next()? {
        let is_new = ledger.pass(LANE, bytes);
        let Some(record) = decode::<Record>(bytes) else {
            reading.head.lose("a record is no record of W&B", 1);
            continue;
        };
        if let Some(kind) = record.kind {
            reading.hear(kind);
        }
        for said in reading.said.drain(..).filter(|_| is_new) {
            take(said)?;
        }
        has_news |= is_new;
    }
    reading.end_lines();
    for said in reading.said.drain(..).filter(|_| has_news) {
        take(said)?;
    }
    for (why, how_much) in reader.lost() {
        reading.head.lose(why, *how_much);
    }
    Ok(reading.finish())
}

#[derive(Default)]
struct Reading {
    head: Head,
    config: Map<String, Json>,
    /// The summary as it stands: JSON texts by the names that lead to them.
    summary: BTreeMap<Vec<String>, String>,
    definitions: Definitions,
    /// What was printed since the last end of a line: to standard error, and to standard output.
    printed: [String; 2],
    /// What the last record said at its time.
    said: Vec<Said>,
    /// The step of the last row that had none.
    steps: i64,
}

impl Reading {
    /// Takes note of a record.
    fn hear(&mut self, kind: Kind) {
        match kind {
            Kind::Run(run) => self.run(*run),
            Kind::Header(header) => self.info("wandb", &header.version.unwrap_or_default().producer),
            Kind::Telemetry(telemetry) => {
                self.info("wandb", &telemetry.wandb);
                self.info("python", &telemetry.python);
            }
            Kind::Environment(environment) => self.environment(*environment),
            Kind::Config(changes) => self.change_config(changes),
            Kind::Summary(changes) => self.change_summary(changes),
            Kind::Exit(exit) => {
                let end = self.head.time.saturating_add(i64::from(exit.runtime).saturating_mul(1_000_000));
                self.head.last = self.head.last.max(end);
                self.head.end = (!exit.not_complete).then_some((self.head.last, exit.exit_code));
            }
            Kind::TensorBoard(log) => {
                self.head
                    .left_out
                    .push(format!("the TensorBoard logs in `{}`: import them by themselves", log.log_dir));
            }
            Kind::Files(_) | Kind::Final(_) | Kind::Footer(_) | Kind::Preempting(_) => {}
            Kind::History(history) => self.row(history),
            Kind::Stats(stats) => self.stats(stats),
            Kind::Output(output) | Kind::OutputRaw(output) => self.output(output),
            Kind::OutputLogger(logger) => {
                self.event(EventKind::Stdout, String::new(), logger.line, String::new());
            }
            Kind::Alert(alert) => self.alert(alert),
            Kind::Metric(metric) => {
                let (name, data) = self.definitions.add(metric);
                self.event(EventKind::Metric, name, String::new(), data);
            }
            Kind::Artifact(artifact) => self.artifact(artifact),
            Kind::UseArtifact(used) => self.used(used),
        }
    }

    fn run(&mut self, run: Run) {
        let head = &mut self.head;
        (head.name, head.group, head.job_type, head.notes) = (run.name, run.group, run.job_type, run.notes);
        head.tags = run.tags;
        if !run.host.is_empty() {
            head.host = run.host;
        }
        if let Some(time) = run.start_time {
            head.heard(time.micros());
        }
        self.info("sweep", &run.sweep_id);
        if run.resumed {
            self.head.info.insert("resumed".to_owned(), true.into());
        }
        self.git(run.git);
        self.change_config(run.config.unwrap_or_default());
        self.change_summary(run.summary.unwrap_or_default());
    }

    fn environment(&mut self, environment: Environment) {
        if !environment.host.is_empty() {
            self.head.host = environment.host;
        }
        self.info("os", &environment.os);
        self.info("python", &environment.python);
        self.info("program", &environment.program);
        if !environment.args.is_empty() {
            self.head.info.insert("args".to_owned(), environment.args.into());
        }
        self.git(environment.git);
    }

    fn git(&mut self, git: Option<Git>) {
        let git = git.unwrap_or_default();
        self.info("git_remote", &git.remote);
        self.info("git_commit", &git.commit);
    }

    fn info(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.head.info.insert(name.to_owned(), value.into());
        }
    }

    fn change_config(&mut self, changes: Changes) {
        for (path, text) in changes.update.into_iter().map(Item::path) {
            if !json::parse(&text).is_some_and(|value| json::set(&mut self.config, &path, value)) {
                self.head.lose("values of the config are no JSON, or nested too deep", 1);
            }
        }
        for (path, _) in changes.remove.into_iter().map(Item::path) {
            json::remove(&mut self.config, &path);
        }
    }

    fn change_summary(&mut self, changes: Changes) {
        for (path, text) in changes.update.into_iter().map(Item::path) {
            if !OWN.contains(&path[0].as_str()) {
                self.forget_below(&path);
                self.summary.insert(path, text);
            }
        }
        for (path, _) in changes.remove.into_iter().map(Item::path) {
            self.forget_below(&path);
            self.summary.remove(&path);
            self.head.summary.insert(path.join("."), None);
        }
    }

    /// Forgets what was set within a value that is another one now.
    fn forget_below(&mut self, path: &[String]) {
        let after = (Bound::Excluded(path), Bound::Unbounded);
        while let Some((below, _)) = self.summary.range::<[String], _>(after).next()
            && below.starts_with(path)
        {
            let below = below.clone();
            self.summary.remove(&below);
        }
    }

    fn row(&mut self, history: History) {
        let mut step = history.step.map(|step| step.num);
        let mut time = None;
        let mut items = Vec::with_capacity(history.items.len());
        for (path, text) in history.items.into_iter().map(Item::path) {
            match path[0].as_str() {
                "_step" => step = step.or_else(|| text.parse().ok()),
                "_timestamp" => time = json::value(&text).and_then(|value| value.as_f64()).and_then(micros),
                own if OWN.contains(&own) => {}
                _ => items.push((path, text)),
            }
        }
        let mut values = Vec::with_capacity(items.len());
        let lost = unfold(items, &mut |name, value| values.push((name, value)));
        self.head.lose("values of the history are no JSON", lost);
        let time = time.unwrap_or(self.head.last);
        self.head.heard(time);
        let step = step.unwrap_or(self.steps);
        self.steps = step.saturating_add(1);
        for (name, _) in &values {
            if let Some(data) = self.definitions.of_key(name) {
                self.event(EventKind::Metric, name.clone(), String::new(), data);
            }
        }
        self.said.push(Said::Row { step: Some(step), time, values });
    }

    fn stats(&mut self, stats: Stats) {
        let time = stats.time.map_or(self.head.last, |time| time.micros());
        self.head.heard(time);
        let mut values = Vec::with_capacity(stats.items.len());
        for item in stats.items.into_iter().filter(|item| !OWN.contains(&item.key.as_str())) {
            match json::value(&item.value_json) {
                Some(value) => values.push((item.key, value)),
                None => self.head.lose("values of the system are no JSON", 1),
            }
        }
        if !values.is_empty() {
            self.said.push(Said::Row { step: None, time, values });
        }
    }

    /// Takes a piece of what was printed. It is said in whole lines.
    fn output(&mut self, output: Output) {
        if let Some(time) = output.time {
            self.head.heard(time.micros());
        }
        let stream = usize::from(output.stream != 0);
        self.printed[stream].push_str(&output.line);
        if let Some(end) = self.printed[stream].rfind('\n') {
            let rest = self.printed[stream].split_off(end + 1);
            let lines = std::mem::replace(&mut self.printed[stream], rest);
            self.print(stream, lines);
        } else if self.printed[stream].len() > limits::PRINTED_LINE_BYTES {
            self.end_lines();
        }
    }

    fn end_lines(&mut self) {
        for stream in 0..2 {
            let line = std::mem::take(&mut self.printed[stream]);
            if !line.is_empty() {
                self.print(stream, line);
            }
        }
    }

    fn print(&mut self, stream: usize, text: String) {
        let kind = [EventKind::Stderr, EventKind::Stdout][stream];
        self.event(kind, String::new(), text, String::new());
    }

    fn alert(&mut self, alert: Alert) {
        let level = if alert.level.is_empty() { "INFO" } else { alert.level.as_str() };
        let data = json!({"level": level}).to_string();
        self.event(EventKind::Alert, alert.title, alert.text, data);
    }

    /// A version that the run made. Its number is given by W&B's server, so here it is called by its digest.
    fn artifact(&mut self, artifact: Artifact) {
        let entries = artifact.manifest.unwrap_or_default().contents;
        let size: i64 = entries.iter().fold(0, |sum, entry| sum.saturating_add(entry.size));
        let count = entries.len();
        let manifest: Map<String, Json> = entries
            .into_iter()
            .map(|entry| {
                let mut about = json!({"digest": entry.digest, "size": entry.size});
                if !entry.reference.is_empty() {
                    about["ref"] = entry.reference.into();
                }
                (entry.path, about)
            })
            .collect();
        self.head.left_out.push(format!(
            "the contents of artifact `{}`: W&B keeps them elsewhere until they are uploaded",
            artifact.name
        ));
        let data = json!({
            "uid": artifact.client_id, "type": artifact.kind, "digest": artifact.digest, "size": size, "file_count": count,
            "entity": artifact.entity, "project": artifact.project, "aliases": artifact.aliases, "tags": artifact.tags,
            "description": artifact.description, "metadata": json::parse(&artifact.metadata).unwrap_or_else(|| json!({})),
            "manifest": manifest,
        });
        self.event(EventKind::Artifact, artifact.name, "logged".to_owned(), data.to_string());
    }

    fn used(&mut self, used: UseArtifact) {
        let data = json!({"type": used.kind, "of": used.id}).to_string();
        self.event(EventKind::Artifact, used.name, "used".to_owned(), data);
    }

    fn event(&mut self, kind: EventKind, name: String, text: String, data: String) {
        self.said.push(Said::Event(Event { time: self.head.last, kind, name, text, data }));
    }

    fn finish(mut self) -> Head {
        for (key, value) in self.config {
            if key != "_wandb" || value != json!({}) {
                self.head.config.insert(key, Value::from(value).canonical());
            }
        }
        let summary = &mut self.head.summary;
        let lost = unfold(self.summary.into_iter().collect(), &mut |name, value| {
            summary.insert(name, Some(value));
        });
        self.head.lose("values of the summary are no JSON", lost);
        self.head
    }
}

/// Hands on values by their names: what is nested under names joined with dots, and media, which newer versions of W&B take
/// apart, as one value. Returns how many are no JSON.
fn unfold(items: Vec<(Vec<String>, String)>, take: &mut impl FnMut(String, Value)) -> u64 {
    let is_type = |path: &Vec<String>| path.len() > 1 && path.last().is_some_and(|name| name == "_type");
    let mut media: BTreeMap<Vec<String>, Map<String, Json>> = BTreeMap::new();
    for (path, _) in items.iter().filter(|(path, _)| is_type(path)) {
        media.insert(path[..path.len() - 1].to_vec(), Map::new());
    }
    let mut lost = 0;
    for (path, text) in items {
        let of = (1..path.len()).find(|length| media.contains_key(&path[..*length]));
        if let Some((length, members)) = of.and_then(|length| Some((length, media.get_mut(&path[..length])?)))
        {
            lost += u64::from(
                !json::parse(&text).is_some_and(|value| json::set(members, &path[length..], value)),
            );
            continue;
        }
        let name = match <[String; 1]>::try_from(path) {
            Ok([name]) => name,
            Err(path) => path.join("."),
        };
        lost += u64::from(!each(&name, &text, take));
    }
    for (path, members) in media.into_iter().filter(|(_, members)| !members.is_empty()) {
        take(path.join("."), Value::from(Json::Object(members)));
    }
    lost
}

/// Hands on the values in a JSON text under their names; false if it is none.
fn each(name: &str, text: &str, take: &mut impl FnMut(String, Value)) -> bool {
    if text.starts_with('{') {
        let Some(parsed) = json::parse(text) else { return false };
        json::flatten(name.to_owned(), parsed, take);
        return true;
    }
    json::value(text).map(|value| take(name.to_owned(), value)).is_some()
}

//! The file store: `mlruns/<experiment>/<run>/` with `meta.yaml`, and a file for each metric, parameter and tag.

use super::metrics::{Rows, read_metrics};
use super::run::{About, Read, RunStatus, Stage};
use crate::import::ledger::Ledger;
use crate::model::{Error, Result, limits};
use serde::Deserialize;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};

/// `meta.yaml` of a run or of an experiment.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Meta {
    run_id: Option<String>,
    run_uuid: Option<String>,
    run_name: Option<String>,
    name: Option<String>,
    user_id: Option<String>,
    lifecycle_stage: Option<String>,
    artifact_uri: Option<String>,
    status: Option<Status>,
    start_time: Option<i64>,
    end_time: Option<i64>,
}

/// A number, or the word for it.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Status {
    Number(i64),
    Word(String),
}

/// Says whether a directory is a run.
pub(in crate::import) fn is_run(directory: &Path) -> bool {
    let has = |name: &str| directory.join(name).is_dir();
    directory.join("meta.yaml").is_file()
        && (has("metrics") || has("params") || has("tags"))
        && text(&directory.join("meta.yaml"))
            .is_ok_and(|meta| meta.contains("run_uuid:") || meta.contains("run_id:"))
}

/// Reads which run a directory is.
pub(super) fn about(directory: &Path) -> Result<About> {
    let meta = meta(directory)?;
    let missing = || Error::damaged(format!("`{}` has no run id", directory.join("meta.yaml").display()));
    let id = meta.run_id.or(meta.run_uuid).ok_or_else(missing)?;
    let above = directory.parent().unwrap_or(directory);
    let experiment = self::meta(above).unwrap_or_default();
    let deleted = |stage: &Option<String>| stage.as_deref() == Some("deleted");
    let in_trash = directory.components().any(|part| part.as_os_str() == OsStr::new(".trash"));
    let is_deleted = in_trash || deleted(&meta.lifecycle_stage) || deleted(&experiment.lifecycle_stage);
    let named = above.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(About {
        id,
        experiment: experiment.name.unwrap_or(named),
        stage: if is_deleted { Stage::Deleted } else { Stage::Active },
    })
}

/// Returns how large the metrics of a run are.
pub(super) fn bytes(directory: &Path) -> u64 {
    let size = |(_, path): (String, PathBuf)| path.metadata().map_or(0, |metadata| metadata.len());
    files(&directory.join("metrics")).into_iter().map(size).sum()
}

/// Reads a run.
pub(super) fn read(directory: &Path, ledger: &mut Ledger<'_>, rows: &mut Rows<'_>) -> Result<Read> {
    let meta = meta(directory)?;
    let status = match meta.status {
        Some(Status::Number(number)) => RunStatus::parse(&number.to_string()),
        Some(Status::Word(word)) => RunStatus::parse(&word),
        None => RunStatus::default(),
    };
    let mut read = Read {
        name: meta.run_name.or(meta.name).unwrap_or_default(),
        user: meta.user_id.unwrap_or_default(),
        status,
        start: meta.start_time.map(|ms| ms.saturating_mul(1000)),
        end: meta.end_time.map(|ms| ms.saturating_mul(1000)),
        ..Read::default()
    };
    for kind in ["params", "tags"] {
        for (name, path) in files(&directory.join(kind)) {
            match text(&path) {
                Ok(text) => read.text(kind, name, text),
                Err(_) => read.lose(format!("{kind} cannot be read"), 1),
            }
        }
    }
    for (name, path) in files(&directory.join("metrics")) {
        let key = rows.key(&name);
        let file = File::open(&path).map_err(|e| Error::io("open", &path, e))?;
        let lost = read_metrics(BufReader::new(file), |line, point| {
            let is_new = ledger.pass(&name, line);
            rows.add(key, point, is_new)
        });
        read.lose("lines of metrics are cut or damaged", lost.map_err(|e| e.doing("read", &path))?);
    }
    let artifacts = directory.join("artifacts");
    match meta.artifact_uri {
        _ if artifacts.is_dir() => read.artifacts = Some(artifacts),
        Some(uri) if !uri.starts_with("file:") && uri.contains("://") => {
            read.left_out.push(format!("the artifacts: they are at {uri}"));
        }
        _ => {}
    }
    Ok(read)
}

fn meta(directory: &Path) -> Result<Meta> {
    let path = directory.join("meta.yaml");
    serde_saphyr::from_str(&text(&path)?)
        .map_err(|e| Error::damaged(format!("`{}` is not what MLflow writes", path.display())).with_source(e))
}

/// Reads a small text.
fn text(path: &Path) -> Result<String> {
    let mut text = String::new();
    let read =
        File::open(path).and_then(|file| file.take(limits::IMPORT_TEXT_BYTES + 1).read_to_string(&mut text));
    read.map_err(|e| Error::io("read", path, e))?;
    if text.len() as u64 > limits::IMPORT_TEXT_BYTES {
        return Err(Error::damaged(format!("`{}` is larger than MLflow would write it", path.display())));
    }
    Ok(text)
}

/// Lists the files below a directory by their names, in which slashes stand for directories. Links are not followed.
fn files(directory: &Path) -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    let mut waiting = vec![(String::new(), directory.to_owned(), 0)];
    while let Some((prefix, directory, depth)) = waiting.pop() {
        let Ok(entries) = std::fs::read_dir(&directory) else { continue };
        for entry in entries.filter_map(std::result::Result::ok) {
            let Ok(kind) = entry.file_type() else { continue };
            let Ok(name) = entry.file_name().into_string() else { continue };
            let name = format!("{prefix}{name}");
            if kind.is_file() && found.len() < limits::IMPORT_KIND_FILES {
                found.push((name, entry.path()));
            } else if kind.is_dir() && depth < limits::IMPORT_DEPTH {
                waiting.push((format!("{name}/"), entry.path(), depth + 1));
            }
        }
    }
    found.sort();
    found
}

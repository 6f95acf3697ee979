//! The reading side of the API: projects, runs, history, files.

use super::App;
use super::answer::{Answer, blocking, run_blocking};
use super::auth::Asker;
use super::catalogue::{Listed, Project, Scope, Who};
use super::objects::parse;
use super::stream::{self, Range};
use crate::model::{Error, ErrorKind, Hash, Result};
use crate::query::{self, Axis, Column, FileInfo, RunDetails, Series};
use crate::remote::Object;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::IntoResponse;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

type Shared = State<Arc<App>>;

/// Which runs to list.
#[derive(Deserialize)]
pub(super) struct Filter {
    entity: Option<String>,
    project: Option<String>,
}

/// Which key of the history to read.
#[derive(Deserialize)]
pub(super) struct KeyName {
    key: String,
}

/// A key of the history and its values.
#[derive(Serialize)]
pub(super) struct KeySeries {
    key: String,
    #[serde(flatten)]
    series: Series,
}

/// `GET /projects`.
pub(super) async fn projects(State(app): Shared, who: Asker) -> Answer<Json<Vec<Project>>> {
    blocking(move || app.catalogue.projects(&who)).await
}

/// `GET /runs?entity=…&project=…`, newest first.
pub(super) async fn list(
    State(app): Shared,
    who: Asker,
    Query(filter): Query<Filter>,
) -> Answer<Json<Vec<serde_json::Value>>> {
    blocking(move || {
        let mut runs = app.catalogue.runs(filter.entity.as_deref(), filter.project.as_deref())?;
        runs.retain(|run| who.may(Scope::Read, &run.run.entity, &run.run.project).is_ok());
        Ok(runs.iter().map(|run| run.to_json(app.clock.now())).collect())
    })
    .await
}

/// `GET /runs/{key}`.
pub(super) async fn one(
    State(app): Shared,
    who: Asker,
    Path(key): Path<String>,
) -> Answer<Json<serde_json::Value>> {
    let key = parse(&key)?;
    blocking(move || shown(key, &app.details(&who, key)?)).await
}

/// `GET /runs/{key}/history?key=…`.
pub(super) async fn history(
    State(app): Shared,
    who: Asker,
    Path(key): Path<String>,
    Query(name): Query<KeyName>,
) -> Answer<Json<KeySeries>> {
    let key = parse(&key)?;
    blocking(move || {
        Ok(KeySeries { series: query::series(&app.open_run(&who, key)?, &name.key)?, key: name.key })
    })
    .await
}

/// What chart is asked for.
#[derive(Deserialize)]
pub(super) struct Chart {
    key: String,
    x: Option<String>,
    from: Option<f64>,
    to: Option<f64>,
    columns: Option<usize>,
}

/// `GET /runs/{key}/envelope?key=…&x=…&from=…&to=…&columns=…`.
pub(super) async fn envelope(
    State(app): Shared,
    who: Asker,
    Path(key): Path<String>,
    Query(chart): Query<Chart>,
) -> Answer<Json<Vec<Column>>> {
    let key = parse(&key)?;
    let axis = chart.x.unwrap_or_else(|| "_step".to_owned());
    let range = match (chart.from, chart.to) {
        (None, None) => None,
        (Some(from), Some(to)) => Some((from, to)),
        _ => return Err(Error::usage("A chart has `from` and `to`, or neither of them").into()),
    };
    let columns = chart.columns.unwrap_or(2000);
    blocking(move || {
        query::envelope(&[app.open_run(&who, key)?], &chart.key, Axis::named(&axis), range, columns)
    })
    .await
}

/// `GET /runs/{key}/files`.
pub(super) async fn files(
    State(app): Shared,
    who: Asker,
    Path(key): Path<String>,
) -> Answer<Json<Vec<FileInfo>>> {
    let key = parse(&key)?;
    blocking(move || Ok(app.details(&who, key)?.files)).await
}

/// `GET /runs/{key}/files/{path}`: the newest version, always as a download.
pub(super) async fn file(
    State(app): Shared,
    who: Asker,
    Path((key, path)): Path<(String, String)>,
) -> Answer<impl IntoResponse> {
    let key = parse(&key)?;
    let opened = Arc::clone(&app);
    let found = run_blocking(move || {
        let files = opened.details(&who, key)?.files;
        files.into_iter().find(|file| file.path == path).ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("The run has no file `{}`", path.escape_debug()))
        })
    })
    .await?;
    let name = found.path.rsplit('/').next().unwrap_or_default();
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' }).collect();
    let headers = [(header::CONTENT_DISPOSITION, format!("attachment; filename=\"{plain}\""))];
    let body = stream::blob(app, Object::Blob(found.sha256), found.size, Range::Whole).await?;
    Ok((headers, body))
}

impl App {
    fn listed(&self, who: &Who, key: Hash) -> Result<Listed> {
        let none = || Error::new(ErrorKind::NotFound, format!("There is no run {key}"));
        let listed = self.catalogue.run(key)?.filter(|run| run.removed.is_none()).ok_or_else(none)?;
        who.may(Scope::Read, &listed.run.entity, &listed.run.project)?;
        Ok(listed)
    }

    fn open_run(&self, who: &Who, key: Hash) -> Result<Connection> {
        self.open_current(key, self.listed(who, key)?.digest)
    }

    fn details(&self, who: &Who, key: Hash) -> Result<RunDetails> {
        let connection = self.open_run(who, key)?;
        let info = query::info_alone(&connection, &self.files.path(key))?;
        query::details(&connection, info)
    }
}

/// Returns a run as the API shows it: in a list, or with all that is known.
fn shown(key: Hash, details: &RunDetails) -> Result<serde_json::Value> {
    let mut value =
        serde_json::to_value(details).map_err(|e| Error::damaged("Cannot show a run").with_source(e))?;
    if let Some(object) = value.as_object_mut() {
        object.shift_remove("path");
        object.shift_remove("parts");
        object.insert("key".to_owned(), key.to_string().into());
    }
    Ok(value)
}

//! Artifacts of a project, and what made and used them.

use super::App;
use super::answer::{Answer, blocking};
use super::auth::Asker;
use super::catalogue::{Listed, Scope};
use super::database::cells;
use super::described::Errors;
use super::extract::{Path, Query, at_most};
use crate::model::{Error, ErrorKind, Hash, Result};
use crate::query::{self, ArtifactEvent, ArtifactVersion};
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use utoipa::{IntoParams, ToSchema};

/// Most runs of a project whose artifacts are put together.
const RUNS: usize = 10_000;

/// What runs said of artifacts, by the run and for the digest that it had.
pub(super) type Heard = Mutex<HashMap<Hash, (Hash, Arc<Vec<ArtifactEvent>>)>>;

/// A project.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ProjectIn {
    /// Its entity; empty by default.
    #[serde(default)]
    entity: String,
    /// The project.
    project: String,
}

/// Lists the versions of all artifacts of the runs of a project, by name and number.
#[utoipa::path(get, path = "/artifacts", tag = "artifacts", params(ProjectIn),
    responses((status = 200, body = Vec<ArtifactVersion>), Errors))]
pub(super) async fn artifacts(
    State(app): State<Arc<App>>,
    who: Asker,
    Query(place): Query<ProjectIn>,
) -> Answer<Json<Vec<ArtifactVersion>>> {
    blocking(move || app.artifacts(&who, &place.entity, &place.project)).await
}

/// What a run made and used.
#[derive(Serialize, ToSchema)]
pub(super) struct OfRun {
    /// The versions that it made.
    made: Vec<ArtifactVersion>,
    /// The versions that it used.
    used: Vec<ArtifactVersion>,
}

/// Lists the versions of artifacts that a run made and used.
#[utoipa::path(get, path = "/runs/{key}/artifacts", tag = "artifacts", params(super::described::RunKey),
    responses((status = 200, body = OfRun), Errors))]
pub(super) async fn of_run(
    State(app): State<Arc<App>>,
    who: Asker,
    Path(key): Path<String>,
) -> Answer<Json<OfRun>> {
    blocking(move || {
        let listed = app.target(&who, &key, Scope::Read)?;
        let all = app.artifacts(&who, &listed.run.entity, &listed.run.project)?;
        let id = listed.run.id.as_str();
        let made =
            all.iter().filter(|version| version.made_by.iter().any(|run| run == id)).cloned().collect();
        let used = all.into_iter().filter(|version| version.used_by.iter().any(|run| run == id)).collect();
        Ok(OfRun { made, used })
    })
    .await
}

/// Whose lineage.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LineageIn {
    /// The entity; empty by default.
    #[serde(default)]
    entity: String,
    /// The project.
    project: String,
    /// Only what leads to and from this: a name with a version or an alias, such as `cells:v3`.
    artifact: Option<String>,
}

/// What came of what.
#[derive(Serialize, ToSchema)]
pub(super) struct Lineage {
    /// The versions.
    artifacts: Vec<ArtifactVersion>,
    /// The ids of the runs.
    runs: Vec<String>,
    /// Which run made a version, and which used it.
    edges: Vec<Edge>,
}

/// A step from a run to what it made, or from a version to the run that used it.
#[derive(Serialize, ToSchema)]
pub(super) struct Edge {
    /// The run.
    run: String,
    /// The `uid` of the version.
    artifact: String,
    /// `made` or `used`.
    how: &'static str,
}

/// Returns which runs made and used which versions, of all of a project or around one.
#[utoipa::path(get, path = "/artifacts/lineage", tag = "artifacts", params(LineageIn),
    responses((status = 200, body = Lineage), Errors))]
pub(super) async fn lineage(
    State(app): State<Arc<App>>,
    who: Asker,
    Query(wanted): Query<LineageIn>,
) -> Answer<Json<Lineage>> {
    blocking(move || {
        let all = app.artifacts(&who, &wanted.entity, &wanted.project)?;
        match &wanted.artifact {
            None => Ok(lineage_of(all)),
            Some(name) => around(all, name).map(lineage_of),
        }
    })
    .await
}

/// Keeps the versions that lead to one, and those that it leads to.
fn around(all: Vec<ArtifactVersion>, name: &str) -> Result<Vec<ArtifactVersion>> {
    let (artifact, version) = name.split_once(':').unwrap_or((name, "latest"));
    let is_it = |one: &&ArtifactVersion| {
        one.name == artifact && (one.version == version || one.aliases.iter().any(|alias| alias == version))
    };
    let one = all.iter().find(is_it).ok_or_else(|| {
        Error::new(ErrorKind::NotFound, format!("There is no artifact `{}`", name.escape_debug()))
    })?;
    let mut kept = BTreeSet::from([one.uid.clone()]);
    for back in [true, false] {
        let mut reached = BTreeSet::from([one.uid.clone()]);
        loop {
            let before = reached.len();
            let here: BTreeSet<&String> = all
                .iter()
                .filter(|version| reached.contains(&version.uid))
                .flat_map(|version| if back { &version.made_by } else { &version.used_by })
                .collect();
            let next = all.iter().filter(|version| {
                let runs = if back { &version.used_by } else { &version.made_by };
                runs.iter().any(|run| here.contains(run))
            });
            let next: Vec<String> = next.map(|version| version.uid.clone()).collect();
            reached.extend(next);
            if reached.len() == before {
                break;
            }
        }
        kept.extend(reached);
    }
    Ok(all.into_iter().filter(|version| kept.contains(&version.uid)).collect())
}

fn lineage_of(artifacts: Vec<ArtifactVersion>) -> Lineage {
    let mut edges = Vec::new();
    for version in &artifacts {
        for (how, runs) in [("made", &version.made_by), ("used", &version.used_by)] {
            let edge = |run: &String| Edge { run: run.clone(), artifact: version.uid.clone(), how };
            edges.extend(runs.iter().map(edge));
        }
    }
    let runs: BTreeSet<String> = edges.iter().map(|edge| edge.run.clone()).collect();
    Lineage { artifacts, runs: runs.into_iter().collect(), edges }
}

impl App {
    fn artifacts(&self, who: &Asker, entity: &str, project: &str) -> Result<Vec<ArtifactVersion>> {
        let unknown = || Error::new(ErrorKind::NotFound, "There is no such project");
        who.may(Scope::Read, entity, project).map_err(|_| unknown())?;
        let sql = format!(
            "SELECT {} FROM run AS r WHERE r.entity = ?1 AND r.project = ?2 AND r.removed IS NULL ORDER BY r.started LIMIT ?3",
            Listed::COLUMNS
        );
        let rows = self.catalogue.database().query(&sql, cells![entity, project, RUNS as u64 + 1])?;
        at_most("runs", rows.len(), RUNS)?;
        if rows.is_empty() {
            return Err(unknown());
        }
        let mut events = Vec::new();
        for row in &rows {
            events.extend(self.heard(&Listed::read(row)?)?.iter().cloned());
        }
        Ok(query::artifacts(events))
    }

    fn heard(&self, listed: &Listed) -> Result<Arc<Vec<ArtifactEvent>>> {
        let known = || self.artifacts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, events)) = known().get(&listed.key).filter(|(digest, _)| *digest == listed.digest) {
            return Ok(Arc::clone(events));
        }
        let events = Arc::new(query::artifact_events(&self.open_run(listed)?, listed.run.id.as_str())?);
        let mut known = known();
        if known.len() > 10 * RUNS {
            known.clear();
        }
        known.insert(listed.key, (listed.digest, Arc::clone(&events)));
        Ok(events)
    }
}

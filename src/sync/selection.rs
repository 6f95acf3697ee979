//! What of the runs is meant: which runs, and which of their files.

use super::source::{Content, Name, Source};
use super::state::State;
use crate::model::{Error, ErrorKind, Hash, Result};
use crate::query::Filter;
use glob::Pattern;
use std::collections::{BTreeMap, BTreeSet};

/// What to push. By default, everything.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Runs by id, `project/id`, `entity/project/id`, or the name of the run file; all if there are none.
    pub runs: Vec<String>,
    /// Only of this project.
    pub project: Option<String>,
    /// Only of this team or user.
    pub entity: Option<String>,
    /// Only those that it matches.
    pub filter: Option<Filter>,
    /// Only files whose stored path matches one of these; all if there are none.
    pub include: Vec<Pattern>,
    /// No files whose stored path matches one of these.
    pub exclude: Vec<Pattern>,
    /// No files that are larger.
    pub max_size: Option<u64>,
}

impl Selection {
    /// Reads a glob.
    ///
    /// # Errors
    /// It is none.
    pub fn glob(text: &str) -> Result<Pattern> {
        Pattern::new(text).map_err(|e| {
            Error::usage(format!("`{text}` is no pattern of names")).with_source(e).with_hint(
                "`*` is any letters, `?` one, such as `*.ckpt` or `media/*`; quote it for the shell",
            )
        })
    }

    /// Says whether every run is meant.
    pub fn is_of_all_runs(&self) -> bool {
        self.runs.is_empty() && self.project.is_none() && self.entity.is_none() && self.filter.is_none()
    }

    /// Says whether a run is meant, as far as its name tells.
    pub fn takes(&self, name: &Name, file: &str) -> bool {
        let named = |wanted: &String| {
            *wanted == name.id
                || *wanted == file
                || *wanted == format!("{}/{}", name.project, name.id)
                || *wanted == format!("{}/{}/{}", name.entity, name.project, name.id)
        };
        (self.runs.is_empty() || self.runs.iter().any(named))
            && self.project.as_ref().is_none_or(|project| *project == name.project)
            && self.entity.as_ref().is_none_or(|entity| *entity == name.entity)
    }

    /// Says whether some files may be left out.
    pub fn has_limits(&self) -> bool {
        !self.include.is_empty() || !self.exclude.is_empty() || self.max_size.is_some()
    }

    /// Returns a text that tells what is chosen of the files from what another choice chooses.
    pub fn signature(&self) -> String {
        if !self.has_limits() {
            return String::new();
        }
        let texts =
            |patterns: &[Pattern]| -> Vec<String> { patterns.iter().map(Pattern::to_string).collect() };
        serde_json::json!([texts(&self.include), texts(&self.exclude), self.max_size]).to_string()
    }

    /// Lists the contents of a run that are not to be pushed: those that no chosen path has.
    ///
    /// # Errors
    /// The run cannot be read, or its source knows no paths.
    pub fn left_out(&self, content: &dyn Content) -> Result<BTreeSet<Hash>> {
        if !self.has_limits() {
            return Ok(BTreeSet::new());
        }
        let chosen_by_size = |size: u64| self.max_size.is_none_or(|most| size <= most);
        if self.include.is_empty() && self.exclude.is_empty() {
            let blobs = content.manifest().blobs.iter();
            return Ok(blobs.filter(|blob| !chosen_by_size(blob.size)).map(|blob| blob.sha256).collect());
        }
        let mut chosen: BTreeMap<Hash, bool> = BTreeMap::new();
        for (path, blob) in content.paths()? {
            let by_name = (self.include.is_empty() || self.include.iter().any(|glob| glob.matches(&path)))
                && !self.exclude.iter().any(|glob| glob.matches(&path));
            *chosen.entry(blob.sha256).or_default() |= by_name && chosen_by_size(blob.size);
        }
        Ok(chosen.into_iter().filter(|(_, chosen)| !chosen).map(|(hash, _)| hash).collect())
    }
}

/// Checks that a source has all runs that are named.
///
/// # Errors
/// [`crate::ErrorKind::NotFound`] for a name that there is no run of; or the source cannot be read.
pub fn check_named(named: &[String], source: &dyn Source, state: &State) -> Result<()> {
    let facts = state.facts()?;
    let mut left: BTreeSet<&String> = named.iter().collect();
    for candidate in source.list()? {
        let known = facts.get(&candidate.file).filter(|facts| facts.stamp == candidate.stamp);
        let name = candidate.name.or_else(|| {
            let facts = known?;
            Some(Name { entity: facts.entity.clone(), project: facts.project.clone(), id: facts.id.clone() })
        });
        // A run that is still written has no facts, and is opened for its name.
        let name = name.or_else(|| source.open(&candidate.place, true).ok().map(|run| run.name()));
        let Some(name) = name else { continue };
        left.retain(|wanted| {
            let one = Selection { runs: vec![(*wanted).clone()], ..Selection::default() };
            !one.takes(&name, &candidate.file)
        });
        if left.is_empty() {
            return Ok(());
        }
    }
    let missing: Vec<String> = left.into_iter().map(|name| format!("`{name}`")).collect();
    Err(Error::new(
        ErrorKind::NotFound,
        format!("There is no run {} in `{}`", missing.join(", "), source.name()),
    )
    .with_hint("`danlu ls` lists the runs; `--run` takes whole ids"))
}

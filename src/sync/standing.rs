//! How runs stand at a remote, as far as is known here.

use super::pass::{HINT, begun};
use super::plan::Known;
use super::source::{Candidate, Listed, Place, Source};
use super::state::{Facts, Held, State};
use crate::model::{AttemptId, Hash, Result};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// How a run stands at a remote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum At {
    /// The remote has something else under one of its attempts, or the run was begun more than once.
    Diverged,
    /// It cannot be pushed until it changes.
    Parked,
    /// Something went wrong the last time.
    Failed,
    /// It was never pushed.
    LocalOnly,
    /// The remote has some of it: what it was before, or all but some files.
    Partly,
    /// It is still written, and was not pushed yet.
    Running,
    /// The remote has proved that it holds all of it.
    Pushed,
}

/// A run at a remote.
#[derive(Debug, Clone, Serialize)]
pub struct RunAt {
    /// The run id.
    pub id: String,
    /// The project.
    pub project: String,
    /// How it stands.
    pub status: At,
    /// Records that the remote proved to hold; also the number of the last, if one attempt wrote them.
    pub records: u64,
    /// The digest of the run that it proved.
    pub digest: Option<Hash>,
    /// When that was, in microseconds since 1970.
    pub time: Option<i64>,
    /// Contents that were left out by choice, and that the remote has not either.
    pub left_out: u64,
    /// Their bytes.
    pub left_bytes: u64,
    /// What is wrong, or what is missing.
    pub why: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Says how the run files of a directory stand at a remote, from what is written down. No run file is opened.
///
/// # Errors
/// What the syncer knows cannot be read.
pub fn standing(candidates: &[Candidate], state: &State, remote: Option<AttemptId>) -> Result<Vec<RunAt>> {
    let facts = state.facts()?;
    let held = match remote {
        Some(remote) => state.known_at(remote)?,
        None => BTreeMap::new(),
    };
    let twice = begun_twice(candidates, &facts, &held);
    let stand = |candidate: &Candidate| {
        let facts = facts.get(&candidate.file);
        let mut run = one(candidate, facts, held.get(&candidate.file));
        let is_twice = facts.is_some_and(|facts| facts.begins.is_some() && twice.contains(&facts.key));
        if is_twice && run.digest.is_some() && matches!(run.status, At::Pushed | At::Partly | At::Diverged) {
            run.status = At::Diverged;
            run.why = Some("begun more than once here: the remote has all of it as one run".to_owned());
            run.hint = Some(HINT.to_owned());
        }
        run
    };
    Ok(candidates.iter().map(stand).collect())
}

/// Returns the runs that several files begin of which the remote has some.
fn begun_twice(
    candidates: &[Candidate],
    facts: &BTreeMap<String, Facts>,
    held: &BTreeMap<String, Held>,
) -> BTreeSet<Option<Hash>> {
    let there = candidates
        .iter()
        .filter(|candidate| held.get(&candidate.file).is_some_and(|held| held.known.proved().is_some()));
    let mut begun: BTreeMap<Option<Hash>, BTreeSet<i64>> = BTreeMap::new();
    for facts in there.filter_map(|candidate| facts.get(&candidate.file)) {
        begun.entry(facts.key).or_default().extend(facts.begins);
    }
    begun.into_iter().filter(|(_, attempts)| attempts.len() > 1).map(|(key, _)| key).collect()
}

/// Corrects what is written down by what a remote lists. Runs of which it lists something else than it proved are opened.
pub fn compare(
    runs: &mut [RunAt],
    source: &dyn Source,
    candidates: &[Candidate],
    held: &BTreeMap<String, Held>,
    listed: &HashMap<Hash, Listed>,
) {
    for (run, candidate) in runs.iter_mut().zip(candidates) {
        let Some(held) = held.get(&candidate.file) else { continue };
        let is_there = matches!(run.status, At::Pushed | At::Partly) || held.known.apart().is_some();
        let Some(proved) = held.known.proved().filter(|_| is_there) else { continue };
        let (status, why) = match listed.get(&held.key) {
            None => (At::LocalOnly, "the remote had it, and has it no more"),
            Some(there) if there.seen.digest == proved.there && there.absent <= proved.absent => continue,
            Some(there) if there.seen.digest == proved.there => {
                (At::Partly, "the remote has fewer of its files than it had")
            }
            Some(there) if there.seen.records < proved.records => {
                (At::Partly, "the remote has less of it than it had")
            }
            Some(_) if run.status == At::Diverged => continue,
            // It came from there since, or through another remote.
            Some(there) if has_all_of(source, candidate, *there) => {
                (run.status, run.why, run.hint) = all_there(there.seen.open);
                continue;
            }
            Some(_) if proved.open => {
                run.why = Some("its writer has pushed more of it".to_owned());
                run.hint = Some("`danlu pull` brings it".to_owned());
                continue;
            }
            Some(_) => {
                run.why = Some("the remote has more of it, from elsewhere".to_owned());
                run.hint =
                    Some("`danlu sync --recheck` tells whether that follows from what is here".to_owned());
                continue;
            }
        };
        run.status = status;
        run.why = Some(why.to_owned());
        run.hint = Some("`danlu sync --recheck` sends what is missing".to_owned());
    }
}

/// Says whether a run has the same records here as a remote lists, and the remote all of its files.
fn has_all_of(source: &dyn Source, candidate: &Candidate, there: Listed) -> bool {
    let here = source.open(&candidate.place, true);
    here.is_ok_and(|here| Listed::of(&here.manifest().head()).is_all_at(&there))
}

fn one(candidate: &Candidate, facts: Option<&Facts>, held: Option<&Held>) -> RunAt {
    let known: Option<&Known> = held.map(|held| &held.known);
    let proved = known.and_then(Known::proved);
    let id = match (&candidate.place, facts) {
        (_, Some(facts)) if !facts.id.is_empty() => facts.id.clone(),
        (Place::File(..), _) => super::pass::id_of(&candidate.file),
        (Place::Key(_), _) => candidate.file.clone(),
    };
    let (status, why, hint) = status_of(candidate, facts, held);
    RunAt {
        id,
        project: facts.map(|facts| facts.project.clone()).unwrap_or_default(),
        status,
        records: proved.map_or(0, |proved| proved.records_then.max(proved.records)),
        digest: proved.map(|proved| proved.digest),
        time: held.filter(|_| proved.is_some()).map(|held| held.time),
        left_out: held.map_or(0, |held| held.left_out),
        left_bytes: held.map_or(0, |held| held.left_bytes),
        why,
        hint,
    }
}

type Judged = (At, Option<String>, Option<String>);

/// All of it is there, and its writer may have more.
fn all_there(open: bool) -> Judged {
    (At::Pushed, open.then(|| "it has not ended, as far as it is here".to_owned()), None)
}

/// All is there, but for files that were left out.
fn proved(held: &Held) -> Judged {
    if held.left_out == 0 {
        return all_there(held.known.proved().is_some_and(|proved| proved.open));
    }
    (At::Partly, None, Some("`danlu sync` without limits sends those that are here".to_owned()))
}

fn status_of(candidate: &Candidate, facts: Option<&Facts>, held: Option<&Held>) -> Judged {
    let as_read = facts.filter(|facts| facts.stamp == candidate.stamp);
    if let Some(Facts { error: Some(error), hint, .. }) = as_read {
        return (At::Parked, Some(error.clone()), hint.clone());
    }
    let Some(held) = held else {
        return (if candidate.running { At::Running } else { At::LocalOnly }, None, None);
    };
    if let Some(apart) = held.known.apart() {
        return (
            At::Diverged,
            Some(format!("{}: the remote has both as one run", begun(apart))),
            Some(HINT.to_owned()),
        );
    }
    let same = as_read
        .is_some_and(|facts| facts.content.is_some_and(|content| held.known.has_proved_content(content)));
    if same {
        return proved(held);
    }
    if let Some(parked) = held.known.parked() {
        let at = if parked.diverged { At::Diverged } else { At::Parked };
        return (at, Some(parked.why.clone()), parked.hint.clone());
    }
    if let Some(trouble) = held.known.trouble() {
        return (At::Failed, Some(trouble.why.clone()), trouble.hint.clone());
    }
    // The last sync may have been to another remote, and about other files.
    if as_read.and_then(|facts| facts.digest).is_some_and(|digest| held.known.has_proved_records(digest)) {
        return proved(held);
    }
    match (held.known.proved(), candidate.running) {
        (Some(_), true) => (At::Partly, Some("it is still being written".to_owned()), None),
        (Some(_), false) => (At::Partly, Some("it has changed since it was pushed".to_owned()), None),
        (None, true) => (At::Running, None, None),
        (None, false) => (At::LocalOnly, None, None),
    }
}

//! Several files, one run: writers beside each other have a file each.

use super::runs::{RunDetails, RunInfo, State, details};
use crate::model::Result;
use crate::store;
use std::collections::{BTreeMap, BTreeSet};

/// Unites the files of runs that were written by several processes at once, as ranks do. The order stays.
///
/// A file begins a run of its own, even under an id that was there before, unless it goes on with it or has a rank.
///
/// # Errors
/// A run file cannot be read.
pub fn unite(files: Vec<RunInfo>) -> Result<Vec<RunInfo>> {
    let mut runs: Vec<RunInfo> = Vec::new();
    let mut newest: BTreeMap<(String, String, String), usize> = BTreeMap::new();
    for file in files {
        let key = (file.entity.clone(), file.project.clone(), file.id.clone());
        match newest.get(&key).and_then(|place| runs.get_mut(*place)).filter(|run| belongs(&file, run)) {
            Some(run) => join(run, file),
            None => {
                newest.insert(key, runs.len());
                runs.push(file);
            }
        }
    }
    for run in runs.iter_mut().filter(|run| run.parts.len() > 1 && run.digest.is_some()) {
        run.digest = digest(run)?;
    }
    Ok(runs)
}

/// Returns `entity/project/id`, or what there is of that.
pub fn full_name(run: &RunInfo) -> String {
    crate::model::full_name(&[&run.entity, &run.project, &run.id])
}

/// Lists the names of runs that were begun several times under one id, each time anew.
pub fn namesakes(files: &[RunInfo]) -> BTreeSet<String> {
    let mut begun = BTreeSet::new();
    let begins = files.iter().filter(|file| !file.resumed && file.rank.is_none());
    begins.map(full_name).filter(|name| !begun.insert(name.clone())).collect()
}

fn belongs(file: &RunInfo, run: &RunInfo) -> bool {
    file.resumed || (file.rank.is_some() && run.rank.is_some() && !run.ranks.contains(&file.rank))
}

fn join(run: &mut RunInfo, file: RunInfo) {
    run.state = worst(run.state, file.state);
    run.exit_code = run.exit_code.zip(file.exit_code).map(|(a, b)| if a == 0 { b } else { a });
    run.ended = run.ended.zip(file.ended).map(|(a, b)| a.max(b));
    run.last_step = run.last_step.max(file.last_step);
    run.records += file.records;
    run.lost += file.lost;
    run.bytes += file.bytes;
    run.ranks.push(file.rank);
    run.rank = file.rank.or(run.rank);
    run.digest = run.digest.and(file.digest);
    run.path = file.path;
    run.parts.extend(file.parts);
}

/// A run runs while one of its writers does, and has crashed or failed if one of them has.
fn worst(a: State, b: State) -> State {
    let order = [State::Running, State::Crashed, State::Failed, State::Finished];
    order.into_iter().find(|state| [a, b].contains(state)).unwrap_or(a)
}

fn digest(run: &RunInfo) -> Result<Option<crate::model::Hash>> {
    let mut attempts = Vec::new();
    let mut key = None;
    for part in &run.parts {
        let connection = store::open_packed(part)?;
        key = Some(store::run_key(&connection)?);
        attempts.extend(store::attempts(&connection)?.into_iter().map(|found| (found.attempt, found.digest)));
    }
    let sealed: Option<Vec<_>> =
        attempts.into_iter().map(|(attempt, digest)| Some((attempt, digest?))).collect();
    Ok(key.zip(sealed).map(|(key, attempts)| store::run_digest(&key, attempts)))
}

/// Reads everything about a run except its rows. Of what several files say of the same key or path, the newest counts.
///
/// # Errors
/// A run file cannot be read.
pub fn united_details(run: &RunInfo) -> Result<RunDetails> {
    let mut all: Option<RunDetails> = None;
    for part in &run.parts {
        let one = store::open(part).and_then(|file| details(&file, run.clone()));
        let one = one.map_err(|e| e.doing("read", part))?;
        all = Some(match all {
            Some(known) => join_details(known, one),
            None => one,
        });
    }
    all.map_or_else(|| details(&store::open(&run.path)?, run.clone()), Ok)
}

fn join_details(mut known: RunDetails, newer: RunDetails) -> RunDetails {
    for (ours, theirs) in [(&mut known.config, newer.config), (&mut known.summary, newer.summary)] {
        if let (Some(ours), serde_json::Value::Object(theirs)) = (ours.as_object_mut(), theirs) {
            ours.extend(theirs);
        }
    }
    for key in newer.keys {
        match known.keys.iter_mut().find(|ours| ours.key == key.key) {
            Some(ours) => ours.points += key.points,
            None => known.keys.push(key),
        }
    }
    known.files.retain(|ours| newer.files.iter().all(|theirs| theirs.path != ours.path));
    known.files.extend(newer.files);
    known.losses.extend(newer.losses);
    known.past.join(newer.past);
    known
}

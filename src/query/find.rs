//! Which run a name means.

use super::runs::{Found, RunInfo, list, read, run_directory};
use super::unite::{full_name, unite};
use crate::model::{Error, ErrorKind, Result};
use crate::store;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Finds a run of a directory by `latest`, its path, its id, or the beginning of its id; in front of the id may be its
/// project, or entity and project. Of several runs with the same name the newest counts,
/// and that is said.
///
/// # Errors
/// [`ErrorKind::NotFound`] if there is none, [`ErrorKind::Usage`] if the name fits several, or is that of a file which is no
/// run file; or what is wrong with its file.
pub fn find(dir: &Path, name: &str, host: &str, now: i64, warn: &dyn Fn(String)) -> Result<RunInfo> {
    if name.is_empty() {
        return Err(Error::usage("The name of the run is empty").with_hint("`danlu ls` lists the runs"));
    }
    let as_path = Path::new(name);
    if (name.ends_with(".sqlite") || name.contains('/')) && as_path.is_file() {
        let path = as_path.canonicalize().map_err(|e| Error::io("open the run file", as_path, e))?;
        let nothing = || {
            Error::damaged(format!("`{name}` holds no run: its writer was killed before it said anything"))
        };
        return read(&path, &store::journals_of(&path)?, host, now, warn)?.ok_or_else(nothing);
    }
    let Found { runs, unreadable } = list(dir, host, now, warn)?;
    let mut runs = unite(runs)?;
    if name == "latest" {
        let linked = run_directory(dir).join(store::LATEST).read_link().ok();
        let is_linked = |run: &RunInfo| {
            run.parts.iter().any(|part| part.file_name() == linked.as_ref().map(|link| link.as_os_str()))
        };
        let place = runs.iter().position(is_linked).or(runs.len().checked_sub(1));
        return place.map(|place| runs.swap_remove(place)).ok_or_else(|| missing(dir, "There are no runs"));
    }
    if let Some(place) = named(&runs, name)? {
        tell_namesakes(&runs, place, warn);
        return Ok(runs.swap_remove(place));
    }
    let id = name.rsplit_once('/').map_or(name, |(_, id)| id);
    if let Some((_, e)) = unreadable.into_iter().find(|(path, _)| store::is_named_after(path, id)) {
        return Err(e);
    }
    store::check_is_file(as_path)?;
    if name.ends_with(".sqlite") {
        as_path.metadata().map_err(|e| Error::io("open the run file", as_path, e))?;
    }
    Err(missing(dir, &format!("There is no run `{name}`")))
}

/// Says whether a run is one that was named.
type Fits<'a> = &'a dyn Fn(&RunInfo) -> bool;

/// Finds which of the runs, the oldest first, a name means: the newest of those that it fits best. The name is an id or the
/// beginning of one, with its project, or entity and project, in front or not.
///
/// # Errors
/// [`ErrorKind::Usage`] if the name fits several.
pub fn named(runs: &[RunInfo], name: &str) -> Result<Option<usize>> {
    let (scope, id) = name.rsplit_once('/').map_or((None, name), |(scope, id)| (Some(scope), id));
    if id.is_empty() {
        return Ok(None);
    }
    let in_scope = |run: &RunInfo| {
        scope.is_none_or(|scope| scope == run.project || scope == format!("{}/{}", run.entity, run.project))
    };
    let whole = |run: &RunInfo| full_name(run) == name;
    let exact = |run: &RunInfo| in_scope(run) && run.id == id;
    let begins = |run: &RunInfo| in_scope(run) && run.id.starts_with(id);
    let ways: [(Fits<'_>, _); 3] =
        [(&whole, "the name"), (&exact, "the id"), (&begins, "the beginning of the id")];
    for (fits, what) in ways {
        let names: BTreeSet<String> = runs.iter().filter(|run| fits(run)).map(full_name).collect();
        match names.len() {
            0 => {}
            1 => return Ok(runs.iter().rposition(fits)),
            _ => {
                let names = Vec::from_iter(names);
                return Err(Error::usage(format!(
                    "`{name}` is {what} of several runs: {}",
                    names.join(", ")
                ))
                .with_hint(format!("give one of these names, such as `{}`", names[0])));
            }
        }
    }
    Ok(None)
}

/// Says that there are others of the same name.
fn tell_namesakes(runs: &[RunInfo], place: usize, warn: &dyn Fn(String)) {
    let name = full_name(&runs[place]);
    let others = runs[..place].iter().filter(|run| full_name(run) == name);
    let others: Vec<String> = others.map(|run| format!("`{}`", run.path.display())).collect();
    if !others.is_empty() {
        warn(format!(
            "Several runs are called {name}, and this is the newest of them; by its path you get {}",
            others.join(" or ")
        ));
    }
}

fn missing(dir: &Path, message: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("{message} in `{}`", run_directory(dir).display()))
        .with_hint("`danlu ls` lists the runs; `--dir` looks elsewhere")
}

/// Lists the files that look like those of a run of this id and cannot be read.
///
/// # Errors
/// The directory cannot be read.
pub fn unreadable_of(
    dir: &Path,
    id: &str,
    host: &str,
    now: i64,
    warn: &dyn Fn(String),
) -> Result<Vec<PathBuf>> {
    let unreadable = list(dir, host, now, warn)?.unreadable.into_iter().map(|(path, _)| path);
    Ok(unreadable.filter(|path| store::is_named_after(path, id)).collect())
}

//! The stored files of a run, with all their versions.

use super::RunInfo;
use crate::model::{Error, ErrorKind, Hash, Result};
use crate::store;
use rusqlite::Connection;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Names suggested when one is unknown.
const SUGGESTIONS: usize = 3;

/// A version of a stored file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FileVersion {
    /// The path that it is stored under.
    pub path: String,
    /// Counts the versions of the path from 1, the oldest.
    pub version: u64,
    /// Its length in bytes.
    pub size: u64,
    /// When it was stored, in seconds since 1970-01-01 UTC.
    pub time: f64,
    /// The name of its blob.
    pub sha256: Hash,
    /// The run file that it is in.
    #[serde(skip)]
    pub(super) part: PathBuf,
}

/// Lists every version of every file of a run, ascending by path and age. What several files of the run say of one
/// path are versions of one file.
///
/// # Errors
/// A run file cannot be read.
pub fn file_versions(run: &RunInfo) -> Result<Vec<FileVersion>> {
    let mut versions = Vec::new();
    for part in &run.parts {
        let connection = store::open(part)?;
        let mut statement =
            connection.prepare("SELECT path, size, time / 1e6, sha256 FROM file ORDER BY id")?;
        let rows = statement.query_map([], |row| {
            Ok(FileVersion {
                path: row.get(0)?,
                version: 0,
                size: row.get::<_, i64>(1)?.cast_unsigned(),
                time: row.get(2)?,
                sha256: Hash(row.get(3)?),
                part: part.clone(),
            })
        })?;
        for row in rows {
            versions.push(row?);
        }
    }
    // Stable: what one file says of a path stays in its order.
    versions.sort_by(|a, b| a.path.cmp(&b.path).then(a.time.total_cmp(&b.time)));
    let mut last: Option<(String, u64)> = None;
    for version in &mut versions {
        version.version = match &last {
            Some((path, number)) if *path == version.path => number + 1,
            _ => 1,
        };
        last = Some((version.path.clone(), version.version));
    }
    Ok(versions)
}

/// Picks the files that a stored path or a glob names, of each the version of this number or the newest. The versions
/// are those of [`file_versions`].
///
/// # Errors
/// [`ErrorKind::NotFound`] if there is none, with names that are alike; [`ErrorKind::Usage`] for a bad glob.
pub fn pick<'a>(
    versions: &'a [FileVersion],
    wanted: &str,
    number: Option<u64>,
) -> Result<Vec<&'a FileVersion>> {
    let pattern = if versions.iter().any(|version| version.path == wanted) {
        glob::Pattern::new(&glob::Pattern::escape(wanted))
    } else {
        glob::Pattern::new(wanted)
    };
    let pattern = pattern.map_err(|e| Error::usage(format!("`{wanted}` is no glob")).with_source(e))?;
    let options = glob::MatchOptions { require_literal_separator: true, ..glob::MatchOptions::new() };
    let named: Vec<_> =
        versions.iter().filter(|version| pattern.matches_with(&version.path, options)).collect();
    if named.is_empty() {
        return Err(unknown(versions, wanted));
    }
    let mut picked = BTreeMap::new();
    for version in &named {
        if number.is_none_or(|number| version.version == number) {
            picked.insert(&version.path, *version);
        }
    }
    if picked.is_empty() {
        let most = named.iter().map(|version| version.version).max().unwrap_or_default();
        let message = format!("There is no version {} of `{wanted}`", number.unwrap_or_default());
        return Err(
            Error::new(ErrorKind::NotFound, message).with_hint(format!("it has versions 1 to {most}"))
        );
    }
    Ok(picked.into_values().collect())
}

/// Hands the bytes of a stored file to `sink`, piece by piece, and checks them. Returns how many there were.
///
/// The sink sees bytes before the check is over: what it makes of them counts only if this returns `Ok`.
///
/// # Errors
/// The content is not there or is damaged, or `sink` fails.
pub fn read_file(version: &FileVersion, sink: impl FnMut(&[u8]) -> Result<()>) -> Result<u64> {
    let connection = store::open(&version.part)?;
    store::read_blob(&connection, version.sha256, sink).map_err(|e| {
        let left_out = || left_out(version, &connection).filter(|_| e.kind() == ErrorKind::NotFound);
        match e.kind() {
            ErrorKind::Damaged | ErrorKind::NotFound => left_out().unwrap_or_else(|| {
                e.in_context(format!("Cannot read `{}`", version.path))
                    .with_hint("`danlu verify` tells what else is damaged")
            }),
            _ => e,
        }
    })
}

/// Explains that a content was left out when the run was pulled, if it was.
fn left_out(version: &FileVersion, run: &Connection) -> Option<Error> {
    let absent = store::Absent::of(&version.part);
    let was_there = absent.get(version.sha256)?;
    let message =
        format!("The content of `{}` is not here: it was left out when the run was pulled", version.path);
    let error = Error::new(ErrorKind::NotFound, message);
    Some(match store::run_key(run) {
        Ok(run) if was_there => error.with_hint(format!("`danlu pull {} {run}` brings it", absent.from)),
        _ => error.with_hint(format!("it was not at `{}` either", absent.from)),
    })
}

fn unknown(versions: &[FileVersion], wanted: &str) -> Error {
    let error = Error::new(ErrorKind::NotFound, format!("The run has no file `{wanted}`"));
    if versions.is_empty() {
        return error.with_hint("no files were saved in it");
    }
    let mut paths: Vec<&str> = versions.iter().map(|version| version.path.as_str()).collect();
    paths.dedup();
    let mut alike: Vec<(usize, &str)> =
        paths.into_iter().filter_map(|path| Some((how_unlike(path, wanted)?, path))).collect();
    alike.sort_unstable();
    let names: Vec<String> = alike.iter().take(SUGGESTIONS).map(|(_, path)| format!("`{path}`")).collect();
    if names.is_empty() {
        error.with_hint("`danlu files` lists them")
    } else {
        error.with_hint(format!("there is {}; `danlu files` lists all", names.join(", ")))
    }
}

/// Says how many letters a path is away from what was typed; `None` if they are not alike.
fn how_unlike(path: &str, wanted: &str) -> Option<usize> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let wanted_name = wanted.rsplit('/').next().unwrap_or(wanted);
    let away = distance(path, wanted).min(distance(name, wanted_name));
    (away <= 2.max(wanted_name.chars().count() / 3)).then_some(away)
}

/// The Levenshtein distance of two texts.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut corner = i;
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let substituted = corner + usize::from(from != *to);
            corner = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_alike_are_found() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(how_unlike("models/best.pt", "best.pt"), Some(0));
        assert_eq!(how_unlike("model.pth", "modle.pth"), Some(2));
        assert_eq!(how_unlike("model.pth", "log.txt"), None);
    }
}

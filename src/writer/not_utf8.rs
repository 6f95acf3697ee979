//! Names that are not UTF-8: globs pass over them, so they are looked for to be spoken of.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Finds what a glob would match if its name were UTF-8. `full` is the glob with its directory.
pub(super) fn passed_over(full: &str) -> Vec<PathBuf> {
    let (parents, last) = full.rsplit_once('/').unwrap_or((".", full));
    let Ok(pattern) = glob::Pattern::new(last) else { return Vec::new() };
    let in_depth = parents.ends_with("**");
    let mut directories: BTreeSet<PathBuf> = glob::glob(parents)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .filter(|path| path.is_dir())
        .collect();
    if in_depth {
        // `**` is also no directory at all.
        directories.extend(parents.strip_suffix("/**").map(|top| PathBuf::from(unescaped(top))));
    }
    let mut found: Vec<PathBuf> = directories.iter().flat_map(|directory| names_in(directory)).collect();
    found.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        pattern.matches(&name) && (in_depth || !path.is_dir())
    });
    found
}

/// Lists what in a directory has a name that is not UTF-8.
fn names_in(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok);
    entries.filter(|entry| OsStr::to_str(&entry.file_name()).is_none()).map(|entry| entry.path()).collect()
}

/// Takes back what [`glob::Pattern::escape`] did.
fn unescaped(text: &str) -> String {
    ["?", "*", "[", "]"].iter().fold(text.to_owned(), |text, c| text.replace(&format!("[{c}]"), c))
}

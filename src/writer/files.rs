//! From paths and globs to files and the names that they are stored under.

use super::ignore::Ignore;
use super::not_utf8::passed_over;
use crate::model::{Error, Result, check_file_name};
use crate::store::{DIR_NAME, name_of_kind};
use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

/// What a path or a glob means now.
#[derive(Debug, Default)]
pub(super) struct Expanded {
    /// Each file with the name that it is stored under, sorted.
    pub(super) files: Vec<(PathBuf, String)>,
    /// What was left out, and why.
    pub(super) left_out: Vec<String>,
}

/// Finds the files that a path or glob means. A path that is named as it is need not be there.
pub(super) fn expand(pattern: &Path, directory: &Path, ignore: &Ignore) -> Result<Expanded> {
    let text = pattern
        .to_str()
        .ok_or_else(|| Error::usage(format!("Cannot save `{}`: the path is not UTF-8", pattern.display())))?;
    let literal = directory.join(pattern);
    if literal.symlink_metadata().is_ok() || !is_glob(text) {
        let files = vec![(literal, stored_name(pattern, directory)?)];
        return Ok(Expanded { files, ..Expanded::default() });
    }
    stored_name(pattern, directory)?;
    let full = if pattern.is_relative() {
        let directory = directory.to_str().ok_or_else(|| {
            let message = format!("Cannot save `{text}`: the path of `{}` is not UTF-8", directory.display());
            Error::usage(message).with_hint("name each file, or give an absolute path")
        })?;
        format!("{}/{text}", glob::Pattern::escape(directory))
    } else {
        text.to_owned()
    };
    let bad = |e: glob::PatternError| Error::usage(format!("`{text}` is no glob")).with_source(e);
    let root = fixed_part(&literal, directory);
    let root = root.canonicalize().unwrap_or(root);
    let mut parents = HashMap::new();
    let mut found = Expanded::default();
    for path in glob::glob(&full).map_err(bad)?.filter_map(std::result::Result::ok) {
        let name = path.strip_prefix(directory).unwrap_or(&path);
        let own = name.components().next() == Some(Component::Normal(DIR_NAME.as_ref()));
        let real = real_place(&path, &mut parents);
        if own || path.is_dir() || ignore.is_ignored(&real) {
            continue;
        }
        let checked = match reason_against(&path, real, &root) {
            Some(why) => Err(why),
            None => stored_name(name, directory).map_err(|e| e.to_string()),
        };
        match checked {
            Ok(stored) => found.files.push((path, stored)),
            Err(why) => found.left_out.push(format!("`{}` is not saved: {why}", shown(&path))),
        }
    }
    let unspeakable = passed_over(&full);
    let said =
        unspeakable.iter().map(|path| format!("`{}` is not saved: its name is not UTF-8", shown(path)));
    found.left_out.extend(said);
    found.files.sort();
    Ok(found)
}

/// Returns a path for a warning of one line.
fn shown(path: &Path) -> String {
    path.display().to_string().replace(char::is_control, "?")
}

/// Returns a path with the links in its directories followed. Thousands of files have the same directory.
fn real_place(path: &Path, parents: &mut HashMap<PathBuf, PathBuf>) -> PathBuf {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return path.to_owned() };
    if !parents.contains_key(parent) {
        let real = parent.canonicalize().unwrap_or_else(|_| parent.to_owned());
        parents.insert(parent.to_owned(), real);
    }
    parents.get(parent).map_or_else(|| path.to_owned(), |parent| parent.join(name))
}

/// Says whether a text has what makes it a glob.
pub(super) fn is_glob(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// Returns the directory that links found by a glob must not lead out of.
fn fixed_part(pattern: &Path, directory: &Path) -> PathBuf {
    if pattern.starts_with(directory) {
        return directory.to_owned();
    }
    let fixed = |part: &Component<'_>| !is_glob(&part.as_os_str().to_string_lossy());
    pattern.components().take_while(fixed).collect()
}

/// Says why a path that a glob found, and that really is at `real`, is not stored.
fn reason_against(path: &Path, mut real: PathBuf, root: &Path) -> Option<String> {
    if real.is_symlink() {
        real = match real.canonicalize() {
            Ok(target) => target,
            Err(e) => return Some(format!("it is a link that leads nowhere: {e}")),
        };
    }
    if !real.starts_with(root) {
        let (real, root) = (real.display(), root.display());
        return Some(format!("it leads to `{real}`, outside of `{root}`; name it to save what it points to"));
    }
    let kind = path.metadata().ok()?.file_type();
    (!kind.is_file()).then(|| format!("it is {}", name_of_kind(kind)))
}

/// Derives the name that a path is stored under.
fn stored_name(path: &Path, directory: &Path) -> Result<String> {
    let below = |path: &Path| {
        let root = directory.canonicalize().ok()?;
        path.strip_prefix(&root).or_else(|_| path.strip_prefix(directory)).ok().map(Path::to_owned)
    };
    let relative = if path.is_absolute() {
        below(path).or_else(|| path.file_name().map(PathBuf::from)).unwrap_or_default()
    } else {
        path.to_owned()
    };
    let parts: Vec<String> = relative
        .components()
        .filter(|part| *part != Component::CurDir)
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    let name = parts.join("/");
    check_file_name(&name)
        .map_err(|e| e.with_hint("save a path below the run's directory, or give another base path"))?;
    Ok(name)
}

//! The files of a run: what lies below a directory, and nothing else.

use crate::model::{Hash, Result, check_file_name, limits};
use crate::store;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// A file to be kept.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Found {
    /// The name that it is stored under.
    pub(super) path: String,
    #[serde(skip)]
    pub(super) at: PathBuf,
    pub(super) sha256: Hash,
    pub(super) size: u64,
}

/// Finds all files below a directory, and hashes them. Of what is left out, `left_out` says why.
pub(super) fn below(
    directory: &Path,
    prefix: &str,
    follow_links: bool,
    left_out: &mut Vec<String>,
) -> Result<Vec<Found>> {
    let Ok(root) = directory.canonicalize() else { return Ok(Vec::new()) };
    let mut walk = Walk { root, follow_links, found: Vec::new(), left_out };
    walk.enter(directory, prefix, 0);
    walk.found.sort();
    let hash = |(path, at): (String, PathBuf)| {
        let (sha256, size) = super::digest::of_file(&at)?;
        Ok(Found { path, at, sha256, size })
    };
    walk.found.into_iter().map(hash).collect()
}

struct Walk<'a> {
    root: PathBuf,
    follow_links: bool,
    found: Vec<(String, PathBuf)>,
    left_out: &'a mut Vec<String>,
}

impl Walk<'_> {
    fn enter(&mut self, directory: &Path, prefix: &str, depth: usize) {
        let entries = match std::fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(e) => return self.leave(prefix, &e.to_string()),
        };
        for entry in entries.filter_map(std::result::Result::ok) {
            let path = entry.path();
            let name = match entry.file_name().to_str() {
                Some(name) => format!("{prefix}{name}"),
                None => {
                    self.leave(&format!("{prefix}{}", entry.file_name().display()), "its name is not UTF-8");
                    continue;
                }
            };
            match self.kind(&path, &name) {
                Err(why) => self.leave(&name, &why),
                Ok(true) if depth >= limits::IMPORT_DEPTH => self.leave(&name, "it is nested too deep"),
                Ok(true) => self.enter(&path, &format!("{name}/"), depth + 1),
                Ok(false) if self.found.len() >= limits::IMPORT_FILES => {
                    self.leave(&name, "there are too many files");
                }
                Ok(false) => self.found.push((name, path)),
            }
        }
    }

    /// Says whether a path is that of a directory to look into, or else that of a file; or why it is left out.
    fn kind(&self, path: &Path, name: &str) -> std::result::Result<bool, String> {
        check_file_name(name).map_err(|e| e.to_string())?;
        let own = path.symlink_metadata().map_err(|e| e.to_string())?;
        if own.is_symlink() {
            let target = path.canonicalize().map_err(|e| format!("it is a link that leads nowhere: {e}"))?;
            if target.is_dir() {
                return Err("it is a link to a directory".to_owned());
            }
            if !self.follow_links && !target.starts_with(&self.root) {
                return Err("it is a link that leads out of the run's directory; `--follow-links` takes it"
                    .to_owned());
            }
        }
        let kind = path.metadata().map_err(|e| e.to_string())?.file_type();
        if kind.is_dir() || kind.is_file() {
            return Ok(kind.is_dir());
        }
        Err(format!("it is {}", store::name_of_kind(kind)))
    }

    fn leave(&mut self, name: &str, why: &str) {
        self.left_out.push(format!("file `{name}`: {why}"));
    }
}

//! What there is to import, recognised by its content.

use super::sources::Sources;
use super::{Settings, Tool, database, mlflow, tensorboard, trackio, wandb};
use crate::model::{Error, Result, limits};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Bytes of the beginning of a file that say what it is.
const HEAD: usize = 32;

/// Looks for runs at paths, and below them.
pub(super) fn find(paths: &[PathBuf], settings: &Settings<'_>) -> Result<Sources> {
    let mut found = Sources::default();
    let mut seen = BTreeSet::new();
    for path in paths {
        let real = path.canonicalize().map_err(|e| Error::io("open", path, e))?;
        let mut search = Search { settings, root: &real, shown: path, seen: &mut seen, found: &mut found };
        if real.is_dir() {
            search.directory(&real, 0);
        } else {
            search.file(&real);
        }
    }
    Ok(found)
}

struct Search<'a> {
    settings: &'a Settings<'a>,
    root: &'a Path,
    /// The root as it was given.
    shown: &'a Path,
    /// Directories and files that were looked at.
    seen: &'a mut BTreeSet<PathBuf>,
    found: &'a mut Sources,
}

impl Search<'_> {
    fn wants(&self, tool: Tool) -> bool {
        self.settings.tool.is_none_or(|wanted| wanted == tool)
    }

    fn directory(&mut self, directory: &Path, depth: usize) {
        if depth > limits::IMPORT_DEPTH || !self.seen.insert(directory.to_owned()) {
            return;
        }
        let entries = match std::fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(e) => return self.found.fail(directory, &Error::io("read the directory", directory, e)),
        };
        let mut entries: Vec<PathBuf> =
            entries.filter_map(std::result::Result::ok).map(|entry| entry.path()).collect();
        entries.sort();
        if self.wants(Tool::Mlflow) && mlflow::is_run(directory) {
            return mlflow::add_run(directory, self.settings, self.found);
        }
        let is_wandb = entries.iter().any(|path| wandb::is_named_so(path));
        for path in entries {
            let Some(real) = self.inside(&path) else { continue };
            if real.is_dir() {
                // What is below the directory of a W&B run are files of the run.
                if !is_wandb {
                    self.directory(&real, depth + 1);
                }
            } else {
                self.file(&real);
            }
        }
    }

    /// Follows a link, unless it leads out of the directory that was given.
    fn inside(&mut self, path: &Path) -> Option<PathBuf> {
        if !path.is_symlink() {
            return Some(path.to_owned());
        }
        let real = path.canonicalize().ok()?;
        if real.starts_with(self.root) || self.settings.follow_links {
            return Some(real);
        }
        let shown = real.display();
        self.found
            .leave(path, format!("it is a link that leads out, to `{shown}`; `--follow-links` takes it"));
        None
    }

    fn file(&mut self, path: &Path) {
        if !path.is_file() || !self.seen.insert(path.to_owned()) {
            return;
        }
        let mut head = [0; HEAD];
        let Ok(read) = File::open(path).and_then(|file| fill(file, &mut head)) else { return };
        let head = &head[..read];
        if wandb::is_header(head) || wandb::is_named_so(path) && !is_database(head) {
            if self.wants(Tool::Wandb) {
                wandb::add(path, self.settings, self.found);
            }
        } else if tensorboard::is_named_so(path) {
            if self.wants(Tool::TensorBoard) {
                tensorboard::add(path, self.root, self.shown, self.found);
            }
        } else if is_database(head) {
            self.database(path);
        }
    }

    fn database(&mut self, path: &Path) {
        let (trackio, mlflow) = (self.wants(Tool::Trackio), self.wants(Tool::Mlflow));
        match database::open(path) {
            _ if !trackio && !mlflow => {}
            Ok(found) if trackio && trackio::is_one(&found) => trackio::add(path, self.found),
            Ok(found) if mlflow && mlflow::is_database(&found) => {
                mlflow::add_database(path, self.settings, self.found);
            }
            Ok(_) => {}
            Err(e) => self.found.leave(path, e.to_string()),
        }
    }
}

fn is_database(head: &[u8]) -> bool {
    head.starts_with(b"SQLite format 3\0")
}

fn fill(mut file: File, head: &mut [u8]) -> std::io::Result<usize> {
    let mut at = 0;
    while at < head.len() {
        match file.read(&mut head[at..])? {
            0 => break,
            read => at += read,
        }
    }
    Ok(at)
}

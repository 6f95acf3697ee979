//! What globs leave out: the patterns of `.wandbignore` and those that the run was started with.

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use std::path::{Path, PathBuf};

/// The file with patterns in the run's directory. They are those of git.
const FILE_NAME: &str = ".wandbignore";

/// Patterns of paths below a directory.
pub(super) struct Ignore {
    rules: Gitignore,
    directory: PathBuf,
}

impl Ignore {
    /// Reads the patterns. A pattern that is none is left out, and the problem with it is returned.
    pub(super) fn new(directory: &Path, globs: &[String]) -> (Self, Vec<String>) {
        let directory = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
        let file = directory.join(FILE_NAME);
        let mut builder = GitignoreBuilder::new(&directory);
        let mut problems = Vec::new();
        if file.is_file()
            && let Some(e) = builder.add(&file)
        {
            reasons(&e, None, &mut |line, why| {
                let line = line.map(|line| format!("Line {line} of ")).unwrap_or_default();
                problems.push(format!("{line}`{}` ignores nothing: {why}", file.display()));
            });
        }
        for (n, glob) in globs.iter().enumerate() {
            if let Err(e) = builder.add_line(None, glob) {
                reasons(&e, None, &mut |_, why| {
                    let (n, all) = (n + 1, globs.len());
                    problems.push(format!("Pattern {n} of {all} of files to ignore ignores nothing: {why}"));
                });
            }
        }
        let rules = builder.build().unwrap_or_else(|e| {
            problems.push(format!("The patterns of files to ignore cannot be used: {e}"));
            Gitignore::empty()
        });
        (Self { rules, directory }, problems)
    }

    /// Says whether a file is left out when a glob finds it. The links in its directories are followed.
    pub(super) fn is_ignored(&self, path: &Path) -> bool {
        match path.strip_prefix(&self.directory) {
            Ok(below) => self.rules.matched_path_or_any_parents(below, false).is_ignore(),
            // Elsewhere patterns are held against the name alone.
            Err(_) => {
                path.file_name().is_some_and(|name| self.rules.matched(Path::new(name), false).is_ignore())
            }
        }
    }
}

/// Takes an error apart: which line it is about, and why the pattern cannot be used.
fn reasons(error: &ignore::Error, line: Option<u64>, tell: &mut dyn FnMut(Option<u64>, String)) {
    match error {
        ignore::Error::Partial(all) => all.iter().for_each(|one| reasons(one, line, tell)),
        ignore::Error::WithLineNumber { line, err } => reasons(err, Some(*line), tell),
        ignore::Error::WithPath { err, .. } | ignore::Error::WithDepth { err, .. } => {
            reasons(err, line, tell);
        }
        ignore::Error::Glob { glob, err } => {
            tell(line, format!("the pattern `{}` is none: {err}", glob.as_deref().unwrap_or_default()));
        }
        other => tell(line, other.to_string()),
    }
}

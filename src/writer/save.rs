//! Saving files: now, at the end, or whenever they change.

use super::Run;
use super::files::expand;
use super::live::Wish;
use crate::model::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};

/// When a file is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Policy {
    /// Now, once.
    #[default]
    Now,
    /// When the run finishes.
    End,
    /// Now, whenever it changes, and when the run finishes.
    Live,
}

/// What became of a request to save.
#[derive(Debug, Default)]
pub struct Saved {
    /// The names of the files that were stored, or that will be at the end.
    pub names: Vec<String>,
    /// What could not be stored, and why.
    pub problems: Vec<Error>,
}

impl Run {
    /// Stores a file, or every file that a glob such as `*.pt` matches, and returns the names they are stored under.
    ///
    /// A relative path is taken from the run's directory and keeps its directories; an absolute one outside of it
    /// keeps its last part. When this returns, the content is durable. A content that is there already takes no space.
    /// What globs leave out is described in `docs/files.md`.
    ///
    /// # Errors
    /// No such file, it cannot be read, is no regular file, leads out of the directory, changes faster than it can be
    /// read, or the run file cannot be written. Other files that the glob matches are stored nevertheless.
    pub fn save(&self, pattern: impl AsRef<Path>) -> Result<Vec<String>> {
        let saved = self.save_with(pattern.as_ref(), None, Policy::Now);
        saved.problems.into_iter().next().map_or(Ok(saved.names), Err)
    }

    /// Does what [`Self::save`] does, with paths and names relative to `base` instead of the run's directory, and at
    /// the time that `policy` says.
    pub fn save_with(&self, pattern: &Path, base: Option<&Path>, policy: Policy) -> Saved {
        let base = base.unwrap_or(&self.directory);
        let mut saved = Saved::default();
        let files = match self.check_open(pattern).and_then(|()| expand(pattern, base, self.keeper.ignore()))
        {
            Ok(expanded) => {
                for left_out in expanded.left_out {
                    self.shared.warnings.once(&left_out.clone(), || left_out);
                }
                expanded.files
            }
            Err(e) => {
                saved.problems.push(e);
                return saved;
            }
        };
        if policy == Policy::End {
            saved.names = files.into_iter().map(|(_, name)| name).collect();
        } else {
            self.store(&files, &mut saved);
        }
        // What cannot be saved at all is not tried again; what is not there yet may come.
        let is_refused = saved.problems.iter().any(|e| e.kind() == ErrorKind::Usage);
        if policy != Policy::Now && !is_refused {
            self.keeper.wish(Wish { pattern: pattern.to_owned(), base: base.to_owned(), policy });
        }
        saved
    }

    /// Stores a file under a name.
    ///
    /// # Errors
    /// As [`Self::save`].
    pub fn save_as(&self, path: &Path, name: &str) -> Result<()> {
        crate::model::check_file_name(name)?;
        self.check_open(path)?;
        let mut saved = Saved::default();
        self.store(&[(path.to_owned(), name.to_owned())], &mut saved);
        saved.problems.pop().map_or(Ok(()), Err)
    }

    fn store(&self, files: &[(PathBuf, String)], saved: &mut Saved) {
        self.keeper.store(files, &mut |name, outcome| match outcome {
            Ok(()) => saved.names.push(name.to_owned()),
            Err(e) => saved.problems.push(e),
        });
    }

    fn check_open(&self, what: &Path) -> Result<()> {
        if self.is_foreign() || self.guard().is_none_or(|log| log.finished) {
            return Err(Error::usage(format!(
                "Cannot save `{}`: the run is finished, or belongs to another process",
                what.display()
            )));
        }
        Ok(())
    }
}

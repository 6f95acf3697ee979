//! `danlu recover`.

use super::output::{Output, count, warn};
use super::{Common, here_and_now};
use crate::model::{Error, ErrorKind, Result};
use crate::store::Replacing;
use crate::{query, store};
use clap::Args;
use std::path::{Path, PathBuf};

/// Save what can be saved of a damaged run
///
/// A run whose process died is completed from its journal, as every danlu command does. If the run file is damaged after
/// that, everything in it that can be read goes into a new one; the damaged file is kept with the suffix `.original`.
#[derive(Debug, Args)]
pub(super) struct Recover {
    /// A run id, the path of a run file, or `latest`
    run: String,

    /// Write the new file there, and leave the damaged one in its place
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    common: Common,
}

impl Recover {
    pub(super) fn run(self, output: &mut Output) -> Result<bool> {
        self.check_output()?;
        for path in self.paths()? {
            let (host, now) = here_and_now();
            store::recover(&path, &host, now, &warn)?;
            take_kept(&path);
            let right = Replacing::begin(&path)?;
            if is_whole(&path)? {
                self.check_wanted(&path)?;
                self.say(&serde_json::json!({"file": path, "damaged": false}), "is whole", &path, output)?;
                continue;
            }
            let fresh = self.output.clone().unwrap_or_else(|| path.with_extension("rescued"));
            if self.output.is_none() {
                // Of a recovery that was killed.
                store::discard(&fresh);
            }
            let rescued = store::rescue(&path, &fresh, now)?;
            if self.output.is_none() {
                replace(right, &path, &fresh)?;
                take_kept(&path);
            }
            let target = self.output.as_ref().unwrap_or(&path);
            let said = format!(
                "saved {}; {}; lost {}",
                count(rescued.records, "record"),
                rescued.loss,
                count(rescued.lost_files.len() as u64, "file")
            );
            let json = serde_json::json!({"file": target, "damaged": true, "rescued": rescued});
            self.say(&json, &said, target, output)?;
            if !self.common.format.json {
                let mut lost = rescued.lost_files.iter();
                lost.try_for_each(|file| output.line(format!("         {file}")))?;
            }
        }
        Ok(true)
    }

    fn say(&self, json: &serde_json::Value, text: &str, path: &Path, output: &mut Output) -> Result<()> {
        if self.common.format.json {
            return output.json(json);
        }
        output.line(format!("{}: {text}", path.display()))
    }

    /// Refuses a place for the new file that is none, before anything is done.
    fn check_output(&self) -> Result<()> {
        let Some(output) = &self.output else { return Ok(()) };
        let shown = output.display();
        if output.is_dir() || output.as_os_str().as_encoded_bytes().ends_with(b"/") {
            let message = format!("Cannot write the new file to `{shown}`: it is a directory");
            return Err(
                Error::usage(message).with_hint(format!("name a file in it, such as `{shown}/saved.sqlite`"))
            );
        }
        if output.symlink_metadata().is_ok() {
            let message = format!("Cannot write the new file to `{shown}`: something is there already");
            return Err(Error::new(ErrorKind::Conflict, message).with_hint("give another name"));
        }
        let directory = output.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::read_dir(directory).map(|_| ()).map_err(|e| Error::io("write the new file to", output, e))
    }

    /// Refuses to make a new file where there is nothing to recover.
    fn check_wanted(&self, path: &Path) -> Result<()> {
        let Some(output) = &self.output else { return Ok(()) };
        let message = format!("`{}` is whole: nothing was written to `{}`", path.display(), output.display());
        Err(Error::usage(message).with_hint("copy the file, or leave `--output` out"))
    }

    /// Finds the files of the run. A path is taken as it is: a file that is too damaged to list can be named.
    fn paths(&self) -> Result<Vec<PathBuf>> {
        let (host, now) = here_and_now();
        let paths = if Path::new(&self.run).is_file() {
            vec![PathBuf::from(&self.run)]
        } else {
            let mut paths = query::unreadable_of(&self.common.dir, &self.run, &host, now, &warn)?;
            match query::find(&self.common.dir, &self.run, &host, now, &warn) {
                Err(e) if e.kind() != ErrorKind::Usage && !paths.is_empty() => {}
                found => paths.extend(found?.parts),
            }
            paths
        };
        if self.output.is_some() && paths.len() > 1 {
            return Err(Error::usage(format!("Run `{}` has several files", self.run))
                .with_hint("name one of them by its path"));
        }
        Ok(paths)
    }
}

/// Reads the journals that were kept because of damage in them. In a run file that is damaged itself, nothing can be added yet.
fn take_kept(path: &Path) {
    match store::recover_kept(path) {
        Ok(found) => found.iter().for_each(|behind| {
            warn(format!("Of a journal with damage in it, the run has the records before that and {behind}"));
        }),
        Err(e) if e.kind() == ErrorKind::Damaged => {}
        Err(e) => warn(e.to_string()),
    }
}

fn is_whole(path: &Path) -> Result<bool> {
    match store::verify(path) {
        Err(e) if e.kind() == ErrorKind::Damaged => Ok(false),
        found => Ok(found?.damage.is_empty()),
    }
}

/// Lets the new file take the place of the damaged one, which is kept.
fn replace(right: Replacing, path: &Path, fresh: &Path) -> Result<()> {
    let kept = path.with_extension("sqlite.original");
    if kept.exists() {
        store::discard(fresh);
        let message = format!("`{}` is there already", kept.display());
        return Err(Error::new(ErrorKind::Conflict, message).with_hint("move it away, or use `--output`"));
    }
    right.put_in_place(fresh, Some(&kept)).inspect_err(|_| store::discard(fresh))
}

//! `danlu get`.

use super::Common;
use super::output::{Output, bytes, plain};
use super::progress::progress_bar;
use super::there::There;
use crate::mirror::Mirror;
use crate::model::{Error, ErrorKind, Result, check_file_name};
use crate::query::{self, FileVersion};
use crate::store;
use clap::Args;
use indicatif::ProgressBar;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Read saved files out of a run
///
/// Checks what it reads, and puts a file in place only when it is whole.
#[derive(Debug, Args)]
#[command(
    disable_version_flag = true,
    after_help = "Examples:
  danlu get latest model.pth                  into ./model.pth
  danlu get ab12 'checkpoints/*.pt' -o out/   into out/checkpoints/
  danlu get latest model.pth --version 1 -o first.pth
  danlu get latest report.json -o - | jq ."
)]
pub(super) struct Get {
    /// A run id or its beginning (with its project in front, such as `mnist/ab12`, if several have it), the path of a run
    /// file, or `latest`
    run: String,

    /// The path that a file is stored under, or a glob of such
    #[arg(value_name = "PATH|GLOB")]
    file: String,

    /// The file to write, a directory that keeps the stored paths below it (if it is there or ends in `/`), or `-` for
    /// standard output
    #[arg(short, long, value_name = "DEST", default_value = "./")]
    output: String,

    /// Which version, as `danlu files --all` counts them; the newest if none is given
    #[arg(long, value_name = "N")]
    version: Option<u64>,

    /// Replace files that are there
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    there: There,

    #[command(flatten)]
    common: Common,
}

/// A file that was read out.
#[derive(Serialize)]
struct Got<'a> {
    #[serde(flatten)]
    file: &'a FileVersion,
    written_to: PathBuf,
}

impl Get {
    pub(super) fn run(mut self, output: &mut Output) -> Result<bool> {
        let looked = std::mem::take(&mut self.there).find(self.common.dir.clone())?;
        let info = looked.run(&self.run)?;
        let mirror = looked.mirror()?;
        let versions = query::file_versions(&info)?;
        let picked = query::pick(&versions, &self.file, self.version)?;
        let is_directory = self.output.ends_with('/') || Path::new(&self.output).is_dir();
        if picked.len() > 1 && !is_directory {
            let message =
                format!("`{}` names {} files, and `{}` is one", self.file, picked.len(), self.output);
            return Err(
                Error::usage(message).with_hint(format!("`-o {}/` writes them below it", self.output))
            );
        }
        let bar = progress_bar(picked.iter().map(|file| file.size).sum());
        if self.output == "-" {
            for file in picked {
                to_stdout(mirror.as_ref(), file, &bar, output)?;
            }
            return Ok(true);
        }
        let (mut got, mut failed) = (Vec::new(), Vec::new());
        for file in picked {
            bar.set_message(plain(&file.path));
            let target = if is_directory { self.below(file) } else { Ok(PathBuf::from(&self.output)) };
            match target.and_then(|target| self.write(mirror.as_ref(), file, &target, &bar).map(|()| target))
            {
                Ok(written_to) => got.push(Got { file, written_to }),
                Err(e) => failed.push(e),
            }
        }
        bar.finish_and_clear();
        self.end(&got, failed, output)
    }

    /// Says what was written, and what was not. A failure that is all there is to say is the answer.
    fn end(&self, got: &[Got<'_>], mut failed: Vec<Error>, output: &mut Output) -> Result<bool> {
        if got.is_empty() && failed.len() == 1 {
            return failed.pop().map_or(Ok(false), Err);
        }
        self.print(got, output)?;
        failed.iter().for_each(super::output::error);
        Ok(failed.is_empty())
    }

    fn print(&self, got: &[Got<'_>], output: &mut Output) -> Result<()> {
        if self.common.format.json {
            return output.json(&got);
        }
        got.iter().try_for_each(|Got { file, written_to }| {
            let name = written_to.display();
            output.line(format!("{name}: {}, version {} of {}", bytes(file.size), file.version, file.path))
        })
    }

    /// Makes the directories that the stored path needs below the destination. A link on the way could lead out of it.
    fn below(&self, file: &FileVersion) -> Result<PathBuf> {
        check_file_name(&file.path)?;
        let mut path = PathBuf::from(&self.output);
        let made = std::fs::create_dir_all(&path);
        made.map_err(|e| Error::io("create the directory", &path, e))?;
        let mut parts = file.path.split('/').peekable();
        while let Some(part) = parts.next() {
            path.push(part);
            if parts.peek().is_none() {
                break;
            }
            match path.symlink_metadata() {
                Ok(there) if there.is_dir() => {}
                Ok(_) => {
                    let message = format!("Cannot write below `{}`: it is no directory", path.display());
                    return Err(Error::usage(message).with_hint("`-o` writes elsewhere"));
                }
                Err(_) => {
                    std::fs::create_dir(&path).map_err(|e| Error::io("create the directory", &path, e))?;
                }
            }
        }
        Ok(path)
    }

    /// Writes a file beside its place, and puts it there when it is whole.
    fn write(
        &self,
        mirror: Option<&Mirror>,
        file: &FileVersion,
        target: &Path,
        bar: &ProgressBar,
    ) -> Result<()> {
        if target.symlink_metadata().is_ok() && !self.force {
            let message = format!("`{}` is there already", target.display());
            return Err(Error::new(ErrorKind::Conflict, message)
                .with_hint("`--force` replaces it, `-o` writes elsewhere"));
        }
        check_replaceable(target)?;
        if let Some(mirror) = mirror {
            return fetch(mirror, file, target, bar);
        }
        query::write_whole(target, |sink| {
            query::read_file(file, |piece| {
                bar.inc(piece.len() as u64);
                sink(piece)
            })
            .map(|_| ())
        })
    }
}

/// Refuses to replace a run, and what is no file.
fn check_replaceable(target: &Path) -> Result<()> {
    let refused = |what: &str| {
        let message = format!("Cannot write to `{}`: it is {what}", target.display());
        Err(Error::usage(message).with_hint("`-o` writes elsewhere"))
    };
    match target.metadata() {
        Ok(there) if !there.is_file() => refused(store::name_of_kind(there.file_type())),
        Ok(_) if store::belongs_to_a_run(target) => refused("a run file or a journal of danlu"),
        _ => Ok(()),
    }
}

/// Writes a file of a remote.
fn fetch(mirror: &Mirror, file: &FileVersion, target: &Path, bar: &ProgressBar) -> Result<()> {
    let before = bar.position();
    let fetched = mirror.content(file.sha256, target, &|length| bar.set_position(before + length));
    fetched.map(|_| ()).map_err(|e| e.in_context(format!("Cannot read `{}`", file.path)))
}

fn to_stdout(
    mirror: Option<&Mirror>,
    file: &FileVersion,
    bar: &ProgressBar,
    output: &mut Output,
) -> Result<()> {
    let mut piece = |piece: &[u8]| output.bytes(piece);
    match mirror {
        None => {
            query::read_file(file, |bytes| {
                bar.inc(bytes.len() as u64);
                piece(bytes)
            })?;
        }
        Some(mirror) => mirror.read_content(file.sha256, |bytes| {
            bar.inc(bytes.len() as u64);
            piece(bytes)
        })?,
    }
    bar.finish_and_clear();
    output.flush()
}

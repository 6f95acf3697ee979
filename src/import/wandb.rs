//! W&B's offline runs: a directory with a `.wandb` file and the files of the run.

mod log;
mod messages;
mod metric;
mod read;

pub use log::LogReader;

use super::sources::Sources;
use super::{Head, Identity, Ledger, Part, Settings, Take, Tool};
use crate::model::{Error, Result, limits};
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// Says whether a file begins as a `.wandb` file.
pub(super) fn is_header(head: &[u8]) -> bool {
    head.starts_with(log::HEADER)
}

/// Says whether a file is named as a `.wandb` file.
pub(super) fn is_named_so(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "wandb")
}

/// A `.wandb` file with the directory that it is in.
struct WandbFile {
    path: PathBuf,
    identity: Identity,
    follow_links: bool,
    bytes: u64,
}

/// Adds a `.wandb` file to what is to be imported.
pub(super) fn add(path: &Path, settings: &Settings<'_>, found: &mut Sources) {
    match identity(path) {
        Ok(identity) => found.parts.push(Box::new(WandbFile {
            path: path.to_owned(),
            identity,
            follow_links: settings.follow_links,
            bytes: path.metadata().map_or(0, |metadata| metadata.len()),
        })),
        Err(e) => found.fail(path, &e),
    }
}

/// Reads what the run is called. If the file does not say it any more, its name does.
fn identity(path: &Path) -> Result<Identity> {
    let mut reader = open(path)?;
    for _ in 0..limits::WANDB_EARLY_RECORDS {
        let Some(record) = reader.next()? else { break };
        if let Some(run) = messages::run_of(record)
            && !run.run_id.is_empty()
        {
            return Ok(Identity { entity: run.entity, project: run.project, id: run.run_id });
        }
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    match stem.strip_prefix("run-") {
        Some(id) if reader.records() > 0 => {
            Ok(Identity { entity: String::new(), project: String::new(), id: id.to_owned() })
        }
        _ => Err(Error::damaged(format!("`{}` does not say which run it is of", path.display()))),
    }
}

fn open(path: &Path) -> Result<LogReader<BufReader<File>>> {
    let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
    LogReader::new(BufReader::with_capacity(1 << 18, file)).map_err(|e| e.doing("read", path))
}

impl Part for WandbFile {
    fn tool(&self) -> Tool {
        Tool::Wandb
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn identity(&self) -> Identity {
        self.identity.clone()
    }

    /// The name of its directory, which has the time when the process began.
    fn name(&self) -> String {
        let directory = self.path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
        let name = directory.strip_prefix("offline-").unwrap_or(&directory);
        if name.starts_with("run-") { name.to_owned() } else { String::new() }
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn read(&self, ledger: &mut Ledger<'_>, take: Take<'_>) -> Result<Head> {
        let mut reader = open(&self.path)?;
        let mut head = read::read(&mut reader, ledger, take)?;
        let Some(files) = self.path.parent().map(|directory| directory.join("files")) else {
            return Ok(head);
        };
        if self.name().is_empty() && !self.is_alone() {
            if files.is_dir() {
                head.left_out.push("the directory `files`: several runs lie beside it".to_owned());
            }
        } else {
            head.files = super::files::below(&files, "", self.follow_links, &mut head.left_out)?;
        }
        Ok(head)
    }
}

impl WandbFile {
    /// Says whether it is the only run in its directory, whatever that is called.
    fn is_alone(&self) -> bool {
        let entries = self.path.parent().and_then(|directory| std::fs::read_dir(directory).ok());
        let beside =
            entries.into_iter().flatten().filter_map(std::result::Result::ok).map(|entry| entry.path());
        beside.filter(|path| is_named_so(path)).all(|path| path.file_name() == self.path.file_name())
    }
}

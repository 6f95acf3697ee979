//! The names of run files and of journals, and what is known by them.

use super::{journal, run_file};
use crate::model::{Error, Result};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Lists the journals beside a run file, one for each attempt that is not sealed.
///
/// # Errors
/// The directory cannot be read.
pub fn journals_of(run: &Path) -> Result<Vec<PathBuf>> {
    let directory = run.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let stem = run.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let entries = std::fs::read_dir(directory).map_err(|e| Error::io("read the directory", directory, e))?;
    let mut journals: Vec<PathBuf> = entries
        .filter_map(std::result::Result::ok)
        .filter(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            stem_of_journal(&name) == Some(stem.as_str()) && entry.path().is_file()
        })
        .map(|entry| entry.path())
        .collect();
    journals.sort();
    Ok(journals)
}

/// Returns the stem of the run file that a journal of this name belongs to: `<stem>.<8 hexadecimal digits>.journal`.
/// A run id may have dots, so the digits count.
pub fn stem_of_journal(name: &str) -> Option<&str> {
    let (stem, attempt) = name.strip_suffix(".journal")?.rsplit_once('.')?;
    (attempt.len() == 8 && attempt.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(stem)
}

/// Says whether a file may be of a run of this id, by its name: `run-<15 characters of time>-<id>.sqlite`, with a number
/// behind the id when that name was taken.
pub fn is_named_after(path: &Path, id: &str) -> bool {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let after_time = stem.strip_prefix("run-").and_then(|rest| rest.get(16..));
    let Some(rest) = after_time.and_then(|rest| rest.strip_prefix(id)) else { return false };
    rest.is_empty() || rest.strip_prefix('-').is_some_and(|n| n.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Says whether a path is that of a run file or a journal, by its name or by how it begins.
pub fn belongs_to_a_run(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let named = name.starts_with("run-") && name.ends_with(".sqlite");
    let Some(mut file) = path.metadata().ok().filter(|m| m.is_file()).and_then(|_| File::open(path).ok())
    else {
        return false;
    };
    let mut head = [0; 72];
    // What is shorter is neither, unless it is just being made.
    let whole = file.read_exact(&mut head).is_ok();
    named
        || stem_of_journal(&name).is_some()
        || whole && (journal::is_header(&head) || run_file::is_header(&head))
}

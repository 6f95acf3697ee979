//! Journals that have the name of one run and are of another: somebody has moved or copied them there.

use super::records::first_start_of;
use super::{JournalReader, is_named_after, journals_of, run_file};
use crate::model::{Error, ErrorKind, Record, Result};
use std::path::{Path, PathBuf};

/// Lists the journals of a run file that are really of its run.
///
/// # Errors
/// The directory cannot be read.
pub fn own_journals_of(run: &Path) -> Result<Vec<PathBuf>> {
    let mut journals = journals_of(run)?;
    journals.retain(|journal| stranger(run, journal).is_none());
    Ok(journals)
}

/// Explains whose a journal is that has the name of a run and is not of it; `None` for all others. One that cannot be read
/// is not called a stranger.
pub fn stranger(run: &Path, journal: &Path) -> Option<Error> {
    let mut reader = JournalReader::open(journal).ok()?;
    let attempt = reader.attempt().to_string();
    let of = match reader.read() {
        Ok(Some(Record::Start(start))) => Some(start.run),
        _ => None,
    };
    let is_other_attempt =
        journal.file_stem().and_then(|stem| Path::new(stem).extension()) != Some(attempt[..8].as_ref());
    let is_other_run = of.as_ref().is_some_and(|of| {
        let known = run_file::open_packed(run).and_then(|file| first_start_of(&file));
        known.map_or_else(|_| !is_named_after(run, of.id.as_str()), |first| first.run != *of)
    });
    if !is_other_attempt && !is_other_run {
        return None;
    }
    let whose = of.map_or_else(String::new, |of| format!(" of run {of}"));
    let message = format!(
        "`{}` is the journal of attempt {attempt}{whose}, not of `{}`",
        journal.display(),
        run.display()
    );
    Some(Error::new(ErrorKind::Conflict, message).with_hint("give it back its own name, or move it away"))
}

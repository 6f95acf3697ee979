//! A damaged run file, opened so that as much of it as possible can be read.
//!
//! SQLite refuses a file that is shorter than its header says. Of such a one a copy is made with the pages that are whole: a
//! page of which a part is there would read as values that nobody wrote. In the copy, pages that are gone are errors where
//! they are needed, and all others can be read. A copy is also made of a file whose header is damaged: it gets one as a run
//! file of that length has, if the rest of its first page is that of a run file.

use super::{run_file, stand_in};
use crate::model::{Error, ErrorKind, Result};
use rusqlite::{Connection, OpenFlags};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Bytes of a page of every run file.
const PAGE_BYTES: usize = run_file::PAGE_BYTES as usize;

/// Bytes of the header of a database.
const HEADER_BYTES: usize = 100;

/// How much is there of a file that is cut short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CutShort {
    there: u64,
    whole: u64,
    page: u64,
}

impl CutShort {
    /// Compares the length of a run file with that in its header; `None` if it is not cut short, or if that cannot be told.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let mut header = [0; HEADER_BYTES];
        let file = File::open(path).ok()?;
        file.read_exact_at(&mut header, 0).ok()?;
        let word = |at: usize| u64::from(u32::from_be_bytes([0, 1, 2, 3].map(|n| header[at + n])));
        // The number of pages counts only if who changed the file last has written it.
        if &header[..16] != b"SQLite format 3\0" || word(24) != word(92) {
            return None;
        }
        let page = match u64::from(u16::from_be_bytes([header[16], header[17]])) {
            1 => 65536,
            page => page,
        };
        let (there, whole) = (file.metadata().ok()?.len(), page * word(28));
        (there < whole).then_some(Self { there, whole, page })
    }

    /// Says so of a file.
    pub(super) fn error(self, path: &Path) -> Error {
        let Self { there, whole, .. } = self;
        let message = format!("`{}` is cut short: {there} of {whole} bytes are there", path.display());
        Error::damaged(message)
    }
}

/// A damaged run file that is being read.
#[derive(Debug)]
pub(super) struct Wreck {
    path: PathBuf,
    is_copy: bool,
}

impl Wreck {
    /// Looks at a damaged run file. A copy, if it takes one, is made beside `fresh`, a run file that holds nothing yet, and
    /// goes with this.
    pub(super) fn find(damaged: &Path, fresh: &Path) -> Result<Self> {
        match run_file::open_packed(damaged) {
            Ok(_) => Ok(Self { path: damaged.to_owned(), is_copy: false }),
            Err(e) if e.kind() == ErrorKind::Damaged => {
                let copy = Self { path: fresh.with_extension("short"), is_copy: true };
                let cannot = |e| Error::io("copy the damaged run file to", &copy.path, e);
                if let Some(cut) = CutShort::of(damaged) {
                    copy_whole_pages(damaged, cut, &copy.path)
                        .and_then(|pages| add_schema(fresh, &copy.path, pages, cut.page))
                        .map_err(cannot)?;
                    if copy.open().is_ok() {
                        return Ok(copy);
                    }
                }
                copy_with_new_header(damaged, fresh, &copy.path).map_err(cannot)?;
                copy.open().map(|_| ()).map_err(|_| e)?;
                Ok(copy)
            }
            Err(e) => Err(e),
        }
    }

    /// Opens it once more.
    pub(super) fn open(&self) -> Result<Connection> {
        if !self.is_copy {
            return run_file::open_packed(&self.path);
        }
        // Nobody else knows the file, so it takes no locks.
        let connection = run_file::connect(&self.path, OpenFlags::SQLITE_OPEN_READ_WRITE, c"unix-none")?;
        // Lets SQLite open a file with fewer pages than its header says.
        connection.pragma_update(None, "writable_schema", true)?;
        connection.pragma_update(None, "query_only", true)?;
        run_file::check_header(&connection, &self.path)?;
        Ok(connection)
    }
}

impl Drop for Wreck {
    fn drop(&mut self) {
        if self.is_copy {
            stand_in::discard(&self.path);
        }
    }
}

/// Copies the pages that are whole, and returns how many they are.
fn copy_whole_pages(damaged: &Path, cut: CutShort, copy: &Path) -> std::io::Result<u64> {
    let pages = cut.there / cut.page;
    let mut from = File::open(damaged)?.take(pages * cut.page);
    std::io::copy(&mut from, &mut File::create(copy)?)?;
    Ok(pages)
}

/// Copies the pages that are whole, with the header of `fresh` in place of a damaged one.
fn copy_with_new_header(damaged: &Path, fresh: &Path, copy: &Path) -> std::io::Result<()> {
    let mut example = vec![0; PAGE_BYTES];
    File::open(fresh)?.read_exact(&mut example)?;
    let pages = damaged.metadata()?.len() / PAGE_BYTES as u64;
    let whole = CutShort { there: pages * PAGE_BYTES as u64, whole: 0, page: PAGE_BYTES as u64 };
    copy_whole_pages(damaged, whole, copy)?;
    let mut first = vec![0; PAGE_BYTES];
    let file = File::options().read(true).write(true).open(copy)?;
    if file.read_exact_at(&mut first, 0).is_err() || first[HEADER_BYTES..] != example[HEADER_BYTES..] {
        return Ok(());
    }
    // How many pages there are, and that none of them is free.
    let pages = u32::try_from(pages).unwrap_or(u32::MAX);
    example[28..32].copy_from_slice(&pages.to_be_bytes());
    example[32..40].fill(0);
    file.write_all_at(&example[..HEADER_BYTES], 0)
}

/// Adds the pages of the schema, which are the same in each run file, to a copy that ends before them. The roots of tables
/// that are gone stay unreadable: nobody must take such a table for an empty one.
fn add_schema(fresh: &Path, copy: &Path, pages: u64, page: u64) -> std::io::Result<()> {
    let example = std::fs::read(fresh)?;
    let (pages, page) =
        (usize::try_from(pages).unwrap_or(usize::MAX), usize::try_from(page).unwrap_or(usize::MAX));
    let example: Vec<&[u8]> = example.chunks(page).collect();
    if pages >= example.len() {
        return Ok(());
    }
    let copied = std::fs::read(copy)?;
    if copied.get(HEADER_BYTES..page) != example[0].get(HEADER_BYTES..) {
        return Ok(());
    }
    let roots = roots(fresh).map_err(std::io::Error::other)?;
    let mut file = File::options().append(true).open(copy)?;
    for (number, bytes) in (1..).zip(example).skip(pages) {
        let gone = vec![0; bytes.len()];
        file.write_all(if roots.contains(&number) { &gone } else { bytes })?;
    }
    Ok(())
}

/// Lists the pages at which the tables of a run file begin.
fn roots(fresh: &Path) -> Result<BTreeSet<i64>> {
    let connection = run_file::open_packed(fresh)?;
    let mut statement = connection.prepare("SELECT rootpage FROM sqlite_schema WHERE rootpage > 0")?;
    let pages = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    Ok(pages)
}

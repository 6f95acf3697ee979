//! Opening and creating run files.

use super::byte_locks::{BUSY_TIMEOUT, has_locks};
use super::file_kind::check_is_file;
use super::records::attempts;
use super::schema::{self, SCHEMA, SCHEMA_VERSION};
use super::wreck::CutShort;
use crate::model::{AttemptId, Error, ErrorKind, Hash, Result, RunKey};
use rusqlite::{Connection, OpenFlags};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use sha2::{Digest, Sha256};
use std::ffi::CStr;
use std::io::Write;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

const APPLICATION_ID: i64 = 1_684_827_765;

/// Bytes of a database page: of the sizes that keep an empty run under 128 KiB, the fastest for blobs.
pub(super) const PAGE_BYTES: u32 = 8192;

/// Says whether a file that begins so is a run file. Source: <https://sqlite.org/fileformat.html>, 1.3.
pub(super) fn is_header(head: &[u8]) -> bool {
    head.starts_with(b"SQLite format 3\0")
        && head
            .get(68..72)
            .is_some_and(|id| i64::from(u32::from_be_bytes([id[0], id[1], id[2], id[3]])) == APPLICATION_ID)
}

/// Creates an empty run file that must not exist yet.
///
/// It is not synced: until the run is sealed, it can be rebuilt from the journal.
///
/// # Errors
/// [`ErrorKind::Conflict`] if the file exists; or it cannot be written.
pub fn create(path: &Path) -> Result<()> {
    // It gets its name when it is whole: whoever sees it by that may look into it.
    let random = AttemptId::random()?.to_string();
    let fresh = path.with_extension(format!("{}.sqlite.new", &random[..8]));
    let made = fill(&fresh).and_then(|()| place(&fresh, path));
    made.inspect_err(|_| {
        std::fs::remove_file(&fresh).ok();
    })
}

/// Gives a file a name that nothing else has.
///
/// # Errors
/// [`ErrorKind::Conflict`] if something has it; or the directory cannot be written.
pub fn place(fresh: &Path, path: &Path) -> Result<()> {
    let taken =
        || Error::new(ErrorKind::Conflict, format!("There is a run file `{}` already", path.display()));
    match renameat_with(CWD, fresh, CWD, path, RenameFlags::NOREPLACE) {
        Ok(()) => return Ok(()),
        Err(Errno::EXIST) => return Err(taken()),
        // Some file systems cannot; a link is refused just so where there is such a name.
        Err(_) => {}
    }
    std::fs::hard_link(fresh, path).map_err(|e| match e.kind() {
        std::io::ErrorKind::AlreadyExists => taken(),
        _ => Error::io("create the run file", path, e),
    })?;
    std::fs::remove_file(fresh).map_err(|e| Error::io("remove", fresh, e))
}

fn fill(path: &Path) -> Result<()> {
    let cannot = |e| Error::io("create the run file", path, e);
    std::fs::File::create_new(path).and_then(|mut file| file.write_all(blank()?)).map_err(cannot)
}

/// Returns the bytes of an empty run file: they are the same for every run, and made once.
fn blank() -> std::io::Result<&'static [u8]> {
    static BLANK: OnceLock<Vec<u8>> = OnceLock::new();
    let make = || -> rusqlite::Result<Vec<u8>> {
        let mut connection = Connection::open_in_memory()?;
        connection.pragma_update(None, "page_size", PAGE_BYTES)?;
        connection.execute_batch(&format!("BEGIN; {SCHEMA} COMMIT;"))?;
        Ok(connection.serialize(rusqlite::MAIN_DB)?.to_vec())
    };
    match BLANK.get() {
        Some(blank) => Ok(blank),
        None => make().map(|made| BLANK.get_or_init(|| made).as_slice()).map_err(std::io::Error::other),
    }
}

/// Opens a run file to read it as it is: of a compacted one, the history is missing.
///
/// # Errors
/// It is missing, no run file, damaged at its start, or of a newer version.
pub fn open_packed(path: &Path) -> Result<Connection> {
    // A database whose writer was killed can only be read by somebody who may roll it back, so ask for that first.
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE, c"unix")
        .or_else(|_| connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY, c"unix"))?;
    connection.pragma_update(None, "query_only", true)?;
    connection.busy_timeout(Duration::ZERO)?;
    match check_header(&connection, path) {
        // Where there are no locks, SQLite thinks that somebody else has them all.
        Err(e) if matches!(e.kind(), ErrorKind::Busy | ErrorKind::Io) && !has_locks(path) => {
            return open_without_locks(path);
        }
        Err(e) if e.kind() == ErrorKind::Busy => {
            connection.busy_timeout(BUSY_TIMEOUT)?;
            check_header(&connection, path)?;
        }
        other => other?,
    }
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

/// Opens a run file to read it where there are no locks: an error while a transaction is under way, since it cannot be
/// told from one that a dead writer left.
fn open_without_locks(path: &Path) -> Result<Connection> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY, c"unix-none")?;
    check_header(&connection, path)?;
    Ok(connection)
}

pub(super) fn connect(path: &Path, flags: OpenFlags, vfs: &CStr) -> Result<Connection> {
    let in_context = |e: rusqlite::Error| Error::from(e).in_context(format!("`{}`", path.display()));
    if !path.exists() {
        return Err(Error::new(ErrorKind::NotFound, format!("There is no run file `{}`", path.display())));
    }
    check_is_file(path)?;
    let connection = Connection::open_with_flags_and_vfs(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX, vfs)
        .map_err(in_context)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // Never WAL (it breaks on network file systems), never mmap (a full or failing disk becomes SIGBUS).
    connection.pragma_update(None, "mmap_size", 0)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(connection)
}

pub(super) fn check_header(connection: &Connection, path: &Path) -> Result<()> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let no_run = |why: String| {
        Error::damaged(format!("`{}` is no danlu run file: {why}", path.display()))
            .with_hint("if it was one, `danlu recover` saves what can be read of it; `danlu ls` lists the runs of a directory")
    };
    match pragma("application_id") {
        Ok(APPLICATION_ID) => {}
        Ok(other) => return Err(no_run(format!("its application id is {other}"))),
        Err(e) if e.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => {
            return Err(no_run("it is no SQLite database".to_owned()));
        }
        Err(e) => return Err(unreadable(e, path)),
    }
    match schema::version(connection)? {
        version if schema::READABLE.contains(&version) => Ok(()),
        newer if newer > SCHEMA_VERSION => Err(Error::new(
            ErrorKind::Version,
            format!("`{}` was written by a newer danlu: its schema is version {newer}, this danlu reads {SCHEMA_VERSION}", path.display()),
        )
        .with_hint("update danlu")),
        other => Err(no_run(format!("its schema version is {other}"))),
    }
}

fn unreadable(error: rusqlite::Error, path: &Path) -> Error {
    let error = Error::from(error);
    let cut = (error.kind() == ErrorKind::Damaged).then(|| CutShort::of(path)).flatten();
    cut.map_or_else(|| error.in_context(format!("`{}`", path.display())), |cut| cut.error(path))
}

/// Returns the key of the run in a file.
///
/// # Errors
/// The file has no attempt yet, or is damaged.
pub fn run_key(connection: &Connection) -> Result<RunKey> {
    let found =
        connection.query_row("SELECT entity, project, run FROM attempt ORDER BY id LIMIT 1", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?))
        });
    match found {
        Ok((entity, project, id)) => Ok(RunKey { entity, project, id: crate::model::RunId::new(id)? }),
        Err(rusqlite::Error::QueryReturnedNoRows) => Err(Error::damaged("The run file holds no attempt")),
        Err(e) => Err(e.into()),
    }
}

/// Returns the digest of a whole run, or `None` while an attempt is not sealed. See [`run_digest`].
///
/// # Errors
/// The file is damaged.
pub fn digest(connection: &Connection) -> Result<Option<Hash>> {
    let sealed: Option<Vec<_>> =
        attempts(connection)?.into_iter().map(|attempt| Some((attempt.attempt, attempt.digest?))).collect();
    match sealed {
        Some(attempts) if !attempts.is_empty() => Ok(Some(run_digest(&run_key(connection)?, attempts))),
        _ => Ok(None),
    }
}

/// Returns the digest of a run: SHA-256 of `danlu run 1` and a zero byte, the hash of the run's key, and for each
/// attempt, ordered by its bytes, the attempt and its digest.
pub fn run_digest(run: &RunKey, mut attempts: Vec<(AttemptId, Hash)>) -> Hash {
    attempts.sort_unstable();
    let mut hasher = Sha256::new();
    hasher.update(b"danlu run 1\0");
    hasher.update(run.hash().0);
    for (attempt, digest) in attempts {
        hasher.update(attempt.0);
        hasher.update(digest.0);
    }
    Hash(hasher.finalize().into())
}

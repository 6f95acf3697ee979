//! Storing blobs: many small ones in one transaction, a large one in a stream.
//!
//! A blob's row is written last, after its bytes proved to be what they should: so a blob is there whole or not at
//! all. Chunks that were committed before that and turn out to be of no blob are emptied, which gives their space to
//! whatever is stored next.

use super::Appender;
use super::blob::{BlobReader, CHUNK_BITS, blobs, fill, find, has_blob};
use super::run_file::open_packed;
use crate::model::{Error, ErrorKind, Hash, Result, limits};
use rusqlite::{OptionalExtension, Transaction, params};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// Buffers of [`limits::CHUNK_BYTES`] between the thread that reads and hashes and the one that writes.
const BUFFERS: usize = 6;

/// A transaction that took longer than this makes the next one smaller, down to so many bytes: others wait for it.
const LONG: Duration = Duration::from_secs(1);
const COMMIT_BYTES_LEAST: u64 = 16 << 20;

/// A reader that is slower than this, as on a network, is not waited for within a transaction.
const IDLE: Duration = Duration::from_millis(100);

/// Bytes after which the disk is told to begin writing them, in the middle of a transaction.
const SYNC_BYTES: u64 = 32 << 20;

/// Chunks emptied in one transaction.
const SWEEP: i64 = 256;

/// Stores contents in one transaction, each once, and returns their names.
///
/// # Errors
/// The database refuses; then none of them is stored.
pub fn put_small(file: &mut Appender, contents: &[impl AsRef<[u8]>]) -> Result<Vec<Hash>> {
    let names: Vec<Hash> = contents.iter().map(|content| Hash::of(content.as_ref())).collect();
    let tx = file.begin()?;
    let mut n = next_number(&tx)?;
    for (content, name) in contents.iter().map(AsRef::as_ref).zip(&names) {
        if find(&tx, *name)?.is_some() {
            continue;
        }
        for (place, chunk) in (0i64..).zip(content.chunks(limits::CHUNK_BYTES)) {
            insert_chunk(&tx, (n << CHUNK_BITS) + place, chunk)?;
        }
        insert_blob(&tx, *name, content.len() as u64, n)?;
        n += 1;
    }
    tx.commit()?;
    Ok(names)
}

/// Says whether a content may be there already: whether a blob has its size and the same bytes in some places.
/// `sample` reads the chunk at a place of the content.
///
/// # Errors
/// The file is damaged, or `sample` fails.
pub fn may_have(
    file: &mut Appender,
    size: u64,
    mut sample: impl FnMut(i64) -> Result<Vec<u8>>,
) -> Result<bool> {
    let tx = file.begin()?;
    let stored = i64::try_from(size).unwrap_or(i64::MAX);
    let mut alike: Vec<i64> = tx
        .prepare_cached("SELECT n FROM blob WHERE size = ?")?
        .query_map([stored], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let last = (stored - 1) / i64::try_from(limits::CHUNK_BYTES).unwrap_or(1);
    for place in [0, last / 2, last] {
        if alike.is_empty() {
            return Ok(false);
        }
        let bytes = sample(place)?;
        let mut same = tx.prepare_cached("SELECT bytes = ? FROM chunk WHERE id = ?")?;
        let mut keep = Vec::new();
        for n in alike {
            if same.query_row(params![bytes, (n << CHUNK_BITS) + place], |row| row.get(0)).optional()?
                == Some(true)
            {
                keep.push(n);
            }
        }
        alike = keep;
    }
    Ok(!alike.is_empty())
}

/// Stores the blob named `sha256` from a reader, unless it is there. Returns whether it was new.
///
/// # Errors
/// [`ErrorKind::Conflict`] when the bytes are not those of that name. Otherwise the reader fails or the database
/// refuses.
pub fn put_blob(file: &mut Appender, sha256: Hash, source: impl Read + Send) -> Result<bool> {
    if has_blob(&*file.begin()?, sha256)? {
        return Ok(false);
    }
    let check = |found: Hash, _| {
        let other = || Error::new(ErrorKind::Conflict, format!("The bytes are not those of blob {sha256}"));
        if found == sha256 { Ok(()) } else { Err(other()) }
    };
    put_stream(file, source, || (), check)?;
    Ok(true)
}

/// Copies the contents that another run file has.
///
/// # Errors
/// They cannot be read, or are not those of their names; or the database refuses.
pub fn copy_blobs(from: &Path, file: &mut Appender) -> Result<()> {
    for found in blobs(&open_packed(from)?)? {
        put_blob(file, found.sha256, BlobReader::new(open_packed(from)?, &found))?;
    }
    Ok(())
}

/// Stores what a reader yields as a blob, and returns its name and size.
///
/// It reads and hashes in a thread of its own. `turn` is called before each transaction, and what it returns is kept
/// until that is over. `check` sees the name and the size before the blob becomes visible, and may refuse it.
///
/// # Errors
/// The reader fails, `check` refuses, or the database does. Then there is no such blob.
pub fn put_stream<G>(
    file: &mut Appender,
    source: impl Read + Send,
    mut turn: impl FnMut() -> G,
    check: impl FnOnce(Hash, u64) -> Result<()>,
) -> Result<(Hash, u64)> {
    sweep(file, &mut turn)?;
    let stored = std::thread::scope(|scope| {
        let (to_writer, full) = sync_channel(BUFFERS);
        let (to_reader, empty) = sync_channel(BUFFERS);
        for _ in 0..BUFFERS {
            to_reader.send(Vec::with_capacity(limits::CHUNK_BYTES)).ok();
        }
        let reader = std::thread::Builder::new()
            .name("danlu-read".to_owned())
            .spawn_scoped(scope, move || read_and_hash(source, &empty, &to_writer))
            .map_err(|e| Error::new(ErrorKind::Io, "Cannot start a thread that reads").with_source(e))?;
        let syncer = start_syncer(scope, file.handle());
        let finish = || {
            reader
                .join()
                .unwrap_or_else(|_| Err(Error::new(ErrorKind::Io, "The thread that reads broke down")))
        };
        write(file, (full, to_reader), syncer.as_ref(), &mut turn, (finish, check))
    });
    if !matches!(stored, Ok((_, _, true))) {
        // What was committed is of no blob. If it cannot be emptied now, the next blob does it.
        sweep(file, &mut turn).ok();
    }
    stored.map(|(name, size, _)| (name, size))
}

/// Starts a thread that syncs the file whenever it is told to, so that the disk works while pages are written, and the
/// commit has little left to wait for. What fails here fails again when the commit syncs.
fn start_syncer<'scope>(
    scope: &'scope std::thread::Scope<'scope, '_>,
    file: Option<File>,
) -> Option<SyncSender<()>> {
    let (sender, wanted) = sync_channel(1);
    let file = file?;
    std::thread::Builder::new()
        .name("danlu-sync".to_owned())
        .spawn_scoped(scope, move || {
            while wanted.recv().is_ok() {
                file.sync_data().ok();
            }
        })
        .ok()
        .map(|_| sender)
}

/// Reads to the end, handing on each piece in a buffer that comes back, and returns the hash and the size of it all.
fn read_and_hash(
    mut source: impl Read,
    empty: &Receiver<Vec<u8>>,
    full: &SyncSender<Vec<u8>>,
) -> Result<(Hash, u64)> {
    let (mut hasher, mut size) = (Sha256::new(), 0);
    while let Ok(mut buffer) = empty.recv() {
        buffer.resize(limits::CHUNK_BYTES, 0);
        let filled = fill(&mut source, &mut buffer)?;
        if filled == 0 {
            break;
        }
        buffer.truncate(filled);
        hasher.update(&buffer);
        size += filled as u64;
        if full.send(buffer).is_err() {
            break;
        }
    }
    Ok((Hash(hasher.finalize().into()), size))
}

/// Writes what comes from the reader, in transactions of bounded size. Returns name, size, and whether it was new.
fn write<G>(
    file: &mut Appender,
    (full, empty): (Receiver<Vec<u8>>, SyncSender<Vec<u8>>),
    syncer: Option<&SyncSender<()>>,
    turn: &mut impl FnMut() -> G,
    (finish, check): (impl FnOnce() -> Result<(Hash, u64)>, impl FnOnce(Hash, u64) -> Result<()>),
) -> Result<(Hash, u64, bool)> {
    let (mut number, mut place, mut most) = (None, 0, limits::COMMIT_BYTES);
    let mut next = full.recv().ok();
    loop {
        let turn = turn();
        let began = Instant::now();
        let tx = file.begin()?;
        let n = match number {
            Some(n) => n,
            None => *number.insert(next_number(&tx)?),
        };
        let (mut written, mut ended) = (0, next.is_none());
        while let Some(buffer) = next.take() {
            insert_chunk(&tx, (n << CHUNK_BITS) + place, &buffer)?;
            place += 1;
            written += buffer.len() as u64;
            empty.send(buffer).ok();
            if let Some(syncer) = syncer.filter(|_| written % SYNC_BYTES == 0) {
                syncer.try_send(()).ok();
            }
            if written >= most || began.elapsed() >= LONG {
                break;
            }
            match full.recv_timeout(IDLE) {
                Ok(buffer) => next = Some(buffer),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => ended = true,
            }
        }
        if ended {
            let (name, size) = finish()?;
            check(name, size)?;
            let new = find(&tx, name)?.is_none();
            if new {
                insert_blob(&tx, name, size, n)?;
                tx.commit()?;
            }
            return Ok((name, size, new));
        }
        tx.commit()?;
        drop(turn);
        if began.elapsed() > 2 * LONG {
            most = (most / 2).max(COMMIT_BYTES_LEAST);
        }
        next = full.recv().ok();
    }
}

fn insert_chunk(tx: &Transaction<'_>, id: i64, bytes: &[u8]) -> Result<()> {
    tx.prepare_cached("INSERT INTO chunk VALUES (?, ?)")?.execute(params![id, bytes])?;
    Ok(())
}

fn insert_blob(tx: &Transaction<'_>, name: Hash, size: u64, n: i64) -> Result<()> {
    let size = i64::try_from(size).unwrap_or(i64::MAX);
    tx.prepare_cached("INSERT INTO blob VALUES (?, ?, ?)")?.execute(params![name.0, size, n])?;
    Ok(())
}

/// Returns a number that no blob has, nor chunks that were left behind.
fn next_number(tx: &Transaction<'_>) -> Result<i64> {
    let sql = "SELECT 1 + max(coalesce((SELECT max(id) >> ? FROM chunk), -1), coalesce((SELECT max(n) FROM blob), -1))";
    Ok(tx.query_row(sql, [CHUNK_BITS], |row| row.get(0))?)
}

/// Empties the chunks after those of the last blob: they were left by a writer that was killed or gave up.
fn sweep<G>(file: &mut Appender, turn: &mut impl FnMut() -> G) -> Result<()> {
    loop {
        let _turn = turn();
        let tx = file.begin()?;
        let left: Vec<i64> = tx
            .prepare_cached(
                "SELECT id FROM chunk WHERE id >= (SELECT coalesce(max(n) + 1, 0) FROM blob) << ? AND length(bytes) > 0 LIMIT ?",
            )?
            .query_map(params![CHUNK_BITS, SWEEP], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        if left.is_empty() {
            return Ok(());
        }
        for id in left {
            tx.prepare_cached("INSERT OR REPLACE INTO chunk VALUES (?, x'')")?.execute([id])?;
        }
        tx.commit()?;
    }
}

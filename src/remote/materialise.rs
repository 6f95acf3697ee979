//! A manifest and its objects become a run file, by the one function that turns records into rows.

use super::order::order;
use super::{AttemptEntry, Manifest, Object, PART_BYTES, Remote};
use crate::model::{AttemptId, Error, ErrorKind, Hash, Result};
use crate::store::{self, Appender, BUSY_TIMEOUT, Replacing, Stream};
use rusqlite::{Connection, Transaction};
use std::io::Read;
use std::path::Path;

/// Contents that are no longer than this are stored many at once.
const SMALL_BYTES: u64 = 1 << 20;

/// Makes the run file of a manifest, or completes the one that is there, with or without the contents of files. It holds
/// what the manifest says, as seen from its own rows; one that cannot come to that, because it is damaged or ahead, is made
/// anew in its place.
///
/// # Errors
/// The remote cannot be reached or lacks an object, the manifest is not that of its records, or the file cannot be
/// written. A file that was there is as it was, or has further attempts of the manifest.
pub fn materialise(remote: &dyn Remote, manifest: &Manifest, path: &Path, blobs: bool) -> Result<()> {
    made(path, |path, fresh| {
        let mut file = Appender::open(path, BUSY_TIMEOUT)?;
        if fresh {
            file = file.without_journal()?;
        }
        if blobs {
            take_blobs(remote, manifest, &mut file)?;
        }
        complete(remote, manifest, file, |_| Ok(()))
    })
}

/// Makes the run file of a manifest where there is none, or adds to the one that is there what it lacks, without the
/// contents of files. What is there is never replaced, also if it comes meanwhile: it may have what nothing else has.
///
/// # Errors
/// As [`materialise`]; and the file that is there is damaged, or ahead. It is as it was then.
pub fn add_records(remote: &dyn Remote, manifest: &Manifest, path: &Path) -> Result<()> {
    let add = |path: &Path| add_in_order(remote, manifest, path);
    let is_there = || std::fs::symlink_metadata(path).is_ok();
    if is_there() {
        return add(path);
    }
    // Where nobody can be made to wait, another process may make the same file: each has a name of its own for it.
    let random = AttemptId::random()?.to_string();
    match make_as(&path.with_extension(format!("{}.pulled", &random[..8])), add, |fresh| {
        store::place(fresh, path)
    }) {
        Err(e) if e.kind() == ErrorKind::Conflict && is_there() => add(path),
        made => made,
    }
}

/// Adds what a run file lacks. Where that belongs before what it has, it is made anew with all that it has.
fn add_in_order(remote: &dyn Remote, manifest: &Manifest, path: &Path) -> Result<()> {
    let mut file = Appender::open(path, BUSY_TIMEOUT)?;
    let tx = file.begin()?;
    let order = order(remote, manifest, &tx)?;
    if order.fits {
        fill(remote, manifest, &order.entries, &tx)?;
        return tx.commit();
    }
    drop(tx);
    drop(file);
    let right = Replacing::begin(path)?;
    if !store::journals_of(path)?.is_empty() {
        return Err(Error::new(ErrorKind::Busy, format!("`{}` is being written", path.display()))
            .with_hint("pull the run when it has ended here"));
    }
    let known = Manifest::of_live(&store::open_packed(path)?)?;
    if !known.leads_to(manifest) {
        let message =
            format!("`{}` has what the remote does not have, and goes on otherwise", path.display());
        return Err(Error::new(ErrorKind::Conflict, message).with_hint("sync it first"));
    }
    let make = |fresh: &Path| {
        let mut file = Appender::open(fresh, BUSY_TIMEOUT)?;
        let tx = file.begin()?;
        fill(remote, manifest, &order.entries, &tx)?;
        tx.commit()?;
        store::copy_blobs(path, &mut file)
    };
    make_as(&path.with_extension("rebuilt"), make, |fresh| right.put_in_place(fresh, None))
}

/// Makes a run file that can be made again, or completes it, and returns what `look` sees in it. It is not synced, and
/// has no contents of files: after an unclean end of the machine it may be damaged.
///
/// # Errors
/// As [`materialise`], and what `look` returns.
pub fn materialise_cache<T>(
    remote: &dyn Remote,
    manifest: &Manifest,
    path: &Path,
    look: impl Fn(&Connection) -> Result<T>,
) -> Result<T> {
    made(path, |path, fresh| {
        let file = Appender::open_cache(path, BUSY_TIMEOUT)?;
        complete(remote, manifest, if fresh { file.without_journal()? } else { file }, &look)
    })
}

/// Completes the file that is there, or makes one anew in its place. `complete` is told whether it is a fresh one.
fn made<T>(path: &Path, complete: impl Fn(&Path, bool) -> Result<T>) -> Result<T> {
    if path.exists() {
        match complete(path, false) {
            Err(e) if may_be_of_the_file(&e) => {}
            done => return done,
        }
    }
    make_anew(path, |fresh| complete(fresh, true))
}

fn make_anew<T>(path: &Path, complete: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
    make_as(&path.with_extension("rebuilt"), complete, |fresh| store::put_in_place(fresh, path, None))
}

/// Makes a run file under a name for a while, and lets `place` give it its own. A file that comes to nothing goes.
fn make_as<T>(
    fresh: &Path,
    complete: impl FnOnce(&Path) -> Result<T>,
    place: impl FnOnce(&Path) -> Result<()>,
) -> Result<T> {
    let made = store::begin(fresh).and_then(|()| complete(fresh));
    let placed = made.and_then(|seen| place(fresh).map(|()| seen));
    placed.inspect_err(|_| store::discard(fresh))
}

/// Says whether an error may come from what the run file has, and not from the remote.
fn may_be_of_the_file(error: &Error) -> bool {
    !matches!(error.kind(), ErrorKind::Unreachable | ErrorKind::Denied | ErrorKind::Busy | ErrorKind::Version)
}

/// Reads a segment of a remote and checks it against its name.
///
/// # Errors
/// The remote cannot be reached or does not have it, or it is damaged.
pub fn read_segment(remote: &dyn Remote, name: Hash) -> Result<Vec<u8>> {
    store::unpack(name, remote.get(Object::Segment(name), 0)?)
        .map_err(|e| e.in_context(format!("`{}`", remote.name())))
}

fn complete<T>(
    remote: &dyn Remote,
    manifest: &Manifest,
    mut file: Appender,
    look: impl FnOnce(&Connection) -> Result<T>,
) -> Result<T> {
    let tx = file.begin()?;
    fill_in_order(remote, manifest, &tx)?;
    let seen = look(&tx)?;
    tx.commit()?;
    Ok(seen)
}

fn fill_in_order(remote: &dyn Remote, manifest: &Manifest, tx: &Transaction<'_>) -> Result<()> {
    let order = order(remote, manifest, tx)?;
    if !order.fits {
        return Err(Error::damaged("An attempt belongs before those that the run file has"));
    }
    fill(remote, manifest, &order.entries, tx)
}

fn fill(
    remote: &dyn Remote,
    manifest: &Manifest,
    entries: &[&AttemptEntry],
    tx: &Transaction<'_>,
) -> Result<()> {
    for entry in entries {
        take_in(remote, tx, entry)?;
    }
    check(&Manifest::of_live(tx)?, &manifest.whole())
}

/// Checks that the records of a manifest become a run that is what it says, as a pull of it would find. Nothing is kept.
///
/// # Errors
/// They do not, or cannot be read.
pub fn prove(remote: &dyn Remote, manifest: &Manifest) -> Result<()> {
    let mut file = store::empty()?;
    fill_in_order(remote, manifest, &file.transaction()?)
}

/// Checks that the rows of a run file say what its manifest says.
fn check(found: &Manifest, said: &Manifest) -> Result<()> {
    if found == said {
        return Ok(());
    }
    let leads = |entry: &&AttemptEntry| {
        found.attempts.iter().any(|a| a.attempt == entry.attempt && a.digest == entry.digest)
    };
    Err(Error::damaged(match said.attempts.iter().find(|entry| !leads(entry)) {
        Some(entry) => format!("The records of attempt {} do not lead to its digest", entry.attempt),
        None => format!("The manifest of run {} is not that of its records", said.run),
    }))
}

/// Applies what the file does not have of an attempt.
fn take_in(remote: &dyn Remote, tx: &Transaction<'_>, entry: &AttemptEntry) -> Result<()> {
    let mut stream = Stream::open(tx, entry.attempt)?;
    if !stream.is_sealed() {
        let known = store::attempts(tx)?.into_iter().find(|known| known.attempt == entry.attempt);
        let cut = known.map_or_else(|| Ok(Vec::new()), |known| store::segments(tx, known.base))?;
        let same = cut.iter().zip(&entry.segments).take_while(|(a, b)| a.sha256 == b.sha256).count();
        for segment in &entry.segments[same..] {
            let bytes = read_segment(remote, segment.sha256)?;
            let (attempt, first, records) = store::decode_segment(&bytes)?;
            if attempt != entry.attempt {
                return Err(Error::damaged(format!("Segment {} is of another attempt", segment.sha256)));
            }
            stream.apply(tx, first, records)?;
        }
        if !entry.open {
            stream.seal(tx)?;
        }
    }
    Ok(())
}

/// Stores the contents of files that the run file does not have: small ones together, large ones in streams.
fn take_blobs(remote: &dyn Remote, manifest: &Manifest, file: &mut Appender) -> Result<()> {
    let (mut small, mut bytes) = (Vec::new(), 0);
    for blob in &manifest.blobs {
        if store::has_blob(&*file.begin()?, blob.sha256)? {
            continue;
        }
        let mut source = remote.get(Object::Blob(blob.sha256), 0)?;
        if blob.size > SMALL_BYTES {
            store::put_blob(file, blob.sha256, source)
                .map_err(|e| e.in_context(format!("`{}`", remote.name())))?;
            continue;
        }
        let mut content = Vec::new();
        source.by_ref().take(SMALL_BYTES + 1).read_to_end(&mut content).map_err(|e| {
            Error::new(ErrorKind::Unreachable, format!("`{}` broke off", remote.name())).with_source(e)
        })?;
        if Hash::of(&content) != blob.sha256 {
            return Err(super::other_bytes(Object::Blob(blob.sha256)));
        }
        bytes += blob.size;
        small.push(content);
        if bytes > PART_BYTES {
            store::put_small(file, &std::mem::take(&mut small))?;
            bytes = 0;
        }
    }
    store::put_small(file, &small).map(|_| ())
}

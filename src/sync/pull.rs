//! Bringing runs back: the same run file again, from a remote.

use super::source::{LocalRuns, Source};
use crate::model::{Error, ErrorKind, Hash, Record, Result, RunKey, file_stamp};
use crate::remote::{Manifest, Object, Remote, RunHead, SizedHash, add_records, read_segment};
use crate::store::{self, Appender, BUSY_TIMEOUT};
use rusqlite::Connection;
use rustix::fs::{FlockOperation, flock};
use serde::Serialize;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Contents that are no longer than this are stored many at once.
const SMALL: u64 = 1 << 20;
const SMALL_AT_ONCE: u64 = 8 << 20;

/// How a run came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pulled {
    /// There is a run file that was not there.
    New,
    /// The run file that was there has more now.
    Completed,
    /// The run file has all of it.
    UpToDate,
    /// The run file that is there is another one, and stays as it is.
    Left,
}

/// What came of a run.
#[derive(Debug, Serialize)]
pub struct PulledRun {
    /// How it came back.
    pub status: Pulled,
    /// Its run file.
    pub path: PathBuf,
    /// The digest of the run, as its file has it.
    pub digest: Option<Hash>,
    /// Contents of files that came, and their bytes.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Contents that the remote does not have.
    pub absent: u64,
    /// Why it was left.
    pub why: Option<String>,
    /// How far it is, if its writer had not ended when it was last pushed.
    pub open: Option<Open>,
}

/// How far a run is that has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Open {
    /// How many records there are.
    pub records: u64,
    /// The last step of the history.
    pub last_step: Option<i64>,
}

/// What goes on while a run comes back.
#[derive(Debug, Clone, Copy)]
pub enum Pulling<'a> {
    /// Another process pulls or imports into the directory, and is waited for.
    Waits(&'a Path),
    /// So many bytes of files have come.
    Came(u64),
}

/// How often the manifest of a run is read again whose end is replaced while it is read.
const TRIES: u32 = 3;

/// Finds the run file of a directory for each run that it has.
///
/// # Errors
/// The directory cannot be read.
pub fn local_files(source: &LocalRuns) -> Result<Vec<(RunKey, PathBuf)>> {
    let mut files = Vec::new();
    for candidate in source.list()? {
        let super::Place::File(path, _) = &candidate.place else { continue };
        // What cannot be read is of no run; a run that would come under its name is refused.
        if let Ok(content) = source.open(&candidate.place, true) {
            files.push((content.manifest().run.clone(), path.clone()));
        }
    }
    Ok(files)
}

/// Brings a run back into a directory of runs, where `here` are the files of that run. What is there is completed or left,
/// never changed. It can be broken off and repeated at any time. A run that is open at the remote comes as far as it is there, and
/// stays open: what its writer pushes later completes it.
///
/// `tell` hears what goes on.
///
/// # Errors
/// The remote cannot be reached or lacks something; the directory cannot be written.
pub fn pull(
    remote: &dyn Remote,
    head: &RunHead,
    directory: &Path,
    here: &[PathBuf],
    files: bool,
    tell: &(dyn Fn(Pulling<'_>) + Sync),
) -> Result<PulledRun> {
    let _turn = take_turns(directory, tell)?;
    for _ in 0..TRIES {
        let manifest = remote.manifest_of(head.key)?.ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("`{}` has no run {} any more", remote.name(), head.run))
        })?;
        match pull_as(remote, &manifest, directory, here, files, tell) {
            // It was pushed further meanwhile, and the end of it that was asked for is gone.
            Err(e) if e.kind() == ErrorKind::NotFound && manifest.is_open() => {}
            done => return done,
        }
    }
    Err(Error::new(ErrorKind::Busy, format!("Run {} changes faster than it can be read", head.run)))
}

/// Brings a run back as a manifest describes it.
fn pull_as(
    remote: &dyn Remote,
    manifest: &Manifest,
    directory: &Path,
    here: &[PathBuf],
    files: bool,
    tell: &(dyn Fn(Pulling<'_>) + Sync),
) -> Result<PulledRun> {
    let (path, is_new) = match here {
        [] => place_of(directory, &manifest.run, began(remote, manifest)?)?,
        [one] => (one.clone(), false),
        [first, ..] => return left(first, "it is in several files here"),
    };
    let mut has_more = is_new;
    if !is_new {
        let known = Manifest::of_live(&store::open_packed(&path)?)?;
        if known.is_open() && !store::journals_of(&path)?.is_empty() {
            return left(&path, "it is still being written here");
        }
        if !known.leads_to(manifest) {
            return left(&path, "what is here is not at the remote");
        }
        has_more = !manifest.attempts.iter().all(|entry| known.attempts.contains(entry));
    }
    // What a pull that is broken off has not brought is left out as well.
    note_absent(remote, manifest, &path)?;
    if has_more {
        // The records first: then what comes later has a place to come to.
        add_records(remote, manifest, &path)?;
    }
    let (count, bytes) = if files { take_files(remote, manifest, &path, tell)? } else { (0, 0) };
    note_absent(remote, manifest, &path)?;
    let file = store::open_packed(&path)?;
    let open =
        || Ok::<_, Error>(Open { records: manifest.head().records, last_step: store::last_step(&file)? });
    Ok(PulledRun {
        status: match (is_new, has_more || count > 0) {
            (true, _) => Pulled::New,
            (false, true) => Pulled::Completed,
            (false, false) => Pulled::UpToDate,
        },
        digest: store::digest(&file)?,
        open: manifest.is_open().then(open).transpose()?,
        path,
        files: count,
        bytes,
        absent: manifest.absent.len() as u64,
        why: None,
    })
}

/// Waits until nobody else pulls a run into a directory, or imports there, and keeps them waiting while what this returns lives.
fn take_turns(directory: &Path, tell: &(dyn Fn(Pulling<'_>) + Sync)) -> Result<File> {
    // The lock is on the directory itself, so that it leaves nothing behind.
    let turn = File::open(directory).map_err(|e| Error::io("open the directory", directory, e))?;
    // Where there are no locks, whoever comes second adds to what the first one made.
    if flock(&turn, FlockOperation::NonBlockingLockExclusive) == Err(rustix::io::Errno::WOULDBLOCK) {
        tell(Pulling::Waits(directory));
        while flock(&turn, FlockOperation::LockExclusive) == Err(rustix::io::Errno::INTR) {}
    }
    Ok(turn)
}

/// Finds the place of a run that began at a time: a name that nothing has, or the run itself, if it came since the directory was
/// looked through. Says whether nothing is there. Another run with the same id and second is passed by.
fn place_of(directory: &Path, run: &RunKey, began: i64) -> Result<(PathBuf, bool)> {
    let mut number = 0;
    loop {
        let suffix = if number == 0 { String::new() } else { format!("-{number}") };
        let path = directory.join(format!("run-{}-{}{suffix}.sqlite", file_stamp(began), run.id));
        let is_there = std::fs::symlink_metadata(&path).is_ok();
        if !is_there && store::journals_of(&path)?.is_empty() {
            return Ok((path, true));
        }
        match store::open_packed(&path).and_then(|file| is_of(&file, run)) {
            Ok(true) => return Ok((path, false)),
            Ok(false) => number += 1,
            Err(e) => return Err(in_the_way(&path, is_there, run).with_source(e)),
        }
    }
}

/// Says whether a file is of a run, and can be read then.
fn is_of(file: &Connection, run: &RunKey) -> Result<bool> {
    Ok(store::run_key(file)? == *run && Manifest::of_live(file).map(|_| true)?)
}

/// Refuses a name under which there is something that cannot be read: it may have rows that are nowhere else.
fn in_the_way(path: &Path, is_there: bool, run: &RunKey) -> Error {
    let what = if is_there { "it" } else { "its journal" };
    let message =
        format!("`{}` stays as it is: {what} is here, and cannot be read as run {run}", path.display());
    let hint = "`danlu recover FILE` saves what can be read of it; when it is moved elsewhere, there is room for the run";
    Error::new(ErrorKind::Conflict, message).with_hint(hint)
}

/// Writes down which contents of a run are not here, and which ends.
fn note_absent(remote: &dyn Remote, manifest: &Manifest, path: &Path) -> Result<()> {
    let names = |blobs: &[SizedHash]| blobs.iter().map(|blob| blob.sha256).collect::<Vec<_>>();
    let open = manifest.attempts.iter().filter(|entry| entry.open).map(|entry| entry.attempt);
    store::Absent::note(path, remote.name(), names(&manifest.blobs), names(&manifest.absent), open)
}

fn left(path: &Path, why: &str) -> Result<PulledRun> {
    Ok(PulledRun {
        status: Pulled::Left,
        path: path.to_owned(),
        digest: store::digest(&store::open_packed(path)?)?,
        files: 0,
        bytes: 0,
        absent: 0,
        why: Some(why.to_owned()),
        open: None,
    })
}

/// Returns when a run first began: its file is named after that.
fn began(remote: &dyn Remote, manifest: &Manifest) -> Result<i64> {
    let mut first: Option<i64> = None;
    for entry in &manifest.attempts {
        let Some(segment) = entry.segments.first() else { continue };
        let (_, _, records) = store::decode_segment(&read_segment(remote, segment.sha256)?)?;
        if let Some(Record::Start(start)) = records.first() {
            first = Some(first.map_or(start.time, |first| first.min(start.time)));
        }
    }
    first.ok_or_else(|| Error::damaged(format!("Run {} has no start", manifest.run)))
}

/// Stores the contents of files that a run file does not have, small ones together.
fn take_files(
    remote: &dyn Remote,
    manifest: &Manifest,
    path: &Path,
    tell: &(dyn Fn(Pulling<'_>) + Sync),
) -> Result<(u64, u64)> {
    let known = store::open_packed(path)?;
    let mut lacking = Vec::new();
    for blob in &manifest.blobs {
        if !store::has_blob(&known, blob.sha256)? {
            lacking.push(*blob);
        }
    }
    drop(known);
    if lacking.is_empty() {
        return Ok((0, 0));
    }
    lacking.sort_by_key(|blob| blob.size);
    let mut file = Appender::open(path, BUSY_TIMEOUT)?;
    let (mut small, mut waiting) = (Vec::new(), 0);
    for blob in &lacking {
        if blob.size > SMALL {
            let source = remote.get(Object::Blob(blob.sha256), 0)?;
            store::put_blob(&mut file, blob.sha256, Told { source, tell })
                .map_err(|e| e.in_context(format!("`{}`", remote.name())))?;
            continue;
        }
        small.push(whole(remote, *blob)?);
        tell(Pulling::Came(blob.size));
        waiting += blob.size;
        if waiting > SMALL_AT_ONCE {
            store::put_small(&mut file, &std::mem::take(&mut small))?;
            waiting = 0;
        }
    }
    store::put_small(&mut file, &small)?;
    Ok((lacking.len() as u64, lacking.iter().map(|blob| blob.size).sum()))
}

fn whole(remote: &dyn Remote, blob: SizedHash) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = remote.get(Object::Blob(blob.sha256), 0)?.take(blob.size + 1).read_to_end(&mut bytes);
    read.map_err(|e| {
        Error::new(ErrorKind::Unreachable, format!("`{}` broke off in the middle", remote.name()))
            .with_source(e)
    })?;
    if Hash::of(&bytes) == blob.sha256 {
        return Ok(bytes);
    }
    Err(super::source::other_bytes(blob.sha256).in_context(format!("`{}`", remote.name())))
}

/// Tells how many bytes are read from it.
struct Told<'a, R> {
    source: R,
    tell: &'a (dyn Fn(Pulling<'_>) + Sync),
}

impl<R: Read> Read for Told<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.source.read(buffer)?;
        (self.tell)(Pulling::Came(read as u64));
        Ok(read)
    }
}

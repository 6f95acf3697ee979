//! A copy of a server's data, made while it serves: catalogue, then objects, each checked as it is taken in.

use super::settings::Settings;
use super::{App, data, file_of_catalogue};
use crate::model::{AttemptId, Clock, Error, ErrorKind, Hash, Result};
use crate::remote::{Directory, Manifest, Object, Remote, RunHead, heads};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The file in a copy that says so.
const MARK: &str = "backup.json";

/// Of which server a directory is a copy.
#[derive(PartialEq, Serialize, Deserialize)]
struct Mark {
    of: AttemptId,
}

impl Mark {
    /// Checks that nothing but an earlier copy of the same server can be lost in a directory.
    fn check(&self, own: &[PathBuf], directory: &Path) -> Result<()> {
        let shown = directory.display();
        let refused = |why: &str| {
            let error = Error::usage(format!("`{shown}` cannot take the backup: {why}"));
            Err(error.with_hint("give a new or an empty directory, or that of an earlier backup"))
        };
        let place = resolved(directory)?;
        if own.iter().filter_map(|own| resolved(own).ok()).any(|own| place.starts_with(own)) {
            return refused("it is where the data is that is to be copied");
        }
        if data::is_held(directory) {
            return refused("a server serves it");
        }
        let mark = std::fs::read(directory.join(MARK)).ok();
        match mark.and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok()) {
            Some(mark) if mark == *self => Ok(()),
            Some(_) => refused("it has the backup of another server"),
            None if is_empty(directory)? => Ok(()),
            None if file_of_catalogue(directory).exists() => {
                let error = Error::usage(format!(
                    "`{shown}` cannot take the backup: it has the data of a server, and no `{MARK}` says that this is a backup"
                ));
                Err(error.with_hint(
                    "give a new directory; if this one is a backup that an older danlu has made, remove it once the new one is there",
                ))
            }
            None => refused("it has other things in it"),
        }
    }

    fn write(&self, directory: &Path) -> Result<()> {
        let path = directory.join(MARK);
        let json =
            serde_json::to_vec(self).map_err(|e| Error::damaged("Cannot write JSON").with_source(e))?;
        std::fs::write(&path, json).map_err(|e| Error::io("write", &path, e))
    }
}

/// Notes that a directory goes its own way from now on: no later backup may go over it.
///
/// # Errors
/// It cannot be written.
pub(super) fn becomes_a_server(data: &Path) -> Result<()> {
    let path = data.join(MARK);
    match std::fs::remove_file(&path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", &path, e)),
        _ => Ok(()),
    }
}

/// Returns where a path leads, also if its end is not there yet.
fn resolved(path: &Path) -> Result<PathBuf> {
    let path = std::path::absolute(path).map_err(|e| Error::io("find", path, e))?;
    let there = path.ancestors().find_map(|part| Some((part, part.canonicalize().ok()?)));
    Ok(match there {
        Some((part, real)) => path.strip_prefix(part).map_or(real.clone(), |rest| real.join(rest)),
        None => path,
    })
}

fn is_empty(directory: &Path) -> Result<bool> {
    match std::fs::read_dir(directory) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(true),
        Err(e) => Err(Error::io("read", directory, e)),
    }
}

/// Copies the data of a server. Returns how many runs there are, and how many objects were new.
///
/// # Errors
/// The directory cannot be written, or something is damaged.
pub(super) fn copy(
    app: &App,
    own: &[PathBuf],
    directory: &Path,
    clock: Arc<dyn Clock>,
) -> Result<(usize, usize)> {
    let mark = Mark { of: app.objects.identity()? };
    mark.check(own, directory)?;
    data::make(directory)?;
    let _alone = data::hold(directory)?;
    mark.write(directory)?;
    let copy = Directory::create(&directory.join("objects"))?;
    // Before the objects: what the catalogue tells of is then among them, or newer.
    app.catalogue.copy_to(&file_of_catalogue(directory))?;
    let (mut runs, mut new) = (BTreeSet::new(), 0);
    for head in heads(&*app.objects) {
        let head = head?;
        new += copy_run(&*app.objects, &copy, &head)?;
        runs.insert(head.key);
    }
    for head in heads(&copy) {
        let key = head?.key;
        if !runs.contains(&key) {
            copy.remove_run(key)?;
        }
    }
    let settings = Settings::new(directory.to_owned(), ([127, 0, 0, 1], 0).into());
    let (_, failed) = App::open(&settings, clock)?.reconcile()?;
    match failed.into_iter().next() {
        Some(error) => Err(error.in_context("The copy")),
        None => Ok((runs.len(), new)),
    }
}

/// Copies a run. The end of one that is being written may go while it is copied; then there is a newer one.
fn copy_run(from: &dyn Remote, to: &Directory, head: &RunHead) -> Result<usize> {
    for _ in 0..3 {
        let Some(manifest) = from.manifest_of(head.key)? else { return Ok(0) };
        match copy_objects(from, to, &manifest) {
            Err(e) if e.kind() == ErrorKind::NotFound && manifest.is_open() => {}
            done => return done.map_err(|e| e.in_context(format!("Run {}", head.run))),
        }
    }
    Err(Error::new(ErrorKind::Busy, format!("Run {} changes faster than it can be copied", head.run)))
}

fn copy_objects(from: &dyn Remote, to: &Directory, manifest: &Manifest) -> Result<usize> {
    if to.manifest_of(manifest.run.hash())?.is_some_and(|held| held.digest == manifest.digest) {
        return Ok(0);
    }
    let missing = to.missing(&manifest.objects())?;
    for object in &missing {
        to.put(*object, 0, from.get(*object, 0)?)?;
    }
    to.commit(manifest)?;
    Ok(missing.len())
}

/// Reads a blob and checks it against its name.
///
/// # Errors
/// It is missing or damaged.
pub(super) fn check_blob(remote: &dyn Remote, name: Hash) -> Result<()> {
    let object = Object::Blob(name);
    let mut bytes = remote.get(object, 0)?;
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        let read = bytes.read(&mut buffer);
        match read.map_err(|e| Error::new(ErrorKind::Io, format!("Cannot read {object}")).with_source(e))? {
            0 => break,
            n => hasher.update(&buffer[..n]),
        }
    }
    if Hash(hasher.finalize().into()) == name {
        return Ok(());
    }
    Err(Error::damaged(format!("The {object} is damaged: its bytes have another hash")))
}

//! A copy of a server's data, made while it serves: catalogue, then objects, each checked as it is taken in.

use super::settings::Settings;
use super::{App, file_of_catalogue};
use crate::model::{Clock, Error, ErrorKind, Hash, Result};
use crate::remote::{Directory, Manifest, Object, Remote, RunHead};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// Copies the data of a server. Returns how many runs there are, and how many objects were new.
///
/// # Errors
/// The directory cannot be written, or something is damaged.
pub(super) fn copy(app: &App, directory: &Path, clock: Arc<dyn Clock>) -> Result<(usize, usize)> {
    std::fs::create_dir_all(directory).map_err(|e| Error::io("create the directory", directory, e))?;
    let copy = Directory::create(&directory.join("objects"))?;
    // Before the objects: what the catalogue tells of is then among them, or newer.
    app.catalogue.copy_to(&file_of_catalogue(directory))?;
    let (mut runs, mut new) = (BTreeSet::new(), 0);
    for head in all(&*app.objects)? {
        new += copy_run(&*app.objects, &copy, &head)?;
        runs.insert(head.key);
    }
    for head in all(&copy)? {
        if !runs.contains(&head.key) {
            copy.remove_run(head.key)?;
        }
    }
    let settings = Settings::new(directory.to_owned(), ([127, 0, 0, 1], 0).into());
    let (_, failed) = App::open(&settings, clock)?.reconcile()?;
    match failed.into_iter().next() {
        Some(error) => Err(error.in_context("The copy")),
        None => Ok((runs.len(), new)),
    }
}

fn all(remote: &dyn Remote) -> Result<Vec<RunHead>> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = remote.runs(after)?;
        let Some(last) = page.last() else { return Ok(found) };
        after = Some(last.key);
        found.extend(page);
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

//! A directory as a remote: a USB stick, a network share, anything that rsync can carry.
//!
//! ```text
//! danlu-remote.json          what this is, and its version
//! segments/ab/abcd….zst      segments, compressed
//! blobs/ab/abcd…             contents of files
//! runs/abcd….json            manifests, named by the hash of the run's key
//! tmp/                       files being written
//! ```
//!
//! A file gets its name when all of its bytes are durable, so a name never stands for half of something.

mod begin;
mod check;
mod parts;
mod place;
mod sweep;
mod threads;
mod turn;

use super::marker::{MARKER, Marker};
use super::{Left, Manifest, Object, Options, PAGE_RUNS, Receipt, Remote, RunHead, SizedHash};
use crate::model::{AttemptId, Error, ErrorKind, Hash, Result};
use crate::store;
use bytes::Bytes;
use check::Whole;
use parts::{Hashes, Parts};
use sha2::digest::common::hazmat::SerializableState;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use threads::in_threads;
use turn::{Runs, Turns};

/// The kind of a manifest that could not be read any more when its run was committed again.
const PUT_ASIDE: &str = "damaged";

/// A remote in a directory.
#[derive(Debug)]
pub struct Directory {
    root: PathBuf,
    name: String,
    whole: Whole,
    parts: Parts,
    turns: Turns,
}

impl Directory {
    /// Opens a directory as a remote, making it one if it is empty or missing. The directory above it must be there: a stick
    /// that is not mounted is not made up for.
    ///
    /// # Errors
    /// It cannot be written, holds something else, or is of a newer version; or there is no directory above it.
    pub fn create(root: &Path) -> Result<Self> {
        Self::create_with(root, &Options::default())
    }

    /// Does what [`Self::create`] does. The options say how long others who write there are waited for, and who is told of it.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub fn create_with(root: &Path, options: &Options) -> Result<Self> {
        let turns = Turns::new(options);
        if !Self::is_one(root) {
            begin::begin(root, &turns)?;
        }
        Ok(Self { turns, ..Self::open(root)? })
    }

    /// Opens a directory that is a remote.
    ///
    /// # Errors
    /// It is none, or is of a newer version.
    pub fn open(root: &Path) -> Result<Self> {
        marker(root)?;
        let (whole, parts, turns) = (Whole::default(), Parts::default(), Turns::new(&Options::default()));
        Ok(Self { root: root.to_owned(), name: root.display().to_string(), whole, parts, turns })
    }

    /// Says whether a directory is a remote.
    pub fn is_one(root: &Path) -> bool {
        root.join(MARKER).is_file()
    }

    /// Returns where an object is. A blob that came from a bucket may be a directory of parts.
    pub fn path_of(&self, object: Object) -> PathBuf {
        self.root.join(object.place())
    }

    fn path_of_run(&self, key: Hash) -> PathBuf {
        self.root.join("runs").join(format!("{key}.json"))
    }

    fn temporary(&self) -> PathBuf {
        self.root.join("tmp")
    }

    /// Reads a manifest, if it is there.
    fn read_manifest(path: &Path) -> Result<Option<Manifest>> {
        let read = place::open(path).and_then(|mut file| {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).map(|_| bytes)
        });
        match read {
            Ok(bytes) => {
                let key = path.file_stem().and_then(|name| Hash::parse(name.to_str()?));
                let manifest = Manifest::parse_as(key, &bytes);
                manifest.map(Some).map_err(|e| e.in_context(format!("`{}`", path.display())))
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) if place::is_of_one_file(&e) => {
                let message = format!("Cannot read the manifest `{}`", path.display());
                let hint =
                    "`danlu sync` from where the run is puts it aside and writes it again; or move it away";
                Err(Error::damaged(message).with_source(e).with_hint(hint))
            }
            Err(e) => Err(Error::io("read", path, e)),
        }
    }

    /// Reads a segment and checks it against its name.
    ///
    /// # Errors
    /// It is not there, or damaged.
    pub fn read_segment(&self, name: Hash) -> Result<Vec<u8>> {
        let path = self.path_of(Object::Segment(name));
        let file = place::open(&path).map_err(|e| Error::io("read", &path, e))?;
        store::unpack(name, file).map_err(|e| e.in_context(format!("`{}`", path.display())))
    }

    /// Takes the lock of whoever changes manifests. Where there are no locks, two syncers that commit one run in the same
    /// moment can hide one another's attempt until the next sync; nothing is lost.
    fn lock_runs(&self) -> Result<Runs<'_>> {
        self.turns.take_runs(&self.root.join("runs"))
    }

    /// Writes one manifest durably, but for its name. Returns the ends that it supersedes.
    fn take_in(&self, manifest: &Manifest) -> Result<Vec<Object>> {
        let path = self.path_of_run(manifest.run.hash());
        let held = match Self::read_manifest(&path) {
            // What nobody can read any more keeps nobody from committing all of it again.
            Err(e) if e.kind() == ErrorKind::Damaged => {
                let aside = path.with_extension(PUT_ASIDE);
                place::remove(&aside).and_then(|()| place::rename(&path, &aside)).map(|()| None)
            }
            held => held,
        }?;
        let (merged, old) = Manifest::follow(held.as_ref(), manifest)?;
        self.check_named(manifest, &old)?;
        place::place(&self.temporary(), &path, &merged.to_json()?)?;
        Ok(old)
    }

    /// Reads back what a commit has written.
    fn receipt(&self, key: Hash) -> Result<Receipt> {
        let path = self.path_of_run(key);
        let held = Self::read_manifest(&path)?;
        let held = held.ok_or_else(|| Error::damaged(format!("`{}` vanished", path.display())))?;
        Ok(held.receipt().of(self.identity()?))
    }

    /// Says of a failure on a stick that was pulled out what it comes from.
    fn reached<T>(&self, done: Result<T>) -> Result<T> {
        done.map_err(|e| if Self::is_one(&self.root) { e } else { gone(&self.root).with_source(e) })
    }

    fn head(path: &Path, key: Hash) -> Result<Option<RunHead>> {
        match Self::read_manifest(path) {
            Ok(found) => Ok(found.map(|manifest| manifest.head())),
            Err(e) if e.kind() == ErrorKind::Io => Err(e),
            Err(_) => RunHead::unreadable(key).map(Some),
        }
    }
}

/// Reads what the marker of a remote says.
fn marker(root: &Path) -> Result<AttemptId> {
    // What is no regular file would be waited for.
    let bytes =
        Some(root.join(MARKER)).filter(|path| path.is_file()).and_then(|path| std::fs::read(path).ok());
    let bytes = bytes.ok_or_else(|| {
        let message =
            format!("`{}` is no danlu remote: it has other things in it and no `{MARKER}`", root.display());
        Error::usage(message).with_hint("give an empty or a new directory")
    })?;
    Marker::parse(&bytes, &root.display().to_string()).map(|marker| marker.id)
}

fn gone(root: &Path) -> Error {
    Error::new(ErrorKind::Unreachable, format!("The remote `{}` is no longer there", root.display()))
        .with_hint("is the disk mounted?")
}

impl Remote for Directory {
    fn name(&self) -> &str {
        &self.name
    }

    fn identity(&self) -> Result<AttemptId> {
        // A stick may be pulled out, and another be put in its place.
        if Self::is_one(&self.root) { marker(&self.root) } else { Err(gone(&self.root)) }
    }

    fn missing(&self, objects: &[Object]) -> Result<Vec<Object>> {
        if !Self::is_one(&self.root) {
            return Err(gone(&self.root));
        }
        Ok(objects.iter().copied().filter(|object| self.check_whole(*object).is_err()).collect())
    }

    fn put(&self, object: Object, _: u64, bytes: Box<dyn Read + Send>) -> Result<()> {
        self.reached(match object {
            Object::Blob(name) => self.put_stream(name, bytes),
            Object::Segment(_) => {
                let mut packed = Vec::new();
                let most = crate::model::limits::SEGMENT_BYTES as u64;
                bytes.take(most).read_to_end(&mut packed).map_err(super::cannot_read)?;
                self.put_all(vec![(object, packed)])
            }
        })
    }

    fn put_all(&self, objects: Vec<(Object, Vec<u8>)>) -> Result<()> {
        for (object, bytes) in &objects {
            super::check_bytes(*object, bytes)?;
        }
        let files: Vec<(PathBuf, &[u8])> =
            objects.iter().map(|(object, bytes)| (self.path_of(*object), bytes.as_slice())).collect();
        self.reached(place::place_all(&self.temporary(), &files))?;
        objects.iter().for_each(|(object, _)| self.note_whole(*object));
        Ok(())
    }

    fn held(&self, blob: SizedHash) -> Result<u64> {
        self.reached(self.held_parts(blob))
    }

    fn put_part(&self, blob: SizedHash, offset: u64, bytes: Bytes) -> Result<()> {
        self.reached(self.write_part(blob, offset, &bytes)).map(|_| ())
    }

    fn put_part_of(&self, blob: SizedHash, offset: u64, bytes: Bytes, sent: &mut Sha256) -> Result<()> {
        match self.reached(self.write_part(blob, offset, &bytes))? {
            Some(Hashes { before, after }) if before.serialize() == sent.serialize() => *sent = after,
            _ => sent.update(&bytes),
        }
        Ok(())
    }

    fn get(&self, object: Object, offset: u64) -> Result<Box<dyn Read + Send>> {
        self.reached(parts::read(&self.path_of(object), object, offset))
    }

    fn commit(&self, manifest: &Manifest) -> Result<Receipt> {
        let mut done = self.commit_all(std::slice::from_ref(manifest))?;
        done.pop().unwrap_or_else(|| Err(Error::damaged("A commit came to nothing")))
    }

    fn commit_all(&self, manifests: &[Manifest]) -> Result<Vec<Result<Receipt>>> {
        Ok(super::remove_left(self, self.commit_leaving(manifests)?))
    }

    fn commit_leaving(&self, manifests: &[Manifest]) -> Result<Vec<Result<Left>>> {
        let _lock = self.reached(self.lock_runs())?;
        let taken: Vec<Result<Vec<Object>>> =
            in_threads(manifests, |manifest| self.reached(self.take_in(manifest)));
        self.reached(store::sync_directory(&self.root.join("runs").join("x")))?;
        let receipt = |(manifest, taken): (&Manifest, Result<Vec<Object>>)| {
            taken.and_then(|old| Ok((self.receipt(manifest.run.hash())?, old)))
        };
        Ok(manifests.iter().zip(taken).map(receipt).collect())
    }

    fn manifest_of(&self, key: Hash) -> Result<Option<Manifest>> {
        self.reached(Self::read_manifest(&self.path_of_run(key)))
    }

    fn runs(&self, after: Option<Hash>) -> Result<Vec<RunHead>> {
        let path = self.root.join("runs");
        let entries = self.reached(std::fs::read_dir(&path).map_err(|e| Error::io("read", &path, e)))?;
        let mut keys = BTreeMap::new();
        for entry in entries {
            let path = entry.map_err(|e| Error::io("read", &path, e))?.path();
            let key = path.file_name().and_then(|name| Hash::parse(name.to_str()?.strip_suffix(".json")?));
            if let Some(key) = key.filter(|key| after.is_none_or(|after| *key > after)) {
                keys.insert(key, path);
                if keys.len() > PAGE_RUNS {
                    keys.pop_last();
                }
            }
        }
        // One that is removed meanwhile is not listed.
        keys.into_iter().filter_map(|(key, path)| Self::head(&path, key).transpose()).collect()
    }

    fn remove_run(&self, key: Hash) -> Result<()> {
        let _lock = self.reached(self.lock_runs())?;
        let path = self.path_of_run(key);
        place::remove(&path)?;
        store::sync_directory(&path)
    }

    fn sweep(&self, before: i64) -> Result<usize> {
        self.reached(self.sweep_before(before))
    }

    fn remove(&self, objects: &[Object]) -> Result<()> {
        for object in objects {
            self.whole.forget(*object);
            place::remove(&self.path_of(*object))?;
        }
        Ok(())
    }
}

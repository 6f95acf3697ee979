//! A directory as a remote: a USB stick, a network share, anything that rsync can carry.
//!
//! ```text
//! danlu-remote.json          what this is, and its version
//! segments/ab/abcd….zst      segments, compressed
//! blobs/ab/abcd…             contents of files
//! runs/abcd….json            manifests, named by the hash of the run's key
//! ```
//!
//! A file gets its name when all of its bytes are durable, so a name never stands for half of something.

use super::{Manifest, Object, Receipt, Remote};
use crate::model::{AttemptId, Error, ErrorKind, Hash, Result, RunKey};
use crate::store::{self, Damage, unpack};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

const MARKER: &str = "danlu-remote.json";
const FORMAT: &str = "danlu-remote";
const VERSION: u32 = 1;

/// The directories of a remote. What is in the last one is of pushes under way.
const PARTS: [&str; 4] = ["segments", "blobs", "runs", "tmp"];

/// What the marker says.
#[derive(Debug, Serialize, Deserialize)]
struct Marker {
    format: String,
    version: u32,
    id: AttemptId,
}

/// A remote in a directory.
#[derive(Debug)]
pub struct Directory {
    root: PathBuf,
    name: String,
    id: AttemptId,
    /// Objects whose bytes this process has seen to be those of their names.
    whole: Mutex<HashSet<Object>>,
}

impl Directory {
    /// Opens a directory as a remote, making it one if it is empty or missing. The directory above it must be there: a stick
    /// that is not mounted is not made up for.
    ///
    /// # Errors
    /// It cannot be written, holds something else, or is of a newer version; or there is no directory above it.
    pub fn create(root: &Path) -> Result<Self> {
        if !Self::is_one(root) {
            Self::begin(root)?;
        }
        Self::open(root)
    }

    /// Makes a remote of a directory that is missing or empty, or where somebody who did that was killed.
    fn begin(root: &Path) -> Result<()> {
        make(root)?;
        let handle = File::open(root).map_err(|e| Error::io("open the remote", root, e))?;
        // Two who begin it at once take turns, where there are locks.
        flock(&handle, FlockOperation::LockExclusive).ok();
        if Self::is_one(root) || !is_empty_but_for_parts(root)? {
            return Ok(());
        }
        for part in PARTS {
            make(&root.join(part))?;
        }
        let marker = Marker { format: FORMAT.to_owned(), version: VERSION, id: AttemptId::random()? };
        let json =
            serde_json::to_vec(&marker).map_err(|e| Error::damaged("Cannot make JSON").with_source(e))?;
        Self::at(root, marker.id).place(&root.join(MARKER), &mut json.as_slice(), |_| true)
    }

    fn at(root: &Path, id: AttemptId) -> Self {
        Self { root: root.to_owned(), name: root.display().to_string(), id, whole: Mutex::default() }
    }

    /// Opens a directory that is a remote.
    ///
    /// # Errors
    /// It is none, or is of a newer version.
    pub fn open(root: &Path) -> Result<Self> {
        // What is no regular file would be waited for.
        let bytes =
            Some(root.join(MARKER)).filter(|path| path.is_file()).and_then(|path| std::fs::read(path).ok());
        let bytes = bytes.ok_or_else(|| {
            let message = format!(
                "`{}` is no danlu remote: it has other things in it and no `{MARKER}`",
                root.display()
            );
            Error::usage(message).with_hint("give an empty or a new directory")
        })?;
        let marker: Option<Marker> = serde_json::from_slice(&bytes).ok();
        match marker.filter(|marker| marker.format == FORMAT && marker.version == VERSION) {
            Some(marker) => Ok(Self::at(root, marker.id)),
            None => {
                let message = format!(
                    "The remote `{}` was made by a newer danlu, or its `{MARKER}` is damaged",
                    root.display()
                );
                Err(Error::new(ErrorKind::Version, message).with_hint("update danlu"))
            }
        }
    }

    /// Says whether a directory is a remote.
    pub fn is_one(root: &Path) -> bool {
        root.join(MARKER).is_file()
    }

    /// Returns where an object is.
    pub fn path_of(&self, object: Object) -> PathBuf {
        let hash = object.hash().to_string();
        match object {
            Object::Segment(_) => self.root.join("segments").join(&hash[..2]).join(hash + ".zst"),
            Object::Blob(_) => self.root.join("blobs").join(&hash[..2]).join(hash),
        }
    }

    fn path_of_run(&self, key: Hash) -> PathBuf {
        self.root.join("runs").join(format!("{key}.json"))
    }

    /// Reads the manifest of the run whose key has this hash, if it is here.
    ///
    /// # Errors
    /// It cannot be read, or is damaged.
    pub fn manifest_of(&self, key: Hash) -> Result<Option<Manifest>> {
        Self::read_manifest(&self.path_of_run(key))
    }

    /// Writes bytes under a name that appears when they are durable and `check` accepts their hash.
    fn place(&self, path: &Path, bytes: &mut dyn Read, check: impl Fn(Hash) -> bool) -> Result<()> {
        // Random: processes of several machines or containers may write here, and have the same numbers.
        let temporary = self.root.join("tmp").join(AttemptId::random()?.to_string());
        let written = write_and_hash(&temporary, bytes).and_then(|hash| {
            if !check(hash) {
                return Err(Error::damaged(format!(
                    "The bytes sent for `{}` have another hash",
                    path.display()
                )));
            }
            if let Some(parent) = path.parent().filter(|parent| !parent.is_dir()) {
                std::fs::create_dir_all(parent).map_err(|e| Error::io("create the directory", parent, e))?;
                store::sync_directory(parent)?;
            }
            std::fs::rename(&temporary, path).map_err(|e| Error::io("write", path, e))?;
            store::sync_directory(path)
        });
        if written.is_err() {
            std::fs::remove_file(&temporary).ok();
        }
        written
    }

    /// Reads a manifest, if it is there.
    fn read_manifest(path: &Path) -> Result<Option<Manifest>> {
        match std::fs::read(path) {
            Ok(bytes) => {
                Manifest::parse(&bytes).map(Some).map_err(|e| e.in_context(format!("`{}`", path.display())))
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Error::io("read", path, e)),
        }
    }

    /// Checks that all that a manifest names is here, by content.
    ///
    /// # Errors
    /// Something is missing or damaged.
    pub fn check_held(&self, manifest: &Manifest) -> Result<()> {
        for object in manifest.objects() {
            self.check_whole(object)?;
        }
        for blob in &manifest.blobs {
            let path = self.path_of(Object::Blob(blob.sha256));
            let length = std::fs::metadata(&path).map_err(|e| Error::io("read", &path, e))?.len();
            if length != blob.size {
                let message = format!("`{}` has {length} bytes instead of {}", path.display(), blob.size);
                return Err(Error::damaged(message));
            }
        }
        Ok(())
    }

    /// Checks an object by its content, unless this process has done so before or has written it.
    fn check_whole(&self, object: Object) -> Result<()> {
        if !self.known().contains(&object) {
            self.check_object(object)?;
            self.known().insert(object);
        }
        Ok(())
    }

    fn known(&self) -> MutexGuard<'_, HashSet<Object>> {
        self.whole.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a segment and checks it against its name.
    ///
    /// # Errors
    /// It is not there, or damaged.
    pub fn read_segment(&self, name: Hash) -> Result<Vec<u8>> {
        let path = self.path_of(Object::Segment(name));
        let file = File::open(&path).map_err(|e| Error::io("read", &path, e))?;
        unpack(name, file).map_err(|e| e.in_context(format!("`{}`", path.display())))
    }

    /// Checks every manifest and every object that they name, by content. Returns how many of each, and the damage.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn verify(&self) -> Result<(u64, u64, Vec<Damage>)> {
        let runs = self.root.join("runs");
        let (mut manifests, mut objects, mut damage) = (0, std::collections::BTreeMap::new(), Vec::new());
        let entries = std::fs::read_dir(&runs).map_err(|e| Error::io("read", &runs, e))?;
        for path in entries.filter_map(std::result::Result::ok).map(|entry| entry.path()) {
            match Self::read_manifest(&path) {
                Ok(Some(manifest)) => {
                    manifests += 1;
                    for object in manifest.objects() {
                        objects.entry(object).or_insert_with(Vec::new).push(manifest.run.to_string());
                    }
                }
                Ok(None) => {}
                Err(e) => damage.push(Damage { kind: "manifest", message: e.to_string() }),
            }
        }
        for (object, runs) in &objects {
            if let Err(e) = self.check_object(*object) {
                let kind = if matches!(object, Object::Blob(_)) { "blob" } else { "records" };
                damage.push(Damage { kind, message: format!("{e} (part of run {})", runs.join(", ")) });
            }
        }
        Ok((manifests, objects.len() as u64, damage))
    }

    fn check_object(&self, object: Object) -> Result<()> {
        let Object::Blob(name) = object else {
            return self.read_segment(object.hash()).map(|_| ());
        };
        let path = self.path_of(object);
        let mut file = File::open(&path).map_err(|e| Error::io("read", &path, e))?;
        let mut hasher = Sha256::new();
        std::io::copy(&mut file, &mut HashWriter(&mut hasher)).map_err(|e| Error::io("read", &path, e))?;
        if Hash(hasher.finalize().into()) != name {
            return Err(Error::damaged(format!(
                "Blob `{}` is damaged: its bytes have another hash",
                path.display()
            )));
        }
        Ok(())
    }
}

impl Remote for Directory {
    fn name(&self) -> &str {
        &self.name
    }

    fn identity(&self) -> Result<AttemptId> {
        Ok(self.id)
    }

    fn missing(&self, objects: &[Object]) -> Result<Vec<Object>> {
        Ok(objects.iter().copied().filter(|object| self.check_whole(*object).is_err()).collect())
    }

    fn put(&self, object: Object, _: u64, mut bytes: Box<dyn Read + Send>) -> Result<()> {
        let path = self.path_of(object);
        match object {
            Object::Blob(name) => self.place(&path, &mut bytes, |hash| hash == name)?,
            Object::Segment(name) => {
                let mut packed = Vec::new();
                let most = crate::model::limits::SEGMENT_BYTES as u64;
                bytes.take(most).read_to_end(&mut packed).map_err(|e| Error::io("receive", &path, e))?;
                unpack(name, packed.as_slice())?;
                self.place(&path, &mut packed.as_slice(), |_| true)?;
            }
        }
        self.known().insert(object);
        Ok(())
    }

    fn get(&self, object: Object) -> Result<Box<dyn Read + Send>> {
        let path = self.path_of(object);
        let file = File::open(&path).map_err(|e| Error::io("read", &path, e))?;
        Ok(Box::new(file))
    }

    fn commit(&self, manifest: &Manifest) -> Result<Receipt> {
        let path = self.path_of_run(manifest.run.hash());
        let lock_path = self.root.join("runs");
        let lock = File::open(&lock_path).map_err(|e| Error::io("open", &lock_path, e))?;
        // Where there are no locks, two syncers that commit one run in the same moment can hide one another's
        // attempt until the next sync; nothing is lost.
        flock(&lock, FlockOperation::LockExclusive).ok();
        let merged = match Self::read_manifest(&path)? {
            Some(known) => known.merge(manifest)?,
            None => manifest.clone(),
        };
        self.check_held(manifest)?;
        self.place(&path, &mut merged.to_json()?.as_slice(), |_| true)?;
        let held = Self::read_manifest(&path)?
            .ok_or_else(|| Error::damaged(format!("`{}` vanished", path.display())))?;
        Ok(held.receipt())
    }

    fn manifest(&self, run: &RunKey) -> Result<Option<Manifest>> {
        self.manifest_of(run.hash())
    }
}

/// Makes a directory, unless it is there.
/// Says whether a directory has nothing in it but what one has that is to become a remote.
fn is_empty_but_for_parts(root: &Path) -> Result<bool> {
    let names = |path: &Path| -> Result<Vec<String>> {
        let entries = std::fs::read_dir(path).map_err(|e| Error::io("open the remote", path, e))?;
        let name = |entry: std::io::Result<std::fs::DirEntry>| {
            entry.map(|entry| entry.file_name().to_string_lossy().into_owned())
        };
        entries.map(name).collect::<std::io::Result<_>>().map_err(|e| Error::io("open the remote", path, e))
    };
    for name in names(root)? {
        let begun = PARTS.contains(&name.as_str())
            && root.join(&name).is_dir()
            && (name == "tmp" || names(&root.join(&name))?.is_empty());
        if !begun {
            return Ok(false);
        }
    }
    Ok(true)
}

fn make(path: &Path) -> Result<()> {
    match std::fs::create_dir(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Err(Error::io("create the remote", path, e)
            .with_hint(
                "the directory above it is not there: is the disk mounted? `mkdir -p` makes what is missing",
            )),
        Err(_) if path.is_dir() => Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(Error::io("open the remote", path, rustix::io::Errno::NOTDIR))
        }
        other => other.map_err(|e| Error::io("create the directory", path, e)),
    }
}

/// Writes a file, makes it durable, and returns the hash of what was written.
fn write_and_hash(path: &Path, bytes: &mut dyn Read) -> Result<Hash> {
    let mut file = File::create_new(path).map_err(|e| Error::io("write", path, e))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match bytes.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => {
                hasher.update(&buffer[..n]);
                file.write_all(&buffer[..n]).map_err(|e| Error::io("write", path, e))?;
            }
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => {
                return Err(Error::new(ErrorKind::Io, "Cannot read what is to be stored").with_source(e));
            }
        }
    }
    file.sync_all().map_err(|e| Error::io("sync", path, e))?;
    Ok(Hash(hasher.finalize().into()))
}

/// Feeds a hasher what is written.
struct HashWriter<'a>(&'a mut Sha256);

impl Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

//! Getting the content of a file from a remote: checked, whole or not at all, and gone on with where it was broken off.

use super::Mirror;
use crate::model::{Error, ErrorKind, Hash, Result};
use crate::remote::{Object, Remote};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// How often in a row an answer may break off before a byte came.
const TRIES: u32 = 3;

/// How much is read at once.
const PIECE: usize = 1 << 18;

impl Mirror {
    /// Writes a content of the remote into `target`, and returns its size. What has come of it so far is told to `progress`.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if the remote does not have it: the push may not be over. The answer broke off again and again
    /// (then what came is kept, and gone on with the next time); it is damaged; or the place cannot be written.
    pub fn content(&self, sha256: Hash, target: &Path, progress: &dyn Fn(u64)) -> Result<u64> {
        let _lock = self.lock(sha256)?;
        let part = self.directory().join(format!("part-{sha256}"));
        let mut coming = Coming::open(part, progress)?;
        let mut tries = 0;
        while !coming.is(sha256) {
            let before = coming.length;
            match coming.go_on(self.remote(), sha256) {
                Ok(()) if coming.is(sha256) => break,
                // What was there before may not have been the beginning of it.
                Ok(()) if coming.resumed => coming = coming.anew()?,
                Ok(()) => return Err(coming.damaged(sha256, self.remote().name())),
                Err(e) if e.kind() == ErrorKind::NotFound => {
                    return Err(not_pushed(e, self.remote().name(), sha256));
                }
                Err(e) if e.kind() == ErrorKind::Usage && coming.resumed => coming = coming.anew()?,
                Err(e) if e.kind() != ErrorKind::Unreachable => return Err(e),
                Err(e) => {
                    tries = if coming.length > before { 0 } else { tries + 1 };
                    if tries >= TRIES {
                        return Err(e);
                    }
                }
            }
        }
        coming.put(target)
    }
}

impl Mirror {
    /// Hands out a content of the remote, piece by piece, when all of it has come and is checked.
    ///
    /// # Errors
    /// As [`Self::content`], or `sink` fails.
    pub fn read_content(&self, sha256: Hash, mut sink: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let target = self.directory().join(format!("read-{}", crate::model::AttemptId::random()?));
        self.content(sha256, &target, &|_| {})?;
        let read = File::open(&target).map_err(|e| Error::io("read", &target, e));
        let handed = read.and_then(|mut from| each_piece(&mut from, &target, &mut sink));
        std::fs::remove_file(&target).ok();
        handed
    }
}

fn each_piece(from: &mut File, path: &Path, sink: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        match from.read(&mut piece).map_err(|e| Error::io("read", path, e))? {
            0 => return Ok(()),
            read => sink(&piece[..read])?,
        }
    }
}

/// A content that is on its way.
struct Coming<'a> {
    path: PathBuf,
    file: File,
    length: u64,
    hasher: Sha256,
    /// Whether its beginning was there before.
    resumed: bool,
    progress: &'a dyn Fn(u64),
}

impl<'a> Coming<'a> {
    /// Goes on with what came before.
    fn open(path: PathBuf, progress: &'a dyn Fn(u64)) -> Result<Self> {
        let failed = |e| Error::io("write", &path, e);
        let mut file = File::options().create(true).read(true).append(true).open(&path).map_err(failed)?;
        let (mut hasher, mut length) = (Sha256::new(), 0);
        each_piece(&mut file, &path, &mut |piece| {
            hasher.update(piece);
            length += piece.len() as u64;
            Ok(())
        })?;
        progress(length);
        Ok(Self { path, file, length, hasher, resumed: length > 0, progress })
    }

    /// Forgets what there is, and begins again.
    fn anew(self) -> Result<Self> {
        std::fs::remove_file(&self.path).map_err(|e| Error::io("remove", &self.path, e))?;
        Self::open(self.path, self.progress)
    }

    fn is(&self, sha256: Hash) -> bool {
        self.hasher.clone().finalize().as_slice() == sha256.0
    }

    fn go_on(&mut self, remote: &dyn Remote, sha256: Hash) -> Result<()> {
        let mut from = remote.get(Object::Blob(sha256), self.length)?;
        let mut piece = vec![0; PIECE];
        loop {
            let read = match from.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(read) => read,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(e) => {
                    let message =
                        format!("`{}` broke off its answer after {} bytes", remote.name(), self.length);
                    return Err(Error::new(ErrorKind::Unreachable, message)
                        .with_source(e)
                        .with_hint("again, it goes on from there"));
                }
            };
            self.file.write_all(&piece[..read]).map_err(|e| Error::io("write", &self.path, e))?;
            self.hasher.update(&piece[..read]);
            self.length += read as u64;
            (self.progress)(self.length);
        }
    }

    /// What came is not what was asked for: nothing of it is kept.
    fn damaged(self, sha256: Hash, remote: &str) -> Error {
        std::fs::remove_file(&self.path).ok();
        Error::damaged(format!("The content {sha256} is damaged at `{remote}`: its bytes have another hash"))
            .with_hint("sync the run there again from where it is whole")
    }

    /// Puts it in place.
    fn put(self, target: &Path) -> Result<u64> {
        let failed = |e| Error::io("write", target, e);
        if std::fs::rename(&self.path, target).is_err() {
            // On another file system.
            crate::query::write_whole(target, |sink| {
                let mut from = File::open(&self.path).map_err(failed)?;
                each_piece(&mut from, &self.path, sink)
            })?;
            std::fs::remove_file(&self.path).ok();
        } else {
            self.file.sync_all().map_err(failed)?;
        }
        Ok(self.length)
    }
}

/// Says that the remote names a content, and does not have it.
fn not_pushed(error: Error, remote: &str, sha256: Hash) -> Error {
    let message = format!("`{remote}` does not have the content {sha256} yet");
    Error::new(ErrorKind::NotFound, message)
        .with_source(error)
        .with_hint("it is not pushed there yet, or was left out; `danlu sync` from where the run is sends it")
}

//! Objects that are named by hash: a hash alone is no right to what it stands for.
//!
//! Who may see a run that names an object has it already. Everybody else has to send it, also where the server has it from
//! somebody else: then it is asked for as missing, and a run that names it is refused until it came.

use super::App;
use super::catalogue::Who;
use crate::model::{Error, ErrorKind, Hash, Result};
use crate::remote::{Manifest, Object, SizedHash};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

impl App {
    /// Returns which of some objects somebody has to send.
    pub(super) fn missing_of(&self, who: &Who, objects: &[Object]) -> Result<Vec<Object>> {
        let mut missing: BTreeSet<Object> = self.catalogue.unproved(who, objects)?;
        let others: Vec<Object> =
            objects.iter().copied().filter(|object| !missing.contains(object)).collect();
        missing.extend(self.objects.missing(&others)?);
        Ok(objects.iter().copied().filter(|object| missing.remove(object)).collect())
    }

    /// Checks that somebody had the objects that a manifest names beyond what is known of its run.
    pub(super) fn check_proved(
        &self,
        who: &Who,
        known: Option<&Manifest>,
        manifest: &Manifest,
    ) -> Result<()> {
        let known: BTreeSet<Object> = known.map(Manifest::objects).unwrap_or_default().into_iter().collect();
        let new: Vec<Object> =
            manifest.objects().into_iter().filter(|object| !known.contains(object)).collect();
        match self.catalogue.unproved(who, &new)?.first() {
            None => Ok(()),
            Some(object) => Err(Error::new(
                ErrorKind::NotFound,
                format!("There is no {object} that this key has sent, or in a run that it may see"),
            )
            .with_hint("send it, and then the manifest again")),
        }
    }

    /// Returns how much of a large blob somebody need not send.
    pub(super) fn held_for(&self, who: &Who, blob: SizedHash) -> Result<u64> {
        let object = Object::Blob(blob.sha256);
        let held = self.objects.held(blob)?;
        if self.catalogue.unproved(who, &[object])?.is_empty() {
            return Ok(held);
        }
        Ok(held.min(self.catalogue.sent_parts(who, blob.sha256)?.0))
    }

    /// Takes a part of a blob. What others have sent of it is not written again, but hashed: with its last part, a sender has
    /// shown all of it.
    pub(super) fn put_part(&self, who: &Who, blob: SizedHash, offset: u64, bytes: Bytes) -> Result<()> {
        let (name, length) = (blob.sha256, bytes.len() as u64);
        if self.catalogue.unproved(who, &[Object::Blob(name)])?.is_empty() {
            return self.objects.put_part(blob, offset, bytes);
        }
        let (mut sent, mut hash) = self.catalogue.sent_parts(who, name)?;
        if offset == 0 && self.objects.held(blob)? == 0 {
            (sent, hash) = (0, Sha256::new());
        }
        if offset > sent {
            let message =
                format!("A part at {offset} leaves a gap: this key has sent {sent} bytes of blob {name}");
            return Err(Error::usage(message).with_hint("ask what is held, and go on from there"));
        }
        if offset < sent {
            return self.objects.put_part(blob, offset, bytes);
        }
        self.objects.put_part_of(blob, offset, bytes, &mut hash)?;
        if offset + length < blob.size {
            return self.catalogue.note_parts(who, name, (offset + length, &hash), self.clock.now());
        }
        if Hash(hash.finalize().into()) == name {
            return self.catalogue.prove(who, &[Object::Blob(name)], self.clock.now());
        }
        self.catalogue.forget_parts(who, name)?;
        Err(Error::damaged(format!("The parts that this key has sent are not those of blob {name}"))
            .with_hint("send it again from its beginning"))
    }
}

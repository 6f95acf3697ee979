//! Making runs visible in a bucket.

use super::errors::Said;
use super::{Bucket, REQUESTS};
use crate::model::{Error, ErrorKind, Hash, Result};
use crate::remote::{Left, Manifest, Object, not_there};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use object_store::{PutMode, UpdateVersion};
use std::collections::BTreeSet;

/// How often a commit is tried that others come before.
const TRIES: usize = 50;

impl Bucket {
    pub(super) async fn read_manifest(&self, key: Hash) -> Result<Option<(Manifest, UpdateVersion)>> {
        let Some((bytes, version)) = self.read(&self.path_of_run(key)).await? else { return Ok(None) };
        let manifest =
            Manifest::parse_as(Some(key), &bytes).map_err(|e| e.in_context(format!("`{}`", self.name)))?;
        Ok(Some((manifest, version)))
    }

    /// Commits a manifest: reads, merges, and writes it if nobody has written it since. Returns also what the run
    /// named before and does not any more.
    pub(super) async fn take_in(&self, manifest: &Manifest) -> Result<Left> {
        let conditional = self.is_conditional().await?;
        let (key, mut checked, mut superseded) = (manifest.run.hash(), false, BTreeSet::new());
        for _ in 0..TRIES {
            let known = self.read_manifest(key).await?;
            let (merged, old) = Manifest::follow(known.as_ref().map(|(known, _)| known), manifest)?;
            if !checked {
                self.check_held(manifest, &old).await?;
                checked = true;
            }
            if known.as_ref().is_none_or(|(known, _)| *known != merged) {
                let mode = match known {
                    _ if !conditional => PutMode::Overwrite,
                    Some((_, version)) => PutMode::Update(version),
                    None => PutMode::Create,
                };
                let json = Bytes::from(merged.to_json()?);
                match self.put_bytes(&self.path_of_run(key), json, mode).await {
                    Ok(()) => {}
                    // Somebody else was faster.
                    Err(
                        object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. },
                    ) => {
                        continue;
                    }
                    Err(e) => return Err(self.said("write", e)),
                }
            }
            superseded.extend(old);
            // The receipt is of what is there now. Without conditions somebody else may have written over it.
            if let Some((held, _)) = self.read_manifest(key).await?
                && held.merge(&merged).is_ok_and(|all| all == held)
            {
                let kept = held.objects();
                let old = superseded.into_iter().filter(|object| !kept.contains(object)).collect();
                return Ok((held.receipt(), old));
            }
        }
        let message = format!("Others commit run {} to `{}` all the time", manifest.run, self.name);
        Err(Error::new(ErrorKind::Busy, message).with_hint("sync again"))
    }

    /// Checks that what a manifest names is there, but for ends that something else has superseded.
    async fn check_held(&self, manifest: &Manifest, superseded: &[Object]) -> Result<()> {
        let objects = manifest.objects().into_iter().filter(|object| !superseded.contains(object));
        let asked: Vec<Object> = objects.filter(|object| self.known.length(*object).is_none()).collect();
        let found = stream::iter(asked)
            .map(async |object| if self.is_there(object).await? { Ok(()) } else { Err(not_there(object)) });
        found.buffered(REQUESTS).try_collect::<()>().await?;
        for blob in &manifest.blobs {
            let length = self.known.length(Object::Blob(blob.sha256));
            if length.is_some_and(|length| length != blob.size) {
                let message =
                    format!("Blob {} at `{}` has another length than {}", blob.sha256, self.name, blob.size);
                return Err(Error::damaged(message));
            }
        }
        Ok(())
    }
}

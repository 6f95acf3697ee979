//! A bucket becomes a remote, and shows what it can.

use super::Bucket;
use super::errors::Said;
use crate::model::{AttemptId, Error, Result};
use crate::remote::marker::{MARKER, Marker};
use bytes::Bytes;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, UpdateVersion};

/// What lies beside the marker of a remote.
const DIRECTORIES: [&str; 4] = ["segments", "blobs", "runs", "tmp"];

impl Bucket {
    /// Reads the marker; makes a remote of a place that is empty.
    pub(super) async fn begin(&self) -> Result<AttemptId> {
        let path = self.path(MARKER);
        loop {
            let found = self.read(&path).await?;
            let (mut marker, mode) = match found {
                Some((bytes, version)) => (Marker::parse(&bytes, &self.name)?, PutMode::Update(version)),
                None => {
                    self.check_empty().await?;
                    (Marker::new()?, PutMode::Create)
                }
            };
            if marker.conditional && mode != PutMode::Create {
                self.conditional.set(true).ok();
            }
            if self.conditional.get().is_some() && mode != PutMode::Create {
                return Ok(marker.id);
            }
            let conditional = self.probe().await?;
            if !conditional && mode != PutMode::Create {
                self.conditional.set(false).ok();
                return Ok(marker.id);
            }
            marker.conditional = conditional;
            let mode = if conditional { mode } else { PutMode::Overwrite };
            match self.put_bytes(&path, Bytes::from(marker.to_json()?), mode).await {
                // Somebody else may have begun it in the same moment: it is read again.
                Ok(())
                | Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) =>
                {
                    self.conditional.set(conditional).ok();
                }
                Err(e) => return Err(self.said("write", e)),
            }
        }
    }

    /// Says whether commits are conditional puts.
    pub(super) async fn is_conditional(&self) -> Result<bool> {
        if self.conditional.get().is_none() {
            self.begin().await?;
        }
        Ok(self.conditional.get().copied().unwrap_or(false))
    }

    async fn check_empty(&self) -> Result<()> {
        let prefix = (!self.prefix.as_ref().is_empty()).then_some(&self.prefix);
        let found = self.store.list_with_delimiter(prefix).await.map_err(|e| self.said("list", e))?;
        let mut others = found.objects.iter().map(|object| &object.location).chain(&found.common_prefixes);
        // A marker that has come meanwhile is somebody else's beginning.
        let ours = |name: &str| name == MARKER || DIRECTORIES.contains(&name);
        match others.find(|path| !ours(path.filename().unwrap_or_default())) {
            None => Ok(()),
            Some(other) => Err(Error::usage(format!(
                "`{}` is no danlu remote: it has other things in it, such as `{other}`, and no `{MARKER}`",
                self.name
            ))
            .with_hint("name a place in the bucket that is empty, such as `s3://bucket/danlu`")),
        }
    }

    /// Finds out whether the bucket does what conditions of a put say. One that does not is refused, unless the user says
    /// that nobody else commits.
    async fn probe(&self) -> Result<bool> {
        let path = self.path(&format!("tmp/{}.probe", AttemptId::random()?));
        let works = self.probe_at(&path).await;
        self.store.delete(&path).await.ok();
        match works? {
            None => Ok(true),
            Some(_) if self.alone => Ok(false),
            Some(why) => Err(Error::usage(format!(
                "`{}` {why}: two syncers at once could hide runs of one another",
                self.name
            ))
            .with_hint(
                "if only one machine at a time syncs to it, add `?conditional=none` to its address; else take another bucket",
            )),
        }
    }

    /// Returns what is wrong with conditional puts.
    async fn probe_at(&self, path: &object_store::path::Path) -> Result<Option<&'static str>> {
        use object_store::Error as E;
        let put = async |mode| self.put_bytes(path, Bytes::from_static(b"probe"), mode).await;
        match put(PutMode::Create).await {
            Ok(()) => {}
            Err(E::NotImplemented { .. } | E::NotSupported { .. }) => return Ok(Some(REFUSES)),
            // A refusal of the condition and one of the put look alike: the same put without a condition tells.
            Err(e) => {
                put(PutMode::Overwrite).await.map_err(|e| self.said("write", e))?;
                let said = self.said("write", e);
                return if said.kind() == crate::ErrorKind::Denied { Err(said) } else { Ok(Some(REFUSES)) };
            }
        }
        if put(PutMode::Create).await.is_ok() {
            return Ok(Some(IGNORES));
        }
        let found = self.store.head(path).await.map_err(|e| self.said("look into", e))?;
        let now = UpdateVersion { e_tag: found.e_tag, version: found.version };
        let stale = UpdateVersion {
            e_tag: Some("\"00000000000000000000000000000000\"".to_owned()),
            version: Some("1".to_owned()),
        };
        Ok(match (put(PutMode::Update(stale)).await, put(PutMode::Update(now)).await) {
            (Ok(()), _) => Some(IGNORES),
            (Err(_), Err(_)) => Some(REFUSES),
            (Err(_), Ok(())) => None,
        })
    }
}

const REFUSES: &str = "refuses conditional puts";
const IGNORES: &str = "ignores the conditions of puts";

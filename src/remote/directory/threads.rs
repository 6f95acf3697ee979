//! Several manifests at once.

use crate::model::{Error, Hash, Result};
use crate::remote::Manifest;
use std::collections::BTreeSet;

/// Threads that wait for manifests to be on the disk: a journalling file system syncs several at once.
const COMMITTERS: usize = 8;

/// Does the same with each of some manifests, several at once if they are of different runs.
pub(super) fn in_threads<T: Send>(
    manifests: &[Manifest],
    work: impl Fn(&Manifest) -> Result<T> + Sync,
) -> Vec<Result<T>> {
    let runs: BTreeSet<Hash> = manifests.iter().map(|manifest| manifest.run.hash()).collect();
    if runs.len() < 2 || runs.len() < manifests.len() {
        return manifests.iter().map(work).collect();
    }
    let work = &work;
    std::thread::scope(|scope| {
        let shares = manifests.chunks(manifests.len().div_ceil(COMMITTERS));
        let threads: Vec<_> = shares
            .map(|share| (share.len(), scope.spawn(move || share.iter().map(work).collect::<Vec<_>>())))
            .collect();
        let broke = || Err(Error::damaged("A thread that commits broke down"));
        let joined = threads
            .into_iter()
            .map(|(length, thread)| thread.join().unwrap_or_else(|_| (0..length).map(|_| broke()).collect()));
        joined.flatten().collect()
    })
}

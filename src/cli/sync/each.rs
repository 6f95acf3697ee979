//! Several remotes at once.

use super::target::Target;
use crate::model::{Error, ErrorKind, Result};

/// Does something with each remote, in a thread of its own, and returns what came of it, in their order.
pub(super) fn at_once<T: Send>(
    targets: &[Target],
    one: impl Fn(&Target) -> Result<T> + Sync,
) -> Vec<Result<T>> {
    let broke = || Err(Error::new(ErrorKind::Io, "A thread of the syncer broke down"));
    std::thread::scope(|scope| {
        let one = &one;
        let threads: Vec<_> = targets.iter().map(|target| scope.spawn(move || one(target))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| broke())).collect()
    })
}

//! All runs of a remote, page by page.

use super::{Remote, RunHead};
use crate::model::{Error, Hash, Result};
use std::collections::VecDeque;

/// Lists all runs of a remote, ordered by key. After an error there are no more.
pub fn heads(remote: &dyn Remote) -> impl Iterator<Item = Result<RunHead>> {
    Heads { remote: Some(remote), after: None, page: VecDeque::new() }
}

struct Heads<'a> {
    /// Nothing once the last page was read.
    remote: Option<&'a dyn Remote>,
    after: Option<Hash>,
    page: VecDeque<RunHead>,
}

impl Heads<'_> {
    fn turn(&mut self) -> Result<()> {
        let Some(remote) = self.remote else { return Ok(()) };
        let page = remote.runs(self.after)?;
        for head in &page {
            // Who repeats runs would be asked for ever.
            if self.after.is_some_and(|after| head.key <= after) {
                let message =
                    format!("`{}` does not list its runs in order, after {}", remote.name(), head.key);
                return Err(Error::damaged(message).with_hint("it may be no danlu server, or need an update"));
            }
            self.after = Some(head.key);
        }
        self.remote = self.remote.filter(|_| !page.is_empty());
        self.page = page.into();
        Ok(())
    }
}

impl Iterator for Heads<'_> {
    type Item = Result<RunHead>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.is_empty()
            && let Err(e) = self.turn()
        {
            self.remote = None;
            return Some(Err(e));
        }
        self.page.pop_front().map(Ok)
    }
}

//! Hearing of changes of files, where the build and the file system can tell. Who hears nothing looks more often.

use std::path::Path;
use std::sync::mpsc::Sender;

/// What a thread that waits for changes is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// Something has changed.
    #[cfg_attr(not(feature = "live"), expect(dead_code, reason = "nothing tells"))]
    Change,
    /// There is nothing to wait for any more.
    End,
}

/// Listens at directories.
pub(super) struct Ears {
    #[cfg(feature = "live")]
    watcher: Option<notify::RecommendedWatcher>,
}

#[cfg(feature = "live")]
impl Ears {
    pub(super) fn new(events: Sender<Heard>) -> Self {
        let tell = move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| !event.kind.is_access()) {
                events.send(Heard::Change).ok();
            }
        };
        Self { watcher: notify::recommended_watcher(tell).ok() }
    }

    pub(super) fn can_hear(&self) -> bool {
        self.watcher.is_some()
    }

    pub(super) fn listen_at(&mut self, directory: &Path) {
        use notify::{RecursiveMode, Watcher};
        if let Some(watcher) = &mut self.watcher {
            watcher.watch(directory, RecursiveMode::NonRecursive).ok();
        }
    }
}

#[cfg(not(feature = "live"))]
impl Ears {
    pub(super) fn new(_events: Sender<Heard>) -> Self {
        Self {}
    }

    pub(super) fn can_hear(&self) -> bool {
        false
    }

    pub(super) fn listen_at(&mut self, _directory: &Path) {}
}

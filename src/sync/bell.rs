//! Hears when something happens in a directory of runs, and wakes whoever waits for it.

use super::pass::lock;
use notify::event::{EventKind, ModifyKind};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// After something happened, others follow within this time: a run that ends writes several times.
const QUIET: Duration = Duration::from_millis(50);

/// How often quiet is waited for.
const ROUNDS: u32 = 10;

/// Rings when a run appears in a directory, or ends there.
///
/// Where nothing can be heard, as on network file systems, or too much happened at once, whoever waits looks anyway after
/// some time.
pub struct Bell {
    directory: PathBuf,
    rings: Arc<Rings>,
    watcher: Mutex<Option<RecommendedWatcher>>,
}

#[derive(Default)]
struct Rings {
    count: Mutex<u64>,
    changed: Condvar,
    /// Whether another directory may be in the place of the one that is listened to.
    moved: AtomicBool,
}

impl Rings {
    fn ring(&self) {
        *lock(&self.count) += 1;
        self.changed.notify_all();
    }
}

impl Bell {
    /// Listens to a directory of runs, and to whatever takes its place.
    pub fn of(directory: &Path) -> Self {
        let directory = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
        let rings = Arc::new(Rings::default());
        let (ringing, name) = (Arc::clone(&rings), directory.file_name().map(ToOwned::to_owned));
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            // After an error, or too many at once, nobody knows what was missed.
            let missed = event.as_ref().map_or(true, Event::need_rescan);
            let is_of = |is_meant: &dyn Fn(&str) -> bool| event.as_ref().is_ok_and(|e| is_news(e, is_meant));
            let moved = missed || is_of(&|file| name.as_deref().is_some_and(|name| name == file));
            ringing.moved.fetch_or(moved, Ordering::AcqRel);
            if moved || is_of(&|file| file.starts_with("run-")) {
                ringing.ring();
            }
        });
        let watcher = watcher.ok().map(|mut watcher| {
            // Without it, looking finds everything a little later.
            watcher.watch(&directory, RecursiveMode::NonRecursive).ok();
            // What is moved is told where it was: the watch itself goes with the directory.
            let above = directory.parent();
            above.and_then(|above| watcher.watch(above, RecursiveMode::NonRecursive).ok());
            watcher
        });
        Self { directory, rings, watcher: Mutex::new(watcher) }
    }

    /// Waits for a ring after the `heard`th, or for a time, and returns how often it has rung.
    pub(super) fn wait(&self, heard: u64, most: Duration) -> u64 {
        let mut last = self.wait_once(heard, most);
        if last != heard {
            for _ in 0..ROUNDS {
                let next = self.wait_once(last, QUIET);
                if next == last {
                    break;
                }
                last = next;
            }
        }
        if self.follow() { *lock(&self.rings.count) } else { last }
    }

    /// Listens to what is in the place of the directory now, if that may be another one. Says whether it did.
    fn follow(&self) -> bool {
        let mut watcher = lock(&self.watcher);
        let Some(watcher) = watcher.as_mut().filter(|_| self.rings.moved.swap(false, Ordering::AcqRel))
        else {
            return false;
        };
        // It is gone where the system has noticed that by itself.
        watcher.unwatch(&self.directory).ok();
        if watcher.watch(&self.directory, RecursiveMode::NonRecursive).is_err() {
            // It is not there yet.
            self.rings.moved.store(true, Ordering::Release);
            return false;
        }
        // Others may have looked through it before it was listened to.
        self.rings.ring();
        true
    }

    fn wait_once(&self, heard: u64, most: Duration) -> u64 {
        let waited =
            self.rings.changed.wait_timeout_while(lock(&self.rings.count), most, |count| *count == heard);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Says whether something began or ended that has a name that is meant. What a training writes into its files all the time is no
/// news.
fn is_news(event: &Event, is_meant: &dyn Fn(&str) -> bool) -> bool {
    let begins_or_ends = matches!(
        event.kind,
        EventKind::Create(_) | EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)) | EventKind::Any
    );
    let has_name = |path: &PathBuf| path.file_name().is_some_and(|name| is_meant(&name.to_string_lossy()));
    begins_or_ends && event.paths.iter().any(has_name)
}

//! Hears when something happens in a directory of runs, and wakes whoever waits for it.

use notify::event::{EventKind, ModifyKind};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};
use std::path::Path;
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
    rings: Arc<(Mutex<u64>, Condvar)>,
    _watcher: Option<RecommendedWatcher>,
}

impl Bell {
    /// Listens to a directory of runs.
    pub fn of(directory: &Path) -> Self {
        let rings = Arc::new((Mutex::new(0), Condvar::new()));
        let ringing = Arc::clone(&rings);
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            // After an error nobody knows what was missed.
            if event.map_or(true, |event| is_news(&event)) {
                let (count, changed) = &*ringing;
                *count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
                changed.notify_all();
            }
        });
        let watcher = watcher.ok().map(|mut watcher| {
            // Without it, looking finds everything a little later.
            watcher.watch(directory, RecursiveMode::NonRecursive).ok();
            watcher
        });
        Self { rings, _watcher: watcher }
    }

    /// Waits for a ring after the `heard`th, or for a time, and returns how often it has rung.
    pub(super) fn wait(&self, heard: u64, most: Duration) -> u64 {
        let mut last = self.wait_once(heard, most);
        if last == heard {
            return last;
        }
        for _ in 0..ROUNDS {
            let next = self.wait_once(last, QUIET);
            if next == last {
                break;
            }
            last = next;
        }
        last
    }

    fn wait_once(&self, heard: u64, most: Duration) -> u64 {
        let (count, changed) = &*self.rings;
        let guard = count.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = changed.wait_timeout_while(guard, most, |count| *count == heard);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Says whether something began or ended. What a training writes into its files all the time is no news.
fn is_news(event: &Event) -> bool {
    let of_a_run = |path: &std::path::PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("run-"))
    };
    let begins_or_ends = matches!(
        event.kind,
        EventKind::Create(_) | EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)) | EventKind::Any
    );
    event.need_rescan() || begins_or_ends && event.paths.iter().any(of_a_run)
}

//! Files that are stored again: whenever they change, and at the end of the run.

use super::ears::{Ears, Heard};
use super::files::{expand, is_glob};
use super::ignore::Ignore;
use super::save::Policy;
use super::shared::Shared;
use super::source::Stamp;
use super::store_files::{Stored, store_files};
use crate::model::{Error, ErrorKind, File, Record, Result};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often live files are looked at. One that was the same twice is stored: nobody is writing it.
const LOOK: Duration = Duration::from_secs(1);

/// How often, while changes are heard of and none was.
const LOOK_HEARING: Duration = Duration::from_secs(10);

/// The longest time between two versions of a live file. It begins with [`LOOK`] and doubles: every version is kept.
const APART_MOST: Duration = Duration::from_secs(600);

/// A path or glob that is stored again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) pattern: PathBuf,
    pub(super) base: PathBuf,
    pub(super) policy: Policy,
}

/// Stores files of a run, and remembers which are to be stored again.
pub(super) struct Keeper {
    shared: Arc<Shared>,
    ignore: Ignore,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    wishes: Vec<Wish>,
    /// By the name that a file is stored under.
    seen: HashMap<String, Seen>,
    watcher: Option<Watcher>,
}

/// What is known of a live file.
struct Seen {
    stored: Option<Stamp>,
    looked: Option<Stamp>,
    at: Instant,
    apart: Duration,
}

/// The running thread.
struct Watcher {
    events: Sender<Heard>,
    ears: Ears,
    thread: JoinHandle<()>,
}

impl Keeper {
    pub(super) fn new(shared: Arc<Shared>, ignore: Ignore) -> Self {
        Self { shared, ignore, state: Mutex::default() }
    }

    pub(super) fn ignore(&self) -> &Ignore {
        &self.ignore
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers to store something again. The first live wish starts the thread that looks.
    pub(super) fn wish(self: &Arc<Self>, wish: Wish) {
        let mut state = self.state();
        if state.wishes.contains(&wish) {
            return;
        }
        if wish.policy == Policy::Live {
            if state.watcher.is_none() {
                match self.start() {
                    Ok(watcher) => state.watcher = Some(watcher),
                    Err(e) => self
                        .shared
                        .warnings
                        .once("live", || format!("{e}; live files are stored at the end of the run only")),
                }
            }
            if let Some(watcher) = &mut state.watcher {
                watcher.ears.listen_at(&parent_of(&wish));
            }
        }
        state.wishes.push(wish);
    }

    fn start(self: &Arc<Self>) -> Result<Watcher> {
        let (sender, events) = channel();
        let ears = Ears::new(sender.clone());
        let (keeper, hears) = (Arc::clone(self), ears.can_hear());
        let thread = std::thread::Builder::new()
            .name("danlu-live".to_owned())
            .spawn(move || keeper.watch(&events, hears))
            .map_err(|e| {
                Error::new(ErrorKind::Io, "Cannot start the thread that looks at live files").with_source(e)
            })?;
        Ok(Watcher { events: sender, ears, thread })
    }

    fn watch(&self, events: &Receiver<Heard>, hears: bool) {
        loop {
            let pending = self.look();
            let looked = Instant::now();
            let mut soon = pending || !hears;
            loop {
                let pause = if soon { LOOK } else { LOOK_HEARING };
                match events.recv_timeout((looked + pause).saturating_duration_since(Instant::now())) {
                    Ok(Heard::Change) => soon = true,
                    Err(RecvTimeoutError::Timeout) => break,
                    Ok(Heard::End) | Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        }
    }

    /// Stores the live files that have changed and are quiet now. Says whether one is to be looked at again soon.
    fn look(&self) -> bool {
        let mut pending = false;
        let mut ready = Vec::new();
        for (path, name) in self.expand_all(&[Policy::Live]) {
            let Some(stamp) = Stamp::at(&path) else { continue };
            let mut state = self.state();
            let seen = state.seen.entry(name.clone()).or_insert_with(Seen::new);
            if seen.stored == Some(stamp) {
                continue;
            }
            if seen.looked == Some(stamp) && seen.at.elapsed() >= seen.apart {
                ready.push((path, name));
            } else {
                seen.looked = Some(stamp);
                pending = true;
            }
        }
        self.store(&ready, &mut |name, outcome| match outcome {
            Ok(()) => {}
            // It is being written; it will be quiet some time, or be stored at the end.
            Err(e) if e.kind() == ErrorKind::Conflict => pending = true,
            Err(e) => {
                self.shared.warnings.once(&format!("live {name}"), || format!("{e}; it is tried again"));
            }
        });
        pending
    }

    /// Ends the thread, and then stores what is to be stored at the end.
    pub(super) fn finish(&self) {
        self.stop();
        let found = self.expand_all(&[Policy::Live, Policy::End]);
        let is_new = |(path, name): &(PathBuf, String)| {
            self.state()
                .seen
                .get(name)
                .is_none_or(|seen| seen.stored.is_none() || seen.stored != Stamp::at(path))
        };
        let files: Vec<_> = found.into_iter().filter(is_new).collect();
        self.store(&files, &mut |_, outcome| {
            if let Err(e) = outcome {
                self.shared.warnings.once(&e.to_string(), || e.to_string());
            }
        });
    }

    /// Ends the thread.
    pub(super) fn stop(&self) {
        let watcher = self.state().watcher.take();
        if let Some(Watcher { events, ears: _ears, thread }) = watcher {
            events.send(Heard::End).ok();
            if thread.join().is_err() {
                self.shared
                    .warnings
                    .once("live", || "The thread that looks at live files broke down".to_owned());
            }
        }
    }

    /// Has the thread end by itself.
    pub(super) fn end(&self) {
        if let Some(watcher) = self.state().watcher.take() {
            watcher.events.send(Heard::End).ok();
        }
    }

    /// Lets go of the thread in the child of a fork, where it is not.
    pub(super) fn forget(&self) {
        if let Ok(mut state) = self.state.try_lock() {
            std::mem::forget(state.watcher.take());
        }
    }

    /// Finds the files of all wishes of some policies, each name once. What cannot be found is warned about once.
    fn expand_all(&self, policies: &[Policy]) -> Vec<(PathBuf, String)> {
        let wishes: Vec<Wish> = self.state().wishes.clone();
        let mut found = std::collections::BTreeMap::new();
        for wish in wishes.iter().filter(|wish| policies.contains(&wish.policy)) {
            match expand(&wish.pattern, &wish.base, &self.ignore) {
                Ok(expanded) => {
                    for left_out in expanded.left_out {
                        self.shared.warnings.once(&left_out.clone(), || left_out);
                    }
                    found.extend(expanded.files.into_iter().map(|(path, name)| (name, path)));
                }
                Err(e) => self.shared.warnings.once(&e.to_string(), || e.to_string()),
            }
        }
        found.into_iter().map(|(name, path)| (path, name)).collect()
    }

    /// Stores files now and writes down their versions; hands to `done` how it went with each.
    pub(super) fn store(&self, files: &[(PathBuf, String)], done: &mut dyn FnMut(&str, Result<()>)) {
        if files.is_empty() {
            return;
        }
        let (mut stored, mut failures) = self.try_store(files);
        if failures.iter().any(|(_, e)| self.shared.mend(e)) {
            (stored, failures) = self.try_store(files);
        }
        for place in stored {
            done(&files[place].1, Ok(()));
        }
        for (place, e) in failures {
            done(&files[place].1, Err(e));
        }
    }

    /// Stores files; returns the places of those that were, and why others were not.
    fn try_store(&self, files: &[(PathBuf, String)]) -> (Vec<usize>, Vec<(usize, Error)>) {
        let paths: Vec<&Path> = files.iter().map(|(path, _)| path.as_path()).collect();
        let mut failures = Vec::new();
        let mut stored = Vec::new();
        let outcome = store_files(&self.shared, &paths, &mut |place, outcome| match outcome
            .and_then(|stored| self.write_down(&files[place].1, stored))
        {
            Ok(()) => stored.push(place),
            Err(e) => failures.push((place, e)),
        });
        if let Err(e) = outcome.and_then(|()| self.shared.sync(self.shared.written())) {
            stored.clear();
            failures.push((0, e));
        }
        (stored, failures)
    }

    fn write_down(&self, name: &str, stored: Stored) -> Result<()> {
        let Stored { sha256, size, stamp } = stored;
        let file = File { time: self.shared.clock.now(), path: name.to_owned(), sha256, size };
        let mut log = self.shared.lock();
        if log.finished || self.shared.append(&mut log, &Record::File(file)).is_none() {
            return Err(Error::new(
                ErrorKind::Io,
                format!(
                    "Cannot write down that `{name}` was saved: the journal cannot be written, or the run is finished"
                ),
            ));
        }
        drop(log);
        let mut state = self.state();
        let seen = state.seen.entry(name.to_owned()).or_insert_with(Seen::new);
        let apart = (seen.apart * 2).min(APART_MOST);
        *seen = Seen { stored: Some(stamp), looked: None, at: Instant::now(), apart };
        Ok(())
    }
}

impl Seen {
    fn new() -> Self {
        Self { stored: None, looked: None, at: Instant::now(), apart: LOOK / 2 }
    }
}

/// Returns the directory in which changes of a wish are heard.
fn parent_of(wish: &Wish) -> PathBuf {
    let full = wish.base.join(&wish.pattern);
    full.ancestors()
        .skip(1)
        .find(|path| !is_glob(&path.to_string_lossy()) && path.is_dir())
        .unwrap_or(&wish.base)
        .to_owned()
}

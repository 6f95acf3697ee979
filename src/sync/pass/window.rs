//! Some runs at a time: asked about, sent and committed together, as far as they are small.

use super::line::{failure_of, is_away};
use super::on_way::Turn;
use super::{Pass, Pending};
use crate::model::{AttemptId, Error, ErrorKind, Hash, Result};
use crate::remote::{Manifest, Object, Receipt, SizedHash};
use crate::sync::plan::{Class, Event, Health, Known, Local, News, Side, Step, plan};
use crate::sync::source::{Content, Name};
use crate::sync::state::{Stamp, number_of};
use std::collections::{BTreeMap, BTreeSet};

/// Most runs that are asked about at once.
pub(super) const RUNS: usize = 64;

/// Contents that go with the records: no larger than this.
const SMALL: u64 = 64 << 10;

/// Bytes and objects that are sent in one request.
pub(super) const BATCH_BYTES: usize = 4 << 20;
const BATCH_OBJECTS: usize = 512;

/// A run in a window.
pub(super) struct Item<'a> {
    pub(super) pending: &'a Pending,
    pub(super) name: Name,
    pub(super) stamp: Stamp,
    pub(super) begins: Option<AttemptId>,
    pub(super) local: Local,
    pub(super) known: Known,
    pub(super) tails: BTreeMap<Object, Vec<u8>>,
    /// Contents that are not here by choice.
    absent: BTreeSet<Hash>,
    /// Objects and bytes sent.
    pub(super) sent: (u64, u64),
    /// Of the contents that are left out by choice those that the remote has not either, and their bytes, once it says so.
    pub(super) left: Option<(u64, u64)>,
    told: bool,
    tries: u32,
    /// When the remote was asked last.
    asked: u64,
    settled: bool,
}

/// A run with objects that are too large for a window.
pub(super) struct Deferred<'a> {
    pub(super) pending: &'a Pending,
    pub(super) name: String,
    pub(super) lacking: Vec<(Class, SizedHash)>,
    pub(super) sent: (u64, u64),
}

/// Objects on their way, each with the runs that lack it.
#[derive(Default)]
struct Batch {
    objects: Vec<(Object, Vec<u8>)>,
    bytes: usize,
    owners: BTreeMap<Object, Vec<usize>>,
}

impl<'a> Pass<'a> {
    /// Pushes some runs, and returns those that have large objects left. `defer` says whether there may be such.
    pub(super) fn push_window<'p>(&self, window: &'p [Pending], defer: bool) -> Result<Vec<Deferred<'p>>> {
        let mut items = Vec::new();
        for pending in window {
            items.extend(self.open_item(pending)?);
        }
        self.push_items(items, defer)
    }

    pub(super) fn push_items<'p>(&self, mut items: Vec<Item<'p>>, defer: bool) -> Result<Vec<Deferred<'p>>> {
        let mut deferred = Vec::new();
        while !self.line.is_stopped() {
            let at = self.line.moment();
            let (mut asks, mut sends, mut commits) = (Vec::new(), Vec::new(), Vec::new());
            let mut wake: Option<i64> = None;
            for (n, item) in items.iter_mut().enumerate().filter(|(_, item)| !item.settled) {
                let step = plan(&item.local, &item.known, at.policy, at.now);
                let again = matches!(step, Step::Park(_)) && item.leave_out();
                match if again { plan(&item.local, &item.known, at.policy, at.now) } else { step } {
                    Step::Ask(objects) => asks.push((n, objects)),
                    Step::Send(objects) => sends.push((n, objects)),
                    Step::Commit => commits.push(n),
                    // What waits longer than for a remote to come back is left to the next pass.
                    Step::WaitUntil(time)
                        if item.tries <= self.settings.patience && time - at.now <= at.policy.most =>
                    {
                        wake = Some(wake.map_or(time, |wake| wake.min(time)));
                    }
                    Step::WaitUntil(_) | Step::Nothing => item.settled = true,
                    Step::Park(parked) => {
                        item.known.park(parked);
                        item.settled = true;
                    }
                }
            }
            if !asks.is_empty() {
                self.ask(&mut items, &asks);
            } else if self.settings.dry_run {
                self.tell_dry(&mut items, &sends, &commits);
                break;
            } else if !sends.is_empty() {
                for (n, objects) in &sends {
                    self.tell_run(&mut items[*n], objects);
                }
                self.send_small(&mut items, &sends, defer, &mut deferred);
            } else if !commits.is_empty() {
                self.commit(&mut items, &commits);
            } else if let Some(time) = wake {
                self.line.sleep(time - at.now);
            } else {
                break;
            }
        }
        self.settle(items.into_iter().filter(|item| !self.is_deferred(item, &deferred)).collect())?;
        Ok(deferred)
    }

    fn is_deferred(&self, item: &Item<'_>, deferred: &[Deferred<'_>]) -> bool {
        deferred.iter().any(|other| std::ptr::eq(other.pending, item.pending))
    }

    /// Reads what there is of a run. What comes to nothing is settled at once.
    pub(super) fn open_item<'p>(&self, pending: &'p Pending) -> Result<Option<Item<'p>>> {
        let candidate = &pending.candidate;
        let live = self.settings.live && candidate.running;
        let read = self.source.open(&candidate.place, live).and_then(|mut content| {
            let selection = &self.settings.selection;
            let name = content.name();
            if !selection.takes(&name, &candidate.file) {
                return Ok(None);
            }
            if let Some(filter) = &selection.filter
                && !content.matches(filter)?
            {
                return Ok(None);
            }
            let left_out = selection.left_out(&*content)?;
            let manifest = content.manifest().clone().without(&left_out);
            let here = here(&*content, &manifest)?;
            let local = Local::new(manifest, content.stamp().number(), |blob| {
                (class_of(blob.size), here.contains(&blob.sha256))
            });
            let tails = content.take_tails();
            Ok(Some(Item {
                pending,
                name,
                stamp: content.stamp(),
                begins: content.begins(),
                local,
                known: Known::of(self.line.identity),
                tails: tails.into_iter().map(|(hash, bytes)| (Object::Segment(hash), bytes)).collect(),
                absent: content.absent()?,
                sent: (0, 0),
                left: None,
                told: false,
                tries: 0,
                asked: self.on_way.moment(),
                settled: false,
            }))
        });
        match read {
            Ok(Some(mut item)) => {
                self.recall(&mut item);
                Ok(Some(item))
            }
            Ok(None) => Ok(None),
            Err(e) => self.settle_unreadable(pending, &e).map(|()| None),
        }
    }

    /// Lets a run know what is known of it.
    fn recall(&self, item: &mut Item<'_>) {
        if let Some(attempt) = item.begins {
            self.note_begun(&item.name, number_of(attempt), &item.pending.candidate.file);
        }
        if let Some(held) = &item.pending.held {
            item.known = held.known.clone();
        }
        if let Some(known) = self.troubled(&item.pending.candidate.file) {
            item.known = known;
        }
        if self.settings.recheck || self.settings.retry {
            item.known.learn(&item.local, Event::Recheck, self.line.moment());
        }
    }

    fn ask(&self, items: &mut [Item<'_>], asks: &[(usize, Vec<Object>)]) {
        let all: BTreeSet<Object> = asks.iter().flat_map(|(_, objects)| objects).copied().collect();
        let all = Vec::from_iter(all);
        for (n, _) in asks {
            items[*n].asked = self.on_way.moment();
        }
        match self.line.call(|remote| remote.missing(&all)) {
            Ok(missing) => {
                let missing: BTreeSet<Object> = missing.into_iter().collect();
                for (n, objects) in asks {
                    let lacking = objects.iter().filter(|object| missing.contains(object)).copied().collect();
                    let event = Event::Asked { objects: objects.clone(), missing: lacking };
                    self.learn(&mut items[*n], event);
                }
            }
            Err(e) => {
                self.line.stop_if_denied(&e);
                asks.iter().for_each(|(n, _)| self.fail(&mut items[*n], &e, Side::There));
            }
        }
    }

    /// Sends what is small of runs; a run that then lacks only what is large is put off.
    fn send_small<'p>(
        &self,
        items: &mut [Item<'p>],
        sends: &[(usize, Vec<Object>)],
        defer: bool,
        deferred: &mut Vec<Deferred<'p>>,
    ) {
        let mut batch = Batch::default();
        for (n, objects) in sends {
            let item = &mut items[*n];
            let is_small =
                |object: &&Object| item.local.turn(**object).is_some_and(|(class, _)| class <= Class::Small);
            let small: Vec<Object> = objects.iter().filter(is_small).copied().collect();
            if small.is_empty() {
                item.settled = true;
                if defer {
                    deferred.push(deferred_of(item, objects));
                } else {
                    let lost = Error::damaged("The remote lacks again what it was just sent");
                    self.fail(item, &lost, Side::There);
                }
                continue;
            }
            self.gather(items, *n, small, &mut batch);
        }
        self.flush(items, &mut batch);
    }

    /// Reads objects of a run, and sends them whenever there are enough.
    fn gather(&self, items: &mut [Item<'_>], n: usize, objects: Vec<Object>, batch: &mut Batch) {
        let mut content: Option<Box<dyn Content>> = None;
        for object in objects {
            if self.line.is_stopped() {
                return;
            }
            if let Some(owners) = batch.owners.get_mut(&object) {
                owners.push(n);
                continue;
            }
            if !self.may_send(items, n, object, batch) {
                continue;
            }
            let bytes = match items[n].tails.get(&object) {
                Some(tail) => Ok(tail.clone()),
                None => self.read(&items[n], object, &mut content),
            };
            match bytes {
                Ok(bytes) => batch.add(object, bytes, n),
                Err(e) => {
                    self.on_way.end(object, false);
                    return self.fail(&mut items[n], &e, Side::Here);
                }
            }
            if batch.bytes >= BATCH_BYTES || batch.objects.len() >= BATCH_OBJECTS {
                self.flush(items, batch);
            }
        }
    }

    /// Says whether a run is to send an object that it lacks: another one may have, or be about to.
    fn may_send(&self, items: &mut [Item<'_>], n: usize, object: Object, batch: &mut Batch) -> bool {
        while !self.line.is_stopped() {
            match self.on_way.take(object, items[n].asked) {
                Turn::Yours => return true,
                Turn::Nobodys => {
                    let item = &mut items[n];
                    self.learn(item, Event::Sent(object));
                    let size = item.local.things().get(&object).map_or(0, |thing| thing.size);
                    self.settings.progress.found(self.line.remote.name(), &item.name.short(), size);
                    return false;
                }
                Turn::Theirs => {
                    self.flush(items, batch);
                    self.on_way.wait(object);
                }
            }
        }
        false
    }

    fn read(
        &self,
        item: &Item<'_>,
        object: Object,
        content: &mut Option<Box<dyn Content>>,
    ) -> Result<Vec<u8>> {
        if content.is_none() {
            let live = item.local.manifest().is_open();
            *content = Some(self.source.open(&item.pending.candidate.place, live)?);
        }
        let gone = || Error::damaged(format!("The {object} is gone"));
        let content = content.as_deref().ok_or_else(gone)?;
        match object {
            Object::Segment(hash) => content.segment(hash),
            Object::Blob(sha256) => {
                let size = item.local.things().get(&object).ok_or_else(gone)?.size;
                content.small_blob(SizedHash { sha256, size })
            }
        }
    }

    fn flush(&self, items: &mut [Item<'_>], batch: &mut Batch) {
        let Batch { objects, bytes, owners } = std::mem::take(batch);
        if objects.is_empty() {
            return;
        }
        self.line.slow_down(bytes as u64);
        let lengths: Vec<(Object, u64)> = objects.iter().map(|(o, bytes)| (*o, bytes.len() as u64)).collect();
        match self.line.put(|remote| remote.put_all(objects)) {
            Ok(()) => {
                for (object, length) in lengths {
                    self.on_way.end(object, true);
                    self.sent(items, &owners[&object], object, length);
                }
            }
            Err(e) if is_away(&e) || lengths.len() == 1 || e.kind() == ErrorKind::Denied => {
                self.line.stop_if_denied(&e);
                lengths.iter().for_each(|(object, _)| self.on_way.end(*object, false));
                let failed: BTreeSet<usize> = owners.values().flatten().copied().collect();
                failed.into_iter().for_each(|n| self.fail(&mut items[n], &e, Side::There));
            }
            // One of them is refused: one by one, the others go through.
            Err(_) => {
                for (object, _) in lengths {
                    self.send_alone(items, object, &owners[&object]);
                }
            }
        }
    }

    fn send_alone(&self, items: &mut [Item<'_>], object: Object, owners: &[usize]) {
        let Some(first) = owners.first() else { return };
        let tail = items[*first].tails.get(&object).cloned();
        let bytes = tail.map_or_else(|| self.read(&items[*first], object, &mut None), Ok);
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(e) => {
                self.on_way.end(object, false);
                return owners.iter().for_each(|n| self.fail(&mut items[*n], &e, Side::Here));
            }
        };
        let length = bytes.len() as u64;
        let sent = self.line.put(|remote| remote.put_all(vec![(object, bytes)]));
        self.on_way.end(object, sent.is_ok());
        match sent {
            Ok(()) => self.sent(items, owners, object, length),
            Err(e) => owners.iter().for_each(|n| self.fail(&mut items[*n], &e, Side::There)),
        }
    }

    /// Notes that an object is there. It counts for the first of the runs that lacked it.
    fn sent(&self, items: &mut [Item<'_>], owners: &[usize], object: Object, length: u64) {
        for (place, n) in owners.iter().enumerate() {
            let item = &mut items[*n];
            self.learn(item, Event::Sent(object));
            let size = item.local.things().get(&object).map_or(0, |thing| thing.size);
            let (progress, remote) = (&self.settings.progress, self.line.remote.name());
            if place == 0 {
                item.sent = (item.sent.0 + 1, item.sent.1 + length);
                progress.sent(remote, &item.name.short(), size);
            } else {
                progress.found(remote, &item.name.short(), size);
            }
        }
    }

    fn commit(&self, items: &mut [Item<'_>], commits: &[usize]) {
        let manifests: Vec<Manifest> = commits.iter().map(|n| items[*n].local.manifest().clone()).collect();
        match self.line.call(|remote| remote.commit_all(&manifests)) {
            Ok(results) => {
                if results.iter().any(Result::is_ok) {
                    self.line.took();
                }
                if let Some(full) =
                    results.iter().find_map(|one| one.as_ref().err().filter(|e| e.is_out_of_room()))
                {
                    self.line.note(full);
                }
                for (n, result) in commits.iter().zip(results) {
                    match result {
                        Ok(receipt) => {
                            items[*n].left = Some(left_of(items[*n].local.manifest(), &receipt));
                            self.learn(&mut items[*n], Event::Committed(receipt));
                        }
                        Err(e) => self.fail(&mut items[*n], &e, Side::There),
                    }
                }
            }
            Err(e) => {
                self.line.stop_if_denied(&e);
                commits.iter().for_each(|n| self.fail(&mut items[*n], &e, Side::There));
            }
        }
    }

    pub(super) fn fail(&self, item: &mut Item<'_>, error: &Error, side: Side) {
        self.learn(item, Event::Failed(failure_of(error, side)));
    }

    fn learn(&self, item: &mut Item<'_>, event: Event) {
        let news = item.known.learn(&item.local, event, self.line.moment());
        if news == Some(News::Elsewhere) {
            self.line.health(Health::replaced);
        }
        item.tries += u32::from(matches!(news, Some(News::Failed | News::Unproved)));
    }

    fn tell_run(&self, item: &mut Item<'_>, objects: &[Object]) {
        if !std::mem::replace(&mut item.told, true) {
            let bytes =
                objects.iter().filter_map(|object| item.local.things().get(object)).map(|t| t.size).sum();
            let name = item.name.short();
            self.settings.progress.run(self.line.remote.name(), &name, objects.len() as u64, bytes);
        }
    }

    fn tell_dry(&self, items: &mut [Item<'_>], sends: &[(usize, Vec<Object>)], commits: &[usize]) {
        let mut counted = super::lock(&self.counted);
        for (n, objects) in sends {
            let item = &mut items[*n];
            // What several runs lack is sent once.
            let fresh: Vec<&Object> = objects.iter().filter(|object| counted.insert(**object)).collect();
            let sizes = fresh.iter().filter_map(|object| item.local.things().get(object));
            item.sent = (fresh.len() as u64, sizes.map(|thing| thing.size).sum());
        }
        for n in commits {
            items[*n].sent = (0, 0);
        }
    }
}

impl Item<'_> {
    /// Leaves out what is not here by choice, as far as the remote lacks it. Says whether there is any.
    fn leave_out(&mut self) -> bool {
        let lacking = self.known.lacking(&self.local).into_iter().map(Object::hash);
        let absent: BTreeSet<Hash> = lacking.filter(|name| self.absent.contains(name)).collect();
        if !absent.is_empty() {
            self.local = self.local.without(&absent);
        }
        !absent.is_empty()
    }

    /// Lets it not be tried again in this pass.
    pub(super) fn give_up(&mut self) {
        self.settled = true;
    }
}

impl Batch {
    fn add(&mut self, object: Object, bytes: Vec<u8>, owner: usize) {
        self.bytes += bytes.len();
        self.objects.push((object, bytes));
        self.owners.insert(object, vec![owner]);
    }
}

/// Returns which contents of a manifest have their bytes in the source.
fn here(content: &dyn Content, manifest: &Manifest) -> Result<BTreeSet<Hash>> {
    let mut here = BTreeSet::new();
    for blob in &manifest.blobs {
        if content.has_blob(blob.sha256)? {
            here.insert(blob.sha256);
        }
    }
    Ok(here)
}

/// Returns how many of the contents that a manifest leaves out are absent at the remote, and their bytes.
fn left_of(manifest: &Manifest, receipt: &Receipt) -> (u64, u64) {
    let absent: BTreeSet<crate::model::Hash> = receipt.absent.iter().copied().collect();
    let left = manifest.absent.iter().filter(|blob| absent.contains(&blob.sha256));
    left.fold((0, 0), |(count, bytes), blob| (count + 1, bytes + blob.size))
}

fn class_of(size: u64) -> Class {
    match size {
        0..=SMALL => Class::Small,
        _ if size <= crate::remote::PART_BYTES => Class::Media,
        _ => Class::Large,
    }
}

fn deferred_of<'p>(item: &Item<'p>, objects: &[Object]) -> Deferred<'p> {
    let lacking = objects.iter().filter_map(|object| {
        let thing = item.local.things().get(object)?;
        Some((thing.class, SizedHash { sha256: object.hash(), size: thing.size }))
    });
    Deferred { pending: item.pending, name: item.name.short(), lacking: lacking.collect(), sent: item.sent }
}

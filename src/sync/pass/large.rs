//! What is too large for a window: each content once, the small ones first, large ones in parts that can be gone on with.

use super::line::is_away;
use super::parts::Buffers;
use super::window::{BATCH_BYTES, Deferred};
use super::{Pass, Pending, lock};
use crate::model::{Error, ErrorKind, Hash, Result};
use crate::remote::{Object, PART_BYTES, SizedHash};
use crate::sync::plan::{Class, Side};
use crate::sync::source::{Content, other_bytes};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Runs that are committed together when all of them is there.
const COMMITS: usize = 32;

/// Contents that are sent in parts at the same time: each takes the memory of a part.
const LARGE: usize = 2;

/// A content, and the runs that lack it.
struct Task {
    blob: SizedHash,
    owners: Vec<usize>,
}

/// What is left to do.
struct Work<'p> {
    runs: Vec<Deferred<'p>>,
    tasks: Mutex<std::vec::IntoIter<Task>>,
    /// How many contents each run still lacks.
    left: Mutex<Vec<usize>>,
    /// What went wrong with a run.
    failed: Mutex<BTreeMap<usize, (Error, Side)>>,
    /// Objects and bytes sent for each run.
    sent: Mutex<Vec<(u64, u64)>>,
    ready: Mutex<Vec<usize>>,
    /// How many workers are at a large content.
    large: AtomicUsize,
    buffers: Arc<Buffers>,
}

impl Pass<'_> {
    pub(super) fn push_large(&self, runs: Vec<Deferred<'_>>) {
        let mut tasks: BTreeMap<(Class, u64, Hash), Vec<usize>> = BTreeMap::new();
        for (n, run) in runs.iter().enumerate() {
            for (class, blob) in &run.lacking {
                tasks.entry((*class, blob.size, blob.sha256)).or_default().push(n);
            }
        }
        let tasks: Vec<Task> = tasks
            .into_iter()
            .map(|((_, size, sha256), owners)| Task { blob: SizedHash { sha256, size }, owners })
            .collect();
        let work = Work {
            left: Mutex::new(runs.iter().map(|run| run.lacking.len()).collect()),
            sent: Mutex::new(runs.iter().map(|run| run.sent).collect()),
            runs,
            tasks: Mutex::new(tasks.into_iter()),
            failed: Mutex::default(),
            ready: Mutex::default(),
            large: AtomicUsize::new(0),
            buffers: Arc::default(),
        };
        self.with_workers(|| {
            let mut open = None;
            while !self.line.is_stopped() && !self.is_broken() {
                let batch = work.next();
                if batch.is_empty() {
                    break;
                }
                let large = batch.iter().any(|task| task.blob.size > PART_BYTES);
                self.send_tasks(&work, &batch, &mut open);
                work.large.fetch_sub(usize::from(large), Ordering::AcqRel);
                let done = work.done(&batch, if large { 1 } else { COMMITS });
                self.commit_ready(&work, &done);
            }
        });
        let rest = std::mem::take(&mut *lock(&work.ready));
        for some in rest.chunks(COMMITS) {
            self.commit_ready(&work, some);
        }
        self.settle_unfinished(&work);
    }

    fn send_tasks<'p>(&self, work: &Work<'p>, batch: &[Task], open: &mut Option<(usize, Box<dyn Content>)>) {
        let mut small = Vec::new();
        for task in batch {
            let Some(owner) = task.owners.first() else { continue };
            let content = match self.content_of(work, *owner, open) {
                Ok(content) => content,
                Err(e) => {
                    work.fail(task, &e, Side::Here);
                    continue;
                }
            };
            if task.blob.size > PART_BYTES {
                if let Err((e, side)) = self.send_parts(work, *owner, task.blob, content) {
                    work.fail(task, &e, side);
                }
                continue;
            }
            match content.small_blob(task.blob) {
                Ok(bytes) => small.push((task, bytes)),
                Err(e) => work.fail(task, &e, Side::Here),
            }
        }
        self.send_media(work, small);
    }

    fn content_of<'o>(
        &self,
        work: &Work<'_>,
        owner: usize,
        open: &'o mut Option<(usize, Box<dyn Content>)>,
    ) -> Result<&'o dyn Content> {
        if open.as_ref().is_none_or(|(of, _)| *of != owner) {
            let candidate = &work.runs[owner].pending.candidate;
            *open = Some((owner, self.source.open(&candidate.place, candidate.running)?));
        }
        open.as_ref().map(|(_, content)| &**content).ok_or_else(|| Error::damaged("The run is gone"))
    }

    /// Sends contents that fit into one request each.
    fn send_media(&self, work: &Work<'_>, small: Vec<(&Task, Vec<u8>)>) {
        let (tasks, objects): (Vec<&Task>, Vec<(Object, Vec<u8>)>) =
            small.into_iter().map(|(task, bytes)| (task, (Object::Blob(task.blob.sha256), bytes))).unzip();
        if tasks.is_empty() {
            return;
        }
        self.line.slow_down(tasks.iter().map(|task| task.blob.size).sum());
        // They are here already: once more costs only memory, and only where something went wrong.
        let sent = self.line.put(|remote| remote.put_all(objects));
        for task in tasks {
            match &sent {
                Ok(()) => self.note_sent(work, task.owners[0], 1, task.blob.size),
                Err(_) => {
                    if let Err((e, side)) = self.send_again(work, task) {
                        work.fail(task, &e, side);
                    }
                }
            }
        }
    }

    /// Sends a content alone, until it is there or that has no sense any more.
    fn send_again(&self, work: &Work<'_>, task: &Task) -> Result<(), (Error, Side)> {
        let owner = task.owners[0];
        let mut open = None;
        loop {
            let content = self.content_of(work, owner, &mut open).map_err(|e| (e, Side::Here))?;
            let bytes = content.small_blob(task.blob).map_err(|e| (e, Side::Here))?;
            let object = Object::Blob(task.blob.sha256);
            match self.line.put(|remote| remote.put_all(vec![(object, bytes)])) {
                Ok(()) => {
                    self.note_sent(work, owner, 1, task.blob.size);
                    return Ok(());
                }
                Err(e) if is_away(&e) && !self.line.is_stopped() => {}
                Err(e) => return Err((e, Side::There)),
            }
        }
    }

    /// Sends a content in parts. After trouble on the way it goes on with the part that is not there.
    fn send_parts(
        &self,
        work: &Work<'_>,
        owner: usize,
        blob: SizedHash,
        content: &dyn Content,
    ) -> Result<(), (Error, Side)> {
        let name = &work.runs[owner].name;
        let (mut told, mut in_vain) = (0, 0);
        loop {
            let before = told;
            let done =
                self.line.call(|remote| remote.held(blob)).map_err(|e| (e, Side::There)).and_then(|held| {
                    let offset = if held >= blob.size { blob.size } else { held / PART_BYTES * PART_BYTES };
                    if offset > told {
                        self.settings.progress.found(self.line.remote.name(), name, offset - told);
                        told = offset;
                    }
                    self.send_from(work, owner, blob, content, offset, &mut told)
                });
            match done {
                Err((e, Side::There)) if is_away(&e) && !self.line.is_stopped() => {
                    // It may answer what it holds, and take no more: its disk is full.
                    in_vain = if told > before { 0 } else { in_vain + 1 };
                    if in_vain > self.settings.patience {
                        self.line.stop(e.again());
                        return Err((e, Side::There));
                    }
                }
                other => return other,
            }
        }
    }

    fn send_from(
        &self,
        work: &Work<'_>,
        owner: usize,
        blob: SizedHash,
        content: &dyn Content,
        mut offset: u64,
        told: &mut u64,
    ) -> Result<(), (Error, Side)> {
        if offset >= blob.size {
            return Ok(());
        }
        let mut reader = content.blob(blob, offset).map_err(|e| (e, Side::Here))?;
        while offset < blob.size {
            let length = PART_BYTES.min(blob.size - offset);
            let bytes = work.buffers.part(&mut *reader, length, blob).map_err(|e| (e, Side::Here))?;
            let is_last = offset + length == blob.size;
            self.line.slow_down(length);
            // The remote checks the whole with the last part. Whose fault it is counts only if that fails.
            self.line.put(|remote| remote.put_part(blob, offset, bytes)).map_err(|e| {
                let here = (is_last && !is_away(&e)).then(|| check_content(content, blob).err()).flatten();
                here.map_or((e, Side::There), |here| (here, Side::Here))
            })?;
            offset += length;
            work.count(owner, u64::from(is_last), length);
            self.tell_part(&work.runs[owner].name, offset, told);
        }
        Ok(())
    }

    fn tell_part(&self, name: &str, there: u64, told: &mut u64) {
        if there > *told {
            self.settings.progress.sent(self.line.remote.name(), name, there - *told);
            *told = there;
        }
    }

    fn note_sent(&self, work: &Work<'_>, owner: usize, objects: u64, bytes: u64) {
        work.count(owner, objects, bytes);
        self.settings.progress.sent(self.line.remote.name(), &work.runs[owner].name, bytes);
    }

    /// Commits runs of which all is there, and notes of the others what went wrong.
    fn commit_ready(&self, work: &Work<'_>, ready: &[usize]) {
        let mut items = Vec::new();
        for n in ready {
            let pending: &Pending = work.runs[*n].pending;
            match self.open_item(pending) {
                Ok(Some(mut item)) => {
                    item.sent = lock(&work.sent)[*n];
                    if let Some((e, side)) = lock(&work.failed).remove(n) {
                        self.fail(&mut item, &e, side);
                        item.give_up();
                    }
                    items.push(item);
                }
                Ok(None) => {}
                Err(e) => return self.break_off(e),
            }
        }
        if let Err(e) = self.push_items(items, false) {
            self.break_off(e);
        }
    }

    /// Settles the runs that were not come to because the remote went away.
    fn settle_unfinished(&self, work: &Work<'_>) {
        let unfinished: Vec<usize> =
            lock(&work.left).iter().enumerate().filter(|(_, left)| **left > 0).map(|(n, _)| n).collect();
        if unfinished.is_empty() {
            return;
        }
        let away = self.line.error().unwrap_or_else(|| {
            Error::new(ErrorKind::Unreachable, "The remote went away before all of it was sent")
        });
        for n in unfinished {
            lock(&work.failed).insert(n, (away.again(), Side::There));
            self.commit_ready(work, &[n]);
        }
    }
}

impl Work<'_> {
    /// Takes what is to be sent next: one large content, or several that are not. Nothing, where only large ones are left and enough
    /// are at these.
    fn next(&self) -> Vec<Task> {
        let mut tasks = lock(&self.tasks);
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while let Some(task) = tasks.as_slice().first() {
            let large = task.blob.size > PART_BYTES;
            if !batch.is_empty() && (large || bytes + task.blob.size > BATCH_BYTES as u64) {
                break;
            }
            // The lock on the tasks lets only one come here at a time.
            if large && self.large.fetch_add(1, Ordering::AcqRel) >= LARGE {
                self.large.fetch_sub(1, Ordering::AcqRel);
                break;
            }
            bytes += task.blob.size;
            batch.extend(tasks.next());
            if large {
                break;
            }
        }
        batch
    }

    /// Counts off contents, and returns the runs that lack nothing more, if there are so many of them.
    fn done(&self, batch: &[Task], at_least: usize) -> Vec<usize> {
        let mut left = lock(&self.left);
        let mut ready = lock(&self.ready);
        for owner in batch.iter().flat_map(|task| &task.owners) {
            left[*owner] -= 1;
            if left[*owner] == 0 {
                ready.push(*owner);
            }
        }
        if ready.len() < at_least {
            return Vec::new();
        }
        std::mem::take(&mut *ready)
    }

    fn fail(&self, task: &Task, error: &Error, side: Side) {
        let mut failed = lock(&self.failed);
        for owner in &task.owners {
            failed.entry(*owner).or_insert_with(|| (error.again(), side));
        }
    }

    fn count(&self, owner: usize, objects: u64, bytes: u64) {
        let sent = &mut lock(&self.sent)[owner];
        *sent = (sent.0 + objects, sent.1 + bytes);
    }
}

/// Checks that a content is what it was.
fn check_content(content: &dyn Content, blob: SizedHash) -> Result<()> {
    let (buffers, mut reader) = (Arc::<Buffers>::default(), content.blob(blob, 0)?);
    let (mut hasher, mut left) = (Sha256::new(), blob.size);
    while left > 0 {
        let length = PART_BYTES.min(left);
        hasher.update(buffers.part(&mut *reader, length, blob)?);
        left -= length;
    }
    if Hash(hasher.finalize().into()) == blob.sha256 { Ok(()) } else { Err(other_bytes(blob.sha256)) }
}

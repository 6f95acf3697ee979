//! A committed manifest becomes rows of the server's own run file, and a line of the catalogue.

use super::App;
use super::catalogue::{Glance, Scope, Who, brief, check_entity};
use super::target::SUMMARY_BYTES;
use crate::model::{Error, ErrorKind, Hash, Result};
use crate::query;
use crate::remote::{Manifest, Object, Receipt, heads, materialise_cache};
use crate::store;
use rusqlite::Connection;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

impl App {
    /// Takes in runs: what their manifests name must be here, and their records must lead to their digests. Each goes in or
    /// not by itself.
    ///
    /// # Errors
    /// The objects or the catalogue cannot be used; then some of the runs may be in.
    pub(super) fn commit(&self, who: &Who, manifests: &[Manifest]) -> Result<Vec<Result<Receipt>>> {
        self.check_takes()?;
        // What still cannot be completed keeps nobody out; it is told when it is tried as a chore.
        self.complete_half().ok();
        let mut done: Vec<Option<Result<Receipt>>> = manifests.iter().map(|_| None).collect();
        // The same run twice goes in one after the other.
        while done.iter().any(Option::is_none) {
            let mut round: Vec<(Hash, usize)> = Vec::new();
            for (n, manifest) in manifests.iter().enumerate().filter(|(n, _)| done[*n].is_none()) {
                let key = manifest.run.hash();
                if !round.iter().any(|(known, _)| *known == key) {
                    round.push((key, n));
                }
            }
            round.sort_unstable();
            let some: Vec<&Manifest> = round.iter().map(|(_, n)| &manifests[*n]).collect();
            for ((_, n), result) in round.iter().zip(self.commit_round(who, &some)?) {
                done[*n] = Some(result);
            }
        }
        Ok(done.into_iter().flatten().collect())
    }

    /// Takes in different runs, ordered by their keys.
    fn commit_round(&self, who: &Who, manifests: &[&Manifest]) -> Result<Vec<Result<Receipt>>> {
        let keys: Vec<Hash> = manifests.iter().map(|manifest| manifest.run.hash()).collect();
        let _held = self.locks.hold(&keys);
        let _elsewhere = self.catalogue.hold(&keys)?;
        let made = in_parallel(manifests, |manifest| {
            self.check(who, manifest).and_then(|()| self.make(Some(who), manifest))
        });
        let sound: Vec<Manifest> =
            made.iter().zip(manifests).filter(|(made, _)| made.is_ok()).map(|(_, m)| (*m).clone()).collect();
        let committed = self.objects.commit_leaving(&sound);
        if committed.is_err() {
            keys.iter().for_each(|key| self.files.doubt(*key));
        }
        let mut committed = committed?.into_iter();
        let (mut results, mut seen, mut left) = (Vec::new(), Vec::new(), Vec::new());
        for (made, key) in made.into_iter().zip(&keys) {
            let result = made.and_then(|look| {
                let done =
                    committed.next().unwrap_or_else(|| Err(Error::damaged("A commit came to nothing")));
                let (receipt, old) = done?;
                seen.push(look);
                left.extend(old);
                Ok(receipt)
            });
            if result.is_err() {
                self.files.doubt(*key);
            }
            results.push(result);
        }
        if let Err(e) = self.reserve.spend(|| self.write_down(&seen)) {
            self.half().extend(seen.iter().map(|(glance, _)| glance.run.hash()));
            return Err(e);
        }
        // Another run may name them, whoever made it so.
        self.objects.remove(&self.catalogue.named_by_none(left)?)?;
        Ok(results)
    }

    fn check(&self, who: &Who, manifest: &Manifest) -> Result<()> {
        let run = &manifest.run;
        who.may(Scope::Write, &run.entity, &run.project)?;
        self.catalogue.check_not_removed(run)?;
        if !run.entity.is_empty() {
            check_entity("team", &run.entity)?;
        }
        self.catalogue.see_to_team(&run.entity, self.clock.now())
    }

    /// Makes the run file, and returns what the catalogue is to know of it. What somebody pushes has to be theirs.
    fn make(&self, pushed_by: Option<&Who>, manifest: &Manifest) -> Result<Seen> {
        let key = manifest.run.hash();
        let known = self.objects.manifest_of(key)?;
        if let Some(who) = pushed_by {
            self.check_proved(who, known.as_ref(), manifest)?;
        }
        let (all, _) = Manifest::follow(known.as_ref(), manifest)?;
        let path = self.files.path(key);
        self.files.doubt(key);
        let seen = materialise_cache(&*self.objects, &all, &path, |run| {
            if pushed_by.is_some() {
                check_standing(run, &all)?;
            }
            look(run, &path, &all)
        })?;
        self.files.note(key, all.digest);
        Ok(seen)
    }

    fn write_down(&self, seen: &[Seen]) -> Result<()> {
        if seen.is_empty() {
            return Ok(());
        }
        let before = self.catalogue.put_runs(seen, self.clock.now())?;
        for ((glance, _), before) in seen.iter().zip(before) {
            self.metrics.commits.inc();
            self.metrics.runs.inc_by(u64::from(!before.known));
            self.metrics.records.inc_by(glance.details.info.records.saturating_sub(before.records));
            self.metrics.points.inc_by(glance.points.saturating_sub(before.points));
        }
        Ok(())
    }

    fn half(&self) -> MutexGuard<'_, BTreeSet<Hash>> {
        self.half.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the catalogue know of runs that went into the objects when it could not be written. Whoever pushed them was told that
    /// they did not go in, and may never come again.
    ///
    /// # Errors
    /// The catalogue still cannot be written, or the objects cannot be read.
    pub(super) fn complete_half(&self) -> Result<()> {
        let (runs, mut done) = (self.half().clone(), Ok(()));
        for run in runs {
            match self
                .catalogue
                .tombstone(run)
                .and_then(|gone| gone.map_or_else(|| self.take_over(run), |_| Ok(())))
            {
                Ok(()) => drop(self.half().remove(&run)),
                Err(e) => done = Err(e.in_context(format!("Run {run} is not in the catalogue yet"))),
            }
        }
        done
    }

    /// Takes those runs into the catalogue that are among the objects and that it does not know, or knows differently.
    /// Returns how many, and what could not be read.
    ///
    /// # Errors
    /// The objects or the catalogue cannot be used.
    pub(super) fn reconcile(&self) -> Result<(usize, Vec<Error>)> {
        let (mut taken, mut failed) = (0, Vec::new());
        for head in heads(&*self.objects) {
            let head = head?;
            let known = self.catalogue.run(head.key)?;
            let gone = self.catalogue.tombstone(head.key)?.is_some();
            if gone || known.is_some_and(|known| known.digest == head.digest) {
                continue;
            }
            match self.take_over(head.key) {
                Ok(()) => taken += 1,
                Err(e) => failed.push(e.in_context(format!("Run {}", head.run))),
            }
        }
        Ok((taken, failed))
    }

    fn take_over(&self, key: Hash) -> Result<()> {
        let _held = self.locks.hold(&[key]);
        let _elsewhere = self.catalogue.hold(&[key])?;
        let Some(manifest) = self.objects.manifest_of(key)? else { return Ok(()) };
        self.catalogue.see_to_team(&manifest.run.entity, self.clock.now())?;
        let seen = self.make(None, &manifest)?;
        self.write_down(&[seen])
    }
}

/// A run as the catalogue is to know it, with the objects that it names.
type Seen = (Glance, Vec<(Object, u64)>);

/// Most bytes that are set in config and summary together, and with all that they were before: they are looked at in memory.
const STANDING_BYTES: u64 = 32 << 20;
const SETTINGS_BYTES: u64 = 160 << 20;

fn check_standing(run: &Connection, manifest: &Manifest) -> Result<()> {
    let (standing, all) = store::settings_bytes(run)?;
    for (bytes, most, what) in [
        (standing, STANDING_BYTES, "together"),
        (all, SETTINGS_BYTES, "together with all that they were before"),
    ] {
        if bytes > most {
            let message = format!(
                "What is set in config and summary of {} is {} MiB {what}, and a server takes {} MiB",
                manifest.run,
                bytes >> 20,
                most >> 20
            );
            return Err(
                Error::new(ErrorKind::Limit, message).with_hint("save what is large as a file of the run")
            );
        }
    }
    Ok(())
}

fn look(run: &Connection, path: &Path, manifest: &Manifest) -> Result<Seen> {
    let details = query::details_within(run, query::info_alone(run, path)?, SUMMARY_BYTES)?;
    let segments = manifest.attempts.iter().flat_map(|entry| &entry.segments);
    let segments = segments.map(|segment| (Object::Segment(segment.sha256), segment.size));
    let blobs = manifest.blobs.iter().map(|blob| (Object::Blob(blob.sha256), blob.size));
    let objects: Vec<_> = segments.chain(blobs).collect();
    let bytes = objects.iter().map(|(_, size)| size).sum();
    let glance = Glance {
        run: manifest.run.clone(),
        points: details.keys.iter().map(|key| key.points).sum(),
        details: brief(details),
        digest: manifest.digest,
        open: manifest.is_open(),
        bytes,
        absent: manifest.absent.clone(),
    };
    Ok((glance, objects))
}

/// Does the same with each of some, on all processors, and returns the results in their order.
fn in_parallel<I: Sync, T: Send>(items: &[I], work: impl Fn(&I) -> Result<T> + Sync) -> Vec<Result<T>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(items.len());
    if threads < 2 {
        return items.iter().map(work).collect();
    }
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work_off = || {
        while let Some((n, item)) =
            Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|n| Some((n, items.get(n)?)))
        {
            let result = work(item);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((n, result));
        }
    };
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work_off))));
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(n, _)| *n);
    done.into_iter().map(|(_, result)| result).collect()
}

//! Whether what others added to a run at the remote follows from ours: one id may have been given to two runs.
//!
//! A manifest names attempts and says nothing about them; the first record of an attempt does. One that resumes or rewinds goes
//! on with others, and one of a rank is a part of a whole. Any other begins the run, perhaps at a later step than ours: then it goes on
//! from a checkpoint, without the run file. Only two that begin a run at the same step cannot be one.

use super::window::Item;
use super::{Pass, lock};
use crate::model::{ErrorKind, Hash, Origin, Record, Result, Row, Start, to_rfc3339};
use crate::remote::{AttemptEntry, Object, read_segment};
use crate::store;
use crate::sync::plan::Apart;
use crate::sync::progress::Status;
use crate::sync::source::Place;
use std::collections::BTreeSet;

/// What to do about a run that was begun more than once.
pub(in crate::sync) const HINT: &str = "give each an id of its own; `resume` goes on with a run, on another machine once `danlu pull` has brought it there";

/// Who has begun a run.
struct Beginning {
    start: Box<Start>,
    /// The step of the first row, if there is one.
    step: Option<i64>,
}

impl Pass<'_> {
    /// Looks at attempts of others that came to a run at the remote.
    pub(super) fn look_at_others(&self, item: &mut Item<'_>) {
        if item.known.unread().is_empty() {
            return;
        }
        if matches!(item.pending.candidate.place, Place::File(..)) && item.begins.is_none() {
            return item.known.goes_with_all();
        }
        // What cannot be read now is read the next time.
        if let Err(e) = self.try_look_at_others(item)
            && !matches!(
                e.kind(),
                ErrorKind::Unreachable | ErrorKind::Io | ErrorKind::NotFound | ErrorKind::Busy
            )
        {
            item.known.goes_with_all();
        }
    }

    fn try_look_at_others(&self, item: &mut Item<'_>) -> Result<()> {
        let key = item.local.manifest().run.hash();
        let Some(there) = self.line.call(|remote| remote.manifest_of(key))? else { return Ok(()) };
        let unread = item.known.unread().clone();
        let mut ours = None;
        for entry in there.attempts.iter().filter(|entry| unread.contains(&entry.attempt)) {
            let read = |name| self.line.call(|remote| read_segment(remote, name));
            let Some(theirs) = beginning(entry, read)? else {
                item.known.looked_at(entry.attempt, None);
                continue;
            };
            let Some(step) = theirs.step else {
                // What has said nothing is mixed with nothing; but it may go on.
                if !entry.open {
                    item.known.looked_at(entry.attempt, None);
                }
                continue;
            };
            let ours = match &ours {
                Some(ours) => ours,
                None => &*ours.insert(self.our_steps(item)?),
            };
            let is_apart = ours.contains(&step);
            if !is_apart && item.local.manifest().is_open() && ours.is_empty() {
                continue;
            }
            let Start { attempt, host, time, .. } = *theirs.start;
            item.known.looked_at(entry.attempt, is_apart.then_some(Apart { attempt, host, time }));
        }
        Ok(())
    }

    /// Returns the steps at which attempts of ours begin the run.
    fn our_steps(&self, item: &Item<'_>) -> Result<BTreeSet<i64>> {
        let manifest = item.local.manifest();
        let content = self.source.open(&item.pending.candidate.place, manifest.is_open())?;
        let read = |name: Hash| {
            let tail = item.tails.get(&Object::Segment(name)).cloned();
            let packed = tail.map_or_else(|| content.segment(name), Ok)?;
            store::unpack(name, packed.as_slice())
        };
        let mut steps = BTreeSet::new();
        for entry in &manifest.attempts {
            steps.extend(beginning(entry, read)?.and_then(|beginning| beginning.step));
        }
        Ok(steps)
    }

    /// Notes that a run was begun elsewhere too, to say so in the end.
    pub(super) fn note_apart(&self, item: &Item<'_>, before: Option<&Apart>, status: Status) {
        let Some(apart) = item.known.apart() else { return };
        if status == Status::Pushed || before.is_none_or(|before| before.attempt != apart.attempt) {
            lock(&self.apart).insert(item.name.full(), apart.clone());
        }
    }
}

/// Returns how an attempt begins a run, if it does.
fn beginning(entry: &AttemptEntry, read: impl Fn(Hash) -> Result<Vec<u8>>) -> Result<Option<Beginning>> {
    let mut start = None;
    for segment in &entry.segments {
        let (_, _, records) = store::decode_segment(&read(segment.sha256)?)?;
        for record in records {
            match record {
                Record::Start(said) if !begins(&said) => return Ok(None),
                Record::Start(said) => start = Some(said),
                Record::Row(Row { step: Some(step), .. }) => {
                    return Ok(start.map(|start| Beginning { start, step: Some(step) }));
                }
                _ => {}
            }
        }
    }
    Ok(start.map(|start| Beginning { start, step: None }))
}

fn begins(start: &Start) -> bool {
    matches!(start.origin, Origin::New | Origin::Fork { .. }) && start.rank.is_none()
}

/// Says where and when the other one was begun.
pub(in crate::sync) fn begun(apart: &Apart) -> String {
    let time = to_rfc3339(apart.time).replace('T', " ").replace('Z', " UTC");
    format!("also begun on `{}` at {time}", apart.host)
}

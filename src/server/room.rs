//! Memory for bodies: those that are to be in it as a whole wait until there is room, before a thread is taken for them.

use super::App;
use super::answer::Answer;
use super::auth::Asker;
use crate::model::{Error, ErrorKind, limits};
use crate::remote::PART_BYTES;
use axum::body::HttpBody;
use axum::extract::Request;
use futures_util::TryStreamExt;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Largest body of frames: one more than is full. No body that is in memory as a whole is larger.
pub(super) const LARGEST_BODY: u64 = PART_BYTES + (limits::SEGMENT_BYTES as u64) + (1 << 20);

/// What bodies may take together, and those of one account, in units: as much as the largest has that there may be.
const UNITS: u32 = 128;
const UNITS_EACH: u32 = 81;
const UNIT: u64 = 1 << 20;

const _: () = assert!(LARGEST_BODY == UNITS_EACH as u64 * UNIT);

/// The memory that is left.
pub(super) struct Room {
    all: Arc<Semaphore>,
    each: Mutex<HashMap<String, Arc<Semaphore>>>,
}

/// A place in it, free again when this is dropped.
pub(super) struct Place {
    _own: Option<OwnedSemaphorePermit>,
    _of_all: Option<OwnedSemaphorePermit>,
}

impl Room {
    pub(super) fn new() -> Self {
        Self { all: Arc::new(Semaphore::new(UNITS as usize)), each: Mutex::default() }
    }

    /// Waits until there is room for so many bytes. Whoever sends much, or slowly, leaves some of it to the others.
    pub(super) async fn take(&self, account: &str, bytes: u64) -> Place {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(UNITS).clamp(1, UNITS_EACH);
        let own = self.of(account);
        // They are never closed.
        let own = own.acquire_many_owned(units).await.ok();
        Place { _own: own, _of_all: Arc::clone(&self.all).acquire_many_owned(units).await.ok() }
    }

    fn of(&self, account: &str) -> Arc<Semaphore> {
        let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
        each.retain(|_, own| Arc::strong_count(own) > 1);
        let own = each.entry(account.to_owned());
        Arc::clone(own.or_insert_with(|| Arc::new(Semaphore::new(UNITS_EACH as usize))))
    }
}

/// Returns the most that a body has, if its head says so.
pub(super) fn length_of(request: &Request) -> Option<u64> {
    request.body().size_hint().upper()
}

/// Waits for a body that is to be in memory as a whole. Each piece is copied and let go of at once: its memory serves for the
/// next.
pub(super) async fn whole(app: &App, who: &Asker, request: Request, most: u64) -> Answer<(Vec<u8>, Place)> {
    let too_long = || Error::new(ErrorKind::Limit, format!("The body has more than {most} bytes"));
    let length = length_of(&request);
    if length.is_some_and(|length| length > most) {
        return Err(too_long().into());
    }
    let place = app.room.take(&who.account, length.unwrap_or(most)).await;
    let mut whole = Vec::with_capacity(usize::try_from(length.unwrap_or_default()).unwrap_or_default());
    let mut pieces = request.into_body().into_data_stream();
    let broken = |e| Error::new(ErrorKind::Usage, "The body cannot be read").with_source(e);
    while let Some(piece) = pieces.try_next().await.map_err(broken)? {
        if (whole.len() + piece.len()) as u64 > most {
            return Err(too_long().into());
        }
        whole.extend_from_slice(&piece);
    }
    Ok((whole, place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_account_leaves_room_to_others() {
        let room = Room::new();
        let _first = room.take("a", 1 << 40).await;
        {
            let second = std::pin::pin!(room.take("a", 1));
            assert!(futures_util::poll!(second).is_pending());
        }
        let other = room.take("b", UNIT * u64::from(UNITS - UNITS_EACH)).await;
        {
            let third = std::pin::pin!(room.take("c", 1));
            assert!(futures_util::poll!(third).is_pending(), "there is no more");
        }
        drop(other);
        drop(room.take("c", 1).await);
        room.take("d", 1).await;
        assert_eq!(room.each.lock().unwrap().len(), 2, "who has nothing there is forgotten");
    }
}

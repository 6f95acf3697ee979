//! Bodies on their way: counted, and given up if they make no progress.

use axum::body::{Body, Bytes, HttpBody};
use futures_util::StreamExt;
use http_body::{Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep, sleep, timeout};

/// How the body of a request went.
#[derive(Default)]
pub(super) struct Progress {
    /// Bytes that came.
    pub(super) read: AtomicU64,
    /// It broke off, or was given up.
    pub(super) broke: AtomicBool,
}

/// The body of a request, which has to make progress.
pub(super) struct Incoming {
    body: Body,
    progress: Arc<Progress>,
    patience: Duration,
    until: Pin<Box<Sleep>>,
    waits: bool,
    over: bool,
}

/// What is read at most of a body that nobody wants.
const REST: u64 = 64 << 20;

impl Incoming {
    /// Counts what comes in.
    pub(super) fn new(body: Body, progress: Arc<Progress>, patience: Duration) -> Self {
        Self { body, progress, patience, until: Box::pin(sleep(patience)), waits: false, over: false }
    }
}

impl HttpBody for Incoming {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        let poll = Pin::new(&mut this.body).poll_frame(context);
        if let Poll::Ready(frame) = &poll {
            match frame {
                Some(Ok(frame)) => {
                    let length = frame.data_ref().map_or(0, |data| data.len() as u64);
                    this.progress.read.fetch_add(length, Ordering::Relaxed);
                }
                Some(Err(_)) => this.progress.broke.store(true, Ordering::Relaxed),
                None => {}
            }
            this.waits = false;
            this.over = !matches!(frame, Some(Ok(_)));
            return poll;
        }
        // The time in which nobody asks for more is not the client's.
        if !std::mem::replace(&mut this.waits, true) {
            this.until.as_mut().reset(Instant::now() + this.patience);
        }
        if this.until.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        this.progress.broke.store(true, Ordering::Relaxed);
        this.over = true;
        let late = std::io::Error::new(std::io::ErrorKind::TimedOut, "the body makes no progress");
        Poll::Ready(Some(Err(axum::Error::new(late))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Incoming {
    /// Reads the rest of a body that was refused before its end: a client that is still sending would see a broken connection in
    /// place of the reason.
    fn drop(&mut self) {
        let (false, Ok(runtime)) = (self.over || self.body.is_end_stream(), Handle::try_current()) else {
            return;
        };
        let (mut rest, patience) = (std::mem::take(&mut self.body).into_data_stream(), self.patience);
        runtime.spawn(timeout(patience, async move {
            let mut read = 0;
            while let Some(Ok(piece)) = rest.next().await {
                read += piece.len() as u64;
                if read > REST {
                    break;
                }
            }
        }));
    }
}

/// The body of an answer, which tells how much of it was sent when it is through or broken off.
pub(super) struct Outgoing<F: FnOnce(u64)> {
    body: Body,
    sent: u64,
    done: Option<F>,
}

impl<F: FnOnce(u64)> Outgoing<F> {
    /// Counts what goes out, and calls `done` in the end.
    pub(super) fn new(body: Body, done: F) -> Self {
        Self { body, sent: 0, done: Some(done) }
    }
}

impl<F: FnOnce(u64) + Unpin> HttpBody for Outgoing<F> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let poll = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &poll {
            self.sent += frame.data_ref().map_or(0, |data| data.len() as u64);
        }
        poll
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<F: FnOnce(u64)> Drop for Outgoing<F> {
    fn drop(&mut self) {
        if let Some(done) = self.done.take() {
            done(self.sent);
        }
    }
}

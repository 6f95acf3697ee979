//! Connections: at most so many at once, of all and from each address, and none to a client that does not read what it
//! asked for.

use super::settings::Limits;
use axum_server::accept::Accept;
use std::collections::HashMap;
use std::future::{Ready, ready};
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready as now};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep};

/// Lets connections in while there are not too many.
#[derive(Clone)]
pub(super) struct Doorkeeper {
    places: Arc<Semaphore>,
    per_address: usize,
    /// How many there are from each address.
    guests: Arc<Mutex<HashMap<IpAddr, usize>>>,
    patience: Duration,
}

impl Doorkeeper {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            places: Arc::new(Semaphore::new(limits.connections)),
            per_address: limits.connections_per_address,
            guests: Arc::default(),
            patience: limits.progress,
        }
    }

    /// Gives a connection a place.
    fn place(&self, peer: IpAddr) -> io::Result<Place> {
        let of_all = Arc::clone(&self.places).try_acquire_owned();
        let of_all = of_all.map_err(|_| io::Error::other("too many connections"))?;
        let address = client(peer);
        let mut guests = self.guests.lock().unwrap_or_else(PoisonError::into_inner);
        let there = guests.entry(address).or_default();
        if *there >= self.per_address {
            return Err(io::Error::other("too many connections from this address"));
        }
        *there += 1;
        Ok(Place { address, guests: Arc::clone(&self.guests), _of_all: of_all })
    }
}

/// What counts as one client: of IPv6, everybody has a whole network of addresses.
fn client(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
        address => address,
    }
}

/// A place that is free again when the connection is over.
struct Place {
    address: IpAddr,
    guests: Arc<Mutex<HashMap<IpAddr, usize>>>,
    _of_all: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut guests = self.guests.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(there) = guests.get_mut(&self.address) {
            *there -= 1;
            if *there == 0 {
                guests.remove(&self.address);
            }
        }
    }
}

impl<S> Accept<TcpStream, S> for Doorkeeper {
    type Stream = Guest;
    type Service = S;
    type Future = Ready<io::Result<(Guest, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let place = stream.peer_addr().and_then(|peer| self.place(peer.ip()));
        let guest =
            place.map(|place| Guest { stream, patience: self.patience, waiting: None, _place: place });
        ready(guest.and_then(|guest| guest.stream.set_nodelay(true).map(|()| (guest, service))))
    }
}

/// A connection that has a place.
pub(super) struct Guest {
    stream: TcpStream,
    patience: Duration,
    /// Runs while the client does not read.
    waiting: Option<Pin<Box<Sleep>>>,
    _place: Place,
}

impl Guest {
    /// Gives up on a client that reads nothing for too long.
    fn patiently<T>(&mut self, context: &mut Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if poll.is_ready() {
            self.waiting = None;
            return poll;
        }
        let patience = self.patience;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(patience)));
        now!(waiting.as_mut().poll(context));
        Poll::Ready(Err(io::Error::from(io::ErrorKind::TimedOut)))
    }
}

impl AsyncRead for Guest {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Guest {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.patiently(context, poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.patiently(context, poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_leaves_places_to_others() {
        let door =
            Doorkeeper::new(&Limits { connections: 5, connections_per_address: 2, ..Limits::default() });
        let place = |text: &str| door.place(text.parse().unwrap());
        let first = place("10.0.0.1").unwrap();
        let _same = place("::ffff:10.0.0.1").unwrap();
        assert!(place("10.0.0.1").is_err());
        let _others = (place("10.0.0.2").unwrap(), place("fd00::1").unwrap());
        drop(first);
        let _again = (place("10.0.0.1").unwrap(), place("fd00::2:1").unwrap());
        let refused = |text| place(text).err().unwrap().to_string();
        assert_eq!(refused("fd00:0:0:1::1"), "too many connections", "of all");
    }

    #[test]
    fn a_network_is_one_client() {
        let door = Doorkeeper::new(&Limits { connections_per_address: 1, ..Limits::default() });
        let _first = door.place("fd00::1".parse().unwrap()).unwrap();
        assert!(door.place("fd00::ffff:1:2:3".parse().unwrap()).is_err());
        assert!(door.place("fd00:0:0:1::1".parse().unwrap()).is_ok());
        assert_eq!(door.guests.lock().unwrap().len(), 1, "who is gone is forgotten");
    }
}

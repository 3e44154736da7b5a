//! The accept loop, and how many may come in. Everything that takes time happens in the connection's task.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, debug, error_span, info, warn};

use crate::Server;
use crate::error::ConnectionEnd;
use crate::limits::Limits;
use crate::read_ahead::ReadAhead;
use crate::throttle::Source;
use crate::{compat, connection, tls};

/// How long to leave a listener alone that cannot accept, usually for want of file descriptors.
const ACCEPT_BACK_OFF: Duration = Duration::from_millis(100);
/// How long the kernel tries to get bytes to a peer that does not acknowledge them.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(75);
/// When the kernel asks a quiet peer whether it is still there.
const TCP_KEEPALIVE: Duration = Duration::from_secs(60);

/// What stands behind a listener.
pub(crate) enum Entrance {
    /// Everybody, over TLS, by the server's own door.
    Tls(TlsAcceptor),
    /// The original's programs, in the clear, with a budget of their own.
    Clear(Door),
}

/// Accepts until the server stops. Awaits nothing but `accept`, and a pause when that fails.
pub(crate) async fn accept_loop(
    listener: TcpListener,
    entrance: Entrance,
    server: Arc<Server>,
    tasks: TaskTracker,
) {
    let mut number: u64 = 0;
    loop {
        let accepted = tokio::select! {
            () = server.stopping.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(fault) => {
                warn!(error = %fault, "cannot accept a connection; is the limit on open files too low?");
                tokio::time::sleep(ACCEPT_BACK_OFF).await;
                continue;
            }
        };
        let door = match &entrance {
            Entrance::Tls(_) => &server.door,
            Entrance::Clear(door) => door,
        };
        let Some(admission) = door.admit(peer) else {
            debug!(%peer, clear = door.in_the_clear, "turned away: too many connections");
            continue;
        };
        number += 1;
        let server = Arc::clone(&server);
        match &entrance {
            Entrance::Tls(tls) => {
                let span = error_span!("connection", n = number, peer = %peer.ip());
                tasks.spawn(serve_tls(stream, tls.clone(), server, admission).instrument(span));
            }
            Entrance::Clear(_) => {
                let span = error_span!("plaintext", n = number, peer = %peer.ip());
                tasks.spawn(serve_plaintext(stream, server, admission).instrument(span));
            }
        }
    }
}

async fn serve_plaintext(stream: TcpStream, server: Arc<Server>, admission: Admission) {
    if let Err(fault) = prepare(&stream) {
        debug!(error = %fault, "socket options");
    }
    let ends = stream.local_addr().ok().zip(stream.peer_addr().ok());
    tell_end(&compat::serve(stream, server, (admission, ends)).await);
}

async fn serve_tls(stream: TcpStream, tls: TlsAcceptor, server: Arc<Server>, admission: Admission) {
    if let Err(fault) = prepare(&stream) {
        debug!(error = %fault, "socket options");
    }
    let handshake = tokio::time::timeout(server.limits().handshake(), tls.accept(ReadAhead::new(stream)));
    let end = match handshake.await {
        Ok(Ok(stream)) if stream.get_ref().1.alpn_protocol() == Some(tls::ORIGINAL_ALPN) => {
            compat::serve(stream, server, (admission, None)).await
        }
        Ok(Ok(stream)) => connection::serve(stream, server, admission).await,
        Ok(Err(fault)) => ConnectionEnd::Handshake(fault),
        Err(_) => ConnectionEnd::HandshakeTimeout,
    };
    tell_end(&end);
}

fn tell_end(end: &ConnectionEnd) {
    match end {
        ConnectionEnd::PeerClosed | ConnectionEnd::LoggedOut | ConnectionEnd::Shutdown => debug!(%end),
        _ => info!("{end}"),
    }
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(TCP_KEEPALIVE))?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(TCP_USER_TIMEOUT))?;
    Ok(())
}

/// Counts who is in.
pub(crate) struct Door {
    connections: Arc<Semaphore>,
    counts: Arc<Mutex<Counts>>,
    strangers: usize,
    per_source: usize,
    strangers_per_source: usize,
    in_the_clear: bool,
}

#[derive(Default)]
struct Counts {
    strangers: usize,
    sources: HashMap<Source, SourceCounts>,
}

#[derive(Clone, Copy, Default)]
struct SourceCounts {
    connections: usize,
    strangers: usize,
}

/// One connection's place among those that are in.
pub(crate) struct Admission {
    pub(crate) peer: SocketAddr,
    pub(crate) source: Source,
    /// What is said here can be read by whoever is on the network between.
    pub(crate) in_the_clear: bool,
    /// One of the original's programs, behind the adapter.
    pub(crate) original: bool,
    stranger: bool,
    counts: Arc<Mutex<Counts>>,
    _permit: OwnedSemaphorePermit,
}

impl Door {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            connections: Arc::new(Semaphore::new(limits.connections())),
            counts: Arc::default(),
            strangers: limits.strangers(),
            per_source: limits.connections_per_source(),
            strangers_per_source: limits.strangers_per_source(),
            in_the_clear: false,
        }
    }

    /// A door for the original's programs: fewer may come in, and all from one machine.
    pub(crate) fn in_the_clear(limits: &Limits) -> Self {
        let most = limits.plaintext_connections();
        Self {
            connections: Arc::new(Semaphore::new(most)),
            counts: Arc::default(),
            strangers: most,
            per_source: most,
            strangers_per_source: most,
            in_the_clear: true,
        }
    }

    pub(crate) fn admit(&self, peer: SocketAddr) -> Option<Admission> {
        let permit = Arc::clone(&self.connections).try_acquire_owned().ok()?;
        let source = Source::from(peer.ip());
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let from_there = counts.sources.get(&source).copied().unwrap_or_default();
        let full = counts.strangers >= self.strangers
            || from_there.connections >= self.per_source
            || from_there.strangers >= self.strangers_per_source;
        if full {
            return None;
        }
        counts.strangers += 1;
        let from_there = counts.sources.entry(source).or_default();
        from_there.connections += 1;
        from_there.strangers += 1;
        let (counts, in_the_clear) = (Arc::clone(&self.counts), self.in_the_clear);
        Some(Admission {
            peer,
            source,
            in_the_clear,
            original: false,
            stranger: true,
            counts,
            _permit: permit,
        })
    }
}

impl Admission {
    /// Somebody has logged in here: no stranger any more.
    pub(crate) fn known(&mut self) {
        if std::mem::take(&mut self.stranger) {
            let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            counts.strangers -= 1;
            if let Some(from_there) = counts.sources.get_mut(&self.source) {
                from_there.strangers -= 1;
            }
        }
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.known();
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(from_there) = counts.sources.get_mut(&self.source) {
            from_there.connections -= 1;
            if from_there.connections == 0 {
                counts.sources.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door(limits: &[&str]) -> Door {
        let mut all = Limits::default();
        limits.iter().for_each(|limit| all.set(limit).unwrap());
        Door::new(&all)
    }

    fn peer(host: u8) -> SocketAddr {
        ([127, 0, 0, host], 1000).into()
    }

    #[test]
    fn one_source_cannot_fill_the_house() {
        let door = door(&["strangers-per-source=2"]);
        let mut guests: Vec<_> = (0..2).map(|_| door.admit(peer(1)).unwrap()).collect();
        assert!(door.admit(peer(1)).is_none());
        assert!(door.admit(peer(2)).is_some());
        guests[0].known();
        assert!(door.admit(peer(1)).is_some());
    }

    #[test]
    fn who_leaves_makes_room_and_leaves_nothing_behind() {
        let door = door(&["connections=1"]);
        let guest = door.admit(peer(1)).unwrap();
        assert!(door.admit(peer(2)).is_none());
        drop(guest);
        assert!(door.admit(peer(2)).is_some());
        assert!(door.counts.lock().unwrap().sources.is_empty());
    }
}

//! The accept loop. Everything that takes time happens in the connection's task.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use socket2::{SockRef, TcpKeepalive};
use sotto_proto::{Reason, Refusal, Reply};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, debug, error_span, info, warn};

use crate::Server;
use crate::door::{Admission, Door, Full};
use crate::error::{ConnectionEnd, RETRY_WHEN_FULL};
use crate::{compat, connection, tls};

/// How many connections may wait to be accepted, if the system lets them. A crowd fills what is usual in a moment (128, or 1,024); then
/// the system passes over whoever comes, and honest people are let in when they have asked again, seconds later.
const BACKLOG: u32 = 4096;
/// How long to leave a listener alone that cannot accept, usually for want of file descriptors.
const ACCEPT_BACK_OFF: Duration = Duration::from_millis(100);
/// How long the kernel tries to get bytes to a peer that does not acknowledge them.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(75);
/// When the kernel asks a quiet peer whether it is still there.
const TCP_KEEPALIVE: Duration = Duration::from_secs(60);

/// Begins to listen.
///
/// # Errors
/// When the address is in use, or not this machine's.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restart need not wait for the last connections to be forgotten. On Windows it would let others listen there as well.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// What stands behind a listener.
pub(crate) enum Entrance {
    /// Everybody, over TLS, by the server's own door.
    Tls(Arc<ServerConfig>),
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
        let admission = match door.admit(peer) {
            Ok(admission) => admission,
            Err(full) => {
                debug!(%peer, clear = door.in_the_clear, "turned away: too many connections");
                if let (Full::Told(place), Entrance::Tls(tls)) = (full, &entrance) {
                    tasks.spawn(turn_away(stream, Arc::clone(tls), (Arc::clone(&server), place)));
                }
                continue;
            }
        };
        number += 1;
        let server = Arc::clone(&server);
        match &entrance {
            Entrance::Tls(tls) => {
                let span = error_span!("connection", n = number, peer = %peer.ip());
                let inside = (server, tasks.clone());
                tasks.spawn(serve_tls(stream, Arc::clone(tls), inside, admission).instrument(span));
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

async fn serve_tls(
    stream: TcpStream,
    tls: Arc<ServerConfig>,
    (server, tasks): (Arc<Server>, TaskTracker),
    admission: Admission,
) {
    if let Err(fault) = prepare(&stream) {
        debug!(error = %fault, "socket options");
    }
    let sent_away = admission.sent_away.clone();
    let handshake = tokio::select! {
        () = sent_away.cancelled() => return tell_end(&ConnectionEnd::SentAway),
        handshake = timeout(server.limits().handshake(), tls::accept(stream, tls)) => handshake,
    };
    let stream = match handshake {
        Ok(Ok(stream)) => stream,
        Ok(Err(fault)) => return tell_end(&ConnectionEnd::Handshake(fault)),
        Err(_) => return tell_end(&ConnectionEnd::HandshakeTimeout),
    };
    // In a task of its own: whoever is there for hours does not keep the memory of the handshake.
    if stream.alpn_protocol() == Some(tls::ORIGINAL_ALPN) {
        to_the_end(compat::serve(stream, server, (admission, None)), &tasks);
    } else {
        to_the_end(connection::serve(stream, server, admission), &tasks);
    }
}

/// Boxed, because a future that is handed on is held twice by the one that waits for it.
fn to_the_end(served: impl Future<Output = ConnectionEnd> + Send + 'static, tasks: &TaskTracker) {
    let served = Box::pin(served);
    tasks.spawn(async move { tell_end(&served.await) }.in_current_span());
}

/// Tells somebody for whom there is no place that this is so, and when to come back.
async fn turn_away(
    stream: TcpStream,
    tls: Arc<ServerConfig>,
    (server, _place): (Arc<Server>, OwnedSemaphorePermit),
) {
    let saying = async {
        let mut stream = tls::accept(stream, tls).await?;
        if stream.alpn_protocol() == Some(tls::ORIGINAL_ALPN) {
            return Ok(());
        }
        let refusal = Refusal::new(Reason::TooManyConnections, "There are too many connections just now.");
        let bye = Reply::Goodbye(refusal.retry(RETRY_WHEN_FULL)).encode(None);
        stream.write_all(&bye).await?;
        stream.shutdown().await?;
        // Closing a socket with something unread in it could take the word back.
        let mut asked = [0; 1024];
        while stream.read(&mut asked).await? > 0 {}
        Ok::<_, io::Error>(())
    };
    if let Ok(Err(fault)) = timeout(server.limits().handshake(), saying).await {
        debug!(error = %fault, "not told that it is full");
    }
}

fn tell_end(end: &ConnectionEnd) {
    match end {
        ConnectionEnd::PeerClosed
        | ConnectionEnd::LoggedOut
        | ConnectionEnd::Shutdown
        | ConnectionEnd::SentAway => debug!(%end),
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

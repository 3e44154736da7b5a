//! The accept loop. Everything that takes time happens in the connection's task.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, debug, error_span, info, warn};

use crate::Server;
use crate::door::{Admission, Door};
use crate::error::ConnectionEnd;
use crate::read_ahead::ReadAhead;
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

//! Whether the other end of a connection has read what was sent. For a peer on this machine the kernel knows:
//! asked for the peer's socket (sock_diag(7)), it says how many bytes have come and how many of them wait in it.

use std::net::SocketAddr;

#[cfg(target_os = "linux")]
pub(super) use linux::Unread;

/// Elsewhere that cannot be seen.
#[cfg(not(target_os = "linux"))]
pub(super) struct Unread;

#[cfg(not(target_os = "linux"))]
impl Unread {
    pub(super) fn at_peer(_: (SocketAddr, SocketAddr)) -> Option<Self> {
        None
    }

    pub(super) fn wrote(&self, _: usize) {}

    pub(super) fn anything(&self) -> Option<bool> {
        None
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::sync::atomic::{AtomicU64, Ordering};

    use netlink_packet_core::{NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
    use netlink_packet_sock_diag::SockDiagMessage;
    use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP};
    use netlink_packet_sock_diag::inet::nlas::Nla;
    use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, InetResponse, SocketId, StateFlags};
    use netlink_sys::protocols::NETLINK_SOCK_DIAG;
    use netlink_sys::{Socket, SocketAddr as Kernel};

    use super::SocketAddr;

    /// Where `tcpi_bytes_received` is in `struct tcp_info`, which only ever grows at its end (linux/tcp.h).
    const BYTES_RECEIVED: std::ops::Range<usize> = 128..136;

    /// A question to the kernel about one socket.
    pub(in crate::compat) struct Unread {
        socket: Socket,
        question: Vec<u8>,
        written: AtomicU64,
    }

    impl Unread {
        /// For the connection of these two ends; `None`: the peer is not on this machine, or the kernel cannot
        /// be asked.
        pub(in crate::compat) fn at_peer((local, peer): (SocketAddr, SocketAddr)) -> Option<Self> {
            if !peer.ip().is_loopback() {
                return None;
            }
            let mut socket = Socket::new(NETLINK_SOCK_DIAG).ok()?;
            socket.bind_auto().ok()?;
            socket.connect(&Kernel::new(0, 0)).ok()?;
            socket.set_non_blocking(true).ok()?;
            Some(Self { socket, question: question(local, peer), written: AtomicU64::new(0) })
        }

        /// So many bytes more have been written: all that is ever written has to be counted.
        pub(in crate::compat) fn wrote(&self, bytes: usize) {
            self.written.fetch_add(u64::try_from(bytes).unwrap_or(0), Ordering::Relaxed);
        }

        /// Whether something of what was written has not been read; `None`: there is no such socket.
        ///
        /// While the peer is reading, what comes is put aside, and is then neither read nor seen to wait. So it has to have
        /// come first; what waits is asked for after that.
        pub(in crate::compat) fn anything(&self) -> Option<bool> {
            let came = received(&self.ask()?)?;
            if came < self.written.load(Ordering::Relaxed) {
                return Some(true);
            }
            Some(self.ask()?.header.recv_queue > 0)
        }

        fn ask(&self) -> Option<InetResponse> {
            self.socket.send(&self.question, 0).ok()?;
            let mut answer = Vec::with_capacity(1024);
            // The kernel has answered before the question was taken.
            self.socket.recv(&mut answer, 0).ok()?;
            match NetlinkMessage::<SockDiagMessage>::deserialize(&answer).ok()?.payload {
                NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(peer)) => Some(*peer),
                _ => None,
            }
        }
    }

    /// All bytes that have ever come to a socket.
    fn received(peer: &InetResponse) -> Option<u64> {
        peer.nlas.iter().find_map(|part| match part {
            Nla::TcpInfo(info) => info.get(BYTES_RECEIVED)?.try_into().ok().map(u64::from_ne_bytes),
            _ => None,
        })
    }

    /// The peer's socket is bound to what is the remote end here, and the other way round.
    fn question(local: SocketAddr, peer: SocketAddr) -> Vec<u8> {
        let (family, mut socket_id) =
            if peer.is_ipv4() { (AF_INET, SocketId::new_v4()) } else { (AF_INET6, SocketId::new_v6()) };
        (socket_id.source_address, socket_id.source_port) = (peer.ip(), peer.port());
        (socket_id.destination_address, socket_id.destination_port) = (local.ip(), local.port());
        // Any cookie.
        socket_id.cookie = [0xff; 8];
        let (extensions, states) = (ExtensionFlags::INFO, StateFlags::all());
        let request = InetRequest { family, protocol: IPPROTO_TCP, extensions, states, socket_id };
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST;
        let mut message = NetlinkMessage::new(header, SockDiagMessage::InetRequest(request).into());
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        bytes
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn what_waits_at_a_peer_on_this_machine_is_seen_until_it_is_read() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(address) else { continue };
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (mut ours, peer) = listener.accept().unwrap();
            let unread = Unread::at_peer((ours.local_addr().unwrap(), peer)).unwrap();
            assert_eq!(unread.anything(), Some(false));
            unread.wrote(5);
            assert_eq!(unread.anything(), Some(true), "it has not come yet");
            ours.write_all(b"12345").unwrap();
            assert_eq!(unread.anything(), Some(true), "{address}");
            client.read_exact(&mut [0; 5]).unwrap();
            assert_eq!(unread.anything(), Some(false));
            drop((client, ours));
        }
    }

    #[test]
    fn a_peer_on_another_machine_cannot_be_seen() {
        let ends = ("192.0.2.1:1".parse().unwrap(), "192.0.2.2:2".parse().unwrap());
        assert!(Unread::at_peer(ends).is_none());
    }
}

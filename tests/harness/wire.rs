//! A wire between a client and a server that can be cut after any byte, in either direction, and tapped.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A proxy on a port of its own.
pub struct Wire {
    /// Where to connect instead of the server.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    budget: AtomicI64,
    carried: AtomicU64,
    tapped: Option<Mutex<Vec<Heard>>>,
}

/// What has been heard of one connection.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// From the client.
    pub asked: Vec<u8>,
    /// From the server.
    pub answered: Vec<u8>,
}

/// Which way bytes go, and on which connection.
#[derive(Clone, Copy)]
enum Way {
    ToServer(usize),
    ToClient(usize),
}

impl Wire {
    /// Lays a wire to `server`, which is whole until [`Self::cut_after`].
    pub async fn to(server: SocketAddr) -> Self {
        Self::lay(server, None).await
    }

    /// As [`Self::to`], and somebody listens in.
    pub async fn tapped_to(server: SocketAddr) -> Self {
        Self::lay(server, Some(Mutex::default())).await
    }

    async fn lay(server: SocketAddr, tapped: Option<Mutex<Vec<Heard>>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared =
            Arc::new(Shared { budget: AtomicI64::new(i64::MAX), carried: AtomicU64::default(), tapped });
        let carrying = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                if let Ok(far) = TcpStream::connect(server).await {
                    let connection = carrying.hear_of_another();
                    tokio::spawn(carry((near, far), Arc::clone(&carrying), connection));
                }
            }
        });
        Self { address, shared }
    }

    /// What has been heard so far, connection by connection.
    #[must_use]
    pub fn heard(&self) -> Vec<Heard> {
        self.shared.tapped().map(|heard| heard.clone()).unwrap_or_default()
    }

    /// Cuts what is connected after this many more bytes, counted in both directions together. The next
    /// connection is whole again.
    pub fn cut_after(&self, bytes: i64) {
        self.shared.budget.store(bytes, Ordering::SeqCst);
    }

    /// Whether a cut is still to come.
    #[must_use]
    pub fn is_to_be_cut(&self) -> bool {
        self.shared.budget.load(Ordering::SeqCst) < i64::MAX / 2
    }

    /// How many bytes have been carried, in both directions together.
    #[must_use]
    pub fn carried(&self) -> u64 {
        self.shared.carried.load(Ordering::SeqCst)
    }
}

impl Shared {
    fn tapped(&self) -> Option<MutexGuard<'_, Vec<Heard>>> {
        Some(self.tapped.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn hear_of_another(&self) -> usize {
        self.tapped().map_or(0, |mut heard| {
            heard.push(Heard::default());
            heard.len() - 1
        })
    }

    fn hear(&self, way: Way, bytes: &[u8]) {
        let Some(mut heard) = self.tapped() else { return };
        let (Way::ToServer(connection) | Way::ToClient(connection)) = way;
        let Some(heard) = heard.get_mut(connection) else { return };
        match way {
            Way::ToServer(_) => heard.asked.extend_from_slice(bytes),
            Way::ToClient(_) => heard.answered.extend_from_slice(bytes),
        }
    }
}

async fn carry((near, far): (TcpStream, TcpStream), shared: Arc<Shared>, connection: usize) {
    let (near_in, near_out) = near.into_split();
    let (far_in, far_out) = far.into_split();
    tokio::select! {
        () = pump(near_in, far_out, (&shared, Way::ToServer(connection))) => {}
        () = pump(far_in, near_out, (&shared, Way::ToClient(connection))) => {}
    }
    shared.budget.store(i64::MAX, Ordering::SeqCst);
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    (shared, way): (&Shared, Way),
) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let read_len = i64::try_from(read).unwrap_or(i64::MAX);
        let left = shared.budget.fetch_sub(read_len, Ordering::SeqCst);
        let carried = usize::try_from(left.clamp(0, read_len)).unwrap_or(0);
        let Some(bytes) = buffer.get(..carried) else { return };
        shared.carried.fetch_add(u64::try_from(carried).unwrap_or(0), Ordering::SeqCst);
        shared.hear(way, bytes);
        if to.write_all(bytes).await.is_err() || left < read_len {
            return;
        }
    }
}

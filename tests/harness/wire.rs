//! A wire between a client and a server that can be cut after any byte, in either direction.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A proxy on a port of its own.
pub struct Wire {
    /// Where to connect instead of the server.
    pub address: SocketAddr,
    budget: Arc<AtomicI64>,
    carried: Arc<AtomicU64>,
}

impl Wire {
    /// Lays a wire to `server`, which is whole until [`Self::cut_after`].
    pub async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let budget = Arc::new(AtomicI64::new(i64::MAX));
        let carried = Arc::new(AtomicU64::new(0));
        let shared = (Arc::clone(&budget), Arc::clone(&carried));
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                if let Ok(far) = TcpStream::connect(server).await {
                    tokio::spawn(carry(near, far, shared.clone()));
                }
            }
        });
        Self { address, budget, carried }
    }

    /// Cuts what is connected after this many more bytes, counted in both directions together. The next
    /// connection is whole again.
    pub fn cut_after(&self, bytes: i64) {
        self.budget.store(bytes, Ordering::SeqCst);
    }

    /// Whether a cut is still to come.
    #[must_use]
    pub fn is_to_be_cut(&self) -> bool {
        self.budget.load(Ordering::SeqCst) < i64::MAX / 2
    }

    /// How many bytes have been carried, in both directions together.
    #[must_use]
    pub fn carried(&self) -> u64 {
        self.carried.load(Ordering::SeqCst)
    }
}

async fn carry(near: TcpStream, far: TcpStream, (budget, carried): (Arc<AtomicI64>, Arc<AtomicU64>)) {
    let (near_in, near_out) = near.into_split();
    let (far_in, far_out) = far.into_split();
    tokio::select! {
        () = pump(near_in, far_out, (&budget, &carried)) => {}
        () = pump(far_in, near_out, (&budget, &carried)) => {}
    }
    budget.store(i64::MAX, Ordering::SeqCst);
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    (budget, total): (&AtomicI64, &AtomicU64),
) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let read_len = i64::try_from(read).unwrap_or(i64::MAX);
        let left = budget.fetch_sub(read_len, Ordering::SeqCst);
        let carried = usize::try_from(left.clamp(0, read_len)).unwrap_or(0);
        let Some(bytes) = buffer.get(..carried) else { return };
        total.fetch_add(u64::try_from(carried).unwrap_or(0), Ordering::SeqCst);
        if to.write_all(bytes).await.is_err() || left < read_len {
            return;
        }
    }
}

//! The network between the clients and the server, and what it does to them: it cuts after any byte, closes one direction only, lets a
//! peer vanish, delays and throttles; or it holds everything back, or cuts everything at once.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use socket2::SockRef;
use sotto_judge::Random;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{RwLock, watch};

/// What happens to connections from now on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Weather {
    /// Nothing.
    Fair,
    /// Each connection has a mishap after at most this many bytes in one direction.
    Rough { within: u64 },
}

/// What happens to all connections at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Flow {
    /// Nothing.
    Goes,
    /// What the server sends is not taken.
    Held,
    /// They end, and no new one begins.
    Cut,
}

/// How a connection fares.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Mishap {
    /// Both sides see it end.
    Cut,
    /// The side that is sent to sees the end of what is sent; the other direction goes on for as long as it is used.
    HalfClosed,
    /// The client sees it end; the server hears nothing any more, not even that.
    Vanished,
}

/// A proxy on a port of its own.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    /// Dropped to end what has vanished.
    flow: watch::Sender<Flow>,
}

struct Shared {
    server: Mutex<SocketAddr>,
    weather: Mutex<Weather>,
    random: Mutex<Random>,
    mishaps: AtomicUsize,
    /// Read by each connection for as long as it carries anything.
    carrying: Arc<RwLock<()>>,
    /// Connections to the server are as over a real network.
    narrow: bool,
}

impl Proxy {
    pub(crate) async fn to(server: SocketAddr, seed: u64) -> anyhow::Result<Self> {
        Self::new(false, server, seed).await
    }

    /// As [`Self::to`], where systems keep as little between the server and the proxy as over a real network: loopback's
    /// megabytes would hide from the server for long that nobody reads.
    pub(crate) async fn narrow(server: SocketAddr, seed: u64) -> anyhow::Result<Self> {
        Self::new(true, server, seed).await
    }

    async fn new(narrow: bool, server: SocketAddr, seed: u64) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            server: Mutex::new(server),
            weather: Mutex::new(Weather::Fair),
            random: Mutex::new(Random::new(seed)),
            mishaps: AtomicUsize::new(0),
            carrying: Arc::default(),
            narrow,
        });
        let (flow, flows) = watch::channel(Flow::Goes);
        tokio::spawn(serve(listener, Arc::clone(&shared), flows));
        Ok(Self { address, shared, flow })
    }

    /// Where new connections go from now on.
    pub(crate) fn lead_to(&self, server: SocketAddr) {
        *lock(&self.shared.server) = server;
        self.flow.send_if_modified(|flow| std::mem::replace(flow, Flow::Goes) == Flow::Cut);
    }

    /// Ends every connection: when this is done not one more byte goes through. Nobody is led anywhere until [`Self::lead_to`]
    /// says where.
    pub(crate) async fn cut(&self) {
        self.flow.send_replace(Flow::Cut);
        drop(self.shared.carrying.write().await);
    }

    /// Takes nothing from the server any more, and takes it again.
    pub(crate) fn hold(&self) {
        self.flow.send_replace(Flow::Held);
    }

    pub(crate) fn let_go(&self) {
        self.flow.send_replace(Flow::Goes);
    }

    /// How new connections fare from now on.
    pub(crate) fn set_weather(&self, weather: Weather) {
        *lock(&self.shared.weather) = weather;
    }

    /// How many connections have come to grief.
    pub(crate) fn mishaps(&self) -> usize {
        self.shared.mishaps.load(Ordering::SeqCst)
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>, flow: watch::Receiver<Flow>) {
    loop {
        let mut ended = flow.clone();
        let near = tokio::select! {
            accepted = listener.accept() => accepted,
            () = is_over(&mut ended) => return,
        };
        let Ok((near, _)) = near else { continue };
        let (shared, flow) = (Arc::clone(&shared), flow.clone());
        tokio::spawn(async move {
            let mut cut = flow.clone();
            tokio::select! {
                biased;
                _ = cut.wait_for(|flow| *flow == Flow::Cut) => {}
                // No server: the client's connection is closed at once.
                () = async {
                    let _carrying = shared.carrying.read().await;
                    let Ok(far) = shared.reach().await else { return };
                    carry(near, far, (&shared, flow)).await;
                } => {}
            }
        });
    }
}

/// The proxy has been dropped.
async fn is_over(flow: &mut watch::Receiver<Flow>) {
    while flow.changed().await.is_ok() {}
}

/// One direction: how far it is whole, and how slow it is.
struct Fate {
    whole: u64,
    mishap: Mishap,
    pause: Duration,
    piece: usize,
}

async fn carry(near: TcpStream, far: TcpStream, (shared, mut flow): (&Shared, watch::Receiver<Flow>)) {
    let (up_fate, down_fate) = shared.fates();
    let (mut near_in, mut near_out) = near.into_split();
    let (mut far_in, mut far_out) = far.into_split();
    let (upwards, mishap) = tokio::select! {
        end = pump(&mut near_in, (&mut far_out, None), up_fate) => (true, end),
        end = pump(&mut far_in, (&mut near_out, Some(&mut flow)), down_fate) => (false, end),
    };
    let Some(mishap) = mishap else { return };
    shared.mishaps.fetch_add(1, Ordering::SeqCst);
    match (mishap, upwards) {
        (Mishap::Cut, _) => {}
        (Mishap::HalfClosed, true) => {
            drop(far_out);
            pump(&mut far_in, (&mut near_out, None), Fate::fair()).await;
        }
        (Mishap::HalfClosed, false) => {
            drop(near_out);
            pump(&mut near_in, (&mut far_out, None), Fate::fair()).await;
        }
        (Mishap::Vanished, _) => {
            drop((near_in, near_out));
            // What leads to the server stays open, and nobody reads or writes it.
            std::future::pending::<()>().await;
        }
    }
}

/// Carries one direction, while it is not held, to its end (`None`) or to its mishap.
async fn pump(
    from: &mut OwnedReadHalf,
    (to, mut flow): (&mut OwnedWriteHalf, Option<&mut watch::Receiver<Flow>>),
    fate: Fate,
) -> Option<Mishap> {
    let mut left = fate.whole;
    let mut buffer = vec![0; fate.piece];
    loop {
        if let Some(flow) = &mut flow {
            flow.wait_for(|flow| *flow != Flow::Held).await.ok()?;
        }
        let read = from.read(&mut buffer).await.ok().filter(|read| *read > 0)?;
        if !fate.pause.is_zero() {
            tokio::time::sleep(fate.pause).await;
        }
        let whole = usize::try_from(left).unwrap_or(usize::MAX).min(read);
        to.write_all(buffer.get(..whole)?).await.ok()?;
        left -= u64::try_from(whole).unwrap_or(left);
        if whole < read {
            return Some(fate.mishap);
        }
    }
}

impl Shared {
    async fn reach(&self) -> std::io::Result<TcpStream> {
        let server = *lock(&self.server);
        let socket = TcpSocket::new_v4()?;
        if self.narrow {
            const ETHERNET: u32 = 1460;
            // The server's system allows itself a multiple of this, and of what the proxy is ready to take.
            SockRef::from(&socket).set_tcp_mss(ETHERNET)?;
            socket.set_recv_buffer_size(8 * 1024)?;
        }
        socket.connect(server).await
    }

    fn fates(&self) -> (Fate, Fate) {
        let weather = *lock(&self.weather);
        let mut random = lock(&self.random);
        let Weather::Rough { within } = weather else {
            return (Fate::fair(), Fate::fair());
        };
        let rough = Fate {
            whole: random.below(within),
            mishap: match random.index(3) {
                0 => Mishap::Cut,
                1 => Mishap::HalfClosed,
                _ => Mishap::Vanished,
            },
            pause: Duration::from_millis(if random.index(3) == 0 { random.below(5) } else { 0 }),
            piece: if random.index(4) == 0 { 100 + random.index(400) } else { 16 * 1024 },
        };
        if random.index(2) == 0 { (rough, Fate::fair()) } else { (Fate::fair(), rough) }
    }
}

impl Fate {
    fn fair() -> Self {
        Self { whole: u64::MAX, mishap: Mishap::Cut, pause: Duration::ZERO, piece: 16 * 1024 }
    }
}

fn lock<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

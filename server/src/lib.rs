//! The Sotto server as a library: the binary, the tests and the load tool run the same one.
//!
//! `Server::open` makes everything ready and says where it listens; `Bound::run` serves until it is told to
//! stop. What is inside is described in ARCHITECTURE.md.

mod accept;
mod bus;
mod compat;
mod config;
mod connection;
mod data_dir;
mod devices;
mod door;
mod downloads;
mod error;
mod guard;
mod guesses;
mod handlers;
mod hub;
mod invite;
mod lane;
mod limits;
mod lookalikes;
mod outbox;
mod page;
mod passwords;
mod session;
#[cfg(any(test, feature = "sim"))]
#[doc(hidden)]
pub mod sim;
mod spool;
mod store;
mod throttle;
mod tls;
pub mod upkeep;

use std::fs::{self, File};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::Context;
use sotto_proto::{ConvKind, Link, Pin, Reply, Succession};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::info;

pub use config::{Config, EXAMPLE, LogFormat, LogLevel, RawConfig, Registration};
pub use limits::{Limit, Limits};
pub use passwords::Argon2Cost;
pub use tls::{ALPN, Reload, Reloaded};

use accept::Entrance;
use bus::NoBus;
use devices::Devices;
use door::Door;
use guard::Guard;
use hub::Hub;
use invite::Invite;
use lane::{Lane, LaneWorker};
use lookalikes::Lookalikes;
use passwords::Passwords;
use spool::Spool;
use store::{Conversation, Sqlite, Store, UserId};
use throttle::{Source, Throttle};
use tls::Identity;

/// What every connection shares.
pub(crate) struct Server {
    config: Config,
    store: Arc<dyn Store>,
    hub: Arc<Hub>,
    lane: Lane,
    lobby: Arc<Conversation>,
    spool: Arc<Spool>,
    passwords: Passwords,
    invite: Invite,
    lookalikes: Lookalikes,
    door: Door,
    /// Which identity follows, as everybody is told at log-in.
    succession: RwLock<Option<Succession>>,
    guard: Guard,
    registrations: Throttle<Source>,
    messages: Throttle<UserId>,
    lookups: Throttle<UserId>,
    /// Cancelled once: no new connections, no new requests.
    stopping: CancellationToken,
}

impl Server {
    fn limits(&self) -> &Limits {
        &self.config.limits
    }

    fn succession(&self) -> Option<Succession> {
        self.succession.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A server that is ready and listens, and has not begun to serve.
pub struct Bound {
    server: Arc<Server>,
    identity: Arc<Identity>,
    listener: TcpListener,
    address: SocketAddr,
    /// For the original's programs, in the clear.
    plaintext: Option<TcpListener>,
    lane: JoinHandle<()>,
    /// Released by the system when the process ends, however it does.
    _lock: File,
}

/// Opens the data directory, the store, the identity and the listener.
///
/// # Errors
/// A sentence that names the thing that is wrong and the remedy.
pub async fn open(config: Config) -> anyhow::Result<Bound> {
    let lock = data_dir::lock(&config.data_dir)?;
    if let Some(replaced) = upkeep::finish(&config.data_dir)? {
        tracing::warn!(replaced = %replaced.display(), "a restore that was cut short has been finished");
    }
    let identity = Arc::new(match &config.certificate {
        Some((cert, key)) => Identity::from_files(cert, key)?,
        None => Identity::own(&config.data_dir.join(data_dir::IDENTITY))?,
    });
    let database = config.data_dir.join(data_dir::DATABASE);
    let store = Sqlite::open(&database).with_context(|| {
        format!("cannot use the database {}; is the disk full, or not writable?", database.display())
    })?;
    let listener = accept::listen(config.listen).with_context(|| {
        format!("cannot listen on {}; choose another address or port with --listen", config.listen)
    })?;
    let address = listener.local_addr()?;
    let plaintext = listen_in_the_clear(&config).await?;
    note_link(&config, (address, identity.pin()))?;
    let (server, lane) = assemble(config, Arc::new(store))?;
    let accounts = server.store.accounts().await.context("cannot read the accounts")?;
    server.lookalikes.learn(accounts.iter().map(|account| &account.name));
    Ok(Bound { server, identity, listener, address, plaintext, lane, _lock: lock })
}

/// Writes down where the server is and who, for `sotto-server invite`.
fn note_link(config: &Config, (address, pin): (SocketAddr, Pin)) -> anyhow::Result<()> {
    let link = Link { invite: None, ..link(config, address, pin)? };
    fs::write(config.data_dir.join(data_dir::LINK), format!("{link}\n")).with_context(|| {
        format!("cannot write to the data directory {}; is the disk full?", config.data_dir.display())
    })
}

/// Tells everybody which identity follows, now and whenever that is decided, and writes down which one is there.
async fn proclaim(server: Arc<Server>, (identity, address): (Arc<Identity>, SocketAddr)) {
    loop {
        let succession = identity.succession();
        server.succession.write().unwrap_or_else(PoisonError::into_inner).clone_from(&succession);
        if let Some(succession) = succession {
            server.hub.tell_everyone(&Reply::NextIdentity(succession));
        }
        identity.changed().await;
        if let Err(error) = note_link(&server.config, (address, identity.pin())) {
            tracing::warn!(error = %format!("{error:#}"), "`sotto-server invite` prints an old link");
        }
    }
}

/// The second listener, where it is asked for, with a warning at every start.
async fn listen_in_the_clear(config: &Config) -> anyhow::Result<Option<TcpListener>> {
    let Some(address) = config.plaintext else {
        return Ok(None);
    };
    let listener = accept::listen(address).with_context(|| {
        format!("cannot listen on {address}; choose another address or port with --plaintext-compat")
    })?;
    tracing::warn!(address = %listener.local_addr()?, "passwords and messages travel IN THE CLEAR there");
    Ok(Some(listener))
}

fn assemble(config: Config, store: Arc<dyn Store>) -> anyhow::Result<(Arc<Server>, JoinHandle<()>)> {
    let spool = Spool::open(&config.data_dir, config.limits.free_disk()).with_context(|| {
        format!("cannot make the spool for files in {}; is the disk full?", config.data_dir.display())
    })?;
    assemble_over(config, (store, Arc::new(spool)))
}

fn assemble_over(
    config: Config,
    (store, spool): (Arc<dyn Store>, Arc<Spool>),
) -> anyhow::Result<(Arc<Server>, JoinHandle<()>)> {
    let limits = &config.limits;
    let hub = Hub::new(limits.linger());
    let worker = LaneWorker { store: Arc::clone(&store), hub: Arc::clone(&hub), bus: Box::new(NoBus) };
    let lobby = Conversation { id: store::lobby_id(), kind: ConvKind::Lobby, members: Vec::new() };
    let (lane, lane_task) = Lane::start(worker, limits.lane_messages());
    let server = Server {
        lane,
        spool,
        hub,
        store,
        lobby: Arc::new(lobby),
        passwords: Passwords::new(config.argon2, limits).map_err(anyhow::Error::msg)?,
        invite: Invite::in_dir(&config.data_dir)?,
        lookalikes: Lookalikes::default(),
        door: Door::new(limits),
        succession: RwLock::default(),
        guard: Guard::new(Devices::in_dir(&config.data_dir)?, limits),
        registrations: Throttle::new(limits.registrations_per_source()),
        messages: Throttle::new(limits.messages()),
        lookups: Throttle::new(limits.lookups()),
        stopping: CancellationToken::new(),
        config,
    };
    Ok((Arc::new(server), lane_task))
}

impl Bound {
    /// Where it listens; the port is the real one.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Who it is.
    #[must_use]
    pub fn pin(&self) -> Pin {
        self.identity.pin()
    }

    /// What has it read its certificate again while it runs.
    #[must_use]
    pub fn reload(&self) -> Reload {
        Reload(Arc::clone(&self.identity))
    }

    /// What to give to the people who are to come: address, identity and, where it takes one, an invite.
    ///
    /// # Errors
    /// When the advertised address is not one, or the invite cannot be read.
    pub fn link(&self) -> anyhow::Result<Link> {
        link(&self.server.config, self.address, self.pin())
    }

    /// The one line for standard output.
    ///
    /// # Errors
    /// As [`Self::link`].
    pub fn ready_line(&self) -> anyhow::Result<String> {
        let plaintext = self.plaintext().map(|address| format!(" plaintext={address}")).unwrap_or_default();
        Ok(format!("ready tls={}{plaintext} pin={} link={}", self.address, self.pin(), self.link()?))
    }

    /// Where the original's programs are served in the clear; the port is the real one.
    #[must_use]
    pub fn plaintext(&self) -> Option<SocketAddr> {
        self.plaintext.as_ref().and_then(|listener| listener.local_addr().ok())
    }

    /// Serves until `stop` is done, then finishes what is in flight, says good-bye to everyone and returns.
    ///
    /// # Errors
    /// When TLS cannot be set up, or a defect has ended the lane.
    pub async fn run(self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        let Self { server, identity, listener, address, plaintext, lane, .. } = self;
        let tls = tls::server_config(Arc::clone(&identity))?;
        let tasks = TaskTracker::new();
        let watch = server.limits().certificate_watch();
        let announcing = Arc::clone(&server.hub).announce(server.limits().presence());
        let sweeping = handlers::file::keep_swept(Arc::clone(&server));
        let proclaiming = proclaim(Arc::clone(&server), (Arc::clone(&identity), address));
        let background = [
            tokio::spawn(announcing),
            tokio::spawn(proclaiming),
            tokio::spawn(identity.keep_fresh(watch)),
            tokio::spawn(sweeping),
        ];
        let accepting = accept::accept_loop(listener, Entrance::Tls(tls), Arc::clone(&server), tasks.clone());
        let accepting = tokio::spawn(accepting);
        if let Some(plaintext) = plaintext {
            // It ends when the server stops, as the other one does.
            let door = Entrance::Clear(Door::in_the_clear(server.limits()));
            tokio::spawn(accept::accept_loop(plaintext, door, Arc::clone(&server), tasks.clone()));
        }
        let defect = tokio::select! {
            () = stop => None,
            ended = lane => Some(ended),
        };
        info!(sessions = server.hub.sessions(), "stopping");
        server.stopping.cancel();
        tasks.close();
        if tokio::time::timeout(server.limits().shutdown(), tasks.wait()).await.is_err() {
            tracing::warn!(connections = tasks.len(), "not everyone took the good-bye in time");
        }
        accepting.abort();
        background.iter().for_each(JoinHandle::abort);
        anyhow::ensure!(
            defect.is_none(),
            "the lane has ended; nothing acknowledged is lost, start the server again"
        );
        info!("stopped");
        Ok(())
    }
}

/// The link of the server that runs, or ran last, on a data directory, with the invite in force.
///
/// # Errors
/// When no server has run there yet.
pub fn link_of(config: &Config) -> anyhow::Result<Link> {
    let file = config.data_dir.join(data_dir::LINK);
    let text = fs::read_to_string(&file).with_context(|| {
        format!(
            "no server has run on {} yet; name its data directory with --data-dir",
            config.data_dir.display()
        )
    })?;
    let link: Link = text.trim().parse().with_context(|| format!("{} holds no link", file.display()))?;
    Ok(Link { invite: Some(Invite::in_dir(&config.data_dir)?.code()?), ..link })
}

/// Makes a new invite code; the old one is good for nothing from now on, also on a running server.
///
/// # Errors
/// When the data directory cannot be written.
pub fn replace_invite(config: &Config) -> anyhow::Result<()> {
    Invite::replace(&config.data_dir)
}

fn link(config: &Config, listening: SocketAddr, pin: Pin) -> anyhow::Result<Link> {
    let invite = match config.registration {
        Registration::Invite => Some(Invite::in_dir(&config.data_dir)?.code()?),
        Registration::Open | Registration::Closed => None,
    };
    let (host, port) = match &config.advertise {
        Some(named) => {
            let advertised: Link = named.parse().context("advertise is not HOST or HOST:PORT")?;
            let port = if named.ends_with(&format!(":{}", advertised.port)) {
                advertised.port
            } else {
                listening.port()
            };
            (advertised.host, port)
        }
        None => (reachable(listening.ip()).to_string(), listening.port()),
    };
    Ok(Link { host, port, pin: Some(pin), invite })
}

/// The address that others reach this machine at, when it listens on all of them.
fn reachable(listening: IpAddr) -> IpAddr {
    if !listening.is_unspecified() {
        return listening;
    }
    // Connecting a UDP socket sends nothing: it asks the system which of its addresses it would use. The
    // destination is reserved for documentation and never reached.
    let asked = UdpSocket::bind("0.0.0.0:0").and_then(|socket| {
        socket.connect("192.0.2.1:9")?;
        socket.local_addr()
    });
    asked.map_or(IpAddr::from([127, 0, 0, 1]), |address| address.ip())
}

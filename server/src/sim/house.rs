//! The server's life: it opens, lets people in, dies at any effect, stops in good order, and comes back with what was committed, or
//! with a backup.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use sotto_proto::Epoch;
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::disk::{Disk, Lie, Mood, Power};
use super::wire::{End, Mishap, Weather, Wire};
use super::world::{PanicWatch, World, lock};
use crate::config::RawConfig;
use crate::devices::Devices;
use crate::invite::Invite;
use crate::passwords::Passwords;
use crate::spool::Spool;
use crate::store::PasswordHash;
use crate::store::memory::{Memory, Shelf, Tables, look};
use crate::throttle::Source;
use crate::{Argon2Cost, Config, Limits, Server, assemble_over, connection};

/// The password of everybody.
pub const PASSWORD: &str = "correct horse battery";

/// Where a server is, or is not just now.
pub(super) struct House {
    world: Arc<World>,
    config: Config,
    pub(super) shelf: Shelf,
    pub(super) mood: Arc<Mutex<Mood>>,
    weather: Mutex<Weather>,
    lie: Option<Lie>,
    inside: Mutex<Option<Running>>,
    /// The power has gone.
    pub(super) blown: Arc<Notify>,
    wires: AtomicU64,
}

/// A server that runs.
struct Running {
    server: Arc<Server>,
    power: Arc<Power>,
    tasks: Vec<AbortHandle>,
    wires: Vec<Arc<Wire>>,
}

impl House {
    pub(super) fn new(world: &Arc<World>, limits: Limits, lie: Option<Lie>) -> Arc<Self> {
        Self::furnished(world, Config { limits, ..standing().clone() }, lie)
    }

    pub(super) fn furnished(world: &Arc<World>, config: Config, lie: Option<Lie>) -> Arc<Self> {
        let (shelf, fair) = (
            Tables::new(Epoch::new(world.below(u64::MAX))),
            Weather { slowest: 0, mishap_within: 0, window: 4096 },
        );
        Arc::new(Self {
            world: Arc::clone(world),
            config,
            shelf: Arc::new(Mutex::new(shelf)),
            mood: Arc::default(),
            weather: Mutex::new(fair),
            lie,
            inside: Mutex::default(),
            blown: Arc::default(),
            wires: AtomicU64::new(0),
        })
    }

    pub(super) fn set_weather(&self, weather: Weather) {
        self.world.note("weather", || format!("{weather:?}"));
        *lock(&self.weather) = weather;
    }

    pub(super) fn set_mood(&self, mood: Mood) {
        self.world.note("disk", || format!("{mood:?}"));
        *lock(&self.mood) = mood;
    }

    /// The server that runs.
    pub(super) fn server(&self) -> Option<Arc<Server>> {
        lock(&self.inside).as_ref().map(|running| Arc::clone(&running.server))
    }

    pub(super) fn is_open(&self) -> bool {
        lock(&self.inside).is_some()
    }

    /// A server starts on what is on the shelf.
    pub(super) fn open(&self) {
        self.world.note("server", || format!("starts, epoch {}", look(&self.shelf).epoch));
        let power = Power::new(Arc::clone(&self.blown));
        let disk = Disk::new((Arc::clone(&self.world), Arc::clone(&power)), Arc::clone(&self.mood));
        let store = Memory::new(Arc::clone(&self.shelf), Arc::new(disk.lying(self.lie)));
        let spool = Arc::clone(&shared().spool);
        let (server, lane) = assemble_over(self.config.clone(), (Arc::new(store), spool)).unwrap();
        let announcing = tokio::spawn(Arc::clone(&server.hub).announce(server.limits().presence()));
        let tasks = vec![lane.abort_handle(), announcing.abort_handle()];
        *lock(&self.inside) = Some(Running { server, power, tasks, wires: Vec::new() });
    }

    /// Somebody's end of a new connection; `None`: nothing listens.
    pub(super) fn connect(&self, who: &str) -> Option<End> {
        let mut inside = lock(&self.inside);
        let Running { server, power, tasks, wires } = inside.as_mut()?;
        if server.stopping.is_cancelled() {
            return None;
        }
        let number = self.wires.fetch_add(1, Ordering::Relaxed);
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        let admission = server.door.admit(peer).ok()?;
        let around = (Arc::clone(&self.world), Arc::clone(power));
        let (wire, near, far) = Wire::lay(number, around, *lock(&self.weather));
        self.world.note(who, || format!("connects on wire {number}"));
        let (world, server) = (Arc::clone(&self.world), Arc::clone(server));
        let serving = tokio::spawn(async move {
            let _watch = PanicWatch(Arc::clone(&world));
            let end = connection::serve(far, server, admission).await;
            world.note("server", || format!("wire {number}: {end}"));
        });
        tasks.push(serving.abort_handle());
        wires.push(wire);
        Some(near)
    }

    /// The power goes off at the so-manyth effect from now.
    pub(super) fn set_fuse(&self, effects: u64) {
        self.world.note("server", || format!("will die after {effects} effects"));
        if let Some(Running { power, .. }) = &*lock(&self.inside) {
            power.set_fuse(effects);
        }
    }

    /// It is dead: what is left of it is taken away. Its wires are cut, or nobody learns of it.
    pub(super) fn clear(&self) {
        let Some(Running { power, tasks, wires, .. }) = lock(&self.inside).take() else { return };
        self.world.note("server", || "is dead".to_owned());
        power.cut();
        for wire in wires {
            wire.suffer(self.world.one_of([Mishap::Cut, Mishap::Cut, Mishap::Silence]));
        }
        tasks.iter().for_each(AbortHandle::abort);
    }

    /// It is told to stop, and says good-bye for as long as it may.
    pub(super) async fn stop(&self) {
        let Some((server, wait)) =
            lock(&self.inside).as_ref().map(|it| (Arc::clone(&it.server), it.server.limits().shutdown()))
        else {
            return;
        };
        self.world.note("server", || "stops".to_owned());
        server.stopping.cancel();
        tokio::time::sleep(wait).await;
        self.clear();
    }

    /// One of the connections there are comes to grief.
    pub(super) fn hurt_a_wire(&self, mishap: Mishap) {
        if let Some(Running { wires, .. }) = &*lock(&self.inside)
            && !wires.is_empty()
        {
            // The younger ones are more likely still in use.
            let back = self.world.index(wires.len().min(4));
            wires[wires.len() - 1 - back].suffer(mishap);
        }
    }

    /// What was committed is gone, and a backup is there. Only while nobody runs on it.
    pub(super) fn restore(&self, mut backup: Tables) {
        assert!(!self.is_open());
        backup.epoch = Epoch::new(self.world.below(u64::MAX));
        self.world.note("server", || format!("a backup is put back: epoch {}", backup.epoch));
        *look(&self.shelf) = backup;
    }
}

/// What is made once and is the same in every schedule.
struct Shared {
    config: Config,
    spool: Arc<Spool>,
    hash: PasswordHash,
    _dir: TempDir,
}

fn shared() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let raw = RawConfig { data_dir: Some(dir.path().to_owned()), ..RawConfig::default() };
        let config = Config { argon2: Argon2Cost::trifling(), ..raw.decide(None).unwrap() };
        let spool = Arc::new(Spool::open(dir.path(), 0).unwrap());
        // Made here, so that tests beside one another do not make them at the same time.
        Invite::in_dir(dir.path()).unwrap();
        Devices::in_dir(dir.path()).unwrap();
        let passwords = Passwords::new(config.argon2, &config.limits).unwrap();
        let password = sotto_proto::Password::new(PASSWORD).unwrap();
        // In this crate's tests it is done when it is asked for.
        let hashing = passwords.hash(&password, Source::V4(0));
        // In a thread of its own: whoever is the first to ask may be in a runtime.
        let hash = move || tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(hashing);
        let hash = std::thread::scope(|scope| scope.spawn(hash).join().unwrap());
        Shared { config, spool, hash: hash.unwrap(), _dir: dir }
    })
}

/// The stored hash of [`PASSWORD`].
pub(super) fn password_hash() -> PasswordHash {
    shared().hash.clone()
}

/// How a server is set up when nothing else is said.
pub(super) fn standing() -> &'static Config {
    &shared().config
}

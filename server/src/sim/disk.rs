//! What is under the store: it takes its time, fails before or after a commit, and goes dark with the machine it is in. Also the
//! machine's power: a server acts on the world only by writing to a wire or to the disk, so these are the moments at which it can die.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use super::world::{Detail, World, lock};
use crate::store::StoreError;

/// One server's power. Once off, nothing it does has any effect.
#[derive(Debug, Default)]
pub(super) struct Power {
    off: AtomicBool,
    /// Effects until it goes off by itself; 0: it does not.
    fuse: AtomicU64,
    pub(super) blown: Arc<Notify>,
}

impl Power {
    pub(super) fn new(blown: Arc<Notify>) -> Arc<Self> {
        Arc::new(Self { blown, ..Self::default() })
    }

    /// It goes off at the so-manyth effect from now.
    pub(super) fn set_fuse(&self, effects: u64) {
        self.fuse.store(effects, Ordering::Relaxed);
    }

    pub(super) fn cut(&self) {
        self.off.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_on(&self) -> bool {
        !self.off.load(Ordering::Relaxed)
    }

    /// An effect is about to happen. False: it does not.
    pub(super) fn spend(&self) -> bool {
        let left = self.fuse.load(Ordering::Relaxed);
        if left > 0 {
            self.fuse.store(left - 1, Ordering::Relaxed);
            if left == 1 {
                self.cut();
                self.blown.notify_one();
            }
        }
        self.is_on()
    }
}

/// How a disk fares.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mood {
    /// The longest way to it and back, each, in milliseconds.
    pub(super) slowest: u64,
    /// One write in so many fails, as likely before it is committed as after; 0: none.
    pub(super) bad_writes: u64,
    /// One read in so many fails; 0: none.
    pub(super) bad_reads: u64,
}

/// What no store may do: for showing that it would be found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Lie {
    /// Says that a message is stored, and does not store it.
    Forgets,
    /// Stores a message again that it has.
    StoresTwice,
    /// Says that a message is where another one is.
    GivesAPlaceTwice,
}

/// A disk as one server sees it.
pub(crate) struct Disk {
    world: Arc<World>,
    power: Arc<Power>,
    mood: Arc<Mutex<Mood>>,
    lie: Option<Lie>,
}

impl Disk {
    pub(super) fn new((world, power): (Arc<World>, Arc<Power>), mood: Arc<Mutex<Mood>>) -> Self {
        Self { world, power, mood, lie: None }
    }

    pub(super) fn lying(self, lie: Option<Lie>) -> Self {
        Self { lie, ..self }
    }

    /// One that does what it is asked at once.
    pub(crate) fn sound() -> Arc<Self> {
        let world = World::new(0, Detail::Nothing);
        Arc::new(Self::new((world, Arc::default()), Arc::default()))
    }

    /// The lie for this write, if there is to be one.
    pub(crate) fn lie(&self) -> Option<Lie> {
        self.lie.filter(|_| self.world.once_in(4))
    }

    pub(crate) async fn before_write(&self) -> Result<(), StoreError> {
        let bad = self.mood().bad_writes.saturating_mul(2);
        self.pass(bad, "a write fails").await
    }

    pub(crate) async fn after_write(&self) -> Result<(), StoreError> {
        let bad = self.mood().bad_writes.saturating_mul(2);
        self.pass(bad, "a write is committed, and fails").await
    }

    pub(crate) async fn before_read(&self) -> Result<(), StoreError> {
        let bad = self.mood().bad_reads;
        self.pass(bad, "a read fails").await
    }

    pub(crate) async fn after_read(&self) -> Result<(), StoreError> {
        self.pass(0, "").await
    }

    fn mood(&self) -> Mood {
        *lock(&self.mood)
    }

    async fn pass(&self, bad: u64, how: &str) -> Result<(), StoreError> {
        self.world.dawdle(self.mood().slowest).await;
        if self.world.goes_in_circles() || !self.power.spend() {
            return Err(StoreError::Closed);
        }
        if self.world.once_in(bad) {
            self.world.note("disk", || how.to_owned());
            return Err(StoreError::Corrupt("what a seed put there"));
        }
        Ok(())
    }
}

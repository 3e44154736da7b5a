//! The door: how many may come in, and from where.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits::Limits;
use crate::throttle::Source;

/// Counts who is in.
pub(crate) struct Door {
    connections: Arc<Semaphore>,
    counts: Arc<Mutex<Counts>>,
    strangers: usize,
    per_source: usize,
    strangers_per_source: usize,
    pub(crate) in_the_clear: bool,
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

//! Where passwords come from that are looked at just now. Each of them may be wrong and counts as that; whoever comes beyond what may be
//! wrong there waits until it is known of the others. A class that comes through one address at eight o'clock gets in, one after the other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;
use tokio::time::Instant;

use crate::throttle::{Source, Throttle};

pub(super) struct Sources {
    wrong: Throttle<Source>,
    /// No more than there are connections: each has one password looked at.
    looked_at: Arc<Mutex<HashMap<Source, LookedAt>>>,
}

#[derive(Default)]
struct LookedAt {
    passwords: usize,
    known: Arc<Notify>,
}

/// A password that is looked at, until this is dropped.
pub(super) struct Look {
    pub(super) from: Source,
    looked_at: Arc<Mutex<HashMap<Source, LookedAt>>>,
}

/// Why a password is not looked at.
pub(super) enum Not {
    /// As many as may be wrong are looked at; this waits until it is known of one.
    Yet(OwnedNotified),
    /// As many as may be wrong were; so long until one more.
    For(Duration),
}

impl Sources {
    pub(super) fn new(rate: Option<(u64, Duration)>) -> Self {
        Self { wrong: Throttle::new(rate), looked_at: Arc::default() }
    }

    pub(super) fn take(&self, from: Source, now: Instant) -> Result<Look, Not> {
        let mut looked_at = lock(&self.looked_at);
        match (self.wrong.take(from, now), looked_at.get(&from)) {
            (Err(_), Some(others)) => return Err(Not::Yet(Arc::clone(&others.known).notified_owned())),
            (Err(wait), None) => return Err(Not::For(wait)),
            (Ok(()), _) => looked_at.entry(from).or_default().passwords += 1,
        }
        drop(looked_at);
        Ok(Look { from, looked_at: Arc::clone(&self.looked_at) })
    }

    /// It was not wrong, or could not be looked at.
    pub(super) fn give_back(&self, look: &Look) {
        self.wrong.give_back(look.from);
    }
}

impl Drop for Look {
    fn drop(&mut self) {
        let mut looked_at = lock(&self.looked_at);
        let Some(there) = looked_at.get_mut(&self.from) else { return };
        there.passwords -= 1;
        there.known.notify_waiters();
        if there.passwords == 0 {
            looked_at.remove(&self.from);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! What everything in one schedule shares: its chance, its clock, its trace, and what was found wrong on the spot.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sotto_judge::Random;
use tokio::time::Instant;

/// No schedule that gets anywhere asks its disk for more.
const MOST_ASKED: u64 = 1_000_000;

/// What is kept of what happens.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Detail {
    /// Nothing: thousands of schedules are to be fast.
    Nothing,
    /// All of it, as lines.
    Lines,
}

/// One schedule's world.
pub(super) struct World {
    began: Instant,
    detail: Detail,
    random: Mutex<Random>,
    trace: Mutex<String>,
    wrong: Mutex<Vec<String>>,
    asked: AtomicU64,
}

impl World {
    pub(super) fn new(seed: u64, detail: Detail) -> Arc<Self> {
        Arc::new(Self {
            began: Instant::now(),
            detail,
            random: Mutex::new(Random::new(seed)),
            trace: Mutex::default(),
            wrong: Mutex::default(),
            asked: AtomicU64::new(0),
        })
    }

    /// From 0 up to, and without, this.
    pub(super) fn below(&self, end: u64) -> u64 {
        lock(&self.random).below(end)
    }

    /// As [`Self::below`], for places in a slice.
    pub(super) fn index(&self, end: usize) -> usize {
        lock(&self.random).index(end)
    }

    /// One of these.
    pub(super) fn one_of<T: Copy, const N: usize>(&self, choices: [T; N]) -> T {
        choices[self.index(N)]
    }

    /// True once in so many times; with 0 never.
    pub(super) fn once_in(&self, times: u64) -> bool {
        times > 0 && self.below(times) == 0
    }

    /// Up to so many milliseconds.
    pub(super) fn millis(&self, most: u64) -> Duration {
        Duration::from_millis(if most == 0 { 0 } else { self.below(most + 1) })
    }

    /// Waits up to so many milliseconds; with 0 goes on at once.
    pub(super) async fn dawdle(&self, most: u64) {
        let wait = self.millis(most);
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    /// Adds a line to the trace.
    pub(super) fn note(&self, who: &str, what: impl FnOnce() -> String) {
        if self.detail == Detail::Lines {
            let since = self.began.elapsed();
            let _ = writeln!(lock(&self.trace), "{:>10.3} {who:<12} {}", since.as_secs_f64(), what());
        }
    }

    /// Something has happened that never may.
    pub(super) fn wrong(&self, finding: String) {
        self.note("WRONG", || finding.clone());
        lock(&self.wrong).push(finding);
    }

    /// Whoever asks the disk again and again in no time at all would never let the schedule come to its end.
    pub(super) fn goes_in_circles(&self) -> bool {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        if asked == MOST_ASKED {
            self.wrong("something asks the disk for ever".to_owned());
        }
        asked >= MOST_ASKED
    }

    pub(super) fn findings(&self) -> Vec<String> {
        lock(&self.wrong).clone()
    }

    pub(super) fn trace(&self) -> String {
        lock(&self.trace).clone()
    }
}

/// A panic ends one task only; here it is a finding.
pub(super) struct PanicWatch(pub(super) Arc<World>);

impl Drop for PanicWatch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.wrong("something has panicked".to_owned());
        }
    }
}

/// Nobody waits while holding one.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

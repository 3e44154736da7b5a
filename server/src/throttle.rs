//! Rates by key: how long until somebody may do a thing again. Bounded in memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The most keys that one throttle remembers. Beyond it, those that would be let through anyway are
/// forgotten; if there are none, a new key is let through: shutting everybody out would be the worse harm.
const MAX_KEYS: usize = 65_536;
/// How often that is tried: looking through all keys for each new one would be an attack's lever.
const FORGET_EVERY: Duration = Duration::from_secs(1);

/// The generic cell rate algorithm: `burst` at once, then one per `interval`.
#[derive(Debug)]
pub(crate) struct Throttle<K> {
    /// `None`: no limit.
    rate: Option<(u64, Duration)>,
    buckets: Mutex<Buckets<K>>,
}

#[derive(Debug)]
struct Buckets<K> {
    /// When the bucket of each key will be empty again.
    empty_at: HashMap<K, Instant>,
    forgotten_at: Option<Instant>,
}

impl<K: Eq + Hash + Copy> Throttle<K> {
    pub(crate) fn new(rate: Option<(u64, Duration)>) -> Self {
        Self { rate, buckets: Mutex::new(Buckets { empty_at: HashMap::new(), forgotten_at: None }) }
    }

    /// Takes one, or says how long to wait for it.
    pub(crate) fn take(&self, key: K, now: Instant) -> Result<(), Duration> {
        let Some((burst, interval)) = self.rate else {
            return Ok(());
        };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let empty_at = buckets.empty_at.get(&key).copied().unwrap_or(now).max(now);
        let full = interval.saturating_mul(u32::try_from(burst).unwrap_or(u32::MAX));
        let after = empty_at + interval;
        if after > now + full {
            return Err(after - (now + full));
        }
        buckets.put(key, after, now);
        Ok(())
    }

    /// Takes one, and waits for it if need be: whoever asks faster than the rate is read more slowly, and nothing is dropped.
    pub(crate) async fn pace(&self, key: K) {
        while let Err(wait) = self.take(key, Instant::now()) {
            tokio::time::sleep(wait).await;
        }
    }

    /// Gives one back: what it was taken for turned out not to count.
    pub(crate) fn give_back(&self, key: K) {
        let Some((_, interval)) = self.rate else { return };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(empty_at) = buckets.empty_at.get_mut(&key) {
            *empty_at = empty_at.checked_sub(interval).unwrap_or(*empty_at);
        }
    }
}

impl<K: Eq + Hash + Copy> Buckets<K> {
    fn put(&mut self, key: K, empty_at: Instant, now: Instant) {
        let full = self.empty_at.len() >= MAX_KEYS && !self.empty_at.contains_key(&key);
        if full && self.forgotten_at.is_none_or(|last| now >= last + FORGET_EVERY) {
            self.empty_at.retain(|_, empty_at| *empty_at > now);
            self.forgotten_at = Some(now);
        } else if full {
            return;
        }
        if self.empty_at.len() < MAX_KEYS || self.empty_at.contains_key(&key) {
            self.empty_at.insert(key, empty_at);
        }
    }
}

/// Where a connection comes from, as far as limits go: an IPv4 address or an IPv6 /64, which is what one
/// household or host has.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Source {
    V4(u32),
    V6(u64),
}

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self::V4(v4.to_bits()),
            IpAddr::V6(v6) => Self::V6(u64::try_from(v6.to_bits() >> 64).unwrap_or(u64::MAX)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_burst_passes_and_then_one_an_interval() {
        let throttle = Throttle::new(Some((3, SECOND)));
        let now = Instant::now();
        assert_eq!([(); 3].map(|()| throttle.take("ann", now)), [Ok(()); 3]);
        assert_eq!(throttle.take("ann", now), Err(SECOND));
        assert_eq!(throttle.take("bob", now), Ok(()));
        assert_eq!(throttle.take("ann", now + SECOND), Ok(()));
        assert_eq!(throttle.take("ann", now + SECOND), Err(SECOND));
    }

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let throttle = Throttle::new(Some((1, SECOND)));
        let now = Instant::now();
        assert_eq!(throttle.take("ann", now), Ok(()));
        throttle.give_back("ann");
        assert_eq!(throttle.take("ann", now), Ok(()));
        assert_eq!(throttle.take("ann", now), Err(SECOND));
    }

    #[test]
    fn memory_is_bounded_and_a_new_source_is_never_shut_out_by_others() {
        let throttle = Throttle::new(Some((1, SECOND)));
        let now = Instant::now();
        for key in 0..2 * MAX_KEYS {
            assert_eq!(throttle.take(key, now), Ok(()));
        }
        assert!(throttle.buckets.lock().unwrap().empty_at.len() <= MAX_KEYS);
        // A moment later the old ones are forgotten, and new ones are counted again.
        let later = now + 2 * SECOND;
        assert_eq!([(); 2].map(|()| throttle.take(usize::MAX, later)), [Ok(()), Err(SECOND)]);
    }

    #[test]
    fn addresses_of_one_network_are_one_source() {
        let source = |text: &str| Source::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(source("2001:db8::1"), source("2001:db8::ffff"));
        assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
        assert_eq!(source("::ffff:10.0.0.1"), source("10.0.0.1"));
        assert_ne!(source("10.0.0.1"), source("10.0.0.2"));
    }
}

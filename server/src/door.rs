//! The door: how many may come in, and from where. Those who have not logged in are many when somebody means harm, so they share
//! their places fairly: when all are taken, a newcomer gets that of the oldest from wherever most have come from. Where people have
//! logged in before, a few do not count: who comes from there gets in however many others come, each from somewhere else.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::limits::Limits;
use crate::throttle::Source;

/// The most sources that are remembered because somebody has logged in from there; then those are forgotten where that is longest ago.
const REGULARS: usize = 4096;
/// How many strangers from one of them do not count. A few places are not worth an account to somebody who means harm: filling all
/// of them that way takes an account and dozens of addresses.
const ALLOWANCE: usize = 16;

/// Counts who is in.
pub(crate) struct Door {
    connections: Arc<Semaphore>,
    counts: Arc<Mutex<Counts>>,
    strangers: usize,
    per_source: usize,
    strangers_per_source: usize,
    turned_away: Arc<Semaphore>,
    pub(crate) in_the_clear: bool,
}

#[derive(Default)]
struct Counts {
    /// In the order in which they came.
    strangers: BTreeMap<u64, Stranger>,
    sources: HashMap<Source, SourceCounts>,
    /// Where somebody has logged in, and when, by the number of the latest connection then.
    regulars: HashMap<Source, u64>,
    last: u64,
}

/// A connection on which nobody has logged in.
struct Stranger {
    source: Source,
    sent_away: CancellationToken,
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
    /// Somebody else gets this place. Not once somebody has logged in.
    pub(crate) sent_away: CancellationToken,
    number: u64,
    counts: Arc<Mutex<Counts>>,
    _permit: OwnedSemaphorePermit,
}

/// What somebody gets for whom there is no place.
pub(crate) enum Full {
    /// A word on it, for as long as this is held.
    Told(OwnedSemaphorePermit),
    /// Nothing: there are too many of them.
    Unanswered,
}

impl Door {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            connections: Arc::new(Semaphore::new(limits.connections())),
            counts: Arc::default(),
            strangers: limits.strangers(),
            per_source: limits.connections_per_source(),
            strangers_per_source: limits.strangers_per_source(),
            turned_away: Arc::new(Semaphore::new(limits.turned_away())),
            in_the_clear: false,
        }
    }

    /// A door for the original's programs: fewer may come in, and all from one machine. They know no word for "full".
    pub(crate) fn in_the_clear(limits: &Limits) -> Self {
        let most = limits.plaintext_connections();
        Self {
            connections: Arc::new(Semaphore::new(most)),
            counts: Arc::default(),
            strangers: most,
            per_source: most,
            strangers_per_source: most,
            turned_away: Arc::new(Semaphore::new(0)),
            in_the_clear: true,
        }
    }

    /// How many are in.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn inside(&self) -> usize {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.sources.values().map(|there| there.connections).sum()
    }

    pub(crate) fn admit(&self, peer: SocketAddr) -> Result<Admission, Full> {
        let full = || Arc::clone(&self.turned_away).try_acquire_owned().map_or(Full::Unanswered, Full::Told);
        let permit = Arc::clone(&self.connections).try_acquire_owned().map_err(|_| full())?;
        let source = Source::from(peer.ip());
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let from_there = counts.sources.get(&source).copied().unwrap_or_default();
        let too_many =
            from_there.connections >= self.per_source || from_there.strangers >= self.strangers_per_source;
        if too_many || (counts.strangers.len() >= self.strangers && !counts.make_room(source)) {
            return Err(full());
        }
        let sent_away = CancellationToken::new();
        let number = counts.enter(Stranger { source, sent_away: sent_away.clone() });
        let (counts, in_the_clear) = (Arc::clone(&self.counts), self.in_the_clear);
        Ok(Admission {
            peer,
            source,
            in_the_clear,
            original: false,
            sent_away,
            number,
            counts,
            _permit: permit,
        })
    }
}

impl Counts {
    fn enter(&mut self, stranger: Stranger) -> u64 {
        self.last += 1;
        let from_there = self.sources.entry(stranger.source).or_default();
        from_there.connections += 1;
        from_there.strangers += 1;
        self.strangers.insert(self.last, stranger);
        self.last
    }

    /// Sends a stranger away for a newcomer: the oldest from where there are most. False: there are nowhere more. It looks at each of
    /// them, and there are never more than the limit.
    fn make_room(&mut self, newcomer: Source) -> bool {
        let by_weight =
            self.strangers.iter().map(|(n, stranger)| (self.weight(stranger.source), Reverse(*n)));
        let Some((heaviest, Reverse(oldest))) = by_weight.max() else { return false };
        if heaviest <= self.weight(newcomer) {
            return false;
        }
        self.forget_stranger(oldest).is_some_and(|stranger| {
            stranger.sent_away.cancel();
            true
        })
    }

    /// How many strangers there are from there that count, then how many there are.
    fn weight(&self, source: Source) -> (usize, usize) {
        let there = self.sources.get(&source).map_or(0, |there| there.strangers);
        let allowance = if self.regulars.contains_key(&source) { ALLOWANCE } else { 0 };
        (there.saturating_sub(allowance), there)
    }

    fn remember(&mut self, source: Source) {
        let full = self.regulars.len() >= REGULARS && !self.regulars.contains_key(&source);
        if full && let Some((&longest_ago, _)) = self.regulars.iter().min_by_key(|(_, when)| **when) {
            self.regulars.remove(&longest_ago);
        }
        self.regulars.insert(source, self.last);
    }

    fn forget_stranger(&mut self, number: u64) -> Option<Stranger> {
        let stranger = self.strangers.remove(&number)?;
        if let Some(from_there) = self.sources.get_mut(&stranger.source) {
            from_there.strangers -= 1;
        }
        Some(stranger)
    }
}

impl Admission {
    /// Somebody has logged in here: no stranger any more.
    pub(crate) fn known(&self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.forget_stranger(self.number);
        counts.remember(self.source);
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.forget_stranger(self.number);
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

    fn comes(door: &Door, host: u8) -> Option<Admission> {
        door.admit(peer(host)).ok()
    }

    #[test]
    fn one_source_cannot_fill_the_house() {
        let door = door(&["strangers-per-source=2"]);
        let guests: Vec<_> = (0..2).map(|_| comes(&door, 1).unwrap()).collect();
        assert!(comes(&door, 1).is_none());
        assert!(comes(&door, 2).is_some());
        guests[0].known();
        assert!(comes(&door, 1).is_some());
    }

    #[test]
    fn who_comes_alone_gets_the_place_of_the_oldest_of_many() {
        let door = door(&["strangers=4"]);
        let guests: Vec<_> = [1, 2, 2, 2].map(|host| comes(&door, host).unwrap()).into_iter().collect();
        let alone = comes(&door, 3).unwrap();
        let sent_away = || guests.iter().map(|guest| guest.sent_away.is_cancelled()).collect::<Vec<_>>();
        assert_eq!(sent_away(), [false, true, false, false]);
        assert!(!alone.sent_away.is_cancelled());
        let _second = comes(&door, 3).unwrap();
        assert_eq!(sent_away(), [false, true, true, false]);
        assert!(comes(&door, 3).is_none(), "nowhere are more than there");
    }

    #[test]
    fn where_somebody_has_logged_in_before_there_is_a_place_for_the_next() {
        let door = door(&["strangers=4"]);
        comes(&door, 1).unwrap().known();
        let _crowd: Vec<_> = (2..=5).map(|host| comes(&door, host).unwrap()).collect();
        let honest = [(); 2].map(|()| comes(&door, 1).unwrap());
        let _more: Vec<_> = (6..=20).map(|host| comes(&door, host)).collect();
        assert!(honest.iter().all(|honest| !honest.sent_away.is_cancelled()));
    }

    #[test]
    fn a_newcomer_gets_in_where_all_have_logged_in_before() {
        let door = door(&["strangers=4"]);
        comes(&door, 1).unwrap().known();
        let regular = [(); 4].map(|()| comes(&door, 1).unwrap());
        assert!(comes(&door, 2).is_some());
        assert!(regular[0].sent_away.is_cancelled());
    }

    #[test]
    fn only_so_many_sources_are_remembered() {
        let door = Door::new(&Limits::default());
        let hosts = u32::try_from(REGULARS).unwrap() + 1;
        for host in 0..hosts {
            let peer = SocketAddr::from((std::net::Ipv4Addr::from_bits(host), 1));
            door.admit(peer).ok().unwrap().known();
        }
        let counts = door.counts.lock().unwrap();
        assert_eq!(counts.regulars.len(), REGULARS);
        assert!(!counts.regulars.contains_key(&Source::V4(0)));
    }

    #[test]
    fn a_member_is_never_sent_away_for_a_stranger() {
        let door = door(&["strangers=1"]);
        let member = comes(&door, 1).unwrap();
        member.known();
        let stranger = comes(&door, 1).unwrap();
        let _other = comes(&door, 2).unwrap();
        assert!(stranger.sent_away.is_cancelled() && !member.sent_away.is_cancelled());
    }

    #[test]
    fn so_many_are_told_that_it_is_full_and_no_more() {
        let door = door(&["connections=1", "turned-away=1"]);
        let _guest = comes(&door, 1).unwrap();
        let Err(told @ Full::Told(_)) = door.admit(peer(2)) else { panic!("not told") };
        assert!(matches!(door.admit(peer(2)), Err(Full::Unanswered)));
        drop(told);
        assert!(matches!(door.admit(peer(2)), Err(Full::Told(_))));
    }

    #[test]
    fn who_leaves_makes_room_and_leaves_nothing_behind() {
        let door = door(&["connections=1"]);
        let guest = comes(&door, 1).unwrap();
        assert!(comes(&door, 2).is_none());
        drop(guest);
        assert!(comes(&door, 2).is_some());
        let counts = door.counts.lock().unwrap();
        assert!(counts.sources.is_empty() && counts.strangers.is_empty());
    }
}

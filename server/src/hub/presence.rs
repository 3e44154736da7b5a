//! Telling everyone who came and who left: gathered for a moment, so that thirty people logging in at once
//! cost one frame each and not thirty.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sotto_proto::{Reply, Username};
use tokio::time::Instant;

use super::{Entry, Hub, Place, Roster};
use crate::store::UserId;

/// The most names in one frame: 32 characters of 4 bytes each, and CRLF, stay well under 64 KiB.
const NAMES_PER_FRAME: usize = 400;
/// How long nothing is announced after an announcement, by the time for which news is gathered: whoever comes alone is announced at
/// once, and a school that comes costs everybody fewer than two frames a second.
const REST: u32 = 5;

/// What has not been announced yet.
#[derive(Default)]
pub(super) struct Announcements {
    joined: BTreeMap<UserId, Username>,
    left: BTreeMap<UserId, Username>,
    /// Who lost their connection, in the order in which that will be announced.
    lingering: VecDeque<(Instant, UserId)>,
}

impl Announcements {
    /// Somebody is here who was not. Leaving and coming back between two announcements is no news.
    pub(super) fn join(&mut self, user: UserId, name: Username) {
        if self.left.remove(&user).is_none() {
            self.joined.insert(user, name);
        }
    }

    pub(super) fn leave(&mut self, user: UserId, name: Username) {
        if self.joined.remove(&user).is_none() {
            self.left.insert(user, name);
        }
    }

    pub(super) fn linger(&mut self, user: UserId, until: Instant) {
        self.lingering.push_back((until, user));
    }
}

impl Hub {
    /// Announces, for ever.
    pub(crate) async fn announce(self: Arc<Self>, gather: Duration) {
        loop {
            match self.next_farewell() {
                Some(due) => tokio::select! {
                    // What follows is the same.
                    biased;
                    () = self.news.notified() => {}
                    () = tokio::time::sleep_until(due) => {}
                },
                None => self.news.notified().await,
            }
            tokio::time::sleep(gather).await;
            self.announce_now(Instant::now());
            tokio::time::sleep(gather * REST).await;
        }
    }

    fn next_farewell(&self) -> Option<Instant> {
        self.roster().announcements.lingering.front().map(|(due, _)| *due)
    }

    fn announce_now(&self, now: Instant) {
        let (joined, left, clear) = {
            let mut roster = self.roster();
            roster.let_go(now);
            let clear = roster.clear_news();
            let announcements = &mut roster.announcements;
            (std::mem::take(&mut announcements.joined), std::mem::take(&mut announcements.left), clear)
        };
        self.tell(&left, Reply::Left);
        self.tell(&joined, Reply::Joined);
        if let Some(clear) = clear {
            let frame = Reply::InTheClear(clear).encode(None);
            self.everyone().iter().for_each(|outbox| outbox.announce(frame.clone()));
        }
    }

    /// Tells everyone about these people, but nobody about themselves.
    fn tell(&self, people: &BTreeMap<UserId, Username>, event: fn(Vec<Username>) -> Reply) {
        if people.is_empty() {
            return;
        }
        let frames = frames(people.values(), event);
        for outbox in self.everyone().iter() {
            match outbox.user() {
                Some(user) if people.contains_key(&user) => {
                    let others = people.iter().filter(|(id, _)| **id != user).map(|(_, name)| name);
                    frames_into(outbox, &self::frames(others, event));
                }
                _ => frames_into(outbox, &frames),
            }
        }
    }
}

impl Roster {
    /// Everybody is looked at only while somebody has been let in like that: it is asked whenever somebody comes.
    pub(super) fn in_the_clear(&mut self) -> Vec<Username> {
        if !self.some_clear {
            return Vec::new();
        }
        let clear = |entry: &&Entry| matches!(&entry.place, Place::Here(holder) if holder.clear);
        let mut names: Vec<_> = self.people.values().filter(clear).map(|entry| entry.name.clone()).collect();
        names.sort();
        self.some_clear = !names.is_empty();
        names
    }

    /// Who is reached without encryption, if that is news.
    fn clear_news(&mut self) -> Option<Vec<Username>> {
        let clear = self.in_the_clear();
        (clear != self.clear).then(|| {
            self.clear.clone_from(&clear);
            clear
        })
    }

    /// Whoever has not come back by now has left.
    fn let_go(&mut self, now: Instant) {
        while let Some((due, user)) = self.announcements.lingering.front().copied() {
            if due > now {
                return;
            }
            self.announcements.lingering.pop_front();
            let gone = |entry: &Entry| matches!(entry.place, Place::Lingering { until } if until <= now);
            if self.people.get(&user).is_some_and(gone)
                && let Some(entry) = self.people.remove(&user)
            {
                self.announcements.leave(user, entry.name);
            }
        }
    }
}

fn frames<'a>(names: impl Iterator<Item = &'a Username>, event: fn(Vec<Username>) -> Reply) -> Vec<Bytes> {
    let names: Vec<_> = names.cloned().collect();
    names.chunks(NAMES_PER_FRAME).map(|chunk| event(chunk.to_vec()).encode(None)).collect()
}

fn frames_into(outbox: &crate::outbox::Outbox, frames: &[Bytes]) {
    for frame in frames {
        outbox.announce(frame.clone());
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use bytes::Buf;
    use sotto_proto::{Decoder, Outgoing, code};

    use super::super::{Holder, Stay};
    use super::*;
    use crate::outbox::Outbox;
    use crate::store::Account;

    const GATHER: Duration = Duration::from_millis(100);

    fn comes(hub: &Arc<Hub>, number: u64) -> (Stay, Arc<Outbox>) {
        let account = Account { id: UserId(number), name: format!("user{number}").parse().unwrap() };
        let outbox = Arc::new(Outbox::new(1 << 20));
        outbox.begin(account.id, Bytes::new());
        let from = Ipv4Addr::LOCALHOST.into();
        let holder = Holder { outbox: Arc::clone(&outbox), token: [0; 32], since: 0, from, clear: false };
        (hub.enter(&account, holder).ok().unwrap(), outbox)
    }

    /// How many frames tell that somebody has come.
    fn told(outbox: &Outbox) -> usize {
        let mut outgoing = Outgoing::default();
        outbox.take_now(&mut outgoing, 1 << 20);
        let mut bytes = outgoing.copy_to_bytes(outgoing.remaining()).into();
        let frames = std::iter::from_fn(|| Decoder::after_login().next(&mut bytes).unwrap());
        frames.filter(|frame| frame.code() == code::JOINED).count()
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_comes_alone_is_announced_soon_and_a_school_in_two_frames_a_second() {
        let hub = Hub::new(Duration::ZERO);
        tokio::spawn(Arc::clone(&hub).announce(GATHER));
        let (_stay, watcher) = comes(&hub, 0);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let _alone = comes(&hub, 1);
        tokio::time::sleep(GATHER * 2).await;
        assert_eq!(told(&watcher), 1);
        let mut school = Vec::new();
        for number in 2..1002 {
            school.push(comes(&hub, number));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let frames = told(&watcher);
        assert!((15..=20).contains(&frames), "{frames} frames in ten seconds");
    }
}

//! Who is online on this node, and the way from a stored message to their outboxes.
//!
//! The roster is behind one mutex, and nothing is awaited and nothing pushed while it is held: deliveries
//! work on a snapshot. Leaving is a destructor with the outbox's id, so that a late one cannot remove a
//! successor.

mod presence;
mod run;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use sotto_proto::{Attachment, Cid, ConvKind, Message, MessageText, Reply, Seq, Username};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::outbox::{Outbox, OutboxId};
use crate::store::{Account, Conversation, NewFile, UserId};
use presence::Announcements;
pub(crate) use run::Run;

/// Who is online.
pub(crate) struct Hub {
    roster: Mutex<Roster>,
    /// Wakes the announcer.
    news: Notify,
    linger: Duration,
}

#[derive(Default)]
struct Roster {
    /// In order, as everything here that is gone through: what people get does not depend on chance.
    people: BTreeMap<UserId, Entry>,
    /// Everyone's outbox, until somebody comes or goes.
    snapshot: Option<Arc<[Arc<Outbox>]>>,
    announcements: Announcements,
    /// Who was last announced as reached without encryption.
    clear: Vec<Username>,
    /// Somebody has been let in without encryption, and may be here.
    some_clear: bool,
}

struct Entry {
    name: Username,
    place: Place,
}

enum Place {
    /// Logged in.
    Here(Holder),
    /// The connection was lost; the others have not been told yet.
    Lingering { until: Instant },
}

/// The session that holds an account.
#[derive(Clone)]
pub(crate) struct Holder {
    pub(crate) outbox: Arc<Outbox>,
    /// The hash of the token that resumes this session, and no other.
    pub(crate) token: [u8; 32],
    /// When it logged in, Unix milliseconds.
    pub(crate) since: u64,
    pub(crate) from: IpAddr,
    /// It is reached without encryption.
    pub(crate) clear: bool,
}

/// Being online. Dropping it leaves: noticed at once after [`Stay::log_out`], otherwise after a while, so
/// that a reconnect goes unnoticed.
pub(crate) struct Stay {
    hub: Arc<Hub>,
    user: UserId,
    outbox: OutboxId,
    clean: bool,
}

impl Hub {
    /// `linger` is how long a lost connection goes unannounced.
    pub(crate) fn new(linger: Duration) -> Arc<Self> {
        Arc::new(Self { roster: Mutex::default(), news: Notify::new(), linger })
    }

    fn roster(&self) -> MutexGuard<'_, Roster> {
        self.roster.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets somebody in, or returns who holds the account.
    pub(crate) fn enter(self: &Arc<Self>, account: &Account, holder: Holder) -> Result<Stay, Holder> {
        let mut roster = self.roster();
        if let Some(Entry { place: Place::Here(current), .. }) = roster.people.get(&account.id) {
            return Err(current.clone());
        }
        Ok(self.seat(&mut roster, account, holder))
    }

    /// Lets somebody in instead of `former`, whose connection is left without its place. `Err`: somebody
    /// else has it by now.
    pub(crate) fn replace(
        self: &Arc<Self>,
        account: &Account,
        former: OutboxId,
        holder: Holder,
    ) -> Result<Stay, Holder> {
        let mut roster = self.roster();
        match roster.people.get(&account.id) {
            Some(Entry { place: Place::Here(current), .. }) if current.outbox.id() != former => {
                Err(current.clone())
            }
            _ => Ok(self.seat(&mut roster, account, holder)),
        }
    }

    fn seat(self: &Arc<Self>, roster: &mut Roster, account: &Account, holder: Holder) -> Stay {
        let outbox = holder.outbox.id();
        roster.some_clear |= holder.clear;
        let entry = Entry { name: account.name.clone(), place: Place::Here(holder) };
        if roster.people.insert(account.id, entry).is_none() {
            roster.announcements.join(account.id, account.name.clone());
            self.news.notify_one();
        }
        roster.snapshot = None;
        Stay { hub: Arc::clone(self), user: account.id, outbox, clean: false }
    }

    /// Everybody online, in the order of registration; people who may be back any moment included.
    pub(crate) fn online(&self) -> Vec<Account> {
        let roster = self.roster();
        roster.people.iter().map(|(id, entry)| Account { id: *id, name: entry.name.clone() }).collect()
    }

    /// Who is reached without encryption, by name.
    pub(crate) fn in_the_clear(&self) -> Vec<Username> {
        self.roster().in_the_clear()
    }

    /// How many sessions there are.
    pub(crate) fn sessions(&self) -> usize {
        self.everyone().len()
    }

    /// Queues a batch of stored messages, in order, with everyone they are for. Never waits. Each member is
    /// woken once, however many messages there are.
    pub(crate) fn deliver(&self, batch: &[Delivery]) {
        let mut addressees = self.addressees(batch);
        let lobby: Vec<_> =
            batch.iter().filter(|delivery| delivery.conversation.kind == ConvKind::Lobby).collect();
        let runs = Run::all(&lobby);
        if !runs.is_empty() {
            for outbox in self.everyone().iter() {
                match outbox.user().and_then(|user| addressees.remove(&user)) {
                    Some((_, own)) => outbox.deliver(own.into_iter()),
                    None => runs.iter().for_each(|run| outbox.deliver_run(run)),
                }
            }
        }
        for (outbox, own) in addressees.into_values() {
            outbox.deliver(own.into_iter());
        }
    }

    /// Those online whom a batch's sets name, each with all that is for them, the lobby's messages included.
    fn addressees<'a>(&self, batch: &'a [Delivery]) -> BTreeMap<UserId, (Arc<Outbox>, Vec<&'a Delivery>)> {
        let mut addressees = BTreeMap::new();
        let roster = self.roster();
        for member in batch.iter().flat_map(|delivery| &delivery.conversation.members) {
            if let Some(Entry { place: Place::Here(holder), .. }) = roster.people.get(&member.id) {
                addressees.entry(member.id).or_insert_with(|| (Arc::clone(&holder.outbox), Vec::new()));
            }
        }
        drop(roster);
        if addressees.is_empty() {
            return addressees;
        }
        for delivery in batch {
            if delivery.conversation.kind == ConvKind::Lobby {
                addressees.values_mut().for_each(|(_, own)| own.push(delivery));
            }
            for member in &delivery.conversation.members {
                if let Some((_, own)) = addressees.get_mut(&member.id) {
                    own.push(delivery);
                }
            }
        }
        addressees
    }

    /// Where somebody who is online is told things.
    pub(crate) fn outbox(&self, user: UserId) -> Option<Arc<Outbox>> {
        match &self.roster().people.get(&user)?.place {
            Place::Here(holder) => Some(Arc::clone(&holder.outbox)),
            Place::Lingering { .. } => None,
        }
    }

    /// Tells somebody something that is not kept anywhere, if they are online and have room for it.
    pub(crate) fn inform(&self, user: UserId, news: &Reply) {
        if let Some(outbox) = self.outbox(user) {
            outbox.announce(news.encode(None));
        }
    }

    /// Tells everyone who is online something that is not kept anywhere, as far as there is room for it.
    pub(crate) fn tell_everyone(&self, news: &Reply) {
        let frame = news.encode(None);
        self.everyone().iter().for_each(|outbox| outbox.announce(frame.clone()));
    }

    /// Bytes in the fullest outbox of those that are live, and of those that are not.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn fullest(&self) -> [usize; 2] {
        let most = |live| {
            let all = self.everyone();
            all.iter()
                .map(|outbox| outbox.waiting())
                .filter(|(_, is)| *is == live)
                .map(|(bytes, _)| bytes)
                .max()
        };
        [true, false].map(|live| most(live).unwrap_or(0))
    }

    /// Those of a conversation who are online.
    pub(crate) fn present(&self, conversation: &Conversation) -> Vec<Arc<Outbox>> {
        match conversation.kind {
            ConvKind::Lobby => self.everyone().to_vec(),
            _ => conversation.members.iter().filter_map(|member| self.outbox(member.id)).collect(),
        }
    }

    fn everyone(&self) -> Arc<[Arc<Outbox>]> {
        let mut roster = self.roster();
        if let Some(snapshot) = &roster.snapshot {
            return Arc::clone(snapshot);
        }
        let here = |entry: &Entry| match &entry.place {
            Place::Here(holder) => Some(Arc::clone(&holder.outbox)),
            Place::Lingering { .. } => None,
        };
        let snapshot: Arc<[_]> = roster.people.values().filter_map(here).collect();
        roster.snapshot = Some(Arc::clone(&snapshot));
        snapshot
    }

    fn leave(&self, stay: &Stay) {
        let mut roster = self.roster();
        let Some(entry) = roster.people.get_mut(&stay.user) else {
            return;
        };
        if !matches!(&entry.place, Place::Here(holder) if holder.outbox.id() == stay.outbox) {
            return;
        }
        if stay.clean || self.linger.is_zero() {
            let name = entry.name.clone();
            roster.people.remove(&stay.user);
            roster.announcements.leave(stay.user, name);
        } else {
            let until = Instant::now() + self.linger;
            entry.place = Place::Lingering { until };
            roster.announcements.linger(stay.user, until);
        }
        roster.snapshot = None;
        drop(roster);
        self.news.notify_one();
    }
}

impl Stay {
    /// Makes leaving noticed at once.
    pub(crate) fn log_out(&mut self) {
        self.clean = true;
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        self.hub.leave(self);
    }
}

/// A stored message on its way to everyone it is for; encoded once.
pub(crate) struct Delivery {
    pub(crate) conversation: Arc<Conversation>,
    pub(crate) seq: Seq,
    pub(crate) at: u64,
    pub(crate) sender: Account,
    pub(crate) cid: Option<Cid>,
    pub(crate) text: MessageText,
    clear: bool,
    file: Option<Attachment>,
    /// The session that sent it, and what it called its request.
    pub(crate) origin: OutboxId,
    reference: Option<Box<str>>,
    event: OnceLock<Bytes>,
    introduction: OnceLock<Bytes>,
}

/// What a [`Delivery`] is made of besides its place.
pub(crate) struct Parcel {
    pub(crate) conversation: Arc<Conversation>,
    pub(crate) sender: Account,
    pub(crate) cid: Option<Cid>,
    pub(crate) text: MessageText,
    /// It came without encryption.
    pub(crate) clear: bool,
    /// The file that it offers.
    pub(crate) file: Option<Box<NewFile>>,
    pub(crate) origin: OutboxId,
    pub(crate) reference: Option<Box<str>>,
}

impl Delivery {
    pub(crate) fn new(parcel: Parcel, seq: Seq, at: u64) -> Self {
        let Parcel { conversation, sender, cid, text, clear, file, origin, reference } = parcel;
        let file = file.map(|file| file.into_attachment());
        let (event, introduction) = (OnceLock::new(), OnceLock::new());
        Self { conversation, seq, at, sender, cid, text, clear, file, origin, reference, event, introduction }
    }

    /// The frame that stands for this message in one member's session.
    pub(crate) fn frame_for(&self, user: UserId, session: OutboxId) -> Bytes {
        if session == self.origin {
            self.acknowledgement_for(session).unwrap_or_else(|| self.own_place())
        } else if user == self.sender.id {
            // The session that sent it has been replaced; this one may know nothing of it.
            self.message(self.cid).encode(None)
        } else {
            self.event().clone()
        }
    }

    /// The message, as everybody gets it who has not said it.
    fn event(&self) -> &Bytes {
        self.event.get_or_init(|| self.message(None).encode(None))
    }

    /// What the sending session gets if it gave a cid.
    pub(crate) fn acknowledgement_for(&self, session: OutboxId) -> Option<Bytes> {
        let cid = self.cid.filter(|_| session == self.origin)?;
        let stored = Reply::Stored {
            cid,
            conv: self.conversation.id,
            seq: self.seq,
            at: self.at,
            file: self.file.as_ref().map(|file| file.id),
        };
        Some(stored.encode(self.reference.as_deref()))
    }

    /// The conversation, as it is introduced before its first message.
    pub(crate) fn introduction(&self) -> Bytes {
        self.introduction.get_or_init(|| introduction(&self.conversation, self.seq, self.seq.back(1))).clone()
    }

    /// A sender that gave no cid knows what it said, not where it is: that place is told as left out.
    fn own_place(&self) -> Bytes {
        Reply::Hole { conv: self.conversation.id, from: self.seq, to: self.seq }.encode(None)
    }

    fn message(&self, cid: Option<Cid>) -> Reply {
        Reply::Message(Message {
            conv: self.conversation.id,
            seq: self.seq,
            at: self.at,
            cid,
            from: self.sender.name.clone(),
            text: self.text.clone(),
            clear: self.clear,
            file: self.file.clone(),
        })
    }
}

/// The 220 of a conversation to a session whose messages of it begin after `after`.
pub(crate) fn introduction(conversation: &Conversation, head: Seq, after: Seq) -> Bytes {
    let members = conversation.members.iter().map(|member| member.name.clone()).collect();
    Reply::Conversation { conv: conversation.id, kind: conversation.kind, members, head, after }.encode(None)
}

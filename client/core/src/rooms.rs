//! What a user interface with conversations shows, built from updates: rooms with their timelines, unread
//! counts, drafts and order; and the messages of our own on their way. No window, no clock, no IO.
//!
//! A room is an audience, not a number: it can be opened and written in before the server knows it.

mod files;
mod outgoing;
mod room;

use std::collections::{BTreeMap, HashMap};

use sotto_proto::{Audience, ConvId, ConvKind, Epoch, Message, Page, Seq, Username, limits};

pub use room::{Fate, Line, LineId, Offering, Outgoing, Room};

use crate::files::Files;
use crate::model::Model;
use crate::notes::Notes;
use crate::timeline::{Entry, Place, Timeline, What};
use crate::update::{Command, Update};

/// Rooms whose last messages are fetched at log-in, so that the list can show them; and how many of each.
const PREVIEWED: usize = 40;
const PREVIEW: u16 = 30;

/// All rooms of one account.
#[derive(Debug, Default)]
pub struct Rooms {
    model: Model,
    files: Files,
    rooms: HashMap<Audience, Room>,
    names: HashMap<ConvId, Audience>,
    order: Vec<Audience>,
    arranged: bool,
    outgoing: Vec<Outgoing>,
    /// Messages to some that are older than what is here of the room of everyone.
    held: BTreeMap<(u64, ConvId, Seq), What>,
    notes: Notes,
    epoch: Option<Epoch>,
    online: bool,
    caught_up: bool,
}

impl Rooms {
    /// Nothing yet but what was remembered, and the room of everyone.
    #[must_use]
    pub fn new(notes: Notes) -> Self {
        let mut rooms = Self { notes, ..Self::default() };
        rooms.room(&Audience::Everyone);
        let drafts = std::mem::take(&mut rooms.notes.drafts);
        for (to, text) in drafts {
            rooms.room(&to).draft = text;
        }
        rooms
    }

    /// Takes an update in. `now`: Unix milliseconds by this machine's clock.
    pub fn apply(&mut self, update: &Update, now: u64) {
        self.model.apply(update);
        self.files.apply(update);
        match update {
            Update::LoggedIn { epoch, .. } => self.logged_in(*epoch),
            Update::Reconnecting { .. } | Update::Ended(_) => self.disconnected(),
            Update::CaughtUp => self.caught_up = true,
            Update::Refused(_) => self.rooms.values_mut().for_each(|room| room.asking = false),
            Update::Conversation { conv, kind, members, head, after } => {
                self.introduced((*conv, *kind), members, (*head, *after));
            }
            Update::Message(message) => self.news(message),
            Update::Sent { cid, conv, seq, at } => self.sent(*cid, (*conv, *seq, *at)),
            Update::NotSent { cid, reason, who, .. } => {
                if let Some(outgoing) = self.outgoing.iter_mut().find(|outgoing| outgoing.cid == *cid) {
                    outgoing.fate = Fate::Failed { reason: *reason, who: who.clone() };
                }
            }
            Update::Hole { conv, to, .. } => {
                if let Some(room) = self.by_conv(*conv) {
                    room.timeline.skip_to(*to);
                }
            }
            Update::History { conv, messages, more } => self.history(*conv, messages, *more),
            Update::Joined(who) => self.presence(true, who, now),
            Update::Left(who) => self.presence(false, who, now),
            Update::StartOver(conv) => self.start_over(*conv),
            Update::Offered { cid, to, name, file } => self.offered((*cid, to), (name, file), now),
            Update::Transfer(_)
            | Update::FileState(_)
            | Update::FileRefused { .. }
            | Update::Files { .. }
            | Update::Password(_) => {}
            Update::Connected
            | Update::Ticket(_)
            | Update::NextIdentity(_)
            | Update::IdentityChanged(_)
            | Update::People(_)
            | Update::Online(_)
            | Update::InTheClear(_) => {}
        }
        self.arranged = false;
    }

    /// Who there is.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// What is known of files.
    #[must_use]
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// Whether there is a connection that is logged in.
    #[must_use]
    pub fn is_online(&self) -> bool {
        self.online
    }

    /// Whether everything missed has arrived.
    #[must_use]
    pub fn is_caught_up(&self) -> bool {
        self.caught_up
    }

    /// The rooms: everyone first, then the one last spoken in. As of the last [`Self::arrange`].
    #[must_use]
    pub fn order(&self) -> &[Audience] {
        &self.order
    }

    /// Puts the rooms in order, if anything has changed.
    pub fn arrange(&mut self) {
        if !self.arranged {
            self.arranged = true;
            self.sort();
        }
    }

    /// A room, if it is there.
    #[must_use]
    pub fn get(&self, room: &Audience) -> Option<&Room> {
        self.rooms.get(room)
    }

    /// The room of a conversation.
    #[must_use]
    pub fn of(&self, conv: ConvId) -> Option<&Room> {
        self.rooms.get(self.names.get(&conv)?)
    }

    /// All messages that have not been seen.
    #[must_use]
    pub fn unread(&self) -> u64 {
        self.rooms.values().map(Room::unread).sum()
    }

    /// The room of an audience as it is written on a message: without this client's user, and made if need be.
    pub fn enter(&mut self, to: &Audience) -> Audience {
        let key = match to {
            Audience::Everyone => Audience::Everyone,
            Audience::Set(names) => self.key(names),
        };
        self.room(&key);
        self.arranged = false;
        key
    }

    /// Asks for messages older than what is here, if there are any and none are on their way.
    pub fn older(&mut self, room: &Audience, limit: u16) -> Option<Command> {
        let online = self.online && self.caught_up;
        let room = self.rooms.get_mut(room).filter(|room| online && !room.asking)?;
        if room.timeline.is_complete() {
            return None;
        }
        let before = Seq::new(room.timeline.oldest()).ok()?;
        room.asking = true;
        Some(Command::History { conv: room.conv?, page: Page::Before(before), limit })
    }

    /// Asks for the messages of a gap, from its beginning.
    pub fn fill(&mut self, room: &Audience, gap: Place) -> Option<Command> {
        let room = self.rooms.get_mut(room).filter(|room| self.online && !room.asking)?;
        room.asking = true;
        Some(Command::History { conv: room.conv?, page: Page::After(gap.before()), limit: limits::MAX_PAGE })
    }

    /// Asks for the last messages of the rooms spoken in last, to be shown in a list.
    pub fn previews(&mut self) -> Vec<Command> {
        let mut unknown: Vec<_> = self.rooms.values().filter(|room| room.is_loading()).collect();
        unknown.sort_by_key(|room| std::cmp::Reverse((room.audience == Audience::Everyone, room.conv)));
        let wanted: Vec<_> = unknown.iter().take(PREVIEWED).map(|room| room.audience.clone()).collect();
        wanted.iter().filter_map(|room| self.older(room, PREVIEW)).collect()
    }

    /// A room comes before somebody's eyes: what is new in it is marked.
    pub fn open(&mut self, room: &Audience) {
        let me = self.model.me().cloned();
        let Some(room) = self.rooms.get_mut(room) else {
            return;
        };
        let news = |entry: &&Entry| match &entry.what {
            What::Message { from, .. } => entry.place.seq() > room.read.get() && Some(from) != me.as_ref(),
            What::Gap { .. } => entry.place.seq() > room.read.get(),
            _ => false,
        };
        let first = room.timeline.iter().find(news).map(|entry| entry.place.seq());
        let older = room.timeline.oldest() > room.read.get() + 1;
        room.marker = if room.unread == 0 {
            None
        } else if older {
            Some(room.read.get() + 1)
        } else {
            first
        };
    }

    /// A room is left: its mark goes.
    pub fn close(&mut self, room: &Audience) {
        if let Some(room) = self.rooms.get_mut(room) {
            room.marker = None;
        }
    }

    /// Somebody has looked at a room down to this place.
    pub fn seen(&mut self, room: &Audience, place: Place) {
        let me = self.model.me().cloned();
        let Some(seen) = self.rooms.get_mut(room) else {
            return;
        };
        let before = seen.read.get();
        seen.read_to(place.seq(), me.as_ref());
        let fresh = seen.timeline.iter().rev().skip_while(|entry| entry.place > place);
        let fresh = fresh.take_while(|entry| entry.place.seq() >= before);
        let asides = fresh.filter_map(|entry| match entry.what {
            What::Aside { conv, seq, .. } => Some((conv, seq)),
            _ => None,
        });
        for (conv, seq) in asides.collect::<Vec<_>>() {
            if let Some(room) = self.by_conv(conv) {
                room.read_to(seq.get(), me.as_ref());
            }
        }
    }

    /// Everything from this message on counts as new.
    pub fn mark_unread(&mut self, room: &Audience, from: Place) {
        let me = self.model.me().cloned();
        if let Some(room) = self.rooms.get_mut(room) {
            room.read = from.before();
            room.marker = Some(from.seq());
            room.recount(me.as_ref());
        }
    }

    /// Keeps what was begun to be written.
    pub fn keep_draft(&mut self, room: &Audience, text: &str) {
        if let Some(room) = self.rooms.get_mut(room)
            && room.draft != text
        {
            text.clone_into(&mut room.draft);
        }
    }

    /// What to remember of this account.
    #[must_use]
    pub fn notes(&self) -> Notes {
        let drafts = self.rooms.values().filter(|room| !room.draft.is_empty());
        let read = self.rooms.values().filter_map(|room| Some((room.conv?, room.read)));
        Notes {
            epoch: self.epoch,
            read: read.collect(),
            drafts: drafts.map(|room| (room.audience.clone(), room.draft.clone())).collect(),
        }
    }

    fn logged_in(&mut self, epoch: Epoch) {
        self.online = true;
        if self.notes.epoch != Some(epoch) {
            self.notes.read.clear();
        }
        self.epoch = Some(epoch);
    }

    fn disconnected(&mut self) {
        self.online = false;
        self.caught_up = false;
        self.rooms.values_mut().for_each(|room| room.asking = false);
    }

    fn introduced(
        &mut self,
        (conv, kind): (ConvId, ConvKind),
        members: &[Username],
        (head, after): (Seq, Seq),
    ) {
        let key = if kind == ConvKind::Lobby { Audience::Everyone } else { self.key(members) };
        // A conversation has one room, and a room one conversation. Where a server says otherwise, what it said before goes.
        let before = self.rooms.get(&key).and_then(|room| room.conv).filter(|before| *before != conv);
        let moved = self.names.get(&conv).is_some_and(|before| *before != key);
        for gone in before.into_iter().chain(moved.then_some(conv)) {
            self.start_over(Some(gone));
        }
        let read = self.notes.read.get(&conv).copied();
        let me = self.model.me().cloned();
        let room = self.room(&key);
        if room.conv == Some(conv) {
            // The session goes on; what it left out shows as a gap.
            room.timeline.skip_to(after);
        } else {
            room.conv = Some(conv);
            room.timeline = Timeline::new(after);
            room.read = read.unwrap_or(after).min(head);
        }
        room.head = head;
        room.recount(me.as_ref());
        self.names.insert(conv, key);
    }

    fn news(&mut self, message: &Message) {
        let mine = Some(&message.from) == self.model.me();
        if let Some(room) = self.store(message)
            && message.seq > room.read
        {
            if mine && room.read.next() == message.seq {
                room.read = message.seq;
            }
            room.unread += u64::from(!mine);
        }
        self.settle(message.conv);
    }

    /// Puts a message into its room, and one to several people into the room of everyone too.
    /// `None`: it was there already, or its conversation is unknown.
    fn store(&mut self, message: &Message) -> Option<&mut Room> {
        let (seq, at) = (message.seq, message.at);
        let key = self.names.get(&message.conv)?.clone();
        let room = self.rooms.get_mut(&key)?;
        if !room.timeline.take(message) {
            return None;
        }
        room.head = room.head.max(seq);
        room.last_at = room.last_at.max(at);
        if is_aside(&Audience::Everyone, &key) {
            self.held.insert((at, message.conv, seq), What::from(message));
            self.show_asides();
        }
        self.rooms.get_mut(&key)
    }

    /// Asides appear in the room of everyone as far back as that is here.
    fn show_asides(&mut self) {
        let Some(lobby) = self.rooms.get_mut(&Audience::Everyone) else {
            return;
        };
        let begins = if lobby.timeline.is_complete() { Some(0) } else { lobby.timeline.begins_at() };
        while let (Some(begins), Some(last)) = (begins, self.held.last_entry()) {
            if last.key().0 < begins {
                return;
            }
            let ((at, ..), what) = last.remove_entry();
            lobby.timeline.insert(at, what);
        }
    }

    fn history(&mut self, conv: ConvId, messages: &[Message], more: bool) {
        let Some(room) = self.by_conv(conv) else {
            return;
        };
        room.asking = false;
        let oldest = room.timeline.oldest();
        // A page that ends below what is here is the one before it; any other fills a gap.
        let is_before = messages.last().is_none_or(|last| last.seq.get() < oldest);
        if is_before && !more {
            room.timeline.complete();
        }
        // From the newest down: each is put directly before the one that is already there.
        for message in messages.iter().rev() {
            self.store(message);
        }
        let me = self.model.me().cloned();
        if let Some(room) = self.by_conv(conv) {
            room.recount(me.as_ref());
        }
        self.show_asides();
    }

    fn presence(&mut self, came: bool, who: &[Username], now: u64) {
        let others: Vec<_> = who.iter().filter(|name| Some(*name) != self.model.me()).cloned().collect();
        if !others.is_empty() {
            self.room(&Audience::Everyone).timeline.presence(came, &others, now);
        }
    }

    fn start_over(&mut self, conv: Option<ConvId>) {
        for room in self.rooms.values_mut().filter(|room| conv.is_none() || room.conv == conv) {
            let (audience, draft) = (room.audience.clone(), std::mem::take(&mut room.draft));
            *room = Room { draft, ..Room::new(audience) };
        }
        match conv {
            Some(conv) => {
                self.names.remove(&conv);
                self.held.retain(|(_, of, _), _| *of != conv);
                self.room(&Audience::Everyone).timeline.forget(conv);
            }
            None => {
                self.names.clear();
                self.held.clear();
            }
        }
    }

    fn by_conv(&mut self, conv: ConvId) -> Option<&mut Room> {
        self.rooms.get_mut(self.names.get(&conv)?)
    }

    fn room(&mut self, key: &Audience) -> &mut Room {
        self.rooms.entry(key.clone()).or_insert_with(|| Room::new(key.clone()))
    }

    /// The others of a conversation; a room with oneself is that of one's own name.
    fn key(&self, members: &[Username]) -> Audience {
        let others = members.iter().filter(|name| Some(*name) != self.model.me());
        Audience::set(others.cloned())
            .or_else(|_| Audience::set(members.iter().cloned()))
            .unwrap_or(Audience::Everyone)
    }

    fn sort(&mut self) {
        let sending =
            |room: &Room| self.outgoing.iter().filter(|out| out.to == room.audience).map(|out| out.at).max();
        let mut keyed: Vec<_> = self
            .rooms
            .values()
            .map(|room| {
                let at = sending(room).unwrap_or(0).max(room.last_at);
                (room.audience != Audience::Everyone, std::cmp::Reverse((at, room.conv)), &room.audience)
            })
            .collect();
        keyed.sort();
        self.order = keyed.into_iter().map(|(_, _, audience)| audience.clone()).collect();
    }
}

/// Whether a message to `to` is also shown in `room`: what is said to several of everyone.
fn is_aside(room: &Audience, to: &Audience) -> bool {
    *room == Audience::Everyone && matches!(to, Audience::Set(names) if names.len() > 1)
}

#[cfg(test)]
mod tests;

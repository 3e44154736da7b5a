//! What waits to be written to one client: encoded frames, bounded in bytes.
//!
//! An outbox also knows how far its client has got in each conversation. A message is taken only if it is
//! the next one; when there is no room, or a message is missing, the outbox turns from *live* to *catching
//! up*: it only notes how far behind it is, and the connection's feeder reads the rest from the store at the
//! client's own pace. So memory is bounded, nobody waits for a slow client, and it loses nothing.

mod content;
mod place;
mod state;
mod tracks;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use sotto_proto::{ConvId, Outgoing, Refusal, Reply, Seq};
use tokio::sync::Notify;

use crate::downloads::Downloads;
use crate::hub::{Delivery, Run};
use crate::store::UserId;
pub(crate) use place::{Introduction, Placed};
use state::{Mode, State};
use tracks::Track;

/// Frames with content of files that may wait when more is read.
const AHEAD: usize = 2;
/// A full outbox is fed again when this much of its bound is in use, so that a slow client is written
/// pages, not single messages.
const LOW_WATER_DIVISOR: usize = 4;

/// Tells one connection's outbox from every other, for as long as the server runs.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct OutboxId(u64);

/// What waits to be written to one client.
pub(crate) struct Outbox {
    id: OutboxId,
    limit: usize,
    /// Until somebody has logged in.
    strangers_limit: usize,
    state: Mutex<State>,
    /// Whose it is, once logged in.
    user: OnceLock<UserId>,
    /// The files it is being sent.
    pub(crate) downloads: Downloads,
    /// It speaks of files as offers; whoever does not gets small ones as the original does.
    knows_offers: AtomicBool,
    content_room: Notify,
    work: Notify,
    room: Notify,
    behind: Notify,
    heard: Notify,
    closed: Notify,
}

/// What a client that is catching up needs next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Gap {
    /// The conversation itself.
    Introduction(ConvId),
    /// The messages above this seq.
    Messages(ConvId, Seq),
}

impl Outbox {
    #[cfg(test)]
    pub(crate) fn new(limit: usize) -> Self {
        Self::with_bounds(limit, limit)
    }

    /// Takes so many bytes, and fewer until somebody has logged in.
    pub(crate) fn with_bounds(limit: usize, strangers_limit: usize) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            id: OutboxId(NEXT.fetch_add(1, Ordering::Relaxed)),
            limit,
            strangers_limit,
            state: Mutex::default(),
            user: OnceLock::new(),
            downloads: Downloads::default(),
            knows_offers: AtomicBool::new(false),
            content_room: Notify::new(),
            work: Notify::new(),
            room: Notify::new(),
            behind: Notify::new(),
            heard: Notify::new(),
            closed: Notify::new(),
        }
    }

    pub(crate) fn id(&self) -> OutboxId {
        self.id
    }

    pub(crate) fn user(&self) -> Option<UserId> {
        self.user.get().copied()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a reply. Always taken: who asks waits for [`Self::room`] before asking again.
    pub(crate) fn reply(&self, frame: Bytes) {
        self.state().push(frame, None);
        self.work.notify_one();
    }

    /// How many bytes wait, content of files not counted, and whether it is live.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn waiting(&self) -> (usize, bool) {
        let state = self.state();
        (state.bytes, state.mode == Mode::Live)
    }

    /// Waits until there is room. One waiter at a time: the connection's reader.
    pub(crate) async fn room(&self) {
        while self.is_full(&self.state()) {
            self.room.notified().await;
        }
    }

    fn is_full(&self, state: &State) -> bool {
        state.bytes >= if state.mode == Mode::Stranger { self.strangers_limit } else { self.limit }
    }

    /// The client is `user` from now on, and this frame tells it so.
    pub(crate) fn begin(&self, user: UserId, frame: Bytes) {
        let _ = self.user.set(user);
        let mut state = self.state();
        state.mode = Mode::Preparing;
        state.push(frame, None);
        if state.pinged.is_some() {
            state.push(Reply::Ping { body: Bytes::new() }.encode(None), None);
        }
        drop(state);
        self.work.notify_one();
    }

    /// The client knows this conversation up to `cursor`, and all up to `confirmed` has been taken.
    /// `frames` tell it what it has to know before the first message.
    pub(crate) fn introduce(
        &self,
        conv: ConvId,
        place: Introduction,
        frames: impl IntoIterator<Item = Bytes>,
    ) {
        let mut state = self.state();
        for frame in frames {
            state.push(frame, None);
        }
        let track = state.tracks.of(conv);
        if track.cursor.is_none() {
            track.cursor = Some(place.cursor);
        }
        track.confirmed = place.confirmed;
        track.head = track.head.max(place.head);
        drop(state);
        self.work.notify_one();
    }

    /// What the client has missed is known: it is fed from here.
    pub(crate) fn prepared(&self) {
        self.state().mode = Mode::CatchingUp;
        self.behind.notify_one();
    }

    /// Queues a batch of new messages, in order. Never waits.
    pub(crate) fn deliver<'a>(&self, batch: impl Iterator<Item = &'a Delivery>) {
        self.queue(|state, user| {
            batch.for_each(|delivery| state.take(delivery, self.id, (user, self.limit)));
        });
    }

    /// As [`Self::deliver`], for messages that follow one another.
    pub(crate) fn deliver_run(&self, run: &Run<'_>) {
        self.queue(|state, user| state.take_run(run, self.id, (user, self.limit)));
    }

    fn queue(&self, take: impl FnOnce(&mut State, UserId)) {
        let Some(user) = self.user() else { return };
        let mut state = self.state();
        let was_live = state.mode == Mode::Live;
        take(&mut state, user);
        let fell_behind = was_live && state.mode == Mode::CatchingUp;
        drop(state);
        self.work.notify_one();
        if fell_behind {
            self.behind.notify_one();
        }
    }

    /// Queues an announcement that is not kept anywhere. A client with no room for it is told by 213, when
    /// it has caught up, that it has to ask again.
    pub(crate) fn announce(&self, frame: Bytes) {
        let mut state = self.state();
        match state.mode {
            Mode::Stranger => return,
            Mode::Live if state.bytes + frame.len() > self.limit => state.mode = Mode::CatchingUp,
            _ if state.bytes + frame.len() > self.limit => return,
            _ => state.push(frame, None),
        }
        let behind = state.mode == Mode::CatchingUp;
        drop(state);
        self.work.notify_one();
        if behind {
            self.behind.notify_one();
        }
    }

    /// Queues the answer to a message of this client that was stored before.
    pub(crate) fn acknowledge_again(&self, placed: Placed) {
        self.state().push_acknowledgement(placed);
        self.work.notify_one();
    }

    /// The store has messages up to this one. A client that has not been queued them is behind, and did not know.
    pub(crate) fn hear_of(&self, conv: ConvId, head: Seq) {
        let mut state = self.state();
        let track = state.tracks.get(conv).copied().unwrap_or_default();
        if track.head >= head || track.cursor >= Some(head) {
            return;
        }
        state.tracks.of(conv).head = head;
        if state.mode == Mode::Live {
            state.mode = Mode::CatchingUp;
        }
        drop(state);
        self.behind.notify_one();
    }

    /// Waits until the client is behind and there is room to feed it, and says with what. Goes live when
    /// there is nothing: from then on every message is delivered by the hub.
    pub(crate) async fn gap(&self) -> Gap {
        loop {
            if let Some(gap) = self.next_gap() {
                return gap;
            }
            self.behind.notified().await;
        }
    }

    fn next_gap(&self) -> Option<Gap> {
        let mut state = self.state();
        if state.mode != Mode::CatchingUp || state.bytes > self.limit / LOW_WATER_DIVISOR {
            return None;
        }
        // The oldest conversation first, so that what a client gets does not depend on chance.
        let is_behind = |track: &Track| track.cursor.is_none_or(|cursor| cursor < track.head);
        let behind = state.tracks.iter().find(|(_, track)| is_behind(track));
        let gap = behind.map(|(conv, track)| match track.cursor {
            None => Gap::Introduction(conv),
            Some(cursor) => Gap::Messages(conv, cursor),
        });
        if gap.is_none() {
            state.mode = Mode::Live;
            state.push(Reply::CaughtUp.encode(None), None);
            drop(state);
            self.work.notify_one();
        }
        gap
    }

    /// Queues a page read from the store. A message that has got there another way is left out. An empty
    /// page means that there is nothing more to read.
    pub(crate) fn feed(&self, conv: ConvId, page: Vec<Placed>) {
        let mut state = self.state();
        if page.is_empty() {
            state.forget_the_rest(conv);
        }
        for placed in page {
            state.push_from_store(placed);
        }
        drop(state);
        self.work.notify_one();
    }

    /// Waits for something to write, and moves up to `chunk` bytes of it into `outgoing`, which is empty; a larger
    /// frame goes alone. Called again, it says that what it gave before has been written.
    pub(crate) async fn take(&self, outgoing: &mut Outgoing, chunk: usize) {
        while !self.take_now(outgoing, chunk) {
            self.work.notified().await;
        }
    }

    /// As [`Self::take`], without waiting: false when there is nothing.
    pub(crate) fn take_now(&self, outgoing: &mut Outgoing, chunk: usize) -> bool {
        let mut state = self.state();
        state.in_flight.clear();
        outgoing.reserve(state.bytes.min(chunk));
        while let Some(item) = state.queue.front() {
            if !outgoing.is_empty() && outgoing.len() + item.frames.len() > chunk {
                break;
            }
            outgoing.push(&item.frames);
            state.bytes -= item.frames.len();
            let place = state.queue.pop_front().and_then(|item| item.place);
            state.in_flight.extend(place);
        }
        if outgoing.is_empty() {
            // One at a time: what is said meanwhile waits behind no more.
            state.content.pop_front().into_iter().for_each(|(_, frame)| outgoing.push_content(frame));
        }
        let fed = state.content.len() <= AHEAD;
        let low = state.bytes <= self.limit / LOW_WATER_DIVISOR;
        let hungry = low && state.mode == Mode::CatchingUp;
        let room = !self.is_full(&state);
        drop(state);
        if fed {
            self.content_room.notify_one();
        }
        if hungry {
            self.behind.notify_one();
        }
        if room {
            self.room.notify_one();
        }
        !outgoing.is_empty()
    }

    /// Queues a ping, if none is outstanding, and remembers what its answer will confirm. A second one beside it would be answered as
    /// well, later, and that answer taken for one to the next ping: for what may not have arrived yet.
    pub(crate) fn ping(&self) {
        let mut state = self.state();
        if state.pinged.is_some() {
            return;
        }
        let news = state.tracks.iter().filter_map(|(conv, track)| {
            track.cursor.filter(|cursor| *cursor > track.confirmed).map(|cursor| (conv, cursor))
        });
        state.pinged = Some(news.collect());
        if state.mode == Mode::Stranger {
            // It is being let in; the ping follows its 204.
            return;
        }
        state.push(Reply::Ping { body: Bytes::new() }.encode(None), None);
        drop(state);
        self.work.notify_one();
    }

    /// The client has answered a ping: what it has taken since the last time.
    pub(crate) fn ponged(&self) -> Vec<(ConvId, Seq)> {
        let mut state = self.state();
        let taken = state.pinged.take().unwrap_or_default();
        for (conv, seq) in &taken {
            if let Some(track) = state.tracks.get_mut(*conv) {
                track.confirmed = track.confirmed.max(*seq);
            }
        }
        taken
    }

    /// Whether there are messages that have not been confirmed.
    pub(crate) fn has_unconfirmed(&self) -> bool {
        self.state().tracks.iter().any(|(_, track)| track.cursor > Some(track.confirmed))
    }

    /// How far the client has been written, per conversation, where that is news.
    pub(crate) fn written(&self) -> Vec<(ConvId, Seq)> {
        let state = self.state();
        let queued = state.queue.iter().filter_map(|item| item.place);
        let mut unwritten: BTreeMap<ConvId, Seq> = BTreeMap::new();
        for (conv, seq) in state.in_flight.iter().copied().chain(queued) {
            unwritten.entry(conv).and_modify(|first| *first = seq.min(*first)).or_insert(seq);
        }
        let written = |(conv, track): (ConvId, &Track)| {
            let cursor = unwritten.get(&conv).map_or(track.cursor?, |first| first.back(1));
            (cursor > track.confirmed).then_some((conv, cursor))
        };
        state.tracks.iter().filter_map(written).collect()
    }

    /// Ends the connection, with these last words. The first one to say so is heard.
    pub(crate) fn close(&self, last_words: Refusal) {
        self.state().closing.get_or_insert(last_words);
        self.closed.notify_one();
    }

    /// Waits for [`Self::close`].
    pub(crate) async fn closed(&self) -> Refusal {
        loop {
            if let Some(last_words) = self.state().closing.clone() {
                return last_words;
            }
            self.closed.notified().await;
        }
    }

    /// Something came from the client.
    pub(crate) fn hear(&self) {
        self.heard.notify_waiters();
    }

    /// Waits for something to come from the client, from the moment this is called.
    pub(crate) fn heard(&self) -> impl Future<Output = ()> + '_ {
        self.heard.notified()
    }
}

#[cfg(test)]
mod tests;

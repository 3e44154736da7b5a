//! What is queued for a client, and how far it has got in each conversation.

use std::collections::VecDeque;

use bytes::Bytes;
use sotto_proto::{ConvId, FileId, Refusal, Reply, Seq};

use super::tracks::{Track, Tracks};
use super::{OutboxId, Placed};
use crate::hub::{Delivery, Run};
use crate::store::UserId;

#[derive(Default)]
pub(super) struct State {
    pub(super) queue: VecDeque<Item>,
    pub(super) bytes: usize,
    /// Content of files, as frames in two parts: written only when nothing else waits.
    pub(super) content: VecDeque<(FileId, [Bytes; 2])>,
    pub(super) mode: Mode,
    pub(super) tracks: Tracks,
    /// The last messages handed to the writer and not yet reported written.
    pub(super) in_flight: Vec<(ConvId, Seq)>,
    /// What the outstanding ping will confirm once it is answered.
    pub(super) pinged: Option<Vec<(ConvId, Seq)>>,
    pub(super) closing: Option<Refusal>,
}

pub(super) struct Item {
    /// A frame, or several that follow one another.
    pub(super) frames: Bytes,
    /// The first message it carries or stands for, if any.
    pub(super) place: Option<(ConvId, Seq)>,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Mode {
    /// Nobody has logged in: events are not for this client.
    #[default]
    Stranger,
    /// Logged in; what it has missed is being found out. Messages are noted, not taken.
    Preparing,
    /// Being fed from the store. Messages are noted, not taken.
    CatchingUp,
    /// Every message is taken as it comes.
    Live,
}

impl State {
    pub(super) fn push(&mut self, frames: Bytes, place: Option<(ConvId, Seq)>) {
        self.bytes += frames.len();
        self.queue.push_back(Item { frames, place });
    }

    pub(super) fn push_placed(&mut self, conv: ConvId, seq: Seq, frame: Bytes) {
        self.push(frame, Some((conv, seq)));
        let track = self.tracks.of(conv);
        track.cursor = Some(seq);
        track.head = track.head.max(seq);
    }

    pub(super) fn is_next(&self, conv: ConvId, seq: Seq) -> bool {
        self.tracks.get(conv).and_then(|track| track.cursor).map(Seq::next) == Some(seq)
    }

    pub(super) fn take(&mut self, delivery: &Delivery, id: OutboxId, (user, limit): (UserId, usize)) {
        let (conv, seq) = (delivery.conversation.id, delivery.seq);
        let track = self.tracks.get(conv).copied().unwrap_or_default();
        if track.cursor >= Some(seq) {
            // Read from the store before it was delivered; its sender still waits for an answer.
            let late = delivery.acknowledgement_for(id);
            return late.into_iter().for_each(|frame| self.push(frame, None));
        }
        let begins = track.cursor.is_none() && seq == Seq::ZERO.next();
        if self.mode == Mode::Live && self.bytes < limit && (begins || self.is_next(conv, seq)) {
            if begins {
                self.push(delivery.introduction(), None);
            }
            self.push_placed(conv, seq, delivery.frame_for(user, id));
            return;
        }
        let track = self.tracks.of(conv);
        track.head = track.head.max(seq);
        if self.mode == Mode::Live {
            self.mode = Mode::CatchingUp;
        }
        // An acknowledgement is a reply: it does not wait until its sender has caught up.
        if let Some(frame) = delivery.acknowledgement_for(id) {
            self.push_acknowledgement(Placed { conv, seq, frame });
        }
    }

    /// Takes messages that follow one another: as one if the client has all before them and there is room for all of them.
    pub(super) fn take_run(&mut self, run: &Run<'_>, id: OutboxId, (user, limit): (UserId, usize)) {
        if self.mode != Mode::Live || self.bytes + run.len() > limit || !self.is_next(run.conv, run.first) {
            run.messages().for_each(|delivery| self.take(delivery, id, (user, limit)));
            return;
        }
        run.slices_for(user, id, |slice| self.push(slice.frame, Some((slice.conv, slice.seq))));
        let track = self.tracks.of(run.conv);
        track.cursor = Some(run.last);
        track.head = track.head.max(run.last);
    }

    /// The store has no more of a conversation; of one that is not this client's it has nothing, and to go on asking would be to ask
    /// for ever.
    pub(super) fn forget_the_rest(&mut self, conv: ConvId) {
        match self.tracks.get_mut(conv) {
            Some(Track { cursor: Some(cursor), head, .. }) => *head = *cursor,
            _ => self.tracks.remove(conv),
        }
    }

    /// An acknowledgement counts as its message's place exactly when the client computes so, too: when it
    /// is the next one.
    pub(super) fn push_acknowledgement(&mut self, placed: Placed) {
        if self.is_next(placed.conv, placed.seq) {
            self.push_placed(placed.conv, placed.seq, placed.frame);
        } else {
            self.push(placed.frame, None);
        }
    }

    pub(super) fn push_from_store(&mut self, placed: Placed) {
        let cursor = self.tracks.get(placed.conv).and_then(|track| track.cursor).unwrap_or_default();
        if placed.seq <= cursor {
            return;
        }
        if placed.seq > cursor.next() {
            // The store has lost a message: say so rather than wait for it for ever.
            let hole = Reply::Hole { conv: placed.conv, from: cursor.next(), to: placed.seq.back(1) };
            self.push(hole.encode(None), None);
        }
        self.push_placed(placed.conv, placed.seq, placed.frame);
    }
}

//! What a room says in one moment, as one piece of memory: each of a thousand people is queued a few slices of it, however many
//! messages there are.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use sotto_proto::{ConvId, Seq};

use super::Delivery;
use crate::outbox::{OutboxId, Placed};
use crate::store::UserId;

/// Bytes in one slice: what is encrypted at once. A longer message is a slice of its own.
const SLICE: usize = 16 * 1024;

/// Messages of one conversation, each the next of the one before.
pub(crate) struct Run<'a> {
    pub(crate) conv: ConvId,
    pub(crate) first: Seq,
    pub(crate) last: Seq,
    messages: Vec<Said<'a>>,
    /// Their frames, as everybody gets them who has said none of them.
    frames: Bytes,
    /// Who has said something, and which of them it is; sorted.
    senders: Vec<(UserId, usize)>,
}

/// One of them, and where in the frames it is.
struct Said<'a> {
    message: &'a Delivery,
    start: usize,
    end: usize,
}

impl<'a> Run<'a> {
    /// Messages of one conversation, as the runs that they are.
    pub(crate) fn all(messages: &[&'a Delivery]) -> Vec<Self> {
        let runs = messages.chunk_by(|message, next| message.seq.next() == next.seq);
        runs.filter_map(Self::of).collect()
    }

    fn of(messages: &[&'a Delivery]) -> Option<Self> {
        let (first, last) = (messages.first()?, messages.last()?);
        let mut frames = BytesMut::new();
        let said = |message: &&'a Delivery| {
            let start = frames.len();
            frames.extend_from_slice(message.event());
            Said { message, start, end: frames.len() }
        };
        let said: Vec<_> = messages.iter().map(said).collect();
        let mut senders: Vec<_> = messages.iter().map(|message| message.sender.id).zip(0..).collect();
        senders.sort_unstable();
        let (conv, first, last) = (first.conversation.id, first.seq, last.seq);
        Some(Self { conv, first, last, messages: said, frames: frames.freeze(), senders })
    }

    /// One by one.
    pub(crate) fn messages(&self) -> impl Iterator<Item = &'a Delivery> {
        self.messages.iter().map(|said| said.message)
    }

    /// Bytes of all of them.
    pub(crate) fn len(&self) -> usize {
        self.frames.len()
    }

    /// All of them for one member's session, in order: as few slices as there can be, each with its first message's place.
    pub(crate) fn slices_for(&self, user: UserId, session: OutboxId, mut put: impl FnMut(Placed)) {
        let own = self.senders.partition_point(|(sender, _)| *sender < user);
        let own = self.senders.iter().skip(own).take_while(|(sender, _)| *sender == user);
        let mut from = 0;
        for (_, index) in own {
            self.slices(from..*index, &mut put);
            if let Some(Said { message, .. }) = self.messages.get(*index) {
                put(Placed { conv: self.conv, seq: message.seq, frame: message.frame_for(user, session) });
            }
            from = index + 1;
        }
        self.slices(from..self.messages.len(), &mut put);
    }

    fn slices(&self, range: Range<usize>, put: &mut impl FnMut(Placed)) {
        let mut said = self.messages.get(range).unwrap_or_default();
        while let Some(first) = said.first() {
            let count = said.partition_point(|said| said.end <= first.start + SLICE).max(1);
            let (slice, rest) = said.split_at(count);
            let end = slice.last().map_or(first.end, |last| last.end);
            put(Placed {
                conv: self.conv,
                seq: first.message.seq,
                frame: self.frames.slice(first.start..end),
            });
            said = rest;
        }
    }
}

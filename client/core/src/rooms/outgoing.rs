//! Messages of our own on their way, until they are stored and stand in their place.

use sotto_proto::{Audience, Cid, ConvId, Message, MessageText, Seq};

use super::{Fate, Offering, Outgoing, Rooms, is_aside};
use crate::cid::cid_at;
use crate::transfers::TransferId;
use crate::update::{Command, FileCommand};

impl Rooms {
    /// The messages on their way that are shown in a room, in the order of sending.
    #[must_use]
    pub fn outgoing(&self, room: &Audience) -> Vec<&Outgoing> {
        let shown = |outgoing: &&Outgoing| outgoing.to == *room || is_aside(room, &outgoing.to);
        self.outgoing.iter().filter(shown).collect()
    }

    /// All messages of our own that are not stored, in whatever room.
    pub fn waiting(&self) -> impl Iterator<Item = &Outgoing> {
        self.outgoing.iter()
    }

    /// Puts a message on its way; the command is for [`crate::Client::commands`].
    ///
    /// # Errors
    /// A sentence, when the system has no randomness to give.
    pub fn send(&mut self, to: &Audience, text: MessageText, now: u64) -> Result<Command, String> {
        let cid = cid_at(now)?;
        let to = self.enter(to);
        self.outgoing.push(Outgoing {
            cid,
            to: to.clone(),
            text: text.clone(),
            at: now,
            fate: Fate::Waiting,
            file: None,
        });
        self.arranged = false;
        Ok(Command::Send { cid, to, text })
    }

    /// Takes a message back that could not be handed over, as if it had never been sent.
    pub fn unsend(&mut self, cid: Cid) {
        self.outgoing.retain(|outgoing| outgoing.cid != cid);
    }

    /// Tries a message again that was refused: as a new one, at the end.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub fn retry(&mut self, cid: Cid, now: u64) -> Result<Option<Command>, String> {
        let failed =
            |outgoing: &Outgoing| outgoing.cid == cid && matches!(outgoing.fate, Fate::Failed { .. });
        let Some(index) = self.outgoing.iter().position(failed) else {
            return Ok(None);
        };
        if let Some(outgoing) = self.outgoing.get_mut(index).filter(|outgoing| outgoing.file.is_some()) {
            outgoing.fate = Fate::Waiting;
            return Ok(Some(Command::File(FileCommand::GoOn(TransferId::Sending(cid)))));
        }
        let Outgoing { to, text, .. } = self.outgoing.remove(index);
        self.send(&to, text, now).map(Some)
    }

    pub(super) fn sent(&mut self, cid: Cid, (conv, seq, at): (ConvId, Seq, u64)) {
        if let Some(outgoing) = self.outgoing.iter_mut().find(|outgoing| outgoing.cid == cid) {
            outgoing.fate = Fate::Stored { conv, seq, at };
            self.settle(conv);
        }
    }

    /// Moves messages of our own that are stored to their place, once all before them are here.
    pub(super) fn settle(&mut self, conv: ConvId) {
        while let Some(next) = self.by_conv(conv).map(|room| room.timeline.next()) {
            let is_next = |outgoing: &Outgoing| match outgoing.fate {
                Fate::Stored { conv: of, seq, .. } => of == conv && seq.get() <= next,
                _ => false,
            };
            let Some(index) = self.outgoing.iter().position(is_next) else {
                return;
            };
            let Outgoing { cid, text, fate, file, .. } = self.outgoing.remove(index);
            let file = file.and_then(Offering::into_attachment);
            if let (Fate::Stored { seq, at, .. }, Some(from)) = (fate, self.model.me().cloned()) {
                self.news(&Message { conv, seq, at, cid: Some(cid), from, text, clear: false, file });
            }
        }
    }
}

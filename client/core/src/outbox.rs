//! Messages that have been sent and not yet acknowledged. They are sent again, with the same cid, on every
//! new connection: the server stores each once.

use std::collections::VecDeque;

use sotto_proto::{Audience, Cid, MessageText, Request};

/// A message on its way.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Pending {
    pub(crate) cid: Cid,
    pub(crate) to: Audience,
    pub(crate) text: MessageText,
}

impl Pending {
    pub(crate) fn request(&self) -> Request {
        Request::Send { cid: Some(self.cid), to: self.to.clone(), text: self.text.clone() }
    }
}

/// The most messages that may be on their way; a caller waits before it queues more.
pub(crate) const CAPACITY: usize = 1024;

/// What has not been acknowledged, in the order of sending.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pending: VecDeque<Pending>,
}

impl Outbox {
    pub(crate) fn push(&mut self, message: Pending) {
        self.pending.push_back(message);
    }

    /// Takes a message out: it is stored, or it never will be.
    pub(crate) fn settle(&mut self, cid: Cid) -> Option<Pending> {
        let index = self.pending.iter().position(|message| message.cid == cid)?;
        self.pending.remove(index)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Pending> {
        self.pending.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.pending.len()
    }
}

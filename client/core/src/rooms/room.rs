//! One room, and the lines in it: what is stored, and what is on its way.

use sotto_proto::{Attachment, Audience, Cid, ConvId, MessageText, Reason, Seq, Username};

use crate::timeline::{Entry, Place, Timeline, What};

/// One room.
#[derive(Clone, Debug)]
pub struct Room {
    pub(super) audience: Audience,
    pub(super) conv: Option<ConvId>,
    pub(super) head: Seq,
    pub(super) timeline: Timeline,
    pub(super) read: Seq,
    pub(super) unread: u64,
    pub(super) marker: Option<u64>,
    pub(super) draft: String,
    pub(super) last_at: u64,
    pub(super) asking: bool,
}

impl Room {
    pub(super) fn new(audience: Audience) -> Self {
        Self {
            audience,
            conv: None,
            head: Seq::ZERO,
            timeline: Timeline::new(Seq::ZERO),
            read: Seq::ZERO,
            unread: 0,
            marker: None,
            draft: String::new(),
            last_at: 0,
            asking: false,
        }
    }

    /// Whom a message here goes to, without this client's own user.
    #[must_use]
    pub fn audience(&self) -> &Audience {
        &self.audience
    }

    /// The other people; empty in the room of everyone.
    #[must_use]
    pub fn others(&self) -> &[Username] {
        match &self.audience {
            Audience::Everyone => &[],
            Audience::Set(names) => names,
        }
    }

    /// Messages from others that have not been seen.
    #[must_use]
    pub fn unread(&self) -> u64 {
        self.unread
    }

    /// Below this seq everything had been read when the room was opened.
    #[must_use]
    pub fn marker(&self) -> Option<u64> {
        self.marker
    }

    /// What was begun to be written.
    #[must_use]
    pub fn draft(&self) -> &str {
        &self.draft
    }

    /// Everything there is to show but [`super::Rooms::outgoing`].
    #[must_use]
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// Whether older messages are on their way here.
    #[must_use]
    pub fn is_asking(&self) -> bool {
        self.asking
    }

    /// Whether the server has not said yet what there is.
    #[must_use]
    pub fn is_loading(&self) -> bool {
        self.timeline.is_empty() && !self.timeline.is_complete()
    }

    /// The newest message, if it is here.
    #[must_use]
    pub fn last(&self) -> Option<&Entry> {
        self.timeline
            .iter()
            .rev()
            .find(|entry| matches!(entry.what, What::Message { .. } | What::Aside { .. }))
    }

    /// When it was last spoken here, Unix milliseconds; 0 if that is not known.
    #[must_use]
    pub fn last_at(&self) -> u64 {
        self.last_at
    }

    pub(super) fn recount(&mut self, me: Option<&Username>) {
        let unread = |entry: &&Entry| match &entry.what {
            What::Message { from, .. } => Some(from) != me,
            _ => false,
        };
        let read = self.read.get();
        let here = self.timeline.iter().rev().take_while(|entry| entry.place.seq() > read);
        let below = self.timeline.oldest().saturating_sub(1).saturating_sub(read);
        self.unread = here.filter(unread).count() as u64 + below;
    }

    pub(super) fn read_to(&mut self, seq: u64, me: Option<&Username>) {
        if seq > self.read.get() {
            self.read = Seq::new(seq).unwrap_or(self.read);
            self.recount(me);
        }
    }
}

/// A message of our own that is not stored yet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Outgoing {
    /// Its cid.
    pub cid: Cid,
    /// Whom it is for.
    pub to: Audience,
    /// What it says.
    pub text: MessageText,
    /// When it was written, Unix milliseconds by this machine's clock.
    pub at: u64,
    /// What became of it.
    pub fate: Fate,
    /// It offers a file, whose name is its text.
    pub file: Option<Offering>,
}

/// How far an offer is on its way.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Offering {
    /// Its file is being looked at, or the server has not said that it has the offer.
    Preparing,
    /// The server has it.
    Offered(Attachment),
}

impl Offering {
    pub(super) fn into_attachment(self) -> Option<Attachment> {
        match self {
            Self::Preparing => None,
            Self::Offered(file) => Some(file),
        }
    }
}

/// What became of a message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fate {
    /// On its way, now or as soon as there is a connection.
    Waiting,
    /// Stored, behind messages that have not come in yet.
    Stored {
        /// Its conversation.
        conv: ConvId,
        /// Its place there.
        seq: Seq,
        /// When, by the server's clock.
        at: u64,
    },
    /// Refused for good: nobody has it.
    Failed {
        /// Why, for programs.
        reason: Reason,
        /// The names at fault.
        who: Vec<String>,
    },
}

/// One thing to show in a room.
#[derive(Clone, Copy, Debug)]
pub enum Line<'a> {
    /// From the timeline.
    Entry(&'a Entry),
    /// On its way.
    Outgoing(&'a Outgoing),
}

/// Which line.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum LineId {
    /// One of the timeline.
    Entry(Place),
    /// One on its way.
    Outgoing(Cid),
}

impl Line<'_> {
    /// Which line this is.
    #[must_use]
    pub fn id(&self) -> LineId {
        match self {
            Self::Entry(entry) => LineId::Entry(entry.place),
            Self::Outgoing(outgoing) => LineId::Outgoing(outgoing.cid),
        }
    }
}

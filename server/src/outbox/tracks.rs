//! How far a client has got, conversation by conversation.

use sotto_proto::{ConvId, Seq};

/// How far a client has got in one conversation.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Track {
    /// The last message queued for it; `None` before the conversation has been introduced.
    pub(super) cursor: Option<Seq>,
    /// The newest message known of.
    pub(super) head: Seq,
    /// The last message known to have been taken.
    pub(super) confirmed: Seq,
}

/// A client's tracks, in the order of conversations. Most clients have a few: a sorted list is as long as they are, where the least node
/// of a tree has room for eleven.
#[derive(Default)]
pub(super) struct Tracks(Vec<(ConvId, Track)>);

impl Tracks {
    pub(super) fn get(&self, conv: ConvId) -> Option<&Track> {
        self.place(conv).ok().and_then(|at| self.0.get(at)).map(|(_, track)| track)
    }

    pub(super) fn get_mut(&mut self, conv: ConvId) -> Option<&mut Track> {
        self.place(conv).ok().and_then(|at| self.0.get_mut(at)).map(|(_, track)| track)
    }

    /// A conversation's track, begun if there is none.
    #[expect(clippy::indexing_slicing, reason = "the place of what has just been found")]
    pub(super) fn of(&mut self, conv: ConvId) -> &mut Track {
        match self.place(conv) {
            Ok(at) => &mut self.0[at].1,
            Err(at) => &mut self.0.insert_mut(at, (conv, Track::default())).1,
        }
    }

    pub(super) fn remove(&mut self, conv: ConvId) {
        self.0.retain(|(other, _)| *other != conv);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (ConvId, &Track)> {
        self.0.iter().map(|(conv, track)| (*conv, track))
    }

    /// Where it is, or where it would be.
    fn place(&self, conv: ConvId) -> Result<usize, usize> {
        self.0.binary_search_by_key(&conv, |(conv, _)| *conv)
    }
}

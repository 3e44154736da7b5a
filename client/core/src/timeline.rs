//! What one room has to show, in order: messages by their seq, and between them what has no seq of its own.
//! It grows at the end as messages come, and at the beginning as history is read; an entry's [`Place`] stays
//! the same however much is put before it.

use std::collections::VecDeque;
use std::collections::vec_deque;

use sotto_proto::{ConvId, FileId, Message, MessageText, Seq, Username};

/// Comings and goings that are this close, in milliseconds, share a line.
const TOGETHER: u64 = 2 * 60 * 1000;
/// What is between two entries that come one after the other, and how far before the next an entry is put between two: as many as one
/// likes, each before the last, have room, and a few anywhere. Where there is none left, room is made.
const STRIDE: u64 = 1 << 40;
const STEP: u64 = 1 << 16;

/// Where an entry stands, and which one it is.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Place {
    seq: u64,
    sub: u64,
}

impl Place {
    fn message(seq: Seq) -> Self {
        Self { seq: seq.get(), sub: 0 }
    }

    /// The seq of the message that stands here, or of the last one before.
    #[must_use]
    pub fn seq(self) -> u64 {
        self.seq
    }

    /// The message before the one that stands here, or [`Seq::ZERO`]: something may be shown ahead of the first.
    pub(crate) fn before(self) -> Seq {
        Seq::new(self.seq).unwrap_or(Seq::ZERO).back(1)
    }

    /// Whether `later` is what comes directly after a message at `self`, as far as seqs tell.
    fn between(self, later: Option<Self>) -> Self {
        match later {
            Some(later) if later.seq == self.seq => {
                let between = later.sub - self.sub;
                Self { seq: self.seq, sub: later.sub - STEP.min(between / 2).max(1) }
            }
            _ => Self { seq: self.seq, sub: self.sub + STRIDE },
        }
    }
}

/// One thing to show.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// Where.
    pub place: Place,
    /// When, Unix milliseconds by the server's clock, or by this machine's for what only it knows.
    pub at: u64,
    /// What.
    pub what: What,
}

/// What an entry is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum What {
    /// A message of the room.
    Message {
        /// Who sent it.
        from: Username,
        /// What it says.
        text: MessageText,
        /// It came to the server without encryption.
        clear: bool,
        /// The file it offers; the text is that file's name.
        file: Option<FileId>,
    },
    /// A message to some of the people in the room, shown here beside what was said to all.
    Aside {
        /// Who sent it.
        from: Username,
        /// What it says.
        text: MessageText,
        /// It came to the server without encryption.
        clear: bool,
        /// The file it offers; the text is that file's name.
        file: Option<FileId>,
        /// The conversation it belongs to.
        conv: ConvId,
        /// Its place there.
        seq: Seq,
    },
    /// People who came, or went.
    Presence {
        /// They came.
        came: bool,
        /// Who.
        who: Vec<Username>,
    },
    /// Messages that are there and have not been read yet, from the entry's own seq on.
    Gap {
        /// The last of them.
        to: Seq,
    },
}

/// What one room has to show.
#[derive(Clone, Debug)]
pub struct Timeline {
    entries: VecDeque<Entry>,
    /// The seq that a new message will have.
    next: u64,
    /// Nothing older exists, or may be read.
    complete: bool,
}

impl Timeline {
    /// Empty; new messages begin after `after`.
    #[must_use]
    pub fn new(after: Seq) -> Self {
        Self { entries: VecDeque::new(), next: after.get() + 1, complete: after == Seq::ZERO }
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is nothing to show.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entry at an index, counted from the oldest one here.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&Entry> {
        self.entries.get(index)
    }

    /// From the oldest to the newest.
    pub fn iter(&self) -> vec_deque::Iter<'_, Entry> {
        self.entries.iter()
    }

    /// The index of an entry; `Err`: where it would be.
    ///
    /// # Errors
    /// The index of the next entry.
    pub fn find(&self, place: Place) -> Result<usize, usize> {
        self.entries.binary_search_by(|entry| entry.place.cmp(&place))
    }

    /// Whether nothing older exists.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// The seq that a new message will have.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.next
    }

    /// The oldest message here, or the next one: history is asked for below this.
    #[must_use]
    pub fn oldest(&self) -> u64 {
        let is_of_room = |entry: &&Entry| matches!(entry.what, What::Message { .. } | What::Gap { .. });
        self.entries.iter().find(is_of_room).map_or(self.next, |entry| entry.place.seq)
    }

    /// When the oldest entry was, if there is one.
    #[must_use]
    pub fn begins_at(&self) -> Option<u64> {
        self.entries.front().map(|entry| entry.at)
    }

    /// Says that nothing older exists.
    pub(crate) fn complete(&mut self) {
        self.complete = true;
    }

    /// Takes the newest message, or one from history. False: it was here already.
    pub(crate) fn take(&mut self, message: &Message) -> bool {
        let (seq, at) = (message.seq, message.at);
        if seq.get() > self.next {
            self.skip(self.next, seq.get() - 1);
        }
        let (from, text, clear) = (message.from.clone(), message.text.clone(), message.clear);
        let file = message.file.as_ref().map(|file| file.id);
        let entry = Entry { place: Place::message(seq), at, what: What::Message { from, text, clear, file } };
        if seq.get() == self.next {
            self.next += 1;
            self.entries.push_back(entry);
            return true;
        }
        self.leave_gap(seq);
        match self.find(entry.place) {
            Ok(_) => false,
            Err(index) => {
                self.entries.insert(index, entry);
                true
            }
        }
    }

    /// Notes that the messages up to `to` exist and were not sent.
    pub(crate) fn skip_to(&mut self, to: Seq) {
        if to.get() >= self.next {
            self.skip(self.next, to.get());
        }
    }

    fn skip(&mut self, from: u64, to: u64) {
        let (Ok(first), Ok(last)) = (Seq::new(from), Seq::new(to)) else {
            return;
        };
        let at = self.entries.back().map_or(0, |entry| entry.at);
        let what = What::Gap { to: last };
        self.entries.push_back(Entry { place: Place::message(first), at, what });
        self.next = to + 1;
    }

    /// A message has come out of a gap: what is left of it stands before and after.
    fn leave_gap(&mut self, seq: Seq) {
        let index = match self.find(Place::message(seq)) {
            Ok(index) => index,
            Err(0) => return,
            Err(index) => index - 1,
        };
        let Some(Entry { place, at, what: What::Gap { to } }) = self.entries.get(index).cloned() else {
            return;
        };
        if to < seq {
            return;
        }
        self.entries.remove(index);
        if to > seq {
            let after = Entry { place: Place::message(seq.next()), at, what: What::Gap { to } };
            self.entries.insert(index, after);
        }
        if place.seq < seq.get() {
            self.entries.insert(index, Entry { place, at, what: What::Gap { to: seq.back(1) } });
        }
    }

    /// Puts something without a seq of its own where its time is.
    pub(crate) fn insert(&mut self, at: u64, what: What) {
        let index = self.entries.iter().rposition(|entry| entry.at <= at).map_or(0, |last| last + 1);
        let (before, later) = self.around(index);
        if later == Some(Place { sub: before.sub + 1, ..before }) {
            self.make_room(before.seq);
        }
        let (before, later) = self.around(index);
        self.entries.insert(index, Entry { place: before.between(later), at, what });
    }

    /// Takes out what was said beside the room's own messages in a conversation.
    pub(crate) fn forget(&mut self, conv: ConvId) {
        self.entries.retain(|entry| !matches!(entry.what, What::Aside { conv: of, .. } if of == conv));
    }

    /// What an entry at this index would stand between.
    fn around(&self, index: usize) -> (Place, Option<Place>) {
        let before = match index.checked_sub(1).and_then(|last| self.entries.get(last)) {
            Some(entry) => Place { seq: entry.place.seq.max(last_of(entry)), sub: entry.place.sub },
            None => Place { seq: self.oldest() - 1, sub: 0 },
        };
        (before, self.entries.get(index).map(|entry| entry.place))
    }

    /// Puts what stands after a message, and before the next, at equal distances. It is nothing but this that gives an entry another
    /// place, and it takes a server that means it.
    fn make_room(&mut self, seq: u64) {
        let mut sub = 0;
        for entry in self.entries.iter_mut().filter(|entry| entry.place.seq == seq && entry.place.sub > 0) {
            sub += STRIDE;
            entry.place.sub = sub;
        }
    }

    /// Notes who came or went; what happens together shares a line.
    pub(crate) fn presence(&mut self, came: bool, who: &[Username], at: u64) {
        if let Some(Entry { at: last, what: What::Presence { came: same, who: all }, .. }) =
            self.entries.back_mut()
            && *same == came
            && at.saturating_sub(*last) < TOGETHER
        {
            all.retain(|name| !who.contains(name));
            all.extend_from_slice(who);
            return;
        }
        let at = self.entries.back().map_or(at, |last| at.max(last.at));
        self.insert(at, What::Presence { came, who: who.to_vec() });
    }
}

fn last_of(entry: &Entry) -> u64 {
    match entry.what {
        What::Gap { to } => to.get(),
        _ => 0,
    }
}

/// What is shown of a message.
impl From<&Message> for What {
    fn from(message: &Message) -> Self {
        let (from, text, clear) = (message.from.clone(), message.text.clone(), message.clear);
        let file = message.file.as_ref().map(|file| file.id);
        Self::Aside { from, text, clear, file, conv: message.conv, seq: message.seq }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seq(number: u64) -> Seq {
        Seq::new(number).unwrap()
    }

    fn take(timeline: &mut Timeline, number: u64) -> bool {
        let (from, text) = ("ann".parse().unwrap(), MessageText::new(&number.to_string()).unwrap());
        let (conv, at) = (ConvId::new(1).unwrap(), number * 1000);
        let (cid, clear, file) = (None, false, None);
        timeline.take(&Message { conv, seq: seq(number), at, cid, from, text, clear, file })
    }

    /// Seqs of messages, `5-7` for a gap, names for presence and asides.
    fn drawn(timeline: &Timeline) -> String {
        let draw = |entry: &Entry| match &entry.what {
            What::Message { text, .. } => text.as_str().to_owned(),
            What::Aside { text, .. } => format!("({})", text.as_str()),
            What::Gap { to } => format!("{}-{to}", entry.place.seq),
            What::Presence { who, came } => format!("{}{}", if *came { "+" } else { "-" }, who.len()),
        };
        let places: Vec<_> = timeline.iter().map(|entry| entry.place).collect();
        assert!(places.is_sorted_by(|a, b| a < b), "{places:?}");
        timeline.iter().map(draw).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn history_goes_before_and_news_after_and_nothing_twice() {
        let mut timeline = Timeline::new(seq(10));
        assert!(!timeline.is_complete());
        assert!([11, 12, 8, 9, 10].into_iter().all(|number| take(&mut timeline, number)));
        assert!(!take(&mut timeline, 9) && !take(&mut timeline, 12));
        assert_eq!(drawn(&timeline), "8 9 10 11 12");
        assert_eq!((timeline.oldest(), timeline.next()), (8, 13));
    }

    #[test]
    fn a_gap_closes_from_either_side_and_from_the_middle() {
        let mut timeline = Timeline::new(Seq::ZERO);
        assert!(timeline.is_complete());
        take(&mut timeline, 1);
        timeline.skip_to(seq(6));
        take(&mut timeline, 7);
        assert_eq!(drawn(&timeline), "1 2-6 7");
        take(&mut timeline, 4);
        assert_eq!(drawn(&timeline), "1 2-3 4 5-6 7");
        for number in [2, 3, 6, 5] {
            assert!(take(&mut timeline, number), "{number}");
        }
        assert_eq!(drawn(&timeline), "1 2 3 4 5 6 7");
    }

    #[test]
    fn what_was_never_announced_is_a_gap_too() {
        let mut timeline = Timeline::new(seq(3));
        take(&mut timeline, 6);
        assert_eq!(drawn(&timeline), "4-5 6");
    }

    #[test]
    fn asides_stand_where_their_time_is_and_keep_their_place() {
        let aside = |at: u64| {
            let conv = ConvId::new(2).unwrap();
            let text = MessageText::new(&at.to_string()).unwrap();
            What::Aside { from: "bob".parse().unwrap(), text, clear: false, file: None, conv, seq: seq(1) }
        };
        let mut timeline = Timeline::new(seq(4));
        assert!([5, 6, 7].into_iter().all(|number| take(&mut timeline, number)));
        for at in [6500, 6200, 6800, 7500, 5000] {
            timeline.insert(at, aside(at));
        }
        assert_eq!(drawn(&timeline), "5 (5000) 6 (6200) (6500) (6800) 7 (7500)");
        let place = timeline.get(3).map(|entry| entry.place).unwrap();
        assert!([3, 4].into_iter().all(|number| take(&mut timeline, number)));
        assert_eq!(timeline.find(place), Ok(5));
        timeline.insert(1, aside(1));
        assert_eq!(drawn(&timeline), "(1) 3 4 5 (5000) 6 (6200) (6500) (6800) 7 (7500)");
    }

    #[test]
    fn there_is_a_place_of_its_own_for_each_of_many_asides() {
        let aside = |at: u64| {
            let (conv, seq) = (ConvId::new(2).unwrap(), seq(at + 1));
            let text = MessageText::new("psst").unwrap();
            What::Aside { from: "bob".parse().unwrap(), text, clear: false, file: None, conv, seq }
        };
        let falling = |count: u64| (0..count).rev().collect::<Vec<_>>();
        // To and fro, each between the last two.
        let closing_in =
            |count: u64| (0..count).map(|at| if at % 2 == 0 { at } else { 2 * count - at }).collect();
        for times in [falling(200), closing_in(200)] {
            let mut timeline = Timeline::new(seq(4));
            take(&mut timeline, 5);
            take(&mut timeline, 6);
            for at in times {
                timeline.insert(5000 + at, aside(at));
                assert!(timeline.entries.iter().is_sorted_by(|one, next| one.place < next.place));
            }
            assert_eq!(timeline.len(), 202);
        }
    }

    #[test]
    fn comings_within_two_minutes_share_a_line_and_goings_have_their_own() {
        let name = |name: &str| name.parse::<Username>().unwrap();
        let mut timeline = Timeline::new(Seq::ZERO);
        take(&mut timeline, 1);
        timeline.presence(true, &[name("ann"), name("bob")], 10_000);
        timeline.presence(true, &[name("carol"), name("Ann")], 60_000);
        timeline.presence(false, &[name("ann")], 61_000);
        timeline.presence(true, &[name("ann")], 62_000);
        timeline.presence(true, &[name("dora")], 62_000 + TOGETHER);
        assert_eq!(drawn(&timeline), "1 +3 -1 +1 +1");
    }
}

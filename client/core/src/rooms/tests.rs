use sotto_proto::{Cid, MessageText, Presence, Reason};

use super::*;

const LOBBY: u64 = 1;

/// The rooms of "me", with the names of rooms and messages written short.
struct Desk {
    rooms: Rooms,
}

fn name(name: &str) -> Username {
    name.parse().unwrap()
}

fn names(names: &[&str]) -> Vec<Username> {
    names.iter().map(|text| name(text)).collect()
}

fn to(people: &[&str]) -> Audience {
    if people.is_empty() { Audience::Everyone } else { Audience::set(names(people)).unwrap() }
}

fn text(text: &str) -> MessageText {
    MessageText::new(text).unwrap()
}

fn seq(number: u64) -> Seq {
    if number == 0 { Seq::ZERO } else { Seq::new(number).unwrap() }
}

fn conv(number: u64) -> ConvId {
    ConvId::new(number).unwrap()
}

fn message(of: u64, number: u64, from: &str) -> Message {
    let (conv, seq, from) = (conv(of), seq(number), name(from));
    Message {
        conv,
        seq,
        at: number * 1000,
        cid: None,
        from,
        text: text(&format!("{of}.{number}")),
        clear: false,
        file: None,
    }
}

impl Desk {
    /// Logged in, with everything of the lobby up to 10 delivered earlier.
    fn open() -> Self {
        Self::with(Notes::default())
    }

    fn with(notes: Notes) -> Self {
        let mut desk = Self { rooms: Rooms::new(notes) };
        desk.logs_in();
        desk.lobby(10, 10);
        desk.told(&Update::CaughtUp);
        desk
    }

    fn told(&mut self, update: &Update) {
        self.rooms.apply(update, 500_000);
        self.rooms.arrange();
    }

    fn logs_in(&mut self) {
        self.told(&Update::LoggedIn { user: name("me"), epoch: Epoch::new(1), resumed: false });
    }

    fn lobby(&mut self, head: u64, after: u64) {
        let (head, after) = (seq(head), seq(after));
        let kind = ConvKind::Lobby;
        self.told(&Update::Conversation { conv: conv(LOBBY), kind, members: Vec::new(), head, after });
    }

    fn set(&mut self, number: u64, (members, head): (&[&str], u64)) {
        let (conv, head, members) = (conv(number), seq(head), names(members));
        self.told(&Update::Conversation { conv, kind: ConvKind::Set, members, head, after: head });
    }

    fn hears(&mut self, of: u64, number: u64, from: &str) {
        self.told(&Update::Message(message(of, number, from)));
    }

    fn says(&mut self, people: &[&str], words: &str) -> Cid {
        match self.rooms.send(&to(people), text(words), 400_000).unwrap() {
            Command::Send { cid, .. } => cid,
            other => panic!("{other:?}"),
        }
    }

    fn stored(&mut self, cid: Cid, of: u64, number: u64) {
        self.told(&Update::Sent { cid, conv: conv(of), seq: seq(number), at: number * 1000 });
    }

    fn page(&mut self, of: u64, numbers: std::ops::RangeInclusive<u64>, more: bool) {
        let messages = numbers.map(|number| message(of, number, "ann")).collect();
        self.told(&Update::History { conv: conv(of), messages, more });
    }

    fn unread(&self, people: &[&str]) -> u64 {
        self.rooms.get(&to(people)).map_or(0, Room::unread)
    }

    fn last_place(&self, people: &[&str]) -> Place {
        self.rooms.get(&to(people)).unwrap().timeline().iter().last().unwrap().place
    }

    /// What a room shows, messages on their way in brackets.
    fn shows(&self, people: &[&str]) -> Vec<String> {
        let room = self.rooms.get(&to(people)).unwrap();
        let entry = |entry: &Entry| match &entry.what {
            What::Message { text, .. } => text.as_str().to_owned(),
            What::Aside { text, .. } => format!("({})", text.as_str()),
            What::Presence { who, .. } => format!("+{}", who.len()),
            What::Gap { to } => format!("{}-{to}", entry.place.seq()),
        };
        let outgoing = self.rooms.outgoing(&to(people));
        let outgoing = outgoing.iter().map(|outgoing| format!("[{}]", outgoing.text.as_str()));
        room.timeline().iter().map(entry).chain(outgoing).collect()
    }
}

#[test]
fn what_others_say_is_unread_until_it_is_seen() {
    let mut desk = Desk::open();
    desk.hears(LOBBY, 11, "ann");
    desk.hears(LOBBY, 12, "me");
    desk.hears(LOBBY, 13, "bob");
    assert_eq!((desk.unread(&[]), desk.rooms.unread()), (2, 2));
    desk.rooms.open(&Audience::Everyone);
    assert_eq!(desk.rooms.get(&Audience::Everyone).unwrap().marker(), Some(11));
    desk.rooms.seen(&Audience::Everyone, desk.last_place(&[]));
    assert_eq!(desk.unread(&[]), 0);
    // The mark stays where it is until the room is left.
    assert_eq!(desk.rooms.get(&Audience::Everyone).unwrap().marker(), Some(11));
    desk.rooms.close(&Audience::Everyone);
    desk.rooms.open(&Audience::Everyone);
    assert_eq!(desk.rooms.get(&Audience::Everyone).unwrap().marker(), None);
}

#[test]
fn how_far_was_read_and_what_was_begun_outlive_a_restart() {
    let mut desk = Desk::open();
    desk.hears(LOBBY, 11, "ann");
    desk.rooms.seen(&Audience::Everyone, desk.last_place(&[]));
    desk.hears(LOBBY, 12, "ann");
    desk.rooms.enter(&to(&["ann"]));
    desk.rooms.keep_draft(&to(&["ann"]), "half a sen");
    let notes = desk.rooms.notes();

    let mut later = Desk { rooms: Rooms::new(notes.clone()) };
    later.logs_in();
    later.lobby(15, 12);
    assert_eq!(later.unread(&[]), 1, "12 was delivered and never seen");
    later.hears(LOBBY, 13, "ann");
    assert_eq!(later.unread(&[]), 2);
    assert_eq!(later.rooms.get(&to(&["ann"])).unwrap().draft(), "half a sen");
    later.page(LOBBY, 5..=12, true);
    assert_eq!(later.unread(&[]), 2, "reading history makes nothing new");

    let mut elsewhere = Desk { rooms: Rooms::new(Notes { epoch: Some(Epoch::new(9)), ..notes }) };
    elsewhere.logs_in();
    elsewhere.lobby(15, 12);
    assert_eq!(elsewhere.unread(&[]), 0, "another history: what was read of it is not known");
}

#[test]
fn a_message_of_ours_is_shown_at_once_and_takes_its_place_when_it_is_stored() {
    let mut desk = Desk::open();
    let cid = desk.says(&[], "hello");
    assert_eq!(desk.shows(&[]), ["[hello]"]);
    // Acknowledged before what came first has arrived.
    desk.stored(cid, LOBBY, 12);
    assert_eq!(desk.shows(&[]), ["[hello]"]);
    desk.hears(LOBBY, 11, "ann");
    assert_eq!(desk.shows(&[]), ["1.11", "hello"]);
    assert_eq!(desk.unread(&[]), 1, "our own is not news");
}

#[test]
fn what_was_refused_can_be_tried_again_as_a_new_message() {
    let mut desk = Desk::open();
    let cid = desk.says(&["ann"], "psst");
    let (reason, who) = (Reason::UnknownRecipient, vec!["ann".to_owned()]);
    let sentence = "Nobody is called ann.".to_owned();
    desk.told(&Update::NotSent { cid, reason, who, sentence });
    assert!(matches!(desk.rooms.outgoing(&to(&["ann"]))[..], [Outgoing { fate: Fate::Failed { .. }, .. }]));
    let Ok(Some(Command::Send { cid: again, .. })) = desk.rooms.retry(cid, 0) else {
        panic!("a second try");
    };
    assert_ne!(again, cid);
    assert_eq!(desk.shows(&["ann"]), ["[psst]"]);
    assert_eq!(desk.rooms.retry(again, 0).unwrap().map(drop), None, "it has not failed");
    desk.rooms.unsend(again);
    assert!(desk.shows(&["ann"]).is_empty());
}

#[test]
fn a_room_is_the_same_whoever_names_its_people() {
    let mut desk = Desk::open();
    assert_eq!(desk.rooms.enter(&to(&["Me", "ann"])), to(&["ann"]));
    assert_eq!(desk.rooms.enter(&to(&["me"])), to(&["me"]), "a room with oneself");
    desk.set(2, (&["ann", "me"], 0));
    desk.hears(2, 1, "ann");
    assert_eq!(desk.unread(&["ann"]), 1);
    assert_eq!(desk.rooms.of(conv(2)).map(Room::audience), Some(&to(&["ann"])));
}

#[test]
fn rooms_are_ordered_by_the_last_word_with_everyone_first() {
    let mut desk = Desk::open();
    desk.set(2, (&["ann", "me"], 0));
    desk.set(3, (&["bob", "me"], 0));
    desk.hears(3, 1, "bob");
    desk.hears(2, 1, "ann");
    desk.hears(2, 2, "ann");
    assert_eq!(desk.rooms.order(), [to(&[]), to(&["ann"]), to(&["bob"])]);
    desk.says(&["bob"], "still there?");
    desk.rooms.arrange();
    assert_eq!(desk.rooms.order(), [to(&[]), to(&["bob"]), to(&["ann"])]);
}

#[test]
fn what_is_said_to_several_is_shown_in_the_room_of_everyone_too() {
    let mut desk = Desk::open();
    desk.hears(LOBBY, 11, "ann");
    desk.set(2, (&["ann", "bob", "me"], 0));
    desk.told(&Update::Message(Message { at: 11_500, ..message(2, 1, "ann") }));
    desk.hears(LOBBY, 12, "ann");
    assert_eq!(desk.shows(&[]), ["1.11", "(2.1)", "1.12"]);
    assert_eq!((desk.unread(&[]), desk.unread(&["ann", "bob"])), (2, 1));
    desk.rooms.seen(&Audience::Everyone, desk.last_place(&[]));
    assert_eq!((desk.unread(&[]), desk.unread(&["ann", "bob"])), (0, 0), "seen there is seen");
    // A pair's words are nobody else's: they are not put up in the room of everyone.
    desk.set(3, (&["ann", "me"], 0));
    desk.hears(3, 1, "ann");
    desk.says(&["ann", "bob"], "both");
    desk.says(&["ann"], "you");
    assert_eq!(desk.shows(&[]), ["1.11", "(2.1)", "1.12", "[both]"]);
}

#[test]
fn what_is_said_to_several_is_shown_once_though_its_conversation_begins_anew_or_gets_other_members() {
    let both = &["ann", "bob", "me"];
    let again: [fn(&mut Desk); 4] = [
        |desk| desk.told(&Update::StartOver(Some(conv(2)))),
        |desk| desk.set(2, (&["ann", "cid", "me"], 0)),
        |desk| desk.set(3, (&["ann", "bob", "me"], 0)),
        |desk| {
            desk.set(2, (&["ann", "cid", "me"], 0));
            desk.hears(2, 2, "ann");
        },
    ];
    for again in again {
        let mut desk = Desk::open();
        desk.hears(LOBBY, 1, "ann");
        desk.set(2, (both, 0));
        for anew in [true, false] {
            desk.hears(2, 1, "ann");
            desk.hears(2, 2, "ann");
            assert_eq!(desk.shows(&["ann", "bob"]), ["2.1", "2.2"]);
            let asides = desk.shows(&[]).into_iter().filter(|line| line.starts_with('('));
            assert_eq!(asides.collect::<Vec<_>>(), ["(2.1)", "(2.2)"]);
            if anew {
                again(&mut desk);
                desk.set(2, (both, 0));
            }
        }
    }
}

#[test]
fn older_asides_wait_until_the_room_of_everyone_goes_back_as_far() {
    let mut desk = Desk::open();
    desk.hears(LOBBY, 11, "ann");
    desk.set(2, (&["ann", "bob", "me"], 9));
    desk.page(2, 7..=9, true);
    assert_eq!(desk.shows(&[]), ["1.11"]);
    desk.page(LOBBY, 8..=10, true);
    assert_eq!(desk.shows(&[]), ["1.8", "(2.8)", "1.9", "(2.9)", "1.10", "1.11"]);
    desk.page(LOBBY, 3..=7, false);
    assert_eq!(desk.shows(&[])[4..7], ["1.7", "(2.7)", "1.8"]);
}

#[test]
fn history_is_asked_for_once_at_a_time_and_only_with_a_connection() {
    let mut desk = Desk::open();
    let asked = desk.rooms.older(&Audience::Everyone, 50);
    let before = seq(11);
    assert!(
        matches!(asked, Some(Command::History { page: Page::Before(seq), limit: 50, .. }) if seq == before)
    );
    assert!(desk.rooms.older(&Audience::Everyone, 50).is_none());
    desk.page(LOBBY, 6..=10, true);
    assert!(desk.rooms.older(&Audience::Everyone, 50).is_some());
    let why = crate::Trouble::Lost("cut".into());
    desk.told(&Update::Reconnecting { wait: std::time::Duration::ZERO, why });
    assert!(desk.rooms.older(&Audience::Everyone, 50).is_none(), "no connection");
    desk.logs_in();
    desk.told(&Update::CaughtUp);
    desk.page(LOBBY, 1..=5, false);
    assert!(desk.rooms.older(&Audience::Everyone, 50).is_none(), "there is nothing older");
}

#[test]
fn a_hole_is_a_gap_that_can_be_filled() {
    let mut desk = Desk::open();
    desk.told(&Update::Hole { conv: conv(LOBBY), from: seq(11), to: seq(14) });
    desk.hears(LOBBY, 15, "ann");
    assert_eq!(desk.shows(&[]), ["11-14", "1.15"]);
    let gap = desk.rooms.get(&to(&[])).unwrap().timeline().get(0).unwrap().place;
    let asked = desk.rooms.fill(&to(&[]), gap);
    assert!(matches!(asked, Some(Command::History { page: Page::After(after), .. }) if after == seq(10)));
    desk.page(LOBBY, 11..=13, true);
    assert_eq!(desk.shows(&[]), ["1.11", "1.12", "1.13", "14-14", "1.15"]);
    assert!(!desk.rooms.get(&to(&[])).unwrap().timeline().is_complete());
}

#[test]
fn a_server_that_lost_its_history_begins_anew_and_drafts_stay() {
    let mut desk = Desk::open();
    desk.hears(LOBBY, 11, "ann");
    desk.rooms.keep_draft(&to(&[]), "half");
    desk.told(&Update::StartOver(None));
    desk.lobby(2, 1);
    desk.hears(LOBBY, 2, "ann");
    assert_eq!(desk.shows(&[]), ["1.2"]);
    assert_eq!(desk.rooms.get(&to(&[])).unwrap().draft(), "half");
}

#[test]
fn marking_as_unread_takes_it_back() {
    let mut desk = Desk::open();
    (11..=14).for_each(|number| desk.hears(LOBBY, number, "ann"));
    desk.rooms.seen(&to(&[]), desk.last_place(&[]));
    let from = desk.rooms.get(&to(&[])).unwrap().timeline().get(2).unwrap().place;
    desk.rooms.mark_unread(&to(&[]), from);
    assert_eq!(desk.unread(&[]), 2);
}

#[test]
fn nothing_stands_before_what_is_shown_ahead_of_the_first_message() {
    let mut desk = Desk { rooms: Rooms::new(Notes::default()) };
    desk.logs_in();
    desk.lobby(0, 0);
    desk.told(&Update::CaughtUp);
    desk.told(&Update::Joined(vec![name("ann")]));
    let ahead = desk.last_place(&[]);
    assert_eq!(ahead.seq(), 0);
    desk.hears(LOBBY, 1, "ann");
    desk.rooms.mark_unread(&to(&[]), ahead);
    assert_eq!(desk.unread(&[]), 1);
    assert!(desk.rooms.fill(&to(&[]), ahead).is_some(), "from the first message on");
}

#[test]
fn the_list_asks_for_the_last_messages_of_rooms_it_knows_nothing_of() {
    let mut desk = Desk::open();
    desk.set(2, (&["ann", "me"], 5));
    desk.set(3, (&["bob", "me"], 0));
    let asked = desk.rooms.previews();
    assert_eq!(asked.len(), 2, "{asked:?}");
    desk.told(&Update::People(vec![(name("ann"), Presence::Away)]));
    assert!(desk.rooms.previews().is_empty(), "they are on their way");
}

#[test]
fn an_offer_that_goes_on_after_a_restart_takes_its_place_too() {
    let mut desk = Desk::open();
    let (cid, name) = (Cid::from_bytes([5; 16]), sotto_proto::FileName::new("hw3.pdf").unwrap());
    let (id, hash) = (sotto_proto::FileId::from_bytes([7; 16]), sotto_proto::FileHash::from_bytes([7; 32]));
    let media = sotto_proto::MediaType::unknown();
    let file = sotto_proto::Attachment { id, size: 9, hash, media, until: 0, gone: false };
    desk.told(&Update::Offered { cid, to: Audience::Everyone, name, file: file.clone() });
    desk.stored(cid, LOBBY, 11);
    assert!(desk.rooms.outgoing(&Audience::Everyone).is_empty());
    let last = desk.rooms.get(&Audience::Everyone).unwrap().last().unwrap();
    assert!(matches!(&last.what, What::Message { file: Some(shown), .. } if *shown == file.id), "{last:?}");
}

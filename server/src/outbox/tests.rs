//! What an outbox takes, what it leaves for the store, and what it knows to have been taken.

use std::sync::Arc;

use bytes::{Buf, BytesMut};

use sotto_proto::{Cid, ConvKind, Decoder, FileId, Message, MessageText, Reason, Username};

use super::*;
use crate::hub::Parcel;
use crate::store::{Account, Conversation};

const LIMIT: usize = 4096;
const ME: UserId = UserId(1);

fn conv() -> ConvId {
    ConvId::new(7).unwrap()
}

fn seq(number: u64) -> Seq {
    Seq::new(number).unwrap()
}

fn account(id: u64, name: &str) -> Account {
    Account { id: UserId(id), name: name.parse::<Username>().unwrap() }
}

/// Message `number`, sent by somebody else unless `origin` says by whom.
fn delivery(number: u64, text: &str, origin: Option<&Outbox>) -> Delivery {
    let members = vec![account(1, "me"), account(2, "you")];
    let sender = members[usize::from(origin.is_none())].clone();
    let parcel = Parcel {
        file: None,
        conversation: Arc::new(Conversation { id: conv(), kind: ConvKind::Set, members }),
        sender,
        cid: Some(Cid::from_bytes([3; 16])),
        text: MessageText::new(text).unwrap(),
        clear: false,
        origin: origin.map_or(Outbox::new(0).id(), Outbox::id),
        reference: None,
    };
    Delivery::new(parcel, seq(number), 0)
}

fn deliver(outbox: &Outbox, number: u64) {
    outbox.deliver(std::iter::once(&delivery(number, "hi", None)));
}

/// An outbox whose client is logged in and has the conversation up to `cursor`.
fn live(cursor: u64) -> Outbox {
    let outbox = Outbox::new(LIMIT);
    outbox.begin(ME, Reply::Registered.encode(None));
    let place = Introduction { cursor: seq(cursor), confirmed: seq(cursor), head: seq(cursor) };
    outbox.introduce(conv(), place, []);
    outbox.prepared();
    assert_eq!(outbox.next_gap(), None);
    written(&outbox);
    outbox
}

/// Takes everything out, as the writer does, and says what it was: a code, or a message's seq.
fn written(outbox: &Outbox) -> Vec<u64> {
    let mut outgoing = Outgoing::default();
    let mut places = Vec::new();
    while outbox.take_now(&mut outgoing, usize::MAX) {
        let mut buffer = BytesMut::from(all(&mut outgoing));
        while let Some(frame) = Decoder::after_login().next(&mut buffer).unwrap() {
            places.push(match Reply::from_frame(&frame).unwrap() {
                Reply::Message(message) => message.seq.get(),
                Reply::Stored { seq, .. } => seq.get(),
                _ => u64::from(frame.code()),
            });
        }
    }
    places
}

/// Writes it all.
fn all(outgoing: &mut Outgoing) -> Bytes {
    outgoing.copy_to_bytes(outgoing.len())
}

fn page(from: u64, to: u64) -> Vec<Placed> {
    let place = |number| {
        let from = "you".parse().unwrap();
        let text = MessageText::new("hi").unwrap();
        let message = Message {
            conv: conv(),
            seq: seq(number),
            at: 0,
            cid: None,
            from,
            text,
            clear: false,
            file: None,
        };
        Placed { conv: conv(), seq: seq(number), frame: Reply::Message(message).encode(None) }
    };
    (from..=to).map(place).collect()
}

#[test]
fn a_live_client_gets_each_message_once_in_order() {
    let outbox = live(4);
    [5, 5, 4, 6].into_iter().for_each(|number| deliver(&outbox, number));
    assert_eq!(written(&outbox), [5, 6]);
}

#[test]
fn a_message_too_early_turns_to_the_store_for_what_is_missing() {
    let outbox = live(4);
    deliver(&outbox, 7);
    assert_eq!(outbox.next_gap(), Some(Gap::Messages(conv(), seq(4))));
    outbox.feed(conv(), page(5, 7));
    assert_eq!(outbox.next_gap(), None);
    assert_eq!(written(&outbox), [5, 6, 7, 213]);
}

#[test]
fn a_conversation_that_begins_is_introduced_before_its_first_message() {
    let outbox = Outbox::new(LIMIT);
    outbox.begin(ME, Reply::Registered.encode(None));
    outbox.prepared();
    assert_eq!(outbox.next_gap(), None);
    deliver(&outbox, 1);
    assert_eq!(written(&outbox), [206, 213, 220, 1]);
}

#[test]
fn a_full_outbox_takes_nothing_more_and_is_fed_when_there_is_room() {
    let outbox = live(0);
    let large = "x".repeat(1000);
    for number in 1..=10 {
        outbox.deliver(std::iter::once(&delivery(number, &large, None)));
    }
    assert!(outbox.state().bytes < 2 * LIMIT);
    assert_eq!(outbox.next_gap(), None, "not before there is room");
    let before = written(&outbox);
    let taken = before.len() as u64;
    assert!(taken < 10 && before.is_sorted());
    assert_eq!(outbox.next_gap(), Some(Gap::Messages(conv(), seq(taken))));
    outbox.feed(conv(), page(taken + 1, 10));
    assert_eq!(outbox.next_gap(), None);
    deliver(&outbox, 11);
    let after: Vec<_> = (taken + 1..=10).chain([213, 11]).collect();
    assert_eq!(written(&outbox), after);
}

#[test]
fn what_comes_while_a_client_is_let_in_is_read_from_the_store() {
    let outbox = Outbox::new(LIMIT);
    outbox.begin(ME, Reply::Registered.encode(None));
    deliver(&outbox, 5);
    let place = Introduction { cursor: seq(3), confirmed: seq(3), head: seq(4) };
    outbox.introduce(conv(), place, []);
    assert_eq!(outbox.next_gap(), None, "not before it is prepared");
    outbox.prepared();
    assert_eq!(outbox.next_gap(), Some(Gap::Messages(conv(), seq(3))));
}

#[test]
fn a_conversation_nobody_has_introduced_is_asked_for() {
    let outbox = Outbox::new(LIMIT);
    outbox.begin(ME, Reply::Registered.encode(None));
    deliver(&outbox, 1);
    outbox.prepared();
    assert_eq!(outbox.next_gap(), Some(Gap::Introduction(conv())));
}

#[test]
fn a_message_that_the_store_has_lost_is_stepped_over_aloud() {
    let outbox = live(4);
    deliver(&outbox, 9);
    outbox.next_gap();
    outbox.feed(conv(), page(7, 9));
    assert_eq!(outbox.next_gap(), None);
    assert_eq!(written(&outbox), [214, 7, 8, 9, 213]);
}

#[test]
fn a_live_client_that_hears_of_a_message_it_was_not_queued_is_fed_it() {
    let outbox = live(4);
    outbox.hear_of(conv(), seq(4));
    assert_eq!(outbox.next_gap(), None);
    outbox.hear_of(conv(), seq(5));
    assert_eq!(outbox.next_gap(), Some(Gap::Messages(conv(), seq(4))));
    outbox.feed(conv(), page(5, 5));
    assert_eq!(outbox.next_gap(), None);
    assert_eq!(written(&outbox), [5, 213]);
}

#[test]
fn a_page_that_holds_nothing_ends_the_search() {
    let outbox = live(4);
    deliver(&outbox, 9);
    outbox.next_gap();
    outbox.feed(conv(), Vec::new());
    assert_eq!(outbox.next_gap(), None);
}

#[test]
fn a_conversation_that_is_not_the_client_s_is_asked_for_once() {
    let outbox = Outbox::new(LIMIT);
    outbox.begin(ME, Reply::Registered.encode(None));
    deliver(&outbox, 9);
    outbox.prepared();
    assert_eq!(outbox.next_gap(), Some(Gap::Introduction(conv())));
    outbox.feed(conv(), Vec::new());
    assert_eq!(outbox.next_gap(), None);
}

#[test]
fn an_acknowledgement_does_not_wait_for_its_sender_to_catch_up() {
    let outbox = live(4);
    deliver(&outbox, 6);
    outbox.deliver(std::iter::once(&delivery(7, "mine", Some(&outbox))));
    assert_eq!(written(&outbox), [7], "ahead of its place");
    outbox.feed(conv(), page(5, 7));
    assert_eq!(written(&outbox), [5, 6, 7]);
}

/// The feeder may read what was committed a moment before the lane delivers it.
#[test]
fn a_message_that_was_fed_to_its_sender_first_is_acknowledged_all_the_same() {
    let outbox = live(4);
    outbox.hear_of(conv(), seq(5));
    outbox.feed(conv(), page(5, 6));
    assert_eq!(written(&outbox), [5, 6]);
    outbox.deliver(std::iter::once(&delivery(6, "hi", Some(&outbox))));
    assert_eq!(written(&outbox), [6]);
    deliver(&outbox, 6);
    assert_eq!(written(&outbox), []);
}

#[test]
fn an_acknowledgement_that_is_next_is_not_fed_again() {
    let outbox = live(4);
    outbox.announce(Bytes::from(vec![0; 2 * LIMIT]));
    outbox.deliver(std::iter::once(&delivery(5, "mine", Some(&outbox))));
    outbox.feed(conv(), page(5, 5));
    assert_eq!(written(&outbox), [5]);
}

#[test]
fn an_announcement_without_room_is_made_up_for_by_213() {
    let outbox = live(4);
    outbox.announce(Bytes::from(vec![0; 2 * LIMIT]));
    assert_eq!(outbox.next_gap(), None);
    assert_eq!(written(&outbox), [213]);
}

#[test]
fn a_stranger_hears_of_nothing() {
    let outbox = Outbox::new(LIMIT);
    deliver(&outbox, 1);
    outbox.announce(Reply::Left(Vec::new()).encode(None));
    assert_eq!(written(&outbox), Vec::<u64>::new());
}

#[test]
fn an_answered_ping_confirms_what_was_queued_before_it() {
    let outbox = live(4);
    deliver(&outbox, 5);
    assert!(outbox.has_unconfirmed());
    outbox.ping();
    deliver(&outbox, 6);
    assert_eq!(outbox.ponged(), [(conv(), seq(5))]);
    assert_eq!(outbox.ponged(), [], "an answer to no question confirms nothing");
    assert!(outbox.has_unconfirmed());
}

#[test]
fn a_second_ping_waits_for_the_first_to_be_answered() {
    let outbox = live(4);
    written(&outbox);
    outbox.ping();
    outbox.ping();
    assert_eq!(written(&outbox), [105], "two answers, and the second would confirm what the next ping is to");
    outbox.ponged();
    outbox.ping();
    assert_eq!(written(&outbox), [105]);
}

#[test]
fn what_is_still_queued_or_being_written_does_not_count_as_written() {
    let outbox = live(4);
    [5, 6, 7].into_iter().for_each(|number| deliver(&outbox, number));
    assert_eq!(outbox.written(), []);
    let mut outgoing = Outgoing::default();
    outbox.take_now(&mut outgoing, 1);
    assert_eq!(outbox.written(), [], "taken, and not reported written");
    all(&mut outgoing);
    outbox.take_now(&mut outgoing, 1);
    assert_eq!(outbox.written(), [(conv(), seq(5))]);
}

#[test]
fn a_ping_asked_for_too_early_follows_the_log_in() {
    let outbox = Outbox::new(LIMIT);
    outbox.ping();
    assert_eq!(written(&outbox), Vec::<u64>::new());
    outbox.begin(ME, Reply::Registered.encode(None));
    assert_eq!(written(&outbox), [206, 105]);
}

#[tokio::test]
async fn the_first_last_words_are_heard() {
    let outbox = Outbox::new(LIMIT);
    outbox.close(Refusal::new(Reason::Replaced, "first"));
    outbox.close(Refusal::new(Reason::Shutdown, "second"));
    assert_eq!(outbox.closed().await.reason, Reason::Replaced);
}

#[test]
fn content_of_a_file_goes_out_only_when_nothing_else_waits() {
    let outbox = Outbox::new(1 << 20);
    let file = FileId::from_bytes([7; 16]);
    let frame = |text: &'static str| [Bytes::from_static(b"content "), Bytes::from_static(text.as_bytes())];
    outbox.push_content(file, ["1", "2"].map(frame));
    outbox.reply(Bytes::from_static(b"chat"));
    let mut written = Vec::new();
    for _ in 0..3 {
        let mut outgoing = Outgoing::default();
        assert!(outbox.take_now(&mut outgoing, 4096));
        written.push(all(&mut outgoing));
    }
    assert_eq!(written, ["chat", "content 1", "content 2"]);
    outbox.push_content(file, [frame("3")]);
    outbox.end_download(file);
    assert!(!outbox.take_now(&mut Outgoing::default(), 4096));
}

#[tokio::test]
async fn what_waits_for_a_stranger_is_little_and_for_a_member_more() {
    let outbox = Outbox::with_bounds(LIMIT, 10);
    outbox.reply(Bytes::from_static(b"0123456789"));
    let room = async |outbox: &Outbox| {
        tokio::select! {
            biased;
            () = outbox.room() => true,
            () = std::future::ready(()) => false,
        }
    };
    assert!(!room(&outbox).await);
    outbox.begin(ME, Reply::Registered.encode(None));
    assert!(room(&outbox).await);
}

/// Messages of the lobby, as one run; message `own` is said by the session that `origin` has.
fn run_of<T>(
    numbers: std::ops::RangeInclusive<u64>,
    own: (u64, &Outbox),
    text: &str,
    test: impl FnOnce(&Run<'_>) -> T,
) -> T {
    let said: Vec<_> =
        numbers.map(|number| delivery(number, text, (number == own.0).then_some(own.1))).collect();
    let said: Vec<_> = said.iter().collect();
    let runs = Run::all(&said);
    assert_eq!(runs.len(), 1);
    test(&runs[0])
}

#[test]
fn a_run_is_queued_as_one_around_what_the_client_has_said_itself() {
    let outbox = live(4);
    run_of(5..=9, (7, &outbox), "hi", |run| outbox.deliver_run(run));
    assert_eq!(outbox.state().queue.len(), 3);
    assert_eq!(written(&outbox), [5, 6, 7, 8, 9]);
    deliver(&outbox, 10);
    assert_eq!(written(&outbox), [10]);
}

#[test]
fn of_a_run_that_is_not_written_yet_nothing_counts_as_written() {
    let outbox = live(4);
    run_of(5..=9, (0, &outbox), "hi", |run| outbox.deliver_run(run));
    let mut outgoing = Outgoing::default();
    assert!(outbox.take_now(&mut outgoing, usize::MAX));
    assert_eq!(outbox.written(), []);
    all(&mut outgoing);
    assert!(!outbox.take_now(&mut outgoing, usize::MAX));
    assert_eq!(outbox.written(), [(conv(), seq(9))]);
}

#[test]
fn a_run_that_a_client_has_in_part_or_has_no_room_for_is_taken_one_by_one() {
    let outbox = live(4);
    deliver(&outbox, 5);
    run_of(5..=6, (0, &outbox), "hi", |run| outbox.deliver_run(run));
    assert_eq!(written(&outbox), [5, 6]);
    let large = "x".repeat(1000);
    run_of(7..=16, (16, &outbox), &large, |run| outbox.deliver_run(run));
    assert!(outbox.state().bytes < 2 * LIMIT);
    let taken = written(&outbox);
    assert!(taken.len() < 10 && taken.last() == Some(&16), "the acknowledgement does not wait: {taken:?}");
    assert!(matches!(outbox.next_gap(), Some(Gap::Messages(_, _))));
}

#[test]
fn a_long_run_is_queued_in_slices_that_are_encrypted_at_once() {
    let outbox = Outbox::new(1 << 20);
    outbox.begin(ME, Reply::Registered.encode(None));
    outbox.introduce(conv(), Introduction { cursor: seq(4), confirmed: seq(4), head: seq(4) }, []);
    outbox.prepared();
    assert_eq!(outbox.next_gap(), None);
    written(&outbox);
    run_of(5..=44, (0, &outbox), &"x".repeat(1000), |run| outbox.deliver_run(run));
    assert!(outbox.state().queue.iter().all(|item| item.frames.len() <= 16 * 1024));
    assert_eq!(outbox.state().queue.len(), 3);
    assert_eq!(written(&outbox), (5..=44).collect::<Vec<_>>());
}

#[test]
fn messages_that_do_not_follow_one_another_are_several_runs() {
    let said = [5, 6, 8].map(|number| delivery(number, "hi", None));
    let runs: Vec<_> =
        Run::all(&said.iter().collect::<Vec<_>>()).iter().map(|run| (run.first, run.last)).collect();
    assert_eq!(runs, [(seq(5), seq(6)), (seq(8), seq(8))]);
}

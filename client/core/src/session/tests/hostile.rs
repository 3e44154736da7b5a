//! A server that means harm: what it says counts for nothing where nobody asked for it, and it cannot make a client keep without end.

use super::*;

/// The `ref=` of the question that goes out next.
fn reference(it: &mut Bench) -> String {
    frame(&it.session.poll_output().unwrap()).tag("ref").unwrap().into_owned()
}

fn answers(it: &mut Bench, reference: &str, replies: &[Reply]) -> Result<(), Trouble> {
    replies.iter().try_for_each(|reply| it.session.receive(&frame(&reply.encode(Some(reference))), it.now))
}

#[test]
fn before_it_lets_anybody_in_a_server_has_nothing_else_to_say() {
    for early in [message(5, None), stored(5, 1), lobby(4), Reply::CaughtUp, Reply::StartOver { conv: None }]
    {
        let mut it = Bench::new();
        it.session.command(say(1));
        it.connects();
        it.said();
        it.told();
        it.breaks(&early);
        assert_eq!((it.said(), it.told()), (vec![], vec![]), "{early:?}");
    }
}

#[test]
fn nobody_is_let_in_twice() {
    let mut it = Bench::ready(0);
    it.breaks(&logged_in());
    let mut it = Bench::ready(0);
    it.session.command(Command::LogOut);
    it.breaks(&logged_in());
    it.session.disconnected();
    assert!(it.session.is_over(), "whoever logs out stays out");
}

#[test]
fn a_wait_without_end_is_one_that_a_clock_can_hold() {
    let mut it = Bench::ready(0);
    it.breaks(&Reply::Goodbye(Refusal {
        reason: Reason::Shutdown,
        retry_after: Some(Duration::from_secs(u64::MAX)),
        sentence: String::new(),
    }));
    let wait = it.session.asked_to_wait().unwrap();
    assert!(wait <= Duration::from_secs(24 * 3600) && it.now.checked_add(wait).is_some());
}

#[test]
fn the_last_place_there_can_be_is_taken_once() {
    let last = i64::MAX.unsigned_abs();
    let mut it = Bench::ready(last - 1);
    it.tells([message(last, None)]);
    it.breaks(&message(last, None));
    it.breaks(&Reply::Hole { conv: conv(), from: seq(last), to: seq(last) });
    assert_eq!(it.news(), [last]);
}

#[test]
fn a_page_of_history_is_what_was_asked_for() {
    let Reply::Message(elsewhere) = message(1, None) else { panic!("no 209") };
    let elsewhere = Reply::Message(Message { conv: ConvId::new(2).unwrap(), ..elsewhere });
    let more_than_asked = [1, 2, 3].map(|number| message(number, None));
    for wrong in [&more_than_asked[..], &[message(2, None), message(1, None)], &[elsewhere]] {
        let mut it = Bench::ready(4);
        it.session.command(Command::History { conv: conv(), page: Page::Latest, limit: 2 });
        let reference = reference(&mut it);
        answers(&mut it, &reference, wrong).unwrap_err();
    }
}

#[test]
fn pings_and_the_end_of_catching_up_are_answered_as_a_server_listens() {
    let mut it = Bench::ready(0);
    let ping = |number: u8| Reply::Ping { body: Bytes::copy_from_slice(&[number]) };
    for number in 0..100 {
        it.tells([ping(number), Reply::CaughtUp]);
    }
    assert_eq!(it.said(), [Request::Pong { body: Bytes::from_static(&[99]) }]);
    // It has asked when it was caught up first, and was not answered.
    let nobody = Reply::Online { people: Vec::new(), more: false };
    answers(&mut it, "2", std::slice::from_ref(&nobody)).unwrap();
    assert_eq!(it.said(), [Request::Who { all: false }], "somebody may have come since it was asked");
    answers(&mut it, "3", &[nobody]).unwrap();
    assert_eq!(it.said(), []);
}

#[test]
fn acknowledgements_of_what_was_never_sent_are_not_kept() {
    let mut it = Bench::ready(0);
    for number in 2..100 {
        it.tells([stored(number, 1)]);
    }
    assert!(it.session.cursors.values().all(|cursor| cursor.acknowledged.is_empty()));
}

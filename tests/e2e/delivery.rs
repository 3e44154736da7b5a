//! What is acknowledged is there: once, in order, for those who were away and those who were slow.

use sotto_proto::{Audience, Cid, MessageText, Page, Reply, Request, Seq, limits};
use sotto_tests::{House, Person};

fn send(cid: Cid, text: &str) -> Request {
    Request::Send { cid: Some(cid), to: Audience::Everyone, text: MessageText::new(text).unwrap() }
}

#[tokio::test]
async fn who_was_away_gets_everything_at_the_next_log_in() {
    let house = House::open().await;
    let [mut ann, bob] = house.join(["ann", "bob"]).await;
    bob.leaves().await;
    ann.tells(&["bob"], "while you were out").await;
    ann.posts("to all").await;
    let mut bob = Person::logged_in(&house, "bob").await;
    let mut texts = [bob.next_message().await.text, bob.next_message().await.text];
    texts.sort();
    assert_eq!(texts, ["to all", "while you were out"]);
    bob.catches_up().await;
}

#[tokio::test]
async fn what_was_taken_before_a_clean_log_out_does_not_come_again() {
    let house = House::open().await;
    let [mut ann, mut bob] = house.join(["ann", "bob"]).await;
    ann.posts("seen").await;
    bob.reads("ann", "seen").await;
    bob.leaves().await;
    ann.posts("new").await;
    let mut bob = Person::logged_in(&house, "bob").await;
    bob.reads("ann", "new").await;
}

/// Written is not taken: the connection may break behind the log-out.
#[tokio::test]
async fn what_a_log_out_does_not_list_as_taken_comes_again() {
    let house = House::open().await;
    let [mut ann, mut bob] = house.join(["ann", "bob"]).await;
    ann.posts("taken").await;
    let first = bob.reads("ann", "taken").await;
    ann.posts("lost on its way").await;
    bob.reads("ann", "lost on its way").await;
    let taken = Some(vec![(first.conv, Seq::new(first.seq).unwrap())]);
    bob.sends(&Request::LogOut { taken }).await;
    bob.until_the_end().await;
    let mut bob = Person::logged_in(&house, "bob").await;
    bob.reads("ann", "lost on its way").await;
    bob.catches_up().await;
}

#[tokio::test]
async fn what_may_not_have_been_taken_comes_again() {
    let house = House::open().await;
    let [mut ann, bob] = house.join(["ann", "bob"]).await;
    ann.posts("perhaps seen").await;
    drop(bob);
    ann.waits_for("203", |reply| matches!(reply, Reply::Left(_))).await;
    let mut bob = Person::logged_in(&house, "bob").await;
    bob.reads("ann", "perhaps seen").await;
}

#[tokio::test]
async fn an_errand_leaves_what_was_missed_for_its_owner() {
    let house = House::open().await;
    let [mut ann, bob] = house.join(["ann", "bob"]).await;
    bob.leaves().await;
    ann.posts("for bob himself").await;
    let mut errand = Person::stranger(&house.dial()).await;
    let [user, password] = ["bob", sotto_tests::PASSWORD];
    let (user, password) = (user.parse().unwrap(), sotto_proto::Password::new(password).unwrap());
    errand.logs_in_as(Request::LogIn { user, password, take_over: false, peek: true, device: None }).await;
    errand.hears_nothing().await;
    errand.posts("on bob's behalf").await;
    errand.leaves().await;
    let mut bob = Person::logged_in(&house, "bob").await;
    bob.reads("ann", "for bob himself").await;
}

#[tokio::test]
async fn the_same_cid_is_one_message_on_whatever_connection_it_comes() {
    let house = House::open().await;
    let [mut ann, mut bob] = house.join(["ann", "bob"]).await;
    let cid = Cid::from_bytes([9; 16]);
    ann.sends(&send(cid, "once")).await;
    let first = ann.is_acknowledged(cid).await;
    ann.sends(&send(cid, "once")).await;
    assert_eq!(ann.is_acknowledged(cid).await, first);
    ann.leaves().await;
    let house = house.reopen().await;
    let mut ann = Person::returns(&house, "ann").await;
    ann.sends(&send(cid, "once")).await;
    assert_eq!(ann.is_acknowledged(cid).await, first);
    bob.reads("ann", "once").await;
    let mut bob = Person::returns(&house, "bob").await;
    bob.hears_nothing().await;
}

#[tokio::test]
async fn everyone_sees_the_same_dense_order() {
    let house = House::open().await;
    let [mut ann, mut bob, mut eve] = house.join(["ann", "bob", "eve"]).await;
    for index in 0..50 {
        ann.drops_in(&[], &format!("a{index}")).await;
        bob.drops_in(&[], &format!("b{index}")).await;
    }
    let mut order = Vec::new();
    for expected in 1..=100 {
        let seen = eve.next_message().await;
        assert_eq!(seen.seq, expected);
        order.push(seen.text);
    }
    let (messages, _) = ann.looks_up(sotto_proto::ConvId::new(1).unwrap(), Page::Latest, 200).await;
    assert_eq!(messages.into_iter().map(|seen| seen.text).collect::<Vec<_>>(), order);
    for who in ["a", "b"] {
        let own: Vec<_> = order.iter().filter(|text| text.starts_with(who)).collect();
        assert!(own.iter().enumerate().all(|(index, text)| **text == format!("{who}{index}")), "{own:?}");
    }
}

#[tokio::test]
async fn a_sender_s_own_places_are_told_as_acknowledgements_or_holes() {
    let house = House::open().await;
    let [mut ann, mut bob] = house.join(["ann", "bob"]).await;
    bob.posts("1").await;
    ann.posts("2").await;
    let text = MessageText::new("3, without a cid").unwrap();
    ann.sends(&Request::Send { cid: None, to: Audience::Everyone, text }).await;
    let hole = ann.waits_for("214", |reply| matches!(reply, Reply::Hole { .. })).await;
    let Reply::Hole { from, to, .. } = hole else { panic!("{hole:?}") };
    assert_eq!((from.get(), to.get()), (3, 3));
    bob.posts("4").await;
    assert_eq!(ann.reads("bob", "4").await.seq, 4);
}

#[tokio::test]
async fn history_is_read_page_by_page_from_either_end() {
    let house = House::open().await;
    let [mut ann] = house.join(["ann"]).await;
    let mut lobby = None;
    for index in 1..=7 {
        lobby = Some(ann.posts(&index.to_string()).await.0);
    }
    let lobby = lobby.unwrap();
    let mut page = async |page| {
        let (messages, more) = ann.looks_up(lobby, page, 3).await;
        (messages.into_iter().map(|seen| seen.seq).collect::<Vec<_>>(), more)
    };
    let seq = |number| Seq::new(number).unwrap();
    assert_eq!(page(Page::Latest).await, (vec![5, 6, 7], true));
    assert_eq!(page(Page::Before(seq(5))).await, (vec![2, 3, 4], true));
    assert_eq!(page(Page::Before(seq(2))).await, (vec![1], false));
    assert_eq!(page(Page::After(seq(0))).await, (vec![1, 2, 3], true));
    assert_eq!(page(Page::After(seq(4))).await, (vec![5, 6, 7], false));
}

/// As many as a page may have, of texts as long as they may be, would be three megabytes.
#[tokio::test]
async fn a_page_of_long_texts_is_short_and_says_that_there_are_more() {
    let house = House::open().await;
    let [mut ann] = house.join(["ann"]).await;
    let lobby = sotto_proto::ConvId::new(1).unwrap();
    let long = "x".repeat(limits::MAX_TEXT_BYTES);
    for _ in 1..=40 {
        ann.posts(&long).await;
    }
    ann.posts("and a short one").await;
    let seq = |number| Seq::new(number).unwrap();
    let mut page = async |page| {
        let (messages, more) = ann.looks_up(lobby, page, limits::MAX_PAGE).await;
        (messages.first().unwrap().seq..=messages.last().unwrap().seq, more)
    };
    assert_eq!(page(Page::After(seq(0))).await, (1..=16, true));
    assert_eq!(page(Page::After(seq(16))).await, (17..=32, true));
    assert_eq!(page(Page::After(seq(32))).await, (33..=41, false));
    assert_eq!(page(Page::Latest).await, (26..=41, true));
    assert_eq!(page(Page::Before(seq(26))).await, (10..=25, true));
    assert_eq!(page(Page::Before(seq(10))).await, (1..=9, false));
}

#[tokio::test]
async fn a_page_holds_what_was_sent_just_before_it() {
    let house = House::open().await;
    let [mut ann] = house.join(["ann"]).await;
    let lobby = sotto_proto::ConvId::new(1).unwrap();
    for index in 1..=20 {
        ann.drops_in(&[], &index.to_string()).await;
        let (page, _) = ann.looks_up(lobby, Page::Latest, 1).await;
        assert_eq!(page[0].text, index.to_string());
    }
}

#[tokio::test]
async fn other_people_s_history_is_as_if_it_were_not_there() {
    let house = House::open().await;
    let [mut ann, _bob, mut eve] = house.join(["ann", "bob", "eve"]).await;
    let (secret, _) = ann.tells(&["bob"], "between us").await;
    let absent = sotto_proto::ConvId::new(999).unwrap();
    let mut answers = Vec::new();
    for conv in [secret, absent] {
        answers.push(eve.asks(&Request::History { conv, page: Page::Latest, limit: 10 }).await);
    }
    assert!(matches!(answers[0], Reply::Refused(_)) && answers[0] == answers[1], "{answers:?}");
}

#[tokio::test]
async fn a_reader_that_stops_reading_is_caught_up_and_the_others_go_on() {
    let house = House::with_limits(&["outbox-bytes=65536"]).await;
    let [mut ann, mut bob, mut slow] = house.join(["ann", "bob", "slow"]).await;
    let long = "x".repeat(16_000);
    // Far more than the outbox and every buffer between hold.
    const MESSAGES: u64 = 1500;
    for index in 0..MESSAGES {
        ann.posts(&format!("{index} {long}")).await;
        assert_eq!(bob.next_message().await.seq, index + 1);
    }
    for index in 0..MESSAGES {
        let seen = slow.next_message().await;
        assert_eq!((seen.seq, seen.text), (index + 1, format!("{index} {long}")));
    }
    ann.posts("and live again").await;
    slow.reads("ann", "and live again").await;
}

#[tokio::test]
async fn a_backlog_beyond_the_limit_is_announced_and_can_be_fetched() {
    let house = House::with_limits(&["catch-up-messages=3"]).await;
    let [mut ann, bob] = house.join(["ann", "bob"]).await;
    bob.leaves().await;
    for index in 1..=10 {
        ann.posts(&index.to_string()).await;
    }
    let mut bob = Person::logged_in(&house, "bob").await;
    let hole = bob.waits_for("214", |reply| matches!(reply, Reply::Hole { .. })).await;
    let Reply::Hole { conv, from, to } = hole else { panic!("{hole:?}") };
    assert_eq!((from.get(), to.get()), (1, 7));
    assert_eq!(bob.next_message().await.seq, 8);
    let (missing, _) = bob.looks_up(conv, Page::Before(Seq::new(8).unwrap()), 10).await;
    assert_eq!(missing.len(), 7);
}

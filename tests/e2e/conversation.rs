//! The whole conversation of the original, and what its programs took for granted.

use sotto_proto::{Audience, ConvKind, MessageText, Reason, Reply, Request, Username};
use sotto_server::Registration;
use sotto_tests::{House, PASSWORD, Person};

fn names(typed: &[&str]) -> Vec<Username> {
    typed.iter().map(|name| name.parse().unwrap()).collect()
}

#[tokio::test]
async fn an_account_is_made_once_and_opens_with_its_password_only() {
    let house = House::open().await;
    let mut ann = Person::stranger(&house.dial()).await;
    assert_eq!(ann.registers("ann", PASSWORD).await, Reply::Registered);
    assert_eq!(ann.registers("Ann", "another password").await, Reply::NameTaken);
    assert_eq!(ann.logs_in("ann", "wrong password").await, Reply::WrongPassword);
    assert_eq!(ann.logs_in("nobody", PASSWORD).await, Reply::WrongPassword);
    assert!(
        matches!(ann.logs_in("ANN", PASSWORD).await, Reply::LoggedIn { user, .. } if user.as_str() == "ann")
    );
}

#[tokio::test]
async fn a_second_log_in_is_refused_and_the_first_goes_on() {
    let house = House::open().await;
    let [mut ann] = house.join(["ann"]).await;
    let mut second = Person::stranger(&house.dial()).await;
    // The holder is asked whether it is there, and says so while it waits for messages.
    let answer = tokio::select! {
        answer = second.logs_in("ann", PASSWORD) => answer,
        seen = ann.next_message() => panic!("{seen:?}"),
    };
    assert!(matches!(answer, Reply::AlreadyLoggedIn { from, since } if from == "127.0.0.1" && since > 0));
    ann.posts("still here").await;
}

#[tokio::test]
async fn a_message_reaches_everyone_some_or_one_and_nobody_else() {
    let house = House::open().await;
    let [mut ann, mut bob, mut eve] = house.join(["ann", "bob", "eve"]).await;
    ann.posts("to all").await;
    bob.reads("ann", "to all").await;
    eve.reads("ann", "to all").await;
    ann.tells(&["bob", "eve"], "to some").await;
    bob.reads("ann", "to some").await;
    eve.reads("ann", "to some").await;
    ann.tells(&["bob"], "to one").await;
    bob.reads("ann", "to one").await;
    eve.hears_nothing().await;
}

#[tokio::test]
async fn a_conversation_is_the_same_one_for_each_of_its_members() {
    let house = House::open().await;
    let [mut ann, mut bob, mut eve] = house.join(["ann", "bob", "eve"]).await;
    let (trio, _) = ann.tells(&["bob", "eve"], "hi").await;
    let seen = bob.reads("ann", "hi").await;
    assert_eq!((seen.conv, seen.seq), (trio, 1));
    assert_eq!(bob.tells(&["eve", "ann"], "reply to all").await, (trio, 2));
    assert_eq!(eve.tells(&["ANN", "Bob", "eve"], "me too").await, (trio, 3));
    let introduction = |reply: &Reply| match reply {
        Reply::Conversation { conv, kind: ConvKind::Set, members, .. } if *conv == trio => {
            Some(members.clone())
        }
        _ => None,
    };
    let introduced: Vec<_> = bob.passed_over.iter().filter_map(introduction).collect();
    assert_eq!(introduced, [names(&["ann", "bob", "eve"])]);
}

#[tokio::test]
async fn coming_and_going_is_told_to_everyone_else() {
    let house = House::open().await;
    let [mut ann] = house.join(["ann"]).await;
    let bob = Person::newcomer(&house, "bob").await;
    let joined = ann.waits_for("205", |reply| matches!(reply, Reply::Joined(_))).await;
    assert_eq!(joined, Reply::Joined(names(&["bob"])));
    assert_eq!(ann.who_is_online().await, names(&["bob"]));
    bob.leaves().await;
    let left = ann.waits_for("203", |reply| matches!(reply, Reply::Left(_))).await;
    assert_eq!(left, Reply::Left(names(&["bob"])));
    assert_eq!(ann.who_is_online().await, []);
}

#[tokio::test]
async fn a_connection_that_is_just_gone_is_a_leave_too() {
    let house = House::open().await;
    let [mut ann, bob] = house.join(["ann", "bob"]).await;
    drop(bob);
    let left = ann.waits_for("203", |reply| matches!(reply, Reply::Left(_))).await;
    assert_eq!(left, Reply::Left(names(&["bob"])));
}

#[tokio::test]
async fn logging_out_frees_the_account_at_once() {
    let house = House::open().await;
    let [ann] = house.join(["ann"]).await;
    ann.leaves().await;
    let [mut bob] = house.join(["bob"]).await;
    let mut ann = Person::returns(&house, "ann").await;
    ann.posts("back").await;
    bob.reads("ann", "back").await;
}

#[tokio::test]
async fn names_and_texts_of_any_script_arrive_as_they_were_written() {
    let house = House::open().await;
    let [mut ann, mut other] = house.join(["李 雷", "阿凡提·买买提"]).await;
    let text = "第一行\n第二行\r\n\t🙂 %20 = \u{202e}";
    ann.tells(&["阿凡提·买买提"], text).await;
    other.reads("李 雷", text).await;
}

#[tokio::test]
async fn everyone_with_an_account_can_be_listed_with_presence() {
    use sotto_proto::Presence::{Away, Online};
    let house = House::open().await;
    let [mut ann, bob, _eve] = house.join(["ann", "bob", "eve"]).await;
    bob.leaves().await;
    ann.sends(&Request::Who { all: true }).await;
    let answer = ann.waits_for("210", |reply| matches!(reply, Reply::Everyone { .. })).await;
    let [bob, eve] = ["bob", "eve"].map(|name| name.parse().unwrap());
    assert_eq!(answer, Reply::Everyone { people: vec![(bob, Away), (eve, Online)], more: false });
}

#[tokio::test]
async fn a_roster_that_does_not_fit_one_frame_comes_in_several() {
    let house = House::with_limits(&["stranger-requests=0", "login-seconds=0"]).await;
    let mut door = Person::stranger(&house.dial()).await;
    for index in 0..410 {
        assert_eq!(door.registers(&format!("{index}{}", "张".repeat(28)), PASSWORD).await, Reply::Registered);
    }
    let [mut ann] = house.join(["ann"]).await;
    ann.sends(&Request::Who { all: true }).await;
    let mut sizes = Vec::new();
    loop {
        match ann.next().await {
            Reply::Everyone { people, more } => sizes.push((people.len(), more)),
            Reply::End { more } => break assert!(!more),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(sizes, [(400, true), (10, false)]);
}

#[tokio::test]
async fn a_client_that_knows_only_frames_and_the_original_codes_can_chat() {
    let house = House::open().await;
    let [mut bob] = house.join(["bob"]).await;
    let mut old = Person::stranger(&house.dial()).await;
    old.sends_payload(b"102\r\nold\r\ncorrect horse battery").await;
    assert_eq!(old.next_frame().await.unwrap().code(), 206);
    old.sends_payload(b"101\r\nold\r\ncorrect horse battery").await;
    let frame = old.next_frame().await.unwrap();
    assert_eq!((frame.code(), &frame.body()[..]), (204, &b"old"[..]));
    old.sends_payload(b"108").await;
    old.sends_payload(b"106\r\nbob\r\nhello").await;
    old.sends_payload(b"106\r\n*\r\nhello all").await;
    bob.reads("old", "hello").await;
    bob.reads("old", "hello all").await;
    bob.tells(&["old"], "and to you").await;
    old.reads("bob", "and to you").await;
    old.sends_payload(b"100\r\nold").await;
    old.until_the_end().await;
    assert!(old.passed_over.contains(&Reply::Online { people: names(&["bob"]), more: false }));
}

#[tokio::test]
async fn an_unknown_name_stops_the_whole_message() {
    let house = House::open().await;
    let [mut ann, mut bob] = house.join(["ann", "bob"]).await;
    ann.drops_in(&["bob", "nobody", "noone"], "half an audience").await;
    let refused = ann.waits_for("208", |reply| matches!(reply, Reply::NotSent { .. })).await;
    let Reply::NotSent { cid, reason, who, .. } = refused else { panic!("{refused:?}") };
    assert!(cid.is_some());
    assert_eq!((reason, who), (Reason::UnknownRecipient, vec!["nobody".to_owned(), "noone".to_owned()]));
    bob.hears_nothing().await;
}

#[tokio::test]
async fn a_message_to_nobody_or_of_nothing_is_not_sent() {
    let house = House::open().await;
    let [mut ann] = house.join(["ann"]).await;
    let too_long = [b"106\r\n*\r\n", "长".repeat(6000).as_bytes()].concat();
    for payload in [&b"106\r\n\r\nnobody"[..], b"106\r\n*\r\n", b"106\r\n*", b"106\r\na\x01\r\nx", &too_long]
    {
        ann.sends_payload(payload).await;
        let answer = ann.next().await;
        assert!(matches!(answer, Reply::NotSent { .. }), "{answer:?}");
    }
}

#[tokio::test]
async fn newcomers_see_the_lobby_from_their_registration_on() {
    let house = House::open().await;
    let [mut ann] = house.join(["ann"]).await;
    ann.posts("before").await;
    let [mut bob] = house.join(["bob"]).await;
    let (lobby, seq) = ann.posts("after").await;
    assert_eq!(bob.reads("ann", "after").await.seq, seq);
    let (messages, more) = bob.looks_up(lobby, sotto_proto::Page::Latest, 10).await;
    assert_eq!((messages.len(), more), (1, false));
}

#[tokio::test]
async fn registration_asks_for_the_invite_of_the_link_in_force() {
    let house = House::with_registration(Registration::Invite).await;
    let mut ann = Person::stranger(&house.dial()).await;
    let reason = |reply: Reply| match reply {
        Reply::Refused(refusal) => refusal.reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(reason(ann.registers("ann", PASSWORD).await), Reason::NotInvited);
    assert_eq!(reason(ann.registers_with("ann", PASSWORD, Some("guess")).await), Reason::NotInvited);
    let invite = house.link.invite.clone();
    assert_eq!(ann.registers_with("ann", PASSWORD, invite.as_deref()).await, Reply::Registered);
}

#[tokio::test]
async fn a_closed_server_registers_nobody() {
    let house = House::with_registration(Registration::Closed).await;
    let mut ann = Person::stranger(&house.dial()).await;
    let answer = ann.registers("ann", PASSWORD).await;
    assert!(matches!(answer, Reply::Refused(refusal) if refusal.reason == Reason::RegistrationClosed));
}

#[tokio::test]
async fn what_is_said_too_fast_is_slowed_down_and_not_dropped() {
    let house = House::with_limits(&["messages-per-second=50", "messages-burst=2"]).await;
    let [mut ann, mut bob] = house.join(["ann", "bob"]).await;
    for index in 0..10 {
        let text = MessageText::new(&index.to_string()).unwrap();
        ann.sends(&Request::Send { cid: None, to: Audience::Everyone, text }).await;
    }
    for index in 0..10 {
        bob.reads("ann", &index.to_string()).await;
    }
}

#[tokio::test]
async fn a_name_that_looks_like_somebody_else_s_is_taken() {
    let house = House::open().await;
    Person::newcomer(&house, "Mary").await.leaves().await;
    let mut stranger = Person::stranger(&house.dial()).await;
    // The second letter is Cyrillic.
    assert_eq!(stranger.registers("Mаry", PASSWORD).await, Reply::NameTaken);
    assert_eq!(stranger.registers("Marie", PASSWORD).await, Reply::Registered);
    let house = house.reopen().await;
    let mut stranger = Person::stranger(&house.dial()).await;
    assert_eq!(stranger.registers("Mаry", PASSWORD).await, Reply::NameTaken);
}

#[tokio::test]
async fn nobody_can_say_who_they_are_or_when_they_speak() {
    let house = House::open().await;
    let [mut ann, mut bob] = house.join(["ann", "bob"]).await;
    let (conv, before) = ann.posts("as herself").await;
    bob.reads("ann", "as herself").await;
    ann.sends_payload(b"106 from=bob user=bob conv=7 seq=99 at=1\r\n*\r\nas somebody else").await;
    let seen = bob.reads("ann", "as somebody else").await;
    assert_eq!((seen.conv, seen.seq), (conv, before + 1));
    ann.leaves().await;
    let mut again = Person::stranger(&house.dial()).await;
    for name in ["ann ", "ann\0", "\u{202e}ann"] {
        again.sends_payload(format!("101\r\n{name}\r\n{PASSWORD}").as_bytes()).await;
        let answer = again.next().await;
        assert!(
            matches!(&answer, Reply::Refused(refusal) if refusal.reason == Reason::BadName),
            "{name:?}: {answer:?}"
        );
    }
    let answer = again.logs_in("ANN", PASSWORD).await;
    assert!(matches!(answer, Reply::LoggedIn { user, .. } if user.as_str() == "ann"));
}

#[tokio::test]
async fn a_name_that_covers_those_above_and_below_it_is_not_registered() {
    let house = House::open().await;
    let mut stranger = Person::stranger(&house.dial()).await;
    for (piled, answer) in [(5, None), (6, Some(Reason::BadName))] {
        let name = format!("q{}", "\u{30d}".repeat(piled));
        match stranger.registers(&name, PASSWORD).await {
            Reply::Registered => assert_eq!(answer, None),
            Reply::Refused(refusal) => assert_eq!(Some(refusal.reason), answer),
            other => panic!("{other:?}"),
        }
    }
}

//! Whatever somebody sends ends at worst their own connection, and says why.

use sotto_proto::{Reason, Reply, Request};
use sotto_tests::{House, PASSWORD, Person};

fn reason(reply: Option<Reply>) -> Reason {
    match reply {
        Some(Reply::Refused(refusal) | Reply::Goodbye(refusal)) => refusal.reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn malformed_framing_ends_the_connection_with_the_reason() {
    let house = House::open().await;
    let [mut ann] = house.join(["ann"]).await;
    let frames: [&[u8]; 6] = [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xff\xff\xff\xff",
        b"\0\0\x10\x01",
        b"\0\0\0\0",
        b"\0\0\0\x02ab",
        b"\0\0\0\x081011 a=b",
    ];
    for bytes in frames {
        let mut stranger = Person::stranger(&house.dial()).await;
        stranger.sends_bytes(bytes).await;
        let said = stranger.until_the_end().await;
        let [refused @ Reply::Refused(_), bye @ Reply::Goodbye(_)] = &said[..] else { panic!("{said:?}") };
        let reasons = [refused, bye].map(|reply| reason(Some(reply.clone())));
        assert_eq!(reasons, [Reason::Malformed; 2], "{bytes:?}");
    }
    ann.posts("unmoved").await;
}

#[tokio::test]
async fn malformed_framing_ends_a_member_s_connection_too_and_no_other() {
    let house = House::open().await;
    let [mut ann, mut bob] = house.join(["ann", "bob"]).await;
    for index in 0..10 {
        ann.drops_in(&[], &index.to_string()).await;
    }
    ann.sends_bytes(&[0, 1, 0, 1]).await;
    let said = ann.until_the_end().await;
    assert_eq!(said.iter().filter(|reply| matches!(reply, Reply::Stored { .. })).count(), 10);
    assert_eq!(reason(said.last().cloned()), Reason::Malformed);
    bob.posts("unmoved").await;
}

#[tokio::test]
async fn a_bad_request_in_good_framing_is_refused_and_the_connection_lives() {
    let house = House::open().await;
    let [mut ann] = house.join(["ann"]).await;
    let requests: [(&[u8], Reason); 6] = [
        (b"999", Reason::UnknownCode),
        (b"109\r\n", Reason::BadRequest),
        (b"107 conv=1 limit=201", Reason::BadRequest),
        (b"107 conv=x", Reason::BadRequest),
        (b"107", Reason::BadRequest),
        (b"101\r\nann\r\ncorrect horse battery", Reason::LoggedIn),
    ];
    for (payload, expected) in requests {
        ann.sends_payload(payload).await;
        assert_eq!(reason(Some(ann.next().await)), expected, "{payload:?}");
    }
    ann.posts("still here").await;
}

#[tokio::test]
async fn every_answer_repeats_the_reference_of_its_request() {
    let house = House::open().await;
    let [mut ann] = house.join(["ann"]).await;
    for request in
        [&b"999 ref=a%20b"[..], b"108 ref=a%20b", b"105 ref=a%20b\r\nx", b"106 ref=a%20b\r\nnobody\r\nx"]
    {
        ann.sends_payload(request).await;
        let frame = ann.next_frame().await.unwrap();
        assert_eq!(frame.tag("ref").as_deref(), Some("a b"), "{frame:?}");
    }
}

#[tokio::test]
async fn a_stranger_may_ask_for_nothing_but_to_be_let_in() {
    let house = House::open().await;
    let mut stranger = Person::stranger(&house.dial()).await;
    let file = "file=00000000000000000000000000000001";
    let of_a_file =
        [format!("109 {file} off=0\r\nx"), format!("111 {file} say=accept"), format!("112 {file} off=0")];
    let of_a_file = of_a_file.iter().map(String::as_bytes);
    let plain = [&b"104 old=12\r\nold passwordnew password"[..], b"106\r\n*\r\nhi", b"107 conv=1", b"108"];
    let more = [&b"108 all=1"[..], b"109\r\nx", b"113", b"211\r\nx"];
    for payload in plain.into_iter().chain(more).chain(of_a_file) {
        stranger.sends_payload(payload).await;
        assert_eq!(reason(Some(stranger.next().await)), Reason::LogInFirst, "{payload:?}");
    }
    stranger.sends_payload(b"105\r\nx").await;
    assert!(matches!(stranger.next().await, Reply::Pong { .. }));
}

/// Whatever would let somebody in, or make somebody, changes nothing about whom a session is.
#[tokio::test]
async fn a_member_is_who_they_are_until_they_go_and_then_nobody() {
    let house = House::open().await;
    let [mut ann, mut bob] = house.join(["ann", "bob"]).await;
    let token = bob.token.clone().unwrap().reveal();
    let right = PASSWORD;
    let epoch = bob.epoch.unwrap();
    let asks = [
        format!("101\r\nbob\r\n{right}"),
        format!("101 take-over=1\r\nbob\r\n{right}"),
        format!("101\r\nann\r\n{right}"),
        "101\r\nann\r\na wrong password".to_owned(),
        format!("101 peek=1\r\nnobody\r\n{right}"),
        format!("102\r\neve\r\n{right}"),
        format!("103 user=bob token={token} epoch={epoch}"),
    ];
    for ask in &asks {
        ann.sends_payload(ask.as_bytes()).await;
        assert_eq!(reason(Some(ann.next().await)), Reason::LoggedIn, "{ask}");
    }
    // A stranger's rights and limits are behind them as well.
    for _ in 0..100 {
        ann.sends(&Request::Who { all: false }).await;
        ann.waits_for("210", |reply| matches!(reply, Reply::Online { .. })).await;
    }
    ann.posts("still ann").await;
    bob.reads("ann", "still ann").await;
    let mut eve = Person::stranger(&house.dial()).await;
    assert_eq!(eve.logs_in("eve", right).await, Reply::WrongPassword);
    // What comes behind a log-out is not heard.
    let last = [&b"100"[..], b"106\r\n*\r\nfrom the grave", b"101\r\nann\r\ncorrect horse battery"];
    let frames: Vec<u8> = last.into_iter().flat_map(framed).collect();
    ann.sends_bytes(&frames).await;
    assert_eq!(reason(ann.until_the_end().await.pop()), Reason::LoggedOut);
    bob.waits_for("203", |reply| matches!(reply, Reply::Left(_))).await;
    bob.hears_nothing().await;
}

fn framed(payload: &[u8]) -> Vec<u8> {
    [&u32::try_from(payload.len()).unwrap().to_be_bytes()[..], payload].concat()
}

#[tokio::test]
async fn a_stranger_gets_so_many_requests_and_no_more() {
    let house = House::with_limits(&["stranger-requests=3"]).await;
    let mut stranger = Person::stranger(&house.dial()).await;
    for _ in 0..3 {
        stranger.sends(&Request::Who { all: false }).await;
        assert_eq!(reason(Some(stranger.next().await)), Reason::LogInFirst);
    }
    stranger.sends(&Request::Who { all: false }).await;
    assert_eq!(reason(stranger.until_the_end().await.pop()), Reason::Limit);
}

#[tokio::test]
async fn pings_and_what_is_no_request_count_for_a_stranger_too() {
    let house = House::with_limits(&["stranger-requests=3"]).await;
    for payload in [&b"105\r\nx"[..], b"999", b"106"] {
        let mut stranger = Person::stranger(&house.dial()).await;
        for _ in 0..3 {
            stranger.sends_payload(payload).await;
            assert!(!matches!(stranger.next().await, Reply::Goodbye(_)), "{payload:?}");
        }
        stranger.sends_payload(payload).await;
        assert_eq!(reason(stranger.until_the_end().await.pop()), Reason::Limit, "{payload:?}");
    }
}

#[tokio::test]
async fn three_wrong_passwords_end_the_connection() {
    let house = House::open().await;
    let mut stranger = Person::stranger(&house.dial()).await;
    for _ in 0..2 {
        assert_eq!(stranger.logs_in("ann", "a wrong password").await, Reply::WrongPassword);
    }
    stranger.sends_payload(b"101\r\nann\r\na wrong password").await;
    let said = stranger.until_the_end().await;
    assert_eq!(said.first(), Some(&Reply::WrongPassword));
    assert_eq!(reason(said.last().cloned()), Reason::Throttled);
}

#[tokio::test]
async fn guessing_from_one_source_is_throttled_and_the_right_password_is_not_charged() {
    let house = House::with_limits(&["logins-per-source=2", "failed-logins=0"]).await;
    let mut stranger = Person::stranger(&house.dial()).await;
    stranger.registers("ann", PASSWORD).await;
    for _ in 0..3 {
        Person::returns(&house, "ann").await.leaves().await;
    }
    for _ in 0..2 {
        assert_eq!(stranger.logs_in("ann", "a wrong password").await, Reply::WrongPassword);
    }
    let answer = stranger.logs_in("ann", "a wrong password").await;
    assert!(matches!(&answer, Reply::Refused(refusal) if refusal.retry_after.is_some()), "{answer:?}");
    assert_eq!(reason(Some(answer)), Reason::Throttled);
}

#[tokio::test]
async fn poor_names_and_passwords_are_refused_with_a_sentence() {
    let house = House::open().await;
    let mut stranger = Person::stranger(&house.dial()).await;
    let requests: [(&[u8], Reason); 5] = [
        (b"102\r\nann\r\nshort", Reason::BadPassword),
        (b"102\r\nann\r\nPassword1", Reason::BadPassword),
        (b"102\r\n*\r\ncorrect horse battery", Reason::BadName),
        (b"102\r\na\tb\r\ncorrect horse battery", Reason::BadName),
        (b"102\r\nann", Reason::BadRequest),
    ];
    for (payload, expected) in requests {
        stranger.sends_payload(payload).await;
        assert_eq!(reason(Some(stranger.next().await)), expected, "{payload:?}");
    }
    let long = format!("102\r\nann\r\n{}", "x".repeat(1025));
    stranger.sends_payload(long.as_bytes()).await;
    assert_eq!(reason(Some(stranger.next().await)), Reason::BadPassword);
}

#[tokio::test]
async fn who_says_nothing_is_sent_away_in_time() {
    let house = House::with_limits(&["login-seconds=1"]).await;
    let mut silent = Person::stranger(&house.dial()).await;
    assert_eq!(reason(silent.until_the_end().await.pop()), Reason::LogInTimeout);
}

#[tokio::test]
async fn a_connection_that_never_shakes_hands_holds_up_nobody() {
    let house = House::open().await;
    let _silent = tokio::net::TcpStream::connect(house.address).await.unwrap();
    let [mut ann] = house.join(["ann"]).await;
    ann.posts("no waiting").await;
}

#[tokio::test]
async fn a_member_who_does_not_answer_any_more_is_let_go() {
    let house = House::with_limits(&["ping-seconds=1", "silence-seconds=2"]).await;
    let [ann] = house.join(["ann"]).await;
    let [mut bob] = house.join(["bob"]).await;
    // Bob answers pings while he waits; Ann answered one, so she is known to, and then no more.
    let mut ann = ann;
    ann.sends_payload(b"211").await;
    let left = bob.waits_for("203", |reply| matches!(reply, Reply::Left(_))).await;
    assert_eq!(left, Reply::Left(vec!["ann".parse().unwrap()]));
}

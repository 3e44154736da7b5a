//! Going on after a cut: without the password, without a gap, without a repeat.

use sotto_client::{Account, Client, Command, Dial, Options, Patience, Problem, Update, fresh_cid};
use sotto_proto::{Audience, ConvId, Epoch, MessageText, Password, Reason, Reply, Request, Seq};
use sotto_tests::wire::Wire;
use sotto_tests::{House, PASSWORD, Person, soon};

fn lobby() -> ConvId {
    ConvId::new(1).unwrap()
}

#[tokio::test]
async fn a_session_goes_on_where_its_client_says() {
    let house = House::open().await;
    let [mut ann, mut bob] = house.join(["ann", "bob"]).await;
    ann.posts("1").await;
    bob.reads("ann", "1").await;
    for text in ["2", "3"] {
        ann.posts(text).await;
    }
    let mut again = Person::stranger(&house.dial()).await;
    assert!(matches!(again.resumes(&bob, &[(lobby(), 1)]).await, Reply::LoggedIn { .. }));
    again.reads("ann", "2").await;
    again.reads("ann", "3").await;
    again.catches_up().await;
    ann.posts("4").await;
    assert_eq!(again.reads("ann", "4").await.seq, 4);
}

#[tokio::test]
async fn a_session_s_own_reconnect_replaces_its_old_connection() {
    let house = House::open().await;
    let [mut ann] = house.join(["ann"]).await;
    let mut again = Person::stranger(&house.dial()).await;
    assert!(matches!(again.resumes(&ann, &[]).await, Reply::LoggedIn { .. }));
    let last = ann.until_the_end().await.pop();
    assert!(matches!(last, Some(Reply::Goodbye(refusal)) if refusal.reason == Reason::Resumed));
    again.catches_up().await;
    again.posts("here I am").await;
}

/// Two of its connections, the first of them dead, wait for somebody who has vanished; the dead one gets the place first.
#[tokio::test]
async fn a_session_s_own_reconnect_is_never_refused_for_another_of_its_own() {
    let house = House::with_limits(&["ghost-millis=300"]).await;
    let [session] = house.join(["ann"]).await;
    let token = (session.token.clone().unwrap(), session.epoch.unwrap());
    drop(session);
    let mut ghost = Person::logged_in(&house, "ann").await;
    let resume = || {
        let ((token, epoch), user) = (token.clone(), "ann".parse().unwrap());
        Request::Resume { user, token, epoch, cursors: Vec::new() }
    };
    let mut dead = Person::stranger(&house.dial()).await;
    dead.sends(&resume()).await;
    while ghost.next_frame().await.unwrap().code() != sotto_proto::code::PING {}
    let mut alive = Person::stranger(&house.dial()).await;
    let answer = alive.logs_in_as(resume()).await;
    assert!(matches!(answer, Reply::LoggedIn { .. }), "{answer:?}");
    alive.posts("here I am").await;
}

#[tokio::test]
async fn sessions_survive_a_restart_of_the_server() {
    let house = House::open().await;
    let [mut ann, bob] = house.join(["ann", "bob"]).await;
    ann.posts("before").await;
    let house = house.reopen().await;
    let mut again = Person::stranger(&house.dial()).await;
    assert!(matches!(again.resumes(&bob, &[(lobby(), 0)]).await, Reply::LoggedIn { .. }));
    again.reads("ann", "before").await;
}

#[tokio::test]
async fn a_token_is_not_good_for_another_name_nor_after_log_out() {
    let house = House::open().await;
    let [ann, bob] = house.join(["ann", "bob"]).await;
    let mut thief = Person::stranger(&house.dial()).await;
    let (token, epoch) = (bob.token.clone().unwrap(), bob.epoch.unwrap());
    let request =
        Request::Resume { user: "ann".parse().unwrap(), token: token.clone(), epoch, cursors: vec![] };
    assert_eq!(thief.asks(&request).await, Reply::WrongPassword);
    drop(ann);
    bob.leaves().await;
    let request = Request::Resume { user: "bob".parse().unwrap(), token, epoch, cursors: vec![] };
    assert_eq!(thief.asks(&request).await, Reply::WrongPassword);
}

#[tokio::test]
async fn a_client_from_another_history_starts_over() {
    let house = House::open().await;
    let [mut ann, mut bob] = house.join(["ann", "bob"]).await;
    ann.posts("real").await;
    bob.reads("ann", "real").await;
    let mut ahead = Person::stranger(&house.dial()).await;
    ahead.resumes(&bob, &[(lobby(), 999)]).await;
    let over = ahead.waits_for("215", |reply| matches!(reply, Reply::StartOver { .. })).await;
    assert_eq!(over, Reply::StartOver { conv: Some(lobby()) });
    ahead.reads("ann", "real").await;
    bob.epoch = Some(Epoch::new(1));
    let mut other = Person::stranger(&house.dial()).await;
    other.resumes(&bob, &[(lobby(), 1)]).await;
    assert_eq!(other.next().await, Reply::StartOver { conv: None });
    other.reads("ann", "real").await;
}

#[tokio::test]
async fn a_ghost_is_let_go_and_its_owner_comes_in() {
    let house = House::with_limits(&["ghost-millis=200"]).await;
    let [_ghost] = house.join(["ann"]).await;
    // The first connection is there and answers nothing.
    let mut ann = Person::stranger(&house.dial()).await;
    assert!(matches!(ann.logs_in("ann", PASSWORD).await, Reply::LoggedIn { .. }));
}

#[tokio::test]
async fn an_owner_takes_over_on_purpose_and_the_other_session_is_told() {
    let house = House::open().await;
    let [mut ann] = house.join(["ann"]).await;
    let (user, password) = ("ann".parse().unwrap(), Password::new(PASSWORD).unwrap());
    let mut here = Person::stranger(&house.dial()).await;
    here.logs_in_as(Request::LogIn { user, password, take_over: true, peek: false, device: None }).await;
    here.catches_up().await;
    let last = ann.until_the_end().await.pop();
    assert!(matches!(last, Some(Reply::Goodbye(refusal)) if refusal.reason == Reason::Replaced));
    let mut former = Person::stranger(&house.dial()).await;
    assert_eq!(former.resumes(&ann, &[]).await, Reply::WrongPassword);
}

#[tokio::test]
async fn a_reconnect_soon_after_a_cut_goes_unnoticed() {
    let house = House::with_limits(&["linger-seconds=60"]).await;
    let [mut ann, mut bob] = house.join(["ann", "bob"]).await;
    let former = bob;
    bob = Person::stranger(&house.dial()).await;
    bob.resumes(&former, &[]).await;
    drop(former);
    bob.catches_up().await;
    bob.posts("no gap").await;
    ann.reads("bob", "no gap").await;
    let presence = |reply: &Reply| matches!(reply, Reply::Joined(_) | Reply::Left(_));
    assert_eq!(ann.passed_over.iter().filter(|reply| presence(reply)).count(), 0);
}

/// Everything that a core client tells until it has seen `count` messages and `sent` of its own stored.
async fn collect(client: &mut Client, (count, sent): (usize, usize)) -> (Vec<u64>, Vec<u64>) {
    let (mut messages, mut stored) = (Vec::new(), Vec::new());
    while messages.len() < count || stored.len() < sent {
        match soon("an update", client.update()).await.expect("a running client") {
            Update::Message(message) => messages.push(message.seq.get()),
            Update::Sent { seq, .. } => stored.push(seq.get()),
            Update::Ended(problem) => panic!("{problem:?}"),
            _ => {}
        }
    }
    (messages, stored)
}

fn start(house: &House, dial: Dial) -> Client {
    let _ = house;
    let (user, password) = ("bob".parse().unwrap(), Password::new(PASSWORD).unwrap());
    let account = Account { user, proof: password.into(), take_over: false, peek: false };
    Client::start(Options { dial, account, patience: Patience::Always, memory: None, device: None }, || {})
}

#[tokio::test]
async fn a_client_loses_and_doubles_nothing_over_cuts_at_any_byte() {
    let house = House::with_limits(&["ghost-millis=300"]).await;
    let [mut ann] = house.join(["ann"]).await;
    let mut door = Person::stranger(&house.dial()).await;
    door.registers("bob", PASSWORD).await;
    let wire = Wire::to(house.address).await;
    let dial = Dial { host: "127.0.0.1".into(), port: wire.address.port(), ..house.dial() };
    let mut bob = start(&house, dial);
    soon("a log-in", async { while bob.update().await != Some(Update::CaughtUp) {} }).await;
    let (mut theirs, mut own) = (Vec::new(), Vec::new());
    for cut in [1, 30, 77, 200, 500, 777, 1500] {
        wire.cut_after(cut);
        for _ in 0..4 {
            let (cid, text) = (fresh_cid().unwrap(), MessageText::new("from bob").unwrap());
            bob.send(Command::Send { cid, to: Audience::Everyone, text }).await;
            ann.posts("from ann").await;
        }
        let (messages, stored) = collect(&mut bob, (4, 4)).await;
        theirs.extend(messages);
        own.extend(stored);
    }
    let mut all = [theirs.clone(), own].concat();
    all.sort_unstable();
    assert_eq!(all, (1..=56).collect::<Vec<_>>());
    assert!(theirs.is_sorted(), "{theirs:?}");
}

#[tokio::test]
async fn a_client_that_is_replaced_does_not_come_back_by_itself() {
    let house = House::open().await;
    let mut door = Person::stranger(&house.dial()).await;
    door.registers("bob", PASSWORD).await;
    let mut bob = start(&house, house.dial());
    soon("a log-in", async { while bob.update().await != Some(Update::CaughtUp) {} }).await;
    let (user, password) = ("bob".parse().unwrap(), Password::new(PASSWORD).unwrap());
    door.logs_in_as(Request::LogIn { user, password, take_over: true, peek: false, device: None }).await;
    let ended = async {
        loop {
            if let Some(Update::Ended(problem)) = bob.update().await {
                return problem;
            }
        }
    };
    assert_eq!(soon("the end", ended).await, Problem::Replaced);
}

#[tokio::test]
async fn what_is_confirmed_by_a_resume_does_not_come_again_after_a_log_in() {
    let house = House::open().await;
    let [mut ann, mut bob] = house.join(["ann", "bob"]).await;
    ann.posts("1").await;
    assert_eq!(bob.reads("ann", "1").await.seq, Seq::ZERO.next().get());
    let mut again = Person::stranger(&house.dial()).await;
    again.resumes(&bob, &[(lobby(), 1)]).await;
    again.catches_up().await;
    drop((bob, again));
    ann.waits_for("203", |reply| matches!(reply, Reply::Left(_))).await;
    let mut bob = Person::returns(&house, "bob").await;
    assert!(!bob.passed_over.iter().any(|reply| matches!(reply, Reply::Message(_))));
    bob.hears_nothing().await;
}

//! Many log-ins of one account in the same moment: there is one place, somebody has it at any time, and nothing is lost.

use std::collections::BTreeSet;

use sotto_client::Dial;
use sotto_proto::{Password, Reason, Reply, Request};
use sotto_tests::{House, PASSWORD, Person, soon};
use tokio::task::JoinSet;

const ROUNDS: usize = 8;
const AT_ONCE: usize = 10;
const OVER: &str = "that was it";

/// What became of a log-in, with the texts it was sent.
enum Fate {
    /// In until it was over.
    Stayed(Vec<String>),
    Replaced(Vec<String>),
    Refused,
}

async fn contend(dial: Dial, take_over: bool) -> Fate {
    let mut bob = Person::stranger(&dial).await;
    let (user, password) = ("bob".parse().unwrap(), Password::new(PASSWORD).unwrap());
    match bob.logs_in_as(Request::LogIn { user, password, take_over, peek: false, device: None }).await {
        Reply::LoggedIn { .. } => {}
        Reply::AlreadyLoggedIn { .. } => return Fate::Refused,
        other => panic!("{other:?}"),
    }
    let mut heard = Vec::new();
    loop {
        match bob.next_or_end().await {
            Some(Reply::Message(message)) if message.text.as_str() == OVER => break,
            Some(Reply::Message(message)) => heard.push(message.text.as_str().to_owned()),
            Some(Reply::Goodbye(told)) => {
                assert_eq!(told.reason, Reason::Replaced);
                return Fate::Replaced(heard);
            }
            Some(_) => {}
            None => panic!("ended without a word"),
        }
    }
    bob.leaves().await;
    Fate::Stayed(heard)
}

/// Bob comes in from everywhere at once while Ann goes on talking. All but one are told something else before it is over; returns
/// how many were refused.
async fn round(house: &House, ann: &mut Person, (name, take_over): (&str, bool)) -> (usize, Vec<String>) {
    let mut contending = JoinSet::new();
    for _ in 0..AT_ONCE {
        contending.spawn(contend(house.dial(), take_over));
    }
    for number in 0..5 {
        ann.posts(&format!("{name} {number}")).await;
    }
    let (mut refused, mut heard) = (0, Vec::new());
    for left in (0..AT_ONCE).rev() {
        match soon("what became of a log-in", contending.join_next()).await.unwrap().unwrap() {
            Fate::Stayed(texts) if left == 0 => heard.extend(texts),
            Fate::Replaced(texts) if left > 0 => heard.extend(texts),
            Fate::Refused if left > 0 => refused += 1,
            _ => panic!("more than one is in, or nobody"),
        }
        if left == 1 {
            ann.posts(OVER).await;
        }
    }
    (refused, heard)
}

async fn race(take_over: bool) -> usize {
    let house = House::with_limits(&["logins-per-account=0"]).await;
    let mut ann = Person::newcomer(&house, "ann").await;
    Person::newcomer(&house, "bob").await.leaves().await;
    let (mut refused, mut heard) = (0, BTreeSet::new());
    for number in 0..ROUNDS {
        let (told, texts) = round(&house, &mut ann, (&number.to_string(), take_over)).await;
        refused += told;
        heard.extend(texts);
    }
    let said = (0..ROUNDS).flat_map(|round| (0..5).map(move |number| format!("{round} {number}")));
    assert_eq!(heard, said.collect());
    refused
}

#[tokio::test]
async fn of_many_log_ins_at_once_one_gets_in_and_nothing_is_lost() {
    assert_eq!(race(false).await, ROUNDS * (AT_ONCE - 1));
}

#[tokio::test]
async fn of_many_who_take_over_at_once_one_stays_in_and_nothing_is_lost() {
    assert_eq!(race(true).await, 0);
}

//! People who talk two by two: each says the next thing when the last one is stored.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;

use sotto_proto::{Audience, MessageText, Request, code};
use tokio::task::JoinSet;

use crate::client::{Client, cid};
use crate::crowd::Crowd;
use crate::figures::{Done, Meter, Report, Row};
use crate::past::{Past, name};
use crate::subject::{Kind, Subject};

/// Pairs of people, one of each talking.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    /// Pairs
    #[arg(long, default_value_t = 500)]
    pairs: usize,
    /// Messages of each pair
    #[arg(long, default_value_t = 200)]
    messages: usize,
    /// Bytes of text in a message
    #[arg(long, default_value_t = 100)]
    bytes: usize,
    /// Runs
    #[arg(long, default_value_t = 3)]
    runs: usize,
}

pub(crate) async fn measure(asked: &Arguments) -> anyhow::Result<Report> {
    Report::of((asked.runs, &[Kind::Sotto]), async |_| run(asked).await).await
}

async fn run(asked: &Arguments) -> anyhow::Result<Row> {
    let subject = Arc::new(Subject::sotto(Past { people: 2 * asked.pairs, messages: 0 }).await?);
    chat("pairs", &subject, (asked.pairs, asked.messages, asked.bytes)).await
}

/// So many pairs talk through a server that knows them, each so many messages of so many bytes.
pub(crate) async fn chat(
    scenario: &'static str,
    subject: &Arc<Subject>,
    (pairs, messages, bytes): (usize, usize, usize),
) -> anyhow::Result<Row> {
    let mut people = Crowd::gather(subject, 0..2 * pairs).await?.into_people();
    let listeners = people.split_off(pairs);
    // Whoever is talked to for the first time is found first, and given a conversation.
    let greeted = say_all((people, listeners), (pairs, 1, bytes)).await?;
    let meter = Meter::start(subject)?;
    let said = say_all((greeted.talkers, greeted.listeners), (pairs, messages, bytes)).await?;
    let (clients, expected) = (2 * pairs, pairs * messages);
    let done = Done { scenario, unit: "acks", kind: Kind::Sotto, clients, expected };
    Ok(Row::new(done, meter.stop()?, said.latencies))
}

/// What was said and read, and those who did.
struct Said {
    talkers: Vec<Client>,
    listeners: Vec<Client>,
    /// How long each acknowledgement took.
    latencies: Vec<Duration>,
}

async fn say_all(
    (talkers, listeners): (Vec<Client>, Vec<Client>),
    (pairs, messages, bytes): (usize, usize, usize),
) -> anyhow::Result<Said> {
    let mut said = Said { talkers: Vec::new(), listeners: Vec::new(), latencies: Vec::new() };
    let (mut talking, mut listening) = (JoinSet::new(), JoinSet::new());
    for (index, (talker, listener)) in talkers.into_iter().zip(listeners).enumerate() {
        let (to, text) = (Audience::set([name(pairs + index)?])?, MessageText::new(&"x".repeat(bytes))?);
        talking.spawn(async move { (index, talk(talker, (to, text), messages).await) });
        listening.spawn(async move { (index, listen(listener, messages).await) });
    }
    let mut talkers = talking.join_all().await;
    let mut listeners = listening.join_all().await;
    talkers.sort_unstable_by_key(|(index, _)| *index);
    listeners.sort_unstable_by_key(|(index, _)| *index);
    for (_, talked) in talkers {
        let (talker, latencies) = talked.context("a talker")?;
        said.talkers.push(talker);
        said.latencies.extend(latencies);
    }
    for (_, listened) in listeners {
        said.listeners.push(listened.context("a listener")?);
    }
    Ok(said)
}

async fn talk(
    mut client: Client,
    (to, text): (Audience, MessageText),
    messages: usize,
) -> anyhow::Result<(Client, Vec<Duration>)> {
    let mut latencies = Vec::with_capacity(messages);
    for _ in 0..messages {
        let send = Request::Send { cid: Some(cid()?), to: to.clone(), text: text.clone() };
        let began = Instant::now();
        client.send(&send.encode(None)).await?;
        client.waits_for(code::STORED).await?;
        latencies.push(began.elapsed());
    }
    Ok((client, latencies))
}

/// Reads as many messages, and fails when one does not come.
async fn listen(mut client: Client, messages: usize) -> anyhow::Result<Client> {
    for _ in 0..messages {
        client.waits_for(code::MESSAGE).await?;
    }
    Ok(client)
}

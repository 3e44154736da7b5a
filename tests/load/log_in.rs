//! Handshake and log-in with a password. The relay shakes hands and asks for no password, which is most of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use sotto_proto::{Password, Request, code};
use sotto_tests::PASSWORD;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::client::Client;
use crate::figures::{Done, Meter, Report, Row};
use crate::past::{Past, name};
use crate::subject::{Kind, Subject};

/// People who log in with a password.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    /// People
    #[arg(long, default_value_t = 100)]
    clients: usize,
    /// How many at once
    #[arg(long, default_value_t = 4)]
    at_once: usize,
    /// Runs of relay and server, one after the other
    #[arg(long, default_value_t = 3)]
    runs: usize,
}

pub(crate) async fn measure(asked: &Arguments) -> anyhow::Result<Report> {
    Report::of((asked.runs, &Kind::BOTH), async |kind| run(asked, kind).await).await
}

async fn run(asked: &Arguments, kind: Kind) -> anyhow::Result<Row> {
    let past = Past { people: asked.clients, messages: 0 };
    let subject = Arc::new(Subject::start(kind, past).await?);
    let gate = Arc::new(Semaphore::new(asked.at_once));
    let meter = Meter::start(&subject)?;
    let mut coming = JoinSet::new();
    for index in 0..asked.clients {
        let (subject, gate) = (Arc::clone(&subject), Arc::clone(&gate));
        coming.spawn(async move {
            let _permit = gate.acquire_owned().await;
            let began = Instant::now();
            anyhow::Ok((comes_in(&subject, index).await?, began.elapsed()))
        });
    }
    let (mut there, mut latencies) = (Vec::new(), Vec::<Duration>::new());
    while let Some(person) = coming.join_next().await {
        let (client, took) = person??;
        there.push(client);
        latencies.push(took);
    }
    let done =
        Done { scenario: "log-in", unit: "people", kind, clients: asked.clients, expected: asked.clients };
    Ok(Row::new(done, meter.stop()?, latencies))
}

async fn comes_in(subject: &Subject, index: usize) -> anyhow::Result<Client> {
    let mut client = Client::connect(&subject.way).await?;
    if subject.kind == Kind::Sotto {
        let (user, password) = (name(index)?, Password::new(PASSWORD)?);
        let request = Request::LogIn { user, password, take_over: false, peek: false, device: None };
        client.send(&request.encode(None)).await?;
        client.waits_for(code::LOGGED_IN).await?;
    }
    client.catches_up().await?;
    Ok(client)
}

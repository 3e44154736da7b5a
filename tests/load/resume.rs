//! Everybody comes back at once, as after a restart: a handshake and a token each. The relay shakes hands and asks for no token.

use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use tokio::task::JoinSet;

use crate::figures::{Done, Meter, Report, Row};
use crate::past::Past;
use crate::subject::{Kind, Subject};

/// N people who come back at once.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    /// People
    #[arg(long, default_value_t = 1000)]
    clients: usize,
    /// Runs of relay and server, one after the other
    #[arg(long, default_value_t = 3)]
    runs: usize,
}

pub(crate) async fn measure(asked: &Arguments) -> anyhow::Result<Report> {
    Report::of((asked.runs, &Kind::BOTH), async |kind| run(asked.clients, kind).await).await
}

async fn run(clients: usize, kind: Kind) -> anyhow::Result<Row> {
    let subject = Arc::new(Subject::start(kind, Past { people: clients, messages: 0 }).await?);
    let meter = Meter::start(&subject)?;
    let began = Instant::now();
    let mut coming = JoinSet::new();
    for index in 0..clients {
        let subject = Arc::clone(&subject);
        coming.spawn(async move {
            let mut client = subject.returns(index, 0).await?;
            client.catches_up().await?;
            anyhow::Ok((client, began.elapsed()))
        });
    }
    let (mut there, mut latencies) = (Vec::new(), Vec::<Duration>::new());
    while let Some(person) = coming.join_next().await {
        if let Ok((client, took)) = person? {
            there.push(client);
            latencies.push(took);
        }
    }
    let done = Done { scenario: "resume", unit: "people", kind, clients, expected: clients };
    Ok(Row::new(done, meter.stop()?, latencies))
}

//! Everybody comes back and has missed a great deal: what is read from the store and sent to each.

use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use sotto_proto::code;
use tokio::task::JoinSet;

use crate::figures::{Done, Meter, Report, Row};
use crate::past::Past;
use crate::subject::{Kind, Subject};

/// N people who have all missed the same.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    /// People
    #[arg(long, default_value_t = 100)]
    clients: usize,
    /// Messages that each has missed
    #[arg(long, default_value_t = 5000)]
    messages: usize,
    /// Runs
    #[arg(long, default_value_t = 3)]
    runs: usize,
}

pub(crate) async fn measure(asked: &Arguments) -> anyhow::Result<Report> {
    Report::of((asked.runs, &[Kind::Sotto]), async |_| run(asked).await).await
}

/// The latency of a message is counted from when its reader began to connect.
async fn run(asked: &Arguments) -> anyhow::Result<Row> {
    let (clients, messages) = (asked.clients, asked.messages);
    let subject = Arc::new(Subject::sotto(Past { people: clients, messages }).await?);
    let meter = Meter::start(&subject)?;
    let mut coming = JoinSet::new();
    for index in 0..clients {
        let subject = Arc::clone(&subject);
        coming.spawn(async move { catches_up(&subject, index).await });
    }
    let mut latencies = Vec::with_capacity(clients * messages);
    while let Some(read) = coming.join_next().await {
        latencies.extend(read??);
    }
    let (kind, expected) = (Kind::Sotto, clients * messages);
    let done = Done { scenario: "catch-up", unit: "messages", kind, clients, expected };
    Ok(Row::new(done, meter.stop()?, latencies))
}

async fn catches_up(subject: &Subject, index: usize) -> anyhow::Result<Vec<Duration>> {
    let began = Instant::now();
    let mut client = subject.returns(index, 0).await?;
    let mut latencies = Vec::new();
    loop {
        match client.next().await?.code() {
            code::MESSAGE => latencies.push(began.elapsed()),
            code::CAUGHT_UP => return Ok(latencies),
            _ => {}
        }
    }
}

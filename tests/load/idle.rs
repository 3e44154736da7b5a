//! Everybody is there and nobody says anything: what each of them costs in memory.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::task::JoinSet;

use crate::crowd::{Crowd, Rounds};
use crate::figures::{Done, Meter, Report, Row};
use crate::past::Past;
use crate::subject::{Kind, Subject};

/// So many come in before those before them are left to themselves: a server asks those who are silent for long.
const WAVE: usize = 1000;

/// N people who are there and silent.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    /// People
    #[arg(long, default_value_t = 2000)]
    clients: usize,
    /// Seconds of quiet before memory is looked at
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    #[command(flatten)]
    rounds: Rounds,
}

pub(crate) async fn measure(asked: &Arguments) -> anyhow::Result<Report> {
    Report::of((asked.rounds.runs, &Kind::both_and(&asked.rounds.beside)), async |kind| {
        run(asked, kind).await
    })
    .await
}

async fn run(asked: &Arguments, kind: Kind) -> anyhow::Result<Row> {
    let past = Past { people: asked.clients, messages: 0 };
    let subject = Arc::new(Subject::start(kind, past).await?);
    let meter = Meter::start(&subject)?;
    let mut people = JoinSet::new();
    for first in (0..asked.clients).step_by(WAVE) {
        let wave = first..asked.clients.min(first + WAVE);
        for person in Crowd::gather(&subject, wave).await?.into_people() {
            people.spawn(person.stays(kind.dialect()));
        }
    }
    tokio::time::sleep(Duration::from_secs(asked.seconds)).await;
    let spent = meter.stop()?;
    // Those who were let stay.
    while people.try_join_next().is_some() {}
    let there = vec![Duration::ZERO; people.len()];
    let done =
        Done { scenario: "idle", unit: "people", kind, clients: asked.clients, expected: asked.clients };
    Ok(Row::new(done, spent, there))
}

//! A school logs in within seconds: how many frames about it those get who are there already.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use sotto_proto::{Reply, code};
use tokio::task::JoinSet;

use crate::client::Client;
use crate::crowd::Crowd;
use crate::figures::{Done, Meter, Report, Row, real};
use crate::past::{Past, name};
use crate::subject::{Kind, Subject};

/// People who come while others are there.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    /// People who come
    #[arg(long, default_value_t = 2000)]
    clients: usize,
    /// Within so many seconds
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// People who are there already
    #[arg(long, default_value_t = 20)]
    there: usize,
    /// Runs
    #[arg(long, default_value_t = 1)]
    runs: usize,
}

pub(crate) async fn measure(asked: &Arguments) -> anyhow::Result<Report> {
    Report::of((asked.runs, &[Kind::Sotto]), async |_| run(asked).await).await
}

async fn run(asked: &Arguments) -> anyhow::Result<Row> {
    let past = Past { people: asked.there + asked.clients, messages: 0 };
    let subject = Arc::new(Subject::sotto(past).await?);
    let watchers = Crowd::gather(&subject, 0..asked.there).await?.into_people();
    let (meter, began) = (Meter::start(&subject)?, Instant::now());
    let mut watching = JoinSet::new();
    for watcher in watchers {
        watching.spawn(watch(watcher, (asked.there..past.people, began)));
    }
    let mut coming = JoinSet::new();
    let interval = Duration::from_secs(u64::from(asked.seconds)) / u32::try_from(asked.clients.max(1))?;
    for index in 0..asked.clients {
        let (subject, due) = (Arc::clone(&subject), began + interval * u32::try_from(index)?);
        let newcomer = asked.there + index;
        coming.spawn(async move {
            tokio::time::sleep_until(due.into()).await;
            subject.joins(newcomer).await
        });
    }
    let here = coming.join_all().await.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    let (mut frames, mut heard) = (0, Vec::new());
    while let Some(watched) = watching.join_next().await {
        let (count, names) = watched??;
        frames += count;
        heard.extend(names);
    }
    let spent = meter.stop()?;
    drop(here);
    let rate = f64::from(frames) / real(asked.there) / spent.elapsed.as_secs_f64();
    let (kind, clients, expected) = (Kind::Sotto, asked.clients, asked.there * asked.clients);
    let done = Done { scenario: "presence", unit: "names", kind, clients, expected };
    Ok(Row::new(done, spent, heard).with_note(format!("{rate:.1} frames/s to each")))
}

/// Reads until all of these have been announced: in how many frames, and when each.
async fn watch(
    mut client: Client,
    (newcomers, began): (Range<usize>, Instant),
) -> anyhow::Result<(u32, Vec<Duration>)> {
    let expected = newcomers.map(name).collect::<anyhow::Result<BTreeSet<_>>>()?;
    let (mut frames, mut heard) = (0, Vec::new());
    while heard.len() < expected.len() {
        let Reply::Joined(people) = Reply::from_frame(&client.waits_for(code::JOINED).await?)? else {
            continue;
        };
        let new = people.iter().filter(|name| expected.contains(*name)).count();
        frames += u32::from(new > 0);
        heard.extend(std::iter::repeat_n(began.elapsed(), new));
    }
    Ok((frames, heard))
}

//! Everybody in one room, at a pace that a room may have: what a delivery takes when there is time.

use std::time::Duration;

use clap::Args;

use crate::crowd::{self, Pace, Rounds, Talk};
use crate::figures::Report;

/// N people in one room, so many messages a second.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    /// People in the room
    #[arg(long, default_value_t = 200)]
    clients: usize,
    /// Messages a second
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
    /// Seconds
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// Bytes of text in a message
    #[arg(long, default_value_t = 100)]
    bytes: usize,
    #[command(flatten)]
    rounds: Rounds,
}

pub(crate) async fn measure(asked: &Arguments) -> anyhow::Result<Report> {
    let messages = usize::try_from(asked.rate.saturating_mul(asked.seconds))?;
    let talk = Talk { messages, bytes: asked.bytes, pace: Pace::Every(Duration::from_secs(1) / asked.rate) };
    crowd::compare(("paced", asked.clients), &asked.rounds, talk).await
}

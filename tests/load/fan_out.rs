//! Everybody in one room: each message comes to all others, with a bounded number of messages on their way.

use clap::Args;

use crate::crowd::{self, Pace, Rounds, Talk};
use crate::figures::Report;

/// N people in one room, a closed loop.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    /// People in the room
    #[arg(long, default_value_t = 100)]
    clients: usize,
    /// Messages in all, sent in turn by everybody
    #[arg(long, default_value_t = 10_000)]
    messages: usize,
    /// Messages on their way at once
    #[arg(long, default_value_t = 32)]
    in_flight: usize,
    /// Bytes of text in a message
    #[arg(long, default_value_t = 100)]
    bytes: usize,
    #[command(flatten)]
    rounds: Rounds,
}

pub(crate) async fn measure(asked: &Arguments) -> anyhow::Result<Report> {
    let pace = Pace::Closed { in_flight: asked.in_flight };
    let talk = Talk { messages: asked.messages, bytes: asked.bytes, pace };
    crowd::compare(("fan-out", asked.clients), &asked.rounds, talk).await
}

//! The load tool: N people in the lobby of a real server, every delivery counted and timed.
//!
//! Closed loop: a bounded number of messages is on its way at any time, and one is off its way when
//! everybody has it. So the figures say what the server sustains, not how long its queues may grow.

#![allow(clippy::print_stdout, reason = "printing figures is what this is for")]

mod crowd;
mod figures;
mod process;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use clap::Parser;
use sotto_tests::binaries::ServerProcess;

use crowd::Crowd;
use figures::Figures;

/// Measure a Sotto server: N people in one room, M messages, each delivered to everybody.
#[derive(Clone, Debug, Parser)]
#[command(name = "load", after_help = "Build with --release, or the figures say little.")]
struct Arguments {
    /// People in the room
    #[arg(long, default_value_t = 100)]
    clients: usize,
    /// Messages in all, sent in turn by everybody
    #[arg(long, default_value_t = 2000)]
    messages: usize,
    /// Messages on their way at once
    #[arg(long, default_value_t = 32)]
    in_flight: usize,
    /// Bytes of text in a message
    #[arg(long, default_value_t = 100)]
    bytes: usize,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    anyhow::ensure!(arguments.clients > 1 && arguments.messages > 0, "it takes two to chat, and a message");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let figures = runtime.block_on(measure(&arguments))?;
    print!("{figures}");
    Ok(if figures.lost() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn measure(arguments: &Arguments) -> anyhow::Result<Figures> {
    let data = tempfile::tempdir()?;
    let limits = ["connections", "strangers", "registrations-per-source", "login-seconds", "password-queue"];
    let off: Vec<_> = limits.iter().map(|name| format!("{name}=0")).collect();
    let mut flags: Vec<_> = off.iter().flat_map(|limit| ["--limit", limit]).collect();
    flags.extend(["--log", "warn"]);
    let server = ServerProcess::start(data.path(), &flags);
    let crowd = Crowd::gather(&server, arguments.clients).await.context("cannot fill the room")?;
    let (cpu, began) = (process::cpu(server.id())?, Instant::now());
    let latencies = crowd.chat(arguments).await;
    let (elapsed, cpu) = (began.elapsed(), process::cpu(server.id())?.saturating_sub(cpu));
    let resident = process::resident(server.id())?;
    let expected = arguments.messages * (arguments.clients - 1);
    Ok(Figures { clients: arguments.clients, expected, latencies, elapsed, cpu, resident })
}

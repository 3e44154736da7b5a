//! The load tool: N people in the lobby of a real server, every delivery counted and timed.
//!
//! Closed loop: a bounded number of messages is on its way at any time, and one is off its way when
//! everybody has it. So the figures say what the server sustains, not how long its queues may grow.

#![allow(clippy::print_stdout, reason = "printing figures is what this is for")]

mod crowd;
mod cuts;
mod figures;
mod files;
mod relay;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use sotto_tests::binaries::ServerProcess;
use sotto_tests::process;

use crowd::Crowd;
use figures::Figures;

/// Measure a Sotto server: N people in one room, M messages, each delivered to everybody.
#[derive(Clone, Debug, Parser)]
#[command(name = "load", after_help = "Build with --release, or the figures say little.")]
struct Command {
    #[command(subcommand)]
    scenario: Option<Scenario>,
    #[command(flatten)]
    chat: Arguments,
}

#[derive(Clone, Debug, Subcommand)]
enum Scenario {
    /// Files through the server, against a bare TLS relay in the same run; and chat beside them
    Files(files::Arguments),
    /// Files both ways over a wire that is cut again and again
    Cuts(cuts::Arguments),
    /// The bare relay, in a process of its own
    #[command(hide = true)]
    Relay(relay::Arguments),
}

#[derive(Args, Clone, Debug)]
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
    let Command { scenario, chat: arguments } = Command::parse();
    match &scenario {
        Some(Scenario::Files(asked)) => return runtime()?.block_on(files::measure(asked)),
        Some(Scenario::Cuts(asked)) => return runtime()?.block_on(cuts::measure(asked)),
        Some(Scenario::Relay(asked)) => return runtime()?.block_on(relay::serve(asked)),
        None => {}
    }
    anyhow::ensure!(arguments.clients > 1 && arguments.messages > 0, "it takes two to chat, and a message");
    let figures = runtime()?.block_on(measure(&arguments))?;
    print!("{figures}");
    Ok(if figures.lost() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

async fn measure(arguments: &Arguments) -> anyhow::Result<Figures> {
    let data = tempfile::tempdir()?;
    let server = start(data.path());
    let crowd = Crowd::gather(&server, arguments.clients).await.context("cannot fill the room")?;
    let (cpu, began) = (process::cpu(server.id())?, Instant::now());
    let latencies = crowd.chat(arguments).await;
    let (elapsed, cpu) = (began.elapsed(), process::cpu(server.id())?.saturating_sub(cpu));
    let resident = process::resident(server.id())?;
    let expected = arguments.messages * (arguments.clients - 1);
    Ok(Figures { clients: arguments.clients, expected, latencies, elapsed, cpu, resident })
}

/// A server without the limits that a measurement would meet.
fn start(data: &std::path::Path) -> ServerProcess {
    let limits = [
        "connections",
        "strangers",
        "registrations-per-source",
        "login-seconds",
        "password-queue",
        "file-bytes",
        "spool-bytes",
        "spool-bytes-per-user",
        "free-disk-bytes",
    ];
    let off: Vec<_> = limits.iter().map(|name| format!("{name}=0")).collect();
    let mut flags: Vec<_> = off.iter().flat_map(|limit| ["--limit", limit]).collect();
    flags.extend(["--log", "warn"]);
    ServerProcess::start(data, &flags)
}

//! The load tool: many clients of a real server, every delivery counted and timed, beside a bare relay in the same run.
//!
//! What a figure is worth depends on the machine and on what else it does; what the ratio to the relay is worth does not.

#![allow(clippy::print_stdout, reason = "printing figures is what this is for")]

mod catch_up;
mod client;
mod crowd;
mod cuts;
mod daemon;
mod dialect;
mod fan_out;
mod figures;
mod files;
mod idle;
mod irc;
mod log_in;
mod paced;
mod pairs;
mod past;
mod pipe;
mod presence;
mod relay;
mod resume;
mod room;
mod store;
mod subject;
mod way;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use sotto_tests::binaries::ServerProcess;
use sotto_tests::process::open_as_many_files_as_allowed;

use figures::Report;

/// Measure a Sotto server: how much it carries, how long that takes and what it costs.
#[derive(Clone, Debug, Parser)]
#[command(name = "load", after_help = "Build with --release, or the figures say little.")]
struct Command {
    #[command(subcommand)]
    scenario: Scenario,
    /// Append every run to this file, as lines of JSON
    #[arg(long, global = true)]
    json: Option<PathBuf>,
}

#[derive(Clone, Debug, Subcommand)]
enum Scenario {
    /// Everybody in one room, as fast as it goes
    FanOut(fan_out::Arguments),
    /// Everybody in one room, at a pace
    Paced(paced::Arguments),
    /// People who talk two by two
    Pairs(pairs::Arguments),
    /// People who log in with a password
    LogIn(log_in::Arguments),
    /// Everybody comes back at once
    Resume(resume::Arguments),
    /// Everybody is there and silent
    Idle(idle::Arguments),
    /// A school logs in while others are there
    Presence(presence::Arguments),
    /// Everybody comes back and has missed a great deal
    CatchUp(catch_up::Arguments),
    /// A store with millions of messages, beside an empty one
    Store(store::Arguments),
    /// Files through the server, against a bare TLS relay in the same run; and chat beside them
    Files(files::Arguments),
    /// Files both ways over a wire that is cut again and again
    Cuts(cuts::Arguments),
    /// A bare relay, in a process of its own
    #[command(hide = true)]
    Relay(relay::Arguments),
}

fn main() -> anyhow::Result<ExitCode> {
    let Command { scenario, json } = Command::parse();
    open_as_many_files_as_allowed()?;
    let report = match &scenario {
        Scenario::FanOut(asked) => runtime()?.block_on(fan_out::measure(asked))?,
        Scenario::Paced(asked) => runtime()?.block_on(paced::measure(asked))?,
        Scenario::Pairs(asked) => runtime()?.block_on(pairs::measure(asked))?,
        Scenario::LogIn(asked) => runtime()?.block_on(log_in::measure(asked))?,
        Scenario::Resume(asked) => runtime()?.block_on(resume::measure(asked))?,
        Scenario::Idle(asked) => runtime()?.block_on(idle::measure(asked))?,
        Scenario::Presence(asked) => runtime()?.block_on(presence::measure(asked))?,
        Scenario::CatchUp(asked) => runtime()?.block_on(catch_up::measure(asked))?,
        Scenario::Store(asked) => runtime()?.block_on(store::measure(asked))?,
        Scenario::Files(asked) => return runtime()?.block_on(files::measure(asked)),
        Scenario::Cuts(asked) => return runtime()?.block_on(cuts::measure(asked)),
        Scenario::Relay(asked) => return asked.serve(),
    };
    tell(&report, json.as_deref())
}

fn tell(report: &Report, json: Option<&Path>) -> anyhow::Result<ExitCode> {
    Report::head();
    report.print();
    if let Some(path) = json {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
        file.write_all(report.json().as_bytes())?;
    }
    Ok(if report.is_whole() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

/// A server without the limits that a measurement would meet.
fn start(data: &Path) -> ServerProcess {
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
    let flags: Vec<_> = off.iter().flat_map(|limit| ["--limit", limit]).collect();
    ServerProcess::start(data, &flags)
}

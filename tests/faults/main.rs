//! Breaks a real server, its network and its disk on purpose, and shows what became of what people said meanwhile.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a table is what this is for")]

mod cases;
mod courier;
mod database;
mod mounts;
mod proxy;
mod scribe;
mod stage;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::{Parser, Subcommand};
use sotto_client::{Dial, Trust};
use sotto_judge::Verdict;
use sotto_proto::Link;
use sotto_tests::process::open_as_many_files_as_allowed;
use tokio::sync::watch;

use cases::{NotRun, Row, Scale};
use scribe::{Board, Phase, Role, play};

/// Show that nothing acknowledged is lost, doubled or out of order, whatever breaks.
#[derive(Debug, Parser)]
#[command(
    name = "faults",
    after_help = "Exits with 1 if anything was found. Kills at one place and failing disks need strace, the clock needs \
                  libfaketime, power cuts need root and mkfs.btrfs."
)]
struct Arguments {
    #[command(subcommand)]
    part: Option<Part>,
    /// Some minutes: few cycles of each
    #[arg(long, conflicts_with = "full")]
    quick: bool,
    /// Hours: 500 kills, 100,000 messages over 1,000 disconnects
    #[arg(long)]
    full: bool,
    /// Only these cases, by name
    #[arg(value_name = "CASE")]
    only: Vec<String>,
    /// Repeats what was random; times between processes are not
    #[arg(long)]
    seed: Option<u64>,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// A client that talks and notes, in a process of its own, to be killed
    #[command(hide = true)]
    Scribe {
        #[command(flatten)]
        role: Role,
        #[arg(long)]
        link: Link,
    },
}

/// Each case with how often it happens, quick and full.
const CASES: [(&str, usize, usize); 17] = [
    ("kill", 25, 500),
    ("commit", 10, 200),
    ("answer", 10, 200),
    ("checkpoint", 6, 100),
    ("cuts", 250, 5000),
    ("clients", 10, 200),
    ("io-errors", 6, 100),
    ("stall", 1, 20),
    ("backups", 3, 50),
    ("restore", 3, 50),
    ("migration", 60, 200),
    ("files", 18, 300),
    ("readers", 1, 4),
    ("full", 3, 30),
    ("clock", 2, 20),
    ("restart", 50, 1000),
    ("power", 5, 200),
];

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if let Some(Part::Scribe { role, link }) = arguments.part {
        let (_phase, talking) = watch::channel(Phase::Talk);
        let shared = (Arc::new(Board::default()), talking);
        runtime.block_on(play(role, Dial::new(&link, Trust::Nothing), shared))?;
        return Ok(ExitCode::SUCCESS);
    }
    let known: Vec<_> = CASES.iter().map(|(name, ..)| *name).collect();
    if let Some(unknown) = arguments.only.iter().find(|name| !known.contains(&name.as_str())) {
        anyhow::bail!("there is no case {unknown:?}; there are: {}", known.join(", "));
    }
    let seed = match arguments.seed {
        Some(seed) => seed,
        None => std::time::UNIX_EPOCH.elapsed()?.as_secs(),
    };
    println!("seed {seed}\n");
    println!("case         cycles     sent  acknowledged  lost  doubled  reordered  gaps  overheard      s");
    open_as_many_files_as_allowed()?;
    let mut whole = true;
    for (name, quick, full) in CASES {
        if arguments.only.is_empty() || arguments.only.iter().any(|only| only == name) {
            let cycles = if arguments.full { full } else { quick };
            whole &= runtime.block_on(interruptible(show(name, Scale { cycles, seed })))?;
        }
    }
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Ctrl+C ends a case where it is, so that what it has mounted and started goes with it.
async fn interruptible(case: impl Future<Output = bool>) -> anyhow::Result<bool> {
    tokio::select! {
        whole = case => Ok(whole),
        interrupted = tokio::signal::ctrl_c() => {
            interrupted?;
            anyhow::bail!("interrupted")
        }
    }
}

async fn run(name: &str, scale: Scale) -> anyhow::Result<Row> {
    match name {
        "kill" => cases::kill(scale).await,
        "commit" => cases::commit(scale).await,
        "answer" => cases::answer(scale).await,
        "checkpoint" => cases::checkpoint(scale).await,
        "cuts" => cases::cuts(scale, scale.cycles).await,
        "clients" => cases::clients(scale).await,
        "io-errors" => cases::io_errors(scale).await,
        "files" => cases::files(scale).await,
        "backups" => cases::backups(scale).await,
        "restore" => cases::restore(scale).await,
        "stall" => cases::stall(scale).await,
        "migration" => cases::migration(scale).await,
        "readers" => cases::readers(scale).await,
        "full" => cases::full(scale).await,
        "clock" => cases::clock(scale).await,
        "restart" => cases::restart(scale).await,
        _ => cases::power(scale).await,
    }
}

/// Runs a case and prints its line. False: something was found.
async fn show(name: &str, scale: Scale) -> bool {
    let began = Instant::now();
    match Box::pin(run(name, scale)).await {
        Ok(Row { cycles, note, verdict }) => {
            let Verdict { sent, acknowledged, lost, doubled, reordered, gaps, overheard } = &verdict;
            let found = [lost, doubled, reordered, gaps, overheard].map(Vec::len);
            println!(
                "{name:<12} {cycles:>6} {sent:>8} {acknowledged:>13} {:>5} {:>8} {:>10} {:>5} {:>10} {:>6.0}  {note}",
                found[0],
                found[1],
                found[2],
                found[3],
                found[4],
                began.elapsed().as_secs_f64(),
            );
            verdict.findings().take(10).for_each(|finding| eprintln!("  {finding}"));
            found == [0; 5]
        }
        Err(error) if error.is::<NotRun>() => {
            println!("{name:<12} not run: {error}");
            true
        }
        Err(error) => {
            println!("{name:<12} failed: {error:#}");
            false
        }
    }
}

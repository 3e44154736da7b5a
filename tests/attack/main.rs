//! Attacks a real server from a thousand addresses, and measures what honest people notice of it.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a table is what this is for")]

mod cases;
mod stage;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Parser;
use sotto_tests::process::open_as_many_files_as_allowed;
use tokio::time::timeout;

use cases::{Row, Scale};

/// Show that strangers neither get in, nor keep anybody out, nor bring the server down.
#[derive(Debug, Parser)]
#[command(name = "attack", after_help = "Exits with 1 if a target is missed. Linux, loopback only.")]
struct Arguments {
    /// Some minutes: fewer of everything (the default)
    #[arg(long, conflicts_with = "full")]
    quick: bool,
    /// As many as the targets say
    #[arg(long)]
    full: bool,
    /// Only these cases, by name
    #[arg(value_name = "CASE")]
    only: Vec<String>,
}

/// Each case with how much of it, quick and full.
const CASES: [(&str, usize, usize); 10] = [
    ("crowd", 2500, 2500),
    ("swarm", 2500, 2500),
    ("churn", 10_000, 100_000),
    ("guess", 200, 1000),
    ("names", 200, 2000),
    ("storm", 500, 500),
    ("deaf", 50, 200),
    ("reloads", 100, 500),
    ("tls", 100, 100),
    ("vanish", 50, 200),
];

/// How long a case may take.
const QUICK: Duration = Duration::from_secs(60);
const FULL: Duration = Duration::from_secs(600);

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let known = CASES.map(|(name, ..)| name);
    if let Some(unknown) = arguments.only.iter().find(|name| !known.contains(&name.as_str())) {
        anyhow::bail!("there is no case {unknown:?}; there are: {}", known.join(", "));
    }
    open_as_many_files_as_allowed()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut kept = true;
    for (name, quick, full) in CASES {
        if arguments.only.is_empty() || arguments.only.iter().any(|only| only == name) {
            let (count, longest) = if arguments.full { (full, FULL) } else { (quick, QUICK) };
            kept &= runtime.block_on(show(name, Scale { count }, longest));
        }
    }
    Ok(if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn run(name: &str, scale: Scale) -> anyhow::Result<Vec<Row>> {
    match name {
        "crowd" => cases::crowd(scale).await,
        "swarm" => cases::swarm(scale).await,
        "churn" => cases::churn(scale).await,
        "guess" => cases::guess(scale).await,
        "names" => cases::names(scale).await,
        "deaf" => cases::deaf(scale).await,
        "reloads" => cases::reloads(scale).await,
        "tls" => cases::tls(scale).await,
        "vanish" => cases::vanish(scale).await,
        _ => cases::storm(scale).await,
    }
}

/// Runs a case and prints its lines. False: a target is missed.
async fn show(name: &str, scale: Scale, longest: Duration) -> bool {
    let began = Instant::now();
    let running = timeout(longest, Box::pin(run(name, scale))).await;
    let in_time = running.with_context(|| format!("not done after {} s", longest.as_secs()));
    let rows = match in_time.and_then(|rows| rows) {
        Ok(rows) => rows,
        Err(error) => {
            println!("{name:<8} failed: {error:#}");
            return false;
        }
    };
    println!("{name:<8} {:.0} s", began.elapsed().as_secs_f64());
    for Row { what, measured, target, kept } in &rows {
        println!("  {what:<44} {measured:>14}   {target:<14} {}", if *kept { "" } else { "MISSED" });
    }
    rows.iter().all(|row| row.kept)
}

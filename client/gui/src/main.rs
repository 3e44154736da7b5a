//! `sotto`: the desktop client.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use sotto_gui::{Args, run};

fn main() -> ExitCode {
    let args = Args::parse();
    let filter = std::env::var("RUST_LOG").is_ok();
    if filter {
        tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    }
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "sotto: {error:#}");
            ExitCode::FAILURE
        }
    }
}

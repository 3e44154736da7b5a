//! `sotto-certs`: mints a Sotto server's identity, renews its TLS certificate, shows both.

mod cli;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use crate::cli::Cli;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(report) => {
            // Whoever closed the pipe has read enough; the work is done either way.
            let _ = io::stdout().write_all(report.as_bytes());
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "sotto-certs: {:#}", anyhow::Error::from(error));
            ExitCode::FAILURE
        }
    }
}

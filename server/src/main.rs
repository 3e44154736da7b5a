//! The server's command line: arguments, logging, signals, exit code.

mod cli;
mod commands;
mod logging;
mod memory;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use cli::Cli;
use commands::{Outcome, failed, print};
use sotto_server::Config;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.text() {
        Some(text) => print(&text),
        None => cli.config().map_err(|sentence| (ExitCode::from(2), anyhow::Error::msg(sentence))).and_then(
            |config| match cli.command {
                Some(command) => commands::run(command, &config),
                None => serve(config),
            },
        ),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, error)) => {
            let _ = writeln!(std::io::stderr(), "sotto-server: {error:#}");
            code
        }
    }
}

fn serve(config: Config) -> Outcome {
    let _logging = logging::start(config.log, config.log_format);
    cli::leave_no_core();
    cli::open_as_many_files_as_allowed();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cli::worker_threads())
        .event_interval(cli::TURN)
        .enable_all()
        .build()
        .map_err(failed)?;
    runtime.block_on(async {
        // Asked for before anything is opened: a signal during start-up is not lost.
        let signals = cli::Signals::listen().map_err(failed)?;
        let hang_ups = cli::HangUps::listen().map_err(failed)?;
        let bound = sotto_server::open(config).await.map_err(failed)?;
        print(&bound.ready_line().map_err(failed)?)?;
        tokio::spawn(memory::keep_giving_back());
        tokio::spawn(hang_ups.reload(bound.reload()));
        bound.run(signals.stop()).await.map_err(failed)
    })
}

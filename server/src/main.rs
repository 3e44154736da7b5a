//! The server's command line: arguments, logging, signals, exit code.

mod cli;
mod logging;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use cli::{Cli, Command};
use sotto_server::Config;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.text() {
        Some(text) => print(&text),
        None => cli.config().map_err(|sentence| (ExitCode::from(2), anyhow::Error::msg(sentence))).and_then(
            |config| match cli.command {
                Some(Command::Invite { new }) => invite(&config, new),
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

type Outcome = Result<(), (ExitCode, anyhow::Error)>;

fn failed(error: impl Into<anyhow::Error>) -> (ExitCode, anyhow::Error) {
    (ExitCode::FAILURE, error.into())
}

fn print(text: &str) -> Outcome {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{text}").and_then(|()| stdout.flush()).map_err(failed)
}

fn invite(config: &Config, new: bool) -> Outcome {
    if new {
        sotto_server::replace_invite(config).map_err(failed)?;
    }
    print(&sotto_server::link_of(config).map_err(failed)?.to_string())
}

fn serve(config: Config) -> Outcome {
    let _logging = logging::start(config.log, config.log_format);
    cli::open_as_many_files_as_allowed();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(failed)?;
    runtime.block_on(async {
        // Asked for before anything is opened: a signal during start-up is not lost.
        let signals = cli::Signals::listen().map_err(failed)?;
        let bound = sotto_server::open(config).await.map_err(failed)?;
        print(&bound.ready_line().map_err(failed)?)?;
        bound.run(signals.stop()).await.map_err(failed)
    })
}
